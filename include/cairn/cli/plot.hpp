// SPDX-License-Identifier: MIT
#pragma once
// A series as a picture of braille characters for a terminal.

#include <cairn/cli/text.hpp>
#include <cairn/core/number.hpp>
#include <cairn/query/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

/// A grid of dots, two wide and four high in each character.
class Braille {
  public:
    /// An empty grid of so many characters.
    Braille(std::size_t columns, std::size_t rows) : columns_{columns}, rows_{rows}, cells_(columns * rows) {}

    /// How many dots it is wide.
    [[nodiscard]] std::size_t width() const noexcept { return columns_ * 2; }
    /// How many dots it is high.
    [[nodiscard]] std::size_t height() const noexcept { return rows_ * 4; }

    /// Sets the dot in column `x` from the left and row `y` from the bottom.
    void set(std::size_t x, std::size_t y) {
        static constexpr unsigned char bits[4][2] = {{0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};
        const std::size_t row = rows_ - 1 - y / 4;
        cells_[row * columns_ + x / 2] |= bits[y % 4][x % 2];
    }

    /// A row from the top, as UTF-8.
    [[nodiscard]] std::string line(std::size_t row) const {
        std::string out;
        for (std::size_t column = 0; column < columns_; ++column) {
            const unsigned char dots = cells_[row * columns_ + column];
            out += static_cast<char>(0xe2);
            out += static_cast<char>(0xa0 | dots >> 6U);
            out += static_cast<char>(0x80 | (dots & 0x3fU));
        }
        return out;
    }

  private:
    std::size_t columns_, rows_;
    std::vector<unsigned char> cells_;
};

namespace detail {

/// What stands left of a curve: the scale.
inline constexpr std::size_t plot_margin = 10;

/// How high a value lies between two others, from 0 to 1. Of halves: no difference of them overflows.
[[nodiscard]] inline double height_of(double value, double low, double high) {
    const double range = high / 2 - low / 2;
    return range > 0 ? (value / 2 - low / 2) / range : 0.5;
}

}  // namespace detail

/// How large the picture of a curve is, in characters.
struct PlotSize {
    std::size_t columns = 84;  ///< with the scale
    std::size_t rows = 14;     ///< of the curve; a title and a scale come to it
};

/// The curve of a series with its scales; each column of dots spans the exact
/// least and greatest value in it. What is not finite is marked with `!` under its column. Requires a point,
/// two rows and 20 columns.
[[nodiscard]] inline std::string plot(const Series& series, const std::string& title, PlotSize size = {}) {
    constexpr std::size_t margin = detail::plot_margin;
    const std::size_t columns = size.columns - margin - 2, rows = size.rows;
    Braille dots{columns, rows};
    const std::vector<Bucket> buckets = series.buckets(dots.width());
    double low = detail::infinity, high = detail::minus_infinity;
    std::uint64_t not_finite = 0;
    for (const Bucket& bucket : buckets) {
        not_finite += bucket.not_finite;
        if (bucket.finite == 0) continue;
        low = std::min(low, bucket.min);
        high = std::max(high, bucket.max);
    }
    const bool any = low <= high;
    if (!any) low = high = 0;
    const auto place = [&](double value) {
        const double share = detail::height_of(value, low, high);
        return static_cast<std::size_t>(std::lround(share * static_cast<double>(dots.height() - 1)));
    };
    // What was logged is a vertical stroke; strokes are joined by straight lines, so that few points are a
    // curve too.
    const Bucket* before = nullptr;
    std::size_t before_x = 0;
    for (std::size_t x = 0; x < buckets.size(); ++x) {
        if (buckets[x].finite == 0) continue;
        for (std::size_t y = place(buckets[x].min); y <= place(buckets[x].max); ++y) dots.set(x, y);
        if (before != nullptr) {
            const double mid = buckets[x].min / 2 + buckets[x].max / 2;
            std::size_t y = place(before->last);
            for (std::size_t at = before_x + 1; at <= x; ++at) {
                const double share = static_cast<double>(at - before_x) / static_cast<double>(x - before_x);
                const std::size_t next = place((1 - share) * before->last + share * mid);
                for (std::size_t step = std::min(y, next); step <= std::max(y, next); ++step)
                    dots.set(at, step);
                y = next;
            }
        }
        before = &buckets[x];
        before_x = x;
    }

    const auto label = [&](double value) {
        const std::string text = detail::short_number(value);
        return std::string(text.size() < margin ? margin - text.size() : 0, ' ') + text + " ┤";
    };
    std::string out = std::string(margin + 2, ' ') + detail::printable(title) + "\n";
    for (std::size_t row = 0; row < rows; ++row) {
        const bool top = row == 0, bottom = row + 1 == rows, middle = row == rows / 2;
        const double share = 1 - static_cast<double>(row) / static_cast<double>(rows - 1);
        out += any && (top || middle || bottom) ? label((1 - share) * low + share * high)
                                                : std::string(margin + 1, ' ') + "│";
        out += dots.line(row) + "\n";
    }
    if (not_finite != 0) {
        out += std::string(margin + 2, ' ');
        for (std::size_t c = 0; c < columns; ++c) {
            out += buckets[2 * c].not_finite + buckets[2 * c + 1].not_finite != 0 ? '!' : ' ';
        }
        out += "\n";
    }
    const std::string first = std::to_string(series.first_step()), last = std::to_string(series.last_step());
    const std::size_t used = std::min(columns, first.size() + last.size());
    out += std::string(margin + 2, ' ') + first + std::string(columns - used, ' ') + last + "\n";
    out += std::string(margin + 2, ' ') + std::to_string(series.size()) +
           " points, exact min and max in each column";
    if (not_finite != 0) out += ", " + std::to_string(not_finite) + " not finite (!)";
    if (series.restarts() != 0) out += ", the step went back " + std::to_string(series.restarts()) + " times";
    return out + "\n";
}

}  // namespace CAIRN_NAMESPACE::cli
