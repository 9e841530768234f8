// SPDX-License-Identifier: MIT
#pragma once
// What W&B is told of a run itself: what it is called, how it was configured, where it was made, how it
// ended. Costs nlohmann/json.

#include <cairn/mirror/text.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/run_reader.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::wandb {

/// By which W&B knows a rank of a run: ranks above 0 are runs of their own, in one group.
[[nodiscard]] inline std::string run_id(const RecordedRun& run, unsigned rank) {
    return rank == 0 ? run.id() : run.id() + "-rank" + std::to_string(rank);
}
[[nodiscard]] inline std::string text_of(const nlohmann::json& in, std::string_view key) {
    const auto found = in.find(key);
    return found != in.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
[[nodiscard]] inline nlohmann::json environment_of(const RecordedRun& run) {
    return about_of(run, "environment", nlohmann::json::object());
}

/// JSON as W&B's client has it in a config, which it does not take from deep nests.
[[nodiscard]] inline std::string config_text(const nlohmann::json& value) {
    constexpr std::size_t most_depth = 400;
    std::string text = json_text(value);
    return json_depth(text) <= most_depth ? text : json_text(text);
}
[[nodiscard]] inline Message config_record(const RecordedRun& run) {
    Message out;
    const nlohmann::json config = run.config();
    for (const auto& [key, value] : config.items()) put_item(out, {as_utf8(key)}, config_text(value));
    put_item(out, {"_wandb"}, "{}");
    return out;
}

/// W&B refuses longer tags, so they are cut.
[[nodiscard]] inline std::string tag_text(std::string_view tag) {
    constexpr std::size_t most = 64;
    return cut_utf8(as_utf8(tag), most);
}
/// Adds the commit that the program was built of, if it is known.
inline void put_commit(Message& to, unsigned field, const nlohmann::json& environment) {
    const auto git = environment.find("git");
    if (git == environment.end() || !git->is_object()) return;
    Message commit;
    put_text(commit, 2, text_of(*git, "commit"));
    ProtoWriter{to}.message(field, commit);
}

/// All that is said of the run.
[[nodiscard]] inline Message run_record(const RecordedRun& run, unsigned rank, const std::string& entity,
                                        const std::string& project) {
    const nlohmann::json environment = environment_of(run);
    Message out;
    put_text(out, 1, run_id(run, rank));
    put_text(out, 2, entity);
    put_text(out, 3, project);
    ProtoWriter{out}.message(4, config_record(run));
    const std::string group = text_of(run.about(), "group");
    put_text(out, 6, group.empty() && rank != 0 ? run.id() : group);
    put_text(out, 7, text_of(run.about(), "job_type"));
    put_text(out, 8, rank == 0 ? run.name() : run.name() + " rank " + std::to_string(rank));
    put_text(out, 9, text_of(run.about(), "notes"));
    for (const nlohmann::json& tag : about_of(run, "tags", nlohmann::json::array())) {
        if (tag.is_string()) put_text(out, 10, tag_text(tag.get_ref<const std::string&>()));
    }
    put_text(out, 13, text_of(environment, "host"));
    put_time(out, 17, run.created_ns());
    put_number(out, 18, run.sessions() > 1 ? 1 : 0);
    put_commit(out, 21, environment);
    return out;
}

/// Where it was made.
[[nodiscard]] inline Message environment_record(const RecordedRun& run) {
    const nlohmann::json environment = environment_of(run);
    Message out;
    put_text(out, 1, text_of(environment, "os"));
    put_time(out, 3, run.started_ns());
    if (const auto words = environment.find("command"); words != environment.end() && words->is_array()) {
        for (std::size_t i = 1; i < words->size(); ++i) {
            if ((*words)[i].is_string())
                ProtoWriter{out}.text(5, as_utf8((*words)[i].get_ref<const std::string&>()));
        }
        if (!words->empty() && words->front().is_string())
            put_text(out, 6, words->front().get<std::string>());
    }
    put_commit(out, 9, environment);
    put_text(out, 11, text_of(environment, "folder"));
    put_text(out, 12, text_of(environment, "host"));
    put_text(out, 13, text_of(environment, "user"));
    const auto count = [&](const char* key) {
        const auto found = environment.find(key);
        return found != environment.end() && found->is_number_unsigned() ? found->get<std::int64_t>() : 0;
    };
    put_number(out, 17, count("processors"));
    if (const std::int64_t bytes = count("memory"); bytes != 0) {
        Message memory;
        put_number(memory, 1, bytes);
        ProtoWriter{out}.message(21, memory);
    }
    if (const auto variables = environment.find("variables"); variables != environment.end()) {
        constexpr std::string_view slurm = "SLURM_";
        for (const auto& [name, value] : variables->items()) {
            if (!name.starts_with(slurm) || !value.is_string()) continue;
            std::string key = name.substr(slurm.size());
            std::transform(key.begin(), key.end(), key.begin(), [](char c) {
                return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            });
            put_pair(out, 27, key, as_utf8(value.get_ref<const std::string&>()), 2);
        }
    }
    return out;
}

/// What `define_metric` said of a metric.
[[nodiscard]] inline Message metric_record(std::string_view name, const nlohmann::json& metric) {
    Message out, options;
    put_text(out, 1, name);
    const std::string over = text_of(metric, "step_metric"), goal = text_of(metric, "goal");
    put_text(out, 4, over);
    put_number(options, 1, over.empty() ? 0 : 1);
    put_number(options, 3, 1);
    ProtoWriter{out}.message(6, options);
    put_number(out, 8, goal == "minimize" ? 1 : goal == "maximize" ? 2 : 0);
    return out;
}

[[nodiscard]] inline Message alert_record(const Alert& alert) {
    Message out;
    put_text(out, 1, alert.title);
    put_text(out, 2, alert.text);
    put_text(out, 3,
             alert.level == AlertLevel::error  ? "ERROR"
             : alert.level == AlertLevel::warn ? "WARN"
                                               : "INFO");
    put_number(out, 4, 1);  // it was held back by us already
    return out;
}

/// How it ended.
[[nodiscard]] inline Message exit_record(const RecordedRun& run, RunState now) {
    constexpr std::int64_t failed = 1, crashed = 254;  // so W&B's own programs tell them
    constexpr std::int64_t second = 1'000'000'000;
    Message out;
    const std::int64_t code = now == RunState::finished ? 0 : now == RunState::crashed ? crashed : failed;
    put_number(out, 1, code);
    put_number(out, 2, run.ended_ns() == 0 ? 0 : (run.ended_ns() - run.created_ns()) / second);
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::wandb
