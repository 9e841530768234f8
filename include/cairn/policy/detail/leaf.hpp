// SPDX-License-Identifier: MIT
#pragma once
// One member of a composed type, without a byte where it is empty. `Owner` and `Index` keep it apart from an
// equal member of what it is composed with: in `a | !a`, `a` stands twice.

#include <cairn/config.hpp>

#include <cstddef>

namespace CAIRN_NAMESPACE::detail {

// Not a base that is a `T`: what is composed would be one too, and have its names.
template <class Owner, std::size_t Index, class T>
struct Leaf {
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return value; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return value; }

    // Without {}: g++ 12 makes that a hard error where a trait asks whether T can be made of nothing, and it
    // cannot.
    CAIRN_NO_UNIQUE_ADDRESS T value;
};

}  // namespace CAIRN_NAMESPACE::detail
