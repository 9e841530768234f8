// SPDX-License-Identifier: MIT
#pragma once
// The folders of a run: one for each rank, each with a writer of its own.

#include <cairn/config.hpp>

#include <filesystem>
#include <string>

namespace CAIRN_NAMESPACE::detail {

/// The folder of a run that holds those of its other ranks.
inline constexpr const char* ranks_folder = "ranks";
/// In the folder of a rank: what its one writer has locked.
inline constexpr const char* run_lock_file = "lock";
/// A rank's folder in that of its run, which is rank 0's.
template <class = void>
[[nodiscard]] std::filesystem::path rank_dir(const std::filesystem::path& run_dir, unsigned rank) {
    return rank == 0 ? run_dir : run_dir / ranks_folder / std::to_string(rank);
}

}  // namespace CAIRN_NAMESPACE::detail
