// SPDX-License-Identifier: MIT
#pragma once
// A run as its files tell it.

#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace cairn_test {

inline nlohmann::json json_of(const std::filesystem::path& path) {
    std::ifstream in{path};
    return nlohmann::json::parse(in, nullptr, false);
}

/// How a run stands for a reader.
inline std::string state_of(const std::filesystem::path& store, const std::string& project,
                            const std::string& run) {
    const auto folder =
        cairn::RunReader::open(cairn::Store::open_existing(store).value(), project, run).value();
    return std::string{to_string(folder.state().value())};
}

}  // namespace cairn_test
