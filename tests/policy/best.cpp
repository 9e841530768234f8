// SPDX-License-Identifier: MIT
#include <cairn/policy/best.hpp>

#include <cairn/core/dynamic_row.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace best_test {

using cairn::Answer;
using cairn::Best;
using cairn::Direction;
using cairn::maximize;
using cairn::minimize;
using cairn::Outcome;
using cairn_test::Asked;
using cairn_test::inf;
using cairn_test::NaN;
using namespace cairn::literals;

namespace {

constexpr Answer no = Answer::no;
constexpr Answer yes = Answer::yes;
constexpr Answer not_a_number = Answer::nan;
constexpr Answer missing = Answer::missing;

using Maybe = std::optional<double>;

constexpr auto row(Maybe value, std::int64_t step = 0) {
    return cairn::row(cairn::Step{step}, "v"_m = value);
}

/// What `Best` answers on each of these values, each yes being saved.
template <Direction D>
std::vector<Answer> answers(const std::vector<Maybe>& values) {
    Asked<Best<"v", D>> asked;
    std::vector<Answer> out;
    for (const Maybe value : values) out.push_back(asked(row(value)));
    return out;
}

using Answers = std::vector<Answer>;

/// A validation loss that falls for 5000 steps and is then flat, with noise larger than what it still gains.
std::vector<double> noisy_loss(std::size_t count, std::uint32_t seed) {
    std::mt19937 random{seed};
    std::normal_distribution<double> noise{0, 0.3};
    std::vector<double> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back(2 * std::exp(-static_cast<double>(i) / 5000) + noise(random));
    return out;
}

}  // namespace

TEST_CASE("Best saves strict improvements on what was saved", "[policy][best]") {
    CHECK(answers<minimize>({3., 2., 2.5, 1., 1.5}) == Answers{yes, yes, no, yes, no});
    CHECK(answers<maximize>({3., 2., 4., 3.5, 5.}) == Answers{yes, no, yes, no, yes});
}

TEST_CASE("Best keeps the first of exact ties", "[policy][best]") {
    CHECK(answers<minimize>({1., 1., 1.}) == Answers{yes, no, no});
    CHECK(answers<maximize>({1., 1., 1.}) == Answers{yes, no, no});
}

TEST_CASE("Best answers unknown on a NaN wherever it stands, and never stores one", "[policy][best]") {
    CHECK(answers<minimize>({NaN, 3., 2., 1.}) == Answers{not_a_number, yes, yes, yes});
    CHECK(answers<minimize>({3., NaN, 2., 1.}) == Answers{yes, not_a_number, yes, yes});
    CHECK(answers<minimize>({3., 1., 2., NaN}) == Answers{yes, yes, no, not_a_number});
    CHECK(answers<minimize>({NaN, NaN, NaN}) == Answers{not_a_number, not_a_number, not_a_number});
    CHECK(answers<maximize>({NaN, 1., 2., 3.}) == Answers{not_a_number, yes, yes, yes});
    CHECK(answers<maximize>({1., NaN, 2., 3.}) == Answers{yes, not_a_number, yes, yes});
    CHECK(answers<maximize>({1., 3., 2., NaN}) == Answers{yes, yes, no, not_a_number});
    CHECK(answers<maximize>({NaN, NaN, NaN}) == Answers{not_a_number, not_a_number, not_a_number});
    CHECK(answers<minimize>({-NaN, 1.}) == Answers{not_a_number, yes});
}

TEST_CASE("a NaN that another policy saves is not Best's reference", "[policy][best]") {
    Asked<Best<"v", minimize>> asked;
    asked.settle(row(NaN), Outcome::saved);
    CHECK(std::isnan(asked.policy.reference()));
    asked.settle(row(2.), Outcome::saved);
    asked.settle(row(NaN), Outcome::saved);
    asked.settle(row({}), Outcome::saved);
    CHECK(asked.policy.reference() == 2.);
    CHECK(asked(row(3.)) == no);
    CHECK(asked(row(1.)) == yes);
}

TEST_CASE("Best compares infinities as numbers", "[policy][best]") {
    CHECK(answers<minimize>({inf, inf, 5., -inf, -inf, 1.}) == Answers{yes, no, yes, yes, no, no});
    CHECK(answers<maximize>({-inf, -inf, 5., inf, inf, 1.}) == Answers{yes, no, yes, yes, no, no});
}

