// SPDX-License-Identifier: MIT
#pragma once
// A tensor's histogram, whatever its numbers are.

#include <cairn/media/histogram.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/tensor.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The number that the 16 bits of a half are (IEEE 754 binary16).
[[nodiscard]] inline float half_to_float(std::uint16_t bits) noexcept {
    const std::uint32_t sign = (bits & 0x8000U) << 16U, rest = bits & 0x7fffU;
    if (rest >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | (rest & 0x3ffU) << 13U);
    // The smallest of them are multiples of 2^-24; of the others the exponent counts from another place.
    if (rest < 0x400U) return (sign != 0 ? -1.0F : 1.0F) * static_cast<float>(rest) * 0x1p-24F;
    return std::bit_cast<float>(sign | ((rest << 13U) + (112U << 23U)));
}

/// The elements of a tensor of 16-bit floats.
template <class F>
[[nodiscard]] std::vector<float> widened(std::span<const std::byte> bytes, F&& widen) {
    std::vector<float> out(bytes.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + 2 * i, sizeof bits);
        out[i] = widen(bits);
    }
    return out;
}

/// Exact in its extremes and in what is not finite; of a large tensor the bins are told by a part of it.
/// Nothing for a type whose numbers we do not know.
template <class = void>
[[nodiscard]] std::optional<Histogram> histogram_of(const TensorView& tensor, std::size_t bins) {
    constexpr std::size_t most_counted = std::size_t{1} << 13U;
    std::vector<std::byte> buffer;
    const std::span<const std::byte> bytes = elements_of(tensor, buffer);
    const auto of = [&]<class T>(const T*) -> std::optional<Histogram> {
        const auto* const from = reinterpret_cast<const T*>(bytes.data());  // that is what lies there
        return Histogram::of_many(std::span<const T>{from, bytes.size() / sizeof(T)}, bins, most_counted);
    };
    const auto of_halves = [&](auto widen) -> std::optional<Histogram> {
        const std::vector<float> all = widened(bytes, widen);
        return Histogram::of_many(std::span<const float>{all}, bins, most_counted);
    };
    switch (tensor.dtype) {
        case Dtype::F64: return of(static_cast<const double*>(nullptr));
        case Dtype::F32: return of(static_cast<const float*>(nullptr));
        case Dtype::F16: return of_halves([](std::uint16_t bits) { return half_to_float(bits); });
        case Dtype::BF16:
            return of_halves(
                [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16U); });
        case Dtype::I64: return of(static_cast<const std::int64_t*>(nullptr));
        case Dtype::I32: return of(static_cast<const std::int32_t*>(nullptr));
        case Dtype::I16: return of(static_cast<const std::int16_t*>(nullptr));
        case Dtype::I8: return of(static_cast<const std::int8_t*>(nullptr));
        case Dtype::U64: return of(static_cast<const std::uint64_t*>(nullptr));
        case Dtype::U32: return of(static_cast<const std::uint32_t*>(nullptr));
        case Dtype::U16: return of(static_cast<const std::uint16_t*>(nullptr));
        case Dtype::U8:
        case Dtype::BOOL: return of(static_cast<const std::uint8_t*>(nullptr));
        default: return std::nullopt;
    }
}

}  // namespace CAIRN_NAMESPACE::detail
