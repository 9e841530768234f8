// SPDX-License-Identifier: MIT
#pragma once
// One metric over a run, and its exact reduction to a few buckets. Costs <vector>.

#include <cairn/config.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What lies in one stretch of a series: exact least, greatest and last finite value, and what is not finite.
struct Bucket {
    double min = std::numeric_limits<double>::quiet_NaN();   ///< NaN if there is no finite value
    double max = std::numeric_limits<double>::quiet_NaN();   ///< the same
    double last = std::numeric_limits<double>::quiet_NaN();  ///< in the order they were logged
    std::uint64_t finite = 0;                                ///< how many finite values
    std::uint64_t not_finite = 0;                            ///< how many NaNs and infinities
};

/// All values of one metric in the order they were logged. Steps may repeat or go back; then a new segment
/// begins.
class Series {
  public:
    /// One value that was logged.
    struct Point {
        std::int64_t step = 0;     ///< of the row
        std::int64_t time_ns = 0;  ///< of the row; nanoseconds since the Unix epoch
        double value = 0;          ///< may be NaN or infinite
    };

    /// Appends a value.
    void add(std::int64_t step, std::int64_t time_ns, double value) {
        if (!points_.empty() && step <= points_.back().step) ++restarts_;
        points_.push_back({step, time_ns, value});
    }

    /// How many values.
    [[nodiscard]] std::size_t size() const noexcept { return points_.size(); }
    /// The values, in the order they were logged.
    [[nodiscard]] const std::vector<Point>& points() const noexcept { return points_; }
    /// How often the step repeated or went back.
    [[nodiscard]] std::size_t restarts() const noexcept { return restarts_; }
    /// The least step. Requires a point.
    [[nodiscard]] std::int64_t first_step() const {
        return std::min_element(points_.begin(), points_.end(), by_step)->step;
    }
    /// The greatest step. Requires a point.
    [[nodiscard]] std::int64_t last_step() const {
        return std::max_element(points_.begin(), points_.end(), by_step)->step;
    }

    /// The series as `count` buckets of equal width in steps. No spike is lost: each bucket has its exact
    /// extremes. Requires a point. Cost: one pass.
    [[nodiscard]] std::vector<Bucket> buckets(std::size_t count) const {
        std::vector<Bucket> out(count);
        const auto from = static_cast<double>(first_step());
        const double range = static_cast<double>(last_step()) - from;
        const double width = (range > 0 ? range : 1) / static_cast<double>(count);
        for (const Point& point : points_) {
            const double place = (static_cast<double>(point.step) - from) / width;
            Bucket& bucket = out[std::min(static_cast<std::size_t>(place), count - 1)];
            if (!std::isfinite(point.value)) {
                ++bucket.not_finite;
                continue;
            }
            if (!(point.value >= bucket.min)) bucket.min = point.value;
            if (!(point.value <= bucket.max)) bucket.max = point.value;
            bucket.last = point.value;
            ++bucket.finite;
        }
        return out;
    }

  private:
    static bool by_step(const Point& a, const Point& b) noexcept { return a.step < b.step; }

    std::vector<Point> points_;
    std::size_t restarts_ = 0;
};

}  // namespace CAIRN_NAMESPACE
