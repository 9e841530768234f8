// SPDX-License-Identifier: MIT
#include <cairn/policy/clock.hpp>

#include <cairn/policy/combine.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/window.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace clock_test {

using cairn::Answer;
using cairn::at_most_every;
using cairn::Budget;
using cairn::EveryDuration;
using cairn::EveryN;
using cairn::Outcome;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

/// A policy asked at times after the start of a run, step by step; and which of the times it saves at.
template <class P>
struct Timed {
    P policy;
    std::int64_t step = 0;
    double save_seconds = 0;

    Answer operator()(double seconds, Outcome on_yes = Outcome::saved) {
        const auto row = cairn::detail::make_row(
            step++, start + static_cast<std::int64_t>(seconds * static_cast<double>(second)));
        cairn::At<decltype(cairn::row())> at{row};
        at.seconds = seconds;
        at.save_seconds = save_seconds;
        const Answer answer = policy.decide(at);
        cairn::detail::settle(policy, at, answer == Answer::yes ? on_yes : Outcome::not_saved);
        return answer;
    }
};
template <class P>
Timed(P) -> Timed<P>;

template <class P>
std::vector<double> saved_times(P policy, const std::vector<double>& times) {
    Timed<P> timed{std::move(policy)};
    std::vector<double> out;
    for (const double time : times) {
        if (timed(time) == Answer::yes) out.push_back(time);
    }
    return out;
}

using Times = std::vector<double>;

}  // namespace

TEST_CASE("EveryDuration counts from the start, then from each version", "[policy][clock]") {
    CHECK(saved_times(EveryDuration{10s}, {0, 5, 9.9, 10, 15, 19, 20.5, 30}) == Times{10, 20.5});
    CHECK(saved_times(EveryDuration{1min}, {0, 59, 61, 119, 122}) == Times{61, 122});
    CHECK(saved_times(EveryDuration{500ms}, {0, 0.5, 0.75, 1}) == Times{0.5, 1});
    // Whoever saves.
    CHECK(saved_times(EveryDuration{10s} | cairn::AtSteps<1>{}, {0, 8, 12, 17, 18}) == Times{8, 18});
}

TEST_CASE("a save that failed is due again at the next row", "[policy][clock]") {
    Timed timed{EveryDuration{10s}};
    CHECK(timed(10, Outcome::failed) == Answer::yes);
    CHECK(timed(11) == Answer::yes);
    CHECK(timed(12) == Answer::no);
}

TEST_CASE("a clock that is set back counts as no time", "[policy][clock]") {
    Timed timed{EveryDuration{10s}};
    CHECK(timed(10) == Answer::yes);
    CHECK(timed(3) == Answer::no);
    CHECK(timed(-5) == Answer::no);
    CHECK(timed(19.9) == Answer::no);
    CHECK(timed(20) == Answer::yes);
}

TEST_CASE("at_most_every holds its policy back after each of its saves", "[policy][clock]") {
    CHECK(saved_times(at_most_every(10s, EveryN<1>{}), {0, 5, 9, 10, 11, 20}) == Times{0, 10, 20});
    // What another policy saved does not count, also where this one would have said yes.
    CHECK(saved_times(at_most_every(10s, EveryN<1>{}) | cairn::AtSteps<1>{}, {0, 8, 9, 12}) ==
          Times{0, 8, 12});
    Timed timed{at_most_every(10s, EveryN<1>{})};
    CHECK(timed(0, Outcome::failed) == Answer::yes);
    CHECK(timed(1) == Answer::yes);
    CHECK(timed(2) == Answer::no);
}

TEST_CASE("a budget holds saving back while it has cost too much", "[policy][clock]") {
    Timed timed{EveryN<1>{} & Budget{1}};
    CHECK(timed(0) == Answer::yes);  // nothing was spent
    timed.save_seconds = 2;
    CHECK(timed(100) == Answer::no);  // 2 %
    CHECK(timed(200) == Answer::yes);
    timed.save_seconds = 4;
    CHECK(timed(399) == Answer::no);
    CHECK(timed(400) == Answer::yes);
}

}  // namespace clock_test
