// SPDX-License-Identifier: MIT
#pragma once
// Texts as other systems take them. Costs <string>.

#include <cairn/model/tensor.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// Where a text that is no UTF-8 is refused, and all else with it: U+FFFD in the place of what is none.
[[nodiscard]] inline std::string as_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string{text};
    std::string out;
    for (const char c : text)
        out +=
            static_cast<unsigned char>(c) < 0x80 ? std::string_view{&c, 1} : std::string_view{"\xef\xbf\xbd"};
    return out;
}
/// UTF-8 of at most so many bytes: whole characters.
[[nodiscard]] inline std::string cut_utf8(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    text.resize(most);
    while (!is_utf8(text)) text.pop_back();
    return text;
}

}  // namespace CAIRN_NAMESPACE::detail
