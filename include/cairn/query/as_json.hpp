// SPDX-License-Identifier: MIT
#pragma once
// What was read, as JSON: the shapes of `cairn --json` (docs/command.md). Numbers that are not finite are the
// words of `metric_to_json`; times are milliseconds since the Unix epoch. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/policy/simulate.hpp>
#include <cairn/policy/text.hpp>
#include <cairn/query/at_step.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/series_over.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/store/manifest.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// JSON on one line; a text that is no UTF-8 has U+FFFD in the place of what is none.
[[nodiscard]] inline std::string json_text(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
[[nodiscard]] inline nlohmann::json ms_of(std::int64_t ns) {
    return ns == 0 ? nlohmann::json(nullptr) : nlohmann::json(ns / ns_per_ms);
}
/// What a user wrote, where a run's record has it as it should be.
[[nodiscard]] inline nlohmann::json about_of(const RecordedRun& run, const char* key,
                                             const nlohmann::json& otherwise) {
    const auto found = run.about().find(key);
    return found != run.about().end() && found->type() == otherwise.type() ? *found : otherwise;
}

}  // namespace detail

/// `{"code", "message", "path", "advice"}`.
[[nodiscard]] inline nlohmann::json as_json(const error& failure) {
    return {{"code", to_string(failure.code())},
            {"message", failure.tried()},
            {"path", failure.path()},
            {"advice", failure.advice()}};
}

/// `{"title", "text", "level", "step", "time_ms"}`.
[[nodiscard]] inline nlohmann::json as_json(const Alert& alert) {
    return {{"title", alert.title},
            {"text", alert.text},
            {"level", to_string(alert.level)},
            {"step", alert.step},
            {"time_ms", detail::ms_of(alert.time_ns)}};
}

/// A run without its numbers.
[[nodiscard]] inline nlohmann::json as_json(const RecordedRun& run) {
    return {{"id", run.id()},
            {"project", run.project()},
            {"name", run.name()},
            {"state", to_string(run.state())},
            {"why", run.why()},
            {"created_ms", detail::ms_of(run.created_ns())},
            {"started_ms", detail::ms_of(run.started_ns())},
            {"ended_ms", detail::ms_of(run.ended_ns())},
            {"sessions", detail::about_of(run, "sessions", 1U)},
            {"group", detail::about_of(run, "group", "")},
            {"job_type", detail::about_of(run, "job_type", "")},
            {"notes", detail::about_of(run, "notes", "")},
            {"tags", detail::about_of(run, "tags", nlohmann::json::array())},
            {"deleted", run.is_deleted()},
            {"defined", detail::about_of(run, "metrics", nlohmann::json::object())},
            {"dir", run.dir().string()}};
}

/// A version and the aliases that name it.
[[nodiscard]] inline nlohmann::json as_json(const Manifest& version,
                                            const std::map<std::string, std::uint64_t>& aliases) {
    nlohmann::json files = nlohmann::json::array(), named = nlohmann::json::array();
    for (const FileEntry& file : version.files) {
        nlohmann::json& entry = files.emplace_back(nlohmann::json{{"path", file.path}, {"bytes", file.size}});
        if (!file.reference.empty()) entry["reference"] = file.reference;
        if (!file.digest.empty()) entry["sha256"] = file.digest;
    }
    for (const auto& [alias, number] : aliases) {
        if (number == version.version) named.push_back(alias);
    }
    return {{"project", version.project},
            {"artifact", version.artifact},
            {"type", version.type},
            {"version", version.label()},
            {"run", version.run},
            {"step", version.step ? nlohmann::json(*version.step) : nlohmann::json(nullptr)},
            {"created_ms", detail::ms_of(version.created_ns)},
            {"bytes", version.logical_size()},
            {"aliases", std::move(named)},
            {"metrics", version.metrics.is_null() ? nlohmann::json::object() : version.metrics},
            {"metadata", version.metadata.is_null() ? nlohmann::json::object() : version.metadata},
            {"description", version.description},
            {"files", std::move(files)}};
}

/// A row: `{"step", "time_ms", "row": {"loss": 0.5}}`.
[[nodiscard]] inline nlohmann::json as_json(const DynamicRow& row) {
    nlohmann::json values = nlohmann::json::object();
    row.for_each([&](std::string_view name, const Value& value) {
        values[std::string{name}] = detail::value_to_json(value);
    });
    return {{"step", row.step()}, {"time_ms", detail::ms_of(row.time_ns())}, {"row", std::move(values)}};
}

/// A decision of a checkpoint, and why.
[[nodiscard]] inline nlohmann::json as_json(const Decision& decision) {
    nlohmann::json because = nlohmann::json::array();
    for (const Because& one : decision.because)
        because.push_back({{"policy", one.policy}, {"reason", to_text(one.reason)}});
    return {{"kind", to_string(decision.kind)},
            {"checkpoint", decision.checkpoint},
            {"step", decision.step},
            {"time_ms", detail::ms_of(decision.time_ns)},
            {"version", decision.version ? nlohmann::json("v" + std::to_string(*decision.version))
                                         : nlohmann::json(nullptr)},
            {"queued", decision.queued},
            {"by_hand", decision.by_hand},
            {"text", decision.text},
            {"retention", decision.retention},
            {"because", std::move(because)},
            {"row", as_json(decision.row)["row"]}};
}

/// `{"decisions", "alerts"}`.
[[nodiscard]] inline nlohmann::json as_json(const RecordedRun::Events& events) {
    nlohmann::json decisions = nlohmann::json::array(), alerts = nlohmann::json::array();
    for (const Decision& one : events.decisions) decisions.push_back(as_json(one));
    for (const Alert& one : events.alerts) alerts.push_back(as_json(one));
    return {{"decisions", std::move(decisions)}, {"alerts", std::move(alerts)}};
}

