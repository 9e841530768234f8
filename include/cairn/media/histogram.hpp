// SPDX-License-Identifier: MIT
#pragma once
// Histograms. Costs nlohmann/json.

#include <cairn/core/cpu.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
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
        count(samples, bins, 1);
    }
    /// The same, but only every so manyth of many samples is counted, for so many others too: extremes, and
    /// how many are not finite, are exact; bins and mean are told by at least `least_counted` samples. Cost:
    /// one pass at the speed of memory.
    template <class T>
        requires std::is_arithmetic_v<T>
    [[nodiscard]] static BasicHistogram of_many(std::span<const T> samples, std::size_t bins,
                                                std::size_t least_counted) {
        check_bins(bins);
        BasicHistogram out;
        const std::size_t least = std::max<std::size_t>(least_counted, 1);
        out.count(samples, bins, std::max<std::size_t>(samples.size() / least, 1));
        return out;
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
            rises = is_finite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]);
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
    /// Of any number type; by its bits, so that it holds under -ffast-math too.
    template <class T>
    [[nodiscard]] static constexpr bool is_finite(const T& x) noexcept {
        if constexpr (!std::is_floating_point_v<T>)
            return true;
        else if constexpr (sizeof(T) == 4)
            return (std::bit_cast<std::uint32_t>(x) & 0x7fff'ffffU) < 0x7f80'0000U;
        else
            return detail::is_finite(static_cast<double>(x));
    }
    template <class T>
    struct Extremes {
        T low{}, high{};  // of the finite samples
        std::uint64_t finite = 0;
    };
    /// An integer of the order that the numbers have, and back. (A compiler takes the least of integers in
    /// vector registers, but not that of floats, for the sake of NaN.)
    template <class T>
    [[nodiscard]] static constexpr auto key_of(const T& x) noexcept {
        if constexpr (std::is_floating_point_v<T>) {
            using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
            return flipped(std::bit_cast<Bits>(x));
        } else {
            return x;
        }
    }
    template <class T, class Key>
    [[nodiscard]] static constexpr T number_of(Key key) noexcept {
        if constexpr (std::is_floating_point_v<T>)
            return std::bit_cast<T>(flipped(key));
        else
            return key;
    }
    template <class Bits>
    [[nodiscard]] static constexpr Bits flipped(Bits bits) noexcept {
        return bits ^ ((bits >> std::numeric_limits<Bits>::digits) & std::numeric_limits<Bits>::max());
    }
    /// The extremes of the finite ones of `count` samples are taken into `low` and `high`. Returns how many
    /// are finite.
    template <class T, class Key, class Count>
    [[gnu::always_inline]] static std::uint32_t take_piece(const T* from, Count count, Key& low,
                                                           Key& high) noexcept {
        std::uint32_t finite = 0;
        Key least = low, most = high;  // of its own, for its registers
        for (std::size_t i = 0; i < count; ++i) finite += is_finite(from[i]) ? 1U : 0U;
        if (finite == count) {
            for (std::size_t i = 0; i < count; ++i) least = std::min(least, key_of(from[i]));
            for (std::size_t i = 0; i < count; ++i) most = std::max(most, key_of(from[i]));
        } else {
            for (std::size_t i = 0; i < count; ++i) {
                if (!is_finite(from[i])) continue;
                least = std::min(least, key_of(from[i]));
                most = std::max(most, key_of(from[i]));
            }
        }
        low = least, high = most;
        return finite;
    }
    template <class T>
    [[gnu::always_inline]] static Extremes<T> extremes_here(std::span<const T> samples) noexcept {
        constexpr std::size_t piece = 2048;  // of a length that the compiler knows; it stays in the cache
        using Key = decltype(key_of(T{}));
        Key low = std::numeric_limits<Key>::max(), high = std::numeric_limits<Key>::lowest();
        Extremes<T> out;
        std::size_t i = 0;
        for (; samples.size() - i >= piece; i += piece) {
            out.finite +=
                take_piece(samples.data() + i, std::integral_constant<std::size_t, piece>{}, low, high);
        }
        out.finite += take_piece(samples.data() + i, samples.size() - i, low, high);
        if (out.finite != 0) out.low = number_of<T>(low), out.high = number_of<T>(high);
        return out;
    }
#if defined(__x86_64__) && defined(__GNUC__)
    // Without SSE4.1, which x86-64 does not promise, there is no least of 32-bit integers.
    template <class T>
    [[gnu::target("avx2")]] static Extremes<T> extremes_avx2(std::span<const T> samples) noexcept {
        return extremes_here(samples);
    }
#endif
    /// One pass.
    template <class T>
    [[nodiscard]] static Extremes<T> extremes_of(std::span<const T> samples) noexcept {
#if defined(__x86_64__) && defined(__GNUC__)
        if (detail::cpu().avx2) return extremes_avx2(samples);
#endif
        return extremes_here(samples);
    }
    /// Fills the bins by one of each `stride` samples.
    template <class T>
    void count(std::span<const T> samples, std::size_t bins, std::size_t stride) {
        const Extremes<T> extremes = extremes_of(samples);
        finite_ = extremes.finite;
        double low = 0, high = 1;
        if (finite_ != 0)
            min_ = low = static_cast<double>(extremes.low), max_ = high = static_cast<double>(extremes.high);
        if (!(low < high)) {
            const double half = std::max(0.5, std::abs(low) * 1e-12);  // that a great number can be told from
            low -= half, high += half;
        }
        set_even_edges(low, high, bins);
        // Halved, so that the distance of the two ends of the range of doubles is a number.
        const double from = edges_.front() / 2,
                     scale = static_cast<double>(bins) / (edges_.back() / 2 - from);
        double sum = 0;
        std::uint64_t counted = 0;
        std::uint32_t dice = 1;
        for (std::size_t i = 0; i < samples.size(); i += stride) {
            // One of each stretch, drawn: at one distance they might all be of one column (Numerical Recipes'
            // numbers).
            dice = dice * 1'664'525U + 1'013'904'223U;
            const auto drawn = static_cast<std::size_t>(std::uint64_t{dice >> 8U} * stride >> 24U);
            const T& sample = samples[std::min(i + drawn, samples.size() - 1)];
            if (!is_finite(sample)) continue;
            const double x = static_cast<double>(sample);
            counts_[bin_of(x, (x / 2 - from) * scale)] += stride;
            sum += x;
            ++counted;
        }
        mean_ = counted != 0 ? sum / static_cast<double>(counted) : 0;
        if (finite_ != samples.size()) count_others(samples);
    }
    template <class T>
    void count_others(std::span<const T> samples) noexcept {
        for (const T& x : samples) {
            if (is_finite(x)) continue;
            ++(detail::is_nan(static_cast<double>(x)) ? nan_
               : x > 0                                ? positive_infinity_
                                                      : negative_infinity_);
        }
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
    double min_ = detail::infinity, max_ = detail::minus_infinity, mean_ = 0;
    std::uint64_t finite_ = 0, nan_ = 0, positive_infinity_ = 0, negative_infinity_ = 0;
};
using Histogram = BasicHistogram<>;

}  // namespace CAIRN_NAMESPACE
