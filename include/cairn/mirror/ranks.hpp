// SPDX-License-Identifier: MIT
#pragma once
// Mirrors of all the ranks of a run, as one. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// How a rank stands, and in which of its sessions it is: 0 for one that has said nothing yet.
struct RankStanding {
    RunState state;
    std::uint64_t session;
};
/// A rank goes on as long as the first does: what that says of the run is said of all, and where locks do not
/// cross machines, one on another machine seems to have crashed. It has a record of its own, as it may go on
/// for a while when the first has ended, and when both are resumed, one of them comes first.
[[nodiscard]] inline result<RankStanding> rank_standing(const RecordedRun& run, unsigned rank) {
    RankStanding standing{run.state(), rank == 0 ? run.sessions() : 0};
    if (rank == 0) return standing;
    // A run's folder is projects/NAME/runs/ID in its store.
    const auto store =
        Store::open_existing(run.dir().parent_path().parent_path().parent_path().parent_path());
    if (!store) return store.error();
    const auto folder = RunReader::open(*store, run.project(), run.id(), rank);
    const auto own = folder ? folder->standing() : result<RunReader::Standing>{folder.error()};
    if (!own) {
        if (own.error().code() != errc::not_found) return own.error();
        const auto held = os::Lock::is_held(rank_dir(run.dir(), rank) / run_lock_file);
        if (held && *held) standing = {RunState::running, 1};  // it is about to have a record
        return standing;
    }
    if (standing.state != RunState::running) standing.state = own->state;
    (void)get_field(own->record, "sessions", standing.session);
    return standing;
}

/// The ranks of a run, each mirrored by an `M`, in their order.
template <class M, class Order = std::less<>>
class Ranks {
  public:
    /// Makes the mirror of a rank, whose folder is the last.
    using Open = std::function<result<M>(const RecordedRun&, unsigned, os::Path)>;
    static result<Ranks> open(const RecordedRun& run, Open open) {
        Ranks ranks{std::move(open)};
        if (auto opened = ranks.open_new(run); !opened) return opened.error();
        return ranks;
    }

    /// What all of them did, with those that have come since. One that fails is opened anew the next time:
    /// what it has in memory is ahead of what it has written. If that is the rank's own fault the others go
    /// on, else they would fail as well. Nobody is told then of what they left out, so they keep it.
    result<MirrorReport> catch_up(const RecordedRun& run) {
        if (auto opened = open_new(run); !opened) return opened.error();
        MirrorReport all{.is_over = true};
        result<void> failed;
        for (auto rank = ranks_.begin(); rank != ranks_.end();) {
            const auto now = rank_standing(run, rank->first);
            auto report = now ? rank->second.catch_up(run, *now) : result<MirrorReport>{now.error()};
            if (!report) {
                const errc code = report.error().code();
                if (failed) failed = report.error();
                rank = ranks_.erase(rank);
                if (code == errc::corrupt || code == errc::unsupported || code == errc::not_found) continue;
                return failed.error();
            }
            all.rows += report->rows;
            all.versions += report->versions;
            all.is_over = all.is_over && report->is_over;
            for (error& left : report->left_out) all.left_out.push_back(std::move(left));
            ++rank;
        }
        if (!failed) return failed.error();
        for (auto& [number, rank] : ranks_) rank.forget_left_out();
        return all;
    }
    /// That of rank 0; nullptr before it is there.
    [[nodiscard]] const M* first() const {
        const auto found = ranks_.find(0);
        return found == ranks_.end() ? nullptr : &found->second;
    }

  private:
    explicit Ranks(Open open) : open_{std::move(open)} {}

    result<void> open_new(const RecordedRun& run) {
        const auto there = run.ranks();
        if (!there) return there.error();
        for (const unsigned rank : *there) {
            if (ranks_.contains(rank)) continue;
            auto opened = open_(run, rank, rank_dir(run.dir(), rank));
            if (!opened) return opened.error();
            ranks_.emplace(rank, std::move(*opened));
        }
        return {};
    }

    Open open_;
    std::map<unsigned, M, Order> ranks_;
};

}  // namespace CAIRN_NAMESPACE::detail
