// SPDX-License-Identifier: MIT
#pragma once
// The history: all rows of a run, append-only. A file header, then frames; each frame is a stretch of one
// ring with its length and CRC-32C, so a torn tail is cut, and a fold of the rings counts no row twice.
// Readable while it is written.
//
//   file   "CAIRNHST" · u32 version · u32 0
//   frame  u32 "FRAM" · u32 payload bytes · u32 CRC-32C of what follows it · u32 ring · u64 from · u64 to
//          · payload
//
// Little-endian; the payload is records (record.hpp), `from` and `to` are the ring's positions.

#include <cairn/core/bytes.hpp>
#include <cairn/core/crc32c.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/ring.hpp>
#include <cairn/store/ring_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <forward_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* history_file = "history.cairn";
inline constexpr std::string_view history_magic = "CAIRNHST";
inline constexpr std::uint32_t history_version = 1;
inline constexpr std::size_t history_header_bytes = 16;
inline constexpr std::uint64_t max_history_bytes = std::uint64_t{1} << 40U;
inline constexpr std::uint32_t frame_magic = 0x4d415246;  // "FRAM"
inline constexpr std::size_t frame_header_bytes = 32;

struct Frame {
    std::uint32_t ring = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::span<const std::byte> payload;
};

/// Walks the frames of a history that may be torn or damaged. After damage it goes on at the next whole
/// frame.
template <class = void>
class BasicFrameReader {
  public:
    explicit BasicFrameReader(std::span<const std::byte> file) noexcept : file_{file} {}

    bool next(Frame& frame) noexcept {
        while (at_ + frame_header_bytes <= file_.size()) {
            if (parse(frame)) {
                at_ += frame_header_bytes + frame.payload.size();
                if (skipping_) ++gaps_;
                skipping_ = false;
                end_ = at_;
                return true;
            }
            skipping_ = true;
            at_ += 8;  // frames are multiples of 8 bytes
        }
        return false;
    }

    /// Where the last whole frame ends: what follows is a torn tail.
    [[nodiscard]] std::size_t whole_bytes() const noexcept { return end_; }
    /// Damaged stretches between whole frames.
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_; }

  private:
    bool parse(Frame& frame) const noexcept {
        const std::byte* head = file_.data() + at_;
        if (get<std::uint32_t>(head) != frame_magic) return false;
        const std::size_t bytes = get<std::uint32_t>(head + 4);
        if (bytes % 8 != 0 || bytes > ring_capacity || bytes > file_.size() - at_ - frame_header_bytes)
            return false;
        if (crc32c(file_.subspan(at_ + 12, frame_header_bytes - 12 + bytes)) !=
            get<std::uint32_t>(head + 8)) {
            return false;
        }
        frame = {get<std::uint32_t>(head + 12), get<std::uint64_t>(head + 16), get<std::uint64_t>(head + 24),
                 file_.subspan(at_ + frame_header_bytes, bytes)};
        return true;
    }

    std::span<const std::byte> file_;
    std::size_t at_ = history_header_bytes;
    std::size_t end_ = history_header_bytes;
    std::size_t gaps_ = 0;
    bool skipping_ = false;
};
using FrameReader = BasicFrameReader<>;

/// Appends frames. A frame that cannot be written whole is taken back.
template <class = void>
class BasicHistoryWriter {
  public:
    /// Opens the history for appending after its first `whole_bytes`; 0 makes a new one.
    static result<BasicHistoryWriter> open(const std::filesystem::path& path, std::size_t whole_bytes) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicHistoryWriter writer{std::move(*file)};
        if (whole_bytes < history_header_bytes) {
            std::byte header[history_header_bytes] = {};
            std::memcpy(header, history_magic.data(), history_magic.size());
            put(header + history_magic.size(), history_version);
            if (auto written = writer.write_at(0, header); !written) return written.error();
            whole_bytes = history_header_bytes;
        }
        writer.end_ = whole_bytes;
        if (auto cut = writer.file_.truncate(whole_bytes); !cut) return cut.error();
        return writer;
    }

    /// Appends what lies in a ring from position `from` on.
    result<void> append(std::uint32_t ring, std::uint64_t from, std::span<const std::byte> records) {
        buffer_.resize(frame_header_bytes + records.size());
        std::byte* head = buffer_.data();
        put(head, frame_magic);
        put(head + 4, static_cast<std::uint32_t>(records.size()));
        put(head + 12, ring);
        put(head + 16, from);
        put(head + 24, from + records.size());
        std::memcpy(head + frame_header_bytes, records.data(), records.size());
        put(head + 8, crc32c(bytes_of(buffer_).subspan(12)));
        auto written = write_at(end_, buffer_);
        if (!written) {
            (void)file_.truncate(end_);  // if this fails too, readers skip the torn frame
            return written;
        }
        end_ += buffer_.size();
        return {};
    }

    /// Bytes of the file.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    result<void> sync() { return file_.sync(); }

  private:
    explicit BasicHistoryWriter(os::File file) : file_{std::move(file)} {}
    result<void> write_at(std::uint64_t at, std::span<const std::byte> bytes) {
        return file_.write_at(at, bytes);
    }

    os::File file_;
    std::uint64_t end_ = 0;
    std::vector<std::byte> buffer_;
};
using HistoryWriter = BasicHistoryWriter<>;

