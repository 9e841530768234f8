// SPDX-License-Identifier: MIT
#pragma once
// The metrics of a run as the collector sees them: by the numbers that the journal gives them.

#include <cairn/core/deferred.hpp>
#include <cairn/core/value.hpp>
#include <cairn/run/summary.hpp>
#include <cairn/store/record.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Names and summaries by number. Threads: one at a time.
template <class T = void>
class BasicMetricBoard {
  public:
    /// Takes over the summaries of the sessions before, and of what was sampled. Before anything is named.
    void remember(Deferred<MetricViews, T> earlier, Deferred<MetricSummaries, T> samples) {
        views_ = std::move(earlier);
        samples_ = std::move(samples);
    }

    /// Says whose number that is; saying it again changes nothing.
    void name(std::uint32_t metric, std::string_view name) {
        if (metric >= entries_.size()) entries_.resize(metric + std::size_t{1});
        Entry& entry = entries_[metric];
        if (entry.is_named) return;
        entry.name = name;
        entry.is_named = true;
        if (const auto earlier = views_.find(name); earlier != views_.end()) {
            entry.view = std::move(earlier->second);
            views_.erase(earlier);
        }
    }
    [[nodiscard]] std::string_view name_of(std::uint32_t metric) const noexcept {
        return metric < entries_.size() ? std::string_view{entries_[metric].name} : std::string_view{};
    }

    /// Takes note of a row's step.
    void saw(std::int64_t step) noexcept { latest_step_ = step; }
    /// The step of the latest row; 0 before the first.
    [[nodiscard]] std::int64_t latest_step() const noexcept { return latest_step_; }

    /// Takes a value in, of a row or of what the run sampled by itself.
    void add(RecordKind kind, std::uint32_t metric, std::int64_t step, const Value& value) {
        if (kind == RecordKind::sample) return samples_[std::string{name_of(metric)}].add(step, value);
        if (metric < entries_.size()) entries_[metric].view.add(step, value);
    }

    [[nodiscard]] const Deferred<MetricSummaries, T>& samples() const noexcept { return samples_; }
    [[nodiscard]] Deferred<MetricViews, T> views() const {
        Deferred<MetricViews, T> all = views_;
        for (const Entry& entry : entries_) {
            if (entry.view.summary.count != 0) all.insert_or_assign(entry.name, entry.view);
        }
        return all;
    }

  private:
    struct Entry {
        std::string name{};
        MetricView view{};
        bool is_named = false;  // a name may be empty
    };
    std::vector<Entry> entries_;  // as many as there are names: numbers are given in order
    std::int64_t latest_step_ = 0;
    Deferred<MetricViews, T> views_;  // of metrics that this session has not named
    Deferred<MetricSummaries, T> samples_;
};
using MetricBoard = BasicMetricBoard<>;

}  // namespace CAIRN_NAMESPACE::detail
