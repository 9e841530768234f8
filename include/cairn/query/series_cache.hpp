// SPDX-License-Identifier: MIT
#pragma once
// Series that were read, for who asks for them again: a page that is zoomed, a plot that is redrawn.

#include <cairn/core/error.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/store_watch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Keeps the series that were used last, within a bound of memory. Threads: one at a time.
class SeriesCache {
  public:
    /// With at most so many bytes; a single series may need more. It has no more files open than 64.
    explicit SeriesCache(std::size_t most_bytes = std::size_t{256} << 20U) : most_bytes_{most_bytes} {}

    /// One of those that were asked for.
    struct Found {
        std::string metric;    ///< its name
        const Series* series;  ///< good until the next call
    };
    /// Of a run, those metrics that there are. Cost: a walk over the run's index for all that are not kept,
    /// or were read before the run changed. Fails as `RecordedRun::series_of` does.
    [[nodiscard]] result<std::vector<Found>> of(const WatchedRun& run, std::vector<std::string> metrics) {
        std::sort(metrics.begin(), metrics.end());
        metrics.erase(std::unique(metrics.begin(), metrics.end()), metrics.end());
        ++uses_;
        std::vector<std::string> unread;
        for (const std::string& metric : metrics) {
            const auto kept = kept_.find(key_of(run, metric));
            if (kept == kept_.end() || kept->second.changed != run.changed) unread.push_back(metric);
        }
        if (!unread.empty()) {
            auto read = run.run.series_of(unread);
            if (!read) return read.error();
            for (auto& [metric, series] : *read)
                kept_.insert_or_assign(key_of(run, metric), Kept{std::move(series), run.changed, uses_});
        }
        std::vector<Found> out;
        for (const std::string& metric : metrics) {
            const auto kept = kept_.find(key_of(run, metric));
            if (kept == kept_.end() || kept->second.changed != run.changed) continue;  // there is none
            kept->second.used = uses_;
            out.push_back({metric, &kept->second.series});
        }
        forget();
        return out;
    }

  private:
    using Key = std::tuple<std::string, std::string, std::string>;  // project, run, metric
    struct Kept {
        Series series;
        std::uint64_t changed = 0;  // the run's change that it was read after
        std::uint64_t used = 0;
    };

    [[nodiscard]] static Key key_of(const WatchedRun& run, const std::string& metric) {
        return {run.project(), run.id(), metric};
    }
    /// Those that were not used now, the longest unused first.
    void forget() {
        std::size_t bytes = 0;
        std::vector<std::pair<std::uint64_t, Key>> unused;
        for (const auto& [key, kept] : kept_) {
            bytes += kept.series.memory_bytes();
            if (kept.used != uses_) unused.emplace_back(kept.used, key);
        }
        std::sort(unused.begin(), unused.end());
        for (const auto& [used, key] : unused) {
            if (bytes <= most_bytes_ && kept_.size() <= 64) return;
            const auto kept = kept_.find(key);
            bytes -= kept->second.series.memory_bytes();
            kept_.erase(kept);
        }
    }

    std::size_t most_bytes_;
    std::map<Key, Kept> kept_;
    std::uint64_t uses_ = 0;
};

}  // namespace CAIRN_NAMESPACE
