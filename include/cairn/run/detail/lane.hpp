// SPDX-License-Identifier: MIT
#pragma once
// A thread's way into a run: its ring, the names it has used there, its count of rows.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/row.hpp>
#include <cairn/run/detail/metric_table.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/ring.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
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

/// One producer at a time: the thread that holds it. The collector reads the ring and the counters.
template <class = void>
class BasicLane {
  public:
    BasicLane(os::Mapping memory, std::uint32_t id, std::int64_t first_step, MetricTable& names,
              Pressure& pressure)
        : memory_{std::move(memory)}, ring{Ring::create(memory_.writable().data(), id)}, names_{&names},
          pressure_{&pressure}, next_step_{first_step} {}
    BasicLane(const BasicLane&) = delete;
    BasicLane& operator=(const BasicLane&) = delete;
    ~BasicLane() {
        memory_.unmap();
        if (!leaving_.empty()) (void)os::remove_file(leaving_);
    }

    struct Counters {
        std::atomic<std::uint64_t> rows{0}, dropped{0}, texts_cut{0}, waits{0}, waited_ns{0};
    };

    /// Appends a typed or dynamic row, or an event; false if it had to be dropped. May allocate when a name
    /// is new.
    template <RecordKind Kind = RecordKind::row, class R>
    bool append(const R& row, std::int64_t step, std::int64_t time_ns) {
        std::size_t cells = 0;
        std::size_t bytes = row_header_bytes;
        bool known = true;
        visit(row, [&](auto name, const auto& value) {
            ++cells;
            bytes += cell_size(shortened(value));
            known = known && find(name) != MetricCache::unknown;
            if (Value{value}.text().size() > max_text_bytes) bump(counters.texts_cut);
        });
        if (!known && !define_all(row)) return false;
        if (bytes > max_record_bytes) return append_in_pieces<Kind>(row, step, time_ns);
        std::byte* to = reserve(bytes);
        if (to == nullptr) return false;
        to = put_row_header(to, bytes, Kind, 0, cells, step, time_ns);
        visit(row, [&](auto name, const auto& value) { to = put_cell(to, find(name), shortened(value)); });
        ring.commit();
        if constexpr (Kind == RecordKind::row) bump(counters.rows);
        if (ring.is_filling()) relieve();
        return true;
    }

    /// The thread's own count of rows, for rows without a step.
    /// The last step there can be is taken again and again.
    [[nodiscard]] std::int64_t take_step() noexcept {
        return next_step_ == std::numeric_limits<std::int64_t>::max() ? next_step_ : next_step_++;
    }
    /// Whether its ring lies in a file, so that what is in it outlives the process.
    [[nodiscard]] bool has_file() const noexcept { return memory_.has_file(); }
    /// Removes the ring's file: now, or with the lane, where no file goes while it is mapped (Windows).
    void remove_file(const os::Path& path) {
        if (!has_file()) return;
        if (const auto removed = os::remove_file(path); !removed && removed.error().code() != errc::not_found)
            leaving_ = path;  // it is there, so no other ring gets its name
    }
    /// For the next thread that holds the lane.
    void count_from(std::int64_t first_step) noexcept { next_step_ = first_step; }

    static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
        // Only this thread adds: a load and a store, no locked instruction.
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t max_record_bytes = ring_capacity / 4;

    // First in the object, so that it is alive when the ring is made in it.
    os::Mapping memory_;

  public:
    Ring ring;
    Counters counters;
    std::atomic<bool> taken{true};  // by a thread; a lane that is not may be handed to another

  private:
    template <class... Fields, class F>
    static void visit(const Row<Fields...>& row, F&& f) {
        row.for_each(f);
    }
    template <class F>
    static void visit(const DynamicRow& row, F&& f) {
        row.for_each(f);
    }

    [[nodiscard]] static std::string_view name_text(std::string_view name) noexcept {
        return name.substr(0, max_metric_name_bytes);
    }
    template <MetricName Name>
    [[nodiscard]] std::uint32_t find(Name) const noexcept {
        if constexpr (Name::name.size() > max_metric_name_bytes) {
            return find(Name::name);
        } else {
            return known_.find(Name::hash, Name::name);
        }
    }
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept {
        name = name_text(name);
        return known_.find(hash_name(name), name);
    }

