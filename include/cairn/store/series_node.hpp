// SPDX-License-Identifier: MIT
#pragma once
// What is kept of many values of one metric, so that a question about all of them need not look at each.

#include <cairn/core/number.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::int64_t ns_per_ms = 1'000'000;
/// The latest time that can be told in nanoseconds too; the earliest is as far from the epoch.
inline constexpr std::int64_t most_ms = std::numeric_limits<std::int64_t>::max() / ns_per_ms;

/// A stretch of a series, column by column: as many of each.
struct SeriesValues {
    std::span<const std::int64_t> steps{}, ms{};  ///< of the rows; milliseconds since the Unix epoch
    std::span<const double> numbers{};
};

/// Exact least, greatest and last finite value of a stretch of a series, and where it lies. Requires a value,
/// for what lies where.
struct SeriesNode {
    std::uint64_t finite = 0, nans = 0, infinities = 0;  ///< how many of each
    std::uint64_t restarts = 0;                          ///< how often the step repeated or went back
    std::int64_t first_step = 0, last_step = 0;
    std::int64_t min_step = 0, max_step = 0;
    std::int64_t min_ms = 0, max_ms = 0;  ///< since the Unix epoch
    double min = detail::not_a_number;
    double max = detail::not_a_number;
    double last = detail::not_a_number;  ///< in the order they were logged

    [[nodiscard]] std::uint64_t count() const noexcept { return finite + nans + infinities; }
    friend bool operator==(const SeriesNode&, const SeriesNode&) = default;

    // By reference: clang takes a double argument never to be NaN under -ffast-math.
    void add(std::int64_t step, std::int64_t ms, const double& value) noexcept {
        if (count() == 0) {
            first_step = min_step = max_step = step;
            min_ms = max_ms = ms;
        } else {
            restarts += step <= last_step ? 1U : 0U;
            min_step = std::min(min_step, step);
            max_step = std::max(max_step, step);
            min_ms = std::min(min_ms, ms);
            max_ms = std::max(max_ms, ms);
        }
        last_step = step;
        if (!is_finite(value)) {
            ++(is_nan(value) ? nans : infinities);
            return;
        }
        if (finite == 0 || value < min) min = value;
        if (finite == 0 || value > max) max = value;
        last = value;
        ++finite;
    }

    /// Adds those of a stretch from one number to another, column by column: a third of what one by one
    /// costs.
    void add(const SeriesValues& values, std::size_t from, std::size_t to) noexcept {
        if (to - from < 4) {
            for (; from != to; ++from) add(values.steps[from], values.ms[from], values.numbers[from]);
            return;
        }
        SeriesNode all;
        all.first_step = all.min_step = values.steps[from];
        all.last_step = all.max_step = values.steps[to - 1];
        all.min_ms = values.ms[from];
        all.max_ms = values.ms[to - 1];
        bool goes_back = false;  // then the ends are not the extremes
        for (std::size_t i = from + 1; i < to; ++i) {
            all.restarts += values.steps[i] <= values.steps[i - 1] ? 1U : 0U;
            goes_back |= values.ms[i] < values.ms[i - 1];
        }
        for (std::size_t i = from; (goes_back || all.restarts != 0) && i < to; ++i) {
            all.min_step = std::min(all.min_step, values.steps[i]);
            all.max_step = std::max(all.max_step, values.steps[i]);
            all.min_ms = std::min(all.min_ms, values.ms[i]);
            all.max_ms = std::max(all.max_ms, values.ms[i]);
        }
        double least = std::numeric_limits<double>::max(), greatest = std::numeric_limits<double>::lowest();
        std::size_t last_finite = to;
        for (std::size_t i = from; i < to; ++i) {
            const double& value = values.numbers[i];
            if (!is_finite(value)) {
                ++(is_nan(value) ? all.nans : all.infinities);
                continue;
            }
            least = value < least ? value : least;
            greatest = value > greatest ? value : greatest;
            last_finite = i;
        }
        all.finite = to - from - all.nans - all.infinities;
        if (all.finite != 0) all.min = least, all.max = greatest, all.last = values.numbers[last_finite];
        merge(all);
    }

    /// Takes in what follows it.
    void merge(const SeriesNode& next) noexcept {
        if (next.count() == 0) return;
        if (count() == 0) {
            *this = next;
            return;
        }
        restarts += next.restarts + (next.first_step <= last_step ? 1U : 0U);
        last_step = next.last_step;
        min_step = std::min(min_step, next.min_step);
        max_step = std::max(max_step, next.max_step);
        min_ms = std::min(min_ms, next.min_ms);
        max_ms = std::max(max_ms, next.max_ms);
        if (next.finite != 0) {
            if (finite == 0 || next.min < min) min = next.min;
            if (finite == 0 || next.max > max) max = next.max;
            last = next.last;
        }
        finite += next.finite;
        nans += next.nans;
        infinities += next.infinities;
    }
};

}  // namespace CAIRN_NAMESPACE::detail
