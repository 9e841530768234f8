// SPDX-License-Identifier: MIT
// What users write with policies compiles: their own in a namespace of their own, at compile time, as
// members, as parameters, and as templates.
#include <cairn/policy/policy.hpp>

#include "policy/asked.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace training {

struct Warm {
    std::int64_t from = 100;
    constexpr cairn::Answer decide(const auto& at) const { return cairn::answer(at.step >= from); }
};
struct Last final {
    constexpr cairn::Answer decide(const auto& at) const { return cairn::answer(at.final); }
};
template <std::int64_t N>
struct Within {
    template <class R>
    constexpr cairn::Answer decide(const cairn::At<R>& at) const {
        return cairn::answer(at.step < N);
    }
};
struct WithItsOwnNames {  // members whose names the library uses too
    int get = 0, value = 0, value_ = 0, monitor_ = 0, apply = 0;
    using First = int;
    constexpr cairn::Answer decide(const auto&) const { return cairn::answer(get + apply == 0); }
};
class Derived : public Warm {};
struct Virtual {
    Virtual() = default;
    Virtual(const Virtual&) = default;
    virtual ~Virtual() = default;
    constexpr cairn::Answer decide(const auto& at) const { return cairn::answer(at.step == 7); }
};
/// Its own `|`, for what only it knows of, is not the library's.
struct Mask {
    unsigned bits = 1;
    constexpr cairn::Answer decide(const auto&) const { return cairn::answer(bits != 0); }
    friend constexpr unsigned operator|(const Mask& a, const Mask& b) { return a.bits | b.bits; }
};

/// A class template of the user's that takes a policy.
template <cairn::SavePolicy P = cairn::NoBestSave>
struct Loop {
    P policy{};
    constexpr int saves(int rows) {
        int out = 0;
        for (int i = 0; i < rows; ++i) {
            const auto row = cairn::row(cairn::step(i));
            const cairn::At at{row};
            const cairn::Answer answer = policy.decide(at);
            out += answer == cairn::Answer::yes ? 1 : 0;
            cairn::detail::settle(
                policy, at, answer == cairn::Answer::yes ? cairn::Outcome::saved : cairn::Outcome::not_saved);
        }
        return out;
    }
};
template <class P>
Loop(P) -> Loop<P>;

}  // namespace training

namespace {

using namespace cairn::literals;
using training::Last;
using training::Loop;
using training::Warm;
using training::Within;

static_assert(cairn::SavePolicy<Warm> && cairn::SavePolicy<Last> && cairn::SavePolicy<Within<3>>);
static_assert(cairn::SavePolicy<const Warm> && cairn::SavePolicy<training::Derived>);
static_assert(std::same_as<decltype(Warm{} | cairn::EveryN<2>{}), cairn::Any<Warm, cairn::EveryN<2>>>);
static_assert(std::same_as<decltype(cairn::EveryN<2>{} & Last{}), cairn::All<cairn::EveryN<2>, Last>>);

// In constant expressions.
static_assert(Loop<>{}.saves(10) == 0);
static_assert(Loop<cairn::EveryN<2>>{}.saves(5) == 3);
static_assert(Loop{cairn::EveryN<2>{} & Warm{3}}.saves(7) == 2);
static_assert(Loop{cairn::Any{Within<2>{}, Warm{5}}}.saves(7) == 4);
static_assert(Loop{cairn::Not{Within<2>{}}}.saves(7) == 5);
static_assert(Loop{cairn::Predicate{[](const auto& at) { return at.step % 3 == 0; }}}.saves(7) == 3);
static_assert(Loop{cairn::AtSteps<4>{} | training::WithItsOwnNames{} | cairn::AtSteps<5>{}}.saves(3) == 3);
static_assert(Loop{cairn::EveryN<2>{} | !cairn::EveryN<2>{}}.saves(5) == 5);
static_assert(Loop{(cairn::EveryN<2>{} & Warm{3}) | (cairn::EveryN<2>{} & Within<1>{})}.saves(7) == 3);

static_assert(std::same_as<decltype(cairn::EveryN<5>{} | training::Virtual{}),
                           cairn::Any<cairn::EveryN<5>, training::Virtual>>);
static_assert(std::same_as<decltype(training::Mask{} | cairn::Any<training::Mask, Last>{}),
                           cairn::Any<training::Mask, training::Mask, Last>>);

// Constants, and parameters of a function that joins them.
constexpr auto constant = cairn::EveryN<2>{} | Warm{5};
constexpr auto join(const cairn::SavePolicy auto& a, const cairn::SavePolicy auto& b) { return a | b; }
static_assert(Loop{constant}.saves(7) == 5);
static_assert(Loop{join(constant, cairn::AtSteps<1>{})}.saves(7) == 6);

// A lambda that captures can be copied and not assigned; that is enough.
constexpr auto every(int n) {
    return cairn::Predicate{[n](const auto& at) { return at.step % n == 0; }};
}
static_assert(cairn::SavePolicy<decltype(every(3))>);
static_assert(Loop{every(3) | cairn::AtSteps<1>{}}.saves(7) == 4);

// A function.
constexpr bool third(const cairn::At<decltype(cairn::row(cairn::Step{0}))>& at) { return at.step % 3 == 0; }
static_assert(Loop{cairn::Predicate{&third}}.saves(7) == 3);
static_assert(Loop{cairn::Predicate{third} | cairn::AtSteps<1>{}}.saves(7) == 4);

// Best at compile time.
constexpr int saves_of_best() {
    cairn_test::Asked asked{cairn::Best<"v", cairn::minimize>{} & !cairn::AtSteps<3>{}};
    int out = 0;
    const double values[] = {3, 2, 5, 1, 1.5, 1};
    for (int i = 0; i < 6; ++i) {
        out +=
            asked(cairn::row(cairn::step(i), "v"_m = std::optional{values[i]})) == cairn::Answer::yes ? 1 : 0;
    }
    return out;
}
static_assert(saves_of_best() == 4);  // 3, 2, not 1 at step 3, so 1.5, and then 1

}  // namespace
