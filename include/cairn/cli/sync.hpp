// SPDX-License-Identifier: MIT
#pragma once
// The verb that mirrors runs to other systems: sync.

#include <cairn/cli/call.hpp>
#include <cairn/cli/live.hpp>
#include <cairn/cli/sync_target.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/trackio.hpp>
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
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn sync` is asked for.
struct Sync {
    std::vector<std::string> runs{};
    std::string to{};
    bool follow = false;
    double every = 5;
};

/// A run and what mirrors it.
struct Synced {
    RecordedRun run;
    AnyMirror mirror;
    bool is_over = false;
    std::uint64_t rows = 0, versions = 0;
};

/// Of what was given as a place: behind a question mark there may be a secret.
[[nodiscard]] inline std::string without_query(const std::string& place) {
    return place.substr(0, place.find('?'));
}

[[nodiscard]] inline SyncTarget to_wandb() {
    return {"wandb", "wandb:DIR",
            "folders that `wandb sync` uploads, in DIR/wandb; without :DIR, in $WANDB_DIR or here",
            [](const StoreReader& store, const RecordedRun& run, const std::string& where,
               const SyncOptions& wanted) -> result<AnyMirror> {
                return any_mirror(WandbMirror::open(store, run,
                                                    {.dir = os::path_of(where),
                                                     .entity = wanted.entity,
                                                     .project = wanted.project,
                                                     .artifacts = wanted.artifacts}),
                                  [](const WandbMirror& mirror) { return mirror.folder().string(); });
            }};
}
[[nodiscard]] inline SyncTarget to_tensorboard() {
    return {"tensorboard", "tensorboard:DIR", "event files",
            [](const StoreReader&, const RecordedRun& run, const std::string& where,
               const SyncOptions&) -> result<AnyMirror> {
                if (where.empty()) {
                    return error{errc::invalid_argument, "TensorBoard's folder is not named", "",
                                 "give tensorboard:DIR"};
                }
                return any_mirror(TensorboardMirror::open(run, os::path_of(where)),
                                  [](const TensorboardMirror& mirror) { return mirror.folder().string(); });
            }};
}

[[nodiscard]] inline SyncTarget to_trackio() {
    return {"trackio", "trackio[:DIR]", "the inbox of its dashboard; without :DIR, in $TRACKIO_DIR",
            [](const StoreReader& store, const RecordedRun& run, const std::string& where,
               const SyncOptions& wanted) -> result<AnyMirror> {
                if (where.find("//") != std::string::npos || where.find("write_token") != std::string::npos) {
                    return error{
                        errc::invalid_argument, "this is no folder of Trackio's", without_query(where),
                        "give trackio:DIR, or trackio:http://HOST:PORT (of a tool built with cpp-httplib)"};
                }
                return any_mirror(TrackioMirror::open(store, run,
                                                      {.dir = os::path_of(where),
                                                       .project = wanted.project,
                                                       .artifacts = wanted.artifacts}),
                                  [](const TrackioMirror& mirror) { return mirror.folder(); });
            }};
}

/// What `--to` names. Fails: invalid_argument, if it is nothing that there is; as the mirror's opening does.
inline result<Synced> begin_sync(const StoreReader& store, RecordedRun run, const Sync& wanted,
                                 const SyncPlan& plan) {
    const SyncTarget* named = nullptr;  // the one with the longest name: "trackio:http" before "trackio"
    std::string usages;
    for (const SyncTarget& target : plan.targets) {
        usages.append(usages.empty() ? "" : ", ").append(target.usage);
        const bool is_it = wanted.to == target.kind ||
                           (wanted.to.starts_with(target.kind + ":") && !wanted.to.ends_with(':'));
        if (is_it && (named == nullptr || target.kind.size() > named->kind.size())) named = &target;
    }
    if (named == nullptr)
        return error{errc::invalid_argument, "nothing can be mirrored there", without_query(wanted.to),
                     "give one of " + usages};
    const std::size_t place = std::min(named->kind.size() + 1, wanted.to.size());
    auto mirror = named->open(store, run, wanted.to.substr(place), plan.options);
    if (!mirror) return mirror.error();
    return Synced{std::move(run), std::move(*mirror)};
}

inline result<void> catch_up(Call& call, const StoreReader& store, Synced& one) {
    auto now = store.run(one.run.project(), one.run.id());
    if (!now) return now.error();
    one.run = std::move(*now);
    const auto report = one.mirror.catch_up(one.run);
    if (!report) return report.error();
    one.rows += report->rows;
    one.versions += report->versions;
    one.is_over = report->is_over;
    call.complain(report->left_out);
    return {};
}

inline void tell(Call& call, const Synced& one) {
    const std::string place = one.mirror.place();
    if (call.json()) {
        call.print({{"project", one.run.project()},
                    {"id", one.run.id()},
                    {"rows", one.rows},
                    {"versions", one.versions},
                    {"is_over", one.is_over},
                    {"place", place}});
        return;
    }
    call.out(printable(one.run.project()) + "/" + one.run.id() + ": " + std::to_string(one.rows) +
             " new rows" + (one.versions == 0 ? "" : ", " + std::to_string(one.versions) + " new versions") +
             (one.is_over ? "" : ", and it goes on") + "; " + printable(place) + "\n");
}

inline result<void> sync_runs(Call& call, const Sync& wanted) {
    const auto store = call.store();
    if (!store) return store.error();
    std::vector<Synced> all;
    for (const std::string& name : wanted.runs) {
        auto run = store->find(name);
        if (!run) return run.error();
        auto begun = begin_sync(*store, std::move(*run), wanted, call.sync());
        if (!begun) return begun.error();
        all.push_back(std::move(*begun));
    }
    constexpr double most_wait = 60;
    double wait = wanted.every;
    while (true) {
        bool goes_on = false, has_failed = false;
        for (Synced& one : all) {
            if (one.is_over) continue;
            if (const auto done = catch_up(call, *store, one); !done) {
                // A server that is away comes back; whoever follows a run that goes on waits for it.
                const bool may_pass = done.error().code() == errc::io && one.run.state() == RunState::running;
                if (!wanted.follow || !may_pass) return done;
                call.complain(done.error());
                has_failed = true;
            }
            goes_on = goes_on || !one.is_over;
        }
        if (!wanted.follow || !goes_on) break;
        wait = has_failed ? std::min(2 * wait, std::max(most_wait, wanted.every)) : wanted.every;
        flush_and_wait(wait);
    }
    for (const Synced& one : all) tell(call, one);
    return {};
}

}  // namespace detail

/// `cairn sync RUN… --to wandb:DIR`, `--to tensorboard:DIR`, `--to trackio:DIR`, and to whatever a tool adds
/// to `call.sync()`.
inline void add_sync(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::Sync>();
    SyncPlan& plan = call.sync();
    plan.targets.push_back(detail::to_wandb());
    plan.targets.push_back(detail::to_tensorboard());
    plan.targets.push_back(detail::to_trackio());
    CLI::App* const verb =
        call.verb(app, "sync", "mirror runs to another system: what is new since the last time",
                  [&call, wanted] { return detail::sync_runs(call, *wanted); });
    verb->footer([&plan] {
        std::string all = "Where to:";
        for (const SyncTarget& target : plan.targets)
            all.append("\n  ").append(target.usage).append(" (").append(target.what).append(")");
        return all;
    });
    verb->add_option("RUN", wanted->runs, detail::names_a_run)->required();
    verb->add_option("--to", wanted->to, "where to; see below")->required();
    verb->add_option("--entity", plan.options.entity, "who is to have it in W&B (default: $WANDB_ENTITY)");
    verb->add_option("-p,--project", plan.options.project,
                     "its project there, or its experiment (default: its project here)");
    verb->add_flag("!--no-artifacts", plan.options.artifacts, "without the files of artifacts");
    verb->add_flag("-f,--follow", wanted->follow, "go on until the runs end");
    verb->add_option("--every", wanted->every, "seconds between two looks (default 5)")
        ->check(CLI::Range(0.1, 3600.0));
}

}  // namespace CAIRN_NAMESPACE::cli
