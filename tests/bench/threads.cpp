// SPDX-License-Identifier: MIT
// Several threads that log into one run at once. A thread's cost is its own processor time: with more threads
// than cores the clock on the wall would also measure who had to wait for a core.

#include "measuring.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <thread>
#include <vector>

#include <time.h>

using namespace bench;
using namespace cairn::literals;

namespace {

constexpr int rows =
    1000;  // in a row: longer than the threads need to have all begun; they fit into the ring

std::int64_t thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void log_typed_1(benchmark::State& state, int threads) {
    Recording recording;
    std::barrier begin{threads + 1}, end{threads + 1};
    std::atomic<std::int64_t> ready{0}, took{0};
    std::vector<std::thread> logging;
    for (int t = 0; t < threads; ++t) {
        logging.emplace_back([&] {
            recording.warm_up();
            for (std::int64_t round = 1; round <= static_cast<std::int64_t>(state.max_iterations); ++round) {
                begin.arrive_and_wait();
                // Who was woken first waits for the others, so that all log at once.
                for (++ready; ready.load() < round * threads;) std::this_thread::yield();
                const std::int64_t before = thread_ns();
                const std::int64_t from = thread_ns();
                for (int i = 0; i < rows; ++i) recording.run().log(cairn::step(i), "loss"_m = 0.5);
                took += (thread_ns() - from) - (from - before);
                end.arrive_and_wait();
            }
        });
    }
    for (auto _ : state) {
        took = 0;
        begin.arrive_and_wait();
        end.arrive_and_wait();
        state.SetIterationTime(static_cast<double>(took.load()) * 1e-9 / threads / rows);
        recording.drain();
    }
    for (std::thread& thread : logging) thread.join();
}
void log_typed_1_one_thread(benchmark::State& state) { log_typed_1(state, 1); }
void log_typed_1_two_threads(benchmark::State& state) { log_typed_1(state, 2); }
void log_typed_1_four_threads(benchmark::State& state) { log_typed_1(state, 4); }

}  // namespace

BENCHMARK(log_typed_1_one_thread)->UseManualTime()->Iterations(200);
BENCHMARK(log_typed_1_two_threads)->UseManualTime()->Iterations(200);
BENCHMARK(log_typed_1_four_threads)->UseManualTime()->Iterations(200);
