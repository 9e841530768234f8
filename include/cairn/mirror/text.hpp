// SPDX-License-Identifier: MIT
#pragma once
// Texts as other systems take them. Costs <string>.

#include <cairn/model/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

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

/// The first character of a text, and how many bytes it has. A byte that is no UTF-8 is one of U+DC80 to
/// U+DCFF, as Python has it.
[[nodiscard]] constexpr std::pair<char32_t, std::size_t> first_character(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
    };
    const char32_t lead = byte(0);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size() < size || !is_utf8(text.substr(0, size))) return {0xDC00 + lead, 1};
    char32_t c = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) c = c << 6U | (byte(i) & 0x3FU);
    return {c, size};
}
/// "_x005B_", as XML writes what a name may not have.
[[nodiscard]] inline std::string escaped(char32_t c) {
    char out[16];
    std::snprintf(out, sizeof out, "_x%04X_", static_cast<unsigned>(c));
    return out;
}
/// Whether a text begins with what `escaped` writes.
[[nodiscard]] constexpr bool begins_escaped(std::string_view text) noexcept {
    const std::size_t end = text.substr(0, 9).find('_', 1);
    if (!text.starts_with("_x") || end == std::string_view::npos || end < 6) return false;
    const std::string_view digits = text.substr(2, end - 2);
    return std::all_of(digits.begin(), digits.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

}  // namespace CAIRN_NAMESPACE::detail
