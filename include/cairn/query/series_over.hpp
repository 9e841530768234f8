// SPDX-License-Identifier: MIT
#pragma once
// One metric over another. Costs what series.hpp does.

#include <cairn/core/number.hpp>
#include <cairn/query/series.hpp>
#include <cairn/store/packed.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What lies in one stretch of a `SeriesOver`: as `Bucket`, measured in the other metric.
struct BucketOver {
    double from = detail::not_a_number;  ///< the least x of its values; NaN if none
    double to = detail::not_a_number;    ///< the greatest
    double min = detail::not_a_number;   ///< NaN if there is no finite value
    double max = detail::not_a_number;   ///< the same
    double last = detail::not_a_number;  ///< in the order they were logged
    std::uint64_t finite = 0;            ///< how many finite values
    std::uint64_t not_finite = 0;        ///< how many NaNs and infinities
};

/// All values of one metric over those of another, x, in the order they were logged. All of it is in memory,
/// 24 bytes a value. Threads: one at a time.
class SeriesOver {
  public:
    /// One value that was logged.
    struct Point {
        double x = 0;              ///< never NaN
        std::int64_t time_ns = 0;  ///< of the row; nanoseconds since the Unix epoch
        double value = 0;          ///< may be NaN or infinite
    };

    /// Appends a value; one without an x is only counted.
    void add(const double& x, std::int64_t time_ns, const double& value) {
        if (detail::is_nan(x)) {
            ++without_x_;
            return;
        }
        series_.add(place_of(x), time_ns, value);
        if (!detail::is_finite(x)) return;
        least_ = has_finite_ ? std::min(least_, x) : x;
        greatest_ = has_finite_ ? std::max(greatest_, x) : x;
        has_finite_ = true;
    }

    /// How many values that have an x.
    [[nodiscard]] std::size_t size() const noexcept { return series_.size(); }
    /// How many have none, because no x was logged before them.
    [[nodiscard]] std::uint64_t without_x() const noexcept { return without_x_; }
    /// The least x. Requires a point.
    [[nodiscard]] double first_x() const noexcept { return x_of(series_.first_step()); }
    /// The greatest x. Requires a point.
    [[nodiscard]] double last_x() const noexcept { return x_of(series_.last_step()); }
    /// How often x repeated or went back.
    [[nodiscard]] std::size_t restarts() const noexcept { return series_.restarts(); }

    /// The values whose x lies from one to another, both included, in the order they were logged.
    [[nodiscard]] std::vector<Point> points(double from = detail::minus_infinity,
                                            double to = detail::infinity) const {
        std::vector<Point> out;
        for (const Series::Point& point : series_.window(place_of(from), place_of(to)).points())
            out.push_back({x_of(point.step), point.time_ns, point.value});
        return out;
    }
    /// These as `count` buckets, as `Series::Window::buckets` makes them. Infinite ends are those of the
    /// finite x. Requires a point.
    [[nodiscard]] std::vector<BucketOver> buckets(std::size_t count, double from = detail::minus_infinity,
                                                  double to = detail::infinity) const {
        from = from > least_ ? from : least_;  // also if it is NaN
        to = to < greatest_ ? to : greatest_;
        Series::Window window = series_.window(place_of(from), place_of(to));
        window.number_of_ = [](std::int64_t place) {
            return x_of(place) / 2;
        };  // so that no difference overflows
        std::vector<BucketOver> out;
        for (const Bucket& bucket : window.buckets(count)) {
            BucketOver& made = out.emplace_back(BucketOver{.min = bucket.min,
                                                           .max = bucket.max,
                                                           .last = bucket.last,
                                                           .finite = bucket.finite,
                                                           .not_finite = bucket.not_finite});
            if (bucket.finite + bucket.not_finite != 0)
                made.from = x_of(bucket.from), made.to = x_of(bucket.to);
        }
        return out;
    }

  private:
    // A series is over integers: those that are ordered as the numbers are.
    [[nodiscard]] static std::int64_t place_of(const double& x) noexcept {
        const auto bits = std::bit_cast<std::int64_t>(x);
        return detail::in_order(bits == std::numeric_limits<std::int64_t>::min() ? 0 : bits);  // one zero
    }
    [[nodiscard]] static double x_of(std::int64_t place) {
        return std::bit_cast<double>(detail::in_order(place));
    }

    Series series_;
    std::uint64_t without_x_ = 0;
    bool has_finite_ = false;
    double least_ = 0, greatest_ = 0;  // of the finite x
};

}  // namespace CAIRN_NAMESPACE
