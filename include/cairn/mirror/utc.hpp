// SPDX-License-Identifier: MIT
#pragma once
// Times by UTC, for other systems. Costs <chrono>.

#include <cairn/config.hpp>

#include <chrono>
#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

/// A time by UTC.
struct Utc {
    int year, month, day, hour, minute, second, microsecond;
};
/// Of nanoseconds since 1970.
[[nodiscard]] inline Utc utc_of(std::int64_t ns) {
    using namespace std::chrono;
    const auto time = floor<microseconds>(sys_time<nanoseconds>{nanoseconds{ns}});
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            static_cast<int>(clock.hours().count()),
            static_cast<int>(clock.minutes().count()),
            static_cast<int>(clock.seconds().count()),
            static_cast<int>(clock.subseconds().count())};
}

}  // namespace CAIRN_NAMESPACE::detail
