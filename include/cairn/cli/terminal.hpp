// SPDX-License-Identifier: MIT
#pragma once
// How large the terminal is that a program prints to.

#include <cairn/config.hpp>

#include <cstddef>
#include <cstdio>

#if defined(_WIN32)
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::cli {

/// What a command prints to.
struct Terminal {
    bool is_one = false;      ///< somebody looks; otherwise it is a file, a pipe, or a program of one's own
    std::size_t columns = 0;  ///< characters in a line; 0: not known
};

/// The terminal behind a file.
[[nodiscard]] inline Terminal terminal_of(std::FILE* file) noexcept {
#if defined(_WIN32)
    return {::_isatty(::_fileno(file)) != 0};
#else
    const int handle = ::fileno(file);
    if (::isatty(handle) == 0) return {};
    winsize size{};
    return {true, ::ioctl(handle, TIOCGWINSZ, &size) == 0 ? size.ws_col : std::size_t{0}};
#endif
}

}  // namespace CAIRN_NAMESPACE::cli
