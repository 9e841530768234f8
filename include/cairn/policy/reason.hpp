// SPDX-License-Identifier: MIT
#pragma once
// Why a policy answered as it did: what every policy of ours computes instead of a bare answer, so that
// deciding and explaining are one piece of code. Costs nothing beyond the concept.

#include <cairn/policy/save_policy.hpp>

#include <concepts>

namespace CAIRN_NAMESPACE {

/// The rule behind an answer. `value` and `reference` of a `Reason` are what the rule compared.
enum class Rule : unsigned char {
    custom,         ///< a policy of the user's own: only its answer is known
    never,          ///< it saves by no rule
    due,            ///< the count (value) is a multiple of the period (reference), or a listed step
    crossed,        ///< a multiple of the period (reference) was passed since the look before
    not_due,        ///< neither
    first_value,    ///< nothing with this metric was saved before
    better,         ///< than the reference, by enough
    tie,            ///< as good as the reference
    worse,          ///< not better than the reference, or not by enough
    below,          ///< the value is below the limit (reference)
    not_below,      ///< it is not
    missing,        ///< the metric is not in the row
    nan,            ///< the metric is not a number
    in_window,      ///< the step (value) is on the right side of the bound (reference)
    before_window,  ///< the step is before it
    after_window,   ///< the step is at or past it
    spent,          ///< as often as it may (reference) it has saved
    elapsed,        ///< so many seconds (value) went by, of so many (reference)
    too_soon,       ///< fewer than that
    in_budget,      ///< saving took so many percent (value) of the time, of so many (reference)
    over_budget,    ///< more than that
    happened,       ///< the event it waits for
    has_not_happened,
};

/// One policy's answer, and why.
struct Reason {
    Answer answer = Answer::no;
    Rule rule = Rule::custom;
    double value = 0;
    double reference = 0;
};

namespace detail {

/// A policy that says why.
template <class P>
concept Reasoned = requires(const P& policy, const At<AnyRow>& at) {
    { policy.reason(at) } -> std::same_as<Reason>;
};
/// A policy made of others: it passes on the reasons of those that decided.
template <class P>
concept Composed = requires(const P& policy, const At<AnyRow>& at) {
    policy.explain(at, [](const auto&, const Reason&) {});
};

/// Calls `tell(leaf, reason)` for each of the policies inside `policy` that decided its answer.
template <SavePolicy P, class R, class Tell>
constexpr void explain(const P& policy, const At<R>& at, Tell&& tell) {
    if constexpr (Composed<P>) {
        policy.explain(at, tell);
    } else if constexpr (Reasoned<P>) {
        tell(policy, policy.reason(at));
    } else {
        tell(policy, Reason{policy.decide(at), Rule::custom, 0, 0});
    }
}

/// What a reading that is no number makes unknown.
[[nodiscard]] constexpr Reason unknown(Reading::Kind kind) noexcept {
    return kind == Reading::Kind::missing ? Reason{Answer::missing, Rule::missing, 0, 0}
                                          : Reason{Answer::nan, Rule::nan, 0, 0};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
