// SPDX-License-Identifier: MIT
#pragma once
// Questions about single moments of a run: all metrics as they stood at a step, and the best values of one.
// Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/value.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>
#include <cairn/store/manifest.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A metric as it stood at a step.
struct Standing {
    std::int64_t step = 0;     ///< of the row that it comes from: the last of those at or before the step
    std::int64_t time_ns = 0;  ///< of that row; nanoseconds since the Unix epoch
    nlohmann::json value{};    ///< a number, as `metric_to_json` writes it, or a text
};

namespace detail {

/// A logged value as JSON keeps it: a number, a bool or a text.
[[nodiscard]] inline nlohmann::json value_to_json(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::none: return nullptr;
        case Value::Kind::integer: return static_cast<std::int64_t>(value.bits());
        case Value::Kind::natural: return value.bits();
        case Value::Kind::number: return metric_to_json(value.number());
        case Value::Kind::boolean: return value.number() != 0;
        case Value::Kind::text: return std::string{value.text()};
    }
    return nullptr;
}

}  // namespace detail

/// All metrics of a rank as they stood at a step, by name; those that came later are not there. Where a step
/// was logged twice, the later one counts. Fails: corrupt, unsupported. Cost: reads the whole history.
[[nodiscard]] inline result<std::map<std::string, Standing, std::less<>>>
snapshot(const RecordedRun& run, std::int64_t step, unsigned rank = 0) {
    std::map<std::string, Standing, std::less<>> all;
    const auto read = run.for_each_row(
        [&](std::int64_t at, std::int64_t time_ns, std::span<const NamedValue> values) {
            if (at > step) return;
            for (const NamedValue& named : values) {
                auto known = all.find(named.name);
                if (known == all.end()) known = all.emplace(named.name, Standing{.step = at}).first;
                if (at < known->second.step) continue;
                known->second = {at, time_ns, detail::value_to_json(named.value)};
            }
        },
        rank);
    if (!read) return read.error();
    return all;
}

/// The best values of a series, the best first; of equals the earlier ones. Without NaNs; infinities are
/// numbers. Cost: reads all values.
[[nodiscard]] inline std::vector<Series::Point> best_of(const Series& series, Direction direction,
                                                        std::size_t most) {
    std::vector<Series::Point> points = series.points();
    std::erase_if(points, [](const Series::Point& point) { return detail::is_nan(point.value); });
    const auto is_better = [&](const Series::Point& a, const Series::Point& b) {
        if (a.value != b.value) return direction == maximize ? a.value > b.value : a.value < b.value;
        return a.step != b.step ? a.step < b.step : a.time_ns < b.time_ns;
    };
    most = std::min(most, points.size());
    std::partial_sort(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(most), points.end(),
                      is_better);
    points.resize(most);
    return points;
}

}  // namespace CAIRN_NAMESPACE
