// SPDX-License-Identifier: MIT
#pragma once
// Text that came from elsewhere: is it UTF-8, and how to quote it in a message. Costs <string>.

#include <cairn/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// Whether `text` is well-formed UTF-8 (Unicode, table 3-7): no overlong form, no surrogate, nothing cut off.
template <class = void>
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned lead = at(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i < length) return false;
        const unsigned second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (at(i + 1) < second_min || at(i + 1) > second_max) return false;
        for (std::size_t k = 2; k < length; ++k) {
            if ((at(i + k) & 0xc0U) != 0x80) return false;
        }
        i += length;
    }
    return true;
}

/// `text` in quotes, cut to a length a message can carry and without anything a terminal would act on.
template <class = void>
[[nodiscard]] std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string out = "\"";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    while (text.size() > longest && !is_utf8(out)) out.pop_back();  // not half a character
    return out + (text.size() > longest ? "…\"" : "\"");
}

}  // namespace CAIRN_NAMESPACE::detail
