// SPDX-License-Identifier: MIT
#pragma once
// Runs for a server of Trackio's, by HTTP. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/trackio_client.hpp>
#include <cairn/mirror/trackio_run.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How a run is mirrored to a server of Trackio's.
struct TrackioServerOptions {
    std::string url = {};      ///< of the server, also with its `?write_token=`; default: $TRACKIO_SERVER_URL
    std::string project = {};  ///< there; default: the run's
    bool artifacts = true;     ///< with the files of artifacts
};

/// Brings a run to a server of Trackio's, while the run goes on or afterwards. Each further rank is a run of
/// its own. The token goes to this server only, and nobody is told of it. How far it got stands in the run's
/// folder, below `mirrors/`. Threads: one at a time.
class TrackioServerMirror {
  public:
    /// Of a run in this store. Asks the server for nothing yet. Fails: invalid_argument, if there is no
    /// address, or a wrong one; invalid_name, for a project that Trackio cannot have; unsupported, for https
    /// without TLS; busy, if another mirrors the run to it; permission, where the run's folder cannot be
    /// written.
    static result<TrackioServerMirror> open(const StoreReader& store, const RecordedRun& run,
                                            TrackioServerOptions options = {}) {
        if (options.url.empty()) options.url = detail::os::sys::environment("TRACKIO_SERVER_URL");
        auto server = detail::trackio::Server::open(options.url);
        if (!server) return server.error();
        auto all = detail::trackio::RunMirror<detail::trackio::Server>::open(
            store, run, std::move(*server), std::move(options.project), options.artifacts);
        if (!all) return all.error();
        return TrackioServerMirror{std::move(*all)};
    }

    /// Brings what is new. A request that is not taken is sent again, five times in some ten seconds; what is
    /// there already is not there twice. Fails: io, if the server does not take it; permission, without its
    /// token; corrupt, if the history is. Cost: a request for 250 rows.
    result<MirrorReport> catch_up(const RecordedRun& run) { return all_.catch_up(run); }
    /// Where it brings it.
    [[nodiscard]] std::string address() const { return all_.address(); }

  private:
    explicit TrackioServerMirror(detail::trackio::RunMirror<detail::trackio::Server> all)
        : all_{std::move(all)} {}

    detail::trackio::RunMirror<detail::trackio::Server> all_;
};
static_assert(Mirror<TrackioServerMirror>);

}  // namespace CAIRN_NAMESPACE
