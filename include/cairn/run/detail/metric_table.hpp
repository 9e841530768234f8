// SPDX-License-Identifier: MIT
#pragma once
// Which number stands for which metric name in a run's records.

#include <cairn/core/metric.hpp>
#include <cairn/store/record.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The run's names, shared by its threads. Threads: any; a thread asks once for each name, then its lane
/// remembers.
template <class = void>
class BasicMetricTable {
  public:
    /// The number of a name, given on first sight. Names are kept for as long as the table.
    std::pair<std::uint32_t, std::string_view> id_of(std::string_view name) {
        const std::scoped_lock lock{mutex_};
        if (const auto found = ids_.find(name); found != ids_.end()) return {found->second, found->first};
        const auto id = static_cast<std::uint32_t>(names_.size());
        names_.emplace_back();  // first: without memory a number is lost, and none is given twice
        names_.back() = ids_.emplace(name, id).first->first;
        return {id, names_.back()};
    }

    [[nodiscard]] std::string_view name_of(std::uint32_t id) const {
        const std::scoped_lock lock{mutex_};
        return id < names_.size() ? names_[id] : std::string_view{};
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::string, std::uint32_t, std::less<>> ids_;
    std::vector<std::string_view> names_;  // the keys, by their numbers; a map's keys stay where they are
};
using MetricTable = BasicMetricTable<>;

}  // namespace CAIRN_NAMESPACE::detail
