// SPDX-License-Identifier: MIT
#pragma once
// Libraries that are loaded while the program runs, if they are there.

#include <cairn/store/detail/os_sys.hpp>

#include <utility>

namespace CAIRN_NAMESPACE::detail::os {

/// A library that stays loaded: what it began may go on. Threads: any may look things up.
class Library {
  public:
    Library() = default;
    /// Not loaded, if there is none of this name.
    explicit Library(const char* name) noexcept : handle_{sys::open_library(name)} {}

    [[nodiscard]] bool is_loaded() const noexcept { return handle_ != nullptr; }
    /// A function of it, as the type that the caller knows it by; null if it has none of this name.
    template <class F>
    [[nodiscard]] F* find(const char* name) const noexcept {
        return is_loaded() ? reinterpret_cast<F*>(sys::find_in_library(handle_, name)) : nullptr;
    }

  private:
    void* handle_ = nullptr;
};

}  // namespace CAIRN_NAMESPACE::detail::os
