// SPDX-License-Identifier: MIT
#pragma once
// A function that somebody else owns, as an argument of a virtual one.

#include <cairn/config.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

template <class Signature>
class FunctionRef;

/// Refers to what is called; use it within the call that it is an argument of. (std::function_ref is C++26,
/// std::function owns and costs the compiler ten times as much.)
template <class R, class... Args>
class FunctionRef<R(Args...)> {
  public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef>) && std::is_invocable_r_v<R, F&, Args...>
    FunctionRef(F&& f) noexcept  // NOLINT(google-explicit-constructor, cppcoreguidelines-missing-std-forward)
        : object_{const_cast<void*>(static_cast<const void*>(&f))},
          call_{[](void* object, Args... args) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
          }} {}

    R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

  private:
    void* object_;
    R (*call_)(void*, Args...);
};

}  // namespace CAIRN_NAMESPACE::detail
