// SPDX-License-Identifier: MIT
// What logging costs inside a training: a step of a small network, then one row. Rounds with logging and
// without are measured in turn, on all cores and confined to one, which the collector then shares.

#if defined(__linux__)

#include "measuring.hpp"
#include "network.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <vector>

#include <sched.h>

using namespace bench;
using namespace cairn::literals;

namespace {

/// This thread, and those that it will start, on the core where it is now.
class OneCore {
  public:
    OneCore() {
        CPU_ZERO(&before_);
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~OneCore() { ::sched_setaffinity(0, sizeof before_, &before_); }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;

  private:
    cpu_set_t before_;
};

void compare(benchmark::State& state) {
    constexpr int pairs = 15, steps = 1500;  // many and short: what slows a machine lasts longer than a pair
    const auto network = std::make_unique<Network>();
    Recording recording;
    const auto logged = [&] {
        return play(*network, steps,
                    [&](int i, float loss) { recording.run().log(cairn::step(i), "loss"_m = loss); });
    };
    const auto plain = [&] {
        return play(*network, steps, [](int, float loss) { benchmark::DoNotOptimize(loss); });
    };
    for (auto _ : state) {
        std::vector<double> more, more_processor, row, step;
        for (int pair = 0; pair < pairs; ++pair) {
            Round with, without;
            if (pair % 2 == 0) {  // in turn, so that a machine that becomes slower or faster hits both
                with = logged(), without = plain();
            } else {
                without = plain(), with = logged();
            }
            more.push_back(100 * (with.seconds / without.seconds - 1));
            more_processor.push_back(100 * (with.processor_seconds / without.processor_seconds - 1));
            row.push_back(with.row_ns - without.row_ns);
            step.push_back(without.seconds);
        }
        state.counters["more"] = quantile(more, 0.5);
        state.counters["more_processor"] = quantile(more_processor, 0.5);
        state.counters["row"] = quantile(row, 0.5);
        state.SetIterationTime(quantile(step, 0.5));
    }
}
void training_step(benchmark::State& state) { compare(state); }
void training_step_one_core(benchmark::State& state) {
    const OneCore confined;
    compare(state);
}

}  // namespace

BENCHMARK(training_step)->UseManualTime()->Iterations(1)->Unit(benchmark::kMicrosecond);
BENCHMARK(training_step_one_core)->UseManualTime()->Iterations(1)->Unit(benchmark::kMicrosecond);

#endif
