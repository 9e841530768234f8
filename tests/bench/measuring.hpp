// SPDX-License-Identifier: MIT
#pragma once
// What the benchmarks share: a run that is drained off the clock, the floor, and how calls are paced.

#include <cairn/cairn.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace bench {

/// Calls in a row: they fit into the ring, and into a peer's queue.
inline constexpr int batch = 200;

/// In the folder that we run in.
inline std::filesystem::path folder(const char* name) { return std::filesystem::current_path() / name; }

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
}

/// A folder in memory where there is one: the processor is to be measured, and not a disk.
inline std::filesystem::path memory_folder() {
    return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::current_path();
}
/// How many seconds a call takes.
template <class F>
double timed(F&& f) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    return seconds_since(begin);
}

/// The value below which `part` of them lie.
template <class T>
T quantile(std::vector<T> values, double part) {
    const auto at =
        std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
    return values[at];
}

/// Losses as a training has them, 17 digits each: what writes text has no easy number.
inline double loss(int i) {
    static const auto losses = [] {
        std::array<double, 256> made{};
        std::mt19937_64 random{1};
        std::uniform_real_distribution<double> uniform{0.05, 2.35};
        for (double& value : made) value = uniform(random);
        return made;
    }();
    return losses[static_cast<std::size_t>(i) % losses.size()];
}

/// Times `batch` calls of `one(i)` and reports one of them; `rest()` runs off the clock. Then all sleep as
/// long: the first call of a batch finds cold caches, which is felt in the mean, and the floor must feel it
/// too.
template <class State, class F, class G>
void in_batches(State& state, F&& one, G&& rest) {
    for (auto _ : state) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < batch; ++i) one(i);
        state.SetIterationTime(seconds_since(begin) / batch);
        rest();
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
}

/// A clock that is fine enough for one call, where the processor has one: the system's may tick in tens of
/// ns.
inline std::int64_t ticks() {
#if defined(__x86_64__)
    _mm_lfence();  // what came before is done, what comes after has not begun
    const auto now = static_cast<std::int64_t>(__rdtsc());
    _mm_lfence();
    return now;
#else
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
#endif
}

inline double ns_per_tick() {
    static const double ns = [] {
        const auto begin = std::chrono::steady_clock::now();
        const std::int64_t from = ticks();
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
        return 1e9 * seconds_since(begin) / static_cast<double>(ticks() - from);
    }();
    return ns;
}

/// Single calls, each less the median of timing nothing just before it, in ns.
class Calls {
  public:
    template <class F>
    void time(F&& one) {
        const std::int64_t before = ticks();
        const std::int64_t begin = ticks();
        one();
        const std::int64_t end = ticks();
        nothing_.push_back(begin - before);
        took_.push_back(end - begin);
    }
    [[nodiscard]] double empty() const { return ns_per_tick() * middle(nothing_, 0.5); }
    [[nodiscard]] double at(double part) const { return ns_per_tick() * middle(took_, part) - empty(); }

  private:
    /// The step of a clock that is coarse (10 ns in some virtual machines), in ticks: values come in
    /// clusters, each as far from the one before. 1 of any other.
    static std::int64_t step_of(const std::vector<std::int64_t>& sorted) {
        std::vector<std::int64_t> clusters;
        for (std::size_t i = 3; i < sorted.size() && clusters.size() < 3; ++i) {
            if (sorted[i] - sorted[i - 3] > 1) continue;  // no cluster: one of a few by chance
            if (clusters.empty() || sorted[i] - clusters.back() > 2) clusters.push_back(sorted[i]);
        }
        if (clusters.size() < 3) return 1;
        const std::int64_t first = clusters[1] - clusters[0], second = clusters[2] - clusters[1];
        return first > 4 && std::abs(first - second) <= 2 ? first : 1;
    }
    /// A quantile. What a coarse clock has rounded is taken as spread over its step.
    static double middle(std::vector<std::int64_t> values, double part) {
        std::sort(values.begin(), values.end());
        const auto rank =
            std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())));
        const std::int64_t step = step_of(values), half = step / 2;
        const auto first = std::lower_bound(values.begin(), values.end(), values[rank] - half);
        const auto last = std::upper_bound(values.begin(), values.end(), values[rank] + half);
        if (first == values.begin() && last == values.end()) return static_cast<double>(values[rank]);
        const double in = (static_cast<double>(rank) + 0.5 - static_cast<double>(first - values.begin())) /
                          static_cast<double>(last - first);
        return static_cast<double>(values[rank]) + (in - 0.5) * static_cast<double>(step);
    }

    std::vector<std::int64_t> nothing_, took_;
};

class Recording {
  public:
    explicit Recording(const char* name = "cairn-bench",
                       double system_seconds = cairn::Options{}.system_seconds)
        : dir_{folder(name)},
          run_{cairn::init(
              {.project = "bench", .dir = dir_, .system_seconds = system_seconds, .quiet = true})} {}
    ~Recording() {
        (void)run_.finish();
        std::filesystem::remove_all(dir_);
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    cairn::Run& run() { return run_; }
    /// Goes once around the calling thread's ring: a thread's first row makes it, and the next ones pay for
    /// the pages that they are first to touch. `log_typed_1_new_run` tells how much.
    void warm_up() {
        using namespace cairn::literals;
        for (std::size_t bytes = 0; bytes < cairn::detail::ring_file_bytes; bytes += least_row_bytes)
            run_.log("loss"_m = 0.5);
        drain();
    }
    [[nodiscard]] const std::filesystem::path& store() const { return dir_; }
    void drain() {
        for (cairn::Health health = run_.health(); health.rows_collected < health.rows_logged;
             health = run_.health()) {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }

  private:
    static constexpr std::size_t least_row_bytes =
        cairn::detail::row_header_bytes + cairn::detail::cell_bytes;
    std::filesystem::path dir_;
    cairn::Run run_;
};

struct Floor {
    static constexpr std::size_t capacity = 64 * 1024;
    std::vector<std::byte> memory = std::vector<std::byte>(2 * capacity);  // the last record may stand out
    std::atomic<std::uint64_t> head{0};

    template <std::size_t Bytes>
    void write(std::int64_t step, double value) {
        const std::int64_t time = cairn::detail::wall_ns();
        const std::uint64_t at = head.load(std::memory_order_relaxed);
        std::byte* const to = memory.data() + (at & (capacity - 1));
        std::memcpy(to, &step, sizeof step);
        std::memcpy(to + 8, &time, sizeof time);
        for (std::size_t i = 16; i < Bytes; i += sizeof value) std::memcpy(to + i, &value, sizeof value);
        head.store(at + Bytes, std::memory_order_release);
    }
};

}  // namespace bench
