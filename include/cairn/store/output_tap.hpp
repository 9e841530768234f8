// SPDX-License-Identifier: MIT
#pragma once
// What a process prints, kept in a file on its way to where it went before.

#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

#if !defined(_WIN32)

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace CAIRN_NAMESPACE::detail {

/// One of the process's descriptors, led into a file; `pass_on` gives what has come there to where the
/// descriptor led before. Into a file and not through a pipe: what was printed outlives any death of the
/// process, a print waits for nobody, and a program that was started from this one never writes to nobody.
template <class = void>
class BasicOutputTap {
  public:
    /// Of each stream the last so many bytes are kept, and at most twice as many, where a file can be cut at
    /// its beginning (Linux).
    static constexpr std::uint64_t kept = std::uint64_t{64} << 20U;

    BasicOutputTap() = default;
    BasicOutputTap(const BasicOutputTap&) = delete;
    BasicOutputTap& operator=(const BasicOutputTap&) = delete;
    ~BasicOutputTap() { forget(); }

    /// Appends to the file from here on. Fails: permission, no_space, io; unsupported if the descriptor is
    /// closed.
    result<void> open(int descriptor, const std::filesystem::path& file) {
        forget();
        descriptor_ = descriptor;
        path_ = file;
        // Where the program was started without, one of its own files may have got the number. Those are not
        // for other programs; an output is.
        const int flags = ::fcntl(descriptor, F_GETFD);
        before_ = flags >= 0 && (flags & FD_CLOEXEC) == 0 ? ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3) : -1;
        if (before_ < 0) {
            return error{errc::unsupported, "the program has no such output", file.string(),
                         "capture nothing where standard output and standard error are closed"};
        }
        file_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0644);
        if (file_ < 0) return opposed("make", file);
        passed_.store(size(), std::memory_order_relaxed);
        if (!has_room()) {
            forget();
            return error{errc::no_space, "no space for what the program prints", file.string(),
                         "free space on this disk"};
        }
        if (::dup2(file_, descriptor_) < 0) return opposed("lead the output into", file);
        return {};
    }

    /// Passes on all that has come. A signal handler may call it, also beside a thread that does: each byte
    /// goes once. Gives up where nothing can be passed on for a second and `patient` says no.
    template <class Patient>
    void pass_on(Patient&& patient) const noexcept {
        std::array<char, piece> bytes;
        while (before_ >= 0) {
            std::int64_t from = passed_.load(std::memory_order_relaxed);
            const ::ssize_t count = ::pread(file_, bytes.data(), bytes.size(), static_cast<::off_t>(from));
            if (count <= 0) return;
            if (!passed_.compare_exchange_strong(from, from + count)) continue;
            if (!put(bytes.data(), static_cast<std::size_t>(count), patient)) return;
        }
    }

    /// Whether there is room for what will be printed until this is asked again. Where not, the output is to
    /// be led past the file, or it would be lost.
    [[nodiscard]] bool has_room() noexcept {
        const std::int64_t end = size();
#if defined(__linux__)
        if (end + ahead / 2 <= reserved_) return true;
        if (::fallocate(file_, FALLOC_FL_KEEP_SIZE, static_cast<::off_t>(end), ahead) == 0) {
            reserved_ = end + ahead;
            cut(end);
            return true;
        }
        if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return false;
#endif
        const auto free = os::free_bytes(path_.parent_path());
        return !free || *free >= 16 * static_cast<std::uint64_t>(ahead);
    }

    /// Leads the output to where it went before, unless the program has led it elsewhere meanwhile.
    void restore() noexcept {
        struct ::stat now{};
        struct ::stat mine{};
        if (before_ >= 0 && ::fstat(descriptor_, &now) == 0 && ::fstat(file_, &mine) == 0 &&
            now.st_dev == mine.st_dev && now.st_ino == mine.st_ino)
            (void)::dup2(before_, descriptor_);
    }
    /// Closes what this holds.
    void forget() noexcept {
        for (int* const handle : {&before_, &file_}) {
            if (*handle >= 0) ::close(std::exchange(*handle, -1));
        }
    }
    /// Gives back the space that was reserved.
    void trim() noexcept {
        if (file_ >= 0) (void)!::ftruncate(file_, static_cast<::off_t>(size()));
    }

  private:
    static constexpr std::size_t piece = 4096;  // a pipe that has room for anything has room for this much
    static constexpr std::int64_t ahead = std::int64_t{1} << 20;

    [[nodiscard]] std::int64_t size() const noexcept {
        struct ::stat now{};
        return ::fstat(file_, &now) == 0 ? static_cast<std::int64_t>(now.st_size) : 0;
    }
    template <class Patient>
    bool put(const char* bytes, std::size_t count, Patient& patient) const noexcept {
        while (count != 0) {
            ::pollfd out{before_, POLLOUT, 0};
            const int ready = ::poll(&out, 1, 1000);
            if (ready == 0 && !patient()) return false;
            if (ready <= 0) continue;
            const ::ssize_t done = ::write(before_, bytes, count);
            if (done < 0 && errno != EINTR && errno != EAGAIN) return false;  // nobody is there any more
            if (done <= 0) continue;
            bytes += done;
            count -= static_cast<std::size_t>(done);
        }
        return true;
    }
#if defined(__linux__)
    void cut(std::int64_t end) noexcept {
        const auto keep = static_cast<std::int64_t>(kept);
        if (end - cut_ <= 2 * keep) return;
        cut_ = end - keep;
        (void)::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<::off_t>(cut_));
    }
#endif
    result<void> opposed(const char* what, const std::filesystem::path& file) {
        const int number = errno;
        forget();
        errno = number;
        return os::failure(what, file);
    }

    int descriptor_ = -1, before_ = -1, file_ = -1;
    std::filesystem::path path_;
    mutable std::atomic<std::int64_t> passed_{0};
    std::int64_t reserved_ = 0, cut_ = 0;
};
using OutputTap = BasicOutputTap<>;

}  // namespace CAIRN_NAMESPACE::detail

#endif
