// SPDX-License-Identifier: MIT
#pragma once
// Numbers out of texts, where libc++ is as yet without `std::from_chars` for a double. Costs <charconv> and
// <string>.

#include <cairn/config.hpp>

#include <cerrno>
#include <charconv>
#include <clocale>
#include <concepts>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace CAIRN_NAMESPACE::detail {

#if defined(__APPLE__) || (defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000)
/// `std::from_chars` for a double, infinite if it is too great, which libc++ has from version 20 on and macOS
/// from 26: C's reader, with the point of the program's locale.
template <class = void>
[[nodiscard]] std::from_chars_result read_number(const char* from, const char* to, double& value) {
    const auto skip_digits = [to](const char* at) {
        while (at != to && *at >= '0' && *at <= '9') ++at;
        return at;
    };
    const char* const whole = from != to && *from == '-' ? from + 1 : from;
    const char* const point = skip_digits(whole);
    const char* const fraction = point != to && *point == '.' ? point + 1 : point;
    const char* end = skip_digits(fraction);
    if (point == whole && end == fraction) return {from, std::errc::invalid_argument};
    if (end != to && (*end == 'e' || *end == 'E')) {
        const bool is_signed = to - end > 1 && (end[1] == '-' || end[1] == '+');
        const char* const exponent = end + (is_signed ? 2 : 1);
        if (const char* const last = skip_digits(exponent); last != exponent) end = last;
    }
    std::string text{from, point};
    if (fraction != point) text += std::localeconv()->decimal_point;
    text.append(fraction, end);
    errno = 0;
    value = std::strtod(text.c_str(), nullptr);
    return {end, value == 0 && errno == ERANGE ? std::errc::result_out_of_range : std::errc{}};
}
#else
[[nodiscard]] inline std::from_chars_result read_number(const char* from, const char* to,
                                                        double& value) noexcept {
    return std::from_chars(from, to, value);
}
#endif
/// The same for an integer.
template <std::integral N>
[[nodiscard]] std::from_chars_result read_number(const char* from, const char* to, N& value) noexcept {
    return std::from_chars(from, to, value);
}

/// The number that a whole text is; nothing if it is none, or more than one.
template <class N>
[[nodiscard]] std::optional<N> whole_number(std::string_view text) {
    N value{};
    const char* const to = text.data() + text.size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
    const auto [end, problem] = read_number(text.data(), to, value);
    return problem == std::errc{} && end == to ? std::optional{value} : std::nullopt;
}

}  // namespace CAIRN_NAMESPACE::detail
