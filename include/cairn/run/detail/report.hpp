// SPDX-License-Identifier: MIT
#pragma once
// What a run says on a terminal when it starts and when it ends: where it is, and its metrics in small.

#include <cairn/run/run_core.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail {

/// `text` without what could move the cursor: names and notes are the user's data.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return out;
}

/// A number in at most ten characters.
[[nodiscard]] inline std::string short_number(double x) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.5g", x);
    return buffer;
}

/// `text` filled up or cut to `width` columns (of bytes: for names).
[[nodiscard]] inline std::string column(std::string text, std::size_t width) {
    if (text.size() > width) text = text.substr(0, width - 1) + "~";
    text.resize(width, ' ');
    return text;
}

/// The table of a run's metrics: name, curve, last value, best value and where it was.
[[nodiscard]] inline std::string metrics_table(const RunCore& core, std::size_t max_rows = 20) {
    const MetricViews views = core.views();
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
        const Direction goal = core.goal_of(name);
        if (m.numbers != 0 && goal != maximize) {
            out += " min " + column(short_number(m.min) + " @" + std::to_string(m.min_step), 18);
        }
        if (m.numbers != 0 && goal != minimize) out += " max " + short_number(m.max) + " @" + std::to_string(m.max_step);
        if (m.nans != 0) out += " NaN x" + std::to_string(m.nans);
        out += "\n";
    }
    return out;
}

[[nodiscard]] inline bool is_terminal(std::FILE* file) noexcept {
#if defined(_WIN32)
    return ::_isatty(::_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

[[nodiscard]] inline bool may_talk(const RunCore& core) { return !core.options().quiet && is_terminal(stderr); }

inline void report_start(const RunCore& core) {
    if (!may_talk(core)) return;
    std::fprintf(stderr, "cairn: %s %s/%s, recorded in %s\n", core.resumed() ? "going on with" : "run",
                 core.options().project.c_str(), core.options().id.c_str(), printable(core.dir().string()).c_str());
}

inline void report_end(const RunCore& core) noexcept {
    try {
        if (!may_talk(core) || core.is_detached()) return;
        const nlohmann::json about = core.about();
        const double seconds = static_cast<double>(wall_ns() - core.started_ns()) / 1e9;
        std::fprintf(stderr, "cairn: run %s/%s %s after %.1f s\n%s", core.options().project.c_str(),
                     core.options().id.c_str(), about.value("status", "").c_str(), seconds, metrics_table(core).c_str());
        const Health health = core.health();
        if (health.rows_dropped != 0) {
            std::fprintf(stderr, "cairn: %llu rows were lost\n", static_cast<unsigned long long>(health.rows_dropped));
        }
        std::fprintf(stderr, "cairn: see it with: cairn show %s --dir %s\n", core.options().id.c_str(),
                     printable(core.store().root().string()).c_str());
    } catch (...) {  // a message that cannot be made is no reason to end a program
    }
}

}  // namespace CAIRN_NAMESPACE::detail
