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

/// An open file that this process has locked, or one byte of it, from then to destruction. The lock belongs
/// to the open file and not to the process: two on one file exclude each other within a process too, and
/// whoever opens and closes the file beside it drops nothing. A forked child shares it, and would keep it
/// after the parent's death: it calls `forget`.
template <class = void>
class BasicLockedFile {
  public:
    BasicLockedFile() = default;
    /// One that is locked.
    explicit BasicLockedFile(File file, sys::LockRange part = {})
        : file_{std::move(file)}, part_{part}, owner_{sys::getpid()} {}
    BasicLockedFile(BasicLockedFile&& other) noexcept
        : file_{std::move(other.file_)}, part_{other.part_}, owner_{std::exchange(other.owner_, 0)} {}
    BasicLockedFile& operator=(BasicLockedFile&& other) noexcept {
        if (this != &other) {
            release();
            file_ = std::move(other.file_);
            part_ = other.part_;
            owner_ = std::exchange(other.owner_, 0);
        }
        return *this;
    }
    ~BasicLockedFile() { release(); }

    /// Whether anybody, this process included, has a lock of a file that is not possible beside one of this
    /// kind. Takes nothing and drops nothing, makes no file.
    static result<bool> is_locked(const Path& path, sys::Locking against, sys::LockRange part = {}) {
        auto file = File::open_read(path);
        if (!file) return file.error().code() == errc::not_found ? result<bool>{false} : file.error();
        const int taken = sys::retry([&] { return sys::is_locked(file->native_handle(), against, part); });
        if (taken < 0) return failure("look at the lock", path);
        return taken == 1;
    }

    [[nodiscard]] File& file() noexcept { return file_; }
    [[nodiscard]] bool held() const noexcept { return file_.is_open(); }
    /// In a forked child: the lock stays the parent's. Calls only `close`.
    void forget() noexcept {
        file_ = File{};
        owner_ = 0;
    }
    /// Drops the lock, even if a forked child still shares it. In such a child it does what `forget` does.
    void release() noexcept {
        if (held() && owner_ == sys::getpid())
            (void)sys::lock(file_.native_handle(), sys::Locking::none, part_);
        forget();
    }

  private:
    File file_;
    sys::LockRange part_;
    std::uint64_t owner_ = 0;
};
using LockedFile = BasicLockedFile<>;

/// Keeps others out, from acquiring to destruction.
template <class = void>
class BasicLock {
  public:
    BasicLock() = default;

    /// The lock, without waiting; makes the file if need be. Fails: busy if another holds it.
    static result<BasicLock> try_acquire(const Path& path) { return acquire(path, 0); }
    /// The lock, after at most `timeout_ms` milliseconds (looks again every 1 to 20 ms). Fails: busy.
    static result<BasicLock> acquire(const Path& path, std::int64_t timeout_ms);
    /// Whether anybody, this process included, holds it. Takes nothing and drops nothing, makes no file.
    static result<bool> is_held(const Path& path) {
        return LockedFile::is_locked(path, sys::Locking::shared);
    }

    /// Replaces what the lock's file says of its holder, for those that it keeps out. Requires that it is
    /// held.
    result<void> write_note(std::string_view text) {
        if (auto emptied = held_.file().truncate(0); !emptied) return emptied;
        return held_.file().write_at(0, bytes_of(text));
    }

    /// In a forked child: forgets the lock, which stays the parent's. Calls only `close`.
    void close_in_child() noexcept { held_.forget(); }
    /// Gives it back, even if a forked child still shares it. In such a child it does what `close_in_child`
    /// does.
    void release() noexcept { held_.release(); }

  private:
    explicit BasicLock(LockedFile held) : held_{std::move(held)} {}

    LockedFile held_;
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
            FileStatus mine;
            FileStatus there;
            if (sys::fstat(file->native_handle(), mine) == 0 && sys::stat(path.c_str(), there) == 0 &&
                mine.inode == there.inode && mine.device == there.device) {
                return BasicLock{LockedFile{std::move(*file)}};
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
        return BasicLease{LockedFile{std::move(*file), byte}};
    }
    /// Whether anybody, this process included, holds it. Takes nothing, makes no file.
    static result<bool> is_held(const Path& path, std::uint64_t number) {
        return LockedFile::is_locked(path, sys::Locking::alone, {number, true});
    }

    [[nodiscard]] bool held() const noexcept { return held_.held(); }
    /// Gives it back, even if a forked child still shares it; in such a child it is the parent's.
    void release() noexcept { held_.release(); }

  private:
    explicit BasicLease(LockedFile held) : held_{std::move(held)} {}

    LockedFile held_;
};
using Lease = BasicLease<>;

}  // namespace CAIRN_NAMESPACE::detail::os