/// What is known after all rows of a run were read.
struct HistoryReport {
    std::size_t whole_bytes = 0;  ///< of the history file
    std::size_t torn_bytes = 0;   ///< after it
    std::size_t damaged = 0;      ///< stretches that could not be read
    std::uint64_t rows = 0;
    std::uint64_t folded = 0;                      ///< of these, rows that were still in a ring
    std::uint32_t next_ring = 0;                   ///< a number that no ring of this run has had
    std::map<std::uint32_t, std::string> names{};  ///< of the metrics, by their numbers
    std::vector<error> unread{};                   ///< for each ring that could not be read, why
};

/// A row or an event as it is read back; refers to what is gone after the call that it is handed to.
struct StoredRow {
    RecordKind kind = RecordKind::row;
    std::uint32_t ring = 0;  ///< each thread writes to one of its own
    std::int64_t step = 0, time_ns = 0;
    std::span<const NamedValue> values;
};

/// Turns records into rows and events: keeps the names, joins what continues.
template <class = void>
class BasicRowAssembler {
  public:
    /// Calls `f(StoredRow)` for each row and event in `records`, which lie in `ring`; or, if that is what it
    /// takes, `f(step, time_ns, std::span<const NamedValue>)` for each row.
    template <class F>
    void feed(std::uint32_t ring, std::span<const std::byte> records, HistoryReport& report, F&& f) {
        RecordReader reader{records};
        for (RecordReader::Record record; reader.next(record);) {
            if (record.kind == RecordKind::name) {
                keep_name(record.body, report);
            } else if (record.kind != RecordKind::padding) {
                take_row(ring, record, report, f);
            }
        }
        if (reader.damaged()) ++report.damaged;
    }

  private:
    /// The first records of a row that goes on in the next one; owns what it refers to.
    struct Begun {
        RecordKind kind{};
        std::int64_t step = 0, time_ns = 0;
        std::vector<Cell> cells{};
        std::forward_list<std::string> texts{};
    };

    static void keep_name(std::span<const std::byte> body, HistoryReport& report) {
        std::uint32_t id = 0;
        std::string_view name;
        if (!read_name(body, id, name)) {
            ++report.damaged;
            return;
        }
        report.names.insert_or_assign(id, std::string{name});
    }

    template <class F>
    void take_row(std::uint32_t ring, const RecordReader::Record& record, HistoryReport& report, F&& f) {
        cells_.clear();
        StoredRow row{record.kind, ring, 0, 0, {}};
        if (!read_row(record.body, row.step, row.time_ns, [&](const Cell& cell) { cells_.push_back(cell); }))
            ++report.damaged;
        auto begun = begun_.find(ring);
        if (begun != begun_.end() && !belong_together(begun->second, row)) {
            end(ring, begun->second, report, f);  // its end was dropped
            begun_.erase(begun);
            begun = begun_.end();
        }
        if ((record.flags & row_continues) != 0) {
            if (begun == begun_.end())
                begun = begun_.emplace(ring, Begun{row.kind, row.step, row.time_ns}).first;
            for (Cell cell : cells_) {
                if (cell.value.is_text())
                    cell.value = Value{begun->second.texts.emplace_front(cell.value.text())};
                begun->second.cells.push_back(cell);
            }
            return;
        }
        if (begun == begun_.end()) {
            emit(row, cells_, report, f);
            return;
        }
        begun->second.cells.insert(begun->second.cells.end(), cells_.begin(), cells_.end());
        end(ring, begun->second, report, f);
        begun_.erase(begun);
    }

    [[nodiscard]] static bool belong_together(const Begun& begun, const StoredRow& row) noexcept {
        return begun.kind == row.kind && begun.step == row.step && begun.time_ns == row.time_ns;
    }
    template <class F>
    void end(std::uint32_t ring, const Begun& begun, HistoryReport& report, F&& f) {
        emit({begun.kind, ring, begun.step, begun.time_ns, {}}, begun.cells, report, f);
    }
    template <class F>
    void emit(StoredRow row, const std::vector<Cell>& cells, HistoryReport& report, F&& f) {
        values_.clear();
        for (const Cell& cell : cells) {
            const auto name = report.names.find(cell.metric);
            if (name != report.names.end()) values_.push_back({name->second, cell.value});
        }
        row.values = std::span<const NamedValue>{values_};
        if (row.kind == RecordKind::row) ++report.rows;
        if constexpr (std::is_invocable_v<F&, const StoredRow&>) {
            f(row);
        } else if (row.kind == RecordKind::row) {
            f(row.step, row.time_ns, row.values);
        }
    }

    std::map<std::uint32_t, Begun> begun_;
    std::vector<Cell> cells_;
    std::vector<NamedValue> values_;
};
using RowAssembler = BasicRowAssembler<>;

/// Every row of a run once: the history, then what its rings still hold. Calls
/// `f(step, time_ns, std::span<const NamedValue>)`, or `f(StoredRow)` for events too, in the order of each
/// thread. Fails if the history is from
/// a newer version or cannot be read; a run without one has no rows. A ring that cannot be read is in the
/// report, beside the rows of all others. `rests`, if given, gets what only the rings hold.
template <class F>
result<HistoryReport> read_history(const std::filesystem::path& run_dir, F&& f,
                                   std::vector<RingRest>* rests = nullptr) {
    HistoryReport report;
    // Rings first: what leaves them while we read is in the history when we come to it.
    std::vector<RingRest> rings;
    const std::filesystem::path journal = run_dir / journal_folder;
    if (auto names = os::list_dir(journal)) {
        for (const std::string& name : *names) {
            const auto id = ring_of_file(name);
            if (!id) continue;
            report.next_ring = std::max(report.next_ring, *id + 1);
            if (name.ends_with(damaged_suffix)) continue;  // said when it was found
            auto rest = copy_ring(journal / name, *id);
            if (rest)
                rings.push_back(std::move(*rest));
            else
                report.unread.push_back(rest.error());
        }
    } else if (names.error().code() != errc::not_found) {
        report.unread.push_back(names.error());
    }
    RowAssembler assembler;
    std::map<std::uint32_t, std::uint64_t> done;  // ring -> position up to which its rows were seen
    const std::filesystem::path path = run_dir / history_file;
    auto file = read_file(path, max_history_bytes);
    if (!file && file.error().code() != errc::not_found) return file.error();
    if (file && !file->empty()) {
        const std::span<const std::byte> bytes = bytes_of(*file);
        if (bytes.size() < history_header_bytes ||
            std::memcmp(bytes.data(), history_magic.data(), history_magic.size()) != 0) {
            return error{errc::corrupt, "this is not a history", path.string(),
                         "restore it from a copy, or delete it"};
        }
        if (get<std::uint32_t>(bytes.data() + 8) > history_version) {
            return error{errc::unsupported, "the history was written by a newer version of cairn",
                         path.string(), "read it with that version"};
        }
        FrameReader frames{bytes};
        for (Frame frame; frames.next(frame);) {
            std::uint64_t& position = done[frame.ring];
            if (frame.to > position) assembler.feed(frame.ring, frame.payload, report, f);
            position = std::max(position, frame.to);
            report.next_ring = std::max(report.next_ring, frame.ring + 1);
        }
        report.whole_bytes = frames.whole_bytes();
        report.torn_bytes = bytes.size() - frames.whole_bytes();
        report.damaged += frames.gaps();
    }
    for (RingRest& ring : rings) {
        const std::uint64_t seen = std::max(done[ring.id], ring.from);
        const auto skipped = static_cast<std::size_t>(seen - ring.from);
        if (skipped >= ring.bytes.size()) continue;
        ring.bytes.erase(ring.bytes.begin(), ring.bytes.begin() + static_cast<std::ptrdiff_t>(skipped));
        ring.from = seen;
        const std::uint64_t before = report.rows;
        assembler.feed(ring.id, bytes_of(ring.bytes), report, f);
        report.folded += report.rows - before;
        if (rests != nullptr) rests->push_back(ring);
    }
    return report;
}

/// Reads like `read_history`, and leaves a history that is whole: what only the rings held is appended, a
/// torn tail is cut, the rings are removed. A ring file that is damaged is kept beside them under another
/// name. Only for the run's one writer. Fails, and changes nothing, if a ring cannot be read for now: its
/// rows may be there when the reason is gone.
template <class F>
result<HistoryReport> recover_history(const std::filesystem::path& run_dir, F&& f) {
    std::vector<RingRest> rests;
    auto report = read_history(run_dir, f, &rests);
    if (!report) return report;
    for (const error& unread : report->unread) {
        if (unread.code() != errc::corrupt) return unread;
    }
    // What a kill tears off is in its ring still; if no ring had rows, these were lost.
    if (report->torn_bytes != 0 && report->folded == 0) ++report->damaged;
    auto writer = HistoryWriter::open(run_dir / history_file, report->whole_bytes);
    if (!writer) return writer.error();
    for (const RingRest& rest : rests) {
        if (auto appended = writer->append(rest.id, rest.from, rest.bytes); !appended)
            return appended.error();
    }
    if (auto synced = writer->sync(); !synced) return synced.error();
    report->whole_bytes = static_cast<std::size_t>(writer->bytes());
    for (const error& unread : report->unread) {
        const std::string kept = unread.path() + std::string{damaged_suffix};
        if (auto moved = os::rename_replace(unread.path(), kept); !moved) return moved.error();
    }
    const std::filesystem::path journal = run_dir / journal_folder;
    if (auto names = os::list_dir(journal)) {
        for (const std::string& name : *names) {
            if (ring_of_file(name) && !name.ends_with(damaged_suffix)) (void)os::remove_file(journal / name);
        }
    }
    return report;
}

}  // namespace CAIRN_NAMESPACE::detail
