// SPDX-License-Identifier: MIT
#pragma once
// A run's folder as its readers see it: whether the run is there, and how it stands.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>
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

/// One run's folder, open for a reader.
template <class Json = nlohmann::json>
class BasicRunReader : public BasicRunFolder<Json> {
  public:
    /// A run that is there. Fails: not_found.
    static result<BasicRunReader> open(const Store& store, const std::string& project, const std::string& run,
                                       unsigned rank = 0) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("run", run); !checked) return checked.error();
        BasicRunReader folder{store, store.run_dir(project, run, rank)};
        const auto record = detail::os::status(folder.path() / "run.json");
        if (!record) return record.error();
        if (record->exists) return folder;
        return error{errc::not_found, "there is no such run", folder.path().string(),
                     "see which there are with: cairn ls"};
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
            auto record = this->read_run();
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

  private:
    BasicRunReader(const Store& store, std::filesystem::path path)
        : BasicRunFolder<Json>{store, std::move(path)} {}

    [[nodiscard]] RunState state_by(const Json& record) const {
        const Json status = record.value("status", Json());
        for (const RunState ended : {RunState::finished, RunState::failed, RunState::exited})
            if (status == to_string(ended)) return ended;
        const auto held = detail::os::Lock::is_held(this->lock_path());
        const auto process = detail::process_from(record.value("process", Json()));
        const bool is_gone = (held && !*held) || detail::os::liveness(process) == detail::os::Liveness::dead;
        // Without a status it never got as far as saying.
        return is_gone || status.is_null() ? RunState::crashed : RunState::running;
    }
};
using RunReader = BasicRunReader<>;

}  // namespace CAIRN_NAMESPACE
