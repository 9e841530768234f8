// SPDX-License-Identifier: MIT
#pragma once
// Who looks at a run's rows as they are logged, on the thread that logs them.

#include <cairn/config.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Threads: any. Whoever is removed is not called any more when `remove` returns.
class Watches {
  public:
    /// Called with the step and the time of a row.
    using Look = std::function<void(std::int64_t, std::int64_t)>;

    /// From now on `look` is called after each row of that thread. Returns what `remove` wants.
    std::uint64_t add(const void* thread, Look look) {
        const auto entry = std::make_shared<Entry>();
        entry->thread = thread;
        entry->look = std::move(look);
        const std::scoped_lock lock{mutex_};
        entry->id = ++last_id_;
        entries_.push_back(entry);
        return entry->id;
    }
    /// Waits while it is being called. True if it was the last.
    bool remove(std::uint64_t id) {
        std::shared_ptr<Entry> removed;
        bool is_empty = false;
        {
            const std::scoped_lock lock{mutex_};
            const auto found = std::find_if(entries_.begin(), entries_.end(),
                                            [&](const auto& entry) { return entry->id == id; });
            if (found == entries_.end()) return entries_.empty();
            removed = *found;
            entries_.erase(found);
            is_empty = entries_.empty();
        }
        const std::scoped_lock lock{removed->mutex};
        removed->look = nullptr;
        return is_empty;
    }
    /// After a row of the calling thread.
    void look(const void* thread, std::int64_t step, std::int64_t time_ns) {
        std::vector<std::shared_ptr<Entry>> mine;
        {
            const std::scoped_lock lock{mutex_};
            for (const auto& entry : entries_) {
                if (entry->thread == thread) mine.push_back(entry);
            }
        }
        for (const auto& entry : mine) {
            const std::scoped_lock lock{entry->mutex};
            if (entry->look) entry->look(step, time_ns);
        }
    }

  private:
    struct Entry {
        std::uint64_t id = 0;
        const void* thread = nullptr;
        std::recursive_mutex mutex{};  // what looks may unwatch itself
        Look look{};
    };

    std::mutex mutex_;
    std::vector<std::shared_ptr<Entry>> entries_;
    std::uint64_t last_id_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
