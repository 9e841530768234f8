// SPDX-License-Identifier: MIT
#include "injector.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

// The calls as the system has them, and as the linker hands them to us.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name)
#define CAIRN_TEST_CALL(result, name, parameters)                                                            \
    extern "C" result __real_##name parameters;                                                              \
    extern "C" result __wrap_##name parameters

namespace cairn_test {
namespace {

/// What a call takes of the system, and so how it can fail.
enum Takes : unsigned { nothing = 0, room = 1, descriptor = 2, change = 4, patience = 8 };

std::atomic<bool> hangs{false};

thread_local bool is_armed = false;
thread_local FaultPlan plan{};
thread_local std::uint64_t calls = 0;
thread_local bool has_come = false;
thread_local std::vector<FileEvent>* events = nullptr;
thread_local bool locks_whole_files = false;
thread_local int lookers = 0;
thread_local std::string opened{};
thread_local std::function<void()> before_opened{};

void others_may_come(std::string_view path) {
    if (before_opened && path.ends_with(opened)) std::exchange(before_opened, {})();
}

/// Whether a call that takes these things can fail like that.
[[nodiscard]] bool can_fail(unsigned takes) noexcept {
    switch (plan.number) {
        case ENOSPC: return (takes & room) != 0;
        case EROFS: return (takes & change) != 0;
        case EMFILE: return (takes & descriptor) != 0;
        case EINTR: return (takes & patience) != 0;
        default: return true;
    }
}

/// Whether this call is to fail now; `errno` says how.
[[nodiscard]] bool fails(unsigned takes) noexcept {
    while (hangs) ::usleep(1000);
    if (!is_armed) return false;
    switch (plan.fault) {
        case Fault::kill:
            if (calls++ == plan.at) (void)::kill(::getpid(), SIGKILL);
            return false;
        case Fault::fail:
        case Fault::fail_on: {
            if (!can_fail(takes)) return false;
            const std::uint64_t call = calls++;
            if (call < plan.at || (call > plan.at && plan.fault == Fault::fail)) return false;
            has_come = true;
            errno = plan.number;
            return true;
        }
        default: return false;
    }
}

/// How much of it a write takes.
[[nodiscard]] std::size_t taken(std::size_t n) noexcept {
    if (!is_armed || plan.fault != Fault::short_write || n < 2 || calls++ != plan.at) return n;
    has_come = true;
    return n / 2;
}

}  // namespace

void arm(const FaultPlan& to) noexcept {
    plan = to;
    calls = 0;
    has_come = false;
    is_armed = true;
}

void before_opening(std::string end, std::function<void()> then) {
    opened = std::move(end);
    before_opened = std::move(then);
}

WholeFileLocks::WholeFileLocks(int met) noexcept {
    locks_whole_files = true;
    lookers = met;
}
WholeFileLocks::~WholeFileLocks() {
    locks_whole_files = false;
    lookers = 0;
}

void hang(bool whether) noexcept { hangs = whether; }

bool disarm() noexcept {
    is_armed = false;
    return has_come;
}

void record_events() noexcept { events = new std::vector<FileEvent>; }
std::vector<FileEvent> take_events() {
    std::vector<FileEvent> all = std::move(*events);
    delete std::exchange(events, nullptr);
    return all;
}

}  // namespace cairn_test

using namespace cairn_test;

CAIRN_TEST_CALL(int, stat, (const char* path, struct stat* to));
CAIRN_TEST_CALL(int, lstat, (const char* path, struct stat* to));
CAIRN_TEST_CALL(int, fstat, (int fd, struct stat* to));

