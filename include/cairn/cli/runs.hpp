// SPDX-License-Identifier: MIT
#pragma once
// The verbs about whole runs: ls, show, diff.

#include <cairn/cli/call.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/core/time.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/runs.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// How long it has been going on, or did; of one that crashed nobody knows.
[[nodiscard]] inline std::string lasted_text(const RecordedRun& run) {
    const auto ended = run.ended_ns() != 0                ? run.ended_ns()
                       : run.state() == RunState::running ? wall_ns()
                                                          : 0;
    return ended != 0 ? duration(static_cast<double>(ended - run.started_ns()) / 1e9) : "?";
}

/// The table of runs.
[[nodiscard]] inline std::string runs_text(const std::vector<RecordedRun>& runs) {
    if (runs.empty()) return "no run yet\n";
    Table table{{"RUN", "PROJECT", "NAME", "STATE", "STARTED", "LASTED"}};
    for (const RecordedRun& run : runs) {
        table.add({printable(run.id()), printable(run.project()), printable(run.name()),
                   std::string{to_string(run.state())}, local_time(run.started_ns()), lasted_text(run)});
    }
    return table.text(22);
}

/// One version in a line: label, step, size, the metrics it was saved with, aliases.
[[nodiscard]] inline std::string version_line(const Manifest& manifest,
                                              const std::map<std::string, std::uint64_t>& aliases) {
    std::string out = "       " + column(manifest.label(), 5) + " ";
    out += column(manifest.step ? "step " + std::to_string(*manifest.step) : "", 12) + " " +
           column(size_text(manifest.logical_size()), 10);
    std::size_t shown = 0;
    for (const auto& [name, value] : manifest.metrics.items()) {
        if (shown++ == 4) break;
        if (metric_from_json(value)) out += " " + printable(name) + "=" + brief(value);
    }
    for (const auto& [alias, version] : aliases) {
        if (version == manifest.version) out += "  <- " + alias;
    }
    return out + "\n";
}

/// A row in a line: its step, and what fits of its metrics.
[[nodiscard]] inline std::string row_line(const DynamicRow& row, std::size_t most = 4) {
    std::string out = "       " + column("step " + std::to_string(row.step()), 12);
    std::size_t shown = 0;
    row.for_each([&](std::string_view name, const Value& value) {
        if (shown++ < most)
            out += " " + printable(name) + "=" +
                   (value.is_text() ? printable(value.text()) : short_number(value.number()));
    });
    return out + (shown > most ? " …\n" : "\n");
}

/// How a crashed run ended.
[[nodiscard]] inline result<std::string> last_text(const RecordedRun& run) {
    std::string out;
    const auto rows = run.last_rows(5);
    if (!rows) return rows.error();
    if (!rows->empty()) out += "last rows\n";
    for (const DynamicRow& row : *rows) out += row_line(row);
    const auto lines = run.last_lines(10);
    if (!lines) return lines.error();
    if (!lines->empty()) out += "last output\n";
    for (const std::string& line : *lines) out += "       " + printable(line) + "\n";
    return out;
}

/// Where it ran, and what.
[[nodiscard]] inline std::string environment_text(const nlohmann::json& about) {
    const auto environment = about.find("environment");
    if (environment == about.end() || !environment->is_object()) return {};
    const auto text = [](const nlohmann::json& of, const char* key) {
        std::string value;
        return of.is_object() && ::cairn::detail::get_field(of, key, value) ? printable(value)
                                                                            : std::string{};
    };
    std::string out, command;
    if (const auto words = environment->find("command"); words != environment->end() && words->is_array()) {
        for (const nlohmann::json& word : *words) {
            if (word.is_string())
                command += (command.empty() ? "" : " ") + printable(word.get<std::string>());
        }
    }
    if (!command.empty()) out += "ran    " + command + "\n";
    if (const std::string host = text(*environment, "host"); !host.empty())
        out += "on     " + host + ", " + text(*environment, "os") + "\n";
    if (const auto git = environment->find("git"); git != environment->end()) {
        out += "code   " + text(*git, "branch") + " " + text(*git, "commit").substr(0, 12);
        if (git->is_object() && git->value("dirty", nlohmann::json{}) == true) out += ", changed since";
        if (const std::string diff = text(*git, "diff"); !diff.empty()) out += ": " + diff;
        out += "\n";
    }
    return out;
}

