// SPDX-License-Identifier: MIT
#pragma once
// A connection that the other side has closed must not end the program. Costs <csignal>.

#include <cairn/config.hpp>

#if !defined(_WIN32)
#include <csignal>
#endif

namespace CAIRN_NAMESPACE::detail {

/// While it lives, writing to a closed connection on this thread fails, and raises no SIGPIPE: whoever has
/// the socket in his hands does not ask the system for that. The program's own handling of the signal stays
/// as it is.
class NoPipeSignal {
  public:
#if defined(_WIN32)
    NoPipeSignal() noexcept {}  // there is none
    ~NoPipeSignal() {}
#else
    NoPipeSignal() noexcept {
        ::sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::sigset_t pipe = only();
        ::pthread_sigmask(SIG_BLOCK, &pipe, &before_);
    }
    ~NoPipeSignal() {
        ::sigset_t pending;
        ::sigpending(&pending);
        if (!was_pending_ && ::sigismember(&pending, SIGPIPE) == 1) {  // ours: take it away
            const ::sigset_t pipe = only();
            int signal = 0;
            ::sigwait(&pipe, &signal);
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
#endif
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

  private:
#if !defined(_WIN32)
    [[nodiscard]] static ::sigset_t only() noexcept {
        ::sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGPIPE);
        return set;
    }

    ::sigset_t before_{};
    bool was_pending_ = false;
#endif
};

}  // namespace CAIRN_NAMESPACE::detail
