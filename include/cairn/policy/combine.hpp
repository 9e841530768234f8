// SPDX-License-Identifier: MIT
#pragma once
// The algebra: `|`, `&` and `!` on policies, and the types Any, All and Not behind them.

#include <cairn/policy/detail/around.hpp>
#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/reason.hpp>
#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Several policies side by side; each decides and settles on every row: no short circuit, no drift. A chain
/// is built around the one without its last member, so that `|` adds one type, however many members there
/// are; and an aggregate, since a constructor costs the compiler more than the type.
template <class Before, class P>
struct PolicyChain : Leaf<PolicyChain<Before, P>, 0, Before>, Leaf<PolicyChain<Before, P>, 1, P> {
    using First = Leaf<PolicyChain, 0, Before>;
    using Last = Leaf<PolicyChain, 1, P>;
    static constexpr std::size_t size = Before::size + 1;

    [[gnu::always_inline]] constexpr void settle(const auto& at, Outcome outcome) {
        First::get().settle(at, outcome);
        detail::settle(Last::get(), at, outcome);
    }

    [[nodiscard]] constexpr Wants wants() const noexcept { return before().wants() | wants_of(last()); }
    [[nodiscard]] constexpr Watched watched() const noexcept {
        const Watched first = before().watched();
        return first.any() ? first : watched_by(last());
    }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept {
        return before().rows_heard() | rows_heard_by(last());
    }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        const std::string_view first = before().rejected(at);
        return first.empty() ? rejected_by(last(), at) : first;
    }
    /// `first` joined with every member, in order, by `join`.
    [[gnu::always_inline]] constexpr auto joined_to(const auto& first, auto join) const {
        return join(before().joined_to(first, join), last());
    }
    /// Calls `f` with every member, in order.
    constexpr void for_each(auto&& f) const {
        before().for_each(f);
        f(last());
    }
    /// Those that answered as the whole did decided it.
    constexpr void explain_as(Answer whole, const auto& at, auto&& tell, Path path) const {
        before().explain_as(whole, at, tell, path);
        if (same_truth(last().decide(at), whole)) detail::explain(last(), at, tell, path.then(size - 1));
    }
    [[gnu::always_inline]] constexpr Answer decide_any(const auto& at) const {
        return before().decide_any(at) | last().decide(at);
    }
    [[gnu::always_inline]] constexpr Answer decide_all(const auto& at) const {
        return before().decide_all(at) & last().decide(at);
    }

  private:
    [[nodiscard, gnu::always_inline]] constexpr const Before& before() const noexcept { return First::get(); }
    [[nodiscard, gnu::always_inline]] constexpr const P& last() const noexcept { return Last::get(); }
};

/// The first of them. A constructor that converts, so that a chain begins with a policy as it goes on with a
/// chain.
template <class P>
struct PolicyChain<void, P> : Leaf<PolicyChain<void, P>, 0, P> {
    using Only = Leaf<PolicyChain, 0, P>;
    static constexpr std::size_t size = 1;

    PolicyChain() = default;
    [[gnu::always_inline]] constexpr PolicyChain(const P& only) : Only{only} {}

    [[gnu::always_inline]] constexpr void settle(const auto& at, Outcome outcome) {
        detail::settle(Only::get(), at, outcome);
    }
    [[nodiscard]] constexpr Wants wants() const noexcept { return wants_of(Only::get()); }
    [[nodiscard]] constexpr Watched watched() const noexcept { return watched_by(Only::get()); }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept { return rows_heard_by(Only::get()); }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        return rejected_by(Only::get(), at);
    }
    [[gnu::always_inline]] constexpr auto joined_to(const auto& first, auto join) const {
        return join(first, Only::get());
    }
    constexpr void for_each(auto&& f) const { f(Only::get()); }
    constexpr void explain_as(Answer whole, const auto& at, auto&& tell, Path path) const {
        if (same_truth(Only::get().decide(at), whole)) detail::explain(Only::get(), at, tell, path.then(0));
    }
    [[gnu::always_inline]] constexpr Answer decide_any(const auto& at) const {
        return Only::get().decide(at);
    }
    [[gnu::always_inline]] constexpr Answer decide_all(const auto& at) const {
        return Only::get().decide(at);
    }
};

template <class Chain, class... Ps>
struct chain_of {
    using type = Chain;
};
template <class Chain, class P, class... Ps>
struct chain_of<Chain, P, Ps...> : chain_of<PolicyChain<Chain, P>, Ps...> {};
template <class... Ps>
using ChainOf = typename chain_of<void, Ps...>::type;

/// For those who join: an `Any` is made of a chain, but not an `All` of an `Any`, which is one.
struct OfMembers {};

/// `chain`, and these after it.
template <class Chain>
[[nodiscard]] constexpr Chain extended(const Chain& chain) {
    return chain;
}
template <class Chain, class P, class... Ps>
[[nodiscard]] constexpr auto extended(const Chain& chain, const P& next, const Ps&... rest) {
    return extended(PolicyChain<Chain, P>{{chain}, {next}}, rest...);
}
template <class P, class... Ps>
[[nodiscard]] constexpr ChainOf<P, Ps...> chained(const P& first, const Ps&... rest) {
    return extended(PolicyChain<void, P>(first), rest...);
}

}  // namespace detail

