// SPDX-License-Identifier: MIT
#pragma once
// A file or folder that looks as if nothing had been written to it for a while.

#include <cairn/store/os.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace cairn_test {

/// Sets the time of its last change this far back.
inline void make_older(const std::filesystem::path& path, std::chrono::seconds age) {
#if defined(_WIN32)
    // libstdc++ 12 does it by a function that opens no folder.
    namespace sys = cairn::detail::os::sys;
    sys::Attributes now;
    const ::HANDLE file =
        sys::open_handle(path.c_str(), FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES, false, now);
    const auto unix_s = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch() - age);
    const auto ticks =
        static_cast<std::uint64_t>(unix_s.count() + 11'644'473'600) * 10'000'000;  // since 1601
    const ::FILETIME time{static_cast<::DWORD>(ticks), static_cast<::DWORD>(ticks >> 32U)};
    const bool set = ::SetFileTime(file, nullptr, nullptr, &time) != 0;
    ::CloseHandle(file);
    if (!set) throw std::filesystem::filesystem_error{"cannot set the time", path, {}};
#else
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
#endif
}

}  // namespace cairn_test
