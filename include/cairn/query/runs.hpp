// SPDX-License-Identifier: MIT
#pragma once
// Reading what was recorded: the runs of a store, their metrics and their versions. Reads what is on disk,
// also of a run that is being written or has crashed. Costs nlohmann/json.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/query/detail/read_series.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/series_over.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/summary.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/store.hpp>
#include <cairn/store/verify.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// The last lines of a file; none if there is no such file. Reads 64 KiB at most.
template <class = void>
result<std::vector<std::string>> last_lines(const std::filesystem::path& path, std::size_t most) {
    std::vector<std::string> lines;
    auto file = os::File::open_read(path);
    if (!file && file.error().code() == errc::not_found) return lines;
    if (!file) return file.error();
    const auto size = file->size();
    if (!size) return size.error();
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(*size, std::uint64_t{64} << 10U)),
                     '\0');
    const auto got = file->read_at(*size - text.size(), std::as_writable_bytes(std::span{text}));
    if (!got) return got.error();
    const bool is_whole = text.size() == *size;
    text.resize(*got);
    std::string_view rest = text;
    if (rest.ends_with('\n')) rest.remove_suffix(1);
    while (!rest.empty() && lines.size() < most) {
        const std::size_t begin = rest.rfind('\n') + 1;        // npos + 1 is 0
        if (begin == 0 && !is_whole && !lines.empty()) break;  // its beginning is not here
        std::string_view line = rest.substr(begin);
        while (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace(lines.begin(), line.substr(line.rfind('\r') + 1));
        rest = rest.substr(0, begin == 0 ? 0 : begin - 1);
    }
    return lines;
}

inline constexpr const char* edits_file = "edits.json";

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

/// See `RecordedRun::ranks`.
[[nodiscard]] inline result<std::vector<unsigned>> ranks_in(const std::filesystem::path& run_dir) {
    std::vector<unsigned> ranks{0};
    const auto names = os::list_dir(run_dir / ranks_folder);
    if (!names && names.error().code() != errc::not_found) return names.error();
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
        unsigned rank = 0;
        const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), rank);
        const bool is_one = problem == std::errc{} && name == std::to_string(rank);  // not "01"
        if (is_one && rank != 0) ranks.push_back(rank);
    }
    std::sort(ranks.begin(), ranks.end());
    return ranks;
}

}  // namespace detail

/// A recorded run, as its folder tells it.
class RecordedRun {
  public:
    /// For `StoreReader`.
    RecordedRun(RunFolder folder, nlohmann::json about, RunState state)
        : folder_{std::move(folder)}, about_(std::move(about)),  // in braces it would be an array of one
          state_{state} {}

    /// Unique in the project.
    [[nodiscard]] std::string id() const { return text("id"); }
    /// The project it belongs to.
    [[nodiscard]] std::string project() const { return text("project"); }
    /// What people call it; the id unless it was given.
    [[nodiscard]] std::string name() const { return text("name"); }
    /// How it stood when it was opened for reading.
    [[nodiscard]] RunState state() const noexcept { return state_; }
    /// How it stands now. Fails: corrupt, not_found.
    [[nodiscard]] result<RunState> state_now() const { return folder_.state(); }
    /// Whether it said itself that it is over: nothing more comes unless it is resumed.
    [[nodiscard]] bool has_ended() const noexcept {
        return state_ != RunState::running && state_ != RunState::crashed;
    }
    /// Why it failed, exited or crashed; empty if it did not, or if that is not known.
    [[nodiscard]] std::string why() const { return state_ == RunState::crashed ? crash() : text("why"); }
    /// Nanoseconds since the Unix epoch; `ended_ns` is 0 for a run that has not ended.
    [[nodiscard]] std::int64_t created_ns() const { return number("created_ns"); }
    /// When this session of it began: a resumed run has a later one.
    [[nodiscard]] std::int64_t started_ns() const { return number("started_ns"); }
    /// When it ended; 0 if it has not.
    [[nodiscard]] std::int64_t ended_ns() const { return number("ended_ns"); }
    /// In how many sessions it was written: one more each time it is resumed.
    [[nodiscard]] std::uint64_t sessions() const { return static_cast<std::uint64_t>(number("sessions")); }
    /// Whether it was put away, and not resumed since: lists do not show it, but it is all there. See
    /// `edit_run`.
    [[nodiscard]] bool is_deleted() const {
        return about_.contains("deleted_session") && number("deleted_session") == number("sessions");
    }
    /// The run's folder.
    [[nodiscard]] const std::filesystem::path& dir() const noexcept { return folder_.path(); }
    /// The whole record: tags, notes, group, defined metrics, artifacts that were logged and used.
    [[nodiscard]] const nlohmann::json& about() const noexcept { return about_; }
    /// Empty if the run has none.
    [[nodiscard]] nlohmann::json config() const {
        auto config = folder_.read_json("config.json");
        return config ? std::move(*config) : nlohmann::json::object();
    }

