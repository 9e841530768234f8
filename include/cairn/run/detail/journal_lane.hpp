// SPDX-License-Identifier: MIT
#pragma once
// A lane with its rings, and what it does seldom.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/time.hpp>
#include <cairn/run/detail/lane.hpp>
#include <cairn/run/detail/metric_table.hpp>
#include <cairn/run/detail/ring_chain.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/ring.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// What a lane asks of its run when the ring has no room. Implemented by the collector.
class Pressure {
  public:
    /// Sees to it that the ring is drained soon. Cheap when it was said already.
    virtual void nudge() noexcept = 0;
    /// Waits for the collector a little; false when there is no use in waiting longer.
    virtual bool wait_for_room(std::int64_t waiting_since_ns) noexcept = 0;

  protected:
    ~Pressure() = default;
};

/// Held by the journal, and by the thread that logs into it.
template <class T = void>
class BasicJournalLane final : public Lane, public std::enable_shared_from_this<BasicJournalLane<T>> {
  public:
    BasicJournalLane(os::Mapping memory, std::uint32_t id, std::int64_t first_step,
                     BasicMetricTable<T>& names, SpareRings& spares, Pressure& pressure)
        : Lane{first_step}, id_{id}, rings_{std::move(memory), id, spares}, names_{&names},
          pressure_{&pressure} {
        ring = rings_.own();
    }

    /// Gives it to the calling thread, unless another has it.
    bool take(std::int64_t first_step) {
        bool taken = false;
        if (!taken_.compare_exchange_strong(taken, true, std::memory_order_acquire)) return false;
        held_ = this->shared_from_this();
        rings_.return_home(ring);  // as the thread before may not have
        next_step_ = first_step;
        return true;
    }
    [[nodiscard]] bool is_taken() const noexcept { return taken_.load(std::memory_order_acquire); }
    using Lane::append;
    bool append(const GivenRow& row) override { return append_named(RecordKind::row, row); }
    void let_go() noexcept override {
        const auto held = std::move(held_);  // it may be the last that does
        taken_.store(false, std::memory_order_release);
    }
    [[nodiscard]] bool is_orphan() const noexcept override { return held_.use_count() == 1; }

