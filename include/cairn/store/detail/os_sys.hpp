// SPDX-License-Identifier: MIT
#pragma once
// One thin function for each call into the operating system; nothing else in the library makes one that
// touches a file. A fault injector replaces these, and a port to another system writes its own os_*.hpp
// files.

#include <cairn/config.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/random.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

static_assert(sizeof(::off_t) >= 8,
              "cairn: on this 32-bit system compile with -D_FILE_OFFSET_BITS=64, so that "
              "files may be larger than 2 GiB");

/// What the system calls an open file.
using Handle = int;
inline constexpr Handle no_handle = -1;

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

// Descriptors never reach a program that is executed: O_CLOEXEC is set here, once for all.
[[nodiscard]] inline int open(const char* path, int flags, ::mode_t mode = 0) noexcept {
    return ::open(path, flags | O_CLOEXEC, mode);
}
[[nodiscard]] inline int openat(int folder, const char* name, int flags) noexcept {
    return ::openat(folder, name, flags | O_CLOEXEC);
}
inline int close(int fd) noexcept { return ::close(fd); }
[[nodiscard]] inline ::ssize_t read(int fd, void* to, std::size_t n) noexcept { return ::read(fd, to, n); }
[[nodiscard]] inline ::ssize_t write(int fd, const void* from, std::size_t n) noexcept {
    return ::write(fd, from, n);
}
[[nodiscard]] inline ::ssize_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept {
    return ::pread(fd, to, n, static_cast<::off_t>(at));
}
[[nodiscard]] inline ::ssize_t pwrite(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept {
    return ::pwrite(fd, from, n, static_cast<::off_t>(at));
}
[[nodiscard]] inline int ftruncate(int fd, std::uint64_t size) noexcept {
    return ::ftruncate(fd, static_cast<::off_t>(size));
}
[[nodiscard]] inline int fstat(int fd, struct ::stat* out) noexcept { return ::fstat(fd, out); }
[[nodiscard]] inline int stat(const char* path, struct ::stat* out) noexcept { return ::stat(path, out); }
[[nodiscard]] inline int lstat(const char* path, struct ::stat* out) noexcept { return ::lstat(path, out); }
[[nodiscard]] inline int chmod(const char* path, ::mode_t mode) noexcept { return ::chmod(path, mode); }
[[nodiscard]] inline int fchmod(int fd, ::mode_t mode) noexcept { return ::fchmod(fd, mode); }
[[nodiscard]] inline int mkdir(const char* path) noexcept { return ::mkdir(path, 0777); }
[[nodiscard]] inline int rename(const char* from, const char* to) noexcept { return std::rename(from, to); }
[[nodiscard]] inline int link(const char* from, const char* to) noexcept { return ::link(from, to); }
inline int unlink(const char* path) noexcept { return ::unlink(path); }
[[nodiscard]] inline int unlinkat(int folder, const char* name, int flags) noexcept {
    return ::unlinkat(folder, name, flags);
}
[[nodiscard]] inline ::ssize_t readlink(const char* path, char* to, std::size_t n) noexcept {
    return ::readlink(path, to, n);
}
[[nodiscard]] inline ::DIR* fdopendir(int fd) noexcept { return ::fdopendir(fd); }
[[nodiscard]] inline ::dirent* readdir(::DIR* folder) noexcept { return ::readdir(folder); }
inline int closedir(::DIR* folder) noexcept { return ::closedir(folder); }

/// To the disk itself, and not only to its cache.
[[nodiscard]] inline int fsync(int fd) noexcept {
#if defined(F_FULLFSYNC)
    if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
    return ::fsync(fd);
}

/// Reserves the blocks of a file, so that no later write through a mapping can fail. Gives the errno, not -1.
[[nodiscard]] inline int reserve(int fd, std::uint64_t size) noexcept {
#if defined(__APPLE__)
    (void)fd, (void)size;
    return EOPNOTSUPP;
#else
    return ::posix_fallocate(fd, 0, static_cast<::off_t>(size));
#endif
}

[[nodiscard]] inline void* mmap(std::size_t size, int protection, int flags, int fd) noexcept {
    return ::mmap(nullptr, size, protection, flags, fd, 0);
}
inline int munmap(void* at, std::size_t size) noexcept { return ::munmap(at, size); }

/// A part of a file that is locked: one byte, which need not be there, or all of it.
struct LockRange {
    std::uint64_t at = 0;
    bool one_byte = false;

#if defined(F_OFD_SETLK)
    [[nodiscard]] struct ::flock of_type(short type) const noexcept {
        struct ::flock range{};
        range.l_type = type;
        range.l_whence = SEEK_SET;
        range.l_start = static_cast<::off_t>(at & 0x7fff'ffff'ffff'ffffU);
        range.l_len = one_byte ? 1 : 0;
        return range;
    }
#endif
};

/// Takes a file, or a byte of it, alone (`F_WRLCK`) or with others (`F_RDLCK`), or drops it (`F_UNLCK`), for
/// this open file and not for the process: another open file of the same process is kept out too, and closing
/// that one drops nothing. EAGAIN if another has it. Where the system has no such locks, a byte is the whole
/// file.
[[nodiscard]] inline int lock(int fd, short type, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = part.of_type(type);
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return 0;
    if (errno == EACCES) errno = EAGAIN;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    return ::flock(fd, type == F_UNLCK ? LOCK_UN : (type == F_RDLCK ? LOCK_SH : LOCK_EX) | LOCK_NB);
}

/// 1 if the file, or the byte, is locked by anybody, 0 if it is free, -1 on failure. Nothing is taken where
/// the system can tell.
[[nodiscard]] inline int is_locked(int fd, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = part.of_type(F_WRLCK);
    if (::fcntl(fd, F_OFD_GETLK, &range) == 0) return range.l_type == F_UNLCK ? 0 : 1;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? 1 : -1;
    return ::flock(fd, LOCK_UN);
}

[[nodiscard]] inline ::pid_t getpid() noexcept { return ::getpid(); }
/// Whether the process exists, as far as this one may know: 0, or -1 with ESRCH or EPERM.
[[nodiscard]] inline int exists(::pid_t pid) noexcept { return ::kill(pid, 0); }
[[nodiscard]] inline int gethostname(char* to, std::size_t n) noexcept { return ::gethostname(to, n); }
[[nodiscard]] inline int getentropy(void* to, std::size_t n) noexcept { return ::getentropy(to, n); }
inline void sleep_ns(long ns) noexcept {
    const ::timespec time{0, ns};
    ::nanosleep(&time, nullptr);
}

/// Repeats a call that a signal broke off.
template <class Call>
[[nodiscard]] auto retry(Call call) noexcept {
    auto done = call();
    while (done < 0 && errno == EINTR) done = call();
    return done;
}

}  // namespace CAIRN_NAMESPACE::detail::os::sys