    /// Calls `f(step, time_ns, std::span<const NamedValue>)` for every row of a rank. Fails: corrupt,
    /// unsupported.
    template <class F>
    result<detail::HistoryReport> for_each_row(F&& f, unsigned rank = 0) const {
        return detail::read_history(rank_dir(rank), std::forward<F>(f));
    }
    /// Every row of a rank, in the order of each thread: what a dry run takes. Fails: corrupt, unsupported.
    [[nodiscard]] result<std::vector<DynamicRow>> rows(unsigned rank = 0) const {
        std::vector<DynamicRow> all;
        const auto keep = [&](std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
            all.emplace_back(step, time_ns, values.data(), values.size());
        };
        auto read = for_each_row(keep, rank);
        if (!read) return read.error();
        return all;
    }
    /// The last rows of a rank, at most so many, in the order of time. Fails: corrupt, unsupported.
    [[nodiscard]] result<std::vector<DynamicRow>> last_rows(std::size_t most, unsigned rank = 0) const {
        std::vector<DynamicRow> last;
        const auto keep = [&](std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
            const auto place =
                std::upper_bound(last.begin(), last.end(), time_ns,
                                 [](std::int64_t at, const DynamicRow& row) { return at < row.time_ns(); });
            if (last.size() == most && place == last.begin()) return;
            last.emplace(place, step, time_ns, values.data(), values.size());
            if (last.size() > most) last.erase(last.begin());
        };
        auto read = for_each_row(keep, rank);
        if (!read) return read.error();
        return last;
    }
    /// The last lines that a rank printed, at most so many, if a `Console` kept them; without their ends, and
    /// of a line that was written over, as a progress bar is, what it said last. Fails: io, permission.
    [[nodiscard]] result<std::vector<std::string>> last_lines(std::size_t most, unsigned rank = 0) const {
        return detail::last_lines(rank_dir(rank) / detail::output_file, most);
    }
    /// What the checkpoints of a rank decided, as `run.decisions()` gives it. Fails: corrupt, unsupported.
    [[nodiscard]] result<std::vector<Decision>> decisions(unsigned rank = 0) const {
        std::vector<Decision> all;
        const auto keep = [&](const detail::StoredRow& row) {
            auto decision = detail::decision_of(row);
            if (decision && !detail::is_bookkeeping(decision->kind)) all.push_back(std::move(*decision));
        };
        auto read = for_each_row(keep, rank);
        if (!read) return read.error();
        return detail::in_order(std::move(all));
    }
    /// The summary of every metric, from the rows themselves. `report`, if given, gets what could not be
    /// read.
    [[nodiscard]] result<detail::MetricViews> metrics(detail::HistoryReport* report = nullptr) const {
        detail::MetricViews views;
        auto read = for_each_row([&](std::int64_t step, std::int64_t, std::span<const NamedValue> values) {
            detail::take_in(views, step, values);
        });
        if (!read) return read.error();
        if (report != nullptr) *report = std::move(*read);
        return views;
    }
    /// The summary of every metric and what the user set: `{"metrics": {"loss": {"last": …}}, "user": {…}}`.
    /// Of a run that has ended it is what was written at its end; otherwise it is made of its rows. Fails:
    /// corrupt, unsupported.
    [[nodiscard]] result<nlohmann::json> summary() const {
        if (has_ended()) {
            if (auto written = folder_.read_json("summary.json"); written && written->is_object())
                return written;
        }
        const auto views = metrics();
        if (!views) return views.error();
        nlohmann::json made = nlohmann::json::object();
        for (const auto& [name, view] : *views) made[name] = detail::to_json(view.summary);
        return nlohmann::json{{"metrics", std::move(made)}, {"user", user_summary()}};
    }
    /// What the program set of it with `set_summary`.
    [[nodiscard]] nlohmann::json user_summary() const {
        const auto written = folder_.read_json("summary.json");
        const bool has = written && written->is_object() && written->contains("user");
        return has ? (*written)["user"] : nlohmann::json::object();
    }
    /// The ranks that have written it, in order. Fails as the disk does.
    [[nodiscard]] result<std::vector<unsigned>> ranks() const { return detail::ranks_in(folder_.path()); }

