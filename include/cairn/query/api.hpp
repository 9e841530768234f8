// SPDX-License-Identifier: MIT
#pragma once
// Questions as paths and parameters, answers as JSON: for a page that shows runs, wherever it gets them from.
// Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/read_number.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/policy/simulate.hpp>
#include <cairn/query/artifacts.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/edit_run.hpp>
#include <cairn/query/media_answers.hpp>
#include <cairn/query/parameters.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/series_cache.hpp>
#include <cairn/query/series_over.hpp>
#include <cairn/query/smooth.hpp>
#include <cairn/query/store_watch.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// What `series` is asked for.
struct SeriesWanted {
    std::int64_t from = std::numeric_limits<std::int64_t>::min();
    std::int64_t to = std::numeric_limits<std::int64_t>::max();
    Axis axis = Axis::step;
    std::size_t buckets = 0;
    Smooth smooth{};
    std::string x{};  ///< a metric, instead of the axis
    double from_x = minus_infinity;
    double to_x = infinity;
};
[[nodiscard]] inline result<SeriesWanted> series_wanted(const ParameterReader& ask) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min(),
                   most = std::numeric_limits<std::int64_t>::max();
    constexpr std::size_t most_buckets = 10'000;
    SeriesWanted wanted;
    wanted.x = ask.text("x");
    if (wanted.x.empty()) {
        const auto from = ask.number<std::int64_t>("from", least, least, most);
        if (!from) return from.error();
        const auto to = ask.number<std::int64_t>("to", most, least, most);
        if (!to) return to.error();
        wanted.from = *from;
        wanted.to = *to;
    } else {
        const auto from = ask.number<double>("from", minus_infinity, minus_infinity, infinity);
        if (!from) return from.error();
        const auto to = ask.number<double>("to", infinity, minus_infinity, infinity);
        if (!to) return to.error();
        wanted.from_x = *from;
        wanted.to_x = *to;
    }
    const auto axis =
        ask.word<Axis>("axis", {{"step", Axis::step}, {"time", Axis::time}, {"relative", Axis::relative}});
    if (!axis) return axis.error();
    const auto buckets = ask.number<std::size_t>("buckets", 1000, 1, most_buckets);
    if (!buckets) return buckets.error();
    const auto kind = ask.word<Smoothing>("smooth", {{"none", Smoothing::none},
                                                     {"time_weighted", Smoothing::time_weighted},
                                                     {"exponential", Smoothing::exponential},
                                                     {"gaussian", Smoothing::gaussian}});
    if (!kind) return kind.error();
    const auto weight = ask.number<double>("weight", 0, 0, 1000);
    if (!weight) return weight.error();
    wanted.axis = *axis;
    wanted.buckets = *buckets;
    wanted.smooth = {*kind, *weight};
    return wanted;
}

/// What one question may cost: others wait for it.
class Budget {
  public:
    /// Fails: invalid_argument, if this curve is too much beside those before it.
    result<void> pay(const Series& series, const SeriesWanted& wanted) {
        constexpr double most_numbers = 2e9;           // that are weighed: some seconds
        constexpr std::size_t most_buckets = 500'000;  // about 50 MB of text
        const bool is_smooth = wanted.smooth.kind != Smoothing::none;
        const double each = wanted.smooth.kind == Smoothing::gaussian ? 1 + 6 * wanted.smooth.weight : 8;
        numbers_ += is_smooth ? static_cast<double>(series.size()) * each : 0;
        buckets_ += std::min(wanted.buckets, series.size()) * (is_smooth ? 2 : 1);
        if (numbers_ <= most_numbers && buckets_ <= most_buckets) return {};
        return error{errc::invalid_argument, "this is more than one answer may cost",
                     std::to_string(series.size()) + " values",
                     numbers_ > most_numbers
                         ? "ask for fewer curves, or for time_weighted smoothing where it is gaussian"
                         : "ask for fewer curves or fewer buckets"};
    }

  private:
    double numbers_ = 0;
    std::size_t buckets_ = 0;
};

