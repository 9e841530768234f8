// SPDX-License-Identifier: MIT
#pragma once
// Smoothed curves, computed over all values of a series and then put into buckets: so a zoom shows the same
// curve, and no sampling changes it. Costs <vector>.

#include <cairn/config.hpp>
#include <cairn/core/number.hpp>
#include <cairn/query/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a curve is smoothed. Values that are not finite are left out of every one of them.
enum class Smoothing : unsigned char {
    none,
    /// Weights that fall with the distance along x, by the share of the range that lies between two values:
    /// the same look for series that were logged at different rates. What W&B calls the time-weighted EMA.
    time_weighted,
    /// `s = weight · s + (1 - weight) · y`, divided by `1 - weight^n` after n finite values, as TensorBoard
    /// does.
    exponential,
    /// The mean under a bell curve around each value, whose standard deviation is `weight` values.
    gaussian
};

/// What smoothing is asked for: `weight` is 0 to 1 for the first two, values for the third.
struct Smooth {
    Smoothing kind = Smoothing::none;  ///< how
    double weight = 0;                 ///< how much
};

namespace detail {

/// The recursive ones, value by value.
class RunningSmooth {
  public:
    /// \param range  of x, over the whole series.
    RunningSmooth(const Smooth& how, double range) noexcept : how_{how}, range_{range > 0 ? range : 1} {
        how_.weight = std::clamp(how_.weight, 0.0, 0.999);
        if (how_.kind == Smoothing::time_weighted) how_.weight = std::min(std::sqrt(how_.weight), 0.999);
    }
    /// The smoothed value at a finite value.
    double next(double x, const double& y) noexcept {
        double keep = how_.weight;
        if (how_.kind == Smoothing::time_weighted && has_last_) {
            constexpr double viewport = 1000;  // W&B's scale of the range
            keep = std::pow(how_.weight, std::max(0.0, x - last_x_) / range_ * viewport);
        }
        last_x_ = x;
        has_last_ = true;
        sum_ = sum_ * keep + y * (how_.kind == Smoothing::exponential ? 1 - keep : 1);
        mass_ = mass_ * keep + (how_.kind == Smoothing::exponential ? 1 - keep : 1);
        return mass_ > 0 ? sum_ / mass_ : y;
    }

  private:
    Smooth how_;
    double range_, last_x_ = 0, sum_ = 0, mass_ = 0;
    bool has_last_ = false;
};

}  // namespace detail

/// The smoothed values from one place on an axis to another, as `count` buckets of equal width; each bucket's
/// `last` is the curve at its end. What lies before the window counts, as if all of it were shown. Buckets
/// without a value have no `finite`. Cost: one pass over all values; for `gaussian` six standard deviations
/// for each of them, and all values in memory.
[[nodiscard]] inline std::vector<Bucket> smoothed(const Series& series, std::int64_t from, std::int64_t to,
                                                  Axis axis, std::size_t count, const Smooth& how) {
    const std::int64_t zero = axis == Axis::relative ? series.origin_ns() : 0;
    const auto place_of = [&](const Series::Point& point) {
        return axis == Axis::step ? point.step : point.time_ns - zero;
    };
    const bool by_step = axis == Axis::step;
    const std::int64_t first = by_step ? series.first_step() : series.first_ns() - zero;
    const std::int64_t last = by_step ? series.last_step() : series.last_ns() - zero;
    from = std::max(from, first);
    to = std::min(to, last);
    std::vector<Bucket> out(from <= to ? count : 0);
    if (out.empty()) return out;
    const double width =
        std::max(1.0, static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(count);
    const auto put = [&](std::int64_t place, double value) {
        if (place < from || place > to) return;
        const double at = (static_cast<double>(place) - static_cast<double>(from)) / width;
        Bucket& bucket = out[std::min(static_cast<std::size_t>(at), count - 1)];
        if (bucket.finite++ == 0) bucket = {place, place, value, value, value, 1, 0};
        bucket.from = std::min(bucket.from, place);
        bucket.to = std::max(bucket.to, place);
        bucket.min = std::min(bucket.min, value);
        bucket.max = std::max(bucket.max, value);
        bucket.last = value;
    };
    const auto all = series.window(first, last, axis);
    if (how.kind == Smoothing::gaussian) {
        std::vector<std::int64_t> places;
        std::vector<double> values;
        all.each([&](const Series::Point& point) {
            if (!detail::is_finite(point.value)) return;
            places.push_back(place_of(point));
            values.push_back(point.value);
        });
        const double sigma = std::clamp(how.weight, 0.0, 1000.0);
        std::vector<double> bell;
        for (double at = 0; at <= std::ceil(3 * sigma); ++at)
            bell.push_back(sigma > 0 ? std::exp(-at * at / (2 * sigma * sigma)) : 1);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (places[i] < from || places[i] > to) continue;
            double sum = bell[0] * values[i], mass = bell[0];
            for (std::size_t d = 1; d < bell.size(); ++d) {
                if (d <= i) sum += bell[d] * values[i - d], mass += bell[d];
                if (i + d < values.size()) sum += bell[d] * values[i + d], mass += bell[d];
            }
            put(places[i], sum / mass);
        }
        return out;
    }
    detail::RunningSmooth running{how, static_cast<double>(last) - static_cast<double>(first)};
    all.each([&](const Series::Point& point) {
        if (!detail::is_finite(point.value)) return;
        const std::int64_t place = place_of(point);
        put(place, how.kind == Smoothing::none ? point.value
                                               : running.next(static_cast<double>(place), point.value));
    });
    return out;
}

}  // namespace CAIRN_NAMESPACE
