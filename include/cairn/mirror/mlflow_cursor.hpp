// SPDX-License-Identifier: MIT
#pragma once
// How far a run has been mirrored to MLflow. Costs nlohmann/json.

#include <cairn/mirror/cursor_file.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// How far a rank has been mirrored: all that the next one needs to know. It stands in the run's folder.
struct Cursor {
    int format = 1;                              ///< of this record
    std::string run{};                           ///< by which the server knows it
    std::string experiment{};                    ///< in which it is
    std::uint64_t session = 0;                   ///< of the run, that was mirrored last
    bool is_over = false;                        ///< the server knows how that ended
    RowCounts rows{};                            ///< by ring, what was handed on
    std::uint64_t media = 0;                     ///< rich values that lie before this place were handed on
    std::map<std::string, std::string> tags{};   ///< what was said of the run itself
    std::map<std::string, std::string> files{};  ///< by name, the digests of what was told in files
    std::set<std::string> refused{};             ///< parameters that MLflow cannot have so; said once
    std::set<std::string> artifacts{};           ///< versions that were handed on, as "model:v3"
    std::set<std::string> inputs{};              ///< and that it had used
    std::vector<std::string> tables{};           ///< files that are tables
    nlohmann::json unsaid{};                     ///< what was left out, as `LeftOut` keeps it
    std::string wanted{};                        ///< with which options
    std::map<std::string, std::string> names{};  ///< names that had to be changed, and what they were

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cursor, format, run, experiment, session, is_over, rows, media, tags,
                                   files, refused, artifacts, inputs, tables, unsaid, wanted, names)
};

}  // namespace CAIRN_NAMESPACE::detail::mlflow
