// SPDX-License-Identifier: MIT
#pragma once
// What a policy is told when it is written: counts, metrics and directions, each known at compile time. The
// same policies take counterparts known at run time, where they are parsed from text (policy/parsed.hpp).

#include <cairn/policy/at.hpp>
#include <cairn/policy/direction.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>

namespace CAIRN_NAMESPACE {

/// What a value that equals the best one is.
enum class Ties : unsigned char { keep_first, keep_newest };
namespace ties {
inline constexpr Ties keep_first = Ties::keep_first;    ///< not better: the first of equals stays
inline constexpr Ties keep_newest = Ties::keep_newest;  ///< better: the newest of equals stays
}  // namespace ties

/// What a NaN is to a policy.
enum class Nans : unsigned char { unknown, error };
namespace nan {
inline constexpr Nans unknown = Nans::unknown;  ///< no number: the policy answers unknown
inline constexpr Nans error = Nans::error;      ///< the same, and the step tells it as a failure
}  // namespace nan

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

/// A metric that a policy reads.
template <MetricName Name, Nans N = Nans::unknown>
struct FixedMetric {
    using metric = Name;
    static constexpr std::string_view name() noexcept { return Name::name; }
    static constexpr Nans nans() noexcept { return N; }
    static constexpr Reading read(const auto& at) { return at.template reading<Name>(); }
};

// Never defined: its name is the compiler's message.
template <class Name>
struct this_needs_a_direction_minimize_or_maximize_after_the_metric;

/// A metric that is watched, and which way it is better.
template <MetricName Name, Direction D, Nans N = Nans::unknown>
struct Monitor : FixedMetric<Name, N> {
    static constexpr Direction direction() noexcept { return D; }
    static constexpr void check() noexcept {
        if constexpr (D == Direction::unspecified) {
            (void)sizeof(this_needs_a_direction_minimize_or_maximize_after_the_metric<Name>);
        }
    }
};

/// The metric's name where it is NaN and that is an error; else empty.
[[nodiscard]] constexpr std::string_view nan_to_tell(const auto& metric, const auto& at) {
    const bool is_error =
        metric.nans() == Nans::error && at.is_step() && metric.read(at).kind == Reading::Kind::nan;
    return is_error ? metric.name() : std::string_view{};
}

// Never defined: its name and argument are the compiler's message.
template <class T>
struct this_is_no_rule_for_a_policy_they_are_those_of_ties_and_of_nan;

/// The last rule of the kind of `otherwise` among those that were written, or else `otherwise`.
template <class Rule>
[[nodiscard]] consteval Rule rule_among(Rule otherwise) noexcept {
    return otherwise;
}
template <class Rule, class T, class... Rest>
[[nodiscard]] consteval Rule rule_among(Rule otherwise, T written, Rest... rest) noexcept {
    if constexpr (std::same_as<T, Rule>) {
        return rule_among(written, rest...);
    } else {
        // Said once, though it is looked for twice.
        if constexpr (std::same_as<Rule, Ties> && !std::same_as<T, Nans>)
            (void)sizeof(this_is_no_rule_for_a_policy_they_are_those_of_ties_and_of_nan<T>);
        return rule_among(otherwise, rest...);
    }
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