TEST_CASE("Best takes 0.0 for a value, and -0.0 for the same one", "[policy][best]") {
    CHECK(answers<minimize>({1., 0., 1., 0.}) == Answers{yes, yes, no, no});
    CHECK(answers<minimize>({0., -0., 0., -1.}) == Answers{yes, no, no, yes});
    CHECK(answers<maximize>({-0., 0., -0., 1.}) == Answers{yes, no, no, yes});
    CHECK(answers<maximize>({-1., 0., 0.}) == Answers{yes, yes, no});
}

TEST_CASE("Best answers unknown on a missing metric and saves when it comes", "[policy][best]") {
    CHECK(answers<minimize>({{}, 1., {}, 0.5}) == Answers{missing, yes, missing, yes});
    CHECK(answers<maximize>({{}, {}, -1.}) == Answers{missing, missing, yes});

    Asked<Best<"v", minimize>> dynamic;
    CHECK(dynamic(cairn::row(cairn::step(0), {{"loss", 0.1}})) == missing);
    CHECK(dynamic(cairn::row(cairn::step(1), {{"v", 2}})) == yes);
    CHECK(dynamic(cairn::row(cairn::step(2), {{"v", "1"}})) == missing);
    CHECK(dynamic(cairn::row(cairn::step(3), {{"v", std::optional<double>{}}})) == missing);
    CHECK(dynamic(cairn::row(cairn::step(4), {{"v", 1}})) == yes);
}

TEST_CASE("Best reads integers, bools and floats", "[policy][best]") {
    Asked<Best<"v", maximize>> asked;
    CHECK(asked(cairn::row("v"_m = false)) == yes);
    CHECK(asked(cairn::row("v"_m = true)) == yes);
    CHECK(asked(cairn::row("v"_m = 1)) == no);
    CHECK(asked(cairn::row("v"_m = 1.5F)) == yes);
    CHECK(asked(cairn::row("v"_m = 2.0L)) == yes);
    CHECK(asked(cairn::row("v"_m = ~std::uint64_t{0})) == yes);
    CHECK(asked.policy.reference() == 18446744073709551616.0);
}

TEST_CASE("Best forgets a save that failed", "[policy][best]") {
    Asked<Best<"v", minimize>> asked;
    CHECK(asked(row(3.)) == yes);
    CHECK(asked(row(1.), Outcome::failed) == yes);
    CHECK(asked.policy.reference() == 3.);
    CHECK(asked(row(2.)) == yes);  // beats what is on disk, though 1 was seen
    CHECK(asked(row(2.5)) == no);

    Asked<Best<"v", minimize>> first;
    CHECK(first(row(3.), Outcome::failed) == yes);
    CHECK(first(row(9.)) == yes);
}

TEST_CASE("Best compares with what was saved, whoever caused it, and not with what was seen",
          "[policy][best]") {
    Asked<Best<"v", minimize>> asked;
    asked.settle(row(1.), Outcome::not_saved);
    CHECK(asked(row(5.)) == yes);
    asked.settle(row(2.), Outcome::saved);
    CHECK(asked(row(3.)) == no);
    // A worse version that another policy saved does not make the reference worse.
    asked.settle(row(9.), Outcome::saved);
    CHECK(asked.policy.reference() == 2.);
}

TEST_CASE("Best rebuilds its reference from the versions that are folded in at a restore", "[policy][best]") {
    Asked<Best<"v", maximize>> asked;
    for (const double value : {1., 4., 2.}) asked.settle(row(value), Outcome::restored);
    CHECK(asked.policy.reference() == 4.);
    CHECK(asked(row(4.)) == no);
    CHECK(asked(row(5.)) == yes);
}

TEST_CASE("Best does not mind steps that repeat or go back", "[policy][best]") {
    Asked<Best<"v", minimize>> asked;
    CHECK(asked(row(3., 10)) == yes);
    CHECK(asked(row(2., 10)) == yes);
    CHECK(asked(row(2.5, 3)) == no);
    CHECK(asked(row(1., -1)) == yes);
}

