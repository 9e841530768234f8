// SPDX-License-Identifier: MIT
#pragma once
// The runs of a store that is looked at again and again: what has not changed is not read again. Costs
// nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/media_file.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A run that is watched.
struct WatchedRun {
    RecordedRun run;            ///< as it was when it changed last
    std::uint64_t changed = 0;  ///< number of its last change among all changes of all runs
    nlohmann::json row{};       ///< what a table of runs shows: `as_json`, "config" and "metrics"

    ///@{
    /// As those of the run.
    [[nodiscard]] std::string id() const { return run.id(); }
    [[nodiscard]] std::string project() const { return run.project(); }
    [[nodiscard]] std::string name() const { return run.name(); }
    [[nodiscard]] bool is_deleted() const { return run.is_deleted(); }
    ///@}
};

/// Watches a store. Changes are numbered, so that who knows them up to some number can ask for those after
/// it. Threads: one at a time.
class StoreWatch {
  public:
    /// Of this store; it is read when `look` is called.
    explicit StoreWatch(StoreReader store) : store_{std::move(store)} {}

    /// The store that is watched.
    [[nodiscard]] const StoreReader& store() const noexcept { return store_; }

    /// Looks at the store, unless it did so in the last `patience_ns`. Cost: asks the system for seven files
    /// of each run that goes on, for the folder of each that has ended, and for all there is of those twice a
    /// minute; reads those runs that have changed. Fails as listing a store does.
    result<void> look(std::int64_t patience_ns = 0) {
        const std::int64_t now = detail::wall_ns();
        if (looked_ns_ != 0 && now - looked_ns_ >= 0 && now - looked_ns_ < patience_ns) return {};
        const auto root = detail::os::status(store_.store().root());
        if (!root) return root.error();
        if (!root->is_dir) {
            return error{errc::not_found, "the store is gone", store_.store().root().string(),
                         "put it back, or serve another one"};
        }
        const auto projects = store_.store().projects();
        if (!projects) return projects.error();
        std::vector<Key> keys;
        for (const std::string& project : *projects) {
            const auto ids = store_.store().runs(project);
            if (!ids) return ids.error();
            for (const std::string& id : *ids) keys.emplace_back(project, id);
        }
        std::map<Key, Known> before;
        before.swap(known_);
        for (const Key& key : keys) {
            Known& known = known_[key];
            if (auto old = before.extract(key)) known = std::move(old.mapped());
            look_at(key, known, now);
        }
        for (auto& [key, known] : before) {
            if (known.seen) gone_[key] = ++changes_;
        }
        list();
        looked_ns_ = now;
        return {};
    }
    /// The run of this name, "project/id", looked at alone, unless that was done in the last `patience_ns`.
    /// Nothing if the last look knew none of it, or it has gone since. Cost: asks the system for seven files.
    [[nodiscard]] const WatchedRun* look_at(const std::string& name, std::int64_t patience_ns = 0) {
        const std::size_t slash = std::min(name.rfind('/'), name.size());
        const Key key{name.substr(0, slash), name.substr(std::min(slash + 1, name.size()))};
        const auto found = known_.find(key);
        if (found == known_.end() || !found->second.seen) return nullptr;
        Known& known = found->second;
        const std::int64_t now = detail::wall_ns();
        if (now - known.looked_ns < 0 || now - known.looked_ns >= patience_ns) {
            const std::uint64_t before = changes_;
            look_at(key, known, now);
            if (changes_ != before) list();
        }
        return known.seen ? &*known.seen : nullptr;
    }

    /// The runs at the last look, newest first. Good until the next one.
    [[nodiscard]] const std::vector<const WatchedRun*>& runs() const noexcept { return order_; }
    /// What of them could not be read.
    [[nodiscard]] const std::vector<error>& damaged() const noexcept { return damaged_; }
    /// The number of the last change; 0 if there was none.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
    /// The runs that went away after a change and did not come back: "project/id".
    [[nodiscard]] std::vector<std::string> gone_since(std::uint64_t change) const {
        std::vector<std::string> out;
        for (const auto& [key, at] : gone_) {
            if (at > change) out.push_back(key.first + "/" + key.second);
        }
        return out;
    }
    /// The run that a text names, as `RunList::find` does.
    [[nodiscard]] result<const WatchedRun*> find(const std::string& text) const {
        return detail::find_run(order_, text);
    }

  private:
    using Key = std::pair<std::string, std::string>;  // project, id

    /// What tells whether a run has changed.
    struct Stamp {
        std::vector<std::uint64_t> files{};
        RunState state{};
        bool has_rings = false;
        bool operator==(const Stamp&) const = default;
    };
    struct Known {
        Stamp stamp{};
        std::int64_t stamped_ns = 0;
        std::optional<detail::os::FileStatus> folder{};  // as it was then
        std::optional<WatchedRun> seen{};
        std::optional<error> damage{};
        std::int64_t looked_ns = 0;
    };

