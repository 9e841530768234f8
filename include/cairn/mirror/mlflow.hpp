// SPDX-License-Identifier: MIT
#pragma once
// Runs for MLflow: to its tracking server, by HTTP. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/mlflow_client.hpp>
#include <cairn/mirror/mlflow_rank.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Brings a run to an MLflow server, while the run goes on or afterwards; each further rank is a run below
/// the first. User, password, token and certificates are those that MLflow's own client takes
/// (MLFLOW_TRACKING_USERNAME, …, ~/.mlflow/credentials); they go to this server only, and nobody is told of
/// them. How far it got stands in the run's folder, below `mirrors/`. Threads: one at a time.
class MlflowMirror {
  public:
    /// Of a run in this store. Asks the server for nothing yet. Fails: invalid_argument, if there is no
    /// address, or a wrong one; unsupported, for https without TLS; busy, if another mirrors the run to it;
    /// permission, where the run's folder cannot be written.
    static result<MlflowMirror> open(const StoreReader& store, const RecordedRun& run,
                                     MlflowOptions options = {}) {
        using detail::os::sys::environment;
        if (options.uri.empty()) options.uri = environment("MLFLOW_TRACKING_URI");
        if (options.experiment.empty()) options.experiment = environment("MLFLOW_EXPERIMENT_NAME");
        if (options.experiment.empty()) options.experiment = run.project();
        if (options.register_as.find_first_of("/:'\"") != std::string::npos) {
            return error{errc::invalid_argument, "MLflow has no registered model of this name",
                         options.register_as, "leave out / : ' and \""};
        }
        auto client = detail::mlflow::Client::open(options.uri, detail::mlflow::web_options());
        if (!client) return client.error();
        const auto shared = std::make_shared<detail::mlflow::Client>(std::move(*client));
        const auto open_rank = [store, options, shared](const RecordedRun&, unsigned rank,
                                                        detail::os::Path dir) {
            return detail::mlflow::RankMirror::open(store, shared, rank, options, std::move(dir));
        };
        auto ranks = Ranks::open(run, open_rank);
        if (!ranks) return ranks.error();
        return MlflowMirror{shared->address(), std::move(*ranks)};
    }

    /// Brings what is new. A request that is not taken is sent again, five times in some ten seconds; what is
    /// there already is not there twice. Fails: io, if the server does not take it; permission, not_found,
    /// invalid_argument, in its words; corrupt, if the history is. Cost: a request for a thousand values.
    result<MirrorReport> catch_up(const RecordedRun& run) { return ranks_.catch_up(run); }
    /// Where rank 0 is: the address of its page.
    [[nodiscard]] std::string page() const {
        const auto* const first = ranks_.first();
        return first == nullptr ? address_ : first->page();
    }

  private:
    using Ranks = detail::Ranks<detail::mlflow::RankMirror>;
    MlflowMirror(std::string address, Ranks ranks) : address_{std::move(address)}, ranks_{std::move(ranks)} {}

    std::string address_;
    Ranks ranks_;
};
static_assert(Mirror<MlflowMirror>);

}  // namespace CAIRN_NAMESPACE
