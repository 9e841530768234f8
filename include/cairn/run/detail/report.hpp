// SPDX-License-Identifier: MIT
#pragma once
// What a run says on a terminal when it starts and when it ends: where it is, and its metrics in small.

#include <cairn/run/metrics_table.hpp>
#include <cairn/run/run_core.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail {

[[nodiscard]] inline bool is_terminal(std::FILE* file) noexcept {
#if defined(_WIN32)
    return ::_isatty(::_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

template <class = void>
[[nodiscard]] bool may_talk(const RunCore& core) {
    return !core.options().quiet && is_terminal(stderr);
}

template <class = void>
void report_start(const RunCore& core) {
    if (!may_talk(core)) return;
    std::fprintf(stderr, "cairn: %s %s/%s, recorded in %s\n", core.resumed() ? "going on with" : "run",
                 core.options().project.c_str(), core.options().id.c_str(),
                 printable(core.dir().string()).c_str());
}

/// `views()` gives the metrics, if they are to be shown.
template <class Json = nlohmann::json, class Views>
void report_end(const RunCore& core, Views&& views) noexcept {
    try {
        if (!may_talk(core) || core.is_detached()) return;
        const Json about = core.about();
        const double seconds = static_cast<double>(wall_ns() - core.started_ns()) / 1e9;
        std::fprintf(
            stderr, "cairn: run %s/%s %s after %.1f s\n%s", core.options().project.c_str(),
            core.options().id.c_str(), about.value("status", "").c_str(), seconds,
            metrics_table(views(), [&](std::string_view name) { return core.goal_of(name); }).c_str());
        const Health health = core.health();
        if (health.rows_dropped != 0) {
            std::fprintf(stderr, "cairn: %llu rows were lost\n",
                         static_cast<unsigned long long>(health.rows_dropped));
        }
        std::fprintf(stderr, "cairn: see it with: cairn show %s --dir %s\n", core.options().id.c_str(),
                     printable(core.store().root().string()).c_str());
    } catch (...) {  // a message that cannot be made is no reason to end a program
    }
}

}  // namespace CAIRN_NAMESPACE::detail
