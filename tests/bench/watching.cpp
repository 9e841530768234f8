// SPDX-License-Identifier: MIT
// What a look at a model's weights takes: the histograms of ten million, beside reading them twice.
#include "measuring.hpp"

#include <cairn/run/detail/tensor_histogram.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace {

constexpr std::size_t tensors = 40, elements = 250'000;

const std::vector<std::vector<float>>& weights() {
    static const auto made = [] {
        std::mt19937 random{1};
        std::normal_distribution<float> normal{0, 0.02F};
        std::vector<std::vector<float>> all(tensors, std::vector<float>(elements));
        for (auto& one : all) std::generate(one.begin(), one.end(), [&] { return normal(random); });
        return all;
    }();
    return made;
}

void watch_10m(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
        for (const auto& one : weights()) {
            const auto bytes = std::as_bytes(std::span{one});
            benchmark::DoNotOptimize(
                cairn::detail::histogram_of({"weight", cairn::Dtype::F32, {one.size()}, bytes}, 64));
        }
    }
}
BENCHMARK(watch_10m)->Repetitions(15)->Unit(benchmark::kMillisecond);

void read_10m_twice(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
        for (int pass = 0; pass < 2; ++pass) {
            for (const auto& one : weights()) {
                std::uint32_t sum = 0;  // of their bits: what can be added as fast as it is read
                for (const float value : one) sum += std::bit_cast<std::uint32_t>(value);
                benchmark::DoNotOptimize(sum);
            }
        }
    }
}
BENCHMARK(read_10m_twice)->Repetitions(15)->Unit(benchmark::kMillisecond);

}  // namespace
