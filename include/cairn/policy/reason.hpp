// SPDX-License-Identifier: MIT
#pragma once
// Why a policy answered as it did: what every policy of ours computes instead of a bare answer, so that
// deciding and explaining are one piece of code. Costs nothing beyond the concept.

#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <cstddef>

namespace CAIRN_NAMESPACE {

/// The rule behind an answer. `value` and `reference` of a `Reason` are what the rule compared.
enum class Rule : unsigned char {
    custom,            ///< a policy of the user's own: only its answer is known
    never,             ///< it saves by no rule
    due,               ///< the count (value) is a multiple of the period (reference), or a listed step
    crossed,           ///< a multiple of the period (reference) was passed since the look before
    not_due,           ///< neither
    first_value,       ///< nothing with this metric was saved before
    better,            ///< than the reference, by enough
    tie,               ///< as good as the reference
    worse,             ///< not better than the reference, or not by enough
    below,             ///< the value is below the limit (reference)
    not_below,         ///< it is not
    missing,           ///< the metric is not in the row
    nan,               ///< the metric is not a number
    in_window,         ///< the step (value) is on the right side of the bound (reference)
    before_window,     ///< the step is before it
    after_window,      ///< the step is at or past it
    spent,             ///< as often as it may (reference) it has saved
    elapsed,           ///< so many seconds (value) went by, of so many (reference)
    too_soon,          ///< fewer than that
    in_budget,         ///< saving took so many percent (value) of the time, of so many (reference)
    over_budget,       ///< more than that
    happened,          ///< the event it waits for
    has_not_happened,  ///< not yet
    waiting,           ///< so many rows (value) were no better, of so many (reference)
    out_of_patience,   ///< as many as that
};

/// One policy's answer, and why.
struct Reason {
    Answer answer = Answer::no;  ///< what it decided
    Rule rule = Rule::custom;    ///< why
    double value = 0;            ///< what it looked at; see `Rule`
    double reference = 0;        ///< what it compared that with; see `Rule`
};

/// Where a policy stands in a composition: its place among its sisters, that of what it stands in among its
/// own, and so on, outermost first, counted from 0. What is not composed has no place.
class Path {
  public:
    static constexpr std::size_t deepest = 15;  ///< places that are kept

    /// One place further in. Deeper than `deepest`, only the depth counts on.
    [[nodiscard]] constexpr Path then(std::size_t place) const noexcept {
        Path inner = *this;
        if (depth_ < deepest) inner.places_[depth_] = static_cast<unsigned char>(place < 255 ? place : 255);
        ++inner.depth_;
        return inner;
    }
    /// How deep it stands; 0 if it is not composed.
    [[nodiscard]] constexpr std::size_t depth() const noexcept { return depth_; }
    /// Requires `i < depth()` and `i < deepest`.
    [[nodiscard]] constexpr std::size_t operator[](std::size_t i) const noexcept { return places_[i]; }

  private:
    unsigned char depth_ = 0;
    unsigned char places_[deepest] = {};
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
    policy.explain(at, [](const auto&, const Reason&, Path) {}, Path{});
};

/// Calls `tell(leaf, reason, path)` for each of the policies inside `policy` that decided its answer.
template <SavePolicy P, class R, class Tell>
constexpr void explain(const P& policy, const At<R>& at, Tell&& tell, Path path = {}) {
    if constexpr (Composed<P>) {
        policy.explain(at, tell, path);
    } else if constexpr (Reasoned<P>) {
        tell(policy, policy.reason(at), path);
    } else {
        tell(policy, Reason{policy.decide(at), Rule::custom, 0, 0}, path);
    }
}

/// What a reading that is no number makes unknown.
[[nodiscard]] constexpr Reason unknown(Reading::Kind kind) noexcept {
    return kind == Reading::Kind::missing ? Reason{Answer::missing, Rule::missing, 0, 0}
                                          : Reason{Answer::nan, Rule::nan, 0, 0};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
