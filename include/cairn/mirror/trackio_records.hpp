// SPDX-License-Identifier: MIT
#pragma once
// Trackio's records: what a line of its inbox has, and an entry of a request. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/run_key.hpp>
#include <cairn/mirror/system_names.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/utc.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/at_step.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/stored_row.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail::trackio {

/// A run, as Trackio knows it.
struct Place {
    std::string project;
    std::string run;     ///< its name; others may have the same
    std::string run_id;  ///< 32 hexadecimal digits

    /// The id of one of its records: the same each time, by which Trackio knows what it has already.
    [[nodiscard]] std::string record_id(std::string_view what) const {
        const std::string text = run_id + " " + std::string{what};
        return sha256(bytes_of(text)).hex().substr(0, 32);
    }
};

/// Records of one run that go together.
struct Batch {
    std::vector<nlohmann::json> metrics{}, samples{}, alerts{};
    std::size_t bytes = 0;  ///< about

    [[nodiscard]] std::size_t size() const noexcept {
        return metrics.size() + samples.size() + alerts.size();
    }
};

/// The folder that a project has there: without dots.
[[nodiscard]] inline std::string folder_of(std::string project) {
    std::erase(project, '.');
    return project.empty() ? "default" : project;
}

/// Trackio and what it is made of go down into a value level by level, and not into one much deeper than
/// this.
inline constexpr std::size_t most_depth = 100;
inline constexpr const char* too_deep = "nested too deep for Trackio";

/// Success if Trackio can have such a project. (Names of its own tables; trackio 0.43, `utils.py`.)
[[nodiscard]] inline result<void> check_project(const std::string& name) {
    if (auto valid = check_name("project", name); !valid) return valid;
    const std::string folder = folder_of(name);
    constexpr std::string_view ends[] = {
        "_system",           "_configs",           "_traces", "_artifacts", "_artifact_versions",
        "_artifact_aliases", "_run_artifact_links"};
    const bool is_taken = folder.starts_with("registry-") ||
                          std::any_of(std::begin(ends), std::end(ends),
                                      [&](std::string_view end) { return folder.ends_with(end); });
    if (!is_taken) return {};
    return error{errc::invalid_name, "Trackio keeps such names for itself", name, "give another project"};
}
/// "2026-11-28T04:16:25.000001+00:00".
[[nodiscard]] inline std::string iso_time(std::int64_t ns) {
    const Utc at = utc_of(ns);
    char out[96];
    std::snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00", at.year, at.month, at.day,
                  at.hour, at.minute, at.second, at.microsecond);
    return out;
}

/// A metric's name there. Trackio keeps some for itself: its own client writes "__step" for "step", as this
/// does; a byte that is no UTF-8 is `_xDCFF_`.
[[nodiscard]] inline std::string metric_name(std::string_view name) {
    constexpr std::string_view own[] = {"project", "run", "timestamp", "step", "time", "metrics"};
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
        const std::string_view rest = name.substr(at);
        const auto [c, size] = first_character(rest);
        const bool is_kept = (c < 0xDC80 || c > 0xDCFF) && !begins_escaped(rest);
        out += is_kept ? std::string{rest.substr(0, size)} : escaped(c);
        at += size;
    }
    if (std::find(std::begin(own), std::end(own), out) != std::end(own) || out.starts_with("__"))
        out.insert(0, "__");
    return out;
}

/// A sample, by Trackio's name, where it has one.
[[nodiscard]] inline SystemMetric system_metric(std::string_view name) {
    constexpr double gib = 1.0 / (1 << 30), percent = 0.01;
    constexpr KnownSample machine[] = {{"cpu.host", "cpu/utilization", 1},
                                       {"memory_percent", "memory/percent", 1},
                                       {"network.recv", "network/recv_bytes", 1},
                                       {"network.sent", "network/sent_bytes", 1}};
    constexpr KnownSample gpu[] = {{"gpu", "utilization", 1},
                                   {"memory", "memory_utilization", 1},
                                   {"memoryAllocated", "memory_usage", percent},
                                   {"memoryAllocatedBytes", "allocated_memory", gib},
                                   {"temp", "temp", 1},
                                   {"powerWatts", "power", 1},
                                   {"powerPercent", "power_percent", percent}};
    if (auto known = system_name(name, machine, gpu, "gpu/", "/")) return *known;
    constexpr std::string_view prefix = "system/";
    return {metric_name(name.starts_with(prefix) ? name.substr(prefix.size()) : name)};
}

