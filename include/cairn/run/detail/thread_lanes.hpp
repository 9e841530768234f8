// SPDX-License-Identifier: MIT
#pragma once
// How a thread finds its lane into a run.

#include <cairn/run/detail/lane.hpp>
#include <cairn/store/os.hpp>

#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

/// A thread's lanes, one for each run it logs to. When the thread ends they are free for another.
class CAIRN_ONE_IN_PROCESS ThreadLanes {
  public:
    /// What the fast path looks at.
    struct Latest {
        std::uint64_t run = nobody;
        Lane* lane = nullptr;  // not null for the key of any run
    };
    /// No run's key, which is odd, and not the 0 of one that takes no rows.
    static constexpr std::uint64_t nobody = 2;
    static const Latest& latest() noexcept { return Own::get().latest_; }

    /// The calling thread's lane into run `run`, taken from its journal on first use; null when the thread is
    /// ending or there is none to be had.
    template <class Journal>
    static Lane* find(std::uint64_t run, Journal& journal) noexcept {
        ThreadLanes& mine = Own::get();
        if (mine.ended_) return nullptr;
        Lane* lane = mine.known(run);
        if (lane == nullptr) {
            Own::end_with_thread();
            mine.forget_orphans();
            try {
                lane = journal.acquire();
            } catch (...) {  // no memory: the row is counted as dropped
            }
            if (lane == nullptr) return nullptr;
            lane->run_ = run;
            lane->next_ = mine.first_;
            mine.first_ = lane;
        }
        mine.latest_ = {run, lane};
        return lane;
    }

    /// The calling thread's lane into run `run`, if it has one.
    static const Lane* own(std::uint64_t run) noexcept { return Own::get().known(run); }

  private:
    static void end(ThreadLanes& mine) noexcept {
        mine.ended_ = true;
        mine.latest_ = {};
        while (mine.first_ != nullptr) drop(&mine.first_);
    }
    using Own = os::ThreadData<ThreadLanes>;
    friend Own;

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

    Latest latest_;
    Lane* first_ = nullptr;
    bool ended_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail
