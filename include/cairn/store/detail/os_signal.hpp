// SPDX-License-Identifier: MIT
#pragma once
// Hearing of signals: a count that a handler raises, and the handlers that were there before.

#include <cairn/config.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <signal.h>

#if !defined(_WIN32)
#include <sys/types.h>
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// What ends a job on a cluster: SIGTERM, and SIGUSR1 as the warning before it.
enum class Signal : unsigned char { term, usr1 };
inline constexpr std::size_t signal_count = 2;

#if defined(_WIN32)

/// Counts what ends this process: SIGTERM (which only the process itself can raise), Ctrl-Break, and that its
/// console is closed or the machine goes down. Nothing stands for SIGUSR1. Threads: any; `listen` and
/// `unlisten` one at a time.
template <class = void>
class BasicSignalCounter {
  public:
    /// How many came since `listen`.
    [[nodiscard]] static std::uint32_t count(Signal signal) noexcept {
        return signal == Signal::term ? count_.load(std::memory_order_relaxed) : 0;
    }
    /// Nobody else had a handler: what came would have ended the process.
    [[nodiscard]] static bool would_have_ended(Signal) noexcept {
        return before_[last_.load(std::memory_order_relaxed)] == SIG_DFL;
    }

    /// Counts from 0 again.
    static void listen() noexcept {
        count_.store(0, std::memory_order_relaxed);
        for (std::size_t i = 0; i < 2; ++i) {
            // One that is ours was left under another's: what was before it stands.
            if (const Handler before = ::signal(numbers[i], &handle); before != &handle && before != SIG_ERR)
                before_[i] = before;
        }
        ::SetConsoleCtrlHandler(&console, TRUE);
    }
    /// Puts the handlers from before back, where nobody has put another one over ours.
    static void unlisten() noexcept {
        ::SetConsoleCtrlHandler(&console, FALSE);
        for (std::size_t i = 0; i < 2; ++i) {
            if (const Handler now = ::signal(numbers[i], before_[i]); now != &handle)
                (void)::signal(numbers[i], now);
        }
    }
    /// Ends the process as Ctrl-Break does, as if nobody had listened.
    static void end_by(Signal) noexcept { ::TerminateProcess(::GetCurrentProcess(), 0xC000'013A); }

  private:
    using Handler = void (*)(int);
    static constexpr int numbers[] = {SIGTERM, SIGBREAK};

    static void handle(int signal) {
        (void)::signal(signal, &handle);  // the system took it away
        const std::size_t which = signal == SIGTERM ? 0 : 1;
        last_.store(which, std::memory_order_relaxed);
        const std::uint32_t earlier = count_.fetch_add(1, std::memory_order_relaxed);
        const Handler before = before_[which];
        if (before != SIG_DFL && before != SIG_IGN) return before(signal);
        // Who asks a second time does not want to wait for a step any more.
        if (earlier != 0 && before == SIG_DFL) end_by(Signal::term);
    }
    // On a thread of its own. Ctrl-C is as SIGINT elsewhere: not ours; the log-off of any user is no end.
    static ::BOOL WINAPI console(::DWORD event) {
        if (event != CTRL_CLOSE_EVENT && event != CTRL_SHUTDOWN_EVENT) return FALSE;
        count_.fetch_add(1, std::memory_order_relaxed);
        // The process is ended when this returns, or some seconds later: they are for saving.
        ::Sleep(INFINITE);
        return TRUE;
    }

    static inline constinit std::atomic<std::uint32_t> count_ = 0;
    static inline constinit std::atomic<std::size_t> last_ = 0;
    static inline Handler before_[] = {SIG_DFL, SIG_DFL};
};
using SignalCounter = BasicSignalCounter<>;

#else

/// Counts the signals of this process. A handler can hold nothing but static state; what it does is to add
/// one and to call the handler that was there before. Threads: any; `listen` and `unlisten` one at a time.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicSignalCounter {
  public:
    /// How many came since `listen`.
    [[nodiscard]] static std::uint32_t count(Signal signal) noexcept {
        return counts_[index(signal)].load(std::memory_order_relaxed);
    }
    /// Nobody else had a handler: the signal would have ended the process.
    [[nodiscard]] static bool would_have_ended(Signal signal) noexcept {
        return is_default(before_[index(signal)]);
    }

    /// Counts from 0 again.
    static void listen() noexcept {
        listener_ = ::getpid();
        for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
        for (const Signal signal : {Signal::term, Signal::usr1}) {
            struct ::sigaction before{};
            if (::sigaction(number(signal), nullptr, &before) != 0) continue;
            if (is_ours(before)) continue;  // inherited, or left under another one: what was before it stands
            before_[index(signal)] = before;
            // As the one before in all but the function; where there is none, what the program waits for is
            // not broken off.
            struct ::sigaction mine = before;
            mine.sa_sigaction = &handle;
            mine.sa_flags =
                static_cast<int>(static_cast<unsigned>(is_default(before) ? SA_RESTART : before.sa_flags) &
                                 ~static_cast<unsigned>(SA_RESETHAND)) |
                SA_SIGINFO;
            (void)::sigaction(number(signal), &mine, nullptr);
        }
    }
    /// Puts the handlers from before back, where nobody has put another one over ours.
    static void unlisten() noexcept {
        for (const Signal signal : {Signal::term, Signal::usr1}) {
            struct ::sigaction now{};
            if (::sigaction(number(signal), nullptr, &now) == 0 && is_ours(now))
                (void)::sigaction(number(signal), &before_[index(signal)], nullptr);
        }
    }
    /// Ends the process by the signal, as if nobody had listened.
    static void end_by(Signal signal) noexcept {
        struct ::sigaction plain{};
        plain.sa_handler = SIG_DFL;
        (void)::sigaction(number(signal), &plain, nullptr);
        // It may be blocked: while its handler runs it is.
        ::sigset_t one;
        (void)sigemptyset(&one);  // no "::", because they are macros on macOS
        (void)sigaddset(&one, number(signal));
        (void)::raise(number(signal));
        (void)::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    }

  private:
    [[nodiscard]] static constexpr std::size_t index(Signal signal) noexcept {
        return static_cast<std::size_t>(signal);
    }
    [[nodiscard]] static int number(Signal signal) noexcept {
        return signal == Signal::term ? SIGTERM : SIGUSR1;
    }
    [[nodiscard]] static bool is_plain(const struct ::sigaction& action) noexcept {
        return (action.sa_flags & SA_SIGINFO) == 0;
    }
    [[nodiscard]] static bool is_default(const struct ::sigaction& action) noexcept {
        return is_plain(action) && action.sa_handler == SIG_DFL;
    }
    [[nodiscard]] static bool is_ours(const struct ::sigaction& action) noexcept {
        return !is_plain(action) && action.sa_sigaction == &handle;
    }

    static void handle(int signal, ::siginfo_t* info, void* context) {
        const std::size_t which = index(signal == SIGTERM ? Signal::term : Signal::usr1);
        const struct ::sigaction& before = before_[which];
        // A forked child has our handler and nobody who listens.
        if (is_default(before) && ::getpid() != listener_) return end_by(static_cast<Signal>(which));
        const std::uint32_t earlier = counts_[which].fetch_add(1, std::memory_order_relaxed);
        if (!is_plain(before)) return before.sa_sigaction(signal, info, context);
        if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
        // Who asks a second time does not want to wait for a step any more.
        if (signal == SIGTERM && earlier != 0 && is_default(before)) end_by(Signal::term);
    }

    static inline constinit std::atomic<std::uint32_t> counts_[signal_count] = {};
    static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
    static inline struct ::sigaction before_[signal_count] = {};
    static inline ::pid_t listener_ = 0;
};
using SignalCounter = BasicSignalCounter<>;

#endif

}  // namespace CAIRN_NAMESPACE::detail::os
