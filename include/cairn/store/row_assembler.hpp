// SPDX-License-Identifier: MIT
#pragma once
// From the payloads of frames and from what a ring holds to the rows that were logged.

#include <cairn/core/deferred.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/value.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/packed_frame.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/stored_row.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// What is known after all rows of a run were read.
struct HistoryReport {
    std::size_t whole_bytes = 0;    ///< of the history file
    std::size_t torn_bytes = 0;     ///< after it
    std::size_t settled_bytes = 0;  ///< the same, before what the rings held was appended
    std::size_t damaged = 0;        ///< stretches that could not be read
    std::uint64_t rows = 0;
    std::uint64_t folded = 0;     ///< of these, rows that were still in a ring
    std::uint32_t next_ring = 0;  ///< a number that no ring of this run has had
    std::vector<error> unread{};  ///< for each ring that could not be read, why

    /// What could not be read, of the run in a folder.
    [[nodiscard]] std::vector<error> errors(const std::string& run_dir) const {
        std::vector<error> all = unread;
        if (damaged != 0) {
            all.emplace_back(errc::corrupt,
                             std::to_string(damaged) + " stretches of a run's history cannot be read",
                             run_dir, "restore it from a copy; the rows around them are whole");
        }
        return all;
    }
};

/// Whether a receiver of rows wants only those that have a value of one name, `wanted`.
template <class F>
concept HasWanted = requires(const F& f) {
    { f.wanted } -> std::convertible_to<std::string_view>;
};

/// Turns what lies in the rings and in the history into rows and events: keeps the names, joins what
/// continues. `f` is called as `f(StoredRow)` for each row and event; or, if that is what it takes, as
/// `f(step, time_ns, std::span<const NamedValue>)` for each row. An `f` that `HasWanted` may be spared rows
/// and events that have no value of the name that it wants.
template <class T = void>
class BasicRowAssembler {
  public:
    /// Takes the next records of a ring.
    template <class F>
    void feed(std::uint32_t ring, std::span<const std::byte> records, HistoryReport& report, F&& f) {
        Lane& lane = lanes_[ring];
        RecordReader reader{records};
        for (RecordReader::Record record; reader.next(record);) {
            if (record.kind == RecordKind::name) {
                keep_name(lane, record.body, report);
            } else if (record.kind != RecordKind::padding) {
                take_record(ring, lane, record, report, f);
            }
        }
        if (reader.damaged()) ++report.damaged;
    }

    /// Takes over a name that a frame defined, instead of that frame.
    void define(std::uint32_t ring, std::uint32_t metric, std::string_view name) {
        lanes_[ring].names.insert_or_assign(metric, std::string{name});
    }

    /// Takes the payload of a frame, which follows what was taken of its ring before.
    template <class F>
    void feed(const Frame& frame, HistoryReport& report, F&& f) {
        if (frame.kind == FrameKind::records) return feed(frame.ring, frame.payload, report, f);
        Lane& lane = lanes_[frame.ring];
        lane.begun.reset();  // its end was dropped
        bool is_wanted = !HasWanted<std::remove_cvref_t<F>>;
        const auto block = block_of(frame, [&](std::uint32_t metric, std::string_view name) {
            std::string& known = lane.names[metric];
            if (known != name) known = name;
            if constexpr (HasWanted<std::remove_cvref_t<F>>) is_wanted = is_wanted || name == f.wanted;
        });
        if (!is_wanted) return;  // a frame brings the names of all that is in it
        const bool is_whole = blocks_.read(block, [&](RecordKind kind, std::int64_t step,
                                                      std::int64_t time_ns, const std::vector<Cell>& cells) {
            hand_on({kind, frame.ring, step, time_ns, {}}, lane, cells, report, f);
        });
        if (!is_whole) ++report.damaged;
    }

  private:
    /// The first records of a row that goes on in the next one; owns what it refers to.
    struct Begun {
        RecordKind kind{};
        std::int64_t step = 0, time_ns = 0;
        std::vector<Deferred<Cell, T>> cells{};
        std::forward_list<Deferred<std::string, T>> texts{};
    };
    /// Each thread defines a name in its own ring before it uses it, so every ring has numbers of its own.
    struct Lane {
        std::map<std::uint32_t, Deferred<std::string, T>> names{};
        std::optional<Begun> begun{};
    };

    static void keep_name(Lane& lane, std::span<const std::byte> body, HistoryReport& report) {
        std::uint32_t id = 0;
        std::string_view name;
        if (!read_name(body, id, name)) {
            ++report.damaged;
            return;
        }
        lane.names.insert_or_assign(id, std::string{name});
    }

    template <class F>
    void take_record(std::uint32_t ring, Lane& lane, const RecordReader::Record& record,
                     HistoryReport& report, F&& f) {
        cells_.clear();
        StoredRow row{record.kind, ring, 0, 0, {}};
        if (!read_row(record.body, row.step, row.time_ns, cells_)) ++report.damaged;
        const bool continues = (record.flags & row_continues) != 0;
        const bool is_continued = (record.flags & row_is_continued) != 0;
        // What lacks its beginning or its end was dropped, and counted, by its writer; or lies in a gap.
        if (!is_continued || (lane.begun && !belong_together(*lane.begun, row))) lane.begun.reset();
        if (!continues && !is_continued) return hand_on(row, lane, cells_, report, f);
        if (!is_continued) lane.begun.emplace(Begun{row.kind, row.step, row.time_ns});
        if (!lane.begun) return;
        Begun& begun = *lane.begun;
        for (Cell cell : cells_) {
            if (continues && cell.value.is_text())
                cell.value = Value{begun.texts.emplace_front(cell.value.text())};
            begun.cells.push_back(cell);
        }
        if (continues) return;
        hand_on({begun.kind, ring, begun.step, begun.time_ns, {}}, lane, begun.cells, report, f);
        lane.begun.reset();
    }

    [[nodiscard]] static bool belong_together(const Begun& begun, const StoredRow& row) noexcept {
        return begun.kind == row.kind && begun.step == row.step && begun.time_ns == row.time_ns;
    }
    template <class F>
    void hand_on(StoredRow row, const Lane& lane, const std::vector<Cell>& cells, HistoryReport& report,
                 F&& f) {
        values_.clear();
        for (const Cell& cell : cells) {
            const auto name = lane.names.find(cell.metric);
            if (name != lane.names.end()) values_.push_back({name->second, cell.value});
        }
        row.values = {values_.data(), values_.size()};
        if (row.kind == RecordKind::row) ++report.rows;
        if constexpr (std::is_invocable_v<F&, const StoredRow&>) {
            f(row);
        } else if (row.kind == RecordKind::row) {
            f(row.step, row.time_ns, row.values);
        }
    }

    std::map<std::uint32_t, Lane> lanes_;
    std::vector<Deferred<Cell, T>> cells_;
    std::vector<Deferred<NamedValue, T>> values_;
    BasicBlockReader<T> blocks_;
};
using RowAssembler = BasicRowAssembler<>;

}  // namespace CAIRN_NAMESPACE::detail
