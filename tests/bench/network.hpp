// SPDX-License-Identifier: MIT
#pragma once
// A small training, to measure what goes on beside it.

#include "measuring.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <random>

#include <time.h>

namespace bench {

/// 64-128-10, ReLU, softmax, plain gradient descent. At the beginning of a page: in two processes that are
/// compared its rows would else lie otherwise to the caches' lines, which a step feels by a tenth.
class alignas(4096) Network {
  public:
    static constexpr std::size_t inputs = 64, hidden = 128, classes = 10, samples = 32;

    Network() {
        std::mt19937 random{1};
        std::normal_distribution<float> gauss;
        for (auto& row : x_)
            for (float& value : row) value = gauss(random);
        for (auto& row : w1_)
            for (float& value : row) value = 0.1F * gauss(random);
        for (auto& row : w2_)
            for (float& value : row) value = 0.1F * gauss(random);
    }

    /// Returns the loss of the batch before the step.
    float step() {
        float loss = 0;
        g1_ = {};
        g2_ = {};
        for (std::size_t n = 0; n < samples; ++n) {
            Hidden h = {};
            for (std::size_t i = 0; i < inputs; ++i)
                for (std::size_t j = 0; j < hidden; ++j) h[j] += x_[n][i] * w1_[i][j];
            for (float& value : h) value = std::max(value, 0.0F);
            std::array<float, classes> o = {};
            for (std::size_t k = 0; k < classes; ++k) o[k] = dot(h, w2_[k]);
            const float most = *std::max_element(o.begin(), o.end());
            float sum = 0;
            for (float& value : o) sum += value = std::exp(value - most);
            const std::size_t label = n % classes;
            loss -= std::log(o[label] / sum);
            Hidden back = {};
            for (std::size_t k = 0; k < classes; ++k) {
                const float d = (o[k] / sum - (k == label ? 1.0F : 0.0F)) / samples;
                for (std::size_t j = 0; j < hidden; ++j) {
                    back[j] += d * w2_[k][j];
                    g2_[k][j] += d * h[j];
                }
            }
            for (std::size_t j = 0; j < hidden; ++j) back[j] = h[j] > 0 ? back[j] : 0.0F;
            for (std::size_t i = 0; i < inputs; ++i)
                for (std::size_t j = 0; j < hidden; ++j) g1_[i][j] += x_[n][i] * back[j];
        }
        for (std::size_t i = 0; i < inputs; ++i)
            for (std::size_t j = 0; j < hidden; ++j) w1_[i][j] -= rate * g1_[i][j];
        for (std::size_t k = 0; k < classes; ++k)
            for (std::size_t j = 0; j < hidden; ++j) w2_[k][j] -= rate * g2_[k][j];
        return loss / samples;
    }

  private:
    static constexpr float rate = 1e-4F;
    using Hidden = std::array<float, hidden>;
    static float dot(const Hidden& a, const Hidden& b) {
        std::array<float, 8> sums = {};  // else the order of the sum keeps the loop from being vectorised
        for (std::size_t j = 0; j < hidden; j += sums.size())
            for (std::size_t s = 0; s < sums.size(); ++s) sums[s] += a[j + s] * b[j + s];
        float sum = 0;
        for (const float part : sums) sum += part;
        return sum;
    }

    std::array<std::array<float, inputs>, samples> x_;
    std::array<Hidden, inputs> w1_, g1_;
    std::array<Hidden, classes> w2_, g2_;
};

inline double processor_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Round {
    double seconds = 0;            // of a step
    double processor_seconds = 0;  // the same of all threads: does not feel other processes
    double row_ns = 0;             // median of a call, which is nothing if there is no logging
};

/// So many steps, `log(step, loss)` after each.
template <class F>
Round play(Network& network, int steps, F&& log) {
    using namespace std::chrono_literals;
    // First until the collector is in its stride, or has fallen asleep after an earlier round.
    int step = 0;
    for (const auto begin = std::chrono::steady_clock::now();
         std::chrono::steady_clock::now() - begin < 350ms; ++step)
        log(step, network.step());
    Calls calls;
    const double used = processor_seconds();
    const auto begin = std::chrono::steady_clock::now();
    for (const int end = step + steps; step < end; ++step) {
        const float loss = network.step();
        calls.time([&] { log(step, loss); });
    }
    const double took = seconds_since(begin);
    return {took / steps, (processor_seconds() - used) / steps, calls.at(0.5)};
}

}  // namespace bench
