// SPDX-License-Identifier: MIT
#pragma once
// A checkpoint that saves on a signal.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE::detail {

/// Listens while it lives. A signal is pending until its watch has answered it.
class SignalWatch {
  public:
    SignalWatch() = default;
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    virtual ~SignalWatch() = default;

    /// Whether a signal came that was not answered. Cost: two loads.
    [[nodiscard]] virtual bool pending() const noexcept = 0;
    /// What came so far is answered: a version was saved, or it could not be. Does not return if the signal
    /// is to end the process and this was the last watch that it waited for.
    virtual void answer() = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
