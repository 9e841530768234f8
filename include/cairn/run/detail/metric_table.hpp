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

/// The part of the table that one thread has used: a small open-addressed table without locks.
template <class = void>
class BasicMetricCache {
  public:
    /// The number of a metric this thread has used before; `unknown` otherwise.
    static constexpr std::uint32_t unknown = 0xffffffffU;

    [[nodiscard]] std::uint32_t find(std::uint64_t hash, std::string_view name) const noexcept {
        for (std::size_t i = static_cast<std::size_t>(hash) & mask_;; i = (i + 1) & mask_) {
            const Entry& entry = slots_[i];
            if (entry.id == unknown) return unknown;
            // A literal keeps its address, so its characters are compared only once.
            if (entry.hash == hash && (entry.literal == name.data() || entry.name == name)) return entry.id;
        }
    }

    void insert(std::uint64_t hash, const char* literal, std::string_view kept, std::uint32_t id) {
        if ((count_ + 1) * 2 > slots_.size()) grow();
        place({hash, literal, kept, id});
        ++count_;
    }

  private:
    struct Entry {
        std::uint64_t hash = 0;
        const char* literal = nullptr;
        std::string_view name{};
        std::uint32_t id = unknown;
    };

    void place(const Entry& entry) {
        std::size_t i = static_cast<std::size_t>(entry.hash) & mask_;
        while (slots_[i].id != unknown) i = (i + 1) & mask_;
        slots_[i] = entry;
    }
    void grow() {
        std::vector<Entry> old(slots_.size() * 2);
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Entry& entry : old) {
            if (entry.id != unknown) place(entry);
        }
    }

    std::vector<Entry> slots_ = std::vector<Entry>(32);
    std::size_t mask_ = 31;
    std::size_t count_ = 0;
};
using MetricCache = BasicMetricCache<>;

}  // namespace CAIRN_NAMESPACE::detail
