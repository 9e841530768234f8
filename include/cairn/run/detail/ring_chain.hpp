// SPDX-License-Identifier: MIT
#pragma once
// A thread's ring, and the plain memory that follows it while it is full.

#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/ring.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// How many rings of plain memory a run may take beside its journal while the disk takes nothing. Threads:
/// any.
class SpareRings {
  public:
    explicit SpareRings(unsigned most = 64) : most_{most} {}

    [[nodiscard]] bool take() noexcept {
        if (taken_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
        give_back();
        return false;
    }
    void give_back() noexcept { taken_.fetch_sub(1, std::memory_order_relaxed); }

  private:
    unsigned most_;
    std::atomic<unsigned> taken_{0};
};

/// A ring of its own, and while that is full others in plain memory. Positions go on from one to the next:
/// for its consumer, and in the history, it is one ring with holes. The producer returns to its own as soon
/// as that is drained.
template <class = void>
class BasicRingChain {
  public:
    BasicRingChain(os::Mapping memory, std::uint32_t id, SpareRings& spares)
        : own_memory_{std::move(memory)}, own_{Ring::create(own_memory_.writable().data(), id)},
          spares_{&spares} {
        links_.push_back({own_, 0, {}});
    }
    BasicRingChain(const BasicRingChain&) = delete;
    BasicRingChain& operator=(const BasicRingChain&) = delete;

    // ---- the producer

    /// The ring to begin with.
    [[nodiscard]] Ring own() const noexcept { return own_; }
    /// Goes on in plain memory; false if there is no more to be had.
    [[nodiscard]] bool extend(Ring& writing) noexcept {
        if (!spares_->take()) return false;
        try {
            if (auto memory = os::Mapping::anonymous(ring_file_bytes)) {
                // At the beginning of a lap, or a part of the ring would be of no use.
                const std::uint64_t from =
                    (writing.position() + ring_capacity - 1) / ring_capacity * ring_capacity;
                Ring next = Ring::create(memory->writable().data(), own_.id(), from);
                next.look_every(memory_stride);
                const std::scoped_lock lock{mutex_};
                links_.push_back({next, from, std::move(*memory)});
                writing = next;
                is_in_memory_ = true;
                return true;
            }
        } catch (...) {  // no memory
        }
        spares_->give_back();
        return false;
    }
    /// Leaves the plain memory once its own ring is drained.
    void return_home(Ring& writing) noexcept {
        if (!is_in_memory_) return;  // mostly, and then without the lock
        const std::scoped_lock lock{mutex_};
        if (std::any_of(links_.begin(), links_.end(), [](const Link& link) { return !link.memory; })) return;
        const bool after_memory = !all_drained();
        try {
            links_.push_back({own_, writing.position(), {}});
        } catch (...) {  // no memory: the next time
            return;
        }
        own_.restart_at(writing.position(), after_memory);
        links_.back().ring = writing = own_;
        is_in_memory_ = false;
    }

    // ---- the consumer

    /// What was committed from a position on, which is not released: a contiguous part of it. It may begin
    /// after a hole.
    [[nodiscard]] Ring::Readable readable(std::uint64_t from) const noexcept {
        const std::scoped_lock lock{mutex_};
        std::size_t i = links_.size() - 1;
        while (i > 0 && from < links_[i].from) --i;
        Ring::Readable piece;
        for (; i < links_.size() && piece.bytes.empty(); ++i)
            piece = links_[i].ring.readable(std::max(from, links_[i].from));
        return piece;
    }
    void release(std::uint64_t to) noexcept {
        const std::scoped_lock lock{mutex_};
        while (links_.size() > 1 &&
               (to >= links_[1].from ||
                (to >= links_.front().from && links_.front().ring.readable(to).bytes.empty()))) {
            links_.front().ring.release_all();
            give_back(links_.front());
            links_.erase(links_.begin());
            if (!links_.front().memory) own_.memory_is_written();
        }
        if (to > links_.front().from) links_.front().ring.release(to);
    }

    // ---- either

    /// Whether all that is in it outlives the process.
    [[nodiscard]] bool outlives_process() const noexcept {
        const std::scoped_lock lock{mutex_};
        return own_memory_.has_file() && links_.size() == 1 && !links_.front().memory;
    }
    /// Whether its own ring lies in a file.
    [[nodiscard]] bool has_file() const noexcept { return own_memory_.has_file(); }
    [[nodiscard]] bool is_drained() const noexcept {
        const std::scoped_lock lock{mutex_};
        return all_drained();
    }
    /// Lets go of what lies in plain memory only. Returns how many rows that were.
    std::uint64_t drop_memory() noexcept {
        const std::scoped_lock lock{mutex_};
        std::uint64_t rows = 0;
        for (Link& link : links_) {
            if (own_memory_.has_file() && !link.memory) continue;
            for (auto piece = link.ring.readable(); !piece.bytes.empty(); piece = link.ring.readable()) {
                rows += count_rows(piece.bytes);
                link.ring.release(piece.from + piece.bytes.size());
            }
        }
        own_.memory_is_written();  // or never will be
        return rows;
    }
    /// Gives up its own ring, whose file can be removed then. Nobody may use the chain any more.
    void unmap() noexcept { own_memory_.unmap(); }

  private:
    /// While it writes to plain memory the producer looks this often whether it can return.
    static constexpr std::size_t memory_stride = 4096;

    struct Link {
        Ring ring{};
        std::uint64_t from = 0;
        os::Mapping memory{};  // none if it is the chain's own ring
    };
    /// Requires the lock.
    [[nodiscard]] bool all_drained() const noexcept {
        return std::all_of(links_.begin(), links_.end(),
                           [](const Link& link) { return link.ring.readable().bytes.empty(); });
    }
    void give_back(const Link& link) noexcept {
        if (link.memory) spares_->give_back();
    }

    os::Mapping own_memory_;
    Ring own_;
    SpareRings* spares_;
    bool is_in_memory_ = false;  // the producer's own
    mutable std::mutex mutex_;
    std::vector<Link> links_;  // the first is the one that is drained, the last the one that is written
};
using RingChain = BasicRingChain<>;

}  // namespace CAIRN_NAMESPACE::detail
