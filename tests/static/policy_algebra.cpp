// SPDX-License-Identifier: MIT
// The laws of the algebra, as identities of types where they can be, and what compositions weigh.
#include <cairn/policy/policy.hpp>

#include "policy/asked.hpp"

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace {

using namespace cairn;

static_assert(cairn_test::first_broken_law_of_answers() == nullptr);
static_assert(cairn_test::first_broken_law_of_policies() == nullptr);

using Lowest = Best<"val/loss", minimize>;
using A = AtSteps<1>;
using B = AtSteps<2>;
using C = AtSteps<3>;
using State = EveryN<2>;

constexpr auto even = [](const auto& at) { return at.step % 2 == 0; };
using Even = std::remove_const_t<decltype(Predicate{even})>;

template <class T, class... Operands>
constexpr bool is = (std::same_as<T, Operands> && ...);

// What is joined is none of its members: given for one, or named as one, it would lose the others.
template <class From, class To>
constexpr bool becomes = std::is_convertible_v<From, To> || std::is_constructible_v<To, From>;
static_assert(!becomes<Any<State, A>, State> && !becomes<All<State, A>, State> &&
              !becomes<Any<State>, State>);
static_assert(!becomes<Any<State, A>, Any<State, A, B>> && !becomes<Any<State, A>, All<State, A>>);
static_assert(!becomes<Any<State, A>, Once<State>> && !becomes<Any<State, A>, Not<State>>);
template <class T>
constexpr bool has_a_period = requires(T policy) { policy.period(); };
static_assert(has_a_period<State> && !has_a_period<Any<State>> && !has_a_period<All<State, A>>);
static_assert(
    !std::is_default_constructible_v<Any<Predicate<decltype([x = 1](const auto&) { return x > 0; })>, A>>);

// Identities of types.
static_assert(is<decltype(A{} | B{}), Any<A, B>>);
static_assert(is<decltype(A{} & B{}), All<A, B>>);
static_assert(is<decltype(!A{}), Not<A>>);
static_assert(is<Any<A, B, C>, decltype((A{} | B{}) | C{}), decltype(A{} | (B{} | C{}))>);
static_assert(is<All<A, B, C>, decltype((A{} & B{}) & C{}), decltype(A{} & (B{} & C{}))>);
static_assert(is<Any<A, B, C, State>, decltype((A{} | B{}) | (C{} | State{}))>);
static_assert(is<decltype(A{} | (B{} & C{})), Any<A, All<B, C>>>);
static_assert(is<decltype((A{} | B{}) & C{}), All<Any<A, B>, C>>);
static_assert(is<decltype(!(A{} | B{})), Not<Any<A, B>>>);
static_assert(is<A, decltype(NoBestSave{} | A{}), decltype(A{} | NoBestSave{}), decltype(A{} | A{})>);
static_assert(is<A, decltype(A{} & A{}), decltype(!!A{})>);
static_assert(is<Any<A, B>, decltype((A{} | A{}) | B{}), decltype(A{} | (A{} | B{}))>);
static_assert(
    is<State, decltype(NoBestSave{} | State{}), decltype(State{} | NoBestSave{}), decltype(!!State{})>);
static_assert(is<NoBestSave, decltype(NoBestSave{} & State{}), decltype(State{} & NoBestSave{})>);
static_assert(is<NoBestSave, decltype(NoBestSave{} | NoBestSave{}), decltype(NoBestSave{} & NoBestSave{})>);
static_assert(is<decltype(State{} | State{}), Any<State, State>>);  // each keeps a state of its own
static_assert(is<decltype(Even{} | Even{}), Even>);
static_assert(is<decltype((A{} | B{}) | (A{} | B{})), Any<A, B>>);

// The types written out are the same ones, and Not{Not{p}} is no copy.
static_assert(is<decltype(Any{A{}, B{}}), Any<A, B>>);
static_assert(is<decltype(All{A{}, B{}, C{}}), All<A, B, C>>);
static_assert(is<decltype(Not{A{}}), Not<A>>);
static_assert(is<decltype(Not{Not{A{}}}), Not<Not<A>>>);
static_assert(is<decltype(Not{Not{Not{State{}}}}), Not<Not<Not<State>>>>);

// `|` of retentions.
static_assert(is<decltype(KeepLast<3>{} | KeepBest<1, "v", minimize>{}),
                 KeepEither<KeepLast<3>, KeepBest<1, "v", minimize>>>);
static_assert(is<KeepAll, decltype(KeepAll{} | KeepLast<3>{}), decltype(KeepLast<3>{} | KeepAll{})>);
static_assert(is<KeepLast<3>, decltype(KeepLast<3>{} | KeepLast<3>{})>);

// What composes without state is empty.
template <class... Ts>
constexpr bool are_empty = (std::is_empty_v<Ts> && ...);
static_assert(are_empty<NoBestSave, Manual, OnFinish, A, Even, decltype("loss"_m)>);
static_assert(are_empty<Any<A, B, C>, All<A, Even>, Not<A>, Not<Not<A>>, Any<A, All<A, B>, Not<A>>>);
static_assert(are_empty<KeepAll, KeepLast<3>, KeepBest<1, "v", minimize>>);
static_assert(are_empty<decltype(KeepLast<3>{} | KeepBest<1, "v", minimize>{})>);
static_assert(sizeof(Any<A, B, C>) == 1);
static_assert(sizeof(decltype(A{} | (Even{} & !B{}) | OnFinish{})) == 1);

// What composes with state is the sum of the states.
static_assert(sizeof(Lowest) == sizeof(double));
static_assert(sizeof(EveryN<500>) == 2 * sizeof(std::int64_t));
static_assert(sizeof(EveryN<2, "epoch">) == 2 * sizeof(std::int64_t));
static_assert(sizeof(Any<Lowest, EveryN<500>>) == sizeof(Lowest) + sizeof(EveryN<500>));
static_assert(sizeof(Any<Lowest, EveryN<500>, A, B, OnFinish>) == sizeof(Any<Lowest, EveryN<500>>));
static_assert(sizeof(Not<All<Lowest, A>>) == sizeof(Lowest));
static_assert(sizeof(Any<State, State, State>) == 3 * sizeof(State));
static_assert(sizeof(Any<All<Lowest, State>, Not<Lowest>>) == 2 * sizeof(Lowest) + sizeof(State));

static_assert(are_empty<After<3>, Until<5>, All<After<3>, A, Until<5>>, KeepEvery<10>>);
static_assert(sizeof(TopK<3, "v", minimize>) == 3 * sizeof(double));
static_assert(sizeof(Below<"v">) == sizeof(double));
static_assert(sizeof(Improves<"v", minimize>) == 2 * sizeof(double));  // the margin and the reference
static_assert(sizeof(Once<A>) == sizeof(std::int64_t));
static_assert(sizeof(Once<State>) == sizeof(std::int64_t) + sizeof(State));
static_assert(sizeof(decltype(after(3, Lowest{}))) == sizeof(std::int64_t) + sizeof(Lowest));
static_assert(sizeof(All<After<3>, Lowest>) == sizeof(Lowest));
static_assert(is<NoBestSave, decltype(after(3, NoBestSave{})), decltype(until(3, NoBestSave{}))>);

// All are policies and regular enough; those with state say so.
template <class... Ps>
constexpr bool are_policies = (SavePolicy<Ps> && ...);
static_assert(
    are_policies<NoBestSave, Manual, OnFinish, Lowest, State, A, Even, Any<A, Lowest>, All<Lowest>, Not<A>>);
static_assert(!SavePolicy<int> && !SavePolicy<KeepAll> && !SavePolicy<Answer> && !RetentionPolicy<A>);
static_assert(are_policies<After<3>, Until<3>, First<2, State>, Once<Lowest>, TopK<2, "v", maximize>,
                           Below<"v">, Improves<"v", minimize>, EveryDuration, AtMostEvery<State>, Budget>);
static_assert(StatefulPolicy<Lowest> && StatefulPolicy<State> && StatefulPolicy<Any<A, Lowest>>);
static_assert(!StatefulPolicy<NoBestSave> && !StatefulPolicy<A> && !StatefulPolicy<Even>);
static_assert(std::copyable<Any<Lowest, State, A>> &&
              std::is_default_constructible_v<Any<Lowest, State, Even>>);
static_assert(std::is_trivially_copyable_v<Any<Lowest, State, Not<A>>>);

// The metric that a composition watches is the first of its members'.
template <class P>
using watched = typename detail::monitor_of<P>::type;
static_assert(is<watched<decltype(State{} & Lowest{})>, detail::Monitor<MetricNamed<"val/loss">, minimize>>);
static_assert(is<watched<decltype(A{} | !Lowest{})>, watched<Lowest>>);
static_assert(
    is<watched<decltype(Best<"a", maximize>{} | Lowest{})>, detail::Monitor<MetricNamed<"a">, maximize>>);
static_assert(is<watched<decltype(KeepLast<1>{} | KeepBest<1, "v", minimize>{})>,
                 detail::Monitor<MetricNamed<"v">, minimize>>);
static_assert(is<watched<decltype(A{} | B{})>, detail::NoMonitor>);
struct Named : Any<Best<"a", maximize>, Lowest> {};
static_assert(is<watched<Named>, detail::Monitor<MetricNamed<"a">, maximize>>);
static_assert(is<watched<decltype(after(3, once(Lowest{})))>, watched<Lowest>>);

// What can never save, as far as the types tell.
template <class... Ps>
constexpr bool have_no_chance = (detail::chance_of<Ps>().is_none() && ...);
template <class... Ps>
constexpr bool have_a_chance = (!detail::chance_of<Ps>().is_none() && ...);
static_assert(
    have_no_chance<All<After<100>, Until<50>>, All<After<5>, Until<5>>, All<AtSteps<3, 9>, Until<3>>>);
static_assert(have_no_chance<All<AtSteps<3, 9>, After<10>>, All<State, OnFinish>, All<Lowest, OnFailure>>);
static_assert(have_no_chance<All<OnFinish, OnFailure>, First<2, All<After<2>, Lowest, Until<1>>>>);
static_assert(have_no_chance<Any<All<After<2>, Until<1>>, All<State, OnFinish>>>);
static_assert(
    have_a_chance<All<After<5>, Until<6>>, All<AtSteps<3, 9>, After<9>>, All<Lowest, OnSignal>, Even>);
static_assert(
    have_a_chance<Any<All<State, OnFinish>, State>, Not<All<State, OnFinish>>, All<After<3>, OnFinish>>);
static_assert(have_a_chance<All<Budget, OnFinish>, All<Even, OnFailure>, AtSteps<INT64_MAX>,
                            AtSteps<INT64_MIN>, State>);
static_assert(have_a_chance<decltype(after(100) & until(50))>);  // numbers that only a running program knows

}  // namespace