template <class Buckets>
[[nodiscard]] std::uint64_t count_of(const Buckets& buckets) {
    std::uint64_t count = 0;
    for (const auto& bucket : buckets) count += bucket.finite + bucket.not_finite;
    return count;
}
/// One metric of one run: its values if they are few enough, otherwise buckets; and the smoothed curve.
[[nodiscard]] inline nlohmann::json series_answer(const Series& series, const SeriesWanted& wanted) {
    constexpr std::size_t most_restarts = 50;
    const auto window = series.window(wanted.from, wanted.to, wanted.axis).cut();
    nlohmann::json out = {{"size", series.size()},
                          {"restarts", series.restarts()},
                          {"restarts_at", as_json(series.restart_points(most_restarts))},
                          {"damaged", series.damaged()},
                          {"first_step", series.first_step()},
                          {"last_step", series.last_step()},
                          {"first_ms", ms_of(series.first_ns())},
                          {"last_ms", ms_of(series.last_ns())},
                          {"origin_ms", ms_of(series.origin_ns())}};
    const auto buckets = window.buckets(wanted.buckets);
    out["in_window"] = count_of(buckets);
    if (count_of(buckets) <= wanted.buckets)
        out["points"] = as_json(window.points());
    else
        out["buckets"] = as_json(buckets);
    if (wanted.smooth.kind != Smoothing::none) {
        nlohmann::json at = nlohmann::json::array(), value = at;
        for (const Bucket& bucket :
             smoothed(series, wanted.from, wanted.to, wanted.axis, wanted.buckets, wanted.smooth)) {
            if (bucket.finite == 0) continue;
            at.push_back(bucket.to);
            value.push_back(bucket.last);
        }
        out["smooth"] = {{"at", std::move(at)}, {"value", std::move(value)}};
    }
    out["unread"] = series.unread();
    return out;
}
/// The same over another metric, as buckets.
[[nodiscard]] inline nlohmann::json series_answer(const SeriesOver& series, const SeriesWanted& wanted) {
    nlohmann::json out = {
        {"size", series.size()}, {"restarts", series.restarts()}, {"without_x", series.without_x()}};
    if (series.size() == 0) return out;
    const auto buckets = series.buckets(wanted.buckets, wanted.from_x, wanted.to_x);
    out["in_window"] = count_of(buckets);
    out["buckets"] = as_json(buckets);
    return out;
}

}  // namespace detail

/// Answers about a store, as often as one likes: what was read is kept as long as it does not change.
/// Threads: one at a time.
class Api {
  public:
    /// Of this store.
    explicit Api(StoreReader store) : watch_{std::move(store)} {}

    /// The answer to a question: `answer("run", {{"run", "latest"}})`. Fails: not_found, also for a path that
    /// there is none of; invalid_argument, naming the parameter; as what is asked for fails.
    [[nodiscard]] result<nlohmann::json> answer(std::string_view path, const Parameters& parameters) {
        const detail::ParameterReader ask{parameters};
        if (path == "runs") {
            auto found = listed(ask);
            if (!found) return found.error();
            nlohmann::json& rows = found->rest["runs"] = nlohmann::json::array();
            for (const WatchedRun* one : found->runs) rows.push_back(short_row(one->row));
            return std::move(found->rest);
        }
        if (path == "series") return series(ask);
        const auto of_run = [&](auto&& f) -> result<nlohmann::json> {
            const auto run = find_all({ask.text("run")});
            if (!run) return run.error();
            return f(*run->front());
        };
        if (path == "run")
            return of_run([&](const WatchedRun& one) {  // of one that goes on not from all its rows
                const bool is_short = one.run.state() == RunState::running;
                return run_as_json(watch_.store(), one.run, is_short ? &one.row["metrics"] : nullptr);
            });
        if (path == "artifacts") return artifacts_as_json(watch_.store(), ask.text("of"));
        if (path == "metrics") return of_run([](const WatchedRun& one) { return one.row["metrics"]; });
        if (path == "decisions") return of_run([](const WatchedRun& one) { return decisions(one.run); });
        if (path == "simulate") return of_run([&](const WatchedRun& one) { return dry_run(one, ask); });
        if (path == "media") return of_run([&](const WatchedRun& one) { return media(one, ask); });
        if (path == "lines") return of_run([&](const WatchedRun& one) { return lines(one.run, ask); });
        return error{errc::not_found, "there is no such question", detail::suggest_name(path),
                     "ask for runs, run, metrics, series, media, artifacts, decisions, simulate or lines"};
    }

