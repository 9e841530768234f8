// SPDX-License-Identifier: MIT
#pragma once
// What a double is, by its bits: -ffast-math takes every number to be finite.

#include <cairn/config.hpp>

#include <bit>
#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::uint64_t infinity_bits = 0x7ff0'0000'0000'0000;

// By reference: clang takes a double argument never to be NaN under -ffast-math.
[[nodiscard]] constexpr std::uint64_t magnitude_bits(const double& x) noexcept {
    return std::bit_cast<std::uint64_t>(x) & 0x7fff'ffff'ffff'ffffU;
}
[[nodiscard]] constexpr bool is_nan(const double& x) noexcept { return magnitude_bits(x) > infinity_bits; }
[[nodiscard]] constexpr bool is_finite(const double& x) noexcept { return magnitude_bits(x) < infinity_bits; }

}  // namespace CAIRN_NAMESPACE::detail
