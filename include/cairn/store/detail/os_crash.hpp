// SPDX-License-Identifier: MIT
#pragma once
// What is left of a process that died: a mark by its last signal, and what the kernel counts of its group.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_folder.hpp>
#include <cairn/store/detail/os_sys.hpp>
#include <cairn/store/detail/os_usage.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#if !defined(_WIN32)
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

#if defined(_WIN32)

/// Leaves nothing: there are no such signals.
template <class = void>
class BasicCrashMark {
  public:
    BasicCrashMark() = default;
    explicit BasicCrashMark(const Path&) {}
};

#else

/// While it lives, a signal of a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) that nobody else handles
/// leaves its number in a file, and then ends the process as it would have. A forked child leaves none.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicCrashMark {
  public:
    BasicCrashMark() = default;
    /// Removes an older mark. Of more than 16 at once the last ones leave none.
    explicit BasicCrashMark(const Path& file) : path_{std::make_unique<std::string>(file.string())} {
        (void)remove_file(file);
        const std::scoped_lock lock{mutex_};
        if (process_.exchange(::getpid()) != ::getpid()) {  // those that there are belong to our parent
            for (auto& slot : paths_) slot = nullptr;
            armed_ = 0;
        }
        for (auto& slot : paths_) {
            const char* none = nullptr;
            if (!slot.compare_exchange_strong(none, path_->c_str())) continue;
            if (armed_++ == 0) install();
            break;
        }
    }
    BasicCrashMark(BasicCrashMark&&) noexcept = default;
    BasicCrashMark& operator=(BasicCrashMark&& other) noexcept {
        if (this != &other) {
            release();
            path_ = std::move(other.path_);
        }
        return *this;
    }
    ~BasicCrashMark() { release(); }

  private:
    static constexpr int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    void release() noexcept {
        if (!path_) return;
        bool was_armed = false;
        for (auto& slot : paths_) {
            const char* mine = path_->c_str();
            was_armed = was_armed || slot.compare_exchange_strong(mine, nullptr);
        }
        path_.reset();
        // In a forked child the mutex may be held by a thread that is in the parent.
        if (!was_armed || process_ != ::getpid()) return;
        const std::scoped_lock lock{mutex_};
        if (--armed_ == 0) uninstall();
    }

    static void install() noexcept {
        for (const int number : numbers) {
            struct ::sigaction before{};
            if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
            struct ::sigaction mine{};
            mine.sa_handler = &handle;
            mine.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
            (void)::sigaction(number, &mine, nullptr);
        }
    }
    static void uninstall() noexcept {
        for (const int number : numbers) {
            struct ::sigaction now{};
            if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler != &handle) continue;
            struct ::sigaction none{};
            none.sa_handler = SIG_DFL;
            (void)::sigaction(number, &none, nullptr);
        }
    }
    // Only what a handler may call. The disposition is the default again: raised once more, it ends us.
    static void handle(int number) {
        const int before = errno;
        if (process_.load(std::memory_order_relaxed) == ::getpid()) {
            const char digits[] = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10),
                                   '\n'};
            for (const auto& slot : paths_) {
                const char* const path = slot.load(std::memory_order_relaxed);
                const int file =
                    path == nullptr
                        ? -1
                        : ::open(path, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
                if (file < 0) continue;
                (void)!::write(file, digits, sizeof digits);
                ::close(file);
            }
        }
        errno = before;
        (void)::raise(number);
    }

    static inline constinit std::array<std::atomic<const char*>, 16> paths_{};
    static inline constinit std::atomic<::pid_t> process_{0};
    static inline std::mutex mutex_;
    static inline int armed_ = 0;

    std::unique_ptr<std::string> path_;  // where it is stays the same when this moves
};

#endif

using CrashMark = BasicCrashMark<>;

/// How many processes of a group the kernel has killed because there was no memory left; nothing if that is
/// not known.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> killed_for_memory(const std::string& group) {
    const auto count = numbers_after(kernel_file(group), "oom_kill ").next();
    return count ? std::optional{static_cast<std::uint64_t>(*count)} : std::nullopt;
}

/// The group of processes whose memory is counted together, as a container's: the file with the kernel's
/// counts. Empty where there is none.
template <class = void>
[[nodiscard]] std::string memory_group() {
    const std::string text = kernel_file("/proc/self/cgroup");
    struct Tree {
        std::string_view line, root, counts;
    };
    // Version 1 has a tree for each controller; version 2 has one.
    for (const Tree& tree : {Tree{":memory:/", "/sys/fs/cgroup/memory", "/memory.oom_control"},
                             {"0::/", "/sys/fs/cgroup", "/memory.events"}}) {
        const std::size_t at = text.find(tree.line);
        if (at == std::string::npos) continue;
        const std::size_t path = at + tree.line.size() - 1;  // from the '/' on
        // A container sees its own group as the root, and may not see what it is called outside.
        for (const std::string& name : {text.substr(path, text.find('\n', path) - path), std::string{}}) {
            std::string group = std::string{tree.root} + (name == "/" ? "" : name) + std::string{tree.counts};
            if (killed_for_memory(group)) return group;
        }
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail::os
