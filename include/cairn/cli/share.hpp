// SPDX-License-Identifier: MIT
#pragma once
// The verb that gives runs to others: export.

#include <cairn/cli/call.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/export.hpp>
#include <cairn/serve/report.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn export` is asked for.
struct Export {
    std::vector<std::string> runs{};
    std::string html{}, tensorboard{}, wandb{};
    bool csv = false, jsonl = false;
    std::size_t max_mib = 8;
};

inline result<void> write_report(const StoreReader& store, const std::vector<RecordedRun>& runs,
                                 const Export& wanted) {
    const auto page = report(store, runs, {.max_bytes = wanted.max_mib << 20U});
    if (!page) return page.error();
    return write_out(wanted.html, *page);
}

inline result<void> export_wandb(Call& call, const StoreReader& store, const std::vector<RecordedRun>& runs,
                                 const Export& wanted) {
    for (const RecordedRun& run : runs) {
        auto mirror = WandbMirror::open(store, run, {.dir = os::path_of(wanted.wandb)});
        if (!mirror) return mirror.error();
        const auto report = mirror->catch_up(run);
        if (!report) return report.error();
        call.complain(report->left_out);
    }
    return {};
}

inline result<void> export_runs(Call& call, const Export& wanted) {
    const auto store = call.store();
    if (!store) return store.error();
    std::vector<RecordedRun> runs;
    for (const std::string& name : wanted.runs) {
        auto run = store->find(name);
        if (!run) return run.error();
        runs.push_back(std::move(*run));
    }
    if (!wanted.html.empty()) return write_report(*store, runs, wanted);
    if (!wanted.tensorboard.empty()) {
        for (const RecordedRun& run : runs) {
            const auto report = export_tensorboard(run, os::path_of(wanted.tensorboard));
            if (!report) return report.error();
            call.complain(report->left_out);
        }
        return {};
    }
    if (!wanted.wandb.empty()) return export_wandb(call, *store, runs, wanted);
    if (runs.size() > 1) {
        return error{errc::invalid_argument, "several runs are no table", "",
                     "export one at a time, or all of them with --html, --tensorboard or --wandb"};
    }
    const auto print = [&](std::string_view text) { call.out(text); };
    return wanted.csv ? export_csv(runs.front(), print) : export_jsonl(runs.front(), print);
}

}  // namespace detail

/// `cairn export RUN… --csv`.
inline void add_export(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Export>();
    CLI::App* const verb = call.verb(
        app, "export",
        "all rows of a run for other programs, or runs as one HTML file, for TensorBoard or for W&B",
        [&call, wanted] { return detail::export_runs(call, *wanted); });
    verb->add_option("RUN", wanted->runs, detail::names_a_run)->required();
    CLI::Option_group* const format = verb->add_option_group("format");
    format->add_flag("--csv", wanted->csv, "a table: step, time_ms and a column for each metric");
    format->add_flag("--jsonl", wanted->jsonl, "an object for each row, a line each");
    format->add_option("--html", wanted->html,
                       "the dashboard as this file, with the runs inside; needs no network");
    format->add_option("--tensorboard", wanted->tensorboard,
                       "event files in this folder, for: tensorboard --logdir DIR");
    format->add_option("--wandb", wanted->wandb,
                       "folders as W&B's client leaves them offline, in DIR/wandb, for: wandb sync");
    format->require_option(1);
    verb->add_option("--max-mib", wanted->max_mib, "about the most that the HTML file may have (default 8)")
        ->check(CLI::Range(1, 1000));
}

}  // namespace CAIRN_NAMESPACE::cli
