// SPDX-License-Identifier: MIT
#pragma once
// The verb that makes runs of what other programs recorded: import.

#include <cairn/cli/call.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/import_csv.hpp>
#include <cairn/mirror/import_tensorboard.hpp>
#include <cairn/mirror/import_wandb.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn import` is asked for.
struct Import {
    std::string tensorboard{}, wandb{}, csv{}, step{}, project{};
};

inline result<void> import_runs(Call& call, const Import& wanted) {
    WandbImport made;
    const ImportOptions into{.dir = os::path_of(call.dir()), .project = wanted.project};
    try {
        if (!wanted.csv.empty()) {
            auto run = import_csv(os::path_of(wanted.csv), {into, wanted.step});
            if (!run) return run.error();
            made.runs.push_back(std::move(*run));
        } else if (!wanted.wandb.empty()) {
            auto runs = import_wandb(os::path_of(wanted.wandb), into);
            if (!runs) return runs.error();
            made = std::move(*runs);
        } else {
            auto runs = import_tensorboard(os::path_of(wanted.tensorboard), into);
            if (!runs) return runs.error();
            made.runs = std::move(runs->runs);
            made.damaged = std::move(runs->damaged);
        }
    } catch (const error& failure) {  // of `init`
        return failure;
    }
    if (!made.damaged.empty() || made.runs.empty()) call.set_damaged();
    if (call.json()) {
        nlohmann::json runs = nlohmann::json::array();
        for (const ImportedRun& run : made.runs)
            runs.push_back({{"project", run.project}, {"id", run.id}, {"rows", run.rows}});
        call.print({{"runs", std::move(runs)},
                    {"damaged", cairn::as_json(made.damaged)},
                    {"left_out", cairn::as_json(made.left_out)}});
        return {};
    }
    for (const error& damaged : made.damaged) call.complain(damaged);
    for (const error& left : made.left_out) call.complain(left);
    for (const ImportedRun& run : made.runs)
        call.out(printable(run.project) + "/" + run.id + ": " + std::to_string(run.rows) + " rows\n");
    return {};
}

}  // namespace detail

/// `cairn import --tensorboard DIR`, `--wandb DIR`, `--csv FILE`.
inline void add_import(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Import>();
    CLI::App* const verb = call.verb(app, "import", "make runs of what other programs recorded",
                                     [&call, wanted] { return detail::import_runs(call, *wanted); });
    CLI::Option_group* const format = verb->add_option_group("format");
    format->add_option("--tensorboard", wanted->tensorboard,
                       "a folder of event files: each folder in it is a run");
    format->add_option("--wandb", wanted->wandb,
                       "the folder in which W&B's client keeps its runs, or a run's");
    CLI::Option* const csv = format->add_option("--csv", wanted->csv, "a table: a column for each metric");
    format->require_option(1);
    verb->add_option("--step", wanted->step,
                     "the column of the table that has the steps (default: the first)")
        ->needs(csv);
    verb->add_option("-p,--project", wanted->project,
                     "of the runs (default: $CAIRN_PROJECT, or uncategorized)");
}

}  // namespace CAIRN_NAMESPACE::cli