/// One run on a page: where, how it stands, config, metrics, versions.
[[nodiscard]] inline result<std::string> show_text(const StoreReader& store, const RecordedRun& run) {
    std::string out = "run    " + printable(run.project()) + "/" + printable(run.id());
    if (run.name() != run.id()) out += " (" + printable(run.name()) + ")";
    out += "\nstate  " + std::string{to_string(run.state())};
    if (!run.why().empty()) out += ": " + printable(run.why());
    out += "\nfrom   " + local_time(run.started_ns());
    if (run.ended_ns() != 0)
        out += ", for " + duration(static_cast<double>(run.ended_ns() - run.started_ns()) / 1e9);
    out += "\nin     " + printable(run.dir().string()) + "\n" + environment_text(run.about());
    if (const std::string notes = run.about().value("notes", ""); !notes.empty())
        out += "notes  " + printable(notes) + "\n";
    if (const nlohmann::json config = run.config(); !config.empty()) {
        out += "config\n";
        for (const auto& [key, value] : config.items())
            out += "       " + column(printable(key), 18) + " " + brief(value) + "\n";
    }
    HistoryReport report;
    const auto views = run.metrics(&report);
    if (!views) return views.error();
    for (const error& damage : report.errors(run.dir().string())) out += std::string{damage.what()} + "\n";
    if (!views->empty()) {
        out += "metrics\n" +
               metrics_table(*views, [&](std::string_view metric) { return run.goal_of(metric); }, 100);
    }
    const auto alerts = run.alerts();
    if (!alerts) return alerts.error();
    for (const Alert& alert : *alerts) {
        out += "alert  " + std::string{to_string(alert.level)} + ", step " + std::to_string(alert.step) +
               ": " + printable(alert.title) + (alert.text.empty() ? "" : ": " + printable(alert.text)) +
               "\n";
    }
    if (run.state() == RunState::crashed) {
        auto last = last_text(run);
        if (!last) return last.error();
        out += *last;
    }
    const auto saved = store.versions_of(run);
    if (!saved) return saved.error();
    for (const auto& [name, versions] : saved->by_artifact) {
        out += "saved  " + printable(name) + "\n";
        for (const Manifest& manifest : versions) out += version_line(manifest, saved->aliases_of(name));
    }
    for (const error& damaged : saved->damaged) out += std::string{damaged.what()} + "\n";
    return out;
}

[[nodiscard]] inline std::string diff_text(const std::vector<RecordedRun>& runs, const Comparison& comparison,
                                           bool only_changed) {
    std::string out;
    for (const auto& [title, part] :
         {std::pair{"CONFIG", &comparison.config}, {"METRIC", &comparison.metrics}}) {
        std::vector<std::string> header{title};
        for (const RecordedRun& run : runs) header.push_back(printable(run.id()));
        Table table{std::move(header)};
        for (const Compared& one : *part) {
            if (only_changed && !one.differs()) continue;
            std::vector<std::string> row{(one.differs() ? "* " : "  ") + printable(one.key)};
            for (const nlohmann::json& value : one.values) row.push_back(brief(value));
            table.add(std::move(row));
        }
        if (!table.empty()) out += (out.empty() ? "" : "\n") + table.text(28);
    }
    return out.empty() ? "no difference\n" : out;
}

}  // namespace detail

/// `cairn ls`.
inline void add_ls(CLI::App& app, Call& call) {
    struct Wanted {
        std::string project{};
        std::size_t limit = 0;
        bool deleted = false;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb =
        call.verb(app, "ls", "list the runs, newest first", [&call, wanted]() -> result<void> {
            const auto store = call.store();
            if (!store) return store.error();
            auto list = store->runs(wanted->project);
            if (!list) return list.error();
            std::erase_if(list->runs,
                          [&](const RecordedRun& run) { return run.is_deleted() != wanted->deleted; });
            const bool truncated = wanted->limit != 0 && list->runs.size() > wanted->limit;
            if (truncated)
                list->runs.erase(list->runs.begin() + static_cast<std::ptrdiff_t>(wanted->limit),
                                 list->runs.end());
            if (call.json()) {
                nlohmann::json runs = nlohmann::json::array();
                for (const RecordedRun& run : list->runs) runs.push_back(as_json(run));
                call.print({{"runs", std::move(runs)},
                            {"truncated", truncated},
                            {"damaged", as_json(list->damaged)}});
                return {};
            }
            for (const error& damaged : list->damaged) call.complain(damaged);
            call.out(detail::runs_text(list->runs));
            if (truncated) call.note("and more: --limit 0 has all");
            return {};
        });
    verb->add_option("-p,--project", wanted->project, "only of this project");
    verb->add_option("--limit", wanted->limit, "at most so many (default 0: all)");
    verb->add_flag("--deleted", wanted->deleted, "those that were put away with rm");
}

/// `cairn show RUN`.
inline void add_show(CLI::App& app, Call& call) {
    call.verb_of_run(app, "show", "one run: config, metrics, saved versions",
                     [&call](const StoreReader& store, const RecordedRun& run) -> result<void> {
                         if (call.json()) {
                             auto shown = run_as_json(store, run);
                             if (!shown) return shown.error();
                             call.print(*shown);
                             return {};
                         }
                         const auto shown = detail::show_text(store, run);
                         if (!shown) return shown.error();
                         call.out(*shown);
                         return {};
                     });
}

/// `cairn diff A B…`.
inline void add_diff(CLI::App& app, Call& call) {
    struct Wanted {
        std::vector<std::string> runs{};
        bool only_changed = false;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb = call.verb(
        app, "diff", "configs and last values of runs side by side", [&call, wanted]() -> result<void> {
            const auto store = call.store();
            if (!store) return store.error();
            std::vector<RecordedRun> runs;
            for (const std::string& name : wanted->runs) {
                auto run = store->find(name);
                if (!run) return run.error();
                runs.push_back(std::move(*run));
            }
            const auto comparison = compare(runs);
            if (!comparison) return comparison.error();
            if (!call.json()) {
                call.out(detail::diff_text(runs, *comparison, wanted->only_changed));
                return {};
            }
            nlohmann::json out = as_json(*comparison, wanted->only_changed);
            for (const RecordedRun& run : runs) out["runs"].push_back(run.id());
            call.print(out);
            return {};
        });
    verb->add_option("RUN", wanted->runs, "two runs or more")->required()->expected(2, 1000);
    verb->add_flag("--only-changed", wanted->only_changed, "leave out what is equal");
}

}  // namespace CAIRN_NAMESPACE::cli