    /// All values of one metric, in the order they were logged:
    /// `run.series("loss")->window(from, to).buckets(2000)`. Of one rank, or of all: then rank 0's come
    /// first. Cost: reads the histories' indices, not the histories. Fails: not_found, naming the metrics
    /// there are; corrupt, unsupported, io.
    [[nodiscard]] result<Series> series(std::string_view metric, std::optional<unsigned> rank = {}) const;

    /// The same of several metrics, in one walk; of those that there are. Threads: all of them together, one
    /// at a time.
    [[nodiscard]] result<std::map<std::string, Series>> series_of(std::span<const std::string> metrics,
                                                                  std::optional<unsigned> rank = {}) const;

    /// What the indices of the histories tell of each metric, of all ranks: `{"loss": {"count", "last",
    /// "last_step", "min", "max", "nans"}}`, of finite values; "nans" counts the others. Cost: reads the
    /// indices, not the histories, so also of a long run that goes on. Fails: corrupt, unsupported, io.
    [[nodiscard]] result<nlohmann::json> overview() const;

    /// All values of one metric over those of another: `run.series_over("loss", "epoch")->buckets(2000)`. A
    /// value's x is that of its own row, or the last that its thread had logged before. Cost: reads all of
    /// the histories. Fails: not_found, corrupt, unsupported, io.
    [[nodiscard]] result<SeriesOver> series_over(std::string_view metric, std::string_view x,
                                                 std::optional<unsigned> rank = {}) const;

    /// Which way `define_metric` said that a metric is better; `unspecified` if it did not.
    [[nodiscard]] Direction goal_of(std::string_view metric) const { return detail::goal_in(about_, metric); }

  private:
    [[nodiscard]] std::filesystem::path rank_dir(unsigned rank) const {
        return detail::rank_dir(folder_.path(), rank);
    }
    /// Calls `f(folder)` for that of one rank, or of each, until it fails.
    template <class F>
    result<void> for_each_rank(std::optional<unsigned> rank, F&& f) const {
        if (rank) return f(rank_dir(*rank));
        const auto all = ranks();
        if (!all) return all.error();
        for (const unsigned of : *all) {
            if (auto done = f(rank_dir(of)); !done) return done;
        }
        return {};
    }
    /// Calls `f(name, SeriesNode)` for each metric that has numbers.
    template <class F>
    result<void> for_each_metric(std::optional<unsigned> rank, F&& f) const {
        detail::SeriesReader reader;
        const auto read =
            for_each_rank(rank, [&](const std::filesystem::path& dir) { return reader.add(dir); });
        if (!read) return read.error();
        reader.for_each_metric(f);
        return {};
    }
    [[nodiscard]] static error no_metric(std::string_view metric,
                                         const std::set<std::string, std::less<>>& names) {
        std::string there;
        for (const std::string& name : names) {
            if (name != metric && there.size() < 300) there += (there.empty() ? "" : ", ") + name;
        }
        return {errc::not_found, "the run has no numbers of this metric", detail::suggest_name(metric),
                there.empty() ? "it has no metric yet" : "it has: " + there};
    }
    /// From what the process left, and what the kernel counts.
    [[nodiscard]] std::string crash() const {
        if (const auto signal = detail::os::crash_signal(dir() / detail::crash_file))
            return std::string{detail::os::signal_name(*signal)} + " (signal " + std::to_string(*signal) +
                   ")";
        const auto process = detail::process_from(about_.value("process", nlohmann::json{}));
        const auto here = detail::os::this_process();
        if (process.host != here.host || process.boot.empty()) return {};
        if (process.boot != here.boot) return "the machine was restarted";
        const auto memory = about_.find("memory");
        std::string group;
        std::uint64_t before = 0;
        if (memory == about_.end() || !detail::get_field(*memory, "group", group) ||
            !detail::get_field(*memory, "killed", before) || !group.starts_with("/sys/fs/cgroup/"))
            return {};
        const auto killed = detail::os::killed_for_memory(group);
        if (!killed || *killed <= before) return {};
        return "memory ran out, it seems: the kernel killed " + std::to_string(*killed - before) +
               " processes of its group since it began";
    }
    [[nodiscard]] std::string text(const char* key) const {
        const auto found = about_.find(key);
        return found != about_.end() && found->is_string() ? found->get<std::string>() : std::string{};
    }
    [[nodiscard]] std::int64_t number(const char* key) const {
        const auto found = about_.find(key);
        return found != about_.end() && found->is_number() ? found->get<std::int64_t>() : 0;
    }

