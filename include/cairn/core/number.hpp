// SPDX-License-Identifier: MIT
#pragma once
// What a double is, by its bits: -ffast-math takes every number to be finite.

#include <cairn/config.hpp>

#include <bit>
#include <cstdint>
#include <type_traits>

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::uint64_t infinity_bits = 0x7ff0'0000'0000'0000;

// Under -ffast-math clang takes no function to return one of these, and makes anything of one that it sees do
// so. So they are constants, and who returns one reads it from where the compiler cannot look.
inline constexpr double not_a_number = std::bit_cast<double>(infinity_bits | std::uint64_t{1} << 51U);
inline constexpr double infinity = std::bit_cast<double>(infinity_bits), minus_infinity = -infinity;

inline const volatile std::uint64_t nan_in_memory = std::bit_cast<std::uint64_t>(not_a_number);
[[nodiscard]] constexpr double unseen_nan() noexcept {
    return std::is_constant_evaluated() ? not_a_number : std::bit_cast<double>(std::uint64_t{nan_in_memory});
}

// By reference: clang takes a double argument never to be NaN under -ffast-math.
[[nodiscard]] constexpr std::uint64_t magnitude_bits(const double& x) noexcept {
    return std::bit_cast<std::uint64_t>(x) & 0x7fff'ffff'ffff'ffffU;
}
[[nodiscard]] constexpr bool is_nan(const double& x) noexcept { return magnitude_bits(x) > infinity_bits; }
[[nodiscard]] constexpr bool is_finite(const double& x) noexcept { return magnitude_bits(x) < infinity_bits; }

}  // namespace CAIRN_NAMESPACE::detail
