// SPDX-License-Identifier: MIT
#pragma once
// Adam (Kingma and Ba, 2015) for any model that hands out its tensors: `model.tensors()` is a range of spans
// of floats, and a gradient is an object of the same type. Only `describe` is for cairn.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace example {

/// How many numbers the tensors of a model hold.
[[nodiscard]] std::size_t parameter_count(const auto& model) {
    std::size_t count = 0;
    for (const auto tensor : model.tensors()) count += tensor.size();
    return count;
}

/// The Euclidean norm of all tensors together: of a model's parameters, or of its gradient.
[[nodiscard]] double norm(const auto& model) {
    double squares = 0;
    for (const auto tensor : model.tensors()) {
        for (const auto x : tensor) squares += static_cast<double>(x) * static_cast<double>(x);
    }
    return std::sqrt(squares);
}

/// The Euclidean distance between the tensors of two models of a kind.
[[nodiscard]] double distance(const auto& a, const auto& b) {
    auto difference = a;
    for (std::size_t t = 0; t < a.tensors().size(); ++t) {
        for (std::size_t i = 0; i < a.tensors()[t].size(); ++i)
            difference.tensors()[t][i] -= b.tensors()[t][i];
    }
    return norm(difference);
}

/// Scales a gradient down to the norm `limit` if it is longer, and returns the norm it had.
double clip(auto& gradient, double limit) {
    const double before = norm(gradient);
    if (before > limit) {
        const auto factor = static_cast<float>(limit / before);
        for (const auto tensor : gradient.tensors()) {
            for (auto& x : tensor) x *= factor;
        }
    }
    return before;
}

/// The optimiser and its state, which is saved beside the model: without it training does not go on as it
/// was.
class Adam {
  public:
    float learning_rate;

    explicit Adam(const auto& model, float rate = 1e-3F)
        : learning_rate{rate}, mean_(parameter_count(model)), variance_(mean_.size()) {}

    /// Moves the model one step against the gradient.
    void step(auto& model, const auto& gradient) {
        constexpr float keep_mean = 0.9F, keep_variance = 0.999F, epsilon = 1e-8F;
        ++steps_;
        const auto count = static_cast<double>(steps_);
        // Both averages start at zero; this undoes the pull towards it.
        const double mean_scale = 1 / (1 - std::pow(0.9, count)),
                     variance_scale = 1 / (1 - std::pow(0.999, count));
        const auto rate = static_cast<float>(learning_rate * mean_scale);
        const auto root_scale = static_cast<float>(std::sqrt(variance_scale));

        const auto parameters = model.tensors();
        const auto slopes = gradient.tensors();
        std::size_t at = 0;
        for (std::size_t t = 0; t < parameters.size(); ++t) {
            for (std::size_t i = 0; i < parameters[t].size(); ++i, ++at) {
                const float slope = slopes[t][i];
                mean_[at] = keep_mean * mean_[at] + (1 - keep_mean) * slope;
                variance_[at] = keep_variance * variance_[at] + (1 - keep_variance) * slope * slope;
                parameters[t][i] -= rate * mean_[at] / (std::sqrt(variance_[at]) * root_scale + epsilon);
            }
        }
    }

    void describe(auto& fields) {
        fields("mean", mean_);
        fields("variance", variance_);
        fields("steps", steps_);
    }

  private:
    std::vector<float> mean_, variance_;  // of the gradient, moving averages
    std::int64_t steps_ = 0;
};

}  // namespace example
