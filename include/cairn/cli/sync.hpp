// SPDX-License-Identifier: MIT
#pragma once
// The verb that mirrors runs to other systems: sync.

#include <cairn/cli/call.hpp>
#include <cairn/cli/live.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn sync` is asked for.
struct Sync {
    std::vector<std::string> runs{};
    std::string to{};
    WandbOptions wandb{};
    bool follow = false;
    double every = 5;
};

/// A run and what mirrors it.
struct Synced {
    RecordedRun run;
    WandbMirror mirror;
    bool is_over = false;
    std::uint64_t rows = 0;
};

/// Fails: invalid_argument, if the target is none.
inline result<void> read_target(Sync& wanted) {
    constexpr std::string_view wandb = "wandb";
    const std::string_view to = wanted.to;
    if (to == wandb) return {};
    if (to.starts_with(wandb) && to.substr(wandb.size()).starts_with(':') && to.size() > wandb.size() + 1) {
        wanted.wandb.dir = os::path_of(std::string{to.substr(wandb.size() + 1)});
        return {};
    }
    return error{errc::invalid_argument, "nothing can be mirrored there", wanted.to,
                 "give wandb or wandb:DIR"};
}

inline result<void> catch_up(Call& call, const StoreReader& store, Synced& one) {
    auto now = store.run(one.run.project(), one.run.id());
    if (!now) return now.error();
    one.run = std::move(*now);
    const auto report = one.mirror.catch_up(one.run);
    if (!report) return report.error();
    one.rows += report->rows;
    one.is_over = report->is_over;
    for (const error& left : report->left_out) {
        call.complain(left);
        call.set_damaged();
    }
    return {};
}

inline void tell(Call& call, const Synced& one) {
    if (call.json()) {
        call.print({{"project", one.run.project()},
                    {"id", one.run.id()},
                    {"rows", one.rows},
                    {"is_over", one.is_over},
                    {"folder", one.mirror.folder().string()}});
        return;
    }
    call.out(printable(one.run.project()) + "/" + one.run.id() + ": " + std::to_string(one.rows) +
             " new rows" + (one.is_over ? "" : ", and it goes on") + "; " +
             printable(one.mirror.folder().string()) + "\n");
}

inline result<void> sync_runs(Call& call, Sync wanted) {
    if (auto target = read_target(wanted); !target) return target;
    const auto store = call.store();
    if (!store) return store.error();
    std::vector<Synced> all;
    for (const std::string& name : wanted.runs) {
        auto run = store->find(name);
        if (!run) return run.error();
        auto mirror = WandbMirror::open(*store, *run, wanted.wandb);
        if (!mirror) return mirror.error();
        all.push_back({std::move(*run), std::move(*mirror)});
    }
    const auto goes_on = [](const Synced& one) { return !one.is_over; };
    while (true) {
        for (Synced& one : all) {
            if (one.is_over) continue;
            if (auto done = catch_up(call, *store, one); !done) return done;
        }
        if (!wanted.follow || std::none_of(all.begin(), all.end(), goes_on)) break;
        flush_and_wait(wanted.every);
    }
    for (const Synced& one : all) tell(call, one);
    return {};
}

}  // namespace detail

/// `cairn sync RUN… --to wandb:DIR`.
inline void add_sync(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Sync>();
    CLI::App* const verb =
        call.verb(app, "sync", "mirror runs to another system: what is new since the last time",
                  [&call, wanted] { return detail::sync_runs(call, *wanted); });
    verb->add_option("RUN", wanted->runs, detail::names_a_run)->required();
    verb->add_option(
            "--to", wanted->to,
            "wandb:DIR: folders that `wandb sync` uploads, in DIR/wandb (without DIR: in $WANDB_DIR or here)")
        ->required();
    verb->add_option("--entity", wanted->wandb.entity, "who is to have it in W&B (default: $WANDB_ENTITY)");
    verb->add_option("-p,--project", wanted->wandb.project, "its project there (default: as here)");
    verb->add_flag("!--no-artifacts", wanted->wandb.artifacts, "without the files of artifacts");
    verb->add_flag("-f,--follow", wanted->follow, "go on until the runs end");
    verb->add_option("--every", wanted->every, "seconds between two looks (default 5)")
        ->check(CLI::Range(0.1, 3600.0));
}

}  // namespace CAIRN_NAMESPACE::cli
