// SPDX-License-Identifier: MIT
#pragma once
// One metric over a run, of any length, and its exact reduction to a few buckets. Costs <vector>,
// <functional>.

#include <cairn/config.hpp>
#include <cairn/core/number.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a window and its buckets are measured in.
enum class Axis : unsigned char {
    step,     ///< the rows' steps
    time,     ///< the rows' wall time, nanoseconds since the Unix epoch
    relative  ///< the same since the run was made; of a series that was put together by hand, since its first
};

/// What lies in one stretch of a series: exact least, greatest and last finite value, and what is not finite.
struct Bucket {
    std::int64_t from = 0;              ///< the least step (or time) of its values; nothing if there are none
    std::int64_t to = 0;                ///< the greatest
    double min = detail::not_a_number;  ///< NaN if there is no finite value
    double max = detail::not_a_number;  ///< the same
    double last = detail::not_a_number;  ///< in the order they were logged
    std::uint64_t finite = 0;            ///< how many finite values
    std::uint64_t not_finite = 0;        ///< how many NaNs and infinities
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
        /// Calls `f(Point)` for each of them, in the order they were logged: for what needs no copy of all.
        template <class F>
        void each(F&& f) const {
            for (const Chunk& chunk : series_->chunks_) {
                if (!meets(chunk.node)) continue;
                const detail::SeriesValues values = series_->values_of(chunk);
                for (std::size_t i = 0; i < values.numbers.size(); ++i) {
                    const Point point{values.steps[i], values.ms[i] * ns_per_ms, values.numbers[i]};
                    const std::int64_t place = place_of(point, axis_);
                    if (place >= from_ && place <= to_) f(point);
                }
            }
        }
        /// The same without what lies before the first and after the last value of the series. Requires a
        /// point.
        [[nodiscard]] Window cut() const {
            const Window all = series_->all(axis_);
            Window out = *this;
            out.from_ = std::max(from_, all.from_);
            out.to_ = std::min(to_, all.to_);
            return out;
        }

      private:
        friend class Series;
        friend class SeriesOver;
        const Series* series_;
        std::int64_t from_, to_;
        Axis axis_;                                    // step or time
        std::int64_t zero_ = 0;                        // what a bucket's ends are told from
        double (*number_of_)(std::int64_t) = nullptr;  // of a place, unless it is the same

        /// Whether some of what the node stands for may lie in it.
        [[nodiscard]] bool meets(const detail::SeriesNode& node) const {
            const Range range = range_of(node, axis_);
            return range.to >= from_ && range.from <= to_;
        }
        [[nodiscard]] double number(std::int64_t place) const {
            return number_of_ != nullptr ? number_of_(place) : static_cast<double>(place);
        }

