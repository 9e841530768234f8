// SPDX-License-Identifier: MIT
#pragma once
// How a thread finds its lane into a run.

#include <cairn/run/detail/lane.hpp>

#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

/// The calling thread's lanes, one for each run it logs to. When the thread ends they are free for another.
class CAIRN_ONE_IN_PROCESS ThreadLanes {
  public:
    /// What the fast path looks at: no constructor, no guard.
    struct Latest {
        std::uint64_t run;
        Lane* lane;
        bool ended;
    };
    static const Latest& latest() noexcept { return latest_; }

    /// The thread's lane into run `run`, made on first use by `core.acquire_lane()`; null when the thread is
    /// ending or there is none.
    template <class Core>
    static Lane* find(std::uint64_t run, Core& core) {
        if (latest_.ended) return nullptr;
        ThreadLanes& lanes = instance();
        Lane* lane = lanes.known(run);
        if (lane == nullptr) {
            lanes.forget_orphans();
            lane = core.acquire_lane();
            if (lane == nullptr) return nullptr;
            lane->run_ = run;
            lane->next_ = lanes.first_;
            lanes.first_ = lane;
        }
        latest_ = {run, lane, false};
        return lane;
    }

    /// The thread's lane into run `run`, if it has one.
    static const Lane* own(std::uint64_t run) noexcept {
        return latest_.ended ? nullptr : instance().known(run);
    }

    ThreadLanes(const ThreadLanes&) = delete;
    ThreadLanes& operator=(const ThreadLanes&) = delete;

  private:
    ThreadLanes() = default;
    ~ThreadLanes() {
        latest_ = {0, nullptr, true};
        while (first_ != nullptr) drop(&first_);
    }
    static ThreadLanes& instance() {
        thread_local ThreadLanes lanes;
        return lanes;
    }
    [[nodiscard]] Lane* known(std::uint64_t run) const noexcept {
        Lane* lane = first_;
        while (lane != nullptr && lane->run_ != run) lane = lane->next_;
        return lane;
    }
    void forget_orphans() noexcept {
        for (Lane** at = &first_; *at != nullptr;) {
            if ((*at)->is_orphan())
                drop(at);
            else
                at = &(*at)->next_;
        }
    }
    static void drop(Lane** at) noexcept {
        Lane* const lane = *at;
        *at = lane->next_;
        lane->let_go();
    }

    static inline constinit thread_local Latest latest_{0, nullptr, false};
    Lane* first_ = nullptr;
};

}  // namespace CAIRN_NAMESPACE::detail
