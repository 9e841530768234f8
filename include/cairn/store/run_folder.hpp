// SPDX-License-Identifier: MIT
#pragma once
// The folder of a run: its one writer, its record, its state. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/json_field.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

template <class Json = nlohmann::json>
[[nodiscard]] Json to_json(const os::Process& p) {
    return {{"pid", p.pid}, {"start", p.start}, {"boot", p.boot}, {"space", p.space}, {"host", p.host}};
}
template <class Json = nlohmann::json>
[[nodiscard]] os::Process process_from(const Json& in) {
    os::Process out;
    (void)get_field(in, "pid", out.pid);
    (void)get_field(in, "start", out.start);
    (void)get_field(in, "boot", out.boot);
    (void)get_field(in, "space", out.space);
    (void)get_field(in, "host", out.host);
    return out;
}

/// Beside the record: the signal by which the process died, if it did.
inline constexpr const char* crash_file = "signal";
/// What the program printed, if it was to be kept.
inline constexpr const char* output_file = "output.log";
/// What the program's source differed in from its commit, if it was to be kept.
inline constexpr const char* git_diff_file = "diff.patch";

}  // namespace detail

/// One run's folder, open for its one writer; for readers see run_reader.hpp.
template <class Json = nlohmann::json>
class BasicRunFolder {
  public:
    /// Makes the folder if it is not there and takes the writer's lock; each rank has its own. Fails: busy,
    /// naming who holds it.
    static result<BasicRunFolder> open_writer(const Store& store, const std::string& project,
                                              const std::string& run, unsigned rank = 0) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("run", run); !checked) return checked.error();
        BasicRunFolder folder{store, store.run_dir(project, run, rank)};
        if (auto made = detail::make_dirs_durably(folder.path_, store.durability()); !made)
            return made.error();
        auto lock = detail::os::Lock::try_acquire(folder.lock_path());
        if (!lock) return lock.error().code() == errc::busy ? folder.held_by_another() : lock.error();
        folder.lock_ = std::move(*lock);
        const std::string writer = detail::to_json(detail::os::this_process()).dump();
        if (auto noted = folder.lock_.write_note(writer); !noted) return noted.error();
        const auto record = detail::os::status(folder.path_ / "run.json");
        if (!record) return record.error();
        folder.is_new_ = !record->exists;
        return folder;
    }

    /// Where the folder lies.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// It had no record when it was opened.
    [[nodiscard]] bool is_new() const noexcept { return is_new_; }

    /// A JSON file of the run. Fails: not_found, corrupt.
    [[nodiscard]] result<Json> read_json(std::string_view name) const {
        const std::filesystem::path path = path_ / name;
        const auto text = detail::read_file(path, max_json_bytes);
        if (!text) return text.error();
        if (detail::json_depth(*text) <= detail::most_json_depth) {
            auto value = Json::parse(*text, nullptr, false);
            if (!value.is_discarded()) return value;
        }
        return error{errc::corrupt, "this file of the run is no JSON", path.string(),
                     "restore it from a copy, or delete it"};
    }
    /// Replaces a JSON file of the run in one step.
    result<void> write_json(std::string_view name, const Json& value) const {
        const std::string text = value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
        return detail::write_file_atomically(path_ / name, text, durability_, temp_dir_);
    }
    /// The run's record. Fails: corrupt, if it is no object.
    [[nodiscard]] result<Json> read_run() const {
        auto record = read_json("run.json");
        if (!record || record->is_object()) return record;
        return error{errc::corrupt, "the run's record is no object", (path_ / "run.json").string(),
                     "restore it from a copy"};
    }
    /// Writes the record, with the process that writes it.
    result<void> write_run(Json record) const {
        record["process"] = detail::to_json(detail::os::this_process());
        return write_json("run.json", record);
    }

    /// In a forked child: the lock stays the parent's.
    void close_in_child() noexcept { lock_.close_in_child(); }
    /// Lets another writer in.
    void release() noexcept { lock_.release(); }

  protected:
    /// Of a run that may not be there.
    BasicRunFolder(const Store& store, std::filesystem::path path)
        : path_{std::move(path)}, temp_dir_{store.temp_dir()}, durability_{store.durability()} {}

    /// The file whose lock the writer holds.
    [[nodiscard]] std::filesystem::path lock_path() const { return path_ / detail::run_lock_file; }

  private:
    static constexpr std::size_t max_json_bytes = std::size_t{256} << 20U;

    [[nodiscard]] error held_by_another() const {
        const auto note = detail::read_file(lock_path(), 4096);
        const auto holder = detail::process_from(Json::parse(note ? *note : "", nullptr, false));
        const std::string who = holder.pid == 0
                                    ? " that does not say who it is"  // it took the lock just now
                                    : ": process " + std::to_string(holder.pid) + " on " + holder.host;
        return {errc::busy, "another writer has this run open" + who, path_.string(),
                "stop that process, or give this one another run id (CAIRN_RUN_ID)"};
    }

    std::filesystem::path path_;
    std::filesystem::path temp_dir_;
    Durability durability_;
    detail::os::Lock lock_;
    bool is_new_ = false;
};
using RunFolder = BasicRunFolder<>;

}  // namespace CAIRN_NAMESPACE
