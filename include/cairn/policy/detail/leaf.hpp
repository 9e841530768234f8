// SPDX-License-Identifier: MIT
#pragma once
// One member of a composed type, without a byte where it is empty. An empty base, since MSVC ignores
// [[no_unique_address]]. `Owner` keeps it apart from an equal member of what it is composed with: in `a |
// !a`, `a` stands twice.

#include <cairn/config.hpp>

#include <cstddef>
#include <type_traits>

namespace CAIRN_NAMESPACE::detail {

template <class Owner, std::size_t I, class T, bool AsBase = std::is_class_v<T> && !std::is_final_v<T>>
struct Leaf : T {
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return *this; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return *this; }
};

template <class Owner, std::size_t I, class T>
struct Leaf<Owner, I, T, false> {
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return value; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return value; }

    T value{};
};

}  // namespace CAIRN_NAMESPACE::detail
