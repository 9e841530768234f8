// SPDX-License-Identifier: MIT
#include <cairn/query/series.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace series_test {

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

TEST_CASE("a window of steps that no double tells apart has no other values", "[query][series]") {
    Series series;
    constexpr std::int64_t first = 1'700'000'000'000'000'000;
    for (int i = 0; i < 100; ++i) series.add(first + 10 * i, 0, i);
    const auto window = series.window(first + 300, first + 400);
    std::uint64_t values = 0;
    for (const Bucket& bucket : window.buckets(4)) {
        values += bucket.finite;
        if (bucket.finite == 0) continue;
        CHECK(bucket.min >= 30);
        CHECK(bucket.max <= 40);
    }
    CHECK(values == 11);
    CHECK(window.points().size() == 11);
}

TEST_CASE("what is known of values is the same, added one by one and as a stretch", "[query][series]") {
    std::mt19937_64 random{GENERATE(1U, 2U, 3U)};
    constexpr double inf = std::numeric_limits<double>::infinity();
    const double odd[] = {inf,
                          -inf,
                          std::numeric_limits<double>::quiet_NaN(),
                          -0.0,
                          0.0,
                          std::numeric_limits<double>::max(),
                          std::numeric_limits<double>::lowest(),
                          std::numeric_limits<double>::denorm_min()};
    for (int round = 0; round < 300; ++round) {
        const std::uint64_t goes_back = random() % 3, are_odd = random() % 4;
        std::vector<std::int64_t> steps, times;
        std::vector<double> numbers;
        std::int64_t step = 0, ms = 0;
        for (std::uint64_t i = random() % 40; i > 0; --i) {
            steps.push_back(step += goes_back == 1 && random() % 4 == 0 ? -3 : 1);
            times.push_back(ms += goes_back == 2 && random() % 4 == 0 ? -20 : 7);
            const bool is_odd = are_odd == 3 || (are_odd != 0 && random() % 4 == 0);
            numbers.push_back(is_odd ? odd[random() % 8] : static_cast<double>(random() % 100) - 50);
        }
        cairn::detail::SeriesNode one_by_one, at_once;
        for (std::size_t i = 0; i < steps.size(); ++i) one_by_one.add(steps[i], times[i], numbers[i]);
        const std::size_t half = steps.size() / 2;
        at_once.add({steps, times, numbers}, 0, half);
        at_once.add({steps, times, numbers}, half, steps.size());
        const auto told = [](const cairn::detail::SeriesNode& node) {
            return std::vector<std::uint64_t>{node.finite,
                                              node.nans,
                                              node.infinities,
                                              node.restarts,
                                              static_cast<std::uint64_t>(node.first_step),
                                              static_cast<std::uint64_t>(node.last_step),
                                              static_cast<std::uint64_t>(node.min_step),
                                              static_cast<std::uint64_t>(node.max_step),
                                              static_cast<std::uint64_t>(node.min_ms),
                                              static_cast<std::uint64_t>(node.max_ms),
                                              std::bit_cast<std::uint64_t>(node.min),
                                              std::bit_cast<std::uint64_t>(node.max),
                                              std::bit_cast<std::uint64_t>(node.last)};
        };
        INFO("round " << round << ", " << steps.size() << " values");
        CHECK(told(at_once) == told(one_by_one));
    }
}

