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

#include <cstdint>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// How a rank stands, and in which of its sessions it is.
struct RankStanding {
    RunState state;
    std::uint64_t session;
};
/// A rank has a record of its own: it may go on for a while when the first has ended, and when both are
/// resumed, one of them comes first.
[[nodiscard]] inline result<RankStanding> rank_standing(const RecordedRun& run, unsigned rank) {
    if (rank == 0) return RankStanding{run.state(), run.sessions()};
    // A run's folder is projects/NAME/runs/ID in its store.
    const auto root = run.dir().parent_path().parent_path().parent_path().parent_path();
    const auto store = Store::open_existing(root);
    if (!store) return store.error();
    const auto folder = RunFolder::open_reader(*store, run.project(), run.id(), rank);
    if (!folder && folder.error().code() == errc::not_found) {
        // It is about to have a record; or it never had one, as in a run that was imported.
        const auto held = os::Lock::is_held(rank_dir(run.dir(), rank) / run_lock_file);
        return RankStanding{held && *held ? RunState::running : run.state(), run.sessions()};
    }
    if (!folder) return folder.error();
    const auto own = folder->standing();
    if (!own) return own.error();
    const auto session = own->record.find("sessions");
    const bool is_said = session != own->record.end() && session->is_number_unsigned();
    return RankStanding{own->state, is_said ? session->get<std::uint64_t>() : run.sessions()};
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
