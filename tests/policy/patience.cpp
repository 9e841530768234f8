// SPDX-License-Identifier: MIT
#include <cairn/policy/patience.hpp>

#include <cairn/policy/policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace patience_test {

using cairn::Answer;
using cairn::maximize;
using cairn::minimize;
using cairn::Outcome;
using cairn::Patience;
using cairn_test::Asked;
using cairn_test::inf;
using cairn_test::NaN;
using namespace cairn::literals;

namespace {

using Maybe = std::optional<double>;

/// The first row at which `patience` says stop; -1 if it never does.
template <class P>
int stops_at(P patience, const std::vector<Maybe>& values) {
    Asked<P> asked{std::move(patience)};
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (asked(cairn::row(cairn::step(i), "v"_m = values[i]), Outcome::not_saved) == Answer::yes)
            return static_cast<int>(i);
    }
    return -1;
}

}  // namespace

TEST_CASE("patience ends after so many rows that were no better", "[policy][patience]") {
    using P = Patience<"v", minimize, 3>;
    CHECK(stops_at(P{}, {5., 4., 4.5, 4.2, 4.1}) == 4);
    CHECK(stops_at(P{}, {5., 4., 4.5, 4.2, 3.9, 4., 4., 4.}) == 7);
    CHECK(stops_at(P{}, {5., 4., 3., 2., 1., 0., -1.}) == -1);
    CHECK(stops_at(P{}, {}) == -1);
    CHECK(stops_at(Patience<"v", maximize, 1>{}, {1., 2., 2.}) == 2);
    CHECK(stops_at(Patience<"v", minimize, 1>{}, {1.}) == -1);  // the first number is an improvement
}

TEST_CASE("ties, the margin, infinities and zero are to patience what they are to Best",
          "[policy][patience]") {
    using P = Patience<"v", minimize, 2>;
    CHECK(stops_at(P{}, {1., 1., 1.}) == 2);
    CHECK(stops_at(P{}, {0., -0., 0.}) == 2);
    CHECK(stops_at(P{0.5}, {3., 2.5, 2.0, 9.}) == -1);  // 2.5 is no gain of more than 0.5, but 2.0 is
    CHECK(stops_at(P{0.5}, {3., 2.6, 2.5, 9.}) == 2);
    CHECK(stops_at(P{}, {inf, 1., -inf, -inf, -inf}) == 4);
}

TEST_CASE("a missing metric does not count, a NaN is no improvement", "[policy][patience]") {
    using P = Patience<"v", minimize, 2>;
    CHECK(stops_at(P{}, {1., {}, {}, {}, 2., {}, 2.}) == 6);
    CHECK(stops_at(P{}, {NaN, NaN}) == 1);  // training that diverged stops
    CHECK(stops_at(P{}, {NaN, 3., NaN, 2.}) == -1);
    CHECK(stops_at(P{}, {1., NaN, NaN}) == 2);
    const auto missing = cairn::row("v"_m = Maybe{});
    CHECK(P{}.decide(cairn::At{missing}) == Answer::missing);
}

TEST_CASE("out of patience is said of every row from then on, until one is better", "[policy][patience]") {
    Asked<Patience<"v", minimize, 1>> asked;
    const auto ask = [&](double v) { return asked(cairn::row("v"_m = v), Outcome::not_saved); };
    CHECK(ask(1) == Answer::no);
    CHECK(ask(2) == Answer::yes);
    CHECK(ask(2) == Answer::yes);
    CHECK(ask(0) == Answer::no);
    CHECK(asked.policy.stale() == 0);
}

TEST_CASE("patience looks at what is seen, whether it was saved or not", "[policy][patience]") {
    Asked<Patience<"v", minimize, 2>> asked;
    for (const double v : {3.0, 1.0}) asked.settle(cairn::row("v"_m = v), Outcome::not_saved);
    asked.settle(cairn::row("v"_m = 0.5), Outcome::failed);
    asked.settle(cairn::row("v"_m = 0.1), Outcome::annotated);  // of a row that was seen before
    CHECK(asked(cairn::row("v"_m = 0.7)) == Answer::no);
    CHECK(asked(cairn::row("v"_m = 0.7)) == Answer::yes);
}

TEST_CASE("patience joins with other policies", "[policy][patience]") {
    Asked asked{Patience<"v", minimize, 9>{} | cairn::Below<"v">{0.1}};
    CHECK(asked(cairn::row("v"_m = 0.5), Outcome::not_saved) == Answer::no);
    CHECK(asked(cairn::row("v"_m = 0.05), Outcome::not_saved) == Answer::yes);
}

}  // namespace patience_test
