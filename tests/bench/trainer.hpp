// SPDX-License-Identifier: MIT
#pragma once
// What a training pays for what goes on beside it: pairs of rounds, one with it and one without, in turn.

#include "measuring.hpp"
#include "network.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

/// A small training that logs, in a process of its own; it plays a round when it is asked to, and else stands
/// still with all that goes on beside it, which would take as much of another's round.
class Trainer {
  public:
    /// `beside(recording)` begins what goes on beside it: as long as what it gives lives.
    template <class F>
    Trainer(const char* store, F&& beside) {
        int asked[2], answered[2];
        if (::pipe(asked) != 0 || ::pipe(answered) != 0 || std::fflush(stdout) != 0) std::abort();
        process_ = ::fork();
        if (process_ == 0) {
            ::close(asked[1]);
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever aborts leaves none that stands still
            Recording recording{store};
            [[maybe_unused]] const auto goes_on = beside(recording);
            if (::write(answered[1], "!", 1) != 1) std::abort();
            train(recording, asked[0], answered[1]);
            std::_Exit(0);  // what still waits for an answer is not waited for
        }
        ::close(asked[0]);
        ::close(answered[1]);
        ask_ = asked[1];
        answer_ = answered[0];
        if (char begun; ::read(answer_, &begun, 1) != 1) std::abort();
        ::kill(process_, SIGSTOP);
    }
    /// One beside which nothing goes on.
    explicit Trainer(const char* store) : Trainer{store, [](Recording&) { return 0; }} {}
    ~Trainer() {
        ::close(ask_);
        ::close(answer_);
        ::kill(process_, SIGCONT);
        (void)::waitpid(process_, nullptr, 0);
    }
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    [[nodiscard]] Round play() const {
        Round round;
        ::kill(process_, SIGCONT);
        if (::write(ask_, "?", 1) != 1 || ::read(answer_, &round, sizeof round) != sizeof round) std::abort();
        ::kill(process_, SIGSTOP);
        return round;
    }

  private:
    static void train(Recording& recording, int ask, int answer) {
        using namespace cairn::literals;
        const auto network = std::make_unique<Network>();
        for (char asked; ::read(ask, &asked, 1) == 1;) {
            const Round round = bench::play(*network, 5000, [&](int step, float loss) {
                recording.run().log(cairn::step(step), "loss"_m = loss);
            });
            if (::write(answer, &round, sizeof round) != sizeof round) return;
        }
    }

    ::pid_t process_ = -1;
    int ask_ = -1, answer_ = -1;
};

/// How much more rounds take than plain ones, in percent, pair by pair.
struct Pairs {
    /// Both play a round.
    template <class F, class G>
    Pairs(F&& plain, G&& other) {
        for (int i = 0; i < 60; ++i) {
            const Round without = plain(), with = other();
            more.push_back(100 * (with.seconds / without.seconds - 1));
            more_processor.push_back(100 * (with.processor_seconds / without.processor_seconds - 1));
            more_row.push_back(100 * (with.row_ns / without.row_ns - 1));
        }
    }
    std::vector<double> more, more_processor, more_row;
};

}  // namespace bench
