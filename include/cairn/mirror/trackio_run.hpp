// SPDX-License-Identifier: MIT
#pragma once
// All ranks of a run, as runs of Trackio's. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/trackio_rank.hpp>
#include <cairn/mirror/trackio_records.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/run_folder.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::detail::trackio {

/// All ranks of a run, by one door.
template <Door D>
class RunMirror {
  public:
    static result<RunMirror> open(const StoreReader& store, const RecordedRun& run, D door,
                                  std::string project, bool with_artifacts) {
        if (project.empty()) project = run.project();
        if (auto valid = check_project(project); !valid) return valid.error();
        RunMirror mirror{store, std::move(door), std::move(project), with_artifacts};
        if (auto opened = mirror.open_ranks(run); !opened) return opened.error();
        return mirror;
    }
    result<MirrorReport> catch_up(const RecordedRun& run) {
        if (auto opened = open_ranks(run); !opened) return opened.error();
        return catch_up_ranks(ranks_, run);
    }
    [[nodiscard]] std::string address() const { return door_->address(); }

  private:
    RunMirror(StoreReader store, D door, std::string project, bool with_artifacts)
        : store_{std::move(store)}, door_{std::make_shared<D>(std::move(door))}, project_{std::move(project)},
          with_artifacts_{with_artifacts} {}

    /// Those that have come since.
    result<void> open_ranks(const RecordedRun& run) {
        return detail::open_ranks(ranks_, run, [&](unsigned rank) {
            return RankMirror<D>::open(store_, door_, rank, project_, with_artifacts_,
                                       rank_dir(run.dir(), rank));
        });
    }

    StoreReader store_;
    std::shared_ptr<D> door_;
    std::string project_;
    bool with_artifacts_;
    std::map<unsigned, RankMirror<D>> ranks_;
};

}  // namespace CAIRN_NAMESPACE::detail::trackio
