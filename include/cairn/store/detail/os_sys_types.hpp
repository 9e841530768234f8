// SPDX-License-Identifier: MIT
#pragma once
// What the calls in os_sys_posix.hpp and os_sys_windows.hpp take and give.

#include <cairn/config.hpp>

#include <cstdint>

namespace CAIRN_NAMESPACE::detail::os {

/// What is at a path. All false and 0 if there is nothing.
struct FileStatus {
    bool exists = false;
    bool is_dir = false;
    bool is_file = false;
    bool is_link = false;
    std::uint64_t size = 0;
    std::uint64_t nlink = 0;
    std::int64_t modified_ns = 0;
    std::uint64_t device = 0;  ///< with `inode`, what tells one file from another
    std::uint64_t inode = 0;
};

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

/// How a file is opened. Nothing that is opened reaches a program that is executed.
struct Opening {
    bool read = false;
    bool write = false;
    bool create = false;       ///< where it is not there
    bool must_be_new = false;  ///< with `create`: EEXIST if it is there
    bool append = false;       ///< with `write`: always at the end, whoever else writes
    bool folder = false;       ///< ENOTDIR if it is none
    bool follow = true;        ///< otherwise a symbolic link is ELOOP, or ENOTDIR
};
inline constexpr Opening a_folder{.read = true, .folder = true};
inline constexpr Opening a_folder_itself{.read = true, .folder = true, .follow = false};

enum class Locking : unsigned char { alone, shared, none };

/// A part of a file that is locked: one byte, which need not be there, or all of it.
struct LockRange {
    std::uint64_t at = 0;
    bool one_byte = false;
};

/// What the system says of a process: when it began, in the system's own unit, and whether only its entry is
/// left.
struct ProcessTime {
    std::uint64_t start = 0;
    bool ended = false;
};

}  // namespace CAIRN_NAMESPACE::detail::os::sys