    RunFolder folder_;
    nlohmann::json about_;
    RunState state_;
};

namespace detail {

/// See `RunList::find`.
template <class Run>
[[nodiscard]] result<Run*> find_run(const std::vector<Run*>& newest_first, const std::string& text) {
    std::vector<Run*> exact, by_name, by_prefix;
    for (Run* run : newest_first) {
        if (run->id() == text || run->project() + "/" + run->id() == text) exact.push_back(run);
        if (run->is_deleted()) continue;
        if (text == "latest") return run;
        if (run->name() == text) by_name.push_back(run);
        if (!text.empty() && run->id().starts_with(text)) by_prefix.push_back(run);
    }
    for (const auto* found : {&exact, &by_name, &by_prefix}) {
        if (found->size() == 1) return found->front();
        if (found->size() > 1) {
            const auto named = [](const Run* run) { return run->project() + "/" + run->id(); };
            return error{errc::invalid_argument, "several runs are named so", suggest_name(text),
                         "name one by its id: " + named(found->front()) + " or " + named(found->back())};
        }
    }
    return error{errc::not_found, "there is no such run", suggest_name(text),
                 "see which there are with: cairn ls"};
}

}  // namespace detail

/// The runs of a store, newest first, and what could not be read.
struct RunList {
    std::vector<RecordedRun> runs;  ///< newest first
    std::vector<error> damaged;     ///< why a run could not be read, for each such run

    /// The one that `text` names: its id, "project/id", the beginning of its id, its name, or "latest".
    /// Fails: not_found; invalid_argument if it names several.
    [[nodiscard]] result<RecordedRun*> find(const std::string& text) {
        std::vector<RecordedRun*> all;
        for (RecordedRun& run : runs) all.push_back(&run);
        return detail::find_run(all, text);
    }
};

/// A store that is read. Made by `cairn::open`.
class StoreReader {
  public:
    /// For `cairn::open`.
    explicit StoreReader(Store store) : store_{std::move(store)} {}

    /// The store that is read.
    [[nodiscard]] const Store& store() const noexcept { return store_; }

    /// The run of this id. Fails: not_found, also if it is only being made; corrupt.
    [[nodiscard]] result<RecordedRun> run(const std::string& project, const std::string& id) const {
        auto folder = RunFolder::open_reader(store_, project, id);
        if (!folder) return folder.error();
        auto about = folder->read_run();
        if (!about) return about.error();
        (*about)["project"] = project;  // it may have been copied or renamed
        (*about)["id"] = id;
        const auto edits = detail::read_edits(folder->path());
        if (!edits) return edits.error();
        detail::apply_edits(*about, *edits);
        const auto state = folder->state();
        if (!state) return state.error();
        return RecordedRun{std::move(*folder), std::move(*about), *state};
    }