namespace {

[[nodiscard]] std::uint64_t node_of(const char* path) noexcept {
    struct stat info{};
    return __real_lstat(path, &info) == 0 ? info.st_ino : 0;
}
[[nodiscard]] std::uint64_t node_of(int fd) noexcept {
    struct stat info{};
    return __real_fstat(fd, &info) == 0 ? info.st_ino : 0;
}
/// The folder and the name of a path.
[[nodiscard]] std::pair<std::uint64_t, std::string> split(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return {node_of("."), std::string{path}};
    return {node_of(std::string{path.substr(0, slash)}.c_str()), std::string{path.substr(slash + 1)}};
}
void tell(FileEvent::Kind kind, std::uint64_t node, std::pair<std::uint64_t, std::string> to,
          std::pair<std::uint64_t, std::string> from = {}) {
    events->push_back({.kind = kind,
                       .node = node,
                       .folder = to.first,
                       .from = from.first,
                       .name = std::move(to.second),
                       .old_name = std::move(from.second)});
}
void tell_write(int fd, std::uint64_t at, const void* bytes, ::ssize_t n) {
    if (events == nullptr || n <= 0) return;
    events->push_back({.kind = FileEvent::Kind::write,
                       .node = node_of(fd),
                       .at = at,
                       .bytes = {static_cast<const char*>(bytes), static_cast<std::size_t>(n)}});
}

}  // namespace

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...) {
    ::mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        std::va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, ::mode_t);
        va_end(rest);
    }
    others_may_come(path);
    const bool creates = (flags & O_CREAT) != 0;
    if (fails(descriptor | patience | (creates ? room | change : nothing))) return -1;
    const bool is_new = events != nullptr && creates && node_of(path) == 0;
    const int fd = __real_open(path, flags, mode);
    if (is_new && fd >= 0) tell(FileEvent::Kind::create, node_of(fd), split(path));
    return fd;
}
extern "C" int __real_openat(int folder, const char* name, int flags, ...);
extern "C" int __wrap_openat(int folder, const char* name, int flags, ...) {
    if (fails(descriptor | patience)) return -1;
    return __real_openat(folder, name, flags, 0666);  // the library makes nothing by it
}
CAIRN_TEST_CALL(int, close, (int fd)) {
    const bool failed = fails(patience);
    const int done = __real_close(fd);  // it is closed in any case
    return failed ? (errno = plan.number, -1) : done;
}
CAIRN_TEST_CALL(::ssize_t, read, (int fd, void* to, std::size_t n)) {
    return fails(patience) ? -1 : __real_read(fd, to, n);
}
CAIRN_TEST_CALL(::ssize_t, pread, (int fd, void* to, std::size_t n, ::off_t at)) {
    return fails(patience) ? -1 : __real_pread(fd, to, n, at);
}
CAIRN_TEST_CALL(::ssize_t, write, (int fd, const void* from, std::size_t n)) {
    if (fails(room | patience)) return -1;
    const ::off_t at = events != nullptr ? ::lseek(fd, 0, SEEK_CUR) : 0;
    const ::ssize_t done = __real_write(fd, from, taken(n));
    tell_write(fd, static_cast<std::uint64_t>(at), from, done);
    return done;
}
CAIRN_TEST_CALL(::ssize_t, pwrite, (int fd, const void* from, std::size_t n, ::off_t at)) {
    if (fails(room | patience)) return -1;
    const ::ssize_t done = __real_pwrite(fd, from, taken(n), at);
    tell_write(fd, static_cast<std::uint64_t>(at), from, done);
    return done;
}
CAIRN_TEST_CALL(int, ftruncate, (int fd, ::off_t size)) {
    if (fails(room | patience)) return -1;
    const int done = __real_ftruncate(fd, size);
    if (events != nullptr && done == 0)
        events->push_back(
            {.kind = FileEvent::Kind::truncate, .node = node_of(fd), .at = static_cast<std::uint64_t>(size)});
    return done;
}
int __wrap_stat(const char* path, struct stat* to) { return fails(nothing) ? -1 : __real_stat(path, to); }
int __wrap_lstat(const char* path, struct stat* to) { return fails(nothing) ? -1 : __real_lstat(path, to); }
int __wrap_fstat(int fd, struct stat* to) { return fails(nothing) ? -1 : __real_fstat(fd, to); }
CAIRN_TEST_CALL(int, chmod, (const char* path, ::mode_t mode)) {
    return fails(change) ? -1 : __real_chmod(path, mode);
}
CAIRN_TEST_CALL(int, fchmod, (int fd, ::mode_t mode)) { return fails(change) ? -1 : __real_fchmod(fd, mode); }
CAIRN_TEST_CALL(int, mkdir, (const char* path, ::mode_t mode)) {
    if (fails(room | change)) return -1;
    const int done = __real_mkdir(path, mode);
    if (events != nullptr && done == 0) tell(FileEvent::Kind::make_dir, node_of(path), split(path));
    return done;
}
CAIRN_TEST_CALL(int, rename, (const char* from, const char* to)) {
    if (fails(room | change)) return -1;
    const std::uint64_t node = events != nullptr ? node_of(from) : 0;
    const int done = __real_rename(from, to);
    if (events != nullptr && done == 0) tell(FileEvent::Kind::rename, node, split(to), split(from));
    return done;
}
CAIRN_TEST_CALL(int, link, (const char* from, const char* to)) {
    if (fails(room | change)) return -1;
    const int done = __real_link(from, to);
    if (events != nullptr && done == 0) tell(FileEvent::Kind::link, node_of(to), split(to));
    return done;
}
CAIRN_TEST_CALL(int, unlink, (const char* path)) {
    if (fails(change)) return -1;
    const int done = __real_unlink(path);
    if (events != nullptr && done == 0) tell(FileEvent::Kind::remove, 0, split(path));
    return done;
}
CAIRN_TEST_CALL(int, unlinkat, (int folder, const char* name, int flags)) {
    if (fails(change)) return -1;
    const int done = __real_unlinkat(folder, name, flags);
    if (events != nullptr && done == 0) tell(FileEvent::Kind::remove, 0, {node_of(folder), name});
    return done;
}
CAIRN_TEST_CALL(::DIR*, fdopendir, (int fd)) { return fails(nothing) ? nullptr : __real_fdopendir(fd); }
CAIRN_TEST_CALL(::dirent*, readdir, (::DIR * stream)) {
    return fails(nothing) ? nullptr : __real_readdir(stream);
}
CAIRN_TEST_CALL(int, fsync, (int fd)) {
    if (fails(patience)) return -1;
    const int done = __real_fsync(fd);
    if (events != nullptr && done == 0)
        events->push_back({.kind = FileEvent::Kind::sync, .node = node_of(fd)});
    return done;
}
extern "C" int __real_fcntl(int fd, int what, ...);
extern "C" int __wrap_fcntl(int fd, int what, ...) {
    std::va_list rest;
    va_start(rest, what);
    void* const argument = va_arg(rest, void*);  // an int would do as well on these machines
    va_end(rest);
    if (locks_whole_files && (what == F_OFD_SETLK || what == F_OFD_GETLK)) {
        errno = EINVAL;
        return -1;
    }
    return fails(patience) ? -1 : __real_fcntl(fd, what, argument);
}
CAIRN_TEST_CALL(int, flock, (int fd, int how)) {
    if (how != LOCK_UN && lookers > 0) {
        --lookers;
        errno = EWOULDBLOCK;
        return -1;
    }
    return fails(patience) ? -1 : __real_flock(fd, how);
}
CAIRN_TEST_CALL(int, posix_fallocate, (int fd, ::off_t at, ::off_t size)) {
    if (fails(room | patience)) return plan.number;
    return __real_posix_fallocate(fd, at, size);
}
CAIRN_TEST_CALL(void*, mmap, (void* at, std::size_t size, int protection, int flags, int fd, ::off_t from)) {
    return fails(nothing) ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, from);
}
// NOLINTEND(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name)
