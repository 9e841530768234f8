// SPDX-License-Identifier: MIT
#pragma once
// The verb that mirrors runs to other systems: sync.

#include <cairn/cli/call.hpp>
#include <cairn/cli/live.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
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
    std::variant<WandbMirror, TensorboardMirror> mirror;
    bool is_over = false;
    std::uint64_t rows = 0;
};

/// What `--to` names. Fails: invalid_argument, if it is nothing that there is; as the mirror's opening does.
inline result<Synced> begin_sync(const StoreReader& store, RecordedRun run, const Sync& wanted) {
    const std::size_t colon = wanted.to.find(':');
    const std::string kind = wanted.to.substr(0, colon);
    const std::string folder = colon == std::string::npos ? std::string{} : wanted.to.substr(colon + 1);
    const bool has_folder = !folder.empty();
    if (kind == "wandb" && (has_folder || colon == std::string::npos)) {
        WandbOptions options = wanted.wandb;
        options.dir = os::path_of(folder);
        auto mirror = WandbMirror::open(store, run, std::move(options));
        if (!mirror) return mirror.error();
        return Synced{std::move(run), std::move(*mirror)};
    }
    if (kind == "tensorboard" && has_folder) {
        auto mirror = TensorboardMirror::open(run, os::path_of(folder));
        if (!mirror) return mirror.error();
        return Synced{std::move(run), std::move(*mirror)};
    }
    return error{errc::invalid_argument, "nothing can be mirrored there", wanted.to,
                 "give wandb, wandb:DIR or tensorboard:DIR"};
}

inline result<void> catch_up(Call& call, const StoreReader& store, Synced& one) {
    auto now = store.run(one.run.project(), one.run.id());
    if (!now) return now.error();
    one.run = std::move(*now);
    const auto report = std::visit([&](auto& mirror) { return mirror.catch_up(one.run); }, one.mirror);
    if (!report) return report.error();
    one.rows += report->rows;
    one.is_over = report->is_over;
    call.complain(report->left_out);
    return {};
}

inline void tell(Call& call, const Synced& one) {
    const std::string folder =
        std::visit([](const auto& mirror) { return mirror.folder(); }, one.mirror).string();
    if (call.json()) {
        call.print({{"project", one.run.project()},
                    {"id", one.run.id()},
                    {"rows", one.rows},
                    {"is_over", one.is_over},
                    {"folder", folder}});
        return;
    }
    call.out(printable(one.run.project()) + "/" + one.run.id() + ": " + std::to_string(one.rows) +
             " new rows" + (one.is_over ? "" : ", and it goes on") + "; " + printable(folder) + "\n");
}

inline result<void> sync_runs(Call& call, const Sync& wanted) {
    const auto store = call.store();
    if (!store) return store.error();
    std::vector<Synced> all;
    for (const std::string& name : wanted.runs) {
        auto run = store->find(name);
        if (!run) return run.error();
        auto begun = begin_sync(*store, std::move(*run), wanted);
        if (!begun) return begun.error();
        all.push_back(std::move(*begun));
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

/// `cairn sync RUN… --to wandb:DIR`, `--to tensorboard:DIR`.
inline void add_sync(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Sync>();
    CLI::App* const verb =
        call.verb(app, "sync", "mirror runs to another system: what is new since the last time",
                  [&call, wanted] { return detail::sync_runs(call, *wanted); });
    verb->add_option("RUN", wanted->runs, detail::names_a_run)->required();
    verb->add_option("--to", wanted->to,
                     "wandb:DIR (folders that `wandb sync` uploads, in DIR/wandb; without :DIR, in "
                     "$WANDB_DIR or here) or "
                     "tensorboard:DIR")
        ->required();
    verb->add_option("--entity", wanted->wandb.entity, "who is to have it in W&B (default: $WANDB_ENTITY)");
    verb->add_option("-p,--project", wanted->wandb.project, "its project there (default: as here)");
    verb->add_flag("!--no-artifacts", wanted->wandb.artifacts, "without the files of artifacts");
    verb->add_flag("-f,--follow", wanted->follow, "go on until the runs end");
    verb->add_option("--every", wanted->every, "seconds between two looks (default 5)")
        ->check(CLI::Range(0.1, 3600.0));
}

}  // namespace CAIRN_NAMESPACE::cli
