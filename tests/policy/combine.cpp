// SPDX-License-Identifier: MIT
#include <cairn/policy/combine.hpp>

#include <cairn/policy/policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace combine_test {

using cairn::All;
using cairn::Answer;
using cairn::Any;
using cairn::AtSteps;
using cairn::Best;
using cairn::EveryN;
using cairn::minimize;
using cairn::Not;
using cairn::Outcome;
using cairn_test::Asked;
using cairn_test::Counting;
using cairn_test::pick;
using cairn_test::row_at;
using cairn_test::same_truth;
using cairn_test::saved_steps;
using cairn_test::Says;
using cairn_test::steps;
using cairn::operator|;  // two policies of the tests' own namespace
using cairn::operator&;
using cairn::operator!;
using namespace cairn::literals;

namespace {

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("composed policies save at the union, the intersection and the rest", "[policy][combine]") {
    CHECK(saved_steps(EveryN<4>{} | EveryN<6>{}, steps(0, 13)) == Steps{0, 4, 6, 8, 12});
    CHECK(saved_steps(EveryN<4>{} & EveryN<6>{}, steps(0, 13)) == Steps{0, 12});
    CHECK(saved_steps(!EveryN<4>{}, steps(0, 6)) == Steps{1, 2, 3, 5});
    CHECK(saved_steps(EveryN<4>{} & !AtSteps<0, 8>{}, steps(0, 13)) == Steps{4, 12});
    CHECK(saved_steps(!!EveryN<4>{}, steps(0, 6)) == Steps{0, 4});
    CHECK(saved_steps(Not{Not{EveryN<4>{}}}, steps(0, 6)) == Steps{0, 4});
    CHECK(saved_steps(Not{Not{Not{EveryN<4>{}}}}, steps(0, 6)) == Steps{1, 2, 3, 5});
}

TEST_CASE("a policy may stand twice in a composition, and with its own negation", "[policy][combine]") {
    const auto all = steps(0, 7);
    CHECK(saved_steps(EveryN<3>{} | !EveryN<3>{}, all) == all);
    CHECK(saved_steps(EveryN<3>{} & !EveryN<3>{}, all).empty());
    CHECK(saved_steps(EveryN<3>{} | (EveryN<3>{} & EveryN<2>{}), all) == Steps{0, 3, 6});
    CHECK(saved_steps(EveryN<3>{} & (EveryN<3>{} | EveryN<2>{}), all) == Steps{0, 3, 6});
    CHECK(saved_steps(AtSteps<3>{} | !AtSteps<3>{}, all) == all);
    CHECK(saved_steps(AtSteps<3>{} | (AtSteps<3>{} & EveryN<2>{}) | AtSteps<3>{}, all) == Steps{3});
    CHECK(saved_steps((EveryN<2>{} & !EveryN<3>{}) | ((!EveryN<2>{}) & EveryN<3>{}), all) == Steps{2, 3, 4});
}

TEST_CASE("a composition with NoBestSave is the other policy, or nothing", "[policy][combine]") {
    CHECK(saved_steps(cairn::NoBestSave{} | EveryN<3>{}, steps(0, 7)) == Steps{0, 3, 6});
    CHECK(saved_steps(EveryN<3>{} & cairn::NoBestSave{}, steps(0, 7)).empty());
    CHECK(saved_steps(!cairn::NoBestSave{}, steps(0, 3)) == Steps{0, 1, 2});
}

TEST_CASE("a negated Best is silent on a missing value and on a NaN", "[policy][combine]") {
    const auto row = [](std::optional<double> value) { return cairn::row("v"_m = value); };
    Asked asked{!Best<"v", minimize>{}};
    CHECK(asked(row({})) == Answer::missing);
    CHECK(asked(row(cairn_test::NaN)) == Answer::nan);
    CHECK(asked(row(1.0)) == Answer::no);
}

TEST_CASE("an unknown child does not keep a yes from saving, and a no tells why", "[policy][combine]") {
    const auto row = cairn::row(cairn::step(500), "v"_m = std::optional<double>{});
    CHECK(Asked{Best<"v", minimize>{} | EveryN<500>{}}(row) == Answer::yes);
    CHECK(Asked{Best<"v", minimize>{} & EveryN<500>{}}(row) == Answer::missing);
    const auto between = cairn::row(cairn::step(501), "v"_m = std::optional<double>{});
    CHECK(Asked{Best<"v", minimize>{} | EveryN<500>{}}(between) == Answer::missing);
    CHECK(Asked{Best<"v", minimize>{} & EveryN<500>{}}(between) == Answer::no);
}

TEST_CASE("every child decides and settles on every row, whatever the others answer", "[policy][combine]") {
    for (const Answer first : cairn_test::answers) {
        for (const Answer second : cairn_test::answers) {
            Counting::Counts counts[6];
            const auto child = [&](std::size_t i, Answer says) { return Counting{&counts[i], says}; };
            Asked asked{(child(0, first) | child(1, second) | child(2, first)) &
                        ((!child(3, first)) | (child(4, second) & child(5, first)))};
            int saved = 0;
            for (int i = 0; i < 10; ++i) saved += asked(row_at(i)) == Answer::yes ? 1 : 0;
            for (const Counting::Counts& count : counts) {
                CHECK(count.asked == 10);
                CHECK(count.told == 10);
                CHECK(count.saved == saved);
            }
        }
    }
}

TEST_CASE("children of one type keep a state each", "[policy][combine]") {
    Asked asked{Any<EveryN<5>, EveryN<5>>{}};
    CHECK(asked(row_at(3)) == Answer::no);
    CHECK(asked(row_at(6)) == Answer::yes);
    Counting::Counts counts[2];
    Asked twice{Counting{&counts[0], Answer::yes} | Counting{&counts[1], Answer::no}};
    CHECK(twice(row_at(0)) == Answer::yes);
    CHECK(counts[0].asked == 1);
    CHECK(counts[1].asked == 1);
}

TEST_CASE("composing keeps the state that the operands have", "[policy][combine]") {
    Asked<Best<"v", minimize>> best;
    best(cairn::row("v"_m = 2.0));
    Asked joined{(best.policy | AtSteps<7>{}) | AtSteps<8>{}};
    CHECK(joined(cairn::row("v"_m = 3.0)) == Answer::no);
    CHECK(joined(cairn::row("v"_m = 1.0)) == Answer::yes);
    CHECK(Asked{!!best.policy}(cairn::row("v"_m = 3.0)) == Answer::no);
    CHECK(Asked{!best.policy}(cairn::row("v"_m = 3.0)) == Answer::yes);
}

TEST_CASE("children in a composition do not drift from the same policies on their own", "[policy][combine]") {
    using Lowest = Best<"v", minimize>;
    using Highest = Best<"w", cairn::maximize>;
    for (const std::uint32_t seed : cairn_test::seeds(200)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked asked{(Lowest{} & EveryN<3>{}) | ((!Highest{}) & !EveryN<2, "v">{}) |
                    (AtSteps<4, 9>{} & !Lowest{})};
        Asked<Lowest> lowest;
        Asked<Highest> highest;
        Asked<EveryN<3>> third;
        Asked<EveryN<2, "v">> second;
        std::int64_t step = 0;
        for (int i = 0; i < 60; ++i) {
            step += pick<std::int64_t>(random, 0, 7) == 0 ? -pick<std::int64_t>(random, 0, 9)
                                                          : pick<std::int64_t>(random, 1, 4);
            const auto value = [&]() -> std::optional<double> {
                const int kind = pick(random, 0, 9);
                if (kind == 0) return {};
                if (kind == 1) return cairn_test::NaN;
                return pick(random, -5, 5);
            };
            const auto row = cairn::row(cairn::Step{step}, "v"_m = value(), "w"_m = value());
            const cairn::At at{row};
            const Answer should = (lowest.policy.decide(at) & third.policy.decide(at)) |
                                  ((!highest.policy.decide(at)) & !second.policy.decide(at)) |
                                  (cairn::answer(step == 4 || step == 9) & !lowest.policy.decide(at));
            REQUIRE(asked.policy.decide(at) == should);
            const auto outcome = should == Answer::yes
                                     ? (pick(random, 0, 3) == 0 ? Outcome::failed : Outcome::saved)
                                 : pick(random, 0, 9) == 0 ? Outcome::restored
                                                           : Outcome::not_saved;
            asked.settle(row, outcome);
            lowest.settle(row, outcome);
            highest.settle(row, outcome);
            third.settle(row, outcome);
            second.settle(row, outcome);
        }
    }
}

TEST_CASE("twelve policies compose in one expression", "[policy][combine]") {
    const auto policy = EveryN<100>{} | EveryN<101>{} | EveryN<102>{} | EveryN<103>{} | AtSteps<1>{} |
                        AtSteps<2>{} | (Best<"v", minimize>{} & EveryN<7>{}) |
                        !((!AtSteps<3>{}) | AtSteps<5>{}) | cairn::OnFinish{} | cairn::Manual{};
    Asked asked{policy};
    Steps saved;
    for (std::int64_t step = 0; step < 110; ++step) {
        if (asked(cairn::row(cairn::Step{step}, "v"_m = -step)) == Answer::yes) saved.push_back(step);
    }
    CHECK(saved ==
          Steps{0, 1, 2, 3, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84, 91, 98, 100, 101, 102, 103, 105});
    CHECK(asked.finish(cairn::row(cairn::step(109), "v"_m = 0)) == Answer::yes);
}

namespace {

/// Two policies that a law says are one: they answer the same on random rows, whatever becomes of the rows.
template <class P, class Q>
void are_one(const char* law, const P& left, const Q& right) {
    for (const std::uint32_t seed : cairn_test::seeds(20)) {
        INFO(law << ", CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked one{left};
        Asked other{right};
        std::int64_t step = 0;
        for (int i = 0; i < 80; ++i) {
            step += pick<std::int64_t>(random, -1, 3);
            const int kind = pick(random, 0, 9);
            const auto row = cairn::row(cairn::Step{step}, "v"_m = kind == 0   ? std::optional<double>{}
                                                                   : kind == 1 ? cairn_test::NaN
                                                                               : pick(random, -9, 9));
            cairn::At at{row};
            at.time_ns = i * 1'000'000'000LL;
            at.seconds = i;
            at.final = pick(random, 0, 30) == 0;
            const Answer answer = one.policy.decide(at);
            REQUIRE(same_truth(answer, other.policy.decide(at)));
            const auto outcome = pick(random, 0, 3) == 0   ? Outcome::failed
                                 : answer == Answer::yes   ? Outcome::saved
                                 : pick(random, 0, 9) == 0 ? Outcome::saved
                                                           : Outcome::not_saved;
            cairn::detail::settle(one.policy, at, outcome);
            cairn::detail::settle(other.policy, at, outcome);
        }
    }
}

}  // namespace

TEST_CASE("the laws of the algebra hold for policies with state, on every row", "[policy][combine]") {
    const auto a = Best<"v", minimize>{};
    const auto b = EveryN<3>{};
    const auto c = cairn::TopK<2, "v", cairn::maximize>{} | cairn::OnFinish{};
    const auto d = cairn::at_most_every(std::chrono::seconds{5}, EveryN<2>{});
    are_one("or commutes", a | b, b | a);
    are_one("and commutes", a & c, c & a);
    are_one("or associates", (a | b) | d, a | (b | d));
    are_one("and associates", (a & b) & d, a & (b & d));
    are_one("or is idempotent", d | d, d);
    are_one("and is idempotent", c & c, c);
    are_one("never is the unit of or", cairn::NoBestSave{} | d, d);
    are_one("never is the zero of and", cairn::NoBestSave{} & c, cairn::NoBestSave{});
    are_one("not not", Not{Not{c}}, c);
    are_one("De Morgan, or", !(a | d), (!a) & !d);
    are_one("De Morgan, and", !(a & c), (!a) | !c);
    are_one("absorption, or", a | (a & b), a);
    are_one("absorption, and", d & (d | a), d);
    are_one("and distributes", a & (b | d), (a & b) | (a & d));
    are_one("or distributes", d | (a & c), (d | a) & (d | c));
    are_one("a window is an and", cairn::after(7, c), cairn::After<7>{} & c);
    are_one("after and until part", cairn::after(7, d) | cairn::until(7, d), d);
    are_one("once is first", cairn::once(d), cairn::first(1, d));
    are_one("Best is TopK<1>", a, cairn::TopK<1, "v", minimize>{});
    are_one("Best is Improves by nothing", a, cairn::Improves<"v", minimize>{0});
}

}  // namespace combine_test
