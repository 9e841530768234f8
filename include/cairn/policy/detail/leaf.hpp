// SPDX-License-Identifier: MIT
#pragma once
// One member of a composed type, without a byte where it is empty. An empty base, since MSVC ignores
// [[no_unique_address]]. `Owner` keeps it apart from an equal member of what it is composed with: in `a |
// !a`, `a` stands twice.

#include <cairn/config.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

template <class Owner, std::size_t I, class T, bool AsBase = std::is_class_v<T> && !std::is_final_v<T>>
class Leaf : T {
  public:
    Leaf() = default;
    // A parameter name that no class it derives from has: that would be a warning about shadowing.
    constexpr explicit Leaf(T to_be_held) : T(std::move(to_be_held)) {}
    [[nodiscard]] constexpr T& get() noexcept { return *this; }
    [[nodiscard]] constexpr const T& get() const noexcept { return *this; }
};

template <class Owner, std::size_t I, class T>
class Leaf<Owner, I, T, false> {
  public:
    Leaf() = default;
    constexpr explicit Leaf(T value) : value_(std::move(value)) {}
    [[nodiscard]] constexpr T& get() noexcept { return value_; }
    [[nodiscard]] constexpr const T& get() const noexcept { return value_; }

  private:
    T value_{};
};

}  // namespace CAIRN_NAMESPACE::detail
