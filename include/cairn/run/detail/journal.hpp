// SPDX-License-Identifier: MIT
#pragma once
// The lanes of a run.

#include <cairn/run/detail/journal_lane.hpp>
#include <cairn/run/detail/metric_table.hpp>
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
template <class T = void>
class BasicJournal {
  public:
    BasicJournal(std::filesystem::path dir, std::uint32_t next_ring, std::int64_t first_step,
                 Pressure& pressure)
        : dir_{std::move(dir)}, next_ring_{next_ring}, first_step_{first_step}, pressure_{&pressure} {}

    /// A lane for the calling thread: one that an ended thread left, or a new one; null once the journal is
    /// closed. The thread lets go of it. Throws only `std::bad_alloc`.
    Lane* acquire() {
        const std::scoped_lock lock{mutex_};
        if (closed_) return nullptr;
        for (const auto& lane : lanes_) {
            if (lane->take(first_step_)) return lane.get();
        }
        const std::uint32_t id = next_ring_++;
        auto memory = os::Mapping::create_shared(path_of(id), ring_file_bytes);
        if (!memory) {
            mapped_ = false;
            // On a network's disk nothing has failed, but a kill can lose what was not collected.
            if (first_failure_.empty() && memory.error().code() != errc::unsupported)
                first_failure_ = memory.error().what();
            memory = os::Mapping::anonymous(ring_file_bytes);
            if (!memory) throw std::bad_alloc{};
        }
        // Threads after the first count their rows from 0, unless the run is resumed.
        const auto& made = lanes_.emplace_back(std::make_shared<BasicJournalLane<T>>(
            std::move(*memory), id, first_step_, names_, spares_, *pressure_));
        made->take(first_step_);
        return made.get();
    }

    /// The lanes as they are now; a lane stays valid as long as someone holds it.
    [[nodiscard]] std::vector<std::shared_ptr<BasicJournalLane<T>>> lanes() const {
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
            const bool writable = lane.get() != own && lane->is_taken();
            left.lost += lane->rings().drop_memory();
            const bool is_drained = lane->rings().is_drained();
            left.in_files = left.in_files || (lane->rings().has_file() && !is_drained);
            if (is_drained && !writable) lane->remove_file(path_of(lane->id()));
        }
        return left;
    }

  private:
    [[nodiscard]] std::filesystem::path path_of(std::uint32_t id) const { return dir_ / ring_file_name(id); }

    std::filesystem::path dir_;
    mutable std::mutex mutex_;
    BasicMetricTable<T> names_;
    SpareRings spares_;
    std::vector<std::shared_ptr<BasicJournalLane<T>>> lanes_;
    std::uint32_t next_ring_;
    std::int64_t first_step_;
    Pressure* pressure_;
    bool mapped_ = true;
    bool closed_ = false;
    std::string first_failure_;
};

}  // namespace CAIRN_NAMESPACE::detail
