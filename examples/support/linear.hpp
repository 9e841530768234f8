// SPDX-License-Identifier: MIT
#pragma once
// What the numbered examples train: one linear layer from 10 inputs to 2 classes, cross entropy and true
// gradients, on random data with something to learn in it. Only `describe` is for cairn.

#include "adam.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace example {

inline constexpr std::size_t inputs = 10, classes = 2, batch_size = 32;

/// Weight and bias of the layer; it starts at zero. A gradient is one, too.
struct LinearModel {
    std::vector<float> weight = std::vector<float>(classes * inputs);
    std::vector<float> bias = std::vector<float>(classes);

    void describe(auto& fields) {
        fields("fc.weight", weight, {classes, inputs});
        fields("fc.bias", bias, {classes});
    }

    [[nodiscard]] std::array<std::span<float>, 2> tensors() { return {weight, bias}; }
    [[nodiscard]] std::array<std::span<const float>, 2> tensors() const { return {weight, bias}; }
};

struct Sample {
    std::array<float, inputs> x;
    std::size_t label;
    float margin;  ///< how far from the border between the classes: near it, labels are mostly noise
};

/// Random points, labelled by a hidden linear rule with noise. The same seed gives the same data.
[[nodiscard]] inline std::vector<Sample> make_data(std::size_t count = 1024, std::uint32_t seed = 42) {
    std::mt19937 random{seed};
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform;
    std::array<float, inputs> rule{};
    for (float& x : rule) x = normal(random);

    std::vector<Sample> data(count);
    for (Sample& sample : data) {
        float score = 0;
        for (std::size_t i = 0; i < inputs; ++i) {
            sample.x[i] = normal(random);
            score += rule[i] * sample.x[i];
        }
        sample.label = uniform(random) < 1 / (1 + std::exp(-score)) ? 1 : 0;
        sample.margin = std::abs(score);
    }
    return data;
}

/// The mean cross entropy of the model on some samples; with `gradient`, also its derivative by every
/// parameter.
[[nodiscard]] inline double loss_of(const LinearModel& model, std::span<const Sample> samples,
                                    LinearModel* gradient = nullptr) {
    if (gradient != nullptr) *gradient = {};
    const auto count = static_cast<double>(samples.size());
    double loss = 0;
    for (const Sample& sample : samples) {
        std::array<double, classes> score{};
        for (std::size_t c = 0; c < classes; ++c) {
            score[c] = model.bias[c];
            for (std::size_t i = 0; i < inputs; ++i) score[c] += model.weight[c * inputs + i] * sample.x[i];
        }
        // Softmax; the greatest score is taken out first, so that no exponential overflows.
        const double greatest = std::max(score[0], score[1]);
        const double total = std::exp(score[0] - greatest) + std::exp(score[1] - greatest);
        loss += (greatest + std::log(total) - score[sample.label]) / count;
        if (gradient == nullptr) continue;
        for (std::size_t c = 0; c < classes; ++c) {
            const double probability = std::exp(score[c] - greatest) / total;
            const auto slope = static_cast<float>((probability - (c == sample.label ? 1 : 0)) / count);
            gradient->bias[c] += slope;
            for (std::size_t i = 0; i < inputs; ++i) gradient->weight[c * inputs + i] += slope * sample.x[i];
        }
    }
    return loss;
}

/// The samples' consecutive batches of `batch_size`; the last one may be shorter.
[[nodiscard]] inline std::vector<std::span<const Sample>> batches_of(std::span<const Sample> samples) {
    std::vector<std::span<const Sample>> batches;
    for (; !samples.empty(); samples = samples.subspan(batches.back().size())) {
        batches.push_back(samples.first(std::min(batch_size, samples.size())));
    }
    return batches;
}

/// One batch forward, backward and one step of the optimiser; returns the batch's loss before it.
inline double train_one_batch(LinearModel& model, Adam& optimizer, std::span<const Sample> batch) {
    LinearModel gradient;
    const double loss = loss_of(model, batch, &gradient);
    optimizer.step(model, gradient);
    return loss;
}

/// One pass over the data; returns the mean loss of its batches.
inline double train_one_epoch(LinearModel& model, Adam& optimizer, std::span<const Sample> data) {
    const auto batches = batches_of(data);
    double loss = 0;
    for (const auto batch : batches) loss += train_one_batch(model, optimizer, batch);
    return loss / static_cast<double>(batches.size());
}

}  // namespace example
