// SPDX-License-Identifier: MIT
#pragma once
// One metric over a run, of any length, and its exact reduction to a few buckets. Costs <vector>,
// <functional>.

#include <cairn/core/function_ref.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a window and its buckets are measured in.
enum class Axis : unsigned char {
    step,  ///< the rows' steps
    time   ///< the rows' wall time, nanoseconds since the Unix epoch
};

/// What lies in one stretch of a series: exact least, greatest and last finite value, and what is not finite.
struct Bucket {
    std::int64_t from = 0;  ///< the least step (or time) of its values; nothing if there are none
    std::int64_t to = 0;    ///< the greatest
    double min = std::numeric_limits<double>::quiet_NaN();   ///< NaN if there is no finite value
    double max = std::numeric_limits<double>::quiet_NaN();   ///< the same
    double last = std::numeric_limits<double>::quiet_NaN();  ///< in the order they were logged
    std::uint64_t finite = 0;                                ///< how many finite values
    std::uint64_t not_finite = 0;                            ///< how many NaNs and infinities
};

/// All values of one metric in the order they were logged. Steps may repeat or go back; then a new segment
/// begins. What lies in a history is read when it is needed: in memory is what is known of about a thousand
/// values at a time, and, once they were looked at closely, of 128. Threads: one at a time.
class Series {
  public:
    /// One value that was logged.
    struct Point {
        std::int64_t step = 0;     ///< of the row
        std::int64_t time_ns = 0;  ///< of the row; nanoseconds since the Unix epoch
        double value = 0;          ///< may be NaN or infinite
    };

    /// A part of a series: what `series.window(from, to)` gives. Refers to the series.
    class Window {
      public:
        /// It as `count` buckets that are about equally wide. No spike is lost: each bucket has the exact
        /// extremes of the values from its `from` to its `to`, and each value lies in one bucket. A bucket is
        /// up to twice as wide as another where the ends are those of stretches whose summary is known. Cost:
        /// O(count + log of the series' length) summaries and at most a few hundred thousand values.
        [[nodiscard]] std::vector<Bucket> buckets(std::size_t count) const;
        /// Its values, in the order they were logged.
        [[nodiscard]] std::vector<Point> points() const;

      private:
        friend class Series;
        Window(const Series& series, std::int64_t from, std::int64_t to, Axis axis)
            : series_{&series}, from_{from}, to_{to}, axis_{axis} {}
        const Series* series_;
        std::int64_t from_, to_;
        Axis axis_;
    };

    /// Reads stretch `n` of those that were added with `add_stored`: calls `f(step, ms, value)` for its
    /// values. False if they cannot be read.
    using Load =
        std::function<bool(std::size_t n, detail::FunctionRef<void(std::int64_t, std::int64_t, double)> f)>;

    Series() = default;
    /// For what is read in a history.
    explicit Series(Load load) : load_{std::move(load)} {}

    /// Appends a value. Its time is kept in whole milliseconds.
    void add(std::int64_t step, std::int64_t time_ns, double value) {
        if (chunks_.empty() || chunks_.back().stored != none || chunks_.back().points.size() == chunk_size)
            chunks_.emplace_back();
        Chunk& last = chunks_.back();
        const std::int64_t ms = time_ns / ns_per_ms;
        last.points.push_back({step, ms * ns_per_ms, value});
        last.parts.clear();
        detail::SeriesNode one;
        one.add(step, ms, value);
        last.node.merge(one);
        note(one);
    }
    /// Appends a stretch that `Load` reads.
    void add_stored(std::size_t n, const detail::SeriesNode& node) {
        if (node.count() == 0) return;
        Chunk& last = chunks_.emplace_back();
        last.node = node;
        last.stored = n;
        note(node);
    }

    /// Counts what `damaged` tells.
    void add_damage(std::size_t count) noexcept { damaged_ += count; }

