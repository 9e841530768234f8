// SPDX-License-Identifier: MIT
#pragma once
// The store: a folder that holds projects, runs, artifacts and objects. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A store on disk: where its things lie. A value that is cheap to copy. Threads: any.
template <class Json = nlohmann::json>
class BasicStore {
  public:
    static constexpr std::uint64_t format = 1;  ///< the version of the format on disk

    /// The store at `root`, made if it is not there; of two processes that make it, both succeed. Removes
    /// temporaries whose processes are dead. Fails: permission, no_space, unsupported (a newer format).
    static result<BasicStore> open(std::filesystem::path root,
                                   Durability durability = Durability::power_loss) {
        BasicStore store{std::move(root), durability};
        if (auto made = detail::make_dirs_durably(store.temp_dir(), durability); !made) return made.error();
        auto known = store.check_format();
        if (!known && known.error().code() == errc::not_found) {
            const std::string text = Json{{"format", format}}.dump() + "\n";
            auto written =
                detail::write_new_file_atomically(store.format_path(), text, durability, store.temp_dir());
            if (!written && written.error().code() != errc::already_exists) return written.error();
            known = store.check_format();  // another process may have made it meanwhile
        }
        if (!known) return known.error();
        detail::remove_abandoned_temps(store.temp_dir());
        return store;
    }

    /// A store that is there; for readers, so it changes nothing. Fails: not_found, unsupported.
    static result<BasicStore> open_existing(std::filesystem::path root) {
        BasicStore store{std::move(root), Durability::power_loss};
        auto known = store.check_format();
        if (known) return store;
        if (known.error().code() != errc::not_found) return known.error();
        return error{errc::not_found, "there is no store here", store.root().string(),
                     "name the folder that a run was recorded in (--dir or CAIRN_DIR)"};
    }

    /// Where the store lies.
    [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
    /// What its writes outlive.
    [[nodiscard]] Durability durability() const noexcept { return durability_; }
    /// Where files are written before they are renamed; never backed up.
    [[nodiscard]] std::filesystem::path temp_dir() const { return root_ / "tmp"; }
    /// Where a project's runs and artifacts lie.
    [[nodiscard]] std::filesystem::path project_dir(std::string_view project) const {
        return root_ / "projects" / project;
    }
    /// A run's folder; that of another rank than 0 lies inside it and is made alike.
    [[nodiscard]] std::filesystem::path run_dir(std::string_view project, std::string_view run,
                                                unsigned rank = 0) const {
        return detail::rank_dir(project_dir(project) / "runs" / run, rank);
    }
    /// Where an artifact's record and versions lie.
    [[nodiscard]] std::filesystem::path artifact_dir(std::string_view project,
                                                     std::string_view artifact) const {
        return project_dir(project) / "artifacts" / artifact;
    }
    /// Where the object of this digest lies. Requires 64 hexadecimal digits.
    [[nodiscard]] std::filesystem::path object_path(std::string_view digest) const {
        return root_ / "objects" / digest.substr(0, 2) / digest.substr(2);
    }
    /// A fresh name in `temp_dir()`; no file is made.
    [[nodiscard]] std::filesystem::path new_temp_path() const { return temp_dir() / detail::temp_name(); }

    /// Names, sorted; none yet is an empty list. What is no folder, or lacks the record, is not ours and
    /// passed over.
    [[nodiscard]] result<std::vector<std::string>> projects() const {
        return names_in(root_ / "projects", {});
    }
    /// The same for the runs of a project, by their ids.
    [[nodiscard]] result<std::vector<std::string>> runs(std::string_view project) const {
        return names_in(project_dir(project) / "runs", "run.json");
    }
    /// The same for the artifacts of a project.
    [[nodiscard]] result<std::vector<std::string>> artifacts(std::string_view project) const {
        return names_in(project_dir(project) / "artifacts", "artifact.json");
    }

    /// The short lock of commits, aliases and removals. Fails: busy after a minute.
    [[nodiscard]] result<detail::os::Lock> lock() const {
        return detail::os::Lock::acquire(root_ / "lock", lock_timeout_ms);
    }

  private:
    static constexpr std::int64_t lock_timeout_ms = 60'000;

    BasicStore(std::filesystem::path root, Durability durability) : durability_{durability} {
        std::error_code failed;  // absolute: the program may change its working folder
        root_ = std::filesystem::absolute(root, failed);
        if (failed) root_ = std::move(root);
    }

    [[nodiscard]] std::filesystem::path format_path() const { return root_ / "store.json"; }

    [[nodiscard]] result<void> check_format() const {
        const auto text = detail::read_file(format_path(), 4096);
        if (!text) return text.error();
        const auto about = Json::parse(*text, nullptr, false);
        if (!about.is_object() || !about.contains("format") || !about["format"].is_number_unsigned()) {
            return error{errc::corrupt, "the store's description cannot be read", format_path().string(),
                         R"(if this is a store of cairn, write {"format":1} into it)"};
        }
        if (about["format"].template get<std::uint64_t>() > format) {
            return error{errc::unsupported, "the store was made by a newer version of cairn", root_.string(),
                         "use that version, or another store (CAIRN_DIR)"};
        }
        return {};
    }

    static result<std::vector<std::string>> names_in(const std::filesystem::path& folder,
                                                     std::string_view record) {
        auto names = detail::os::list_dir(folder);
        if (!names && names.error().code() == errc::not_found) return std::vector<std::string>{};
        if (!names) return names;
        std::erase_if(*names, [&](const std::string& name) {
            if (!detail::name_problem(name).empty()) return true;
            const auto there = detail::os::status(record.empty() ? folder / name : folder / name / record);
            return !there || !(record.empty() ? there->is_dir : there->is_file);
        });
        return names;
    }

    std::filesystem::path root_;
    Durability durability_;
};
using Store = BasicStore<>;

}  // namespace CAIRN_NAMESPACE
