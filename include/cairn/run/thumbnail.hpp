// SPDX-License-Identifier: MIT
#pragma once
// A metric's curve in a few characters, for the message at the end of a run.

#include <cairn/core/number.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace CAIRN_NAMESPACE::detail {

/// From `width` to twice as many means of equally long stretches of a series of any length. Cost: O(1)
/// amortised.
class Thumbnail {
  public:
    static constexpr std::size_t width = 12;

    void add(const double& x) noexcept {
        if (!is_finite(x)) return;
        mean_ += x * share_;  // never beyond the greatest number, as a sum can be
        if (++in_bucket_ < per_bucket_) return;
        buckets_[filled_++] = mean_;
        mean_ = 0;
        in_bucket_ = 0;
        if (filled_ == buckets_.size()) halve();
    }

    /// The curve as block characters (UTF-8), lowest to highest of this series; empty if there is no number.
    [[nodiscard]] std::string text() const {
        static constexpr const char* blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        double low = 0, high = 0;
        for (std::size_t i = 0; i < filled_; ++i) {
            if (i == 0 || buckets_[i] < low) low = buckets_[i];
            if (i == 0 || buckets_[i] > high) high = buckets_[i];
        }
        const double range = high / 2 - low / 2;  // 0 of the least numbers, too
        std::string out;
        for (std::size_t i = 0; i < filled_; ++i) {
            const double share = range > 0 ? (buckets_[i] / 2 - low / 2) / range : 0.0;
            out += blocks[static_cast<std::size_t>(std::lround(share * 7.0))];
        }
        return out;
    }

  private:
    void halve() noexcept {
        for (std::size_t i = 0; i < width; ++i) buckets_[i] = buckets_[2 * i] / 2 + buckets_[2 * i + 1] / 2;
        filled_ = width;
        per_bucket_ *= 2;
        share_ /= 2;
    }

    std::array<double, 2 * width> buckets_{};
    std::size_t filled_ = 0;
    std::uint64_t per_bucket_ = 1;
    double share_ = 1;  // of one value in a bucket
    std::uint64_t in_bucket_ = 0;
    double mean_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
