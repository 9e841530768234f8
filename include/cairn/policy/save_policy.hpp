// SPDX-License-Identifier: MIT
#pragma once
// The concept every policy meets, and the two calls a checkpoint makes. Costs <concepts>.

#include <cairn/policy/answer.hpp>
#include <cairn/policy/at.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// A small regular type that answers one question at one row: save now?
///
///     constexpr Answer decide(const auto& at) const;            // pure: the same At, the same answer
///     constexpr void settle(const auto& at, Outcome outcome);   // only if it has state
///
/// `decide` names its return type `Answer` (not `auto`). `settle` hears of **every** row, after all policies
/// that are composed with it have decided: whether a version was saved, whoever caused it. It need not be
/// assignable: a lambda that captures is not. Two policies of your own namespace are joined by `cairn::Any{a,
/// b}`, or by `a | b` after `using cairn::operator|;`.
template <class P>
concept SavePolicy = std::copy_constructible<P> && requires(const P policy, const At<detail::AnyRow>& at) {
    { policy.decide(at) } -> std::same_as<Answer>;
};

/// A policy that remembers something between rows.
template <class P>
concept StatefulPolicy = SavePolicy<P> && requires(P policy, const At<detail::AnyRow>& at) {
    { policy.settle(at, Outcome::saved) } -> std::same_as<void>;
};

namespace detail {

/// The policy wants to be asked when there are no more rows: it has `static constexpr bool saves_at_end =
/// true`.
template <class P>
inline constexpr bool saves_at_end = requires { requires P::saves_at_end; };

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at;
template <class P>
struct this_policys_decide_must_be_const;
template <class P, class Returned>
struct this_policys_decide_must_return_Answer_not;
template <class P>
struct this_policy_cannot_be_copied;
template <class P>
struct this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void;

/// Says, as one compile error, what `P` lacks to be a policy; nothing if it is one.
template <class P>
constexpr void explain_policy() noexcept {
    using Moment = const At<AnyRow>&;
    if constexpr (SavePolicy<P>) {
        return;
    } else if constexpr (requires(const P& policy, Moment at) { policy.decide(at); }) {
        using Returned = decltype(std::declval<const P&>().decide(std::declval<Moment>()));
        if constexpr (std::same_as<Returned, Answer>) {
            (void)sizeof(this_policy_cannot_be_copied<P>);
        } else {
            (void)sizeof(this_policys_decide_must_return_Answer_not<P, Returned>);
        }
    } else if constexpr (requires(P& policy, Moment at) { policy.decide(at); }) {
        (void)sizeof(this_policys_decide_must_be_const<P>);
    } else {
        (void)sizeof(this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at<P>);
    }
}

template <class A, class B>
concept OnlyOneIsAPolicy = (SavePolicy<A> != SavePolicy<B>);

template <class A, class B>
constexpr void explain_operands() noexcept {
    explain_policy<A>();
    explain_policy<B>();
}

// A second member called settle makes the name ambiguous, whatever the first one takes and whoever may call
// it.
struct Settler {
    void settle();
};
template <class P>
struct AlsoSettler : P, Settler {};
template <class P>
concept HasMemberSettle = std::is_class_v<P> && !std::is_final_v<P> && !requires { &AlsoSettler<P>::settle; };

template <SavePolicy P, class R>
constexpr void settle(P& policy, const At<R>& at, Outcome outcome) {
    if constexpr (StatefulPolicy<P>) {
        policy.settle(at, outcome);
    } else if constexpr (HasMemberSettle<P>) {  // it would never be called
        (void)sizeof(this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void<P>);
    }
}

/// No policy of the composition watches a metric.
struct NoMonitor {};

template <class P>
struct monitor_of {
    using type = NoMonitor;
};
template <class P>
    requires requires { typename P::monitor; }
struct monitor_of<P> {
    using type = typename P::monitor;
};

template <class... Monitors>
struct first_monitor {
    using type = NoMonitor;
};
template <class First, class... Rest>
struct first_monitor<First, Rest...> {
    using type = First;
};
template <class... Rest>
struct first_monitor<NoMonitor, Rest...> : first_monitor<Rest...> {};

/// The first metric that any of these policies or retentions watches, with its direction; or `NoMonitor`.
template <class... Ps>
using monitor_of_any = typename first_monitor<typename monitor_of<Ps>::type...>::type;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
