// SPDX-License-Identifier: MIT
#pragma once
// The verbs about what was logged: get, snapshot, best, plot, tail.

#include <cairn/cli/call.hpp>
#include <cairn/cli/plot.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/at_step.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn get` is asked for.
struct Wanted {
    std::string key{};
    std::int64_t from = std::numeric_limits<std::int64_t>::min();
    std::int64_t to = std::numeric_limits<std::int64_t>::max();
    Axis axis = Axis::step;
    std::size_t buckets = 0, last = 0, limit = 1000;
};

inline result<void> get(Call& call, const RecordedRun& run, const Wanted& wanted) {
    const auto series = run.series(wanted.key);
    if (!series) return series.error();
    const auto window = series->window(wanted.from, wanted.to, wanted.axis);
    nlohmann::json out = {{"run", run.id()}, {"project", run.project()}, {"metric", wanted.key}};
    std::string text;
    bool truncated = false;
    if (wanted.buckets != 0) {
        const auto buckets = window.cut().buckets(wanted.buckets);
        out["buckets"] = as_json(buckets);
        Table table{{"FROM", "TO", "MIN", "MAX", "LAST", "FINITE", "NOT FINITE"}};
        for (const Bucket& bucket : buckets) {
            if (bucket.finite + bucket.not_finite == 0) continue;
            table.add({std::to_string(bucket.from), std::to_string(bucket.to), short_number(bucket.min),
                       short_number(bucket.max), short_number(bucket.last), std::to_string(bucket.finite),
                       std::to_string(bucket.not_finite)});
        }
        text = table.text();
    } else {
        std::vector<Series::Point> points = window.points();
        const std::size_t most = wanted.last != 0 ? wanted.last : wanted.limit;
        truncated = wanted.last == 0 && most != 0 && points.size() > most;
        if (most != 0 && points.size() > most) {
            const auto count = static_cast<std::ptrdiff_t>(most);
            if (wanted.last != 0)
                points.erase(points.begin(), points.end() - count);
            else
                points.erase(points.begin() + count, points.end());
        }
        out["points"] = as_json(points);
        Table table{{"STEP", "TIME_MS", "VALUE"}};
        for (const Series::Point& point : points) {
            char number[32];
            std::snprintf(number, sizeof number, "%.17g", point.value);
            table.add({std::to_string(point.step), std::to_string(point.time_ns / 1'000'000), number});
        }
        text = table.text();
    }
    if (!call.json()) {
        call.out(text);
        if (truncated) call.note("and more: --limit 0 has all, --buckets N a summary");
        return {};
    }
    out["size"] = series->size();
    out["truncated"] = truncated;
    out["restarts"] = series->restarts();
    out["damaged"] = series->damaged();
    out["unread"] = series->unread();
    call.print(out);
    return {};
}

}  // namespace detail

