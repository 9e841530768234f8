// SPDX-License-Identifier: MIT
#pragma once
// Files of settings that other systems' clients have. Costs <string>.

#include <cairn/config.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// The value of `key` in a section of an INI file; empty if there is none.
[[nodiscard]] inline std::string ini_value(std::string_view text, std::string_view section,
                                           std::string_view key) {
    const auto trimmed = [](std::string_view part) {
        constexpr std::string_view blank = " \t\r";
        const std::size_t from = part.find_first_not_of(blank);
        return from == std::string_view::npos ? std::string_view{}
                                              : part.substr(from, part.find_last_not_of(blank) - from + 1);
    };
    bool is_ours = false;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = trimmed(text.substr(at, end - at));
        at = end + 1;
        if (line.starts_with('[') && line.ends_with(']'))
            is_ours = trimmed(line.substr(1, line.size() - 2)) == section;
        const std::size_t equals = line.find('=');
        if (is_ours && equals != std::string_view::npos && trimmed(line.substr(0, equals)) == key)
            return std::string{trimmed(line.substr(equals + 1))};
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail
