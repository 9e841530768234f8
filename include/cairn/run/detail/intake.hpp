// SPDX-License-Identifier: MIT
#pragma once
// What the collector has seen of one ring and has not written yet. The rows stay in the ring until they are
// in the history, so none is lost with the process; meanwhile they are summed up and sorted into columns,
// because many rows together take few bytes each.

#include <cairn/core/deferred.hpp>
#include <cairn/run/detail/metric_board.hpp>
#include <cairn/store/byte_stream.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/packed_frame.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/ring.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Turns the stretches of one ring into frames: of packed rows; or of records as they lie in the ring, where
/// a row has several and not all of them are there, or where there is no time to pack. Threads: one at a
/// time.
template <class T = void>
class BasicIntake {
  public:
    /// A frame has this many rows, or is made of this much.
    static constexpr std::size_t frame_rows = 1024;
    static constexpr std::uint64_t frame_bytes = ring_capacity / 4;
    /// Of fewer bytes each row is taken by itself: they are few.
    static constexpr std::size_t worth_together = 512;
    /// Rows of so many cells have few values of a metric in a frame: packing takes several times what keeping
    /// them as they are does.
    static constexpr std::size_t wide = 256;
    /// And no more names than this: what a frame may have is far above it, by more than one record's names.
    static constexpr std::uint64_t frame_name_bytes = max_frame_bytes / 2;

    /// Sees what the ring has, up to a frame's worth. Returns how many rows that were. `is_pressed`: somebody
    /// waits for the room; then wide rows are not packed. After an exception (no memory) `restart`.
    template <class Rings>
    std::uint64_t look(const Rings& ring, BasicMetricBoard<T>& board, bool is_pressed = false) {
        const std::uint64_t before = summed_rows_;
        fewest_kept_ = is_pressed ? wide : std::numeric_limits<std::size_t>::max();
        while (!is_full()) {
            const Ring::Readable piece = ring.readable(seen_);
            if (piece.bytes.empty()) break;
            seen_ = piece.from;  // there may be a hole before it
            if (!take(piece, board)) break;
        }
        return summed_rows_ - before;
    }
    /// Forgets what was seen and is not written; it is seen once more, but not summed up again.
    void restart() noexcept {
        block_.clear();
        forget();
        seen_ = from_;
    }

    /// How much of the ring was seen and is not released.
    [[nodiscard]] std::uint64_t waiting() const noexcept { return seen_ - from_; }
    /// Whether it is time to write.
    [[nodiscard]] bool is_full() const noexcept {
        return is_closed_ || block_.rows() >= frame_rows || bytes_ >= frame_bytes ||
               name_bytes_ >= frame_name_bytes;
    }

    /// Rows that were seen and are not written.
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

    /// What was seen, as a frame: the same one until it is `written`. After an exception `restart`.
    [[nodiscard]] Frame frame(std::uint32_t ring, const BasicMetricBoard<T>& board) {
        if (payload_.empty()) encode(board);
        is_closed_ = true;
        const FrameKind kind = records_.empty() ? FrameKind::packed : FrameKind::records;
        return {kind, ring, from_, seen_, payload_};
    }
    /// What the frame has of each metric that it names, until the next one is made; nothing of records.
    [[nodiscard]] const std::vector<std::pair<std::uint32_t, Deferred<SeriesNode, T>>>&
    nodes() const noexcept {
        return nodes_;
    }
    /// The frame is in the history. Returns up to where the ring can be released.
    std::uint64_t written() noexcept {
        forget();
        return from_ = seen_;
    }

  private:
    void forget() noexcept {
        payload_.clear();
        records_.clear();
        named_.clear();
        is_closed_ = false;
        rows_ = bytes_ = name_bytes_ = 0;
    }

