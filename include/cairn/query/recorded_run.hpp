// SPDX-License-Identifier: MIT
#pragma once
// One run that was recorded: its record, its rows and its metrics. Reads what is on disk, also of a run that
// is being written or has crashed. Costs nlohmann/json.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/query/detail/crash_signal.hpp>
#include <cairn/query/detail/read_series.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/series_over.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/recorded_alert.hpp>
#include <cairn/run/summary.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/json_field.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
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
    RecordedRun(RunReader folder, nlohmann::json about, RunState state)
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
    /// What stands between the rows.
    struct Events {
        std::vector<Decision> decisions{};  ///< as `run.decisions()` gives them
        std::vector<Alert> alerts{};        ///< in the order they were recorded
    };
    /// Those of a rank. Cost: reads the history's index and the frames that have some, not the others. Fails:
    /// corrupt, unsupported, io.
    [[nodiscard]] result<Events> events(unsigned rank = 0) const;
    /// What the checkpoints of a rank decided, as `run.decisions()` gives it. Fails: corrupt, unsupported.
    [[nodiscard]] result<std::vector<Decision>> decisions(unsigned rank = 0) const {
        auto all = events(rank);
        if (!all) return all.error();
        return std::move(all->decisions);
    }
    /// What a rank wanted somebody to hear of. Fails: corrupt, unsupported.
    [[nodiscard]] result<std::vector<Alert>> alerts(unsigned rank = 0) const {
        auto all = events(rank);
        if (!all) return all.error();
        return std::move(all->alerts);
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
    /// The summary of every metric, of what the machine did, and what the user set: `{"metrics": {"loss":
    /// {"last": …}}, "system": {"system/cpu": …}, "user": {…}}`. Of a run that has ended it is what was
    /// written at its end; otherwise it is made of its rows. Fails: corrupt, unsupported.
    [[nodiscard]] result<nlohmann::json> summary() const {
        if (has_ended()) {
            if (auto written = folder_.read_json("summary.json"); written && written->contains("metrics"))
                return written;
        }
        detail::MetricSummaries rows, samples;
        const auto read = for_each_row([&](const detail::StoredRow& row) {
            if (detail::has_series(row.kind))
                detail::take_in(row.kind == detail::RecordKind::row ? rows : samples, row.step, row.values);
        });
        if (!read) return read.error();
        const auto told = [](const detail::MetricSummaries& metrics) {
            nlohmann::json made = nlohmann::json::object();
            for (const auto& [name, summary] : metrics) made[name] = detail::to_json(summary);
            return made;
        };
        return nlohmann::json{{"metrics", told(rows)}, {"system", told(samples)}, {"user", user_summary()}};
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
        if (const auto signal = detail::crash_signal(dir() / detail::crash_file))
            return std::string{detail::signal_name(*signal)} + " (signal " + std::to_string(*signal) + ")";
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

    RunReader folder_;
    nlohmann::json about_;
    RunState state_;
};

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

inline result<RecordedRun::Events> RecordedRun::events(unsigned rank) const {
    Events all;
    detail::SeriesReader reader{[&](const detail::StoredRow& row) {
        if (auto alert = detail::alert_of(row)) return all.alerts.push_back(std::move(*alert));
        auto decision = detail::decision_of(row);
        if (decision && !detail::is_bookkeeping(decision->kind))
            all.decisions.push_back(std::move(*decision));
    }};
    if (auto done = reader.add(rank_dir(rank)); !done) return done.error();
    all.decisions = detail::in_order(std::move(all.decisions));
    return all;
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