    /// All runs, of one project if one is named.
    [[nodiscard]] result<RunList> runs(const std::string& project = {}) const {
        RunList list;
        const auto projects = store_.projects();
        if (!projects) return projects.error();
        for (const std::string& of : *projects) {
            if (!project.empty() && of != project) continue;
            const auto ids = store_.runs(of);
            if (!ids) return ids.error();
            for (const std::string& id : *ids) {
                auto run = this->run(of, id);
                if (run) {
                    list.runs.push_back(std::move(*run));
                } else if (run.error().code() != errc::not_found) {  // a folder whose run is only being made
                    list.damaged.push_back(run.error());
                }
            }
        }
        std::sort(list.runs.begin(), list.runs.end(), [](const RecordedRun& a, const RecordedRun& b) {
            return a.created_ns() != b.created_ns() ? a.created_ns() > b.created_ns() : a.id() < b.id();
        });
        return list;
    }

    /// The run that `text` names; see `RunList::find`. Cost: reads the record of every run.
    [[nodiscard]] result<RecordedRun> find(const std::string& text) const {
        auto list = runs();
        if (!list) return list.error();
        const auto found = list->find(text);
        if (!found) return found.error();
        return std::move(**found);
    }

    /// The versions that a run saved, by artifact, oldest first; and what is damaged.
    struct SavedVersions {
        std::map<std::string, std::vector<Manifest>> by_artifact;  ///< oldest first
        /// Of those artifacts: each alias and the version that it names.
        std::map<std::string, std::map<std::string, std::uint64_t>> aliases;
        std::vector<error> damaged;  ///< what could not be read, and why

        /// The aliases of one of them.
        [[nodiscard]] const std::map<std::string, std::uint64_t>& aliases_of(const std::string& name) const {
            static const std::map<std::string, std::uint64_t> none;
            const auto found = aliases.find(name);
            return found != aliases.end() ? found->second : none;
        }
    };
    /// What a run saved: checkpoints, models and other artifacts. Fails as the disk does; what is damaged
    /// is in the answer. Cost: reads every manifest of the project.
    [[nodiscard]] result<SavedVersions> versions_of(const RecordedRun& run) const {
        SavedVersions saved;
        const auto take = [&](const ArtifactStore& artifact, auto& listing) -> result<void> {
            for (Manifest& manifest : listing.versions) {
                if (manifest.run == run.id())
                    saved.by_artifact[artifact.name()].push_back(std::move(manifest));
            }
            if (auto known = artifact.aliases(); known && saved.by_artifact.contains(artifact.name()))
                saved.aliases[artifact.name()] = std::move(*known);
            return {};
        };
        const auto read = each_artifact(run.project(), saved.damaged, take);
        if (!read) return read.error();
        return saved;
    }
    /// Calls `f(ArtifactStore, listing) -> result<void>` for each artifact of a project, until it fails; of
    /// those whose name `is_wanted`. What is damaged is put into `damaged`.
    template <class F, class IsWanted = bool (*)(const std::string&)>
    result<void> each_artifact(
        const std::string& project, std::vector<error>& damaged, F&& f,
        IsWanted&& is_wanted = [](const std::string&) { return true; }) const {
        const auto names = store_.artifacts(project);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            if (!is_wanted(name)) continue;
            const auto artifact = ArtifactStore::open(store_, project, name);
            if (!artifact) {
                damaged.push_back(artifact.error());
                continue;
            }
            auto listing = artifact->list();
            if (!listing) return listing.error();
            damaged.insert(damaged.end(), listing->damaged.begin(), listing->damaged.end());
            if (auto taken = f(*artifact, *listing); !taken) return taken;
        }
        return {};
    }

    /// Looks at every byte of a run: its rows on every rank, and the versions that it saved. Fails as the
    /// disk does; what is damaged is in the answer.
    [[nodiscard]] result<Verified> verify(const RecordedRun& run) const {
        Verifier verifier{store_};
        const auto saved = versions_of(run);
        if (!saved) return saved.error();
        for (const auto& [name, versions] : saved->by_artifact) {
            const auto artifact = ArtifactStore::open(store_, run.project(), name);
            if (!artifact) return artifact.error();
            for (const Manifest& manifest : versions) verifier.look_at(*artifact, manifest);
        }
        Verified found = verifier.found();
        found.damaged.insert(found.damaged.end(), saved->damaged.begin(), saved->damaged.end());
        look_at_rows(run, found);
        return found;
    }
    /// The same of all runs and all artifacts of the store.
    [[nodiscard]] result<Verified> verify() const {
        auto found = cairn::verify(store_);
        if (!found) return found;
        const auto list = runs();
        if (!list) return list.error();
        found->damaged.insert(found->damaged.end(), list->damaged.begin(), list->damaged.end());
        for (const RecordedRun& run : list->runs) look_at_rows(run, *found);
        return found;
    }

  private:
    static void look_at_rows(const RecordedRun& run, Verified& found) {
        const auto ranks = run.ranks();
        if (!ranks) return found.damaged.push_back(ranks.error());
        for (const unsigned rank : *ranks) {
            const auto read =
                run.for_each_row([](std::int64_t, std::int64_t, std::span<const NamedValue>) {}, rank);
            if (!read) {
                found.damaged.push_back(read.error());
                continue;
            }
            found.rows += read->rows;
            const auto damage = read->errors(run.dir().string());
            found.damaged.insert(found.damaged.end(), damage.begin(), damage.end());
        }
    }

    Store store_;
};

