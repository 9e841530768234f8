// SPDX-License-Identifier: MIT
#pragma once
// The metrics of a run as text for a terminal. Costs nlohmann/json.

#include <cairn/policy/best.hpp>
#include <cairn/run/summary.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// `text` without what could move the cursor: names and notes are the user's data.
template <class = void>
[[nodiscard]] std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return out;
}

/// A number in at most ten characters.
template <class = void>
[[nodiscard]] std::string short_number(double x) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.5g", x);
    return buffer;
}

/// `text` filled up or cut to `width` columns (of bytes: for names).
template <class = void>
[[nodiscard]] std::string column(std::string text, std::size_t width) {
    if (text.size() > width) text = text.substr(0, width - 1) + "~";
    text.resize(width, ' ');
    return text;
}

/// The table of a run's metrics: name, curve, last value, best value and where it was. `goal_of(name)` says
/// which way a metric is better.
template <class GoalOf>
[[nodiscard]] std::string metrics_table(const MetricViews& views, GoalOf&& goal_of,
                                        std::size_t max_rows = 20) {
    std::string out;
    std::size_t shown = 0;
    for (const auto& [name, view] : views) {
        if (shown++ == max_rows) {
            out += "       ... and " + std::to_string(views.size() - max_rows) + " more\n";
            break;
        }
        const MetricSummary& m = view.summary;
        out += "       " + column(printable(name), 18) + " ";
        if (m.numbers + m.nans == 0) {
            out += printable(m.text.substr(0, 60)) + "\n";
            continue;
        }
        const std::string curve = view.curve.text();
        out += curve;
        out.append(2 * Thumbnail::width - curve.size() / 3, ' ');  // a block is three bytes
        out += " last " + column(short_number(m.last), 11);
        const Direction goal = goal_of(name);
        if (m.numbers != 0 && goal != maximize) {
            out += " min " + column(short_number(m.min) + " @" + std::to_string(m.min_step), 18);
        }
        if (m.numbers != 0 && goal != minimize)
            out += " max " + short_number(m.max) + " @" + std::to_string(m.max_step);
        if (m.nans != 0) out += " NaN x" + std::to_string(m.nans);
        out += "\n";
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