    /// False if the frame has to be written before the rest is taken.
    bool take(const Ring::Readable& piece, BasicMetricBoard<T>& board) {
        while (!is_full()) {
            const auto rest = piece.bytes.subspan(static_cast<std::size_t>(seen_ - piece.from));
            if (rest.size() >= worth_together && block_.last_cells() < fewest_kept_ &&
                take_alike(rest, board))
                continue;
            RecordReader reader{rest};
            RecordReader::Record record;
            const bool is_record = reader.next(record);
            std::size_t size = rest.size() - reader.left();
            if (is_record && record.kind == RecordKind::name) {
                take_name(record.body, board);
            } else if (is_record && record.kind != RecordKind::padding) {
                if (!take_row(record, rest, size, board)) return false;
                bytes_ += size;
            } else if (reader.damaged()) {
                // Something wrote over the ring. It is kept as it is, so that the history says so.
                if (!begin_records()) return false;
                keep(rest);
            } else if (!is_record) {
                break;
            }
            seen_ += size;
        }
        return true;
    }
    /// Takes the rows that are like the one before, all together, up to a frame's worth. False if there is
    /// none.
    bool take_alike(std::span<const std::byte> records, BasicMetricBoard<T>& board) {
        if (!records_.empty()) return false;
        const auto room = static_cast<std::size_t>(frame_bytes - bytes_);
        const AlikeRows rows =
            block_.add_alike(records.first(std::min(records.size(), room)), frame_rows - block_.rows());
        if (rows.size() == 0) return false;
        bytes_ += rows.bytes.size();
        seen_ += rows.bytes.size();
        if (!has_series(rows.kind)) return true;
        const bool is_sample = rows.kind == RecordKind::sample;
        if (!is_sample) rows_ += rows.size();
        if (seen_ <= summed_to_) return true;
        const auto to_sum = static_cast<std::size_t>(seen_ - summed_to_) + rows.row_bytes() - 1;
        std::size_t row = rows.size() - std::min(to_sum / rows.row_bytes(), rows.size());
        summed_to_ = seen_;
        if (!is_sample) summed_rows_ += rows.size() - row;
        for (; row < rows.size(); ++row) {
            if (!is_sample) board.saw(rows.step(row));
            for (std::size_t i = 0; i < rows.cells; ++i)
                board.add(rows.kind, rows.metric(i), rows.step(row), rows.value(row, i));
        }
        return true;
    }
    void take_name(std::span<const std::byte> body, BasicMetricBoard<T>& board) {
        std::uint32_t metric = 0;
        std::string_view name;
        if (!read_name(body, metric, name)) return;
        board.name(metric, name);
        need_name(metric, board);
    }
    /// Takes the row that `rest` begins with, whose first record has `size`; that becomes the size of what it
    /// took.
    bool take_row(const RecordReader::Record& record, std::span<const std::byte> rest, std::size_t& size,
                  BasicMetricBoard<T>& board) {
        std::int64_t step = 0, time_ns = 0;
        const std::size_t whole = read_whole(rest, step, time_ns, board);
        size = std::max(size, whole);
        if (whole == 0) [[unlikely]] {  // its first record, then
            cells_.clear();
            (void)read_row(record.body, step, time_ns, cells_);
        }
        if (whole != 0 && cells_.size() < fewest_kept_) [[likely]] {
            is_closed_ = !records_.empty() || !block_.has_room(cells_.size());
            if (is_closed_) return false;
            if (block_.add(record.kind, step, time_ns, cells_)) need_names(board);
        } else {
            if (!begin_records()) return false;
            need_names(board);
            keep(rest.first(size));
        }
        if (!has_series(record.kind)) return true;
        const bool is_sample = record.kind == RecordKind::sample;
        // A row counts at its end.
        const std::uint64_t row = !is_sample && (whole != 0 || (record.flags & row_continues) == 0);
        rows_ += row;
        if (const std::uint64_t end = seen_ + size; end > summed_to_) {
            summed_to_ = end;
            summed_rows_ += row;
            if (!is_sample) board.saw(step);
            for (const Cell& cell : cells_) board.add(record.kind, cell.metric, step, cell.value);
        }
        return true;
    }
    /// Reads the row that `records` begin with, in as many of them as it has. Returns their bytes; 0 if it is
    /// damaged, if not all of it is there, if a part was summed up without the rest, or if it is too large
    /// for a frame.
    std::size_t read_whole(std::span<const std::byte> records, std::int64_t& step, std::int64_t& time_ns,
                           const BasicMetricBoard<T>& board) {
        cells_.clear();
        RecordReader reader{records};
        RecordReader::Record part;
        RecordKind kind{};
        std::uint8_t expected = 0;
        while (reader.next(part)) {
            std::int64_t of_step = 0, of_time_ns = 0;
            if ((part.flags & row_is_continued) != expected ||
                !read_row(part.body, of_step, of_time_ns, cells_))
                return 0;
            const std::size_t size = records.size() - reader.left();
            if (expected == 0) {
                step = of_step, time_ns = of_time_ns, kind = part.kind;
            } else if (of_step != step || of_time_ns != time_ns || part.kind != kind || size > frame_bytes) {
                return 0;
            }
            if ((part.flags & row_continues) == 0) {
                const bool is_one = expected == 0 || is_one_for_frame(size, board);
                return is_one ? size : 0;
            }
            expected = row_is_continued;
        }
        return 0;
    }
    CAIRN_COLD bool is_one_for_frame(std::size_t size, const BasicMetricBoard<T>& board) const {
        if (summed_to_ > seen_ && summed_to_ < seen_ + size) return false;
        std::uint64_t names = 0;
        for (const Cell& cell : cells_) names += name_record_size(board.name_of(cell.metric));
        return names <= frame_name_bytes / 2;
    }
    CAIRN_COLD void need_names(const BasicMetricBoard<T>& board) {
        for (const Cell& cell : cells_) need_name(cell.metric, board);
    }
    void need_name(std::uint32_t metric, const BasicMetricBoard<T>& board) {
        named_.push_back(metric);
        name_bytes_ += name_record_size(board.name_of(metric));
    }
    /// A frame has packed rows or records, never both.
    bool begin_records() noexcept {
        is_closed_ = block_.rows() != 0;
        return !is_closed_;
    }
    CAIRN_COLD void keep(std::span<const std::byte> records) {
        records_.insert(records_.end(), records.begin(), records.end());
    }

