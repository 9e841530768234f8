// SPDX-License-Identifier: MIT
#pragma once
// The two clocks of the library, as integers; no <chrono>.

#include <cairn/config.hpp>

#include <cstdint>

#include <time.h>

namespace CAIRN_NAMESPACE::detail {

[[nodiscard]] inline std::int64_t to_ns(const timespec& t) noexcept {
    return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::int64_t>(t.tv_nsec);
}

/// Wall time, nanoseconds since the Unix epoch, at the resolution of the scheduler's tick (1 to 10 ms): what
/// stamps a row. The coarse clock costs a quarter of the fine one.
[[nodiscard]] inline std::int64_t wall_ns() noexcept {
    timespec now{};
#if defined(CLOCK_REALTIME_COARSE)
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
#elif defined(_WIN32)
    timespec_get(&now, TIME_UTC);
#else
    ::clock_gettime(CLOCK_REALTIME, &now);
#endif
    return to_ns(now);
}

/// A clock that never goes back, nanoseconds; for durations.
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    timespec now{};
#if defined(_WIN32)
    timespec_get(&now, TIME_UTC);
#else
    ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return to_ns(now);
}

}  // namespace CAIRN_NAMESPACE::detail
