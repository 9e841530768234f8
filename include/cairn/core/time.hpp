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

// Wall time is in nanoseconds since the Unix epoch, in whole milliseconds (the history keeps no less), at the
// resolution of the scheduler's tick (1 to 16 ms): what stamps a row. The coarse clock costs a quarter of the
// fine one. Steady time never goes back; for durations.
#if defined(_WIN32)

[[nodiscard]] inline std::int64_t wall_ns() noexcept {
    std::int64_t now = 0;  // in 100 ns since 1601-01-01
    ::GetSystemTimeAsFileTime(reinterpret_cast<::_FILETIME*>(&now));
    return (now - 116'444'736'000'000'000) / 10'000 * 1'000'000;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    std::int64_t now = 0;
    std::int64_t frequency = 0;
    ::QueryPerformanceCounter(reinterpret_cast<::_LARGE_INTEGER*>(&now));
    ::QueryPerformanceFrequency(reinterpret_cast<::_LARGE_INTEGER*>(&frequency));
    return now / frequency * 1'000'000'000 + now % frequency * 1'000'000'000 / frequency;
}

#else

[[nodiscard]] inline std::int64_t wall_ns() noexcept {
    timespec now;  // NOLINT(cppcoreguidelines-pro-type-member-init): the system fills it
#if defined(CLOCK_REALTIME_COARSE)
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
#else
    ::clock_gettime(CLOCK_REALTIME, &now);
#endif
    const std::uint32_t ms = static_cast<std::uint32_t>(now.tv_nsec) / 1'000'000;
    return std::int64_t{now.tv_sec} * 1'000'000'000 + std::int64_t{ms} * 1'000'000;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

#endif

}  // namespace CAIRN_NAMESPACE::detail
