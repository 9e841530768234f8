// SPDX-License-Identifier: MIT
#pragma once
// A lock between processes, on a file of its own. The kernel drops it when its holder dies, however that
// happens.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/detail/os_error.hpp>
#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_folder.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::os {

/// Held from acquiring to destruction. It belongs to the open file and not to the process: two locks on one
/// file exclude each other within a process too, and whoever opens and closes the file beside it drops
/// nothing. A forked child shares it, and would keep it after the parent's death: it calls `close_in_child`.
template <class = void>
class BasicLock {
  public:
    BasicLock() = default;
    BasicLock(BasicLock&& other) noexcept
        : file_{std::move(other.file_)}, owner_{std::exchange(other.owner_, 0)} {}
    BasicLock& operator=(BasicLock&& other) noexcept {
        if (this != &other) {
            release();
            file_ = std::move(other.file_);
            owner_ = std::exchange(other.owner_, 0);
        }
        return *this;
    }
    ~BasicLock() { release(); }

    /// The lock, without waiting; makes the file if need be. Fails: busy if another holds it.
    static result<BasicLock> try_acquire(const Path& path) { return acquire(path, 0); }
    /// The lock, after at most `timeout_ms` milliseconds (looks again every 1 to 20 ms). Fails: busy.
    static result<BasicLock> acquire(const Path& path, std::int64_t timeout_ms);
    /// Whether anybody, this process included, holds it. Takes nothing and drops nothing, makes no file.
    static result<bool> is_held(const Path& path);

    [[nodiscard]] bool held() const noexcept { return file_.is_open(); }
    [[nodiscard]] Handle native_handle() const noexcept { return file_.native_handle(); }
    /// Replaces what the lock's file says of its holder, for those that it keeps out. Requires `held()`.
    result<void> write_note(std::string_view text) {
        if (auto emptied = file_.truncate(0); !emptied) return emptied;
        return file_.write_at(0, bytes_of(text));
    }

    /// In a forked child: forgets the lock, which stays the parent's. Calls only `close`.
    void close_in_child() noexcept {
        file_ = File{};
        owner_ = 0;
    }

    /// Gives it back, even if a forked child still shares it. In such a child it does what `close_in_child`
    /// does.
    void release() noexcept {
        if (file_.is_open() && owner_ == sys::getpid())
            (void)sys::lock(file_.native_handle(), sys::Locking::none);
        file_ = File{};
        owner_ = 0;
    }

  private:
    explicit BasicLock(File file) : file_{std::move(file)}, owner_{sys::getpid()} {}

    File file_;
    std::uint64_t owner_ = 0;
};
using Lock = BasicLock<>;

template <class X>
result<BasicLock<X>> BasicLock<X>::acquire(const Path& path, std::int64_t timeout_ms) {
    const std::int64_t end = steady_ns() + timeout_ms * 1'000'000;
    long pause = 1'000'000;
    while (true) {
        auto file = File::open_read_write(path);
        // Busy: somebody keeps all others out of the file (Windows).
        if (!file && file.error().code() != errc::busy) return file.error();
        if (file && sys::retry([&] { return sys::lock(file->native_handle(), sys::Locking::alone); }) == 0) {
            // Somebody may have removed or replaced the file meanwhile; then this lock keeps nobody out.
            Status mine;
            Status there;
            if (sys::fstat(file->native_handle(), mine) == 0 && sys::stat(path.c_str(), there) == 0 &&
                mine.inode == there.inode && mine.device == there.device) {
                return Lock{std::move(*file)};
            }
            if (steady_ns() < end || timeout_ms == 0) continue;
            return error{errc::busy, "the lock's file is replaced again and again", path.string(),
                         "stop the program that removes it"};
        }
        if (file && errno != EAGAIN) return failure("lock", path);
        if (steady_ns() >= end) {
            if (!file) return file.error();
            return error{errc::busy, "another process or object holds the lock", path.string(),
                         "wait until it is done, or stop it"};
        }
        sys::sleep_ns(pause);
        pause = pause < 10'000'000 ? pause * 2 : 20'000'000;
    }
}

template <class X>
result<bool> BasicLock<X>::is_held(const Path& path) {
    auto file = File::open_read(path);
    if (!file) return file.error().code() == errc::not_found ? result<bool>{false} : file.error();
    const int held = sys::retry([&] { return sys::is_locked(file->native_handle(), sys::Locking::shared); });
    if (held < 0) return failure("look at the lock", path);
    return held == 1;
}

/// A mark that somebody is reading: held, with any number of others, on one byte of a file that need not have
/// it. Whoever wants to remove what is read looks with `is_held`. The kernel drops it when its holder dies.
template <class = void>
class BasicLease {
  public:
    BasicLease() = default;

    /// Takes it; makes the file if need be. Fails: permission, not_found, where the file cannot be made.
    static result<BasicLease> take(const Path& path, std::uint64_t number) {
        auto file = File::open_read_write(path);
        if (!file) file = File::open_read(path);
        if (!file) return file.error();
        const sys::LockRange byte{number, true};
        if (sys::retry([&] { return sys::lock(file->native_handle(), sys::Locking::shared, byte); }) != 0)
            return failure("mark as being read", path);
        BasicLease lease;
        lease.file_ = std::move(*file);
        lease.number_ = number;
        lease.owner_ = sys::getpid();
        return lease;
    }
    BasicLease(BasicLease&&) noexcept = default;
    BasicLease& operator=(BasicLease&& other) noexcept {
        if (this != &other) {
            release();
            file_ = std::move(other.file_);
            number_ = other.number_;
            owner_ = other.owner_;
        }
        return *this;
    }
    ~BasicLease() { release(); }

    /// Whether anybody, this process included, holds it. Takes nothing, makes no file.
    static result<bool> is_held(const Path& path, std::uint64_t number) {
        auto file = File::open_read(path);
        if (!file) return file.error().code() == errc::not_found ? result<bool>{false} : file.error();
        const int held = sys::retry(
            [&] { return sys::is_locked(file->native_handle(), sys::Locking::alone, {number, true}); });
        if (held < 0) return failure("look who reads", path);
        return held == 1;
    }

    [[nodiscard]] bool held() const noexcept { return file_.is_open(); }
    /// Gives it back, even if a forked child still shares it; in such a child it is the parent's.
    void release() noexcept {
        if (file_.is_open() && owner_ == sys::getpid())
            (void)sys::lock(file_.native_handle(), sys::Locking::none, {number_, true});
        file_ = File{};
    }

  private:
    File file_;
    std::uint64_t number_ = 0, owner_ = 0;
};
using Lease = BasicLease<>;

}  // namespace CAIRN_NAMESPACE::detail::os
