// SPDX-License-Identifier: MIT
#pragma once
// How deep the JSON of others may be nested, before it is parsed.

#include <cairn/config.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// JSON that is nested deeper is refused: who copies or prints it needs stack for each level.
inline constexpr std::size_t most_json_depth = 1000;
/// How deep the arrays and objects of a text are nested.
template <class = void>
[[nodiscard]] std::size_t json_depth(std::string_view text) noexcept {
    std::size_t depth = 0, most = 0;
    bool in_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text && c == '\\')
            ++i;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '[' || c == '{'))
            most = std::max(most, ++depth);
        else if (!in_text && (c == ']' || c == '}') && depth != 0)
            --depth;
    }
    return most;
}

}  // namespace CAIRN_NAMESPACE::detail
