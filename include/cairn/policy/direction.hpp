// SPDX-License-Identifier: MIT
#pragma once
// Which way a metric is better. Costs nothing to include.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE {

/// Which way a metric is better. It is always written, never guessed from the metric's name.
enum class Direction : unsigned char { unspecified, minimize, maximize };
inline constexpr Direction minimize = Direction::minimize;  ///< smaller is better: a loss
inline constexpr Direction maximize = Direction::maximize;  ///< greater is better: an accuracy

/// Whether `a` is strictly better than `b`; false if either is NaN.
[[nodiscard]] constexpr bool is_better(Direction direction, double a, double b) noexcept {
    return direction == Direction::minimize ? a < b : a > b;
}

}  // namespace CAIRN_NAMESPACE
