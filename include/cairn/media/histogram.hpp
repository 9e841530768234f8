// SPDX-License-Identifier: MIT
#pragma once
// Histograms. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How many values lie in each of a row of bins, with exact extremes and counts of what is no finite number:
/// `run.log("weights"_m = cairn::Histogram{std::span{weights}})`.
template <class Json = nlohmann::json>
class BasicHistogram {
  public:
    /// As many as W&B makes.
    static constexpr std::size_t default_bins = 64;

    /// Of samples of any number type, in bins of one width from the least finite value to the greatest. If
    /// all are one value, the bins are a unit around it. Throws invalid_argument, if there are no bins or
    /// more than 65536. Cost: two passes at the speed of memory; the samples are not kept.
    template <class T>
        requires std::is_arithmetic_v<T>
    explicit BasicHistogram(std::span<const T> samples, std::size_t bins = default_bins) {
        check_bins(bins);
        double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0;
        for (const T& sample : samples) {
            const double x = static_cast<double>(sample);
            if (!detail::is_finite(x)) continue;
            low = std::min(low, x);
            high = std::max(high, x);
            sum += x;
            ++finite_;
        }
        min_ = low, max_ = high;
        mean_ = finite_ != 0 ? sum / static_cast<double>(finite_) : 0;
        if (finite_ == 0) low = 0, high = 1;
        if (!(low < high)) {
            const double half = std::max(0.5, std::abs(low) * 1e-12);  // that a great number can be told from
            low -= half, high += half;
        }
        set_even_edges(low, high, bins);
        // Halved, so that the distance of the two ends of the range of doubles is a number.
        const double from = edges_.front() / 2,
                     scale = static_cast<double>(bins) / (edges_.back() / 2 - from);
        for (const T& sample : samples) {
            const double x = static_cast<double>(sample);
            if (detail::is_finite(x))
                ++counts_[bin_of(x, (x / 2 - from) * scale)];
            else
                ++(detail::is_nan(x) ? nan_ : x > 0 ? positive_infinity_ : negative_infinity_);
        }
    }
    /// The same of anything that has its numbers in one row: a vector, an array.
    template <class Container>
        requires requires(const Container& c) { std::span{c}; } && (!std::same_as<Container, BasicHistogram>)
    explicit BasicHistogram(const Container& samples, std::size_t bins = default_bins)
        : BasicHistogram{
              std::span<const std::remove_cv_t<typename decltype(std::span{samples})::element_type>>{samples},
              bins} {}

    /// From ready bins: `counts[i]` values lie between `edges[i]` and `edges[i + 1]`. Throws
    /// invalid_argument, unless there is one edge more than counts and they rise.
    static BasicHistogram from_bins(std::vector<double> edges, std::vector<std::uint64_t> counts) {
        check_bins(counts.size());
        bool rises = edges.size() == counts.size() + 1;
        for (std::size_t i = 0; rises && i < edges.size(); ++i)
            rises = detail::is_finite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]);
        if (!rises) {
            detail::raise(
                {errc::invalid_argument, "the edges of a histogram do not fit its counts",
                 std::to_string(edges.size()) + " edges, " + std::to_string(counts.size()) + " counts",
                 "give one edge more than counts, finite and rising"});
        }
        BasicHistogram out;
        out.edges_ = std::move(edges);
        out.counts_ = std::move(counts);
        out.min_ = out.edges_.front();
        out.max_ = out.edges_.back();
        double sum = 0;
        for (std::size_t i = 0; i < out.counts_.size(); ++i) {
            out.finite_ += out.counts_[i];
            sum += static_cast<double>(out.counts_[i]) * (out.edges_[i] / 2 + out.edges_[i + 1] / 2);
        }
        out.mean_ = out.finite_ != 0 ? sum / static_cast<double>(out.finite_) : 0;
        return out;
    }

    /// One more than there are counts; rising.
    [[nodiscard]] const std::vector<double>& edges() const noexcept { return edges_; }
    /// How many values lie in each bin; its lower edge belongs to it, of the last one also the upper.
    [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
    /// The least and greatest finite sample (of ready bins: the outer edges); infinite if there is none.
    [[nodiscard]] double min() const noexcept { return min_; }
    [[nodiscard]] double max() const noexcept { return max_; }  ///< see `min`
    /// Of the finite samples; of ready bins about, from their middles. 0 if there is none.
    [[nodiscard]] double mean() const noexcept { return mean_; }
    [[nodiscard]] std::uint64_t finite() const noexcept { return finite_; }  ///< samples that are finite
    [[nodiscard]] std::uint64_t nan() const noexcept { return nan_; }        ///< samples that are NaN
    [[nodiscard]] std::uint64_t positive_infinity() const noexcept { return positive_infinity_; }  ///< +inf
    [[nodiscard]] std::uint64_t negative_infinity() const noexcept { return negative_infinity_; }  ///< -inf

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return (edges_.size() + counts_.size()) * 8; }
    /// `{"edges", "counts", "min", "max", "mean", "finite", "nan", "positive_infinity",
    /// "negative_infinity"}`.
    [[nodiscard]] Media encode() const {
        Json out = {{"edges", edges_},
                    {"counts", counts_},
                    {"finite", finite_},
                    {"nan", nan_},
                    {"positive_infinity", positive_infinity_},
                    {"negative_infinity", negative_infinity_}};
        if (finite_ != 0) out.update({{"min", min_}, {"max", max_}, {"mean", mean_}});
        return {"histogram", "application/json", out.dump(), Json::object()};
    }

  private:
    BasicHistogram() = default;

    static void check_bins(std::size_t bins) {
        if (bins != 0 && bins <= 65536) return;
        detail::raise({errc::invalid_argument, "a histogram has 1 to 65536 bins", std::to_string(bins),
                       "64 are usual"});
    }
    /// The bin of a value that is `about` there: rounding may have missed it by one.
    [[nodiscard]] std::size_t bin_of(double x, double about) const noexcept {
        const std::size_t last = counts_.size() - 1;
        std::size_t i =
            about < static_cast<double>(last) ? about > 0 ? static_cast<std::size_t>(about) : 0 : last;
        while (i > 0 && x < edges_[i]) --i;
        while (i < last && x >= edges_[i + 1]) ++i;
        return i;
    }
    void set_even_edges(double low, double high, std::size_t bins) {
        low = std::max(low, -std::numeric_limits<double>::max());
        high = std::min(high, std::numeric_limits<double>::max());
        counts_.assign(bins, 0);
        edges_.resize(bins + 1);
        for (std::size_t i = 0; i <= bins; ++i) {
            const double part = static_cast<double>(i) / static_cast<double>(bins);
            edges_[i] = low * (1 - part) + high * part;
        }
    }

    std::vector<double> edges_;
    std::vector<std::uint64_t> counts_;
    double min_ = std::numeric_limits<double>::infinity(), max_ = -min_, mean_ = 0;
    std::uint64_t finite_ = 0, nan_ = 0, positive_infinity_ = 0, negative_infinity_ = 0;
};
using Histogram = BasicHistogram<>;

}  // namespace CAIRN_NAMESPACE