    /// Reads it if it has changed.
    void look_at(const Key& key, Known& known, std::int64_t now_ns) {
        known.looked_ns = now_ns;
        const auto folder = detail::os::status(store_.store().run_dir(key.first, key.second));
        if (folder && is_at_rest(known, *folder, now_ns)) return;
        known.folder = folder ? std::optional{*folder} : std::nullopt;
        known.stamped_ns = now_ns;
        Stamp now = stamp_of(key, known);  // before it is read: what changes meanwhile is seen next time
        if (now != known.stamp) {
            known.stamp = std::move(now);
            read(key, known);
        }
    }
    /// Whether a run has ended, and nothing was put into its folder since: who edits or resumes it replaces
    /// files there. What else may befall it, such as a repair, is found a little later.
    [[nodiscard]] static bool is_at_rest(const Known& known, const detail::os::FileStatus& folder,
                                         std::int64_t now_ns) {
        constexpr std::int64_t second = 1'000'000'000;
        return known.seen && known.stamp.state != RunState::running && !known.stamp.has_rings &&
               known.folder && known.folder->inode == folder.inode &&
               known.folder->modified_ns == folder.modified_ns &&
               folder.modified_ns < known.stamped_ns - 3 * second &&  // some systems count in two seconds
               now_ns >= known.stamped_ns && now_ns - known.stamped_ns < 30 * second;
    }
    /// What is known, as it is asked for.
    void list() {
        order_.clear();
        damaged_.clear();
        for (auto& [key, known] : known_) {
            if (known.seen) order_.push_back(&*known.seen);
            if (known.damage) damaged_.push_back(*known.damage);
        }
        std::sort(order_.begin(), order_.end(), [](const WatchedRun* a, const WatchedRun* b) {
            const std::int64_t at = a->run.created_ns(), other = b->run.created_ns();
            return at != other ? at > other
                               : std::pair{a->project(), a->id()} < std::pair{b->project(), b->id()};
        });
    }
    [[nodiscard]] Stamp stamp_of(const Key& key, const Known& known) const {
        const std::filesystem::path dir = store_.store().run_dir(key.first, key.second);
        Stamp stamp;
        const auto add = [&](const std::filesystem::path& path) {
            const auto file = detail::os::status(path);
            if (!file) return stamp.files.push_back(0);
            const auto modified = static_cast<std::uint64_t>(file->modified_ns);
            stamp.files.insert(stamp.files.end(), {file->inode, file->size, modified});
        };
        for (const char* name : {"run.json", "config.json", "summary.json", detail::edits_file})
            add(dir / name);
        const auto ranks = detail::ranks_in(dir);
        for (const unsigned rank : ranks ? *ranks : std::vector<unsigned>{}) {
            const std::filesystem::path of = detail::rank_dir(dir, rank);
            add(of / detail::history_file);
            add(of / detail::media_file);
            detail::HistoryReport report;
            for (const detail::RingRest& ring : detail::copy_rings(of, report)) {
                stamp.files.insert(stamp.files.end(), {ring.id, ring.from + ring.bytes.size()});
                stamp.has_rings = true;
            }
        }
        if (!known.seen) return stamp;
        stamp.state = known.seen->run.state();
        if (stamp.state == RunState::running) {  // it may die without a word
            if (const auto state = known.seen->run.state_now()) stamp.state = *state;
        }
        return stamp;
    }
    void read(const Key& key, Known& known) {
        auto run = store_.run(key.first, key.second);
        known.damage.reset();
        if (!run) {
            if (known.seen) gone_[key] = ++changes_;
            known.seen.reset();
            if (run.error().code() == errc::not_found) return;  // it is only being made
            known.damage = run.error();
            ++changes_;
            return;
        }
        gone_.erase(key);
        nlohmann::json row = as_json(*run);
        row["config"] = run->config();
        row["metrics"] = nlohmann::json::object();
        auto metrics = run->has_ended() ? run->summary() : run->overview();
        if (!metrics)
            known.damage = metrics.error();
        else
            row["metrics"] = run->has_ended() ? detail::all_metrics(*metrics) : std::move(*metrics);
        known.stamp.state = run->state();
        known.seen.emplace(WatchedRun{std::move(*run), ++changes_, std::move(row)});
    }

    StoreReader store_;
    std::map<Key, Known> known_;
    std::vector<const WatchedRun*> order_;
    std::vector<error> damaged_;
    std::map<Key, std::uint64_t> gone_;  // and with which change
    std::uint64_t changes_ = 0;
    std::int64_t looked_ns_ = 0;
};

}  // namespace CAIRN_NAMESPACE
