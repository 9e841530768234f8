// SPDX-License-Identifier: MIT
#pragma once
// Rows column by column: what was logged with the same metrics stands together, so that each column is packed
// well. The order of the rows is kept.
//
//   block   varint rows · if there are any: integers steps · integers times in ms · varint groups
//           · integers groups of the rows, if there are several · groups
//   group   u8 record kind · varint cells · cells × (varint metric id · u8 value kind) · cells × column
//   column  numbers; or integers, also for true and false; or integers lengths · the texts
//
// `integers` and `numbers` are of packed.hpp.

#include <cairn/core/deferred.hpp>
#include <cairn/core/value.hpp>
#include <cairn/store/alike_rows.hpp>
#include <cairn/store/byte_stream.hpp>
#include <cairn/store/packed.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// A block has no more rows and no more cells than this: a hostile one must not make us allocate.
inline constexpr std::size_t max_block_rows = BasicPacker<>::most;
inline constexpr std::size_t max_block_cells = 4 * max_block_rows;

/// What the rows of a group have in common: each cell's metric and the kind of its value.
using RowShape = std::vector<std::pair<std::uint32_t, Value::Kind>>;

/// The values of one metric in the rows of a group.
struct BlockColumn {
    std::vector<double> numbers{};
    std::vector<std::int64_t> integers{};  ///< whole numbers; or the lengths of texts
    std::string text{};
};

/// A value of a column that is no text, as a number.
template <class Column>
[[nodiscard]] double number_in(const Column& column, Value::Kind kind, std::size_t row) {
    if (kind == Value::Kind::number) return column.numbers[row];
    return Value::from_integer_bits(kind, static_cast<std::uint64_t>(column.integers[row])).number();
}

