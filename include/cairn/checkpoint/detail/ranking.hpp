// SPDX-License-Identifier: MIT
#pragma once
// Versions in the order of a metric, and which way that is.

#include <cairn/run/version.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/run_core.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Those that have the metric as a number, best first; of equals, the older first.
template <class = void>
[[nodiscard]] std::vector<Version> by_value(std::vector<Version> versions, const Watched& watched) {
    const auto value = [&](const Version& version) { return version.row.find(watched.metric).reading(); };
    std::erase_if(versions,
                  [&](const Version& version) { return value(version).kind != Reading::Kind::number; });
    std::sort(versions.begin(), versions.end(), [&](const Version& a, const Version& b) {
        const double x = value(a).value, y = value(b).value;
        return x == y ? a.number < b.number : is_better(watched.direction, x, y);
    });
    return versions;
}

/// Policy, retention and `define_metric` must agree which way a metric is better. Throws invalid_argument.
template <class = void>
void check_directions(const RunCore& core, const Watched& saves, const Watched& keeps) {
    const auto disagree = [](const char* who, const Watched& metric) {
        raise({errc::invalid_argument, std::string{who} + " disagree on which way this metric is better",
               std::string{metric.metric}, "write the same direction in both"});
    };
    for (const Watched& one : {saves, keeps}) {
        const Direction goal = one.any() ? core.goal_of(one.metric) : Direction::unspecified;
        if (goal != Direction::unspecified && goal != one.direction)
            disagree("define_metric and the checkpoint", one);
    }
    if (saves.any() && saves.metric == keeps.metric && saves.direction != keeps.direction)
        disagree("the policy and the retention", saves);
}

}  // namespace CAIRN_NAMESPACE::detail
