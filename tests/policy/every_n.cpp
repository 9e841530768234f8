// SPDX-License-Identifier: MIT
#include <cairn/policy/every_n.hpp>

#include <cairn/core/dynamic_row.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

namespace every_n_test {

using cairn::Answer;
using cairn::EveryN;
using cairn::Outcome;
using cairn_test::Asked;
using cairn_test::pick;
using cairn_test::row_at;
using cairn_test::saved_steps;
using cairn_test::steps;
using namespace cairn::literals;

namespace {

using Steps = std::vector<std::int64_t>;

auto epoch(double value) { return cairn::row("epoch"_m = value); }

/// The rule of EveryN, spelled out by trying every step.
bool every_n_should(std::int64_t n, std::optional<std::int64_t> last, bool was_restored, std::int64_t now) {
    const auto is_multiple = [n](std::int64_t step) { return step % n == 0; };
    if (!last) return is_multiple(now);
    if (now == *last && was_restored) return false;
    if (now <= *last) return is_multiple(now);
    for (std::int64_t step = *last + 1; step <= now; ++step) {
        if (is_multiple(step)) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("EveryN saves step 0 and each multiple", "[policy][every_n]") {
    CHECK(saved_steps(EveryN<2>{}, steps(0, 5)) == Steps{0, 2, 4});
    CHECK(saved_steps(EveryN<2>{}, steps(1, 6)) == Steps{2, 4});
    CHECK(saved_steps(EveryN<1>{}, steps(0, 3)) == Steps{0, 1, 2});
    CHECK(saved_steps(EveryN<500>{}, steps(0, 1501)) == Steps{0, 500, 1000, 1500});
}

TEST_CASE("EveryN's first look saves a multiple and nothing that was crossed before it",
          "[policy][every_n]") {
    CHECK(saved_steps(EveryN<20>{}, {1007}).empty());
    CHECK(saved_steps(EveryN<20>{}, {1020}) == Steps{1020});
    CHECK(saved_steps(EveryN<20>{}, {1007, 1014, 1021}) == Steps{1021});
}

TEST_CASE("EveryN saves where a stride of 7 crosses a multiple of 20", "[policy][every_n]") {
    CHECK(saved_steps(EveryN<20>{}, steps(0, 147, 7)) == Steps{0, 21, 42, 63, 84, 105, 126, 140});
    CHECK(saved_steps(EveryN<20>{}, steps(7, 50, 7)) == Steps{21, 42});
}

TEST_CASE("EveryN saves once for several multiples that one step crosses", "[policy][every_n]") {
    CHECK(saved_steps(EveryN<10>{}, {5, 95, 96}) == Steps{95});
}

TEST_CASE("EveryN treats a step that repeats or goes back as a first look", "[policy][every_n]") {
    CHECK(saved_steps(EveryN<5>{}, {10, 10, 10}) == Steps{10, 10, 10});
    CHECK(saved_steps(EveryN<5>{}, {11, 11}).empty());
    CHECK(saved_steps(EveryN<5>{}, {12, 10, 11, 3, 4, 6}) == Steps{10, 6});
}

TEST_CASE("EveryN counts negative steps downwards too", "[policy][every_n]") {
    CHECK(saved_steps(EveryN<5>{}, steps(-11, 7)) == Steps{-10, -5, 0, 5});
    CHECK(saved_steps(EveryN<5>{}, {-12, -9, -6, -3, 1}) == Steps{-9, -3, 1});
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    CHECK(saved_steps(EveryN<2>{}, {least, least + 1, most}) == Steps{least, most});
    CHECK(saved_steps(EveryN<most>{}, {least, 0, most - 1, most}) == Steps{0, most});
}

TEST_CASE("EveryN does not save the step that was just restored", "[policy][every_n]") {
    Asked<EveryN<5>> asked;
    asked.settle(row_at(10), Outcome::restored);
    CHECK(asked(row_at(10)) == Answer::no);
    CHECK(asked(row_at(11)) == Answer::no);
    CHECK(asked(row_at(15)) == Answer::yes);

    asked.settle(row_at(10), Outcome::restored);
    CHECK(asked(row_at(11)) == Answer::no);
    CHECK(asked(row_at(17)) == Answer::yes);

    // Going further back than what was restored is a first look.
    asked.settle(row_at(10), Outcome::restored);
    CHECK(asked(row_at(5)) == Answer::yes);
}

TEST_CASE("EveryN restored between two multiples saves when it crosses the next", "[policy][every_n]") {
    Asked<EveryN<20>> asked;
    asked.settle(row_at(21), Outcome::restored);
    CHECK(asked(row_at(28)) == Answer::no);
    CHECK(asked(row_at(35)) == Answer::no);
    CHECK(asked(row_at(42)) == Answer::yes);
}

TEST_CASE("EveryN goes on from what it looked at, whether that was saved, failed or another's",
          "[policy][every_n]") {
    for (const Outcome outcome : {Outcome::saved, Outcome::not_saved, Outcome::failed}) {
        Asked<EveryN<5>> asked;
        asked.settle(row_at(5), outcome);
        CHECK(asked(row_at(6)) == Answer::no);
        CHECK(asked(row_at(10)) == Answer::yes);
    }
}

TEST_CASE("EveryN of a metric counts that metric and not the step", "[policy][every_n]") {
    Asked<EveryN<2, "epoch">> asked;
    Steps saved;
    for (std::int64_t i = 0; i < 5; ++i) {
        if (asked(cairn::row(cairn::Step{i * 937}, "epoch"_m = i)) == Answer::yes) saved.push_back(i);
    }
    CHECK(saved == Steps{0, 2, 4});
}

TEST_CASE("EveryN of an epoch that many rows repeat saves once an epoch", "[policy][every_n]") {
    Asked<EveryN<2, "epoch">> asked;
    Steps saved;
    for (std::int64_t step = 0; step < 50; ++step) {
        if (asked(cairn::row(cairn::Step{step}, "epoch"_m = step / 10)) == Answer::yes) saved.push_back(step);
    }
    CHECK(saved == Steps{0, 20, 40});

    // A restart from epoch 3 is a first look at it, and reaches 4 again.
    CHECK(asked(epoch(3)) == Answer::no);
    CHECK(asked(epoch(4)) == Answer::yes);
    CHECK(asked(epoch(4)) == Answer::no);
    // A restart in the same epoch repeats the count.
    asked.settle(epoch(4), Outcome::restored);
    CHECK(asked(epoch(4)) == Answer::no);
    CHECK(asked(epoch(4)) == Answer::no);
    CHECK(asked(epoch(6)) == Answer::yes);
}

TEST_CASE("EveryN of a metric that is a fraction rounds it down", "[policy][every_n]") {
    Asked<EveryN<1, "epoch">> asked;
    std::vector<double> saved;
    for (const double value : {0.25, 0.5, 0.75, 1.0, 1.25, 2.5, 2.75}) {
        if (asked(epoch(value)) == Answer::yes) saved.push_back(value);
    }
    CHECK(saved == std::vector{0.25, 1.0, 2.5});

    Asked<EveryN<2, "epoch">> below_zero;
    CHECK(below_zero(epoch(-2.5)) == Answer::no);   // -3
    CHECK(below_zero(epoch(-0.5)) == Answer::yes);  // -1, crossing -2
    CHECK(below_zero(epoch(0.5)) == Answer::yes);
}

TEST_CASE("EveryN of a metric that is missing or NaN is unknown and forgets nothing", "[policy][every_n]") {
    const auto row = [](std::optional<double> value) { return cairn::row("epoch"_m = value); };
    Asked<EveryN<10, "epoch">> asked;
    CHECK(asked(row({})) == Answer::missing);
    CHECK(asked(row(cairn_test::NaN)) == Answer::nan);
    CHECK(asked(row(8.0)) == Answer::no);
    CHECK(asked(row({})) == Answer::missing);
    CHECK(asked(row(cairn_test::NaN)) == Answer::nan);
    CHECK(asked(row(11.0)) == Answer::yes);
    CHECK(asked(row({})) == Answer::missing);
    CHECK(asked(row(12.0)) == Answer::no);

    Asked<EveryN<10, "epoch">> dynamic;
    CHECK(dynamic(cairn::row(cairn::step(0), {{"loss", 0.5}})) == Answer::missing);
    CHECK(dynamic(cairn::row(cairn::step(0), {{"epoch", 20}})) == Answer::yes);
    CHECK(dynamic(cairn::row(cairn::step(0), {{"epoch", "20"}})) == Answer::missing);
}

TEST_CASE("EveryN of a metric beyond the integers stays defined", "[policy][every_n]") {
    Asked<EveryN<7, "epoch">> asked;
    CHECK(asked(epoch(-cairn_test::inf)) != Answer::missing);
    CHECK(asked(epoch(1.0)) == Answer::yes);
    CHECK(asked(epoch(1e300)) == Answer::yes);
    CHECK(asked(epoch(cairn_test::inf)) == asked(epoch(cairn_test::inf)));
    CHECK(asked(cairn::row("epoch"_m = std::numeric_limits<std::uint64_t>::max())) != Answer::missing);
    CHECK(asked(epoch(14.0)) == Answer::yes);
}

TEST_CASE("EveryN does what its rule says on random steps", "[policy][every_n]") {
    for (const std::uint32_t seed : cairn_test::seeds(300)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked<EveryN<7>> asked;
        std::optional<std::int64_t> last;
        bool was_restored = false;
        std::int64_t now = pick<std::int64_t>(random, -40, 40);
        for (int i = 0; i < 60; ++i) {
            if (pick(random, 0, 9) == 0) {
                now = pick<std::int64_t>(random, -40, 40);
                asked.settle(row_at(now), Outcome::restored);
                last = now;
                was_restored = true;
                continue;
            }
            now += pick<std::int64_t>(random, 0, 5) == 0 ? pick<std::int64_t>(random, -9, 0)
                                                         : pick<std::int64_t>(random, 0, 16);
            INFO("row " << i << ", step " << now);
            const bool should = every_n_should(7, last, was_restored, now);
            const auto outcome = static_cast<Outcome>(pick(random, 0, 2));
            REQUIRE((asked(row_at(now), outcome) == Answer::yes) == should);
            last = now;
            was_restored = false;
        }
    }
}

TEST_CASE("AtSteps saves exactly the listed steps, each time they are seen", "[policy][every_n]") {
    CHECK(saved_steps(cairn::AtSteps<0, 10, 100>{}, steps(0, 200)) == Steps{0, 10, 100});
    CHECK(saved_steps(cairn::AtSteps<0, 10, 100>{}, steps(1, 200)) == Steps{10, 100});
    CHECK(saved_steps(cairn::AtSteps<10>{}, steps(0, 50, 7)).empty());
    CHECK(saved_steps(cairn::AtSteps<-3, 3>{}, {-3, 3, 2, 3, -3, -3}) == Steps{-3, 3, 3, -3, -3});

    Asked<cairn::AtSteps<10>> asked;
    asked.settle(row_at(10), Outcome::restored);
    CHECK(asked(row_at(10)) == Answer::yes);
}

}  // namespace every_n_test
