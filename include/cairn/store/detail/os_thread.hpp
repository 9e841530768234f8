// SPDX-License-Identifier: MIT
#pragma once
// A thread that works in the background and the bell that wakes it. Of the system and not of <thread> and
// <condition_variable>, which bring <chrono> and cost a tenth of a second to include.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#include <process.h>
#else
#include <pthread.h>
#include <signal.h>
#include <time.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// Who waits for so long waits until it is rung, and looks again whenever he wakes.
inline constexpr std::int64_t one_hour_ns = 3'600'000'000'000;

#if defined(_WIN32)

/// One thread waits for it, any may ring it; what was rung before the wait is not lost.
template <class = void>
class BasicBell {
  public:
    BasicBell() = default;
    BasicBell(const BasicBell&) = delete;
    BasicBell& operator=(const BasicBell&) = delete;
    ~BasicBell() = default;

    void ring() noexcept {
        ::AcquireSRWLockExclusive(&mutex_);
        rung_ = true;
        ::ReleaseSRWLockExclusive(&mutex_);
        ::WakeConditionVariable(&rang_);
    }

    /// Returns when it is rung, at the latest after `ns` nanoseconds.
    void wait(std::int64_t ns = one_hour_ns) noexcept {
        const std::int64_t end = steady_ns() + ns;
        ::AcquireSRWLockExclusive(&mutex_);
        for (std::int64_t left = ns; !rung_ && left > 0; left = end - steady_ns())
            ::SleepConditionVariableSRW(&rang_, &mutex_, static_cast<::DWORD>((left + 999'999) / 1'000'000),
                                        0);
        rung_ = false;
        ::ReleaseSRWLockExclusive(&mutex_);
    }

  private:
    ::SRWLOCK mutex_ = SRWLOCK_INIT;
    ::CONDITION_VARIABLE rang_ = CONDITION_VARIABLE_INIT;
    bool rung_ = false;
};
using Bell = BasicBell<>;

/// A thread of the library's own.
template <class = void>
class BasicThread {
  public:
    BasicThread() = default;
    BasicThread(const BasicThread&) = delete;
    BasicThread& operator=(const BasicThread&) = delete;
    ~BasicThread() { join(); }

    /// Calls `work(argument)` on a new thread. Requires that none runs. Fails: busy.
    result<void> start(void* (*work)(void*), void* argument) {
        work_ = work;
        argument_ = argument;
        thread_ = ::_beginthreadex(nullptr, 0, &BasicThread::run, this, 0, nullptr);
        if (thread_ != 0) return {};
        return error{errc::busy,
                     std::string{"cannot start a thread: "} + std::generic_category().message(errno), "",
                     "stop other programs of this user"};
    }
    /// Whether it was started and not joined.
    [[nodiscard]] bool is_running() const noexcept { return thread_ != 0; }
    /// Whether the caller is this thread.
    [[nodiscard]] bool is_current() const noexcept {
        return thread_ != 0 && ::GetThreadId(reinterpret_cast<::HANDLE>(thread_)) == ::GetCurrentThreadId();
    }
    /// Waits until the work is done. Does nothing if there is none, or on the thread itself.
    void join() noexcept {
        if (thread_ == 0 || is_current()) return;
        const auto handle = reinterpret_cast<::HANDLE>(thread_);
        thread_ = 0;
        ::WaitForSingleObject(handle, INFINITE);
        ::CloseHandle(handle);
    }
    /// Leaves it to itself: nobody waits for it any more.
    void leave() noexcept {
        if (thread_ != 0) ::CloseHandle(reinterpret_cast<::HANDLE>(thread_));
        thread_ = 0;
    }

  private:
    static unsigned __stdcall run(void* self) {
        auto& thread = *static_cast<BasicThread*>(self);
        (void)thread.work_(thread.argument_);
        return 0;
    }

    void* (*work_)(void*) = nullptr;
    void* argument_ = nullptr;
    std::uintptr_t thread_ = 0;
};
using Thread = BasicThread<>;

#else

/// One thread waits for it, any may ring it; what was rung before the wait is not lost.
template <class = void>
class BasicBell {
  public:
    BasicBell() noexcept {
#if defined(__APPLE__)
        pthread_cond_init(&rang_, nullptr);
#else
        pthread_condattr_t kind;
        pthread_condattr_init(&kind);
        pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);  // setting the clock must not wake or stall us
        pthread_cond_init(&rang_, &kind);
        pthread_condattr_destroy(&kind);
#endif
    }
    BasicBell(const BasicBell&) = delete;
    BasicBell& operator=(const BasicBell&) = delete;
    // Nothing is destroyed: it holds no memory, and in a forked child pthread_cond_destroy would wait for the
    // parent's thread.
    ~BasicBell() = default;

    void ring() noexcept {
        pthread_mutex_lock(&mutex_);
        rung_ = true;
        pthread_mutex_unlock(&mutex_);
        pthread_cond_signal(&rang_);
    }

    /// Returns when it is rung, at the latest after `ns` nanoseconds.
    void wait(std::int64_t ns = one_hour_ns) noexcept {
        constexpr std::int64_t second = 1'000'000'000;
        ::timespec until{};
#if !defined(__APPLE__)
        ::clock_gettime(CLOCK_MONOTONIC, &until);
#endif
        ns += until.tv_nsec;
        until.tv_sec += static_cast<decltype(until.tv_sec)>(ns / second);
        until.tv_nsec = static_cast<decltype(until.tv_nsec)>(ns % second);
        pthread_mutex_lock(&mutex_);
        int waited = 0;
        while (!rung_ && waited == 0) {
#if defined(__APPLE__)
            waited = pthread_cond_timedwait_relative_np(&rang_, &mutex_, &until);
#else
            waited = pthread_cond_timedwait(&rang_, &mutex_, &until);
#endif
        }
        rung_ = false;
        pthread_mutex_unlock(&mutex_);
    }

  private:
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t rang_{};
    bool rung_ = false;
};
using Bell = BasicBell<>;

/// A thread that gets none of the program's signals: those are for the program's own threads. The child of a
/// fork has none, and waits for none.
template <class = void>
class BasicThread {
  public:
    BasicThread() = default;
    BasicThread(const BasicThread&) = delete;
    BasicThread& operator=(const BasicThread&) = delete;
    ~BasicThread() { join(); }