    void encode(const BasicMetricBoard<T>& board) {
        nodes_.clear();
        std::sort(named_.begin(), named_.end());
        named_.erase(std::unique(named_.begin(), named_.end()), named_.end());
        if (!records_.empty()) {
            for (const std::uint32_t metric : named_) {
                const std::size_t at = payload_.size();
                payload_.resize(at + name_record_size(board.name_of(metric)));
                put_name(payload_.data() + at, metric, board.name_of(metric));
            }
            payload_.insert(payload_.end(), records_.begin(), records_.end());
            return;
        }
        for (const std::uint32_t metric : named_) nodes_.emplace_back(metric, SeriesNode{});
        block_.summarize([&, at = nodes_.begin()](std::uint32_t metric, const SeriesNode& node) mutable {
            while (at->first != metric) ++at;  // both are in the order of their numbers
            at->second = node;
        });
        packed_.clear();
        block_.write(packed_);
        ByteWriter out{payload_};
        out.varint(named_.size());
        names_.restart();
        for (const std::uint32_t metric : named_) names_.put(out, metric, board.name_of(metric));
        out.varint(packed_.size());
        payload_.insert(payload_.end(), packed_.begin(), packed_.end());
    }

    BasicBlockWriter<T> block_;
    std::vector<std::byte> records_;    // instead of a block
    std::vector<std::uint32_t> named_;  // the metrics whose names the frame needs
    std::vector<std::pair<std::uint32_t, Deferred<SeriesNode, T>>> nodes_;
    std::vector<std::byte> payload_, packed_;
    BasicNameWriter<T> names_;
    std::vector<Deferred<Cell, T>> cells_;
    std::uint64_t from_ = 0, seen_ = 0;
    std::uint64_t rows_ = 0, bytes_ = 0;  // seen, without padding
    std::uint64_t name_bytes_ = 0;
    std::uint64_t summed_to_ = 0, summed_rows_ = 0;
    std::size_t fewest_kept_ = 0;  // a row of so many cells is kept as it lies in the ring
    bool is_closed_ = false;       // nothing is added to the frame any more
};
using Intake = BasicIntake<>;

}  // namespace CAIRN_NAMESPACE::detail