        Window(const Series& series, std::int64_t from, std::int64_t to, Axis axis)
            : series_{&series}, from_{from}, to_{to}, axis_{axis} {
            if (axis != Axis::relative) return;
            axis_ = Axis::time;
            zero_ = series.origin_ns();
            for (std::int64_t* end : {&from_, &to_}) *end = saturating_add(*end, zero_);
        }
    };

    /// Reads stretch `n` of those that were added with `add_stored`; nothing if it cannot be read. What it
    /// gives is good until the next call.
    using Load = std::function<std::optional<detail::SeriesValues>(std::size_t n)>;

    Series() = default;
    /// For what is read in a history.
    explicit Series(Load load) : load_{std::move(load)} {}

    /// Appends a value. Its time is kept in whole milliseconds.
    void add(std::int64_t step, std::int64_t time_ns, const double& value) {
        const bool goes_on =
            !chunks_.empty() && chunks_.back().stored == none && chunks_.back().steps.size() < chunk_size;
        Chunk& last = goes_on ? chunks_.back() : begin_chunk();
        const std::int64_t ms = time_ns / ns_per_ms;
        last.steps.push_back(step);
        last.ms.push_back(ms);
        last.numbers.push_back(value);
        last.parts.clear();
        last.node.add(step, ms, value);
        all_.add(step, ms, value);
    }
    /// Appends a stretch that `Load` reads.
    void add_stored(std::size_t n, const detail::SeriesNode& node) {
        if (node.count() == 0) return;
        Chunk& last = begin_chunk();
        last.node = node;
        last.stored = n;
        all_.merge(node);
    }

    /// Says when the run was made, nanoseconds since the Unix epoch.
    void set_origin(std::int64_t ns) noexcept { origin_ns_ = ns; }
    /// Counts what `damaged` tells.
    void add_damage(std::size_t count) noexcept { damaged_ += count; }

    /// How many values.
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(all_.count()); }
    /// The values, in the order they were logged.
    [[nodiscard]] std::vector<Point> points() const { return all().points(); }
    /// How often the step repeated or went back.
    [[nodiscard]] std::size_t restarts() const noexcept { return static_cast<std::size_t>(all_.restarts); }
    /// The first values after it did, at most so many of them. Cost: reads the stretches that have one.
    [[nodiscard]] std::vector<Point> restart_points(std::size_t most) const {
        std::vector<Point> out;
        std::optional<std::int64_t> before;  // the step
        for (const Chunk& chunk : chunks_) {
            if (out.size() >= most) break;
            if (chunk.node.count() == 0) continue;
            if (chunk.node.restarts != 0 || (before && chunk.node.first_step <= *before)) {
                const detail::SeriesValues values = values_of(chunk);
                for (std::size_t i = 0; i < values.numbers.size() && out.size() < most; ++i) {
                    if (before && values.steps[i] <= *before)
                        out.push_back({values.steps[i], values.ms[i] * ns_per_ms, values.numbers[i]});
                    before = values.steps[i];
                }
            }
            before = chunk.node.last_step;
        }
        return out;
    }
    /// The least step. Requires a point.
    [[nodiscard]] std::int64_t first_step() const noexcept { return all_.min_step; }
    /// The greatest step. Requires a point.
    [[nodiscard]] std::int64_t last_step() const noexcept { return all_.max_step; }
    /// The earliest time, nanoseconds since the Unix epoch. Requires a point.
    [[nodiscard]] std::int64_t first_ns() const noexcept { return all_.min_ms * ns_per_ms; }
    /// The latest. Requires a point.
    [[nodiscard]] std::int64_t last_ns() const noexcept { return all_.max_ms * ns_per_ms; }
    /// What `Axis::relative` counts from, nanoseconds since the Unix epoch.
    [[nodiscard]] std::int64_t origin_ns() const noexcept { return origin_ns_.value_or(first_ns()); }
    /// About how much memory it takes.
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        std::size_t bytes = sizeof *this;
        for (const auto& level : pyramid_) bytes += level.capacity() * sizeof level[0];
        for (const Chunk& chunk : chunks_)
            bytes += sizeof chunk + chunk.parts.capacity() * sizeof chunk.parts[0] +
                     chunk.numbers.capacity() * (sizeof chunk.numbers[0] + 2 * sizeof chunk.steps[0]);
        return bytes;
    }
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
    static constexpr std::size_t chunk_size = 1024, part_size = 128, fan_out = 2;
    static constexpr std::int64_t ns_per_ms = detail::ns_per_ms;

    struct Chunk {
        detail::SeriesNode node;
        std::size_t stored = none;
        std::vector<std::int64_t> steps{}, ms{};          // if it is not stored
        std::vector<double> numbers{};                    // the same
        mutable std::uint64_t unread = 0;                 // of its values
        mutable std::vector<detail::SeriesNode> parts{};  // of 128 values each, once they are needed
    };
    struct Range {
        std::int64_t from = 0, to = 0;
    };

    [[nodiscard]] static std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept {
        constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
        return b == least ? saturating_add(saturating_add(a, 1), std::numeric_limits<std::int64_t>::max())
                          : saturating_add(a, -b);
    }
    [[nodiscard]] static std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
        if (b > 0 && a > most - b) return most;
        if (b < 0 && a < least - b) return least;
        return a + b;
    }
    [[nodiscard]] Window all(Axis axis = Axis::step) const {
        const std::int64_t zero = axis == Axis::relative ? origin_ns() : 0;
        return axis == Axis::step
                   ? window(first_step(), last_step())
                   : window(saturating_sub(first_ns(), zero), saturating_sub(last_ns(), zero), axis);
    }
    [[nodiscard]] static Range range_of(const detail::SeriesNode& node, Axis axis) noexcept {
        return axis == Axis::step ? Range{node.min_step, node.max_step}
                                  : Range{node.min_ms * ns_per_ms, node.max_ms * ns_per_ms};
    }
    [[nodiscard]] static std::int64_t place_of(const Point& point, Axis axis) noexcept {
        return axis == Axis::step ? point.step : point.time_ns;
    }

    /// A new one; what was the last is whole now, and comes into the pyramid.
    Chunk& begin_chunk() {
        if (!chunks_.empty()) {
            std::size_t n = chunks_.size() - 1;
            const auto merge = [](std::vector<detail::SeriesNode>& level, std::size_t at,
                                  const detail::SeriesNode& node) {
                if (at == level.size()) level.emplace_back();
                level[at].merge(node);
            };
            for (std::vector<detail::SeriesNode>& level : pyramid_) {
                merge(level, n, chunks_.back().node);
                n /= fan_out;
            }
            if (pyramid_.empty()) {
                pyramid_.push_back({chunks_.back().node});
            } else if (pyramid_.back().size() > fan_out) {
                std::vector<detail::SeriesNode> top;
                for (std::size_t i = 0; i < pyramid_.back().size(); ++i)
                    merge(top, i / fan_out, pyramid_.back()[i]);
                pyramid_.push_back(std::move(top));
            }
        }
        return chunks_.emplace_back();
    }

    /// The values of a chunk, good until the next call.
    [[nodiscard]] detail::SeriesValues values_of(const Chunk& of) const {
        if (of.stored == none) return {of.steps, of.ms, of.numbers};
        const detail::SeriesNode& node = of.node;
        if (node.count() == 1 && node.finite == 1)  // no need to read its frame: it is all here
            return {std::span{&node.first_step, 1}, std::span{&node.min_ms, 1}, std::span{&node.last, 1}};
        const auto values = load_(of.stored);
        const std::uint64_t read = values ? values->numbers.size() : 0;
        const std::uint64_t unread = of.node.count() - std::min(of.node.count(), read);
        unread_ += unread - std::min(unread, of.unread);  // counted once, however often it is asked for
        of.unread = std::max(of.unread, unread);
        return values.value_or(detail::SeriesValues{});
    }
    /// Walks what lies in a window from the whole to the parts: `takes(node)` says whether a node will do as
    /// it is, and then has it; `f(values, from, to)` gets the values of those that will not, also of what
    /// lies outside.
    template <class Takes, class F>
    void walk(const Window& window, const Takes& takes, const F& f) const {
        if (chunks_.empty()) return;
        const auto takes_or_passes = [&](const detail::SeriesNode& node) {
            const Range range = range_of(node, window.axis_);
            return node.count() == 0 || range.to < window.from_ || range.from > window.to_ ||
                   takes(node, range);
        };
        for (std::size_t i = 0; !pyramid_.empty() && i < pyramid_.back().size(); ++i)
            walk_node(pyramid_.size() - 1, i, takes_or_passes, f);
        if (!takes_or_passes(chunks_.back().node)) walk_chunk(chunks_.back(), takes_or_passes, f);
    }
    template <class Takes, class F>
    void walk_node(std::size_t level, std::size_t n, const Takes& takes, const F& f) const {
        if (takes(pyramid_[level][n])) return;
        if (level == 0) return walk_chunk(chunks_[n], takes, f);
        const std::size_t end = std::min((n + 1) * fan_out, pyramid_[level - 1].size());
        for (std::size_t i = n * fan_out; i < end; ++i) walk_node(level - 1, i, takes, f);
    }
    template <class Takes, class F>
    void walk_chunk(const Chunk& chunk, const Takes& takes, const F& f) const {
        std::optional<detail::SeriesValues> values;
        if (chunk.parts.empty()) {
            values = values_of(chunk);
            divide(chunk, *values);
        }
        std::size_t from = 0;  // the first value of the part
        for (const detail::SeriesNode& part : chunk.parts) {
            const std::size_t to = from + static_cast<std::size_t>(part.count());
            if (!takes(part)) {
                if (!values) values = values_of(chunk);
                f(*values, from, std::min(to, values->numbers.size()));
            }
            from = to;
        }
    }
    static void divide(const Chunk& chunk, const detail::SeriesValues& values) {
        chunk.parts.reserve(values.numbers.size() / part_size + 1);
        for (std::size_t i = 0; i < values.numbers.size(); i += part_size)
            chunk.parts.emplace_back().add(values, i, std::min(i + part_size, values.numbers.size()));
    }

    Load load_;
    std::vector<Chunk> chunks_;
    // All chunks but the last; pairs of them; pairs of pairs: a bucket is put together of few.
    std::vector<std::vector<detail::SeriesNode>> pyramid_;
    detail::SeriesNode all_;
    std::size_t damaged_ = 0;
    std::optional<std::int64_t> origin_ns_;
    mutable std::uint64_t unread_ = 0;
};

