// SPDX-License-Identifier: MIT
#pragma once
// Names as MLflow takes them. Costs <string>.

#include <cairn/core/bytes.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/text.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// Whether every MLflow takes the character in a name: Latin letters, digits, "_", ".", " ", "-", "/", and of
/// other letters those of the greatest alphabets. A colon is none: servers before 2.16 refuse it.
[[nodiscard]] constexpr bool is_plain(char32_t c) noexcept {
    struct Range {
        char32_t from, to;
    };
    constexpr Range letters[] = {{'0', '9'},       {'A', 'Z'},      {'a', 'z'},       {'_', '_'},
                                 {'-', '/'},       {' ', ' '},      {0xC0, 0xD6},     {0xD8, 0xF6},
                                 {0xF8, 0x24F},    {0x391, 0x3A1},  {0x3A3, 0x3C9},   {0x401, 0x401},
                                 {0x410, 0x44F},   {0x451, 0x451},  {0x3041, 0x3096}, {0x30A1, 0x30FA},
                                 {0x4E00, 0x9FA5}, {0xAC00, 0xD7A3}};
    return std::any_of(std::begin(letters), std::end(letters),
                       [&](const Range& range) { return c >= range.from && c <= range.to; });
}
/// The name of a metric, a parameter or a tag, as MLflow takes it. What it refuses is written as `_x005B_`,
/// so that different names stay different, and the name can be read back; one that is then longer than 250
/// characters has its end replaced by a digest. Most names stay as they are. (The rules are those of MLflow's
/// server: letters and "_./ -", no path that could be written shorter.)
[[nodiscard]] inline std::string name_of(std::string_view text) {
    constexpr std::size_t most = 250, digest_digits = 16;
    std::string out;
    std::size_t characters = 0, kept = 0;  // bytes of those that have room before a digest
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at);
        const auto [c, size] = first_character(rest);
        const bool begins_part = at == 0 || text[at - 1] == '/';
        // A part that is "", "." or ".." is one that could be left out.
        const std::string_view part = rest.substr(0, rest.find('/'));
        const bool is_idle = (c == '/' && (begins_part || rest.size() == 1)) ||
                             (c == '.' && begins_part && (part == "." || part == "..")) ||
                             (at == 0 && rest.starts_with(".."));
        const bool is_kept = is_plain(c) && !is_idle && !begins_escaped(rest);
        const std::string shown = is_kept ? std::string{rest.substr(0, size)} : escaped(c);
        characters += is_kept ? 1 : shown.size();
        out += shown;
        if (characters < most - digest_digits) kept = out.size();
        at += size;
    }
    if (out.empty()) return "_";
    if (characters <= most) return out;
    return out.substr(0, kept) + "-" + sha256(bytes_of(text)).hex().substr(0, digest_digits);
}

/// The path of a file, as MLflow keeps it: it refuses a "#", and takes "%2F" for what it stands for, however
/// often it is escaped; these are written as in names.
[[nodiscard]] inline std::string stored_path(std::string_view path) {
    const auto is_digit = [&](std::size_t at) {
        constexpr std::string_view digits = "0123456789abcdefABCDEF";
        return at < path.size() && digits.find(path[at]) != std::string_view::npos;
    };
    std::string out;
    for (std::size_t at = 0; at < path.size(); ++at) {
        const char c = path[at];
        const bool is_kept = c != '#' && !(c == '%' && is_digit(at + 1) && is_digit(at + 2)) &&
                             !begins_escaped(path.substr(at));
        out += is_kept ? std::string{c} : escaped(static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::mlflow