    /// The number of its ring.
    [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
    /// What it has written, for the collector.
    [[nodiscard]] BasicRingChain<T>& rings() noexcept { return rings_; }

    /// Gives up the ring and removes its file. Nobody may log into it any more.
    void remove_file(const os::Path& path) {
        if (!rings_.has_file()) return;
        rings_.unmap();  // first: no file goes while it is mapped (Windows)
        (void)os::remove_file(path);
    }

  private:
    bool append_cells(std::int64_t step, std::int64_t time_ns, const NamedCell* begin,
                      const NamedCell* end) override {
        cells_.clear();
        for (const NamedCell* cell = begin; cell != end; ++cell) {
            if (!add(cell->hash, true, cell->name, cell->value)) return false;
        }
        return append_pieces(RecordKind::row, step, time_ns);
    }
    bool append_dynamic(RecordKind kind, const DynamicRow& row) override { return append_named(kind, row); }
    template <class R>
    bool append_named(RecordKind kind, const R& row) {
        cells_.clear();
        bool done = true;
        row.for_each([&](std::string_view name, const Value& value) {
            done = done && add(hash_name(name), false, name, value);
        });
        return done && append_pieces(kind, row.step(), row.time_ns());
    }

    /// A name that this lane uses for the first time goes into the ring ahead of the row that uses it.
    bool add(std::uint64_t hash, bool is_literal, std::string_view name, const Value& value) {
        const bool is_cut = name.size() > max_metric_name_bytes;
        if (is_cut) {
            name = name.substr(0, max_metric_name_bytes);
            hash = hash_name(name);
            is_literal = false;
        }
        std::uint32_t id = known_.find(hash, name);
        if (id == MetricCache::unknown) {
            if (is_cut) bump(counters.texts_cut);  // once for each name and lane, not once for each row
            const auto [number, kept] = names_->id_of(name);
            const std::size_t bytes = name_record_size(kept);
            if (!has_room(bytes)) return false;
            put_name(ring.end(), number, kept);
            ring.commit(bytes);
            known_.insert(hash, kept, number);
            id = number;
        }
        if (is_literal) known_.keep(hash, id);
        cells_.push_back({id, shortened(value)});
        return true;
    }
    /// The value with its text cut to what may be stored, at the boundary of a UTF-8 character.
    [[nodiscard]] Value shortened(const Value& value) noexcept {
        const std::string_view text = value.text();
        if (text.size() <= max_text_bytes) return value;
        bump(counters.texts_cut);
        std::size_t size = max_text_bytes;
        while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
        return Value{text.substr(0, size)};
    }

    /// A row that is too large for one record goes into several that belong together.
    bool append_pieces(RecordKind kind, std::int64_t step, std::int64_t time_ns) {
        std::size_t i = 0;
        do {
            std::size_t bytes = row_header_bytes;
            std::size_t end = i;
            while (end < cells_.size() && bytes + cell_size(cells_[end].value) <= max_record_bytes)
                bytes += cell_size(cells_[end++].value);
            if (!has_room(bytes)) return false;
            const unsigned flags =
                (end < cells_.size() ? row_continues : 0U) | (i > 0 ? row_is_continued : 0U);
            const CallTimer timer;
            std::byte* to = put_row_header(ring.end(), bytes, kind, static_cast<std::uint8_t>(flags), end - i,
                                           step, time_ns);
            for (; i < end; ++i) to = put_cell(to, cells_[i].metric, cells_[i].value);
            ring.commit(bytes);
            timer.stop(counters.log_ns);
        } while (i < cells_.size());
        if (kind == RecordKind::row) bump(counters.rows);
        return true;
    }

    /// Times what the fast path does, here, where it need not be fast: about once in a thousand rows.
    class CallTimer {
      public:
        CallTimer() noexcept { (void)clock_ns(); }  // as `log` does
        /// Moves what is typical towards what it took, net of the clock.
        void stop(std::atomic<std::uint64_t>& typical) const noexcept {
            const auto took = static_cast<std::uint64_t>(
                std::max<std::int64_t>(steady_ns() - begun_ - (begun_ - before_), 1));
            const std::uint64_t known = typical.load(std::memory_order_relaxed);
            const std::uint64_t by = known / 8 + 1;
            const std::uint64_t next = known == 0     ? took
                                       : took > known ? known + by
                                                      : known - std::min(by, known - 1);
            typical.store(next, std::memory_order_relaxed);
        }

      private:
        std::int64_t before_ = steady_ns(), begun_ = steady_ns();
    };

    [[nodiscard]] bool has_room(std::size_t bytes) noexcept {
        return ring.has_room(bytes) || make_room(bytes);
    }
    /// Moves on in the ring. While it is full waits for the collector, then goes on in plain memory; false if
    /// there is no more of that.
    [[nodiscard]] bool make_room(std::size_t bytes) noexcept {
        rings_.return_home(ring);
        bool is_there = ring.advance(bytes);
        if (ring.is_low()) pressure_->nudge();
        if (is_there) return true;
        const std::int64_t since = steady_ns();
        bump(counters.waits);
        while (!is_there && pressure_->wait_for_room(since)) {
            pressure_->nudge();
            is_there = ring.advance(bytes);
        }
        bump(counters.waited_ns, static_cast<std::uint64_t>(steady_ns() - since));
        if (!is_there && rings_.extend(ring)) {
            bump(counters.spills);
            is_there = ring.advance(bytes);
        }
        return is_there;
    }

    std::uint32_t id_;
    BasicRingChain<T> rings_;
    BasicMetricTable<T>* names_;
    Pressure* pressure_;
    std::vector<Cell> cells_;  // of the row that is appended; keeps its memory
    std::atomic<bool> taken_{false};
    std::shared_ptr<BasicJournalLane> held_;  // itself, for the thread that has taken it
};
using JournalLane = BasicJournalLane<>;

}  // namespace CAIRN_NAMESPACE::detail
