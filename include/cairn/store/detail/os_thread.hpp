// SPDX-License-Identifier: MIT
#pragma once
// A thread that works in the background and the bell that wakes it. Of the system and not of <thread> and
// <condition_variable>, which bring <chrono> and cost a tenth of a second to include.

#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <cstdint>
#include <cstring>
#include <string>

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace CAIRN_NAMESPACE::detail::os {

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
    void wait(std::int64_t ns) noexcept {
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

/// A thread that gets none of the program's signals: those are for the program's own threads.
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
            return error{errc::busy, std::string{"cannot start a thread: "} + std::strerror(number), "",
                         "stop other programs of this user, or raise `ulimit -u`"};
        }
        running_ = true;
        return {};
    }
    /// Waits until the work is done. Does nothing if there is none, or on the thread itself.
    void join() noexcept {
        if (!running_ || pthread_equal(thread_, pthread_self()) != 0) return;
        pthread_join(thread_, nullptr);
        running_ = false;
    }

  private:
    pthread_t thread_{};
    bool running_ = false;
};
using Thread = BasicThread<>;

}  // namespace CAIRN_NAMESPACE::detail::os
