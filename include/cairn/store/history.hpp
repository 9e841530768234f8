// SPDX-License-Identifier: MIT
#pragma once
// All rows of a run: those in its history file and those that its rings still hold.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/ring.hpp>
#include <cairn/store/ring_file.hpp>
#include <cairn/store/row_assembler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// What the rings of a run hold; the report gets which ring number is free, and which ring cannot be read.
template <class = void>
[[nodiscard]] std::vector<RingRest> copy_rings(const std::filesystem::path& run_dir, HistoryReport& report) {
    std::vector<RingRest> rings;
    const std::filesystem::path journal = run_dir / journal_folder;
    const auto names = os::list_dir(journal);
    if (!names) {
        if (names.error().code() != errc::not_found) report.unread.push_back(names.error());
        return rings;
    }
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
    return rings;
}

/// Drops from what a ring holds what was seen in the history; false if nothing is left.
template <class = void>
bool drop_seen(RingRest& ring, std::uint64_t seen_to) {
    seen_to = std::max(seen_to, ring.from);
    const auto seen = static_cast<std::size_t>(seen_to - ring.from);
    if (seen >= ring.bytes.size()) return false;
    ring.bytes.erase(ring.bytes.begin(), ring.bytes.begin() + static_cast<std::ptrdiff_t>(seen));
    ring.from = seen_to;
    return true;
}

/// Whether a file begins as a history does. Fails: corrupt, unsupported.
template <class = void>
[[nodiscard]] result<void> check_history(std::span<const std::byte> bytes,
                                         const std::filesystem::path& path) {
    if (bytes.size() < history_header_bytes ||
        std::memcmp(bytes.data(), history_magic.data(), history_magic.size()) != 0) {
        return error{errc::corrupt, "this is not a history", path.string(),
                     "restore it from a copy, or delete it"};
    }
    if (get<std::uint32_t>(bytes.data() + 8) > history_version) {
        return error{errc::unsupported, "the history was written by a newer version of cairn", path.string(),
                     "read it with that version"};
    }
    return {};
}

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
    std::vector<RingRest> rings = copy_rings(run_dir, report);
    RowAssembler assembler;
    std::map<std::uint32_t, std::uint64_t> done;  // ring -> position up to which its rows were seen
    const std::filesystem::path path = run_dir / history_file;
    auto file = read_file(path, max_history_bytes);
    if (!file && file.error().code() != errc::not_found) return file.error();
    if (file && !file->empty()) {
        const std::span<const std::byte> bytes = bytes_of(*file);
        if (auto is_ours = check_history(bytes, path); !is_ours) return is_ours.error();
        FrameReader frames{bytes};
        for (Frame frame; frames.next(frame);) {
            std::uint64_t& position = done[frame.ring];
            if (frame.to > position) assembler.feed(frame, report, f);
            position = std::max(position, frame.to);
            report.next_ring = std::max(report.next_ring, frame.ring + 1);
        }
        report.whole_bytes = frames.whole_bytes();
        report.torn_bytes = bytes.size() - frames.whole_bytes();
        report.damaged += frames.gaps();
    }
    for (RingRest& ring : rings) {
        if (!drop_seen(ring, done[ring.id])) continue;
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
        const Frame frame{FrameKind::records, rest.id, rest.from, rest.from + rest.bytes.size(),
                          bytes_of(rest.bytes)};
        if (auto appended = writer->append(frame); !appended) return appended.error();
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