    /// The answer to "runs" as text: quicker, as runs that have not changed are not put into words again.
    [[nodiscard]] result<std::string> runs_text(const Parameters& parameters) {
        const auto found = listed(detail::ParameterReader{parameters});
        if (!found) return found.error();
        std::string text = R"({"runs":[)";
        for (const WatchedRun* one : found->runs) {
            if (text.back() != '[') text += ',';
            text += row_text(*one);
        }
        return text + "]," + detail::json_text(found->rest).substr(1);  // of that without its brace
    }

    /// The same for what may take seconds and needs nothing that is kept, so that nobody waits for it:
    /// "decisions" of a run that is named "project/id". Nothing if it is no such question. Threads: any,
    /// also while another one is in `answer`.
    [[nodiscard]] std::optional<result<nlohmann::json>> answer_beside(std::string_view path,
                                                                      const Parameters& parameters) const {
        const std::string name = detail::ParameterReader{parameters}.text("run");
        const std::size_t slash = name.rfind('/');
        if (path != "decisions" || slash == std::string::npos) return std::nullopt;
        const auto run = watch_.store().run(name.substr(0, slash), name.substr(slash + 1));
        if (!run) return std::nullopt;  // `answer` says what is wrong
        return decisions(*run);
    }

    /// Changes a run: `name`, `notes`, `tag` (all of them; one that is empty is none), `deleted` ("true" or
    /// "false"). Fails as `edit_run` does.
    [[nodiscard]] result<nlohmann::json> edit(const Parameters& parameters) {
        const detail::ParameterReader ask{parameters};
        if (auto looked = watch_.look(); !looked) return looked.error();
        const auto run = watch_.find(ask.text("run"));
        if (!run) return run.error();
        RunEdit edit;
        if (parameters.contains("name")) edit.name = ask.text("name");
        if (parameters.contains("notes")) edit.notes = ask.text("notes");
        if (parameters.contains("tag")) {
            edit.tags.emplace(ask.texts("tag"));
            std::erase(*edit.tags, "");
        }
        if (parameters.contains("deleted")) {
            const auto deleted = ask.word<bool>("deleted", {{"false", false}, {"true", true}});
            if (!deleted) return deleted.error();
            edit.deleted = *deleted;
        }
        const std::string id = (*run)->id();
        if (auto done = edit_run(watch_.store(), (*run)->run, edit); !done) return done.error();
        if (auto looked = watch_.look(); !looked) return looked.error();  // who asks next sees it
        return nlohmann::json{{"changed", id}};
    }

