// SPDX-License-Identifier: MIT
#pragma once
// The verbs that follow a run: tail, top.

#include <cairn/cli/call.hpp>
#include <cairn/cli/plot.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/core/time.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/store_watch.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

inline void flush_and_wait(double seconds) {
    (void)std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
}

}  // namespace detail

/// `cairn tail RUN`.
inline void add_tail(CLI::App& app, Call& call) {
    struct Wanted {
        std::size_t count = 10;
        bool follow = false;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb = call.verb_of_run(
        app, "tail", "the last rows of a run",
        [&call, wanted](const StoreReader& store, const RecordedRun& run) -> result<void> {
            const auto print = [&](const DynamicRow& row) {
                if (call.json())
                    call.print(as_json(row));
                else
                    call.out(detail::row_line(row, 12).substr(7));
            };
            RowFollower rows{run.dir()};
            std::deque<DynamicRow> last;
            const auto keep = [&](const detail::StoredRow& row) {
                if (row.kind != detail::RecordKind::row) return;
                const auto later = [](std::int64_t at, const DynamicRow& of) { return at < of.time_ns(); };
                const auto place = std::upper_bound(last.begin(), last.end(), row.time_ns, later);
                last.emplace(place, row.step, row.time_ns, row.values.data(), row.values.size());
                if (last.size() > wanted->count) last.pop_front();
            };
            RunState state = run.state();
            const auto next = [&](const auto& take) {
                auto read = rows.next(take);
                for (const error& lost : rows.losses(state != RunState::running)) call.note(lost.what());
                return read;
            };
            auto read = next(keep);
            for (const DynamicRow& row : last) print(row);
            if (!read || !wanted->follow) return read;
            while (state == RunState::running) {
                detail::flush_and_wait(0.25);
                const auto now = store.run(run.project(), run.id());  // before its last rows
                if (!now) return now.error();
                state = now->state();
                const auto show = [&](const detail::StoredRow& row) {
                    if (row.kind == detail::RecordKind::row)
                        print({row.step, row.time_ns, row.values.data(), row.values.size()});
                };
                if (auto more = next(show); !more) return more;
                if (state != RunState::running)
                    call.note("the run is " + std::string{to_string(state)} +
                              (now->why().empty() ? "" : ": " + detail::printable(now->why())));
            }
            return {};
        });
    verb->add_option("-n,--rows", wanted->count, "how many (default 10)");
    verb->add_flag("-f,--follow", wanted->follow, "go on with those that come, until the run ends");
}

namespace detail {

/// The last values of a series as a line of braille dots.
[[nodiscard]] inline std::string spark(const Series& series, std::size_t columns) {
    Braille dots{columns, 1};
    const auto buckets = series.buckets(dots.width());
    double low = 0, high = 0;
    bool any = false;
    for (const Bucket& bucket : buckets) {
        if (bucket.finite == 0) continue;
        low = any ? std::min(low, bucket.last) : bucket.last;
        high = any ? std::max(high, bucket.last) : bucket.last;
        any = true;
    }
    for (std::size_t x = 0; x < buckets.size(); ++x) {
        if (buckets[x].finite == 0) continue;
        const double share = height_of(buckets[x].last, low, high);
        dots.set(x, static_cast<std::size_t>(std::lround(share * static_cast<double>(dots.height() - 1))));
    }
    return dots.line(0);
}

/// The runs that go on, or the newest one.
[[nodiscard]] inline result<std::vector<RecordedRun>> top_runs(const StoreReader& store) {
    auto list = store.runs();
    if (!list) return list.error();
    std::vector<RecordedRun>& runs = list->runs;
    std::erase_if(runs, [](const RecordedRun& run) { return run.is_deleted(); });
    const auto goes_on = [](const RecordedRun& run) { return run.state() == RunState::running; };
    if (std::any_of(runs.begin(), runs.end(), goes_on))
        std::erase_if(runs, std::not_fn(goes_on));
    else if (!runs.empty())
        runs.erase(runs.begin() + 1, runs.end());
    return std::move(runs);
}

/// Each with what the indices of its history tell of each metric.
[[nodiscard]] inline result<nlohmann::json> top_json(const StoreReader& store) {
    const auto runs = top_runs(store);
    if (!runs) return runs.error();
    nlohmann::json shown = nlohmann::json::array();
    for (const RecordedRun& run : *runs) {
        auto overview = run.overview();
        if (!overview) return overview.error();
        nlohmann::json one = as_json(run);
        one["metrics"] = std::move(*overview);
        shown.push_back(std::move(one));
    }
    return nlohmann::json{{"runs", std::move(shown)}};
}

/// How far they are, and each metric with its curve.
[[nodiscard]] inline result<std::string> top_text(const StoreReader& store, std::size_t most_metrics) {
    const auto shown = top_runs(store);
    if (!shown) return shown.error();
    if (shown->empty()) return std::string{"no run yet\n"};
    std::string out;
    for (const RecordedRun& run : *shown) {
        out += printable(run.project()) + "/" + printable(run.name()) + "  " +
               std::string{to_string(run.state())} + "  " + lasted_text(run) + "\n";
        const auto overview = run.overview();
        if (!overview) return overview.error();
        std::vector<std::string> names;
        for (const auto& [name, about] : overview->items()) {
            if (names.size() < most_metrics) names.push_back(name);
        }
        const auto series = run.series_of(names);
        if (!series) return series.error();
        Table table{{"METRIC", "LAST", "LEAST", "GREATEST", "STEP", ""}};
        for (const auto& [name, one] : *series) {
            const nlohmann::json& about = (*overview)[name];
            const auto of = [&](const char* key) { return brief(about.value(key, nlohmann::json{})); };
            table.add({printable(name), of("last"), of("min"), of("max"), of("last_step"), spark(one, 24)});
        }
        if (!table.empty()) out += table.text(32);
        if (overview->size() > names.size())
            out += "and " + std::to_string(overview->size() - names.size()) + " metrics more\n";
        out += "\n";
    }
    return out;
}

}  // namespace detail

/// `cairn top`.
inline void add_top(CLI::App& app, Call& call) {
    struct Wanted {
        std::size_t metrics = 20;
        double seconds = 1;
        bool once = false;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb = call.verb(
        app, "top", "watch the runs that go on, until it is stopped", [&call, wanted]() -> result<void> {
            const auto store = call.store();
            if (!store) return store.error();
            if (call.json()) {
                const auto shown = detail::top_json(*store);
                if (!shown) return shown.error();
                call.print(*shown);
                return {};
            }
            constexpr const char* clear = "\x1b[H\x1b[J";  // ECMA-48: to the corner, erase what follows
            const bool goes_on = call.terminal().is_one && !wanted->once;
            while (true) {
                const auto text = detail::top_text(*store, wanted->metrics);
                if (!text) return text.error();
                call.out(goes_on ? clear + *text : *text);
                if (!goes_on) return {};
                detail::flush_and_wait(wanted->seconds);
            }
        });
    verb->add_option("-n,--metrics", wanted->metrics, "at most so many of each run (default 20)");
    verb->add_option("--every", wanted->seconds, "seconds between two looks (default 1)")
        ->check(CLI::Range(0.1, 3600.0));
    verb->add_flag("--once", wanted->once, "print it once, as it does where there is no terminal");
}

}  // namespace CAIRN_NAMESPACE::cli
