// SPDX-License-Identifier: MIT
#pragma once
// Runs for Trackio's dashboard on this machine, by files only. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/trackio_inbox.hpp>
#include <cairn/mirror/trackio_run.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>

#include <filesystem>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How a run is mirrored to Trackio's inbox.
struct TrackioOptions {
    std::filesystem::path dir = {};  ///< Trackio's folder; default: $TRACKIO_DIR, $HF_HOME/trackio, …
    std::string project = {};        ///< there; default: the run's
    bool artifacts = true;           ///< whether it is said that the inbox takes no artifacts
};

/// Brings a run into the inbox of Trackio, while the run goes on or afterwards; whichever dashboard of the
/// same folder runs, or is started later, takes it in. Each further rank is a run of its own. How far it got
/// stands in the run's folder, below `mirrors/`. Threads: one at a time.
class TrackioMirror {
  public:
    /// Of a run in this store. Writes nothing there yet. Fails: invalid_argument, if the environment does not
    /// say where Trackio is, and no folder is named; invalid_name, for a project that Trackio cannot have;
    /// busy, if another mirrors the run there; permission, where the run's folder cannot be written.
    static result<TrackioMirror> open(const StoreReader& store, const RecordedRun& run,
                                      TrackioOptions options = {}) {
        if (options.dir.empty()) options.dir = detail::trackio::home();
        if (options.dir.empty()) {
            return error{errc::invalid_argument, "nobody says where Trackio's folder is", "",
                         "set TRACKIO_DIR, or name it"};
        }
        auto all = detail::trackio::RunMirror<detail::trackio::Inbox>::open(
            store, run, detail::trackio::Inbox{options.dir}, std::move(options.project), options.artifacts);
        if (!all) return all.error();
        return TrackioMirror{std::move(*all)};
    }

    /// Writes what is new. Fails: io, no_space and the like, as the disk does; corrupt, if the history is.
    /// Cost: a file for each MiB of rows.
    result<MirrorReport> catch_up(const RecordedRun& run) { return all_.catch_up(run); }
    /// Trackio's folder.
    [[nodiscard]] std::string folder() const { return all_.address(); }

  private:
    explicit TrackioMirror(detail::trackio::RunMirror<detail::trackio::Inbox> all) : all_{std::move(all)} {}

    detail::trackio::RunMirror<detail::trackio::Inbox> all_;
};
static_assert(Mirror<TrackioMirror>);

}  // namespace CAIRN_NAMESPACE
