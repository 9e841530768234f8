// SPDX-License-Identifier: MIT
#pragma once
// A thread's way into a run, as the thread sees it: its ring, the names it has used there. What happens
// seldom is virtual, so that a file which logs compiles nothing but the fast path.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/row.hpp>
#include <cairn/run/detail/metric_cache.hpp>
#include <cairn/store/ring.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// A value of a typed row under its name, where the row's type does not matter any more.
struct NamedCell {
    std::uint64_t hash = 0;
    std::string_view name{};
    Value value{};
};

/// One producer at a time: the thread that holds it. Others read the counters.
class Lane {
  public:
    struct Counters {
        std::atomic<std::uint64_t> rows{0}, texts_cut{0}, waits{0}, waited_ns{0}, spills{0}, log_ns{0};
    };

    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Appends a typed or dynamic row, or an event, if there is room for it and this thread has used all its
    /// names; changes nothing otherwise.
    template <class R>
    [[nodiscard]] CAIRN_INLINE bool try_append(const R& row) noexcept {
        std::uint32_t metrics[most_at_once];
        std::size_t cells = 0;
        std::size_t bytes = row_header_bytes;
        bool is_plain = true;
        row.for_each([&](auto name, const auto& value) {
            if (cells == most_at_once) {
                is_plain = false;
                return;
            }
            const Value cell{value};
            is_plain =
                is_plain && known_.knows(name, metrics[cells++]) && cell.text().size() <= max_text_bytes;
            bytes += cell_size(cell);
        });
        if (!is_plain || bytes > max_record_bytes || !ring.has_room(bytes)) return false;
        const std::uint64_t end = ring.position() + bytes;
        std::byte* to =
            put_row_header(ring.end(), bytes, RecordKind::row, 0, cells, row.step(), row.clock_ns());
        const std::uint32_t* metric = metrics;
        row.for_each([&](auto, const auto& value) { to = put_cell(to, *metric++, Value{value}); });
        ring.commit_until(end);
        bump(counters.rows);
        return true;
    }

    /// Appends any row; false if it had to be dropped. Gives names that are new here their numbers, makes
    /// room, cuts what is too long, splits what is too large. May allocate.
    template <class... Fields>
    bool append(const Row<Fields...>& row) {
        NamedCell cells[sizeof...(Fields) + 1];
        NamedCell* end = cells;
        row.for_each([&](auto name, const auto& value) {
            using Name = decltype(name);
            *end++ = {Name::hash, Name::name, Value{value}};
        });
        return append_cells(row.step(), row.time_ns(), cells, end);
    }
    bool append(const DynamicRow& row, RecordKind kind = RecordKind::row) {
        return append_dynamic(kind, row);
    }
    virtual bool append(const GivenRow& row) = 0;

    /// The thread's own count of rows, for rows without a step.
    /// The last step there can be is taken again and again.
    [[nodiscard]] std::int64_t take_step() noexcept {
        return next_step_ == std::numeric_limits<std::int64_t>::max() ? next_step_ : next_step_++;
    }

    /// The thread that holds it needs it no more.
    virtual void let_go() noexcept = 0;
    /// Whether nobody but the thread that holds it knows of it: its run is gone.
    [[nodiscard]] virtual bool is_orphan() const noexcept = 0;

    static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
        // Only this thread adds: a load and a store, no locked instruction.
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    Ring ring;  // where the thread writes
    Counters counters;

  protected:
    static constexpr std::size_t max_record_bytes = ring_window / 4;
    /// A row of more cells goes the slow way.
    static constexpr std::size_t most_at_once = 64;

    explicit Lane(std::int64_t first_step) : next_step_{first_step} {}
    ~Lane() = default;

    MetricCache known_;
    std::int64_t next_step_;

  private:
    friend class ThreadLanes;

    virtual bool append_cells(std::int64_t step, std::int64_t time_ns, const NamedCell* begin,
                              const NamedCell* end) = 0;
    virtual bool append_dynamic(RecordKind kind, const DynamicRow& row) = 0;

    // What the thread that holds it knows it by.
    std::uint64_t run_ = 0;
    Lane* next_ = nullptr;
};

}  // namespace CAIRN_NAMESPACE::detail
