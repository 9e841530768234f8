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

    /// From now on `look` is called after each row of the calling thread. Returns what `remove` wants.
    /// `while_any()` is called before anybody else can remove it.
    template <class F>
    std::uint64_t add(Look look, F&& while_any) {
        const auto entry = std::make_shared<Entry>();
        entry->thread = this_thread();
        entry->look = std::make_shared<const Look>(std::move(look));
        const std::scoped_lock lock{mutex_};
        entry->id = ++last_id_;
        entries_.push_back(entry);
        while_any();
        return entry->id;
    }
    /// Waits while it is being called, unless it is that which removes itself. `when_none()` is called if it
    /// was the last, before anybody else can be added.
    template <class F>
    void remove(std::uint64_t id, F&& when_none) {
        std::shared_ptr<Entry> removed;
        {
            const std::scoped_lock lock{mutex_};
            const auto found = std::find_if(entries_.begin(), entries_.end(),
                                            [&](const auto& entry) { return entry->id == id; });
            if (found == entries_.end()) return;
            removed = *found;
            entries_.erase(found);
            if (entries_.empty()) when_none();
        }
        const std::scoped_lock lock{removed->mutex};
        removed->look = nullptr;
    }
    /// After a row of the calling thread.
    void look(std::int64_t step, std::int64_t time_ns) {
        const std::uint64_t thread = this_thread();
        std::vector<std::shared_ptr<Entry>> mine;
        {
            const std::scoped_lock lock{mutex_};
            for (const auto& entry : entries_) {
                if (entry->thread == thread) mine.push_back(entry);
            }
        }
        for (const auto& entry : mine) {
            const std::scoped_lock lock{entry->mutex};
            // Held: it may remove itself.
            if (const auto look = entry->look) (*look)(step, time_ns);
        }
    }

  private:
    struct Entry {
        std::uint64_t id = 0;
        std::uint64_t thread = 0;
        std::recursive_mutex mutex{};  // what looks may unwatch itself
        std::shared_ptr<const Look> look{};
    };
    /// A number that no other thread has or had.
    [[nodiscard]] static std::uint64_t this_thread() noexcept {
        static std::atomic<std::uint64_t> last{0};
        thread_local const std::uint64_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
        return mine;
    }

    std::mutex mutex_;
    std::vector<std::shared_ptr<Entry>> entries_;
    std::uint64_t last_id_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
