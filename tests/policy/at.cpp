// SPDX-License-Identifier: MIT
#include <cairn/policy/at.hpp>

#include <cairn/core/dynamic_row.hpp>
#include <cairn/policy/predicate.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

namespace at_test {

using cairn::At;
using cairn::Reading;
using namespace cairn::literals;

TEST_CASE("an At shows its row's step, time and metrics", "[policy][at]") {
    const auto row = cairn::detail::make_row(7, 1'234'000'000, "loss"_m = 0.5, "phase"_m = "train");
    const At at{row};
    CHECK(at.step == 7);
    CHECK(at.time_ns == 1'234'000'000);
    CHECK(at["loss"_m] == 0.5);
    CHECK(at["phase"_m] == std::string_view{"train"});
    CHECK(&at["loss"_m] == &row["loss"_m]);
    CHECK_FALSE(at.final);
    CHECK_FALSE(at.signal);
    CHECK(at.seconds == 0);
    CHECK(at.save_seconds == 0);
}

TEST_CASE("a reading is missing, NaN or a number", "[policy][at]") {
    const auto row =
        cairn::row("zero"_m = 0.0, "nan"_m = std::numeric_limits<float>::quiet_NaN(),
                   "inf"_m = -std::numeric_limits<double>::infinity(), "none"_m = std::optional<double>{},
                   "some"_m = std::optional<int>{3}, "text"_m = "3");
    const At at{row};
    CHECK(at.reading<cairn::MetricNamed<"zero">>().kind == Reading::Kind::number);
    CHECK(at.reading<cairn::MetricNamed<"nan">>().kind == Reading::Kind::nan);
    CHECK(at.reading<cairn::MetricNamed<"inf">>().kind == Reading::Kind::number);
    CHECK(at.reading<cairn::MetricNamed<"none">>().kind == Reading::Kind::missing);
    CHECK(at.reading<cairn::MetricNamed<"some">>().value == 3);
    CHECK(at.reading<cairn::MetricNamed<"text">>().kind == Reading::Kind::missing);
}

TEST_CASE("a dynamic row's absent metric is missing and not an error", "[policy][at]") {
    const cairn::DynamicRow row = cairn::row(cairn::step(2), {{"loss", 0.5}, {"phase", "train"}});
    const At at{row};
    CHECK(at.step == 2);
    CHECK(at["loss"_m] == 0.5);
    CHECK(at.reading<cairn::MetricNamed<"loss">>().value == 0.5);
    CHECK(at.reading<cairn::MetricNamed<"phase">>().kind == Reading::Kind::missing);
    CHECK(at.reading<cairn::MetricNamed<"acc">>().kind == Reading::Kind::missing);
}

TEST_CASE("an empty optional reads as NaN at a row, so no comparison with it saves", "[policy][at]") {
    const auto row = cairn::row("loss"_m = std::optional<float>{});
    CHECK(std::isnan(cairn::At{row}["loss"_m]));
    const cairn::Predicate below{[](const auto& at) { return at["loss"_m] < 0.5; }};
    CHECK(below.decide(cairn::At{row}) == cairn::Answer::no);
}

}  // namespace at_test
