// SPDX-License-Identifier: MIT
#include <cairn/policy/window.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace window_test {

using cairn::after;
using cairn::Answer;
using cairn::AtSteps;
using cairn::Below;
using cairn::Best;
using cairn::EveryN;
using cairn::first;
using cairn::minimize;
using cairn::once;
using cairn::Outcome;
using cairn::until;
using cairn_test::Asked;
using cairn_test::pick;
using cairn_test::row_at;
using cairn_test::saved_steps;
using cairn_test::steps;
using namespace cairn::literals;

namespace {

using Steps = std::vector<std::int64_t>;
using Lowest = Best<"v", minimize>;

auto row_of(std::int64_t step, double value) { return cairn::row(cairn::step(step), "v"_m = value); }

/// Steps at which `policy` saves when row i has values[i].
template <class P>
Steps saved_of(P policy, const std::vector<double>& values) {
    Asked<P> asked{std::move(policy)};
    Steps out;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto step = static_cast<std::int64_t>(i);
        if (asked(row_of(step, values[i])) == Answer::yes) out.push_back(step);
    }
    return out;
}

}  // namespace

TEST_CASE("after includes its step, until does not, and together they are the policy", "[policy][window]") {
    CHECK(saved_steps(after(4, EveryN<2>{}), steps(0, 9)) == Steps{4, 6, 8});
    CHECK(saved_steps(until(4, EveryN<2>{}), steps(0, 9)) == Steps{0, 2});
    CHECK(saved_steps(after(4, EveryN<2>{}) | until(4, EveryN<2>{}), steps(0, 9)) == Steps{0, 2, 4, 6, 8});
    CHECK(saved_steps(cairn::After<1>{} & EveryN<2>{}, steps(0, 5)) == Steps{2, 4});
    CHECK(saved_steps(after(2) & until(5), steps(0, 9)) == Steps{2, 3, 4});
    CHECK(saved_steps(after(-3, EveryN<2>{}), steps(0, 3)) == Steps{0, 2});
    CHECK(saved_steps(after(2, cairn::NoBestSave{}), steps(0, 9)).empty());
}

TEST_CASE("an early spike does not spoil Best after a warm-up: saved counts, not seen", "[policy][window]") {
    CHECK(saved_of(after(3, Lowest{}), {0.001, 9, 8, 7, 6, 6.5, 5}) == Steps{3, 4, 6});
    CHECK(saved_of(Lowest{} & EveryN<3>{}, {5, 0.1, 9, 4, 0.2, 9, 3}) == Steps{0, 3, 6});
}

TEST_CASE("over noisy series what is saved is the best of what the window lets through", "[policy][window]") {
    for (const std::uint32_t seed : cairn_test::seeds(20)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        std::vector<double> values(2000);
        for (double& value : values) value = pick(random, 0, 1'000'000) / 1000.0;
        Steps late, multiples;
        double best_late = 1e9, best_multiple = 1e9;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const auto step = static_cast<std::int64_t>(i);
            if (i >= 100 && values[i] < best_late) best_late = values[i], late.push_back(step);
            if (i % 50 == 0 && values[i] < best_multiple)
                best_multiple = values[i], multiples.push_back(step);
        }
        CHECK(saved_of(after(100, Lowest{}), values) == late);
        CHECK(saved_of(Lowest{} & EveryN<50>{}, values) == multiples);
        CHECK(saved_of(EveryN<50>{} & Lowest{}, values) == multiples);
    }
}

TEST_CASE("first and once count the saves of their own policy, and not those that failed",
          "[policy][window]") {
    CHECK(saved_steps(first(2, EveryN<3>{}), steps(0, 12)) == Steps{0, 3});
    CHECK(saved_steps(cairn::First<2, EveryN<3>>{}, steps(0, 12)) == Steps{0, 3});
    CHECK(saved_steps(once(EveryN<3>{}), steps(1, 12)) == Steps{3});
    CHECK(saved_steps(first(0, EveryN<3>{}), steps(0, 12)).empty());
    // A save that another policy caused is not spent.
    CHECK(saved_steps(once(EveryN<4>{}) | AtSteps<1, 2>{}, steps(1, 12)) == Steps{1, 2, 4});
    CHECK(saved_of(once(Below<"v">{0.5}), {3, 0.4, 0.3, 2, 0.1}) == Steps{1});

    Asked asked{once(EveryN<2>{})};
    CHECK(asked(row_at(2), Outcome::failed) == Answer::yes);
    CHECK(asked(row_at(3)) == Answer::no);
    CHECK(asked(row_at(4)) == Answer::yes);
    CHECK(asked(row_at(6)) == Answer::no);
}

TEST_CASE("a window asks its policy on every row, and hides what it does not know", "[policy][window]") {
    const auto without = cairn::row(cairn::step(0), "v"_m = std::optional<double>{});
    CHECK(Asked{after(5, Lowest{})}(without) == Answer::no);
    CHECK(Asked{after(0, Lowest{})}(without) == Answer::missing);
    // EveryN hears of the rows before the window, so 7 crosses nothing after 6.
    CHECK(saved_steps(after(5, EveryN<3>{}), {4, 6, 7, 10}) == Steps{6, 10});
}

}  // namespace window_test
