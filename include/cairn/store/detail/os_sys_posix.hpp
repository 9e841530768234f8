// SPDX-License-Identifier: MIT
#pragma once
// The calls of Linux, macOS and the BSDs.

#include <cairn/store/detail/os_sys_types.hpp>

#if !defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/mount.h>
#include <sys/random.h>
#elif defined(__FreeBSD__)
#include <sys/mount.h>
#include <sys/param.h>
#elif defined(__linux__)
#include <sys/vfs.h>
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

[[nodiscard]] constexpr int flags_of(Opening how) noexcept {
    int flags = O_CLOEXEC;
    if (how.write)
        flags |= how.read ? O_RDWR : O_WRONLY;
    else
        flags |= O_RDONLY | O_NONBLOCK;  // a pipe that somebody put there must not hang us
    if (how.create) flags |= O_CREAT;
    if (how.must_be_new) flags |= O_EXCL;
    if (how.append) flags |= O_APPEND;
    if (how.folder) flags |= O_DIRECTORY;
    if (!how.follow) flags |= O_NOFOLLOW;
    return flags;
}

[[nodiscard]] inline int or_link(int fd, [[maybe_unused]] Opening how) noexcept {
#if defined(__FreeBSD__)
    if (fd < 0 && !how.follow && errno == EMLINK) errno = ELOOP;  // its word for a link that is not followed
#endif
    return fd;
}
[[nodiscard]] inline int open(const char* path, Opening how) noexcept {
    return or_link(::open(path, flags_of(how), 0666), how);
}
[[nodiscard]] inline int open_at(int folder, const char* name, Opening how) noexcept {
    return or_link(::openat(folder, name, flags_of(how)), how);
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

[[nodiscard]] inline int read_status(int done, const struct ::stat& from, FileStatus& to) noexcept {
    if (done != 0) return done;
#if defined(__APPLE__)
    const ::timespec modified = from.st_mtimespec;
#else
    const ::timespec modified = from.st_mtim;
#endif
    to.exists = true;
    to.is_dir = S_ISDIR(from.st_mode);
    to.is_file = S_ISREG(from.st_mode);
    to.is_link = S_ISLNK(from.st_mode);
    to.size = static_cast<std::uint64_t>(from.st_size);
    to.nlink = static_cast<std::uint64_t>(from.st_nlink);
    to.modified_ns = static_cast<std::int64_t>(modified.tv_sec) * 1'000'000'000 + modified.tv_nsec;
    to.device = static_cast<std::uint64_t>(from.st_dev);
    to.inode = static_cast<std::uint64_t>(from.st_ino);
    return 0;
}
[[nodiscard]] inline int fstat(int fd, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::fstat(fd, &info), info, to);
}
[[nodiscard]] inline int stat(const char* path, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::stat(path, &info), info, to);
}
/// Of a link itself.
[[nodiscard]] inline int lstat(const char* path, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::lstat(path, &info), info, to);
}
/// Whether a file system, by what Linux calls it (`man 2 statfs`), may lie on another machine.
[[nodiscard]] constexpr bool is_network(std::uint32_t type) noexcept {
    switch (type) {
        case 0x6969:      // NFS
        case 0x517b:      // SMB
        case 0xff534d42:  // CIFS
        case 0xfe534d42:  // SMB 2
        case 0x5346414f:  // AFS, OpenAFS
        case 0x6b414653:  // AFS of the kernel
        case 0x73757245:  // Coda
        case 0x01021997:  // 9P
        case 0x00c36400:  // Ceph
        case 0x0bd00bd0:  // Lustre
        case 0x47504653:  // GPFS
        case 0x19830326:  // BeeGFS
        case 0x65735546:  // FUSE: sshfs, s3fs, …
            return true;
        default: return false;
    }
}
/// Whether an open file lies on this machine, so that a mapping of it can be trusted; also where the system
/// does not tell.
[[nodiscard]] inline bool is_local(int fd) noexcept {
#if defined(__linux__)
    struct ::statfs info{};
    return ::fstatfs(fd, &info) != 0 || !is_network(static_cast<std::uint32_t>(info.f_type));
#elif defined(__APPLE__) || defined(__FreeBSD__)
    struct ::statfs info{};
    return ::fstatfs(fd, &info) != 0 || (info.f_flags & MNT_LOCAL) != 0;
#else
    (void)fd;
    return true;
#endif
}
[[nodiscard]] inline int set_read_only(int fd) noexcept { return ::fchmod(fd, 0444); }
[[nodiscard]] inline int mkdir(const char* path) noexcept { return ::mkdir(path, 0777); }
[[nodiscard]] inline int rename(const char* from, const char* to) noexcept { return std::rename(from, to); }
[[nodiscard]] inline int link(const char* from, const char* to) noexcept { return ::link(from, to); }
inline int unlink(const char* path) noexcept { return ::unlink(path); }
[[nodiscard]] inline int unlink_at(int folder, const char* name) noexcept {
    return ::unlinkat(folder, name, 0);
}
[[nodiscard]] inline int rmdir_at(int folder, const char* name) noexcept {
    return ::unlinkat(folder, name, AT_REMOVEDIR);
}