[[nodiscard]] inline nlohmann::json record_of(const Place& place, const char* kind, std::int64_t time_ns) {
    return {{"v", 1},           {"kind", kind},           {"project", place.project},
            {"run", place.run}, {"run_id", place.run_id}, {"timestamp", iso_time(time_ns)}};
}
/// A row, or a rich value. `id` tells it from the other rows of the run.
[[nodiscard]] inline nlohmann::json metric_record(const Place& place, nlohmann::json metrics,
                                                  std::int64_t step, std::int64_t time_ns, std::string id) {
    nlohmann::json out = record_of(place, "metric", time_ns);
    out["metrics"] = std::move(metrics);
    out["step"] = step;
    out["config"] = nullptr;
    out["log_id"] = std::move(id);
    return out;
}
/// The use of the machine.
[[nodiscard]] inline nlohmann::json sample_record(const Place& place, const StoredRow& row, std::string id) {
    nlohmann::json out = record_of(place, "system_metric", row.time_ns);
    nlohmann::json& metrics = out["metrics"] = nlohmann::json::object();
    for (const auto& [name, value] : row.values) {
        if (value.is_text()) continue;
        const SystemMetric metric = system_metric(name);
        metrics[metric.name] = metric_to_json(value.number() * metric.unit);
    }
    out["log_id"] = std::move(id);
    return out;
}
[[nodiscard]] inline nlohmann::json alert_record(const Place& place, const Alert& alert, std::string id) {
    nlohmann::json out = record_of(place, "alert", alert.time_ns);
    out["title"] = as_utf8(alert.title);
    out["text"] = as_utf8(alert.text);
    out["level"] = std::string{to_string(alert.level)};
    out["step"] = alert.step;
    out["alert_id"] = std::move(id);
    return out;
}

/// The config of a run, and, as Trackio has nothing else that tells it, how the run stands, under "cairn".
[[nodiscard]] inline nlohmann::json config_of(const RecordedRun& run, unsigned rank, RunState now,
                                              const nlohmann::json& names) {
    nlohmann::json out = nlohmann::json::object();
    const nlohmann::json config = run.config();
    for (const auto& [key, value] : config.items())
        out[key] = json_depth(json_text(value)) < most_depth ? value : nlohmann::json(too_deep);
    const nlohmann::json environment = about_of(run, "environment", nlohmann::json::object());
    const nlohmann::json git = environment.value("git", nlohmann::json());
    nlohmann::json ours = {{"project", run.project()},
                           {"run", run.id()},
                           {"rank", rank},
                           {"state", std::string{to_string(now)}}};
    const auto put = [&](const char* key, const nlohmann::json& value) {
        if (!value.is_null() && !value.empty()) ours[key] = value;
    };
    const auto put_field = [&](const nlohmann::json& of, const char* field) {
        if (of.is_object()) put(field, of.value(field, nlohmann::json()));
    };
    put("why", run.why());
    put("summary", run.user_summary());
    put("names", names);
    for (const char* field : {"notes", "tags", "job_type"}) put_field(run.about(), field);
    for (const char* field : {"host", "command"}) put_field(environment, field);
    for (const char* field : {"commit", "branch"}) put_field(git, field);
    std::string key = "cairn";
    while (out.contains(key)) key += '_';
    out[key] = std::move(ours);
    const auto unless_empty = [](const nlohmann::json& text) {
        return text == nlohmann::json(std::string{}) ? nlohmann::json() : text;
    };
    const nlohmann::json user = environment.value("user", nlohmann::json());
    out.emplace("_Username", user.is_string() ? unless_empty(user) : nlohmann::json());
    out.emplace("_Created", iso_time(run.created_ns()));
    out.emplace("_Group", unless_empty(about_of(run, "group", "")));
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::trackio