/// Collects rows and writes them as a block; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicBlockWriter {
    using Integers = std::vector<Deferred<std::int64_t, T>>;
    using Shape = Deferred<RowShape, T>;
    using Column = Deferred<BlockColumn, T>;
    using Cells = std::vector<Deferred<Cell, T>>;
    using Node = Deferred<SeriesNode, T>;

  public:
    [[nodiscard]] std::size_t rows() const noexcept { return steps_.size(); }
    /// Whether another row of so many cells fits.
    [[nodiscard]] bool has_room(std::size_t cells) const noexcept {
        return rows() < max_block_rows && cells_ + cells <= max_block_cells;
    }

    /// Takes a row for which there is room. True if it is the first with just these metrics. After an
    /// exception `clear`.
    bool add(RecordKind kind, std::int64_t step, std::int64_t time_ns, const Cells& cells) {
        const std::size_t groups = groups_.size();
        repeats_ = last_ < groups && groups_[last_].takes(kind, cells);
        if (!repeats_) last_ = find_group(kind, cells);
        Group& group = groups_[last_];
        count_rows(1, cells.size());
        steps_.push_back(step);
        times_.push_back(time_ns / ns_per_ms);
        for (std::size_t i = 0; i < cells.size(); ++i) put_value(group.columns[i], cells[i].value);
        return groups_.size() != groups;
    }
    /// Takes the rows that `records` begins with and that are like the row before, without a text, if that
    /// was like the one before it; as many as there is room for, `most` at the most. That is what most rows
    /// are, and half of what `add` takes. After an exception `clear`.
    AlikeRows add_alike(std::span<const std::byte> records, std::size_t most) {
        if (!repeats_ || groups_[last_].has_text) return {};
        Group& group = groups_[last_];
        const std::size_t cells = group.heads.size();
        most = std::min(
            {most, max_block_rows - rows(), (max_block_cells - cells_) / std::max<std::size_t>(cells, 1)});
        const AlikeRows taken = alike_rows(records, group.kind, group.heads, most);
        if (taken.size() == 0) return taken;
        count_rows(taken.size(), cells);
        fill(steps_, taken.size(), [&](std::size_t row) { return taken.step(row); });
        fill(times_, taken.size(), [&](std::size_t row) { return taken.time_ns(row) / ns_per_ms; });
        for (std::size_t i = 0; i < cells; ++i) {
            Column& column = group.columns[i];
            const auto bits = [&](std::size_t row) { return taken.bits(row, i); };
            if (group.shape[i].second == Value::Kind::number) {
                fill(column.numbers, taken.size(), bits);
            } else {
                fill(column.integers, taken.size(), bits);
            }
        }
        return taken;
    }

    /// How many cells the row has that was added last; 0 of none.
    [[nodiscard]] std::size_t last_cells() const noexcept {
        return groups_.empty() ? 0 : groups_[last_].heads.size();
    }

    /// What it has of each metric that is a number: calls `f(metric, SeriesNode)`, in the order of their
    /// numbers. Not of events.
    template <class F>
    void summarize(F&& f) const {
        struct Kept {
            Node node{};
            std::size_t columns = 0;  // that have the metric
        };
        std::map<std::uint32_t, Kept> metrics;  // its values stay where they are
        std::vector<std::vector<Kept*>> of_column(groups_.size());
        std::size_t left = 0;  // columns
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            for (const auto& [metric, kind] : groups_[i].shape) {
                const bool counts = has_series(groups_[i].kind) && kind != Value::Kind::text;
                Kept* const kept = counts ? &metrics[metric] : nullptr;
                of_column[i].push_back(kept);
                if (kept != nullptr) ++kept->columns, ++left;
            }
        }
        // Mostly all rows are alike, and a metric's values are one column: a sixth of what row by row costs.
        for (std::size_t i = 0; groups_.size() == 1 && i < of_column[0].size(); ++i) {
            Kept*& kept = of_column[0][i];
            if (kept == nullptr || kept->columns != 1 || groups_[0].shape[i].second != Value::Kind::number)
                continue;
            kept->node.add(SeriesValues{steps_, times_, groups_[0].columns[i].numbers}, 0, rows());
            kept = nullptr;
            --left;
        }
        std::vector<std::size_t> next(groups_.size());
        for (std::size_t row = 0; left != 0 && row < rows(); ++row) {
            const std::size_t of = of_row_.empty() ? 0 : static_cast<std::size_t>(of_row_[row]);
            const Group& group = groups_[of];
            const std::size_t at = next[of]++;
            for (std::size_t i = 0; i < group.shape.size(); ++i) {
                if (Kept* const kept = of_column[of][i])
                    kept->node.add(steps_[row], times_[row],
                                   number_in(group.columns[i], group.shape[i].second, at));
            }
        }
        for (const auto& [metric, kept] : metrics) f(metric, kept.node);
    }

    /// Forgets the rows.
    void clear() noexcept {
        groups_.clear();
        known_.clear();
        repeats_ = false;
        steps_.clear();
        times_.clear();
        of_row_.clear();
        cells_ = 0;
    }

    /// Appends the block and forgets its rows.
    void write(std::vector<std::byte>& to) {
        ByteWriter out{to};
        out.varint(rows());
        if (rows() != 0) {
            packer_.pack(std::span<const Deferred<std::int64_t, T>>{steps_}, to);
            packer_.pack(std::span<const Deferred<std::int64_t, T>>{times_}, to);
            out.varint(groups_.size());
            if (groups_.size() > 1) packer_.pack(std::span<const Deferred<std::int64_t, T>>{of_row_}, to);
            for (const Group& group : groups_) write_group(group, to);
        }
        clear();
    }

  private:
    struct Group {
        RecordKind kind{};
        Shape shape{};
        std::vector<Column> columns{};
        std::vector<std::uint64_t> heads{};  // of its cells
        bool has_text = false;

        [[nodiscard]] bool takes(RecordKind of, const Cells& cells) const noexcept {
            if (of != kind || cells.size() != shape.size()) return false;
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (cells[i].metric != shape[i].first || cells[i].value.kind() != shape[i].second)
                    return false;
            }
            return true;
        }
    };

    [[nodiscard]] CAIRN_COLD std::size_t find_group(RecordKind kind, const Cells& cells) {
        Shape shape;
        for (const Cell& cell : cells) shape.emplace_back(cell.metric, cell.value.kind());
        const auto [at, is_new] = known_.try_emplace({kind, shape}, groups_.size());
        if (!is_new) return at->second;
        Group& group = groups_.emplace_back();
        group.kind = kind;
        group.columns.resize(cells.size());
        for (const auto& [metric, of] : shape) {
            group.heads.push_back(cell_head(metric, of));
            group.has_text = group.has_text || of == Value::Kind::text;
        }
        group.shape = std::move(shape);
        return at->second;
    }
    /// Of so many rows of the group at hand, before they are put in.
    void count_rows(std::size_t count, std::size_t cells) {
        // Mostly there is one group, and nothing to say of a row.
        if (groups_.size() > 1) {
            of_row_.resize(rows());
            for (std::size_t i = 0; i < count; ++i) of_row_.push_back(static_cast<std::int64_t>(last_));
        }
        cells_ += count * cells;
    }
    template <class V, class F>
    static void fill(std::vector<V>& column, std::size_t rows, F&& value) {
        const std::size_t before = column.size();
        column.resize(before + rows);
        V* to = column.data() + before;
        for (std::size_t row = 0; row < rows; ++row) to[row] = std::bit_cast<V>(value(row));
    }
    static void put_value(Column& column, const Value& value) {
        switch (value.kind()) {
            case Value::Kind::number: column.numbers.push_back(value.number()); break;
            case Value::Kind::text:
                column.integers.push_back(static_cast<std::int64_t>(value.text().size()));
                column.text += value.text();
                break;
            default: column.integers.push_back(static_cast<std::int64_t>(value.bits()));
        }
    }
    void write_group(const Group& group, std::vector<std::byte>& to) {
        ByteWriter out{to};
        out.byte(static_cast<std::uint64_t>(group.kind));
        out.varint(group.shape.size());
        for (const auto& [metric, kind] : group.shape) {
            out.varint(metric);
            out.byte(static_cast<std::uint64_t>(kind));
        }
        for (std::size_t i = 0; i < group.shape.size(); ++i) {
            const Column& column = group.columns[i];
            if (group.shape[i].second == Value::Kind::number) {
                packer_.pack(std::span<const Deferred<double, T>>{column.numbers}, to);
            } else {
                packer_.pack(std::span<const Deferred<std::int64_t, T>>{column.integers}, to);
                out.text(column.text);
            }
        }
    }

    BasicPacker<T> packer_;
    Integers steps_, times_, of_row_;
    std::vector<Group> groups_;
    std::map<std::pair<RecordKind, Shape>, std::size_t> known_;
    std::size_t last_ = 0, cells_ = 0;
    bool repeats_ = false;  // the last row had the group of the one before
};
using BlockWriter = BasicBlockWriter<>;

