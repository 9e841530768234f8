// SPDX-License-Identifier: MIT
// What a row costs the training thread: deciding, logging, skipping. Logging is timed in batches that fit
// into the ring; between them the collector drains it, off the clock. The floor is the same bytes with the
// same clock into a ring of the same size, and nothing else.

#include "measuring.hpp"

#include <cairn/cairn.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using namespace bench;
using namespace cairn::literals;

namespace {

void floor_1(benchmark::State& state) {
    Floor floor;
    in_batches(state, [&](int i) { floor.write<48>(i, 0.5); }, [] {});
}
void floor_4(benchmark::State& state) {
    Floor floor;
    in_batches(state, [&](int i) { floor.write<96>(i, 0.5); }, [] {});
}

void log_typed_1(benchmark::State& state) {
    Recording recording;
    recording.warm_up();
    in_batches(
        state, [&](int i) { recording.run().log(cairn::step(i), "loss"_m = 0.5); },
        [&] { recording.drain(); });
}
void log_typed_1_new_run(benchmark::State& state) {
    Recording recording;
    in_batches(
        state, [&](int i) { recording.run().log(cairn::step(i), "loss"_m = 0.5); },
        [&] { recording.drain(); });
}
void log_typed_4(benchmark::State& state) {
    Recording recording;
    recording.warm_up();
    in_batches(
        state,
        [&](int i) {
            recording.run().log(cairn::step(i), "loss"_m = 0.5, "lr"_m = 1e-3, "norm"_m = 2.0, "epoch"_m = i);
        },
        [&] { recording.drain(); });
}
void log_dynamic_2(benchmark::State& state) {
    Recording recording;
    recording.warm_up();
    in_batches(
        state, [&](int i) { recording.run().log({{"loss", 0.5}, {"epoch", i}}, {.step = i}); },
        [&] { recording.drain(); });
}

/// What the mean of a batch hides. The first call after a pause finds cold caches and is told by itself: how
/// many of them are among the others is only a matter of the batch's length.
template <class F, class G>
void one_by_one(benchmark::State& state, F&& one, G&& rest) {
    Calls first, others;
    for (auto _ : state) {
        for (int i = 0; i < batch; ++i) (i == 0 ? first : others).time([&] { one(i); });
        rest();
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
        state.SetIterationTime(1e-9);  // not looked at: what counts is below
    }
    state.counters["empty"] = others.empty();
    state.counters["p50"] = others.at(0.5);
    state.counters["p99"] = others.at(0.99);
    state.counters["p999"] = others.at(0.999);
    state.counters["first"] = first.at(0.5);
}
void single_floor_1(benchmark::State& state) {
    Floor floor;
    one_by_one(state, [&](int i) { floor.write<48>(i, 0.5); }, [] {});
}
void single_floor_4(benchmark::State& state) {
    Floor floor;
    one_by_one(state, [&](int i) { floor.write<96>(i, 0.5); }, [] {});
}
void single_typed_1(benchmark::State& state) {
    Recording recording;
    recording.warm_up();
    one_by_one(
        state, [&](int i) { recording.run().log(cairn::step(i), "loss"_m = 0.5); },
        [&] { recording.drain(); });
}
void single_typed_4(benchmark::State& state) {
    Recording recording;
    recording.warm_up();
    one_by_one(
        state,
        [&](int i) {
            recording.run().log(cairn::step(i), "loss"_m = 0.5, "lr"_m = 1e-3, "norm"_m = 2.0, "epoch"_m = i);
        },
        [&] { recording.drain(); });
}

template <class Policy>
void decide(benchmark::State& state) {
    Policy policy;
    std::int64_t step = 0;
    double loss = 1;
    for (auto _ : state) {
        const auto row = cairn::row(cairn::step(step++), "loss"_m = loss);
        const cairn::At at{row};
        const cairn::Answer answer = policy.decide(at);
        policy.settle(at, answer == cairn::Answer::yes ? cairn::Outcome::saved : cairn::Outcome::not_saved);
        loss *= 0.999999;
        benchmark::DoNotOptimize(policy);
        benchmark::DoNotOptimize(loss);
    }
}
void policy_every_n(benchmark::State& state) { decide<cairn::EveryN<500>>(state); }
void policy_best(benchmark::State& state) { decide<cairn::Best<"loss", cairn::minimize>>(state); }
void policy_any(benchmark::State& state) {
    decide<cairn::Any<cairn::Best<"loss", cairn::minimize>, cairn::EveryN<500>>>(state);
}
void row_loop(benchmark::State& state) {
    std::int64_t step = 0;
    double loss = 1;
    for (auto _ : state) {
        auto row = cairn::row(cairn::step(step++), "loss"_m = loss);
        loss *= 0.999999;
        benchmark::DoNotOptimize(row);
        benchmark::DoNotOptimize(loss);
    }
}

struct Model {
    std::vector<float> weight = std::vector<float>(1 << 18);
    void describe(auto& fields) { fields("weight", weight); }
};

void save_1mib_memory(benchmark::State& state) {
    Recording recording;
    Model model;
    auto checkpoint =
        recording.run().checkpoint("model", cairn::Manual{}, cairn::Memory{}, cairn::KeepLast<1>{});
    for (auto _ : state)
        benchmark::DoNotOptimize(checkpoint.save(cairn::row("loss"_m = 0.5), cairn::part("m", model)));
}
void save_1mib_store(benchmark::State& state) {
    Recording recording;
    Model model;
    auto checkpoint = recording.run().checkpoint("model", cairn::Manual{}, cairn::KeepLast<1>{});
    for (auto _ : state) {
        model.weight[0] += 1;
        benchmark::DoNotOptimize(checkpoint.save(cairn::row("loss"_m = 0.5), cairn::part("m", model)).wait());
    }
}
void memcpy_1mib(benchmark::State& state) {
    const Model model;
    std::vector<float> copy(model.weight.size());
    for (auto _ : state) {
        std::memcpy(copy.data(), model.weight.data(), copy.size() * sizeof(float));
        benchmark::DoNotOptimize(copy.data());
        benchmark::ClobberMemory();
    }
}

}  // namespace

constexpr int often = 15;  // they feel most what else the machine does
BENCHMARK(floor_1)->UseManualTime()->Iterations(200)->Repetitions(often);
BENCHMARK(floor_4)->UseManualTime()->Iterations(200)->Repetitions(often);
BENCHMARK(log_typed_1)->UseManualTime()->Iterations(200)->Repetitions(often);
BENCHMARK(log_typed_1_new_run)->UseManualTime()->Iterations(200);
BENCHMARK(log_typed_4)->UseManualTime()->Iterations(200)->Repetitions(often);
BENCHMARK(log_dynamic_2)->UseManualTime()->Iterations(200)->Repetitions(often);
BENCHMARK(single_floor_1)->UseManualTime()->Iterations(200);
BENCHMARK(single_floor_4)->UseManualTime()->Iterations(200);
BENCHMARK(single_typed_1)->UseManualTime()->Iterations(200);
BENCHMARK(single_typed_4)->UseManualTime()->Iterations(200);
BENCHMARK(row_loop);
BENCHMARK(policy_every_n);
BENCHMARK(policy_best);
BENCHMARK(policy_any);
BENCHMARK(memcpy_1mib);
BENCHMARK(save_1mib_memory);
BENCHMARK(save_1mib_store);
