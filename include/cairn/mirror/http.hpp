// SPDX-License-Identifier: MIT
#pragma once
// Runs for a server of one's own, by HTTP; docs/mirrors.md tells what it gets. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/http_rank.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Brings a run to a server, while the run goes on or afterwards: rows as lines of JSON, rich values and the
/// files of artifacts as they are. Every row has an id, and every other thing an address of its own, so what
/// comes twice can be told. How far it got stands in the run's folder, below `mirrors/`. Threads: one at a
/// time.
class HttpMirror {
  public:
    /// Of a run in this store. Asks the server for nothing yet. Fails: invalid_argument, if the address is
    /// none; unsupported, for https without TLS; busy, if another mirrors the run to it; permission, where
    /// the run's folder cannot be written.
    static result<HttpMirror> open(const StoreReader& store, const RecordedRun& run, HttpOptions options) {
        auto address = detail::web_address(options.url);
        if (!address) return address.error();
        const std::string token = detail::os::sys::environment("CAIRN_HTTP_TOKEN");
        WebOptions web{.authorization = std::move(options.authorization)};
        if (web.authorization.empty() && !token.empty()) web.authorization = "Bearer " + token;
        auto client = detail::WebClient::open(std::move(*address), std::move(web));
        if (!client) return client.error();
        const auto shared = std::make_shared<detail::WebClient>(std::move(*client));
        const auto open_rank = [store, options, shared](const RecordedRun&, unsigned rank,
                                                        const detail::os::Path& dir) {
            return detail::http::RankMirror::open(store, shared, rank, options, dir);
        };
        auto ranks = Ranks::open(run, open_rank);
        if (!ranks) return ranks.error();
        return HttpMirror{shared->address(), std::move(*ranks)};
    }

    /// Brings what is new. A request that is not taken is sent again, five times in some ten seconds. Fails:
    /// io, if the server does not take it; permission, if it may not; corrupt, if the history is. Cost: a
    /// request for each MiB of rows.
    result<MirrorReport> catch_up(const RecordedRun& run) { return ranks_.catch_up(run); }
    /// Where it brings it.
    [[nodiscard]] std::string address() const { return address_; }

  private:
    using Ranks =
        detail::Ranks<detail::http::RankMirror, std::greater<>>;  // the first last: it tells of the run
    HttpMirror(std::string address, Ranks ranks) : address_{std::move(address)}, ranks_{std::move(ranks)} {}

    std::string address_;
    Ranks ranks_;
};
static_assert(Mirror<HttpMirror>);

}  // namespace CAIRN_NAMESPACE
