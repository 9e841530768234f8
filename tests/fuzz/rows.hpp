// SPDX-License-Identifier: MIT
#pragma once
// A run's folder for one process of a fuzzer, and the rows that are in it.
#include <cairn/store/history.hpp>

#include <filesystem>
#include <string>

#include <unistd.h>

inline std::filesystem::path folder_of_this_process() {
    auto made = std::filesystem::temp_directory_path() / ("cairn-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    return made;
}

/// A line for each row, as readers find them or as the run's next writer recovers them.
inline std::string rows_of(const std::filesystem::path& dir, bool recover) {
    std::string rows;
    const auto row = [&](const cairn::detail::StoredRow& stored) {
        rows += std::to_string(stored.step) + ' ' + std::to_string(stored.values.size()) + '\n';
    };
    const auto report =
        recover ? cairn::detail::recover_history(dir, row) : cairn::detail::read_history(dir, row);
    return report ? rows : "error";
}
