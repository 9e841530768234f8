// SPDX-License-Identifier: MIT
#pragma once
// All rows of a run: those in its history file and those that its rings still hold.

#include <cairn/core/bytes.hpp>
#include <cairn/core/deferred.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/rank_dir.hpp>
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

/// Who reads: the run's one writer, or anybody beside it.
enum class Reader : bool { writer, other };

/// What the rings of a run hold; the report gets which ring number is free, and which ring cannot be read.
/// While their writer lives, a reader does not get rows ahead of those that come before them: they wait in
/// the writer's memory, and are in the history soon.
template <class = void>
[[nodiscard]] std::vector<RingRest> copy_rings(const std::filesystem::path& run_dir, HistoryReport& report,
                                               Reader reader = Reader::other) {
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
        if (!rest) {
            report.unread.push_back(rest.error());
            continue;
        }
        if (rest->after_memory && reader == Reader::other) {
            const auto is_held = os::Lock::is_held(run_dir / run_lock_file);
            if (is_held && *is_held) continue;
        }
        rings.push_back(std::move(*rest));
    }
    return rings;
}

/// Up to where each ring was seen: so that nothing is seen twice, and what is missing is noticed.
template <class = void>
class BasicRingPositions {
  public:
    /// Whether a stretch of a ring is new.
    bool take(std::uint32_t ring, std::uint64_t from, std::uint64_t to) {
        std::uint64_t& seen = seen_[ring];
        if (to <= seen) return false;
        if (from > seen) ++missing_;
        seen = to;
        return true;
    }
    /// Drops from what a ring holds what was seen; false if nothing is left.
    bool take(RingRest& ring) {
        const std::uint64_t before = seen_[ring.id], end = ring.from + ring.bytes.size();
        if (!take(ring.id, ring.from, end)) return false;
        if (before <= ring.from) return true;
        const auto seen = static_cast<std::ptrdiff_t>(before - ring.from);
        ring.bytes.erase(ring.bytes.begin(), ring.bytes.begin() + seen);
        ring.from = before;
        return true;
    }
    /// How many stretches are missing, as far as what comes after them tells.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_; }

  private:
    std::map<std::uint32_t, std::uint64_t> seen_;
    std::size_t missing_ = 0;
};
using RingPositions = BasicRingPositions<>;

/// Whether what is torn off a history lies in a ring still, as it does after a kill.
template <class = void>
[[nodiscard]] bool is_in_a_ring(const FrameReader& frames, const std::vector<RingRest>& rings) {
    Frame torn;
    if (!frames.torn(torn))  // less than a frame's head
        return std::any_of(rings.begin(), rings.end(),
                           [](const RingRest& ring) { return !ring.bytes.empty(); });
    return std::any_of(rings.begin(), rings.end(), [&](const RingRest& ring) {
        return ring.id == torn.ring && ring.from <= torn.from && torn.from < ring.from + ring.bytes.size();
    });
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
result<HistoryReport> read_history(const std::filesystem::path& run_dir, F&& f, Reader reader = Reader::other,
                                   std::vector<RingRest>* rests = nullptr) {
    HistoryReport report;
    // Rings first: what leaves them while we read is in the history when we come to it.
    std::vector<RingRest> rings = copy_rings(run_dir, report, reader);
    BasicRowAssembler<Deferred<void, F>> assembler;
    BasicRingPositions<Deferred<void, F>> positions;
    std::size_t gaps = 0;
    const std::filesystem::path path = run_dir / history_file;
    // A writer may be at its last frame: what is torn is read twice.
    bool is_torn = true;
    for (std::size_t from = 0, attempts = 0; is_torn && attempts < 2; ++attempts) {
        if (attempts != 0) os::sys::sleep_ns(1'000'000);
        const auto file = read_file(path, max_history_bytes);
        if (!file && file.error().code() != errc::not_found) return file.error();
        if (!file || file->empty()) break;
        const std::span<const std::byte> bytes = bytes_of(*file);
        if (auto is_ours = check_history(bytes, path); !is_ours) return is_ours.error();
        FrameReader frames{bytes, std::max(from, history_header_bytes)};
        for (Frame frame; frames.next(frame);) {
            if (positions.take(frame.ring, frame.from, frame.to)) assembler.feed(frame, report, f);
            report.next_ring = std::max(report.next_ring, frame.ring + 1);
        }
        from = report.whole_bytes = report.settled_bytes = frames.whole_bytes();
        report.torn_bytes = bytes.size() - from;
        gaps += frames.gaps();
        is_torn = report.torn_bytes != 0 && !is_in_a_ring(frames, rings);
    }
    if (is_torn && report.torn_bytes != 0) ++gaps;
    for (RingRest& ring : rings) {
        if (!positions.take(ring)) continue;
        const std::uint64_t before = report.rows;
        assembler.feed(ring.id, bytes_of(ring.bytes), report, f);
        report.folded += report.rows - before;
        if (rests != nullptr) rests->push_back(ring);
    }
    report.damaged += std::max(gaps, positions.missing());  // the same ones, seen from two sides
    return report;
}

/// Reads like `read_history`, and leaves a history that is whole: what only the rings held is appended, a
/// torn tail is cut, the rings are removed. A ring file that is damaged is kept beside them under another
/// name. Only for the run's one writer. Fails, and changes nothing, if a ring cannot be read for now: its
/// rows may be there when the reason is gone.
template <class F>
result<HistoryReport> recover_history(const std::filesystem::path& run_dir, F&& f) {
    std::vector<RingRest> rests;
    auto report = read_history(run_dir, f, Reader::writer, &rests);
    if (!report) return report;
    for (const error& unread : report->unread) {
        if (unread.code() != errc::corrupt) return unread;
    }
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