inline std::vector<Bucket> Series::Window::buckets(std::size_t count) const {
    std::vector<Bucket> out(count);
    const double start = number(from_);
    const double range = number(to_) - start;
    const double width = (range > 0 ? range : 1) / static_cast<double>(count);
    const auto bucket_of = [&](double place) {
        const double at = (place - start) / width;  // NaN where a width underflows
        return at < static_cast<double>(count) ? static_cast<std::size_t>(std::max(at, 0.0)) : count - 1;
    };
    const auto merge = [](Bucket& bucket, const detail::SeriesNode& node, const Range& at) {
        const bool is_first = bucket.finite + bucket.not_finite == 0;
        bucket.from = is_first ? at.from : std::min(bucket.from, at.from);
        bucket.to = is_first ? at.to : std::max(bucket.to, at.to);
        if (node.finite != 0) {
            if (bucket.finite == 0 || node.min < bucket.min) bucket.min = node.min;
            if (bucket.finite == 0 || node.max > bucket.max) bucket.max = node.max;
            bucket.last = node.last;
        }
        bucket.finite += node.finite;
        bucket.not_finite += node.nans + node.infinities;
    };
    const auto takes = [&](const detail::SeriesNode& node, const Range& at) {
        if (at.from < from_ || at.to > to_) return false;
        const double from = number(at.from), to = number(at.to);
        const std::size_t bucket = bucket_of(from);
        if (to - from > width && bucket != bucket_of(to)) return false;
        merge(out[bucket], node, at);
        return true;
    };
    const bool is_step = axis_ == Axis::step;
    const auto fill = [&](const detail::SeriesValues& values, std::size_t from, std::size_t to) {
        const std::int64_t* const places = is_step ? values.steps.data() : values.ms.data();
        const std::int64_t unit = is_step ? 1 : ns_per_ms;
        while (from < to) {
            const std::int64_t first = places[from] * unit;
            std::size_t end = from + 1;
            if (first >= from_ && first <= to_) {
                // What follows goes with it as long as it lies in the bucket's middle: no division for it.
                const std::size_t bucket = bucket_of(number(first));
                const double low = start + (static_cast<double>(bucket) + 0.001) * width;
                const double high = start + (static_cast<double>(bucket) + 0.999) * width;
                for (; end < to; ++end) {
                    const std::int64_t next = places[end] * unit;
                    const double place = number(next);
                    if (place < low || place > high || next < from_ || next > to_) break;
                }
                detail::SeriesNode node;
                node.add(values, from, end);
                merge(out[bucket], node, range_of(node, axis_));
            }
            from = end;
        }
    };
    if (count != 0) series_->walk(*this, takes, fill);
    for (Bucket& bucket : out) {
        if (zero_ == 0 || bucket.finite + bucket.not_finite == 0) continue;
        bucket.from = saturating_sub(bucket.from, zero_);
        bucket.to = saturating_sub(bucket.to, zero_);
    }
    return out;
}

inline std::vector<Series::Point> Series::Window::points() const {
    std::vector<Point> out;
    constexpr std::uint64_t most = std::uint64_t{1} << 20U;  // an index may tell of more than there is
    std::uint64_t room = 0;
    for (const Chunk& chunk : series_->chunks_) {
        if (meets(chunk.node)) room = std::min(most, room + std::min(most, chunk.node.count()));
    }
    out.reserve(static_cast<std::size_t>(room));
    each([&](const Point& point) { out.push_back(point); });
    return out;
}

}  // namespace CAIRN_NAMESPACE
