// SPDX-License-Identifier: MIT
#pragma once
// What a container holds, as bytes. Costs <span>.

#include <cairn/config.hpp>

#include <cstddef>
#include <span>

namespace CAIRN_NAMESPACE::detail {

/// The elements of a container that has them in one row, as bytes. Says less than
/// `std::as_bytes(std::span{container})`, whose concepts cost an include a hundredth of its compile time for
/// each type of container.
template <class Container>
[[nodiscard]] std::span<const std::byte> bytes_of(const Container& container) noexcept {
    return {reinterpret_cast<const std::byte*>(container.data()),
            container.size() * sizeof(*container.data())};
}
/// The same, to be written to.
template <class Container>
[[nodiscard]] std::span<std::byte> writable_bytes_of(Container& container) noexcept {
    return {reinterpret_cast<std::byte*>(container.data()), container.size() * sizeof(*container.data())};
}

}  // namespace CAIRN_NAMESPACE::detail
