// SPDX-License-Identifier: MIT
#pragma once
// Windows for any policy: only from a step on, only up to a step, only so often.

#include <cairn/policy/combine.hpp>
#include <cairn/policy/detail/around.hpp>
#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/detail/parameter.hpp>
#include <cairn/policy/reason.hpp>

#include <concepts>
#include <cstdint>

namespace CAIRN_NAMESPACE {

namespace detail {

/// A count that the program computes; a negative one is 0.
template <std::integral Integer>
[[nodiscard]] constexpr GivenCount given_count(Integer n) noexcept {
    return {n < Integer{0} ? std::int64_t{0} : static_cast<std::int64_t>(n)};
}

}  // namespace detail

/// The type behind `After` and `Until`.
template <class Count, bool From>
class StepBound : detail::Leaf<StepBound<Count, From>, 0, Count> {
    using Bound = detail::Leaf<StepBound, 0, Count>;

  public:
    static constexpr detail::Chance chance = [] {
        detail::Chance inside;
        if constexpr (Count::is_fixed) (From ? inside.first : inside.last) = Count::value - (From ? 0 : 1);
        return inside;
    }();

    constexpr StepBound() = default;
    /// With the bound as a value, for `after` and `until`.
    constexpr explicit StepBound(const Count& bound) : Bound{bound} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const bool inside = (at.step >= bound()) == From;
        const Rule rule = inside ? Rule::in_window : From ? Rule::before_window : Rule::after_window;
        return {answer(inside), rule, static_cast<double>(at.step), static_cast<double>(bound())};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }

    /// The `n`.
    [[nodiscard]] constexpr std::int64_t bound() const noexcept { return Bound::get().value; }

  private:
    static_assert(detail::is_at_least<Count>(0), "cairn: After<n> and Until<n> need an n of 0 or more");
};

/// Yes from step `n` on: `After<100>{} & Best<"loss", minimize>{}`, which `after(100, Best<…>{})` is too. The
/// policy that it is joined with hears of every row, and since references are to what was *saved*, a lucky
/// spike before step `n` spoils nothing. Step 0: `After<1>` leaves it out. Resume, steps that go back: it
/// remembers nothing.
template <std::int64_t n>
using After = StepBound<detail::FixedCount<n>, true>;

/// Yes before step `n`: the rest of `After<n>`.
template <std::int64_t n>
using Until = StepBound<detail::FixedCount<n>, false>;

/// `policy` from step `n` on; `after(n)` is the condition alone.
template <std::integral Integer>
[[nodiscard]] constexpr auto after(Integer n) noexcept {
    return StepBound<detail::GivenCount, true>{detail::given_count(n)};
}
/// The same as `after(n) & policy`.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto after(Integer n, const P& policy) {
    return after(n) & policy;
}

/// `policy` before step `n`; `until(n)` is the condition alone.
template <std::integral Integer>
[[nodiscard]] constexpr auto until(Integer n) noexcept {
    return StepBound<detail::GivenCount, false>{detail::given_count(n)};
}
/// The same as `until(n) & policy`.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto until(Integer n, const P& policy) {
    return until(n) & policy;
}

/// The type behind `First`.
template <class Count, SavePolicy P>
class FirstOf : public detail::Around<FirstOf<Count, P>, P>, detail::Leaf<FirstOf<Count, P>, 1, Count> {
    using Limit = detail::Leaf<FirstOf, 1, Count>;
    using Inside = detail::Around<FirstOf, P>;

  public:
    constexpr FirstOf() = default;
    /// For `Once` and `First<k, P>`: `Once<P>{policy}`.
    constexpr explicit FirstOf(const P& policy) : Inside(policy) {}
    /// With the count as a value, for `first`.
    constexpr FirstOf(const Count& limit, const P& policy) : Inside(policy), Limit{limit} {}

    [[nodiscard]] constexpr Answer decide(const auto& at) const {
        return spent_ < limit() ? this->inner().decide(at) : Answer::no;
    }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        if (spent_ < limit()) {
            detail::explain(this->inner(), at, tell, path.then(0));
        } else {
            tell(*this,
                 Reason{Answer::no, Rule::spent, static_cast<double>(spent_), static_cast<double>(limit())},
                 path);
        }
    }
    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::saved && decide(at) == Answer::yes) ++spent_;
        this->settle_inner(at, outcome);
    }

    /// The `k`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }

  private:
    std::int64_t spent_ = 0;

    static_assert(detail::is_at_least<Count>(1),
                  "cairn: First<k, P> needs a k of 1 or more; to save nothing use NoBestSave");
};

/// Lets a policy save `k` times and then no more: `First<3, Best<"loss", minimize>>`, or `first(3, …)`.
/// Counted are the versions that were saved at a row where `P` itself said yes; a save that failed is not, so
/// it may try again. Step 0: as `P`. Resume: the count is rebuilt from what was saved. Steps that go back: no
/// difference.
template <std::int64_t k, SavePolicy P>
using First = FirstOf<detail::FixedCount<k>, P>;

/// Lets a policy save once: `Once<Below<…>>` as a type, `once(Below<"val/loss">{0.1})` as a value.
template <SavePolicy P>
using Once = First<1, P>;

/// Lets `policy` save `k` times: see `First`. A `k` below 1 saves nothing.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto first(Integer k, const P& policy) {
    if constexpr (SavePolicy<P>) {
        return FirstOf<detail::GivenCount, P>{detail::given_count(k), policy};
    } else {
        detail::explain_policy<P>();
        return NoBestSave{};
    }
}
/// Lets `policy` save once.
template <class P>
[[nodiscard]] constexpr auto once(const P& policy) {
    if constexpr (SavePolicy<P>) {
        return Once<P>(policy);
    } else {
        detail::explain_policy<P>();
        return NoBestSave{};
    }
}

}  // namespace CAIRN_NAMESPACE
