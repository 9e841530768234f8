// SPDX-License-Identifier: MIT
#pragma once
// The calls into the operating system, one thin function for each; nothing else in the library makes one that
// touches a file. They are POSIX's, with its errors in `errno`; each system has them in a file of its own.

#include <cairn/config.hpp>
#include <cairn/store/detail/os_sys_posix.hpp>
#include <cairn/store/detail/os_sys_windows.hpp>

#include <cerrno>

namespace CAIRN_NAMESPACE::detail::os::sys {

/// Repeats a call that a signal broke off.
template <class Call>
[[nodiscard]] auto retry(Call call) {
    auto done = call();
    while (done < 0 && errno == EINTR) done = call();
    return done;
}

}  // namespace CAIRN_NAMESPACE::detail::os::sys