/// `cairn get RUN KEY`.
inline void add_get(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Wanted>();
    CLI::App* const verb = call.verb_of_run(app, "get", "the values of a metric, or exact buckets of them",
                                            [&call, wanted](const StoreReader&, const RecordedRun& run) {
                                                return detail::get(call, run, *wanted);
                                            });
    const std::map<std::string, Axis> axes = {
        {"step", Axis::step}, {"time", Axis::time}, {"relative", Axis::relative}};
    verb->add_option("KEY", wanted->key, "the metric")->required();
    verb->add_option("--from", wanted->from, "the first step, or time in nanoseconds");
    verb->add_option("--to", wanted->to, "the last");
    verb->add_option("--axis", wanted->axis,
                     "what they and the buckets are measured in: step, time, relative")
        ->transform(CLI::CheckedTransformer(axes));
    verb->add_option("--buckets", wanted->buckets,
                     "so many buckets with the exact least, greatest and last value")
        ->check(CLI::Range(1, 100'000));
    verb->add_option("--last", wanted->last, "only the last so many values");
    verb->add_option("--limit", wanted->limit, "at most so many values (default 1000; 0: all)");
}

/// `cairn snapshot RUN --step N`.
inline void add_snapshot(CLI::App& app, Call& call) {
    struct Wanted {
        std::int64_t step = 0;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb = call.verb_of_run(
        app, "snapshot", "all metrics as they stood at a step",
        [&call, wanted](const StoreReader&, const RecordedRun& run) -> result<void> {
            const auto standing = snapshot(run, wanted->step);
            if (!standing) return standing.error();
            if (call.json()) {
                call.print({{"run", run.id()}, {"step", wanted->step}, {"metrics", as_json(*standing)}});
                return {};
            }
            detail::Table table{{"METRIC", "VALUE", "STEP"}};
            for (const auto& [name, one] : *standing)
                table.add({detail::printable(name), detail::brief(one.value), std::to_string(one.step)});
            call.out(table.text());
            return {};
        });
    verb->add_option("--step", wanted->step, "the step")->required();
}

namespace detail {

/// What `cairn best` is asked for.
struct Ranking {
    std::string key{};
    bool min = false, max = false;
    std::size_t top = 5;
};

inline result<void> rank(Call& call, const StoreReader& store, const RecordedRun& run,
                         const Ranking& wanted) {
    const Direction goal = wanted.min ? minimize : wanted.max ? maximize : run.goal_of(wanted.key);
    if (goal == Direction::unspecified) {
        return error{errc::invalid_argument, "nobody said which way this metric is better",
                     suggest_name(wanted.key), "say --min or --max, or define_metric in the program"};
    }
    const auto series = run.series(wanted.key);
    if (!series) return series.error();
    const auto saved = store.versions_of(run);
    if (!saved) return saved.error();
    std::map<std::int64_t, std::vector<std::string>> at_step;
    for (const auto& [name, versions] : saved->by_artifact) {
        for (const Manifest& version : versions)
            if (version.step) at_step[*version.step].push_back(name + ":" + version.label());
    }
    nlohmann::json best = nlohmann::json::array();
    Table table{{"VALUE", "STEP", "SAVED"}};
    for (const Series::Point& point : best_of(*series, goal, wanted.top)) {
        const auto& versions = at_step[point.step];
        best.push_back(
            {{"value", metric_to_json(point.value)}, {"step", point.step}, {"versions", versions}});
        std::string names;
        for (const std::string& name : versions) names += (names.empty() ? "" : ", ") + printable(name);
        table.add({short_number(point.value), std::to_string(point.step), names});
    }
    if (!call.json()) {
        call.out(table.text());
        return {};
    }
    call.print({{"run", run.id()},
                {"metric", wanted.key},
                {"goal", goal == minimize ? "minimize" : "maximize"},
                {"best", std::move(best)}});
    return {};
}

}  // namespace detail

/// `cairn best RUN KEY --min`.
inline void add_best(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Ranking>();
    CLI::App* const verb =
        call.verb_of_run(app, "best", "the best values of a metric, and the versions saved there",
                         [&call, wanted](const StoreReader& store, const RecordedRun& run) {
                             return detail::rank(call, store, run, *wanted);
                         });
    verb->add_option("KEY", wanted->key, "the metric")->required();
    CLI::Option* const min = verb->add_flag("--min", wanted->min, "the least are the best");
    verb->add_flag("--max", wanted->max, "the greatest are the best")->excludes(min);
    verb->add_option("--top", wanted->top, "how many (default 5)");
}

namespace detail {

inline constexpr std::size_t least_columns = 20, most_columns = 1000;

}  // namespace detail

/// `cairn plot RUN KEY…`.
inline void add_plot(CLI::App& app, Call& call) {
    struct Wanted {
        std::vector<std::string> keys{};
        PlotSize size{};
    };
    const auto wanted = std::make_shared<Wanted>();
    const std::size_t columns = call.terminal().columns;
    if (columns != 0) wanted->size.columns = std::clamp(columns, detail::least_columns, detail::most_columns);
    CLI::App* const verb = call.verb_of_run(
        app, "plot", "metrics of a run as curves",
        [&call, wanted](const StoreReader&, const RecordedRun& run) -> result<void> {
            for (const std::string& key : wanted->keys) {
                const auto series = run.series(key);
                if (!series) return series.error();
                call.out(plot(*series, key + "  " + run.project() + "/" + run.id(), wanted->size));
            }
            return {};
        });
    verb->add_option("KEY", wanted->keys, "the metrics")->required();
    verb->add_option("--width", wanted->size.columns,
                     "so many columns (default: the terminal's; 84 where there is none)")
        ->check(CLI::Range(detail::least_columns, detail::most_columns));
    verb->add_option("--height", wanted->size.rows, "so many lines for a curve (default 14)")
        ->check(CLI::Range(2, 200));
}

}  // namespace CAIRN_NAMESPACE::cli
