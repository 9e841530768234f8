// SPDX-License-Identifier: MIT
#pragma once
// The rows of a run as they come.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/row_assembler.hpp>
#include <cairn/store/stored_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Reads a history again and again, each row once: first from the ring that its thread wrote it into, and not
/// again when it has moved into the history. Threads: one at a time.
class RowFollower {
  public:
    /// Of the folder of a run's rank, from its first row on.
    explicit RowFollower(std::filesystem::path run_dir) : dir_{std::move(run_dir)} {}

    /// Calls `f(detail::StoredRow)` for each row and event that is new, in the order of each thread. Fails:
    /// corrupt, unsupported, io; a ring that cannot be read now is tried again the next time.
    template <class F>
    result<void> next(F&& f) {
        detail::HistoryReport report;
        // Rings first: what leaves them while we read is in the history when we come to it.
        std::vector<detail::RingRest> rings = detail::copy_rings(dir_, report);
        result<void> failed;
        for (error& unread : report.unread) {
            const bool is_lost = unread.code() == errc::corrupt || unread.code() == errc::unsupported;
            if (!is_lost && failed) failed = unread;
            if (is_lost && unread_.insert(unread.path()).second) lost_.unread.push_back(std::move(unread));
        }
        if (auto read = read_frames(rings, f); !read) return read;
        // What a ring holds comes again as a frame, so the assembler of the frames must not see it.
        detail::RowAssembler assembler = assembler_;
        detail::RingPositions positions = positions_;
        for (detail::RingRest& ring : rings) {
            std::uint64_t& ahead = ahead_[ring.id];
            std::uint64_t rows = 0;
            if (positions.take(ring)) {
                assembler.feed(ring.id, detail::bytes_of(ring.bytes), report,
                               [&](const detail::StoredRow& row) {
                                   if (++rows > ahead) f(row);
                               });
            }
            ahead = std::max(ahead, rows);
        }
        return failed;
    }
    /// What could not be read, each once: rings, and stretches of the history; of a run that has ended, also
    /// a last one that is torn.
    [[nodiscard]] std::vector<error> losses(bool has_ended) {
        detail::HistoryReport told;
        told.unread = std::exchange(lost_.unread, {});
        // A gap, and what is missing of a ring, are the same ones, seen from two sides.
        const std::size_t damaged = lost_.damaged + std::max<std::size_t>(gaps_, positions_.missing()) +
                                    (has_ended && is_torn_ ? 1 : 0);
        if (damaged > damaged_) told.damaged = damaged_ = damaged;
        return told.errors(dir_.string());
    }

  private:
    template <class F>
    result<void> read_frames(const std::vector<detail::RingRest>& rings, F&& f) {
        const auto history = detail::os::File::open_read(dir_ / detail::history_file);
        if (!history && history.error().code() == errc::not_found) return {};
        if (!history) return history.error();
        const auto size = history->size();
        if (!size) return size.error();
        if (at_ == 0) {
            std::byte header[detail::history_header_bytes];
            const auto head = history->read_at(0, header);
            if (!head) return head.error();
            if (*head == 0) return {};
            const auto read = std::span{header}.first(*head);
            if (auto ours = detail::check_history(read, dir_ / detail::history_file); !ours) return ours;
            at_ = detail::history_header_bytes;
        }
        is_torn_ = false;
        constexpr std::uint64_t piece = std::uint64_t{64} << 20U;
        while (at_ < *size) {
            bytes_.resize(static_cast<std::size_t>(std::min(piece, *size - at_)));
            const auto read = history->read_at(at_, detail::writable_bytes_of(bytes_));
            if (!read) return read.error();
            detail::FrameReader frames{detail::bytes_of(bytes_).first(*read), 0};
            for (detail::Frame frame; frames.next(frame);) {
                if (!positions_.take(frame.ring, frame.from, frame.to)) continue;
                std::uint64_t& ahead = ahead_[frame.ring];
                assembler_.feed(frame, lost_, [&](const detail::StoredRow& row) {
                    if (ahead == 0)
                        f(row);
                    else
                        --ahead;  // it was seen in the ring
                });
            }
            gaps_ += frames.gaps();
            is_torn_ = frames.whole_bytes() < *read && !detail::is_in_a_ring(frames, rings);
            if (frames.whole_bytes() == 0) break;  // a writer is at its last frame
            at_ += frames.whole_bytes();
        }
        return {};
    }

    std::filesystem::path dir_;
    std::uint64_t at_ = 0;  // of the history: what lies before was read
    detail::RowAssembler assembler_;
    detail::RingPositions positions_;
    std::map<std::uint32_t, std::uint64_t>
        ahead_;  // by ring: rows that were seen in it, and not yet in a frame
    std::vector<std::byte> bytes_;
    detail::HistoryReport lost_;
    std::set<std::string> unread_;        // rings that are told of
    std::size_t gaps_ = 0, damaged_ = 0;  // in the history; all that is told of
    bool is_torn_ = false;                // its last frame, and what it holds is nowhere else
};

}  // namespace CAIRN_NAMESPACE