    /// How many values.
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(all_.count()); }
    /// The values, in the order they were logged.
    [[nodiscard]] std::vector<Point> points() const { return all().points(); }
    /// How often the step repeated or went back.
    [[nodiscard]] std::size_t restarts() const noexcept { return static_cast<std::size_t>(all_.restarts); }
    /// The least step. Requires a point.
    [[nodiscard]] std::int64_t first_step() const noexcept { return all_.min_step; }
    /// The greatest step. Requires a point.
    [[nodiscard]] std::int64_t last_step() const noexcept { return all_.max_step; }
    /// The earliest time, nanoseconds since the Unix epoch. Requires a point.
    [[nodiscard]] std::int64_t first_ns() const noexcept { return all_.min_ms * ns_per_ms; }
    /// The latest. Requires a point.
    [[nodiscard]] std::int64_t last_ns() const noexcept { return all_.max_ms * ns_per_ms; }
    /// How many values could not be read when they were asked for: the file was damaged or is gone.
    [[nodiscard]] std::uint64_t unread() const noexcept { return unread_; }
    /// How many stretches of the history, and how many rings, could not be read when it was opened.
    [[nodiscard]] std::size_t damaged() const noexcept { return damaged_; }

    /// What lies from a step (or time) to another, both included.
    [[nodiscard]] Window window(std::int64_t from, std::int64_t to, Axis axis = Axis::step) const {
        return {*this, from, to, axis};
    }
    /// All of it as `count` buckets. Requires a point.
    [[nodiscard]] std::vector<Bucket> buckets(std::size_t count, Axis axis = Axis::step) const {
        return all(axis).buckets(count);
    }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    static constexpr std::size_t chunk_size = 1024, part_size = 128, group_size = 32;
    static constexpr std::int64_t ns_per_ms = detail::ns_per_ms;

    struct Chunk {
        detail::SeriesNode node;
        std::size_t stored = none;
        std::vector<Point> points{};                      // if it is not stored
        mutable std::uint64_t unread = 0;                 // of its values
        mutable std::vector<detail::SeriesNode> parts{};  // of 128 values each, once they are needed
    };
    struct Range {
        std::int64_t from = 0, to = 0;
    };

    [[nodiscard]] Window all(Axis axis = Axis::step) const {
        return axis == Axis::step ? window(first_step(), last_step()) : window(first_ns(), last_ns(), axis);
    }
    [[nodiscard]] static Range range_of(const detail::SeriesNode& node, Axis axis) noexcept {
        return axis == Axis::step ? Range{node.min_step, node.max_step}
                                  : Range{node.min_ms * ns_per_ms, node.max_ms * ns_per_ms};
    }
    [[nodiscard]] static std::int64_t place_of(const Point& point, Axis axis) noexcept {
        return axis == Axis::step ? point.step : point.time_ns;
    }

    /// Keeps what is known of groups of chunks, and of all.
    void note(const detail::SeriesNode& node) {
        if (groups_.size() * group_size < chunks_.size()) groups_.emplace_back();
        groups_.back().merge(node);
        all_.merge(node);
    }

    /// Calls `f(Point)` for the values of a chunk.
    template <class F>
    void each_point(const Chunk& of, F&& f) const {
        if (of.stored == none) {
            for (const Point& point : of.points) f(point);
            return;
        }
        std::uint64_t read = 0;
        const auto one = [&](std::int64_t step, std::int64_t ms, double value) {
            ++read;
            f(Point{step, ms * ns_per_ms, value});
        };
        const bool is_read = load_(of.stored, one);
        const std::uint64_t unread = of.node.count() - std::min(of.node.count(), read);
        if (!is_read || unread != 0) {
            unread_ += unread - std::min(unread, of.unread);  // counted once, however often it is asked for
            of.unread = std::max(of.unread, unread);
        }
    }

    /// Walks what lies in a window from the whole to the parts: `takes(node)` says whether a node will do as
    /// it is, and then has it; `f(Point)` gets the values of those that will not.
    template <class Takes, class F>
    void walk(const Window& window, Takes&& takes, F&& f) const {
        const auto is_outside = [&](const detail::SeriesNode& node) {
            const Range range = range_of(node, window.axis_);
            return node.count() == 0 || range.to < window.from_ || range.from > window.to_;
        };
        std::vector<Point> points;
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            if (is_outside(groups_[g]) || takes(groups_[g])) continue;
            const std::size_t end = std::min(chunks_.size(), (g + 1) * group_size);
            for (std::size_t c = g * group_size; c < end; ++c) {
                const Chunk& chunk = chunks_[c];
                if (is_outside(chunk.node) || takes(chunk.node)) continue;
                points.clear();
                const auto read = [&] {
                    each_point(chunk, [&](const Point& point) { points.push_back(point); });
                };
                if (chunk.parts.empty()) {
                    read();
                    divide(chunk, points);
                }
                std::size_t from = 0;  // the first value of the part
                for (const detail::SeriesNode& part : chunk.parts) {
                    const std::size_t to = from + static_cast<std::size_t>(part.count());
                    if (!is_outside(part) && !takes(part)) {
                        if (points.empty()) read();
                        for (std::size_t i = from; i < std::min(to, points.size()); ++i) {
                            const std::int64_t place = place_of(points[i], window.axis_);
                            if (place >= window.from_ && place <= window.to_) f(points[i]);
                        }
                    }
                    from = to;
                }
            }
        }
    }
    static void divide(const Chunk& chunk, const std::vector<Point>& points) {
        for (const Point& point : points) {
            if (chunk.parts.empty() || chunk.parts.back().count() == part_size) chunk.parts.emplace_back();
            chunk.parts.back().add(point.step, point.time_ns / ns_per_ms, point.value);
        }
    }

    Load load_;
    std::vector<Chunk> chunks_;
    std::vector<detail::SeriesNode> groups_;  // of 32 chunks each
    detail::SeriesNode all_;
    std::size_t damaged_ = 0;
    mutable std::uint64_t unread_ = 0;
};