  private:
    /// Each run once, however it is spelt, as it was a moment ago: a page asks for many charts at once. Where
    /// all are named as a page names them, the other runs of the store cost nothing.
    [[nodiscard]] result<std::vector<const WatchedRun*>> find_all(const std::vector<std::string>& names) {
        constexpr std::int64_t moment_ns = 200'000'000;
        const bool are_known = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
            return watch_.look_at(name, moment_ns) != nullptr;
        });
        if (are_known) return known_of(names);
        if (auto looked = watch_.look(moment_ns); !looked) return looked.error();
        if (auto found = known_of(names)) return found;
        if (auto looked = watch_.look(); !looked) return looked.error();
        return known_of(names);
    }
    /// The same, without a look.
    [[nodiscard]] result<std::vector<const WatchedRun*>>
    known_of(const std::vector<std::string>& names) const {
        std::vector<const WatchedRun*> runs;
        for (const std::string& name : names) {
            const auto run = watch_.find(name);
            if (!run) return run.error();
            if (std::find(runs.begin(), runs.end(), *run) == runs.end()) runs.push_back(*run);
        }
        return runs;
    }

    struct Listed {
        std::vector<const WatchedRun*> runs;
        nlohmann::json rest;  // of the answer
    };
    /// A table has no more metrics of each run; "metrics" tells all of one.
    static constexpr std::size_t most_metrics = 200;

    /// The runs with config and summary: what the table of runs shows. With `since`, the cursor of an earlier
    /// answer, only those that have changed after it.
    [[nodiscard]] result<Listed> listed(const detail::ParameterReader& ask) {
        if (auto looked = watch_.look(); !looked) return looked.error();
        const auto limit = ask.number<std::size_t>("limit", 10'000, 1, 1'000'000);
        if (!limit) return limit.error();
        const std::string project = ask.text("project");
        const auto since = change_in(ask.text("since"));
        std::vector<const WatchedRun*> out;
        bool is_truncated = false;
        for (const WatchedRun* one : watch_.runs()) {
            if ((!project.empty() && one->project() != project) || one->changed <= since.value_or(0))
                continue;
            is_truncated = !since && out.size() == *limit;
            if (is_truncated) break;
            out.push_back(one);
        }
        return Listed{std::move(out),
                      {{"all", !since},
                       {"gone", since ? watch_.gone_since(*since) : std::vector<std::string>{}},
                       {"cursor", session_ + "-" + std::to_string(watch_.changes())},
                       {"truncated", is_truncated},
                       {"damaged", as_json(watch_.damaged())}}};
    }
    /// The change that a cursor tells; nothing of one that another session gave.
    [[nodiscard]] std::optional<std::uint64_t> change_in(std::string_view cursor) const {
        if (!cursor.starts_with(session_ + "-")) return std::nullopt;
        cursor.remove_prefix(session_.size() + 1);
        const auto change = detail::whole_number<std::uint64_t>(cursor);
        return change && *change <= watch_.changes() ? change : std::nullopt;
    }
    [[nodiscard]] static nlohmann::json short_row(const nlohmann::json& row) {
        nlohmann::json out = nlohmann::json::object();
        for (const auto& [key, value] : row.items()) {
            if (key != "metrics") out[key] = value;
        }
        nlohmann::json& metrics = out["metrics"] = nlohmann::json::object();
        const auto add = [&](const std::string& name, const nlohmann::json& value) {
            if (metrics.size() < most_metrics) metrics[name] = value;
        };
        const nlohmann::json& all = row["metrics"];
        for (const auto& [name, about] : row["defined"].items()) {  // those that were thought of first
            if (const auto found = all.find(name); found != all.end()) add(name, *found);
        }
        for (const bool of_machine : {false, true}) {
            for (const auto& [name, value] : all.items())
                if (name.starts_with(detail::system_prefix) == of_machine) add(name, value);
        }
        out["metrics_left_out"] = all.size() - metrics.size();
        return out;
    }
    [[nodiscard]] const std::string& row_text(const WatchedRun& one) {
        if (texts_.size() > 2 * watch_.runs().size()) texts_.clear();  // most of them are gone
        auto& [changed, text] = texts_[{one.project(), one.id()}];
        if (changed != one.changed) text = detail::json_text(short_row(one.row)), changed = one.changed;
        return text;
    }
    /// `run` and `metric` may be there several times: an answer for each metric of each run that has it.
    [[nodiscard]] result<nlohmann::json> series(const detail::ParameterReader& ask) {
        const auto wanted = detail::series_wanted(ask);
        if (!wanted) return wanted.error();
        constexpr std::size_t most = 2000;
        if (ask.texts("run").size() * ask.texts("metric").size() > most) {
            return error{errc::invalid_argument, "these are more curves than one answer has",
                         std::to_string(ask.texts("run").size()) + " runs x " +
                             std::to_string(ask.texts("metric").size()) + " metrics",
                         "ask for at most " + std::to_string(most) + " at once"};
        }
        const auto runs = find_all(ask.texts("run"));
        if (!runs) return runs.error();
        detail::Budget budget;
        nlohmann::json out = nlohmann::json::array();
        for (const WatchedRun* run : *runs) {
            const auto add = [&](const std::string& metric, nlohmann::json answer) {
                answer["run"] = run->id();
                answer["project"] = run->project();
                answer["metric"] = metric;
                out.push_back(std::move(answer));
            };
            if (!wanted->x.empty()) {
                for (const std::string& metric : ask.texts("metric")) {
                    const auto over = run->run.series_over(metric, wanted->x);
                    if (!over && over.error().code() == errc::not_found) continue;
                    if (!over) return over.error();
                    add(metric, detail::series_answer(*over, *wanted));
                }
                continue;
            }
            const auto found = series_.of(*run, ask.texts("metric"));
            if (!found) return found.error();
            for (const auto& [metric, series] : *found)  // all of them, before the first takes its time
                if (auto paid = budget.pay(*series, *wanted); !paid) return paid.error();
            for (const auto& [metric, series] : *found) add(metric, detail::series_answer(*series, *wanted));
        }
        return nlohmann::json{{"series", std::move(out)}};
    }
    [[nodiscard]] static result<nlohmann::json> decisions(const RecordedRun& run) {
        const auto all = run.events();
        if (!all) return all.error();
        return as_json(*all);
    }
    [[nodiscard]] static result<nlohmann::json> dry_run(const WatchedRun& one,
                                                        const detail::ParameterReader& ask) {
        constexpr std::uint64_t most_values = 5'000'000;  // about a second, and half a gigabyte
        const RecordedRun& run = one.run;
        for (const auto& [name, about] : one.row["metrics"].items()) {
            const auto count = about.find("count");
            if (!about.is_object() || count == about.end() || !count->is_number_unsigned() ||
                *count <= most_values)
                continue;
            return error{errc::unsupported, "the run is too long for a dry run here", run.id(),
                         "run: cairn simulate " + run.id()};
        }
        auto policy = parse_policy(ask.text("policy"));
        if (!policy) return policy.error();
        const std::string keep = ask.text("keep");
        const auto retention = parse_retention(keep.empty() ? "all" : keep);
        if (!retention) return retention.error();
        const auto bytes = ask.number<std::uint64_t>("bytes", 0, 0, std::uint64_t{1} << 62U);
        if (!bytes) return bytes.error();
        const auto rows = run.rows();
        if (!rows) return rows.error();
        return as_json(simulate(std::move(*policy), *retention, *rows,
                                {.version_bytes = *bytes, .started_ns = run.started_ns()}));
    }
    [[nodiscard]] static result<nlohmann::json> lines(const RecordedRun& run,
                                                      const detail::ParameterReader& ask) {
        const auto most = ask.number<std::size_t>("most", 1000, 1, 100'000);
        if (!most) return most.error();
        auto lines = run.last_lines(*most);
        if (!lines) return lines.error();
        return nlohmann::json{{"lines", std::move(*lines)}};
    }

    [[nodiscard]] result<nlohmann::json> media(const WatchedRun& one, const detail::ParameterReader& ask) {
        constexpr std::size_t most_lists = 16;
        const auto key = std::pair{one.project(), one.id()};
        if (media_.size() >= most_lists && !media_.contains(key)) media_.clear();
        MediaList& list = media_.try_emplace(key, one.run.dir()).first->second;
        if (auto done = list.refresh(); !done) return done.error();
        return detail::media_answer(list, ask);
    }

    StoreWatch watch_;
    SeriesCache series_;
    std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::string>>
        texts_;  // of rows, by project and run, and the change that they were made after
    std::map<std::pair<std::string, std::string>, MediaList> media_;  // by project and run
    std::string session_ = detail::os::random_hex(8);
};

}  // namespace CAIRN_NAMESPACE
