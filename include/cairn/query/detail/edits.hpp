// SPDX-License-Identifier: MIT
#pragma once
// What people changed of a run, in a file beside its record.

#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* edits_file = "edits.json";
/// Held while they are changed.
inline constexpr const char* edits_lock = "edits.lock";

/// What people changed of a run; see `edit_run`. Fails: corrupt.
[[nodiscard]] inline result<nlohmann::json> read_edits(const std::filesystem::path& run_dir) {
    constexpr std::size_t most_bytes = std::size_t{1} << 20U;
    const auto text = read_file(run_dir / edits_file, most_bytes);
    if (!text && text.error().code() == errc::not_found) return nlohmann::json::object();
    if (!text) return text.error();
    if (json_depth(*text) <= most_json_depth) {
        auto edits = nlohmann::json::parse(*text, nullptr, false);
        if (edits.is_object()) return edits;
    }
    return error{errc::corrupt, "what was changed of a run cannot be read", (run_dir / edits_file).string(),
                 "delete the file: then the run is as it was recorded"};
}
/// Puts them over the run's own record, where they are what they should be.
inline void apply_edits(nlohmann::json& about, const nlohmann::json& edits) {
    for (const char* key : {"name", "notes"}) {
        if (const auto text = edits.find(key); text != edits.end() && text->is_string()) about[key] = *text;
    }
    if (const auto tags = edits.find("tags"); tags != edits.end() && tags->is_array()) {
        nlohmann::json& all = about["tags"] = nlohmann::json::array();
        for (const nlohmann::json& tag : *tags) {
            if (tag.is_string()) all.push_back(tag);
        }
    }
    if (const auto of = edits.find("deleted_session"); of != edits.end() && of->is_number_unsigned())
        about["deleted_session"] = *of;
}

}  // namespace CAIRN_NAMESPACE::detail
