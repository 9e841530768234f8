// SPDX-License-Identifier: MIT
#pragma once
// Questions as paths and parameters, answers as JSON: for a page that shows runs, wherever it gets them from.
// Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/policy/simulate.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>
#include <cairn/query/smooth.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a question says beside its path. A name may be there several times.
using Parameters = std::multimap<std::string, std::string, std::less<>>;

namespace detail {

/// Reads parameters. What is not there has a default; what is no such value is an error.
class ParameterReader {
  public:
    explicit ParameterReader(const Parameters& all) : all_{&all} {}

    [[nodiscard]] std::string text(std::string_view name) const {
        const auto found = all_->find(name);
        return found != all_->end() ? found->second : std::string{};
    }
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
        std::vector<std::string> out;
        const auto [from, to] = all_->equal_range(name);
        for (auto at = from; at != to; ++at) out.push_back(at->second);
        return out;
    }
    template <class N>
    [[nodiscard]] result<N> number(std::string_view name, N otherwise, N least, N most) const {
        const std::string text = this->text(name);
        if (text.empty()) return otherwise;
        N value{};
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (problem == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
            return value;
        return error{errc::invalid_argument, "parameter " + std::string{name} + " is no such number", text,
                     "give one from " + std::to_string(least) + " to " + std::to_string(most)};
    }
    /// The value that a word stands for; the first if there is none.
    template <class V, std::size_t N>
    [[nodiscard]] result<V> word(std::string_view name,
                                 const std::pair<std::string_view, V> (&known)[N]) const {
        const std::string text = this->text(name);
        if (text.empty()) return known[0].second;
        std::string words;
        for (const auto& [word, value] : known) {
            if (word == text) return value;
            words += (words.empty() ? "" : ", ") + std::string{word};
        }
        return error{errc::invalid_argument, "parameter " + std::string{name} + " is not one of: " + words,
                     text, "give one of these"};
    }

  private:
    const Parameters* all_;
};

/// What `series` is asked for.
struct SeriesWanted {
    std::int64_t from = std::numeric_limits<std::int64_t>::min();
    std::int64_t to = std::numeric_limits<std::int64_t>::max();
    Axis axis = Axis::step;
    std::size_t buckets = 0;
    Smooth smooth{};
};
[[nodiscard]] inline result<SeriesWanted> series_wanted(const ParameterReader& ask) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min(),
                   most = std::numeric_limits<std::int64_t>::max();
    constexpr std::size_t most_buckets = 10'000;
    const auto from = ask.number<std::int64_t>("from", least, least, most);
    if (!from) return from.error();
    const auto to = ask.number<std::int64_t>("to", most, least, most);
    if (!to) return to.error();
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
    return SeriesWanted{*from, *to, *axis, *buckets, {*kind, *weight}};
}

/// One metric of one run: its values if they are few enough, otherwise buckets; and the smoothed curve.
[[nodiscard]] inline nlohmann::json series_answer(const Series& series, const SeriesWanted& wanted) {
    const auto window = series.window(wanted.from, wanted.to, wanted.axis).cut();
    nlohmann::json out = {{"size", series.size()},
                          {"restarts", series.restarts()},
                          {"damaged", series.damaged()},
                          {"first_step", series.first_step()},
                          {"last_step", series.last_step()},
                          {"first_ms", ms_of(series.first_ns())},
                          {"last_ms", ms_of(series.last_ns())},
                          {"origin_ms", ms_of(series.origin_ns())}};
    const auto buckets = window.buckets(wanted.buckets);
    std::uint64_t count = 0;
    for (const Bucket& bucket : buckets) count += bucket.finite + bucket.not_finite;
    out["in_window"] = count;
    if (count <= wanted.buckets)
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

}  // namespace detail

/// Answers about a store. Threads: one at a time.
class Api {
  public:
    /// Of this store.
    explicit Api(StoreReader store) : store_{std::move(store)} {}

    /// The answer to a question: `answer("run", {{"run", "latest"}})`. Fails: not_found, also for a path that
    /// there is none of; invalid_argument, naming the parameter; as what is asked for fails.
    [[nodiscard]] result<nlohmann::json> answer(std::string_view path, const Parameters& parameters) {
        const detail::ParameterReader ask{parameters};
        if (path == "runs") return runs(ask);
        if (path == "run")
            return with_run(ask, [&](const RecordedRun& run) { return run_as_json(store_, run); });
        if (path == "series") return series(ask);
        if (path == "decisions") return with_run(ask, [](const RecordedRun& run) { return decisions(run); });
        if (path == "simulate")
            return with_run(ask, [&](const RecordedRun& run) { return dry_run(run, ask); });
        if (path == "lines") return with_run(ask, [&](const RecordedRun& run) { return lines(run, ask); });
        return error{errc::not_found, "there is no such question", detail::suggest_name(path),
                     "ask for runs, run, series, decisions, simulate or lines"};
    }

  private:
    template <class F>
    [[nodiscard]] result<nlohmann::json> with_run(const detail::ParameterReader& ask, F&& f) const {
        const auto run = store_.find(ask.text("run"));
        if (!run) return run.error();
        return f(*run);
    }

    /// All runs with config and summary: what the table of runs shows.
    [[nodiscard]] result<nlohmann::json> runs(const detail::ParameterReader& ask) const {
        const auto limit = ask.number<std::size_t>("limit", 10'000, 1, 1'000'000);
        if (!limit) return limit.error();
        const auto list = store_.runs(ask.text("project"));
        if (!list) return list.error();
        nlohmann::json out = nlohmann::json::array();
        std::vector<error> damaged = list->damaged;
        for (const RecordedRun& run : list->runs) {
            if (out.size() == *limit) break;
            nlohmann::json& one = out.emplace_back(as_json(run));
            one["config"] = run.config();
            auto summary = run.summary();
            if (summary)
                one["metrics"] = std::move((*summary)["metrics"]);
            else
                damaged.push_back(summary.error());
        }
        return nlohmann::json{{"runs", std::move(out)},
                              {"truncated", list->runs.size() > *limit},
                              {"damaged", as_json(damaged)}};
    }
    /// `run` and `metric` may be there several times: an answer for each metric of each run that has it.
    [[nodiscard]] result<nlohmann::json> series(const detail::ParameterReader& ask) const {
        const auto wanted = detail::series_wanted(ask);
        if (!wanted) return wanted.error();
        auto list = store_.runs();  // once, however many are asked for
        if (!list) return list.error();
        nlohmann::json out = nlohmann::json::array();
        for (const std::string& name : ask.texts("run")) {
            const auto found = list->find(name);
            if (!found) return found.error();
            const RecordedRun& run = **found;
            for (const std::string& metric : ask.texts("metric")) {
                const auto series = run.series(metric);
                if (!series && series.error().code() == errc::not_found) continue;
                if (!series) return series.error();
                nlohmann::json& one = out.emplace_back(detail::series_answer(*series, *wanted));
                one["run"] = run.id();
                one["metric"] = metric;
            }
        }
        return nlohmann::json{{"series", std::move(out)}};
    }
    [[nodiscard]] static result<nlohmann::json> decisions(const RecordedRun& run) {
        const auto all = run.decisions();
        if (!all) return all.error();
        nlohmann::json out = nlohmann::json::array();
        for (const Decision& one : *all) out.push_back(as_json(one));
        return nlohmann::json{{"decisions", std::move(out)}};
    }
    [[nodiscard]] static result<nlohmann::json> dry_run(const RecordedRun& run,
                                                        const detail::ParameterReader& ask) {
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

    StoreReader store_;
};

}  // namespace CAIRN_NAMESPACE
