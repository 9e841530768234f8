// SPDX-License-Identifier: MIT
#pragma once
// The element types a tensor can have, as the safetensors format names them, and which C++ type is which.
// Costs <optional> and <string_view>.

#include <cairn/config.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace CAIRN_NAMESPACE {

/// The element type of a tensor. In the order of growing alignment, which is how safetensors files are
/// sorted.
enum class Dtype : unsigned char {
    BOOL,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
};

namespace detail {

struct DtypeInfo {
    std::string_view name;
    std::size_t size;
};

inline constexpr std::array<DtypeInfo, 15> dtype_table{{{"BOOL", 1},
                                                        {"U8", 1},
                                                        {"I8", 1},
                                                        {"F8_E5M2", 1},
                                                        {"F8_E4M3", 1},
                                                        {"I16", 2},
                                                        {"U16", 2},
                                                        {"F16", 2},
                                                        {"BF16", 2},
                                                        {"I32", 4},
                                                        {"U32", 4},
                                                        {"F32", 4},
                                                        {"F64", 8},
                                                        {"I64", 8},
                                                        {"U64", 8}}};

/// Numbers with one meaning everywhere. Not the character types (`char` is signed on some systems only) and
/// not `long double` (it is 8, 12 or 16 bytes).
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                 !std::same_as<T, decltype(u8'x')> && !std::same_as<T, char16_t> &&
                 !std::same_as<T, char32_t> && !std::same_as<T, long double>;

template <Number T>
[[nodiscard]] consteval Dtype number_dtype() noexcept {
    if (std::same_as<T, bool>) return Dtype::BOOL;
    if (std::is_floating_point_v<T>) return sizeof(T) == 4 ? Dtype::F32 : Dtype::F64;
    switch (sizeof(T)) {
        case 1: return std::is_signed_v<T> ? Dtype::I8 : Dtype::U8;
        case 2: return std::is_signed_v<T> ? Dtype::I16 : Dtype::U16;
        case 4: return std::is_signed_v<T> ? Dtype::I32 : Dtype::U32;
        default: return std::is_signed_v<T> ? Dtype::I64 : Dtype::U64;
    }
}

}  // namespace detail

/// The name safetensors gives it, for example `F32`.
[[nodiscard]] constexpr std::string_view to_string(Dtype dtype) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].name;
}

/// Bytes per element.
[[nodiscard]] constexpr std::size_t size_of(Dtype dtype) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].size;
}

/// The element type called `name`; nothing if there is none.
[[nodiscard]] constexpr std::optional<Dtype> parse_dtype(std::string_view name) noexcept {
    for (std::size_t i = 0; i < detail::dtype_table.size(); ++i) {
        if (detail::dtype_table[i].name == name) return static_cast<Dtype>(i);
    }
    return std::nullopt;
}

/// Specialise for a number type of your own (a half, a bfloat16) with `static constexpr Dtype value`; the
/// type must be trivially copyable and of that dtype's size. The primary template is unspecified.
template <class T>
struct dtype_for;

/// The numbers of C++: `bool`, the integers, `float` and `double`.
template <detail::Number T>
struct dtype_for<T> {
    static constexpr Dtype value = detail::number_dtype<T>();  ///< the type of the same size
};

/// A type whose objects can be the elements of a tensor: `bool`, the integers, `float`, `double`, and
/// whatever `dtype_for` is specialised for.
template <class T>
concept TensorElement = std::is_trivially_copyable_v<T> && requires {
    requires std::same_as<decltype(dtype_for<T>::value), const Dtype>;
    requires size_of(dtype_for<T>::value) == sizeof(T);
};

/// The dtype of a C++ element type.
template <TensorElement T>
inline constexpr Dtype dtype_of = dtype_for<T>::value;

}  // namespace CAIRN_NAMESPACE
