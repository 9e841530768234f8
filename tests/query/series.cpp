// SPDX-License-Identifier: MIT
#include <cairn/query/series.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <limits>

using cairn::Bucket;
using cairn::Series;

TEST_CASE("a series in buckets keeps a spike of one sample among a million", "[query][series]") {
    Series series;
    for (int i = 0; i < 1'000'000; ++i) series.add(i, 0, i == 777'777 ? 1e9 : 0.5);
    double greatest = 0;
    std::uint64_t points = 0;
    for (const Bucket& bucket : series.buckets(100)) {
        greatest = std::max(greatest, bucket.max);
        CHECK(bucket.min == 0.5);
        points += bucket.finite;
    }
    CHECK(greatest == 1e9);
    CHECK(points == 1'000'000);
}

TEST_CASE("a series counts what is not finite apart and keeps it out of the extremes", "[query][series]") {
    Series series;
    series.add(0, 0, std::numeric_limits<double>::quiet_NaN());
    series.add(1, 0, -3);
    series.add(2, 0, std::numeric_limits<double>::infinity());
    const auto buckets = series.buckets(1);
    REQUIRE(buckets.size() == 1);
    CHECK(buckets[0].not_finite == 2);
    CHECK(buckets[0].min == -3);
    CHECK(buckets[0].max == -3);
    CHECK(buckets[0].last == -3);
}

TEST_CASE("a series puts its first step into the first bucket and its last into the last",
          "[query][series]") {
    Series series;
    for (const int step : {-10, 0, 10}) series.add(step, 0, step);
    const auto buckets = series.buckets(3);
    CHECK(buckets.front().last == -10);
    CHECK(buckets.back().last == 10);
    CHECK(series.first_step() == -10);
    CHECK(series.last_step() == 10);
}

TEST_CASE("a series of one step is one bucket of any number", "[query][series]") {
    Series series;
    series.add(5, 0, 1);
    CHECK(series.buckets(4)[0].finite == 1);
}

TEST_CASE("a series counts how often its step repeats or goes back", "[query][series]") {
    Series series;
    for (const int step : {0, 1, 2, 2, 1, 2}) series.add(step, 0, 0);
    CHECK(series.restarts() == 2);
    CHECK(series.size() == 6);
}