TEST_CASE("Best answers no at the end", "[policy][best]") {
    CHECK(Asked<Best<"v", minimize>>{}.finish(row(1.)) == no);
    CHECK(Asked<Best<"v", minimize>>{}.finish(row({})) == no);
}

TEST_CASE("Best & EveryN saves on a noisy series the multiples that beat every saved one", "[policy][best]") {
    for (const std::uint32_t seed : cairn_test::seeds(10)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        const std::vector<double> loss = noisy_loss(20'000, seed);
        Asked asked{Best<"v", minimize>{} & cairn::EveryN<500>{}};
        std::vector<std::size_t> saved, should, by_what_was_seen;
        double best_saved = inf, best_seen = inf;
        for (std::size_t i = 0; i < loss.size(); ++i) {
            if (asked(row(loss[i], static_cast<std::int64_t>(i))) == yes) saved.push_back(i);
            if (i % 500 == 0 && loss[i] < best_saved) {
                should.push_back(i);
                best_saved = loss[i];
            }
            if (i % 500 == 0 && loss[i] < best_seen) by_what_was_seen.push_back(i);
            best_seen = std::min(best_seen, loss[i]);
        }
        CHECK(saved == should);
        // Compared with what was seen, hardly anything but the first row is ever saved.
        CHECK(saved.size() >= 5);
        CHECK(by_what_was_seen.size() <= 3);
    }
}

TEST_CASE("Best | EveryN counts the versions that EveryN saved among the saved", "[policy][best]") {
    for (const std::uint32_t seed : cairn_test::seeds(10)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        const std::vector<double> loss = noisy_loss(5'000, seed);
        Asked asked{Best<"v", minimize>{} | cairn::EveryN<500>{}};
        double best_saved = inf;
        for (std::size_t i = 0; i < loss.size(); ++i) {
            const bool should = loss[i] < best_saved || i % 500 == 0;
            REQUIRE((asked(row(loss[i], static_cast<std::int64_t>(i))) == yes) == should);
            if (should) best_saved = std::min(best_saved, loss[i]);
        }
    }
}

TEST_CASE("Best does what its rule says on random rows and outcomes", "[policy][best]") {
    for (const std::uint32_t seed : cairn_test::seeds(200)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked<Best<"v", minimize>> lowest;
        Asked<Best<"v", maximize>> highest;
        std::vector<double> saved;  // by anyone
        const std::vector<Maybe> values{{}, NaN, inf, -inf, 0., -0., -2., -1., 1., 2., 3., 4., 5., 6.};
        for (int i = 0; i < 40; ++i) {
            const Maybe value = values[cairn_test::pick(random, std::size_t{0}, values.size() - 1)];
            const auto beats = [&](auto better) {
                if (!value) return missing;
                if (std::isnan(*value)) return not_a_number;
                return cairn::answer(
                    std::all_of(saved.begin(), saved.end(), [&](double s) { return better(*value, s); }));
            };
            const auto at_row = row(value, i);
            REQUIRE(lowest.policy.decide(cairn::At{at_row}) ==
                    beats([](double a, double b) { return a < b; }));
            REQUIRE(highest.policy.decide(cairn::At{at_row}) ==
                    beats([](double a, double b) { return a > b; }));
            const auto outcome = static_cast<Outcome>(cairn_test::pick(random, 0, 3));
            lowest.settle(at_row, outcome);
            highest.settle(at_row, outcome);
            const bool is_saved = outcome == Outcome::saved || outcome == Outcome::restored;
            if (is_saved && value && !std::isnan(*value)) saved.push_back(*value);
        }
    }
}

// The table "One input, five answers" of other systems: minimise, keep one best.
TEST_CASE("Best ends on the right version where other systems end on five different ones", "[policy][best]") {
    const auto last_saved = [](const std::vector<Maybe>& values) {
        const std::vector<Answer> all = answers<minimize>(values);
        std::ptrdiff_t at = -1;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i] == yes) at = static_cast<std::ptrdiff_t>(i);
        }
        return at;
    };
    CHECK(last_saved({NaN, 3., 2., 1.}) == 3);
    CHECK(last_saved({3., 1., 2., NaN}) == 1);
    CHECK(last_saved({1., 1., 1.}) == 0);
    CHECK(last_saved({1., {}, 0.5}) == 2);
    CHECK(last_saved({1., {}, 2.}) == 0);
    CHECK(last_saved({1., 0.}) == 1);
    CHECK(last_saved({0., 1.}) == 0);

    // The write of the second best fails: the old one is still the best, and the next that beats it is saved.
    Asked<Best<"v", minimize>> asked;
    CHECK(asked(row(2.)) == yes);
    CHECK(asked(row(1.), Outcome::failed) == yes);
    CHECK(asked.policy.reference() == 2.);
    CHECK(asked(row(1.)) == yes);
}