/// What a dry run found.
[[nodiscard]] inline nlohmann::json as_json(const Simulation& found) {
    nlohmann::json versions = nlohmann::json::array();
    for (const SimulatedVersion& version : found.versions)
        versions.push_back({{"version", "v" + std::to_string(version.number)},
                            {"step", version.step},
                            {"time_ms", detail::ms_of(version.time_ns)},
                            {"kept", version.kept}});
    return {{"versions", std::move(versions)},          {"rows", found.steps.size()},
            {"bytes_written", found.bytes_written},     {"bytes_kept", found.bytes_kept},
            {"most_bytes_kept", found.most_bytes_kept}, {"most_rows_lost", found.most_rows_lost()}};
}

/// Values, a column for each part: `{"step": […], "time_ms": […], "value": […]}`.
[[nodiscard]] inline nlohmann::json as_json(const std::vector<Series::Point>& points) {
    nlohmann::json steps = nlohmann::json::array(), times = steps, values = steps;
    for (const Series::Point& point : points) {
        steps.push_back(point.step);
        times.push_back(point.time_ns / detail::ns_per_ms);
        values.push_back(metric_to_json(point.value));
    }
    return {{"step", std::move(steps)}, {"time_ms", std::move(times)}, {"value", std::move(values)}};
}

/// Buckets that have a value, a column for each part: `{"from", "to", "min", "max", "last", "finite",
/// "not_finite"}`. Where nothing is finite, `min`, `max` and `last` are null.
template <class B>
    requires std::same_as<B, Bucket> || std::same_as<B, BucketOver>
[[nodiscard]] nlohmann::json as_json(const std::vector<B>& buckets) {
    nlohmann::json out;
    for (const char* column : {"from", "to", "min", "max", "last", "finite", "not_finite"})
        out[column] = nlohmann::json::array();
    const auto number = [](const B& bucket, double value) {
        return bucket.finite == 0 ? nlohmann::json(nullptr) : nlohmann::json(value);
    };
    for (const B& bucket : buckets) {
        if (bucket.finite + bucket.not_finite == 0) continue;
        out["from"].push_back(bucket.from);
        out["to"].push_back(bucket.to);
        out["min"].push_back(number(bucket, bucket.min));
        out["max"].push_back(number(bucket, bucket.max));
        out["last"].push_back(number(bucket, bucket.last));
        out["finite"].push_back(bucket.finite);
        out["not_finite"].push_back(bucket.not_finite);
    }
    return out;
}

/// Metrics as they stood at a step: `{"loss": {"step", "time_ms", "value"}}`.
[[nodiscard]] inline nlohmann::json as_json(const std::map<std::string, Standing, std::less<>>& standing) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [name, one] : standing)
        out[name] = {{"step", one.step}, {"time_ms", detail::ms_of(one.time_ns)}, {"value", one.value}};
    return out;
}

/// What runs differ in: `{"config": {"lr": [0.1, 0.2]}, "metrics": {…}}`, a value for each run.
[[nodiscard]] inline nlohmann::json as_json(const Comparison& comparison, bool only_changed) {
    const auto part = [&](const std::vector<Compared>& all) {
        nlohmann::json out = nlohmann::json::object();
        for (const Compared& one : all) {
            if (!only_changed || one.differs()) out[one.key] = one.values;
        }
        return out;
    };
    return {{"config", part(comparison.config)}, {"metrics", part(comparison.metrics)}};
}

/// The errors of a list.
[[nodiscard]] inline nlohmann::json as_json(const std::vector<error>& failures) {
    nlohmann::json out = nlohmann::json::array();
    for (const error& failure : failures) out.push_back(as_json(failure));
    return out;
}

namespace detail {

/// What a summary tells of metrics, those of the machine among them.
[[nodiscard]] inline nlohmann::json all_metrics(const nlohmann::json& summary) {
    nlohmann::json all = nlohmann::json::object();
    for (const char* part : {"system", "metrics"}) {
        if (const auto of = summary.find(part); of != summary.end() && of->is_object()) all.update(*of);
    }
    return all;
}

}  // namespace detail

/// A run with its config, its summary and what it saved; of one that crashed also its last rows and the last
/// lines that it printed. `metrics`, if given, stands in the place of its summary's: of a long run that goes
/// on those are made of all its rows. Fails as the disk does, and where the history cannot be read.
[[nodiscard]] inline result<nlohmann::json> run_as_json(const StoreReader& store, const RecordedRun& run,
                                                        const nlohmann::json* metrics = nullptr) {
    nlohmann::json out = as_json(run);
    out["config"] = run.config();
    out["environment"] = detail::about_of(run, "environment", nlohmann::json::object());
    out["summary"] = run.user_summary();
    if (metrics == nullptr) {
        auto summary = run.summary();
        if (!summary) return summary.error();
        out["metrics"] = detail::all_metrics(*summary);
    } else {
        out["metrics"] = *metrics;
    }
    const auto saved = store.versions_of(run);
    if (!saved) return saved.error();
    out["versions"] = nlohmann::json::array();
    for (const auto& [name, versions] : saved->by_artifact) {
        for (const Manifest& version : versions)
            out["versions"].push_back(as_json(version, saved->aliases_of(name)));
    }
    out["damaged"] = as_json(saved->damaged);
    if (run.state() != RunState::crashed) return out;
    const auto rows = run.last_rows(5);
    if (!rows) return rows.error();
    for (const DynamicRow& row : *rows) out["last_rows"].push_back(as_json(row));
    if (auto lines = run.last_lines(10))
        out["last_lines"] = std::move(*lines);
    else
        out["damaged"].push_back(as_json(lines.error()));
    return out;
}

}  // namespace CAIRN_NAMESPACE
