// SPDX-License-Identifier: MIT
#pragma once
// A field of an object that others may have written.

#include <cairn/config.hpp>

#include <string>
#include <type_traits>

namespace CAIRN_NAMESPACE::detail {

/// The value of a field in `to`; false if it is missing or of another type.
template <class T, class Json>
[[nodiscard]] bool get_field(const Json& in, const char* key, T& to) {
    const auto found = in.find(key);
    if (found == in.end()) return false;
    if constexpr (std::is_same_v<T, std::string>) {
        if (!found->is_string()) return false;
    } else if constexpr (std::is_unsigned_v<T>) {
        if (!found->is_number_unsigned()) return false;
    } else if constexpr (std::is_integral_v<T>) {
        if (!found->is_number_integer()) return false;
    }
    found->get_to(to);
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail
