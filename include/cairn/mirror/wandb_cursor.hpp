// SPDX-License-Identifier: MIT
#pragma once
// How far a run has been mirrored to W&B. Costs nlohmann/json.

#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/utc.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>

namespace CAIRN_NAMESPACE::detail::wandb {

/// How far a rank has been mirrored: all that the next one needs to know. It stands in the run's folder.
struct Cursor {
    int format = 1;                         ///< of this record
    std::string folder{};                   ///< of the run, as W&B's client would have made it
    std::uint64_t bytes = 0;                ///< of its file; what is behind them was never said
    std::int64_t records = 0;               ///< in them
    std::uint64_t session = 0;              ///< of the run: each has a folder of its own
    bool is_over = false;                   ///< the folder says how the session ended
    std::string about{};                    ///< a digest of what was said of the run itself
    std::string user_summary{};             ///< the same of what the program set
    RowCounts rows{};                       ///< by ring, what was handed on
    std::uint64_t media = 0;                ///< rich values that lie before this place were handed on
    std::set<std::uint64_t> media_ahead{};  ///< and these of those behind it
    std::uint64_t console = 0;              ///< bytes of the output that were
    std::set<std::string> artifacts{};      ///< versions that were, as "model:v3"
    std::set<std::string> metrics{};        ///< whose definitions were
    nlohmann::json before = nullptr;        ///< the cursor as it was when this session's folder was begun
    std::set<std::string> renamed{};        ///< metrics whose names W&B keeps for itself
    nlohmann::json unsaid{};                ///< what was left out, as `LeftOut` keeps it

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cursor, format, folder, bytes, records, session, is_over, about,
                                   user_summary, rows, media, media_ahead, console, artifacts, metrics,
                                   before, renamed, unsaid)
};

/// A time as the names of W&B's folders have it, by UTC: "20261128_041625".
[[nodiscard]] inline std::string stamp(std::int64_t ns) {
    const Utc at = utc_of(ns);
    char out[96];
    std::snprintf(out, sizeof out, "%04d%02d%02d_%02d%02d%02d", at.year, at.month, at.day, at.hour, at.minute,
                  at.second);
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::wandb
