// SPDX-License-Identifier: MIT
#pragma once
// What each thread has one of, and what is done when the thread ends.

#include <cairn/config.hpp>
#include <cairn/store/detail/os_sys_windows.hpp>

#include <new>

namespace CAIRN_NAMESPACE::detail::os {

#if defined(__MINGW32__)

/// A T for each thread; `T::end(T&)` is called when a thread that called `end_with_thread` ends.
///
/// gcc's own `thread_local` will not do on Windows: it frees the memory of a thread before it calls the
/// destructors of what is in it. So this one is the system's. A fiber counts as a thread. Who asks once more
/// after the end (another library that is told of it later) gets a new T, which has no end.
template <class T>
class ThreadData {
  public:
    static T& get() noexcept {
        void* const own = ::FlsGetValue(slot());
        return own != nullptr ? *static_cast<T*>(own) : make();
    }
    static void end_with_thread() noexcept {}  // `get` has seen to it

  private:
    static T& make() noexcept {
        T* const own = new (std::nothrow) T{};
        if (own != nullptr && ::FlsSetValue(slot(), own) != 0) return *own;
        delete own;
        static T ended = [] {  // no memory: as in a thread that is ending
            T none{};
            T::end(none);
            return none;
        }();
        return ended;
    }
    static ::DWORD slot() noexcept {
        static const ::DWORD slot = [] {
            ::HMODULE code{};  // threads will call it, so it must stay
            ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                                 reinterpret_cast<::LPCWSTR>(&end), &code);
            return ::FlsAlloc(&end);
        }();
        return slot;
    }
    static void CALLBACK end(void* value) noexcept {
        T* const own = static_cast<T*>(value);
        if (own == nullptr) return;
        T::end(*own);
        delete own;
    }
};

#else

/// A T for each thread, without a constructor or a guard in the way; `T::end(T&)` is called when a thread
/// that called `end_with_thread` ends. The T stays, for what the thread still does then.
template <class T>
class CAIRN_ONE_IN_PROCESS ThreadData {
  public:
    static T& get() noexcept { return data_; }
    static void end_with_thread() {
        struct End {
            ~End() { T::end(data_); }
        };
        thread_local const End end;
        (void)end;
    }

  private:
    static inline constinit thread_local T data_{};
};

#endif

}  // namespace CAIRN_NAMESPACE::detail::os
