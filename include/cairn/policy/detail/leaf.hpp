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
class Leaf : T {
  public:
    Leaf() = default;
    // Parameter names that no class it derives from has: that would be a warning about shadowing.
    [[gnu::always_inline]] constexpr explicit Leaf(const T& to_be_held) : T(to_be_held) {}
    [[gnu::always_inline]] constexpr explicit Leaf(T&& to_be_held) : T(static_cast<T&&>(to_be_held)) {}
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return *this; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return *this; }
};

template <class Owner, std::size_t I, class T>
class Leaf<Owner, I, T, false> {
  public:
    Leaf() = default;
    [[gnu::always_inline]] constexpr explicit Leaf(T value) : value_(static_cast<T&&>(value)) {}
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return value_; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return value_; }

  private:
    T value_{};
};

}  // namespace CAIRN_NAMESPACE::detail