    /// The value with its text cut to what may be stored, at the boundary of a UTF-8 character.
    template <class T>
    [[nodiscard]] Value shortened(const T& value) const noexcept {
        const Value v{value};
        if (!v.is_text() || v.text().size() <= max_text_bytes) return v;
        std::size_t size = max_text_bytes;
        while (size > 0 && (static_cast<unsigned char>(v.text()[size]) & 0xc0U) == 0x80U) --size;
        return Value{v.text().substr(0, size)};
    }

    /// Writes a name record for each name this lane uses for the first time, ahead of the row that uses it.
    template <class R>
    bool define_all(const R& row) {
        bool done = true;
        visit(row, [&](auto name, const auto&) {
            if constexpr (MetricName<decltype(name)>) {
                if constexpr (decltype(name)::name.size() <= max_metric_name_bytes) {
                    done = done && define(decltype(name)::hash, decltype(name)::chars, decltype(name)::name);
                } else {
                    done = done && define_cut(decltype(name)::name);
                }
            } else {
                done = done && define_cut(name);
            }
        });
        return done;
    }
    bool define_cut(std::string_view name) {
        const std::string_view cut = name_text(name);
        const std::uint64_t hash = hash_name(cut);
        // Counted once for each name and lane, not once for each row.
        if (cut.size() != name.size() && known_.find(hash, cut) == MetricCache::unknown)
            bump(counters.texts_cut);
        return define(hash, nullptr, cut);
    }
    bool define(std::uint64_t hash, const char* literal, std::string_view name) {
        if (known_.find(hash, name) != MetricCache::unknown) return true;
        const auto [id, kept] = names_->id_of(name);
        std::byte* to = reserve(name_record_size(kept));
        if (to == nullptr) return false;
        put_name(to, id, kept);
        ring.commit();
        known_.insert(hash, literal, kept, id);
        return true;
    }

    /// A row that is too large for one record goes into several that belong together.
    template <RecordKind Kind, class R>
    bool append_in_pieces(const R& row, std::int64_t step, std::int64_t time_ns) {
        std::vector<std::pair<std::uint32_t, Value>> cells;
        visit(row, [&](auto name, const auto& value) { cells.emplace_back(find(name), shortened(value)); });
        for (std::size_t i = 0; i < cells.size();) {
            std::size_t bytes = row_header_bytes;
            std::size_t end = i;
            while (end < cells.size() && bytes + cell_size(cells[end].second) <= max_record_bytes) {
                bytes += cell_size(cells[end++].second);
            }
            std::byte* to = reserve(bytes);
            if (to == nullptr) return false;
            const std::uint8_t flags = end < cells.size() ? row_continues : std::uint8_t{0};
            to = put_row_header(to, bytes, Kind, flags, end - i, step, time_ns);
            for (; i < end; ++i) to = put_cell(to, cells[i].first, cells[i].second);
            ring.commit();
        }
        if constexpr (Kind == RecordKind::row) bump(counters.rows);
        return true;
    }

    [[nodiscard]] std::byte* reserve(std::size_t bytes) noexcept {
        std::byte* to = ring.reserve(bytes);
        return to != nullptr ? to : reserve_slowly(bytes);
    }
    [[nodiscard]] std::byte* reserve_slowly(std::size_t bytes) noexcept {
        const std::int64_t since = steady_ns();
        bump(counters.waits);
        std::byte* to = nullptr;
        do {
            pressure_->nudge();
            to = ring.reserve(bytes);
        } while (to == nullptr && pressure_->wait_for_room(since));
        bump(counters.waited_ns, static_cast<std::uint64_t>(steady_ns() - since));
        return to;
    }
    void relieve() noexcept {
        ring.refresh();
        if (ring.is_filling()) pressure_->nudge();
    }

    MetricTable* names_;
    Pressure* pressure_;
    MetricCache known_;
    std::int64_t next_step_;
    os::Path leaving_;
};
using Lane = BasicLane<>;

}  // namespace CAIRN_NAMESPACE::detail
