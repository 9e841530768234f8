// SPDX-License-Identifier: MIT
#pragma once
// Child processes: for what ends a process, and for two that meet.

/// Whether ThreadSanitizer watches: it has its own ways with forks.
#if defined(__SANITIZE_THREAD__)
#define CAIRN_TEST_TSAN 1
#elif defined(__has_feature)
#define CAIRN_TEST_TSAN __has_feature(thread_sanitizer)
#else
#define CAIRN_TEST_TSAN 0
#endif

/// Whether the system has what a part of the tests is made of: fork, signals, limits, pipes, /proc.
#if defined(_WIN32)
#define CAIRN_TEST_FORK 0
#else
#define CAIRN_TEST_FORK 1

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cairn_test {

/// For a child that is meant to end badly: no message of it reaches the tests' output.
inline void silence() {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, 1);
    ::dup2(null, 2);
}

inline bool forked = false;

/// LeakSanitizer asks at exit, where there is one. In a forked child only one thread is left: what the stacks
/// of the others held would be a leak.
extern "C" [[gnu::used]] inline int __lsan_is_turned_off() { return forked ? 1 : 0; }

/// Runs `f` in a forked child, which then leaves without a farewell; its status is what `f` returns.
template <class F>
::pid_t start_child(F&& f) {
    std::fflush(nullptr);
    const ::pid_t child = ::fork();
    if (child != 0) return child;
    forked = true;
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
    try {
        ::_exit(f());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "child: %s\n", e.what());
    }
    ::_exit(99);
}

/// The child's exit status; negative is the signal that ended it.
inline int wait_for(::pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// The same of a child that runs `f`.
template <class F>
int in_child(F&& f) {
    return wait_for(start_child(std::forward<F>(f)));
}

}  // namespace cairn_test

#endif