/// Opens a store for reading; never makes one. Fails: not_found, unsupported.
[[nodiscard]] inline result<StoreReader> open(const std::filesystem::path& dir) {
    auto store = Store::open_existing(dir);
    if (!store) return store.error();
    return StoreReader{std::move(*store)};
}

inline result<std::map<std::string, Series>> RecordedRun::series_of(std::span<const std::string> metrics,
                                                                    std::optional<unsigned> rank) const {
    detail::SeriesReader reader{metrics};
    const auto read = for_each_rank(rank, [&](const std::filesystem::path& dir) { return reader.add(dir); });
    if (!read) return read.error();
    std::map<std::string, Series> out;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        Series series = reader.take(i);
        if (series.size() == 0) continue;
        series.set_origin(created_ns());
        out.insert_or_assign(metrics[i], std::move(series));
    }
    return out;
}

inline result<Series> RecordedRun::series(std::string_view metric, std::optional<unsigned> rank) const {
    const std::string name{metric};
    auto found = series_of({&name, 1}, rank);
    if (!found) return found.error();
    if (!found->empty()) return std::move(found->begin()->second);
    std::set<std::string, std::less<>> names;
    const auto all = for_each_metric(rank, [&](const std::string& one, const auto&) { names.insert(one); });
    if (!all) return all.error();
    return no_metric(metric, names);
}

inline result<nlohmann::json> RecordedRun::overview() const {
    nlohmann::json out = nlohmann::json::object();
    const auto read = for_each_metric({}, [&](const std::string& name, const detail::SeriesNode& node) {
        nlohmann::json one = {{"count", node.count()}, {"last_step", node.last_step}};
        if (node.nans + node.infinities != 0) one["nans"] = node.nans + node.infinities;
        if (node.finite != 0) one.update({{"last", node.last}, {"min", node.min}, {"max", node.max}});
        out[name] = std::move(one);
    });
    if (!read) return read.error();
    return out;
}

inline result<SeriesOver> RecordedRun::series_over(std::string_view metric, std::string_view x,
                                                   std::optional<unsigned> rank) const {
    SeriesOver series;
    std::set<std::string, std::less<>> names;
    bool has_x = false;
    const auto read = for_each_rank(rank, [&](const std::filesystem::path& dir) -> result<void> {
        std::map<std::uint32_t, double> last_x;  // of each ring
        const auto one = detail::read_history(dir, [&](const detail::StoredRow& row) {
            if (row.kind != detail::RecordKind::row) return;
            for (const NamedValue& named : row.values) {
                if (names.find(named.name) == names.end()) names.emplace(named.name);
                if (named.name == x && !named.value.is_text())
                    last_x[row.ring] = named.value.number(), has_x = true;
            }
            const auto at = last_x.find(row.ring);
            for (const NamedValue& named : row.values) {
                if (named.name == metric && !named.value.is_text())
                    series.add(at != last_x.end() ? at->second : std::nan(""), row.time_ns,
                               named.value.number());
            }
        });
        return one ? result<void>{} : one.error();
    });
    if (!read) return read.error();
    if (!has_x) return no_metric(x, names);
    if (series.size() + series.without_x() == 0) return no_metric(metric, names);
    return series;
}

}  // namespace CAIRN_NAMESPACE
