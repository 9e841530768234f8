// SPDX-License-Identifier: MIT
#pragma once
// The lanes of a run, and how a thread finds its own.

#include <cairn/run/detail/lane.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/ring_file.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Makes lanes, hands them to threads, takes them back when a thread ends.
template <class = void>
class BasicJournal {
  public:
    BasicJournal(std::filesystem::path dir, std::uint32_t next_ring, std::int64_t first_step,
                 Pressure& pressure)
        : dir_{std::move(dir)}, next_ring_{next_ring}, first_step_{first_step}, pressure_{&pressure} {}

    /// A lane for the calling thread: one that an ended thread left, or a new one; null once the journal is
    /// closed. Throws only `std::bad_alloc`.
    std::shared_ptr<Lane> acquire() {
        const std::scoped_lock lock{mutex_};
        if (closed_) return nullptr;
        for (const auto& lane : lanes_) {
            bool taken = false;
            if (!lane->taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) continue;
            lane->count_from(first_step_);
            return lane;
        }
        const std::uint32_t id = next_ring_++;
        auto memory = os::Mapping::create_shared(path_of(id), ring_file_bytes);
        if (!memory) {
            mapped_ = false;
            if (first_failure_.empty()) first_failure_ = memory.error().what();
            memory = os::Mapping::anonymous(ring_file_bytes);
            if (!memory) throw std::bad_alloc{};
        }
        // Threads after the first count their rows from 0, unless the run is resumed.
        return lanes_.emplace_back(
            std::make_shared<Lane>(std::move(*memory), id, first_step_, names_, *pressure_));
    }

    /// The lanes as they are now; a lane stays valid as long as someone holds it.
    [[nodiscard]] std::vector<std::shared_ptr<Lane>> lanes() const {
        const std::scoped_lock lock{mutex_};
        return lanes_;
    }

    /// False once a ring had to be made in plain memory; then `failure` says why.
    [[nodiscard]] bool mapped() const {
        const std::scoped_lock lock{mutex_};
        return mapped_;
    }
    [[nodiscard]] std::string failure() const {
        const std::scoped_lock lock{mutex_};
        return first_failure_;
    }

    /// What could not be drained when the run ended.
    struct Left {
        bool in_files = false;   ///< rows that lie in ring files: a resume finds them
        std::uint64_t lost = 0;  ///< rows that lay in plain memory
    };
    /// Removes the files of rings that are drained and that no other thread can still write to; gives out
    /// none after.
    Left close(const Lane* own) {
        const std::scoped_lock lock{mutex_};
        closed_ = true;
        Left left;
        for (const auto& lane : lanes_) {
            const bool writable = lane.get() != own && lane->taken.load(std::memory_order_acquire);
            const bool drained = lane->ring.readable().bytes.empty();
            if (drained && !writable) lane->remove_file(path_of(lane->ring.id()));
            if (lane->has_file())
                left.in_files = left.in_files || !drained;
            else
                left.lost += drop_rest(lane->ring);
        }
        return left;
    }

    MetricTable& names() noexcept { return names_; }

  private:
    [[nodiscard]] static std::uint64_t drop_rest(Ring& ring) noexcept {
        std::uint64_t rows = 0;
        for (Ring::Readable piece = ring.readable(); !piece.bytes.empty(); piece = ring.readable()) {
            rows += count_rows(piece.bytes);
            ring.release(piece.from + piece.bytes.size());
        }
        return rows;
    }
    [[nodiscard]] std::filesystem::path path_of(std::uint32_t id) const { return dir_ / ring_file_name(id); }

    std::filesystem::path dir_;
    mutable std::mutex mutex_;
    MetricTable names_;
    std::vector<std::shared_ptr<Lane>> lanes_;
    std::uint32_t next_ring_;
    std::int64_t first_step_;
    Pressure* pressure_;
    bool mapped_ = true;
    bool closed_ = false;
    std::string first_failure_;
};
using Journal = BasicJournal<>;

/// The calling thread's lanes, one for each run it logs to. When the thread ends they are free for another.
template <class = void>
class BasicThreadLanes {
  public:
    /// What the fast path looks at: no constructor, no guard.
    struct Latest {
        std::uint64_t run;
        Lane* lane;
        bool ended;
    };
    static const Latest& latest() noexcept { return latest_; }

    /// The thread's lane into run `run`, made on first use; null when the thread is ending.
    static Lane* find(std::uint64_t run, Journal& journal) {
        if (latest_.ended) return nullptr;
        BasicThreadLanes& lanes = instance();
        Lane* lane = lanes.known(run);
        if (lane == nullptr) {
            lanes.forget_orphans();
            auto made = journal.acquire();
            if (made == nullptr) return nullptr;
            lane = lanes.entries_.emplace_back(Entry{run, std::move(made)}).lane.get();
        }
        latest_ = {run, lane, false};
        return lane;
    }

    /// The thread's lane into run `run`, if it has one.
    static const Lane* own(std::uint64_t run) noexcept {
        return latest_.ended ? nullptr : instance().known(run);
    }

    BasicThreadLanes(const BasicThreadLanes&) = delete;
    BasicThreadLanes& operator=(const BasicThreadLanes&) = delete;

  private:
    struct Entry {
        std::uint64_t run = 0;
        std::shared_ptr<Lane> lane;
    };

    BasicThreadLanes() = default;
    ~BasicThreadLanes() {
        latest_ = {0, nullptr, true};
        for (const Entry& entry : entries_) entry.lane->taken.store(false, std::memory_order_release);
    }
    static BasicThreadLanes& instance() {
        thread_local BasicThreadLanes lanes;
        return lanes;
    }
    [[nodiscard]] Lane* known(std::uint64_t run) const noexcept {
        for (const Entry& entry : entries_) {
            if (entry.run == run) return entry.lane.get();
        }
        return nullptr;
    }
    /// Lets go of lanes whose run is gone: nobody else holds them.
    void forget_orphans() {
        std::erase_if(entries_, [](const Entry& entry) { return entry.lane.use_count() == 1; });
    }

    static inline constinit thread_local Latest latest_{0, nullptr, false};
    std::vector<Entry> entries_;
};
using ThreadLanes = BasicThreadLanes<>;

}  // namespace CAIRN_NAMESPACE::detail
