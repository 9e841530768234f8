// SPDX-License-Identifier: MIT
#pragma once
// The algebra: `|`, `&` and `!` on policies, and the types Any, All and Not behind them.

#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/reason.hpp>
#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

template <class Indices, class... Ps>
class PolicyPack;

/// Several policies side by side; each decides and settles on every row: no short circuit, no drift.
template <std::size_t... I, class... Ps>
class PolicyPack<std::index_sequence<I...>, Ps...>
    : Leaf<PolicyPack<std::index_sequence<I...>, Ps...>, I, Ps>... {
    template <std::size_t Index, class P>
    using Member = Leaf<PolicyPack, Index, P>;

  public:
    using monitor = monitor_of_any<Ps...>;
    static constexpr bool saves_at_end = (detail::saves_at_end<Ps> || ...);

    PolicyPack() = default;
    constexpr explicit PolicyPack(Ps... policies) : Member<I, Ps>(std::move(policies))... {}

    constexpr void settle(const auto& at, Outcome outcome) {
        (detail::settle(static_cast<Member<I, Ps>&>(*this).get(), at, outcome), ...);
    }

    /// Calls `f` with every member.
    template <class F>
    constexpr auto apply(F&& f) const {
        return f(static_cast<const Member<I, Ps>&>(*this).get()...);
    }

  protected:
    /// Those that answered as the whole did decided it.
    constexpr void explain_as(Answer whole, const auto& at, auto&& tell) const {
        const auto member = [&](const auto& policy) {
            if (same_truth(policy.decide(at), whole)) detail::explain(policy, at, tell);
        };
        (member(static_cast<const Member<I, Ps>&>(*this).get()), ...);
    }
    constexpr Answer decide_any(const auto& at) const {
        return (static_cast<const Member<I, Ps>&>(*this).get().decide(at) | ...);
    }
    constexpr Answer decide_all(const auto& at) const {
        return (static_cast<const Member<I, Ps>&>(*this).get().decide(at) & ...);
    }
};

template <class... Ps>
using PolicyPackOf = PolicyPack<std::index_sequence_for<Ps...>, Ps...>;

}  // namespace detail

/// Saves when any of these policies would: `A{} | B{}`. Unknown only if none says yes and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class Any : public detail::PolicyPackOf<Ps...> {
  public:
    Any() = default;
    constexpr explicit Any(Ps... policies) : detail::PolicyPackOf<Ps...>{std::move(policies)...} {}
    constexpr Answer decide(const auto& at) const { return this->decide_any(at); }
    constexpr void explain(const auto& at, auto&& tell) const { this->explain_as(decide(at), at, tell); }
};

/// Saves when all of these policies would: `A{} & B{}`. Unknown only if none says no and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class All : public detail::PolicyPackOf<Ps...> {
  public:
    All() = default;
    constexpr explicit All(Ps... policies) : detail::PolicyPackOf<Ps...>{std::move(policies)...} {}
    constexpr Answer decide(const auto& at) const { return this->decide_all(at); }
    constexpr void explain(const auto& at, auto&& tell) const { this->explain_as(decide(at), at, tell); }
};

/// Saves when the policy would not: `!A{}`. Unknown stays unknown, so `!Best` never fires on a missing value.
template <SavePolicy P>
class Not : detail::Leaf<Not<P>, 0, P> {
    using Inner = detail::Leaf<Not, 0, P>;

  public:
    using monitor = typename detail::monitor_of<P>::type;
    static constexpr bool saves_at_end = detail::saves_at_end<P>;

    Not() = default;
    constexpr explicit Not(P policy) : Inner{std::move(policy)} {}
    constexpr Answer decide(const auto& at) const { return !get().decide(at); }
    constexpr void explain(const auto& at, auto&& tell) const { detail::explain(get(), at, tell); }
    constexpr void settle(const auto& at, Outcome outcome) { detail::settle(get(), at, outcome); }
    /// The policy that is negated.
    [[nodiscard]] constexpr const P& inner() const noexcept { return get(); }

  private:
    using Inner::get;
};

template <class... Ps>
Any(Ps...) -> Any<Ps...>;
template <class... Ps>
All(Ps...) -> All<Ps...>;
template <class P>
Not(P) -> Not<P>;
// Not{Not{p}} negates twice; without this it would be a copy.
template <SavePolicy P>
Not(Not<P>) -> Not<Not<P>>;

namespace detail {

template <template <class...> class Pack, class P>
inline constexpr bool is_pack = false;
template <template <class...> class Pack, class... Ps>
inline constexpr bool is_pack<Pack, Pack<Ps...>> = true;

template <class P>
inline constexpr bool is_not = false;
template <class P>
inline constexpr bool is_not<Not<P>> = true;

/// Calls `f` with the members of a `Pack`, or with the policy itself.
template <template <class...> class Pack, class P, class F>
constexpr auto apply_members(const P& policy, F&& f) {
    if constexpr (is_pack<Pack, P>) {
        return policy.apply(f);
    } else {
        return f(policy);
    }
}

/// A `Pack` of all members of both.
template <template <class...> class Pack, class A, class B>
constexpr auto join(const A& a, const B& b) {
    return apply_members<Pack>(a, [&]<class... As>(const As&... as) {
        return apply_members<Pack>(
            b, [&]<class... Bs>(const Bs&... bs) { return Pack<As..., Bs...>{as..., bs...}; });
    });
}

template <class P>
concept Never = std::same_as<P, NoBestSave>;

/// Two policies that are the same one: `P | P` is then `P`.
template <class A, class B>
concept SamePure = std::same_as<A, B> && std::is_empty_v<A>;

}  // namespace detail

/// `a` or `b`: `Any<A, B>`. Laws that hold as identities of types: `NoBestSave | P` is `P`, `P | P` is `P`
/// for a policy without state, and `(a | b) | c` is `Any<A, B, C>`, as is `a | (b | c)`.
template <SavePolicy A, SavePolicy B>
[[nodiscard]] constexpr auto operator|(A a, B b) {
    if constexpr (detail::Never<A>) {
        return b;
    } else if constexpr (detail::Never<B> || detail::SamePure<A, B>) {
        return a;
    } else {
        return detail::join<Any>(a, b);
    }
}

/// `a` and `b`: `All<A, B>`. `NoBestSave & P` is `NoBestSave`, and the other operand is not looked at.
template <SavePolicy A, SavePolicy B>
[[nodiscard]] constexpr auto operator&(A a, B b) {
    if constexpr (detail::Never<A> || detail::Never<B>) {
        return NoBestSave{};
    } else if constexpr (detail::SamePure<A, B>) {
        return a;
    } else {
        return detail::join<All>(a, b);
    }
}

/// One operand is a policy and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator|(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator&(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}

/// Not `p`: `Not<P>`; `!!p` is `p`.
template <SavePolicy P>
[[nodiscard]] constexpr auto operator!(P p) {
    if constexpr (detail::is_not<P>) {
        return p.inner();
    } else {
        return Not<P>{std::move(p)};
    }
}

}  // namespace CAIRN_NAMESPACE