TEST_CASE("Best takes the newest of exact ties when asked to", "[policy][best]") {
    Asked<Best<"v", minimize, cairn::ties::keep_newest>> asked;
    CHECK(asked(row(2.0)) == yes);
    CHECK(asked(row(2.0)) == yes);
    CHECK(asked(row(3.0)) == no);
    CHECK(asked(row(2.0)) == yes);
    CHECK(asked(row(NaN)) == not_a_number);
}

TEST_CASE("a metric that comes late moves Best's reference and nothing else", "[policy][best]") {
    Asked<Best<"v", minimize>> asked;
    CHECK(asked(row(5.0)) == yes);
    asked.settle(row(2.0), Outcome::annotated);
    CHECK(asked(row(3.0)) == no);
    CHECK(asked(row(1.0)) == yes);
}

TEST_CASE("Improves wants more than its margin", "[policy][best]") {
    using cairn::Improves;
    Asked down{Improves<"v", minimize>{0.5}};
    CHECK(down(row(4.0)) == yes);
    CHECK(down(row(3.5)) == no);  // exactly the margin
    CHECK(down(row(3.6)) == no);
    CHECK(down(row(3.25)) == yes);
    CHECK(down(row(3.25)) == no);
    CHECK(down(row({})) == missing);
    CHECK(down(row(-inf)) == yes);
    Asked up{Improves<"v", maximize>{0.5}};
    CHECK(up(row(4.0)) == yes);
    CHECK(up(row(4.5)) == no);
    CHECK(up(row(4.75)) == yes);
    CHECK(up(row(1.0)) == no);
}

TEST_CASE("TopK saves what is among the k best of the saved", "[policy][best]") {
    Asked<cairn::TopK<3, "v", minimize>> asked;
    const std::vector<double> values = {5, 9, 7, 8, 6, 9, 4, 6, 5, 1};
    const std::vector<Answer> expected = {yes, yes, yes, yes, yes, no, yes, no, yes, yes};
    Answers answered;
    for (const double value : values) answered.push_back(asked(row(value)));
    CHECK(answered == expected);
    CHECK(asked(row(NaN)) == not_a_number);
}

TEST_CASE("TopK does what its rule says on random rows and outcomes", "[policy][best]") {
    for (const std::uint32_t seed : cairn_test::seeds(50)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked<cairn::TopK<4, "v", maximize>> asked;
        std::vector<double> saved;  // best first
        for (int i = 0; i < 200; ++i) {
            const double value = cairn_test::pick(random, 0, 60);
            const bool fails = cairn_test::pick(random, 0, 4) == 0;
            const bool wanted = saved.size() < 4 || value > saved[3];
            REQUIRE(asked(row(value), fails ? Outcome::failed : Outcome::saved) == (wanted ? yes : no));
            if (!wanted || fails) continue;
            saved.push_back(value);
            std::sort(saved.rbegin(), saved.rend());
        }
    }
}

TEST_CASE("Below saves at every row under its limit, and its negation at the others", "[policy][best]") {
    Asked below{cairn::Below<"v">{0.5}};
    CHECK(below(row(0.6)) == no);
    CHECK(below(row(0.5)) == no);
    CHECK(below(row(0.4)) == yes);
    CHECK(below(row(0.4)) == yes);
    CHECK(below(row({})) == missing);
    CHECK(below(row(NaN)) == not_a_number);
    Asked above{!cairn::Below<"v">{0.5}};
    CHECK(above(row(0.5)) == yes);
    CHECK(above(row({})) == missing);
}

}  // namespace best_test
