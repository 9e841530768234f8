// SPDX-License-Identifier: MIT
#pragma once
// What the operating system's error numbers mean here, and what to do about each.

#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace CAIRN_NAMESPACE::detail::os {

using Path = std::filesystem::path;

/// The path that a name in UTF-8 means: names are that in folders, manifests and the environment.
template <class = void>
[[nodiscard]] Path path_of(std::string_view name) {
#if defined(_WIN32)
    return Path{sys::wide(name)};
#else
    return Path{name};
#endif
}

/// A path as others take it and as it is printed, in UTF-8.
template <class = void>
[[nodiscard]] std::string utf8_of(const Path& path) {
#if defined(_WIN32)
    return sys::utf8(path.native());
#else
    return path.native();
#endif
}

/// A code, and advice that needs no more than the number to be given.
struct Meaning {
    errc code;
    std::string_view advice;
};

template <class = void>
[[nodiscard]] Meaning meaning(int number) noexcept {
    switch (number) {
        case ENOSPC: return {errc::no_space, "free space, or set CAIRN_DIR to a folder on a bigger disk"};
#if defined(EDQUOT)
        case EDQUOT:
            return {errc::no_space, "the quota is used up: free space, or set CAIRN_DIR to another disk"};
#endif
        case EFBIG:
            return {errc::no_space, "the file would be larger than the file system or `ulimit -f` allows"};
        case EACCES:
        case EPERM:
            return {errc::permission, "make it readable and writable for this user, or set CAIRN_DIR"};
        case EROFS:
            return {errc::permission, "the disk is mounted read-only: set CAIRN_DIR to one that is not"};
        case ENOENT: return {errc::not_found, "check the path; a folder above it may be missing"};
        case ENOTDIR:
            return {errc::not_found, "a part of the path is a file and not a folder: move that file away"};
        case EEXIST:
        case ENOTEMPTY: return {errc::already_exists, "choose another name, or remove it first"};
        case EMFILE:
            return {errc::io, "this process has too many open files: close some, or raise `ulimit -n`"};
        case ENFILE: return {errc::io, "the machine has too many open files: close some programs"};
        case ENAMETOOLONG:
            return {errc::invalid_argument, "use a shorter name, or a CAIRN_DIR nearer to the root"};
        case EISDIR: return {errc::invalid_argument, "this is a folder where a file is wanted: name a file"};
        case ELOOP:
            return {errc::invalid_argument,
                    "symbolic links are not followed here: put the file itself there"};
        case EAGAIN:
        case EBUSY:
        case ETXTBSY: return {errc::busy, "another process uses it: wait, or stop that process"};
        case ENOLCK:
        case ENOSYS:
        case EOPNOTSUPP:
            return {errc::unsupported,
                    "this file system lacks what the store needs (locks, for one): set CAIRN_DIR to "
                    "a local disk, or mount it with locks"};
        case EXDEV: return {errc::unsupported, "keep the whole store on one file system"};
        case EMLINK: return {errc::unsupported, "the file has as many links as the file system allows"};
        case ENOMEM: return {errc::io, "memory is short: close programs, or save less at once"};
        case EIO:
            return {errc::io, "the disk reports a failure: look at the system's log and save elsewhere"};
#if defined(ESTALE)
        case ESTALE: return {errc::io, "the network disk lost the file: mount it again"};
#endif
        default: return {errc::io, "look at the system's log; set CAIRN_DIR to try another disk"};
    }
}

/// The error that `number` (an errno) stands for: "cannot <tried>: <the system's words>".
template <class = void>
[[nodiscard]] error failure_of(int number, std::string_view tried, const Path& path) {
    const Meaning what = meaning(number);
    return error{what.code, "cannot " + std::string{tried} + ": " + std::generic_category().message(number),
                 path.string(), std::string{what.advice}};
}

/// The error of the system call that failed last.
template <class = void>
[[nodiscard]] error failure(std::string_view tried, const Path& path) {
    return failure_of(errno, tried, path);
}

}  // namespace CAIRN_NAMESPACE::detail::os
