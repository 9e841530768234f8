// SPDX-License-Identifier: MIT
#pragma once
// The two clocks of the library, as integers; no <chrono>.

#include <cairn/config.hpp>

#include <cstdint>

#if defined(_WIN32)
// As windows.h declares them, without its macros.
struct _FILETIME;
union _LARGE_INTEGER;
extern "C" __declspec(dllimport) void __stdcall GetSystemTimeAsFileTime(_FILETIME*);
extern "C" __declspec(dllimport) int __stdcall QueryPerformanceCounter(_LARGE_INTEGER*);
extern "C" __declspec(dllimport) int __stdcall QueryPerformanceFrequency(_LARGE_INTEGER*);
#else
#include <time.h>
#endif

namespace CAIRN_NAMESPACE::detail {

// `clock_ns` is what stamps a row: nanoseconds since the Unix epoch, at the resolution of the scheduler's
// tick (1 to 16 ms); such a coarse clock costs a quarter of a fine one. Steady time never goes back; for
// durations.
#if defined(_WIN32)

[[nodiscard]] inline std::int64_t clock_ns() noexcept {
    std::int64_t now = 0;  // in 100 ns since 1601-01-01
    ::GetSystemTimeAsFileTime(reinterpret_cast<::_FILETIME*>(&now));
    return (now - 116'444'736'000'000'000) * 100;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    std::int64_t now = 0;
    std::int64_t frequency = 0;
    ::QueryPerformanceCounter(reinterpret_cast<::_LARGE_INTEGER*>(&now));
    ::QueryPerformanceFrequency(reinterpret_cast<::_LARGE_INTEGER*>(&frequency));
    return now / frequency * 1'000'000'000 + now % frequency * 1'000'000'000 / frequency;
}

#else

[[nodiscard]] inline std::int64_t clock_ns() noexcept {
    timespec now;  // NOLINT(cppcoreguidelines-pro-type-member-init): the system fills it
#if defined(CLOCK_REALTIME_COARSE)
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
#else
    ::clock_gettime(CLOCK_REALTIME, &now);
#endif
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

#endif

/// A time in whole milliseconds: a history keeps no less.
[[nodiscard]] constexpr std::int64_t whole_ms(std::int64_t ns) noexcept { return ns - ns % 1'000'000; }
[[nodiscard]] inline std::int64_t wall_ns() noexcept { return whole_ms(clock_ns()); }

}  // namespace CAIRN_NAMESPACE::detail