TEST_CASE("the buckets of any window of any series have each value once, and its exact extremes",
          "[query][series]") {
    std::mt19937_64 random{GENERATE(1U, 2U, 3U, 4U)};
    const bool goes_back = GENERATE(false, true);
    std::vector<Series::Point> all;
    std::int64_t step = -5000, ms = 1'700'000'000'000;
    const auto below = [&](std::uint64_t end) { return static_cast<std::size_t>(random() % end); };
    const std::size_t count = 1 + below(60'000);
    for (std::size_t i = 0; i < count; ++i) {
        step += random() % 100 == 0 ? 50 : 1;
        if (goes_back && random() % 5000 == 0) step -= static_cast<std::int64_t>(random() % 4000);
        ms += static_cast<std::int64_t>(random() % 20);
        double value = static_cast<double>(static_cast<std::int64_t>(random() % 2000) - 1000);
        if (random() % 1000 == 0) value = std::numeric_limits<double>::quiet_NaN();
        if (random() % 1000 == 0) value = -std::numeric_limits<double>::infinity();
        all.push_back({step, ms * 1'000'000, value});
    }
    // Some stretches are at hand, some are read: of sizes as they come.
    std::vector<std::pair<std::size_t, std::size_t>> stored;
    std::vector<std::int64_t> steps, times;
    std::vector<double> numbers;
    Series series{[&](std::size_t n) {
        for (auto* column : {&steps, &times}) column->clear();
        numbers.clear();
        for (std::size_t i = stored[n].first; i < stored[n].second; ++i) {
            steps.push_back(all[i].step);
            times.push_back(all[i].time_ns / 1'000'000);
            numbers.push_back(all[i].value);
        }
        return std::optional{cairn::detail::SeriesValues{steps, times, numbers}};
    }};
    for (std::size_t i = 0; i < count;) {
        const std::size_t end = std::min<std::size_t>(count, i + 1 + below(2000));
        if (random() % 3 == 0) {
            for (; i < end; ++i) series.add(all[i].step, all[i].time_ns + 999'999, all[i].value);
            continue;
        }
        cairn::detail::SeriesNode node;
        for (std::size_t k = i; k < end; ++k) node.add(all[k].step, all[k].time_ns / 1'000'000, all[k].value);
        stored.emplace_back(i, end);
        series.add_stored(stored.size() - 1, node);
        i = end;
    }
    REQUIRE(series.size() == count);
    std::size_t restarts = 0;
    for (std::size_t i = 1; i < count; ++i) restarts += all[i].step <= all[i - 1].step ? 1U : 0U;
    CHECK(series.restarts() == restarts);

    for (int round = 0; round < 30; ++round) {
        const cairn::Axis axis = random() % 2 == 0 ? cairn::Axis::step : cairn::Axis::time;
        const auto place = [&](const Series::Point& point) {
            return axis == cairn::Axis::step ? point.step : point.time_ns;
        };
        std::int64_t from = place(all[below(count)]), to = place(all[below(count)]);
        if (round == 0) from = std::numeric_limits<std::int64_t>::min();
        if (from > to) std::swap(from, to);
        const std::size_t wanted = 1 + below(round % 2 == 0 ? 20 : 3000);
        INFO(count << " values, " << wanted << " buckets from " << from << " to " << to);
        std::vector<Series::Point> inside;
        for (const Series::Point& point : all) {
            if (place(point) >= from && place(point) <= to) inside.push_back(point);
        }
        const auto window = series.window(from, to, axis);
        const auto points = window.points();
        REQUIRE(points.size() == inside.size());
        CHECK(std::equal(
            points.begin(), points.end(), inside.begin(), [](const Series::Point& a, const Series::Point& b) {
                return a.step == b.step && a.time_ns == b.time_ns &&
                       std::bit_cast<std::uint64_t>(a.value) == std::bit_cast<std::uint64_t>(b.value);
            }));
        const auto buckets = window.buckets(wanted);
        REQUIRE(buckets.size() == wanted);
        std::uint64_t finite = 0, not_finite = 0, expected = 0;
        double least = std::numeric_limits<double>::infinity(), greatest = -least;
        for (const Bucket& bucket : buckets) {
            finite += bucket.finite, not_finite += bucket.not_finite;
            if (bucket.finite != 0) {
                least = std::min(least, bucket.min);
                greatest = std::max(greatest, bucket.max);
            }
        }
        double true_least = std::numeric_limits<double>::infinity(), true_greatest = -true_least;
        for (const Series::Point& point : inside) {
            if (!std::isfinite(point.value)) continue;
            ++expected;
            true_least = std::min(true_least, point.value);
            true_greatest = std::max(true_greatest, point.value);
        }
        CHECK((finite == expected && not_finite == inside.size() - expected));
        CHECK((least == true_least && greatest == true_greatest));
        if (goes_back || axis == cairn::Axis::time) continue;
        // Steps that only grow: what a bucket says of its stretch is what lies there.
        std::size_t at = 0;
        for (const Bucket& bucket : buckets) {
            if (bucket.finite + bucket.not_finite == 0) continue;
            double min = std::numeric_limits<double>::infinity(), max = -min, last = 0;
            REQUIRE(inside[at].step == bucket.from);
            std::uint64_t values = 0;
            for (; at < inside.size() && inside[at].step <= bucket.to; ++at, ++values) {
                if (!std::isfinite(inside[at].value)) continue;
                last = inside[at].value;
                min = std::min(min, last), max = std::max(max, last);
            }
            CHECK(values == bucket.finite + bucket.not_finite);
            if (bucket.finite != 0) {
                CHECK(bucket.min == min);
                CHECK(bucket.max == max);
                CHECK(bucket.last == last);
            }
        }
        CHECK(at == inside.size());
    }
}

TEST_CASE("a stretch that cannot be read is counted, and what is known of it is told", "[query][series]") {
    Series series{[](std::size_t) { return std::nullopt; }};
    cairn::detail::SeriesNode node;
    for (int i = 0; i < 1000; ++i) node.add(i, i, i);
    series.add_stored(0, node);
    series.add(1000, 0, 7);
    const auto whole = series.buckets(1);
    CHECK((whole[0].finite == 1001 && whole[0].max == 999 && whole[0].last == 7));
    CHECK(series.unread() == 0);
    CHECK(series.points().size() == 1);
    CHECK(series.unread() == 1000);
}

TEST_CASE("points take no room for what an index only says", "[query][series]") {
    Series series{[](std::size_t) { return std::nullopt; }};
    cairn::detail::SeriesNode node;
    node.add(1, 1, 1);
    for (const std::uint64_t count : {std::uint64_t{1} << 60U, ~std::uint64_t{0}}) {
        node.finite = count;
        series.add_stored(0, node);
    }
    series.add(2, 0, 7);
    CHECK(series.points().size() == 1);
}

}  // namespace series_test
