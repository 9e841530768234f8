// SPDX-License-Identifier: MIT
#pragma once
// The mark that a process leaves that a signal ends.

#include <cairn/store/os.hpp>

#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>
#include <system_error>

namespace CAIRN_NAMESPACE::detail {

/// The signal whose mark lies in a file; nothing if there is none.
template <class = void>
[[nodiscard]] std::optional<int> crash_signal(const os::Path& file) {
    auto mark = os::File::open_read(file);
    if (!mark) return std::nullopt;
    const auto text = mark->read_all(16);
    int number = 0;
    if (!text) return std::nullopt;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), number);
    return read.ec == std::errc{} ? std::optional{number} : std::nullopt;
}

/// Its name, for the signals that leave a mark on this system.
[[nodiscard]] constexpr std::string_view signal_name(int number) noexcept {
    switch (number) {
#if !defined(_WIN32)
        case SIGSEGV: return "SIGSEGV";
        case SIGBUS: return "SIGBUS";
        case SIGFPE: return "SIGFPE";
        case SIGILL: return "SIGILL";
        case SIGABRT: return "SIGABRT";
#endif
        default: return "a signal";
    }
}

}  // namespace CAIRN_NAMESPACE::detail
