// SPDX-License-Identifier: MIT
#pragma once
// Mirrors of all the ranks of a run, as one. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/store.hpp>

#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// How a rank stands: it may go on for a while when the first has ended.
[[nodiscard]] inline result<RunState> rank_state(const RecordedRun& run, unsigned rank) {
    if (rank == 0 || run.state() == RunState::running) return run.state();
    // A run's folder is projects/NAME/runs/ID in its store.
    const auto root = run.dir().parent_path().parent_path().parent_path().parent_path();
    const auto store = Store::open_existing(root);
    if (!store) return store.error();
    const auto folder = RunFolder::open_reader(*store, run.project(), run.id(), rank);
    if (folder || folder.error().code() != errc::not_found) return folder ? folder->state() : folder.error();
    // It is about to have a record; or it never had one, as in a run that was imported.
    const auto held = os::Lock::is_held(rank_dir(run.dir(), rank) / run_lock_file);
    return held && *held ? RunState::running : run.state();
}

/// Opens those that have come since, by `open(rank)`.
template <class Ranks, class Open>
result<void> open_ranks(Ranks& ranks, const RecordedRun& run, Open&& open) {
    const auto there = run.ranks();
    if (!there) return there.error();
    for (const unsigned rank : *there) {
        if (ranks.contains(rank)) continue;
        auto opened = open(rank);
        if (!opened) return opened.error();
        ranks.emplace(rank, std::move(*opened));
    }
    return {};
}

/// What all of them did. One that fails is opened anew the next time: what it has in memory is ahead of what
/// it has written. Nobody is told then of what the others left out, so they keep it.
template <class Ranks>
result<MirrorReport> catch_up_ranks(Ranks& ranks, const RecordedRun& run) {
    MirrorReport all{.is_over = true};
    for (auto rank = ranks.begin(); rank != ranks.end(); ++rank) {
        auto report = rank->second.catch_up(run);
        if (!report) {
            ranks.erase(rank);
            return report;
        }
        all.rows += report->rows;
        all.versions += report->versions;
        all.is_over = all.is_over && report->is_over;
        for (error& left : report->left_out) all.left_out.push_back(std::move(left));
    }
    for (auto& [number, rank] : ranks) rank.forget_left_out();
    return all;
}

}  // namespace CAIRN_NAMESPACE::detail
