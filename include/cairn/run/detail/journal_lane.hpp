// SPDX-License-Identifier: MIT
#pragma once
// A lane with the memory of its ring, and what it does seldom.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/time.hpp>
#include <cairn/run/detail/lane.hpp>
#include <cairn/run/detail/metric_table.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/ring.hpp>

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
    BasicJournalLane(os::Mapping memory, std::uint32_t id, std::int64_t first_step, MetricTable& names,
                     Pressure& pressure)
        : Lane{Ring::create(memory.writable().data(), id), first_step}, memory_{std::move(memory)},
          names_{&names}, pressure_{&pressure} {}

    /// Gives it to the calling thread, unless another has it.
    bool take(std::int64_t first_step) {
        bool taken = false;
        if (!taken_.compare_exchange_strong(taken, true, std::memory_order_acquire)) return false;
        held_ = this->shared_from_this();
        next_step_ = first_step;
        return true;
    }
    [[nodiscard]] bool is_taken() const noexcept { return taken_.load(std::memory_order_acquire); }
    void let_go() noexcept override {
        const auto held = std::move(held_);  // it may be the last that does
        taken_.store(false, std::memory_order_release);
    }
    [[nodiscard]] bool is_orphan() const noexcept override { return held_.use_count() == 1; }

    /// Whether its ring lies in a file, so that what is in it outlives the process.
    [[nodiscard]] bool has_file() const noexcept { return memory_.has_file(); }
    /// Gives up the ring and removes its file. Nobody may log into it any more.
    void remove_file(const os::Path& path) {
        if (!has_file()) return;
        memory_.unmap();  // first: no file goes while it is mapped (Windows)
        (void)os::remove_file(path);
    }

  private:
    using Cells = std::vector<std::pair<std::uint32_t, Value>>;

    CAIRN_COLD bool append_cells(RecordKind kind, std::int64_t step, std::int64_t time_ns,
                                 const NamedCell* begin, const NamedCell* end) override {
        Cells cells;
        for (const NamedCell* cell = begin; cell != end; ++cell) {
            if (!add(cells, cell->hash, cell->literal, cell->name, cell->value)) return false;
        }
        return append_pieces(kind, step, time_ns, cells);
    }
    CAIRN_COLD bool append_dynamic(RecordKind kind, std::int64_t step, std::int64_t time_ns,
                                   const DynamicRow& row) override {
        Cells cells;
        bool done = true;
        row.for_each([&](std::string_view name, const Value& value) {
            done = done && add(cells, hash_name(name), nullptr, name, value);
        });
        return done && append_pieces(kind, step, time_ns, cells);
    }

    /// A name that this lane uses for the first time goes into the ring ahead of the row that uses it.
    bool add(Cells& cells, std::uint64_t hash, const char* literal, std::string_view name,
             const Value& value) {
        const bool is_cut = name.size() > max_metric_name_bytes;
        if (is_cut) {
            name = name.substr(0, max_metric_name_bytes);
            hash = hash_name(name);
            literal = nullptr;
        }
        std::uint32_t id = known_.find(hash, name);
        if (id == MetricCache::unknown) {
            if (is_cut) bump(counters.texts_cut);  // once for each name and lane, not once for each row
            const auto [number, kept] = names_->id_of(name);
            std::byte* const to = reserve(name_record_size(kept));
            if (to == nullptr) return false;
            put_name(to, number, kept);
            ring.commit();
            known_.insert(hash, literal, kept, number);
            id = number;
        }
        cells.emplace_back(id, shortened(value));
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
    bool append_pieces(RecordKind kind, std::int64_t step, std::int64_t time_ns, const Cells& cells) {
        std::size_t i = 0;
        do {
            std::size_t bytes = row_header_bytes;
            std::size_t end = i;
            while (end < cells.size() && bytes + cell_size(cells[end].second) <= max_record_bytes)
                bytes += cell_size(cells[end++].second);
            std::byte* to = reserve(bytes);
            if (to == nullptr) return false;
            const std::uint8_t flags = end < cells.size() ? row_continues : std::uint8_t{0};
            to = put_row_header(to, bytes, kind, flags, end - i, step, time_ns);
            for (; i < end; ++i) to = put_cell(to, cells[i].first, cells[i].second);
            ring.commit();
        } while (i < cells.size());
        if (kind == RecordKind::row) bump(counters.rows);
        return true;
    }

    CAIRN_COLD [[nodiscard]] std::byte* make_room(std::size_t bytes) noexcept override {
        std::byte* to = ring.advance(bytes);
        if (ring.is_low()) pressure_->nudge();
        if (to != nullptr) return to;
        const std::int64_t since = steady_ns();
        bump(counters.waits);
        while (to == nullptr && pressure_->wait_for_room(since)) {
            pressure_->nudge();
            to = ring.advance(bytes);
        }
        bump(counters.waited_ns, static_cast<std::uint64_t>(steady_ns() - since));
        return to;
    }

    os::Mapping memory_;
    MetricTable* names_;
    Pressure* pressure_;
    std::atomic<bool> taken_{false};
    std::shared_ptr<BasicJournalLane> held_;  // itself, for the thread that has taken it
};
using JournalLane = BasicJournalLane<>;

}  // namespace CAIRN_NAMESPACE::detail
