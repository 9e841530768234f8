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

namespace CAIRN_NAMESPACE::detail {

/// The run's names, shared by its threads. Threads: any; a thread asks once for each name, then its lane
/// remembers.
template <class = void>
class BasicMetricTable {
  public:
    /// The number of a name, given on first sight. Names are kept for as long as the table.
    std::pair<std::uint32_t, std::string_view> id_of(std::string_view name) {
        const std::scoped_lock lock{mutex_};
        auto found = ids_.find(name);
        if (found == ids_.end()) found = ids_.emplace(name, static_cast<std::uint32_t>(ids_.size())).first;
        return {found->second, found->first};
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::uint32_t, std::less<>> ids_;
};
using MetricTable = BasicMetricTable<>;

}  // namespace CAIRN_NAMESPACE::detail
