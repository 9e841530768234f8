// SPDX-License-Identifier: MIT
#pragma once
// What a rank of a run is called where each rank is a run of its own. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/query/recorded_run.hpp>

#include <string>

namespace CAIRN_NAMESPACE::detail {

/// What tells a rank of a run from all others, also from one of the same name in another store: 32
/// hexadecimal digits.
[[nodiscard]] inline std::string run_key(const RecordedRun& run, unsigned rank) {
    const std::string text =
        run.project() + "/" + run.id() + " " + std::to_string(run.created_ns()) + " " + std::to_string(rank);
    return sha256(bytes_of(text)).hex().substr(0, 32);
}
/// Its name for people; as it was given, also if that is no UTF-8.
[[nodiscard]] inline std::string rank_name(const RecordedRun& run, unsigned rank) {
    return rank == 0 ? run.name() : run.name() + " rank " + std::to_string(rank);
}

}  // namespace CAIRN_NAMESPACE::detail
