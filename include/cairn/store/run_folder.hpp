// SPDX-License-Identifier: MIT
#pragma once
// The folder of a run: its one writer, its record, its state. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/store/atomic_file.hpp>
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
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How a run stands. `crashed`: it never ended, and whoever wrote it is gone.
enum class RunState : unsigned char { running, finished, failed, exited, crashed };

/// The state's name: "finished".
[[nodiscard]] constexpr std::string_view to_string(RunState state) noexcept {
    switch (state) {
        case RunState::running: return "running";
        case RunState::finished: return "finished";
        case RunState::failed: return "failed";
        case RunState::exited: return "exited";
        case RunState::crashed: return "crashed";
    }
    return "unknown";
}

namespace detail {

template <class Json = nlohmann::json>
[[nodiscard]] Json to_json(const os::Process& p) {
    return {{"pid", p.pid}, {"start", p.start}, {"boot", p.boot}, {"space", p.space}, {"host", p.host}};
}
template <class Json = nlohmann::json>
[[nodiscard]] os::Process process_from(const Json& in) {
    os::Process out;
    const auto take = [&](const char* key, auto& to) {
        const auto found = in.find(key);
        constexpr bool is_text = std::is_same_v<decltype(to), std::string&>;
        if (found != in.end() && (is_text ? found->is_string() : found->is_number_unsigned()))
            found->get_to(to);
    };
    if (!in.is_object()) return out;
    take("pid", out.pid);
    take("start", out.start);
    take("boot", out.boot);
    take("space", out.space);
    take("host", out.host);
    return out;
}

/// JSON that is nested deeper is refused: who copies or prints it needs stack for each level.
inline constexpr std::size_t most_json_depth = 1000;
/// How deep the arrays and objects of a text are nested.
template <class = void>
[[nodiscard]] std::size_t json_depth(std::string_view text) noexcept {
    std::size_t depth = 0, most = 0;
    bool in_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text && c == '\\')
            ++i;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '[' || c == '{'))
            most = std::max(most, ++depth);
        else if (!in_text && (c == ']' || c == '}') && depth != 0)
            --depth;
    }
    return most;
}

/// Beside the record: the signal by which the process died, if it did.
inline constexpr const char* crash_file = "signal";
/// What the program printed, if it was to be kept.
inline constexpr const char* output_file = "output.log";
/// What the program's source differed in from its commit, if it was to be kept.
inline constexpr const char* git_diff_file = "diff.patch";

}  // namespace detail

/// One run's folder, open for its one writer or for a reader.
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

    /// A run that is there. Fails: not_found.
    static result<BasicRunFolder> open_reader(const Store& store, const std::string& project,
                                              const std::string& run, unsigned rank = 0) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("run", run); !checked) return checked.error();
        BasicRunFolder folder{store, store.run_dir(project, run, rank)};
        const auto record = detail::os::status(folder.path_ / "run.json");
        if (!record) return record.error();
        if (record->exists) return folder;
        return error{errc::not_found, "there is no such run", folder.path_.string(),
                     "see which there are with: cairn ls"};
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

    /// A run's record, and how the run stands by it.
    struct Standing {
        Json record;                         ///< as it is read
        RunState state = RunState::crashed;  ///< by it, and by who is there
    };
    /// How the run stands, with the record that says so. A run that says it is running, but whose lock is
    /// free or whose process is dead, has crashed. Fails: not_found, corrupt.
    [[nodiscard]] result<Standing> standing() const {
        for (bool is_second = false;; is_second = true) {
            auto record = read_run();
            if (!record) return record.error();
            const RunState state = state_by(*record);
            // One that ended after its record was read, and then let go of its lock, seems to have crashed:
            // by now its record says how it ended.
            if (state != RunState::crashed || is_second) return Standing{std::move(*record), state};
        }
    }
    /// `standing` without the record.
    [[nodiscard]] result<RunState> state() const {
        const auto found = standing();
        return found ? result<RunState>{found->state} : found.error();
    }

    /// In a forked child: the lock stays the parent's.
    void close_in_child() noexcept { lock_.close_in_child(); }
    /// Lets another writer in.
    void release() noexcept { lock_.release(); }

  private:
    static constexpr std::size_t max_json_bytes = std::size_t{256} << 20U;

    BasicRunFolder(const Store& store, std::filesystem::path path)
        : path_{std::move(path)}, temp_dir_{store.temp_dir()}, durability_{store.durability()} {}

    [[nodiscard]] std::filesystem::path lock_path() const { return path_ / detail::run_lock_file; }
    [[nodiscard]] RunState state_by(const Json& record) const {
        const Json status = record.value("status", Json());
        for (const RunState ended : {RunState::finished, RunState::failed, RunState::exited})
            if (status == to_string(ended)) return ended;
        const auto held = detail::os::Lock::is_held(lock_path());
        const auto process = detail::process_from(record.value("process", Json()));
        const bool is_gone = (held && !*held) || detail::os::liveness(process) == detail::os::Liveness::dead;
        // Without a status it never got as far as saying.
        return is_gone || status.is_null() ? RunState::crashed : RunState::running;
    }

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
