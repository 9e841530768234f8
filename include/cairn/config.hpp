// SPDX-License-Identifier: MIT
#pragma once
// The library's few macros. Everything else is a template. None of them changes a public type, so
// translation units with different settings link and work together.

#include <cairn/version.hpp>

#if defined(min) || defined(max)
#error "cairn: define NOMINMAX before windows.h, whose macros min and max break the standard library's"
#endif
#if defined(CAIRN_SINGLE_HEADER_IS_HERE)
#error "cairn: a file includes the single header or the headers of include/, not both"
#endif
#if defined(Below)
#error "cairn: include it before the headers of X11, whose macros take names that it has"
#endif

/// 1 where the compiler has exceptions. Without them (`core/`, `policy/` and `model/` compile so), what
/// would be thrown ends the program with its message on stderr.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define CAIRN_HAS_EXCEPTIONS 1
#else
#define CAIRN_HAS_EXCEPTIONS 0
#endif

/// The namespace of the whole library. Inline and versioned: two shared libraries that were built with
/// different versions can live in one process; where they meet is the format on disk, not the ABI. Files
/// without exceptions have one of their own, or the linker might give their functions, which end the program,
/// to the rest. So have files whose nlohmann/json is another one, which is a part of ours.
#if CAIRN_HAS_EXCEPTIONS && defined(JSON_DIAGNOSTICS) && JSON_DIAGNOSTICS
#define CAIRN_NAMESPACE cairn::inline v0_1_json_diagnostics
#elif CAIRN_HAS_EXCEPTIONS && defined(JSON_DIAGNOSTIC_POSITIONS) && JSON_DIAGNOSTIC_POSITIONS
#define CAIRN_NAMESPACE cairn::inline v0_1_json_positions
#elif CAIRN_HAS_EXCEPTIONS
#define CAIRN_NAMESPACE cairn::inline v0_1
#else
#define CAIRN_NAMESPACE cairn::inline v0_1_no_exceptions
#endif

/// On a class that holds the state of the process, or is thrown: there is one of it, also where programs and
/// their shared libraries are compiled with -fvisibility=hidden. Windows has no such thing: each DLL has its
/// own.
#if defined(__GNUC__) && !defined(_WIN32)
#define CAIRN_ONE_IN_PROCESS [[gnu::visibility("default")]]
#else
#define CAIRN_ONE_IN_PROCESS
#endif

/// On a member: it takes no room where it is empty. MSVC ignores the standard's attribute and has its own.
#if defined(_MSC_VER)
#define CAIRN_NO_UNIQUE_ADDRESS [[msvc::no_unique_address]]
#else
#define CAIRN_NO_UNIQUE_ADDRESS [[no_unique_address]]
#endif

/// Of a function whose arguments cost as much as it does: it is compiled into its caller.
#if defined(__GNUC__)
#define CAIRN_INLINE [[gnu::always_inline]] inline
#elif defined(_MSC_VER)
#define CAIRN_INLINE __forceinline
#else
#define CAIRN_INLINE inline
#endif

/// Of a function that is called seldom, and then from where every instruction counts.
#if defined(__GNUC__)
#define CAIRN_COLD [[gnu::cold, gnu::noinline]]
#else
#define CAIRN_COLD
#endif