inline std::vector<Bucket> Series::Window::buckets(std::size_t count) const {
    std::vector<detail::SeriesNode> nodes(count);
    const auto start = static_cast<double>(from_);
    const double range = static_cast<double>(to_) - start;
    const double width = (range > 0 ? range : 1) / static_cast<double>(count);
    const auto bucket_of = [&](std::int64_t place) {
        const double at = (static_cast<double>(place) - start) / width;
        return std::min(static_cast<std::size_t>(std::max(at, 0.0)), count - 1);
    };
    const auto takes = [&](const detail::SeriesNode& node) {
        const Range at = range_of(node, axis_);
        if (at.from < from_ || at.to > to_) return false;
        const std::size_t bucket = bucket_of(at.from);
        const double extent = static_cast<double>(at.to) - static_cast<double>(at.from);
        if (bucket != bucket_of(at.to) && extent > width) return false;
        nodes[bucket].merge(node);
        return true;
    };
    if (count != 0) {
        series_->walk(*this, takes, [&](const Point& point) {
            nodes[bucket_of(place_of(point, axis_))].add(point.step, point.time_ns / ns_per_ms, point.value);
        });
    }
    std::vector<Bucket> out;
    out.reserve(count);
    for (const detail::SeriesNode& node : nodes) {
        const Range at = range_of(node, axis_);
        out.push_back(
            {at.from, at.to, node.min, node.max, node.last, node.finite, node.nans + node.infinities});
    }
    return out;
}

inline std::vector<Series::Point> Series::Window::points() const {
    std::vector<Point> out;
    for (const Chunk& chunk : series_->chunks_) {
        const Range range = range_of(chunk.node, axis_);
        if (range.to < from_ || range.from > to_) continue;
        series_->each_point(chunk, [&](const Point& point) {
            const std::int64_t place = place_of(point, axis_);
            if (place >= from_ && place <= to_) out.push_back(point);
        });
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE
