// SPDX-License-Identifier: MIT
#pragma once
// What people change of a recorded run: its name, its notes, its tags, and whether it is put away. The run's
// own record belongs to the program that writes it, so this stands in a file beside it. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/detail/edits.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A change; what is not given stays.
struct RunEdit {
    std::optional<std::string> name{};               ///< what people call it
    std::optional<std::string> notes{};              ///< free text
    std::optional<std::vector<std::string>> tags{};  ///< all of them
    std::vector<std::string> add_tags{};             ///< to those that it has; none twice
    std::vector<std::string> remove_tags{};          ///< of those that it has
    std::optional<bool> deleted{};                   ///< put away, or taken back; its files stay
};

/// Changes a run, also one that goes on in another program. Readers see all of it or nothing. Fails:
/// invalid_argument for nothing to change, an empty name or more than 1 MiB of text; busy if somebody else is
/// at it for five seconds; as writing a file does. Threads: any, also of several processes.
[[nodiscard]] inline result<void> edit_run(const StoreReader& store, const RecordedRun& run,
                                           const RunEdit& edit) {
    constexpr std::int64_t patience_ms = 5000;
    constexpr std::size_t most_bytes = std::size_t{1} << 20U;
    if (!edit.name && !edit.notes && !edit.tags && !edit.deleted && edit.add_tags.empty() &&
        edit.remove_tags.empty()) {
        return error{errc::invalid_argument, "nothing is to be changed", run.id(),
                     "give a name, notes, tags, or whether it is put away"};
    }
    if (edit.name && edit.name->empty()) {
        return error{errc::invalid_argument, "a run's name cannot be empty", run.id(),
                     "give one, or leave it as it is"};
    }
    const std::filesystem::path path = run.dir() / detail::edits_file;
    const auto lock = detail::os::Lock::acquire(run.dir() / detail::edits_lock, patience_ms);
    if (!lock) return lock.error();
    auto edits = detail::read_edits(run.dir());  // as they are now that nobody else writes them
    if (!edits) return edits.error();
    if (edit.name) (*edits)["name"] = *edit.name;
    if (edit.notes) (*edits)["notes"] = *edit.notes;
    if (edit.tags) (*edits)["tags"] = *edit.tags;
    if (!edit.add_tags.empty() || !edit.remove_tags.empty()) {
        nlohmann::json about = run.about();
        detail::apply_edits(about, *edits);
        std::vector<std::string> tags;
        for (const nlohmann::json& tag : about.value("tags", nlohmann::json::array())) {
            if (tag.is_string()) tags.push_back(tag.get<std::string>());
        }
        for (const std::string& tag : edit.add_tags) {
            if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
        }
        for (const std::string& tag : edit.remove_tags) std::erase(tags, tag);
        (*edits)["tags"] = tags;
    }
    // Of this session: a run that is resumed is wanted again. Clocks would tell less.
    if (edit.deleted && *edit.deleted) (*edits)["deleted_session"] = run.sessions();
    if (edit.deleted && !*edit.deleted) edits->erase("deleted_session");
    const std::string text = edits->dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (text.size() > most_bytes) {
        return error{errc::invalid_argument, "this is too much text for a run's name, notes and tags",
                     run.id(), "keep it below 1 MiB; log long texts as an artifact"};
    }
    return detail::write_file_atomically(path, text, store.store().durability(), store.store().temp_dir());
}

}  // namespace CAIRN_NAMESPACE