/// Saves when any of these policies would: `A{} | B{}`. Unknown only if none says yes and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class Any : public detail::ChainOf<Ps...> {
  public:
    using Members = detail::ChainOf<Ps...>;
    using monitors = detail::FirstMonitorOf<Ps...>;
    static constexpr detail::Chance chance = (detail::chance_of<Ps>() | ...);

    Any() = default;
    /// `cairn::Any{a, b}`: the same as `a | b`.
    constexpr explicit Any(const Ps&... policies) : Members(detail::chained(policies...)) {}
    [[gnu::always_inline]] constexpr Any(detail::OfMembers, const Members& members) : Members(members) {}

    [[gnu::always_inline]] constexpr Answer decide(const auto& at) const { return this->decide_any(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        this->explain_as(decide(at), at, tell, path);
    }
};

/// Saves when all of these policies would: `A{} & B{}`. Unknown only if none says no and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class All : public detail::ChainOf<Ps...> {
  public:
    using Members = detail::ChainOf<Ps...>;
    using monitors = detail::FirstMonitorOf<Ps...>;
    static constexpr detail::Chance chance = (detail::chance_of<Ps>() & ...);

    All() = default;
    /// `cairn::All{a, b}`: the same as `a & b`.
    constexpr explicit All(const Ps&... policies) : Members(detail::chained(policies...)) {}
    [[gnu::always_inline]] constexpr All(detail::OfMembers, const Members& members) : Members(members) {}

    [[gnu::always_inline]] constexpr Answer decide(const auto& at) const { return this->decide_all(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        this->explain_as(decide(at), at, tell, path);
    }
};

/// Saves when the policy would not: `!A{}`. Unknown stays unknown, so `!Best` never fires on a missing value.
template <SavePolicy P>
class Not : public detail::Around<Not<P>, P> {
  public:
    static constexpr detail::Chance chance{};

    Not() = default;
    /// `cairn::Not{a}`: the same as `!a`.
    constexpr explicit Not(const P& policy) : detail::Around<Not, P>(policy) {}
    constexpr Answer decide(const auto& at) const { return !this->inner().decide(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        detail::explain(this->inner(), at, tell, path.then(0));
    }
    constexpr void settle(const auto& at, Outcome outcome) { this->settle_inner(at, outcome); }
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

/// `A`, or its members if it is a `Pack`, and then `B`.
template <template <class...> class Pack, class A, class B>
struct Joined {
    using type = Pack<A, B>;
    using Members = PolicyChain<PolicyChain<void, A>, B>;
};
template <template <class...> class Pack, class... As, class B>
struct Joined<Pack, Pack<As...>, B> {
    using type = Pack<As..., B>;
    using Members = PolicyChain<typename Pack<As...>::Members, B>;
};

template <class P>
concept Never = std::same_as<P, NoBestSave>;

/// Two policies that are the same one: `P | P` is then `P`.
template <class A, class B>
concept SamePure = std::same_as<A, B> && std::is_empty_v<A>;

}  // namespace detail

/// `a` or `b`: `Any<A, B>`. Laws that hold as identities of types: `NoBestSave | P` is `P`, `P | P` is `P`
/// for a policy without state, and `(a | b) | c` is `Any<A, B, C>`, as is `a | (b | c)`.
template <SavePolicy A, SavePolicy B>
[[nodiscard, gnu::always_inline]] constexpr auto operator|(const A& a, const B& b) {
    if constexpr (detail::Never<A>) {
        return b;
    } else if constexpr (detail::Never<B> || detail::SamePure<A, B>) {
        return a;
    } else if constexpr (detail::is_pack<Any, B>) {
        return b.joined_to(
            a, [](const auto& before, const auto& member) { return cairn::operator|(before, member); });
    } else {
        using Whole = detail::Joined<Any, A, B>;
        return typename Whole::type(detail::OfMembers{}, typename Whole::Members{{a}, {b}});
    }
}

/// `a` and `b`: `All<A, B>`. `NoBestSave & P` is `NoBestSave`, and the other operand is not looked at.
template <SavePolicy A, SavePolicy B>
[[nodiscard, gnu::always_inline]] constexpr auto operator&(const A& a, const B& b) {
    if constexpr (detail::Never<A> || detail::Never<B>) {
        return NoBestSave{};
    } else if constexpr (detail::SamePure<A, B>) {
        return a;
    } else if constexpr (detail::is_pack<All, B>) {
        return b.joined_to(
            a, [](const auto& before, const auto& member) { return cairn::operator&(before, member); });
    } else {
        using Whole = detail::Joined<All, A, B>;
        return typename Whole::type(detail::OfMembers{}, typename Whole::Members{{a}, {b}});
    }
}

/// One operand is a policy and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator|(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}
/// The same for `&`.
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator&(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}

/// Not `p`: `Not<P>`; `!!p` is `p`.
template <SavePolicy P>
[[nodiscard, gnu::always_inline]] constexpr auto operator!(const P& p) {
    if constexpr (detail::is_not<P>) {
        return p.inner();
    } else {
        return Not<P>(p);
    }
}

}  // namespace CAIRN_NAMESPACE
