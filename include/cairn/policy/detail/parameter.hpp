// SPDX-License-Identifier: MIT
#pragma once
// What a policy is told when it is written: counts, metrics and directions, each known at compile time. The
// same policies take counterparts known at run time, where they are parsed from text (policy/parsed.hpp).

#include <cairn/policy/at.hpp>

#include <cstdint>
#include <string_view>

namespace CAIRN_NAMESPACE {

/// Which way a metric is better. It is always written, never guessed from the metric's name.
enum class Direction : unsigned char { unspecified, minimize, maximize };
inline constexpr Direction minimize = Direction::minimize;
inline constexpr Direction maximize = Direction::maximize;

/// Whether `a` is strictly better than `b`; false if either is NaN.
[[nodiscard]] constexpr bool is_better(Direction direction, double a, double b) noexcept {
    return direction == Direction::minimize ? a < b : a > b;
}

namespace detail {

template <std::int64_t N>
struct FixedCount {
    static constexpr bool is_fixed = true;
    static constexpr std::int64_t value = N;
};
/// A count that the program computes.
struct GivenCount {
    static constexpr bool is_fixed = false;
    std::int64_t value = 0;
};

/// Whether a count is no less than `least`, as far as the compiler knows it; others are looked at where they
/// are given.
template <class Count>
[[nodiscard]] constexpr bool is_at_least(std::int64_t least) noexcept {
    if constexpr (Count::is_fixed) {
        return Count::value >= least;
    } else {
        return true;
    }
}

template <MetricName Name>
struct FixedMetric {
    using metric = Name;
    static constexpr std::string_view name() noexcept { return Name::name; }
    static constexpr Reading read(const auto& at) { return at.template reading<Name>(); }
};

// Never defined: its name is the compiler's message.
template <class Name>
struct this_needs_a_direction_minimize_or_maximize_after_the_metric;

/// A metric that is watched, and which way it is better.
template <MetricName Name, Direction D>
struct Monitor : FixedMetric<Name> {
    static constexpr Direction direction() noexcept { return D; }
    static constexpr void check() noexcept {
        if constexpr (D == Direction::unspecified) {
            (void)sizeof(this_needs_a_direction_minimize_or_maximize_after_the_metric<Name>);
        }
    }
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