/// Calls `each(name)` for all that an open folder holds, "." and ".." among it. Takes the handle.
template <class Each>
[[nodiscard]] int list(int folder, Each each) {
    ::DIR* const stream = ::fdopendir(folder);
    if (stream == nullptr) {
        const int number = errno;
        ::close(folder);
        errno = number;
        return -1;
    }
    errno = 0;
    while (const ::dirent* entry = ::readdir(stream)) {
        each(static_cast<const char*>(entry->d_name));
        errno = 0;
    }
    const int number = errno;
    ::closedir(stream);
    errno = number;
    return number == 0 ? 0 : -1;
}

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
    const int number = ::posix_fallocate(fd, 0, static_cast<::off_t>(size));
    return number < 0 ? errno : number;  // it should be the number itself; zig's musl gives -1 and errno
#endif
}

/// The first `size` bytes of a file as memory, or zeros that belong to no file; nullptr on failure.
[[nodiscard]] inline void* map(Handle fd, std::size_t size, bool writable) noexcept {
    const int flags = fd == no_handle ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void* const at = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, flags, fd, 0);
    return at == MAP_FAILED ? nullptr : at;
}
inline void unmap(void* at, std::size_t size) noexcept { (void)::munmap(at, size); }

#if defined(F_OFD_SETLK)
[[nodiscard]] inline struct ::flock flock_of(Locking how, LockRange part) noexcept {
    struct ::flock range{};
    const int type = how == Locking::alone ? F_WRLCK : how == Locking::shared ? F_RDLCK : F_UNLCK;
    range.l_type = static_cast<short>(type);
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<::off_t>(part.at & 0x7fff'ffff'ffff'ffffU);
    range.l_len = part.one_byte ? 1 : 0;
    return range;
}
#endif

inline void sleep_ns(long ns) noexcept {
    const ::timespec time{0, ns};
    ::nanosleep(&time, nullptr);
}
/// Takes a file, or a byte of it, or drops it, for this open file and not for the process: another open file
/// of the same process is kept out too, and closing that one drops nothing. EAGAIN if another has it. Where
/// the system has no such locks, a byte is the whole file.
[[nodiscard]] inline int lock(int fd, Locking how, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = flock_of(how, part);
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return 0;
    if (errno == EACCES) errno = EAGAIN;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    const int what = how == Locking::none ? LOCK_UN : (how == Locking::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    for (int attempt = 0;; ++attempt) {
        if (::flock(fd, what) == 0) return 0;
        if (errno != EWOULDBLOCK || attempt == 3) return -1;
        sleep_ns(1'000'000);  // who asks by `is_locked` has it for a moment
    }
}

/// 1 if a lock of this kind is impossible because of another, 0 if it is possible, -1 on failure. Nothing is
/// taken where the system can tell.
[[nodiscard]] inline int is_locked(int fd, Locking against, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = flock_of(against, part);
    if (::fcntl(fd, F_OFD_GETLK, &range) == 0) return range.l_type == F_UNLCK ? 0 : 1;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    if (lock(fd, against) != 0) return errno == EWOULDBLOCK ? 1 : -1;
    return ::flock(fd, LOCK_UN);
}

[[nodiscard]] inline void* open_library(const char* name) noexcept {
    return ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
}
using Function = void (*)();
[[nodiscard]] inline Function find_in_library(void* library, const char* name) noexcept {
    return reinterpret_cast<Function>(::dlsym(library, name));
}
/// What the process has used of all processors; negative if the system does not tell.
[[nodiscard]] inline double process_cpu_seconds() noexcept {
    ::timespec used{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return -1;
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}
[[nodiscard]] inline std::uint64_t getpid() noexcept { return static_cast<std::uint64_t>(::getpid()); }
/// Whether the process exists, as far as this one may know: 0, or -1 with ESRCH or EPERM.
[[nodiscard]] inline int exists(std::uint64_t pid) noexcept { return ::kill(static_cast<::pid_t>(pid), 0); }
[[nodiscard]] inline std::string host_name() {
    char name[257] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}
/// "Linux 6.1.0 x86_64".
[[nodiscard]] inline std::string system_name() {
    ::utsname name{};
    if (::uname(&name) != 0) return {};
    return std::string{name.sysname} + " " + name.release + " " + name.machine;
}
/// A variable of the environment, empty if there is none.
[[nodiscard]] inline std::string environment(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read when a run is opened
    return value != nullptr ? value : "";
}
[[nodiscard]] inline ::ssize_t readlink(const char* path, char* to, std::size_t n) noexcept {
    return ::readlink(path, to, n);
}
[[nodiscard]] inline int getentropy(void* to, std::size_t n) noexcept { return ::getentropy(to, n); }

}  // namespace CAIRN_NAMESPACE::detail::os::sys

#endif
