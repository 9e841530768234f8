// SPDX-License-Identifier: MIT
#pragma once
// What a run says of itself: nothing is lost silently. Costs <string> and <vector>.

#include <cairn/config.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A run's counters and first errors, as `run.health()` gives them. All counts are since this process opened
/// the run.
struct Health {
    std::uint64_t rows_logged = 0;     ///< taken by `log`
    std::uint64_t rows_collected = 0;  ///< in the summary
    std::uint64_t rows_written = 0;    ///< in the history file; those that are not lie in the journal
    std::uint64_t rows_dropped =
        0;  ///< lost: the ring stayed full for too long, or the run was finished or detached
    std::uint64_t texts_cut = 0;  ///< metric texts or names that were longer than may be stored
    std::uint64_t waits = 0;      ///< times `log` waited for room
    std::uint64_t waited_ns = 0;  ///< how long in all
    /// Times that 1 MiB of plain memory took the place of a full ring (a kill loses the rows in it).
    std::uint64_t spills = 0;
    /// What a `log` costs the thread that calls it, in nanoseconds: reading the clock and copying a row, as
    /// measured now and then and typical of the thread where it is dearest; 0 before the first.
    std::uint64_t log_ns = 0;
    std::uint64_t history_bytes = 0;      ///< written to the history file
    std::uint64_t saves_failed = 0;       ///< checkpoints and artifacts that could not be saved
    std::uint64_t saves_passed_over = 0;  ///< not made, because another was being written (`coalesce`)
    std::uint64_t media_written = 0;      ///< images, tables and other rich values
    std::uint64_t media_lost = 0;  ///< rich values that could not be encoded or written, or came too fast
    std::uint64_t alerts_held_back = 0;  ///< said again too soon
    std::uint64_t watches = 0;           ///< samples of watched models
    std::uint64_t watched_ns = 0;        ///< what they cost the threads that log
    std::uint64_t watches_left_out = 0;  ///< samples not taken, because they had cost a twentieth of the time
    bool journal_mapped =
        true;  ///< false: rows lie in plain memory until they are collected; a kill loses them
    std::vector<std::string> errors = {};  ///< the first 16 messages

    /// Nothing was dropped and nothing failed.
    [[nodiscard]] bool ok() const noexcept {
        return rows_dropped == 0 && saves_failed == 0 && media_lost == 0 && errors.empty();
    }
};

}  // namespace CAIRN_NAMESPACE
