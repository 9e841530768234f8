// SPDX-License-Identifier: MIT
#pragma once
// One metric out of a block of rows, read without the other columns.

#include <cairn/store/packed.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Passes over a column of `count` integers. False if the bytes are damaged.
template <class = void>
[[nodiscard]] bool skip_integers(ByteReader& from, std::size_t count) noexcept {
    const std::uint64_t order = from.byte(), bits = from.byte(), exceptions = from.varint();
    if (!from.ok() || order > 2 || order > count || bits > 64 || exceptions > count) return false;
    for (std::uint64_t varints = order + 1 + 2 * exceptions; varints > 0; --varints) (void)from.varint();
    (void)from.bytes(static_cast<std::size_t>(((count - order) * bits + 7) / 8));
    return from.ok();
}
/// The same for numbers.
template <class = void>
[[nodiscard]] bool skip_numbers(ByteReader& from, std::size_t count) noexcept {
    const bool is_decimal = from.byte() == static_cast<std::uint64_t>(Form::decimal);
    if (is_decimal) (void)from.byte();
    if (!skip_integers(from, count)) return false;
    if (!is_decimal) return true;
    for (std::uint64_t left = from.varint(); left > 0 && from.ok(); --left) {
        (void)from.varint();
        (void)from.bytes(8);
    }
    return from.ok();
}

/// Reads blocks. Threads: one at a time. Keeps its memory from block to block.
template <class = void>
class BasicMetricReader : private BasicBlockReader<> {
  public:
    /// The values of one metric, in the order of the rows, without events and texts; reads no other column.
    /// What they point to is good until the next call. Nothing if the bytes are damaged.
    [[nodiscard]] std::optional<SeriesValues> read(std::span<const std::byte> block, std::uint32_t metric) {
        bool is_whole = true;
        const auto pass_over = [&](ByteReader& from, const Column& column, std::size_t rows) {
            if (column.metric == metric || column.kind == Value::Kind::text) return false;
            const bool is_number = column.kind == Value::Kind::number;
            is_whole = is_whole && (is_number ? skip_numbers(from, rows) : skip_integers(from, rows));
            return true;
        };
        if (!decode(block, pass_over) || !is_whole) return std::nullopt;
        // Mostly all rows are alike, and there is nothing to put together.
        if (groups_.size() == 1 && has_series(groups_[0].kind)) {
            const auto is_ours = [&](const Column& column) { return column.metric == metric; };
            const auto& columns = groups_[0].columns;
            const auto first = std::find_if(columns.begin(), columns.end(), is_ours);
            if (first != columns.end() && first->kind == Value::Kind::number &&
                std::none_of(first + 1, columns.end(), is_ours))
                return SeriesValues{steps_, times_, first->numbers};
        }
        for (auto* column : {&steps_of_, &ms_of_}) column->clear();
        numbers_of_.clear();
        for (std::size_t row = 0; row < steps_.size(); ++row) {
            Group& group = group_of(row);
            const std::size_t at = group.row++;
            if (!has_series(group.kind)) continue;
            for (const Column& column : group.columns) {
                if (column.metric != metric || column.kind == Value::Kind::text) continue;
                steps_of_.push_back(steps_[row]);
                ms_of_.push_back(times_[row]);
                numbers_of_.push_back(number_in(column, column.kind, at));
            }
        }
        return SeriesValues{steps_of_, ms_of_, numbers_of_};
    }

  private:
    std::vector<std::int64_t> steps_of_, ms_of_;
    std::vector<double> numbers_of_;
};
using MetricReader = BasicMetricReader<>;

}  // namespace CAIRN_NAMESPACE::detail
