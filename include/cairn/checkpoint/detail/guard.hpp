// SPDX-License-Identifier: MIT
#pragma once
// What is called when an exception leaves a scope.

#include <cairn/config.hpp>

#include <exception>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Calls `f` where it ends because of an exception that was not there when it was made.
template <class F>
class OnException {
  public:
    explicit OnException(F f) : f_{std::move(f)} {}
    OnException(const OnException&) = delete;
    OnException& operator=(const OnException&) = delete;
    ~OnException() {
        if (std::uncaught_exceptions() <= exceptions_) return;
        try {
            f_();
        } catch (...) {  // no memory to tell of a failure: that is no reason to end the program
        }
    }

  private:
    F f_;
    int exceptions_ = std::uncaught_exceptions();
};

/// The guard of a checkpoint that is off.
struct [[maybe_unused]] NoGuard {};

}  // namespace CAIRN_NAMESPACE::detail
