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
        const auto shared = std::make_shared<D>(std::move(door));
        auto ranks = Ranks::open(run, [=](const RecordedRun&, unsigned rank, const os::Path& dir) {
            return RankMirror<D>::open(store, shared, rank, project, with_artifacts, dir);
        });
        if (!ranks) return ranks.error();
        return RunMirror{shared->address(), std::move(*ranks)};
    }
    result<MirrorReport> catch_up(const RecordedRun& run) { return ranks_.catch_up(run); }
    [[nodiscard]] std::string address() const { return address_; }

  private:
    using Ranks = detail::Ranks<RankMirror<D>>;
    RunMirror(std::string address, Ranks ranks) : address_{std::move(address)}, ranks_{std::move(ranks)} {}

    std::string address_;
    Ranks ranks_;
};

}  // namespace CAIRN_NAMESPACE::detail::trackio
