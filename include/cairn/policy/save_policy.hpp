// SPDX-License-Identifier: MIT
#pragma once
// The concept every policy meets, and what a checkpoint asks of a policy. Costs <concepts>.

#include <cairn/policy/answer.hpp>
#include <cairn/policy/at.hpp>
#include <cairn/policy/detail/chance.hpp>
#include <cairn/policy/direction.hpp>

#include <concepts>
#include <string_view>
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
concept SavePolicy = requires(const P policy, const At<detail::AnyRow>& at) {
    { policy.decide(at) } -> std::same_as<Answer>;
    P(policy);  // a copy; the concept of that name would cost every `|` milliseconds
};

/// A policy that remembers something between rows.
template <class P>
concept StatefulPolicy = SavePolicy<P> && requires(P policy, const At<detail::AnyRow>& at) {
    { policy.settle(at, Outcome::saved) } -> std::same_as<void>;
};

/// On what beside a step a policy wants to be asked: when there are no more rows, after a signal, when an
/// exception leaves a guarded loop. A policy says so with `constexpr Wants wants() const noexcept`.
struct Wants {
    /// `checkpoint.finish()` was called; a signal came; an exception flies.
    bool end = false, signal = false, failure = false;

    /// What either wants.
    friend constexpr Wants operator|(Wants a, Wants b) noexcept {
        return {a.end || b.end, a.signal || b.signal, a.failure || b.failure};
    }
};

namespace detail {

/// What the policy wants beside steps, as its function `wants()` says; nothing if it has none.
template <class P>
[[nodiscard]] constexpr Wants wants_of(const P& policy) noexcept {
    if constexpr (requires {
                      { policy.wants() } -> std::same_as<Wants>;
                  }) {
        return policy.wants();
    } else {
        return {};
    }
}

/// The metric that makes this row an error for the policy, as its function `rejected(at)` says; empty if none
/// does.
template <class P, class R>
[[nodiscard]] constexpr std::string_view rejected_by(const P& policy, const At<R>& at) {
    if constexpr (requires {
                      { policy.rejected(at) } -> std::same_as<std::string_view>;
                  }) {
        return policy.rejected(at);
    } else if constexpr (requires { nan_to_tell(policy.watch(), at); }) {
        return nan_to_tell(policy.watch(), at);
    } else {
        return {};
    }
}

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

// Never defined: its name is the compiler's message.
template <class A, class B>
struct a_retention_and_a_policy_cannot_be_joined;

/// Says why these two cannot be joined. A retention is told by its name here: this layer of it comes later.
template <class A, class B>
constexpr void explain_operands() noexcept {
    if constexpr (requires { &A::mark; } || requires { &B::mark; }) {
        (void)sizeof(a_retention_and_a_policy_cannot_be_joined<A, B>);
    } else {
        explain_policy<A>();
        explain_policy<B>();
    }
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
[[gnu::always_inline]] constexpr void settle(P& policy, const At<R>& at, Outcome outcome) {
    if constexpr (StatefulPolicy<P>) {
        policy.settle(at, outcome);
    } else if constexpr (HasMemberSettle<P>) {  // it would never be called
        (void)sizeof(this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void<P>);
    }
}

/// Whether a policy counts rows, and whether it has heard of any: a resumed run tells it of those before.
struct RowsHeard {
    bool counts = false, any = false;

    [[nodiscard]] constexpr bool is_fresh() const noexcept { return counts && !any; }
    friend constexpr RowsHeard operator|(RowsHeard a, RowsHeard b) noexcept {
        return {a.counts || b.counts, a.any || b.any};
    }
};
template <class P>
[[nodiscard]] constexpr RowsHeard rows_heard_by(const P& policy) noexcept {
    if constexpr (requires { policy.rows_heard(); }) {
        return policy.rows_heard();
    } else {
        return {};
    }
}

/// A metric that is watched and which way it is better, as far as a running program knows it.
struct Watched {
    std::string_view metric{};  ///< empty: none is
    Direction direction = Direction::unspecified;

    [[nodiscard]] constexpr bool any() const noexcept { return !metric.empty(); }
};

/// No policy of the composition watches a metric.
struct NoMonitor {};
/// A policy whose text says at run time what it watches, if anything.
struct AnyMonitor {};

template <class P>
struct monitor_of {
    using type = NoMonitor;
};
template <class P>
    requires requires { typename P::monitor; }
struct monitor_of<P> {
    using type = typename P::monitor;
};

/// What is composed of many only names them: to find the first out costs each `|` milliseconds.
template <class P>
    requires requires { typename P::monitors; }
struct monitor_of<P> {
    using type = typename P::monitors::type;
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
struct FirstMonitorOf : first_monitor<typename monitor_of<Ps>::type...> {};
template <class... Ps>
using monitor_of_any = typename FirstMonitorOf<Ps...>::type;

/// The same of policies that are there: what is parsed from text says only then what it watches.
template <class... Ps>
[[nodiscard]] constexpr Watched watched_by(const Ps&... policies) noexcept {
    Watched first;
    const auto look = [&](const auto& policy) {
        if constexpr (requires { policy.watched(); }) {
            if (!first.any()) first = policy.watched();
        } else if constexpr (requires { policy.watch().direction(); }) {
            if (!first.any()) first = {policy.watch().name(), policy.watch().direction()};
        }
    };
    (look(policies), ...);
    return first;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