/// Reads blocks; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicBlockReader {
    using Integers = std::vector<Deferred<std::int64_t, T>>;
    using Numbers = std::vector<Deferred<double, T>>;
    using Reader = Deferred<ByteReader, T>;

  public:
    /// Calls `f(kind, step, time_ns, const std::vector<Cell>&)` for each row, in their order; texts point
    /// into `block`. False, before any call, if the bytes are damaged.
    template <class F>
    [[nodiscard]] bool read(std::span<const std::byte> block, F&& f) {
        if (!decode(block, [](const auto&...) { return false; })) return false;
        for (std::size_t row = 0; row < steps_.size(); ++row) {
            Group& group = group_of(row);
            cells_.clear();
            for (Column& column : group.columns) cells_.push_back({column.metric, next(column, group.row)});
            ++group.row;
            f(group.kind, steps_[row], times_[row] * ns_per_ms, std::as_const(cells_));
        }
        return true;
    }

  protected:
    struct Column {
        std::uint32_t metric = 0;
        Value::Kind kind{};
        Numbers numbers{};
        Integers integers{};
        std::string_view text{};
    };
    struct Group {
        RecordKind kind{};
        std::size_t rows = 0, row = 0;
        std::vector<Column> columns{};
    };

    /// Reads the columns, but those that `pass_over(from, column, rows)` has passed over.
    template <class PassOver>
    [[nodiscard]] bool decode(std::span<const std::byte> block, PassOver&& pass_over) {
        Reader from{block};
        const std::uint64_t rows = from.varint();
        if (rows > max_block_rows) return false;
        for (auto* column : {&steps_, &times_}) column->resize(static_cast<std::size_t>(rows));
        of_row_.clear();
        if (rows == 0) {
            groups_.clear();  // of the block before
            return from.ok() && from.rest().empty();
        }
        if (!unpack(from, std::span{steps_}) || !unpack(from, std::span{times_})) return false;
        if (!are_times(times_)) return false;
        const std::uint64_t groups = from.varint();
        if (groups == 0 || groups > rows) return false;
        if (groups > 1) {
            of_row_.resize(steps_.size());
            if (!unpack(from, std::span{of_row_})) return false;
        }
        groups_.resize(static_cast<std::size_t>(groups));
        for (Group& group : groups_) group.rows = group.row = 0;
        if (groups == 1) groups_[0].rows = steps_.size();
        for (const std::int64_t of : of_row_) {
            const auto group = static_cast<std::uint64_t>(of);
            if (group >= groups) return false;
            ++groups_[static_cast<std::size_t>(group)].rows;
        }
        std::size_t room = max_block_cells;
        for (Group& group : groups_) {
            if (!decode_group(from, group, room, pass_over)) return false;
        }
        return from.ok() && from.rest().empty();
    }

    template <class PassOver>
    [[nodiscard]] bool decode_group(Reader& from, Group& group, std::size_t& room, PassOver&& pass_over) {
        const std::uint64_t kind = from.byte(), cells = from.varint();
        group.kind = static_cast<RecordKind>(kind);
        if (!has_series(group.kind) && group.kind != RecordKind::event) return false;
        if (group.rows == 0 || cells > room / group.rows) return false;
        room -= static_cast<std::size_t>(cells) * group.rows;
        group.columns.resize(static_cast<std::size_t>(cells));
        for (Column& column : group.columns) {
            column.metric = static_cast<std::uint32_t>(from.varint());
            const std::uint64_t of = from.byte();
            column.kind = static_cast<Value::Kind>(of);
            if (of > static_cast<std::uint64_t>(Value::Kind::text) || column.kind == Value::Kind::none)
                return false;
        }
        for (Column& column : group.columns) {
            if (pass_over(from, column, group.rows)) continue;
            if (column.kind == Value::Kind::number) {
                column.numbers.resize(group.rows);
                if (!unpack(from, column.numbers, scratch_)) return false;
                continue;
            }
            column.integers.resize(group.rows);
            if (!unpack(from, std::span{column.integers})) return false;
            if (column.kind == Value::Kind::text && !decode_text(from, column)) return false;
        }
        return true;
    }
    [[nodiscard]] static bool decode_text(Reader& from, Column& column) {
        std::uint64_t bytes = 0;
        for (const std::int64_t length : column.integers) {
            if (length < 0 || static_cast<std::uint64_t>(length) > from.rest().size() - bytes) return false;
            bytes += static_cast<std::uint64_t>(length);
        }
        const auto text = from.bytes(static_cast<std::size_t>(bytes));
        column.text = {reinterpret_cast<const char*>(text.data()), text.size()};
        return true;
    }

    [[nodiscard]] static bool are_times(const Integers& ms) noexcept {
        // Within 2^43 ms, as they are till the year 2248: a question that is put to several at once.
        std::uint64_t bits = 0;
        for (const std::int64_t at : ms) bits |= static_cast<std::uint64_t>(at) + (std::uint64_t{1} << 43U);
        return bits >> 44U == 0 || std::all_of(ms.begin(), ms.end(), [](std::int64_t at) {
                   return at >= -most_ms && at <= most_ms;
               });
    }
    [[nodiscard]] Group& group_of(std::size_t row) noexcept {
        return groups_[of_row_.empty() ? 0 : static_cast<std::size_t>(of_row_[row])];
    }
    [[nodiscard]] static Value next(Column& column, std::size_t row) noexcept {
        switch (column.kind) {
            case Value::Kind::number: return Value{column.numbers[row]};
            case Value::Kind::text: {
                const auto size = static_cast<std::size_t>(column.integers[row]);
                const std::string_view text = column.text.substr(0, size);
                column.text.remove_prefix(size);
                return Value{text};
            }
            default:
                return Value::from_integer_bits(column.kind,
                                                static_cast<std::uint64_t>(column.integers[row]));
        }
    }

    Integers steps_, times_, scratch_;
    Integers of_row_;  // the groups of the rows, if there are several
    std::vector<Group> groups_;
    std::vector<Deferred<Cell, T>> cells_;
};
using BlockReader = BasicBlockReader<>;

}  // namespace CAIRN_NAMESPACE::detail