    /// Calls `work(argument)` on a new thread. Requires that none runs. Fails: busy.
    result<void> start(void* (*work)(void*), void* argument) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        const int number = pthread_create(&thread_, nullptr, work, argument);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (number != 0) {
            return error{errc::busy,
                         std::string{"cannot start a thread: "} + std::generic_category().message(number), "",
                         "stop other programs of this user, or raise `ulimit -u`"};
        }
        owner_ = sys::getpid();
        return {};
    }
    /// Whether it was started and not joined; not in the child of a fork.
    [[nodiscard]] bool is_running() const noexcept { return owner_ == sys::getpid(); }
    /// Whether the caller is this thread.
    [[nodiscard]] bool is_current() const noexcept {
        return is_running() && pthread_equal(thread_, pthread_self()) != 0;
    }
    /// Waits until the work is done. Does nothing if there is none, or on the thread itself.
    void join() noexcept {
        if (!is_running() || is_current()) return;
        pthread_join(thread_, nullptr);
        owner_ = 0;
    }
    /// Leaves it to itself: nobody waits for it any more.
    void leave() noexcept {
        if (is_running()) pthread_detach(thread_);
        owner_ = 0;
    }

  private:
    pthread_t thread_{};
    std::uint64_t owner_ = 0;  // the process that it is in
};
using Thread = BasicThread<>;

#endif

}  // namespace CAIRN_NAMESPACE::detail::os
