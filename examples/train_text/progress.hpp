// SPDX-License-Identifier: MIT
#pragma once
// Progress on one line of a terminal; elsewhere (a file, a pipe, CI) a line every few hundred steps.

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>

namespace train_text {

class Progress {
  public:
    explicit Progress(std::int64_t first, std::int64_t last) : first_{first}, last_{last} {}

    /// Seconds since the start.
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

    void show(std::int64_t step, double training, double validation) const {
        const bool end = step == last_;
        if (!end && step % (terminal_ ? 20 : 500) != 0) return;
        const double left =
            seconds() * static_cast<double>(last_ - step) / static_cast<double>(step - first_ + 1);
        std::printf("%sstep %lld of %lld   loss %.3f   validation %.3f   %3.0f s left %s",
                    terminal_ ? "\r" : "", static_cast<long long>(step), static_cast<long long>(last_),
                    training, validation, left, terminal_ && !end ? "" : "\n");
        std::fflush(stdout);
    }

  private:
    std::int64_t first_, last_;
    bool terminal_ = isatty(STDOUT_FILENO) == 1;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace train_text
