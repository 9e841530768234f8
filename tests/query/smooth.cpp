// SPDX-License-Identifier: MIT
#include <cairn/query/smooth.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace smooth_test {

using cairn::Axis, cairn::Smooth, cairn::Smoothing;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

[[nodiscard]] cairn::Series series_of(const std::vector<double>& values, std::int64_t stride = 1) {
    cairn::Series series;
    std::int64_t step = 0;
    for (const double value : values) {
        series.add(step, step * 1'000'000, value);
        step += stride;
    }
    return series;
}
/// A bucket for each value.
[[nodiscard]] std::vector<double> curve(const cairn::Series& series, const Smooth& how) {
    std::vector<double> out;
    const auto count = static_cast<std::size_t>(series.last_step() - series.first_step() + 1);
    for (const cairn::Bucket& bucket :
         cairn::smoothed(series, series.first_step(), series.last_step(), Axis::step, count, how)) {
        if (bucket.finite != 0) out.push_back(bucket.last);
    }
    return out;
}

}  // namespace

TEST_CASE("smooth: the exponential one is TensorBoard's", "[query][smooth]") {
    // By its definition: last = last w + (1 - w) y, over 1 - w^n, where n counts finite values.
    const std::vector<double> values = {3, 1, not_a_number, 4, 1, 5, 9, 2, 6};
    const double w = 0.6;
    std::vector<double> wanted;
    double last = 0;
    int n = 0;
    for (const double y : values) {
        if (std::isnan(y)) continue;
        last = last * w + (1 - w) * y;
        wanted.push_back(last / (1 - std::pow(w, ++n)));
    }
    const auto got = curve(series_of(values), {Smoothing::exponential, w});
    REQUIRE(got.size() == wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(wanted[i]).epsilon(1e-12));
    CHECK(got[0] == Approx(3));  // not biased to 0
}

TEST_CASE("smooth: the time-weighted one is W&B's, and the same at any rate of logging", "[query][smooth]") {
    const std::vector<double> values = {3, 1, 4, 1, 5, 9, 2, 6};
    const double param = 0.9, w = std::sqrt(param), range = 7 * 10;
    std::vector<double> wanted;
    double last = 0, debias = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double keep = std::pow(w, (i == 0 ? 0.0 : 10.0) / range * 1000);
        last = last * keep + values[i];
        debias = debias * keep + 1;
        wanted.push_back(last / debias);
    }
    const auto got = curve(series_of(values, 10), {Smoothing::time_weighted, param});
    REQUIRE(got.size() == wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(wanted[i]).epsilon(1e-12));
    CHECK(curve(series_of(values, 3), {Smoothing::time_weighted, param})[5] ==
          Approx(wanted[5]));  // another unit of x
}

TEST_CASE("smooth: the gaussian one is a mean under a bell, symmetric", "[query][smooth]") {
    std::vector<double> spike(21, 0.0);
    spike[10] = 1;
    const auto got = curve(series_of(spike), {Smoothing::gaussian, 2});
    REQUIRE(got.size() == 21);
    double sum = 0;
    for (int d = 0; d <= 6; ++d) sum += (d == 0 ? 1 : 2) * std::exp(-d * d / 8.0);
    CHECK(got[10] == Approx(1 / sum));
    CHECK(got[9] == Approx(got[11]));
    CHECK(got[12] == Approx(std::exp(-0.5) / sum));
    CHECK(got[17] == 0);  // beyond three deviations
    CHECK(curve(series_of(spike), {Smoothing::gaussian, 0}) == spike);
}

TEST_CASE("smooth: none is the curve itself, and what is not finite is left out", "[query][smooth]") {
    const double inf = std::numeric_limits<double>::infinity();
    for (const auto kind :
         {Smoothing::none, Smoothing::exponential, Smoothing::time_weighted, Smoothing::gaussian}) {
        const auto got = curve(series_of({1, not_a_number, 1, inf, 1, -inf}), {kind, 0.5});
        REQUIRE(got.size() == 3);
        for (const double value : got) CHECK(value == Approx(1));
    }
    CHECK(curve(series_of({2, 7, 1}), {Smoothing::none, 0.9}) == std::vector<double>{2, 7, 1});
    CHECK(curve(series_of({not_a_number}), {Smoothing::exponential, 0.9}).empty());
}

TEST_CASE("smooth: a window shows the same curve as the whole", "[query][smooth]") {
    std::vector<double> values;
    for (int i = 0; i < 5000; ++i) values.push_back(std::sin(i * 0.01) + (i % 7) * 0.1);
    const auto series = series_of(values);
    for (const auto kind : {Smoothing::exponential, Smoothing::time_weighted, Smoothing::gaussian}) {
        const Smooth how{kind, kind == Smoothing::gaussian ? 20 : 0.97};
        const auto whole = curve(series, how);
        const auto part = cairn::smoothed(series, 3000, 3099, Axis::step, 100, how);
        REQUIRE(part.size() == 100);
        for (std::size_t i = 0; i < part.size(); ++i)
            CHECK(part[i].last == Approx(whole[3000 + i]).epsilon(1e-12));
        std::uint64_t count = 0;
        for (const auto& bucket : cairn::smoothed(series, 0, 4999, Axis::step, 10, how))
            count += bucket.finite;
        CHECK(count == 5000);
    }
    CHECK(cairn::smoothed(series, 6000, 7000, Axis::step, 10, {Smoothing::exponential, 0.5}).empty());
    const auto in_time =
        cairn::smoothed(series, 0, 4'999'000'000, Axis::relative, 50, {Smoothing::exponential, 0.5});
    REQUIRE(in_time.size() == 50);
    CHECK(in_time.back().to == 4'999'000'000);
}

}  // namespace smooth_test
