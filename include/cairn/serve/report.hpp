// SPDX-License-Identifier: MIT
#pragma once
// Runs as one HTML file: the page with their data inside. It loads nothing, so it opens offline, from a mail
// or an archive. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/serve/page.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a report is made.
struct ReportOptions {
    /// About how many bytes it may have. Where the curves need more, they get fewer buckets; no spike is
    /// lost.
    std::size_t max_bytes = std::size_t{8} << 20U;
};

namespace detail {

/// Puts data into the page.
[[nodiscard]] inline std::string page_with(const nlohmann::json& inside) {
    std::string out;
    for (const std::string_view piece : page) out += piece;
    constexpr std::string_view here = "<!--inside-->";
    const std::string text = json_text(inside);
    std::string safe;  // nothing in it can end the element that it stands in
    safe.reserve(text.size());
    for (const char c : text) safe += c == '<' ? std::string_view{"\\u003c"} : std::string_view{&c, 1};
    return out.replace(out.find(here), here.size(),
                       "<script type=\"application/json\" id=\"inside\">" + safe + "</script>");
}

/// What names a run in a report: two projects may each have a run of one id.
[[nodiscard]] inline std::string report_key(const RecordedRun& run) { return run.project() + "/" + run.id(); }

/// A metric of a run.
struct ReportedSeries {
    const RecordedRun* run;
    std::string metric;
    Series series;
};

/// Every metric of the runs that has numbers. Reads no values yet; the runs must stay.
[[nodiscard]] inline result<std::vector<ReportedSeries>> open_series(const std::vector<RecordedRun>& runs) {
    std::vector<ReportedSeries> all;
    for (const RecordedRun& run : runs) {
        const auto metrics = run.overview();
        if (!metrics) return metrics.error();
        std::vector<std::string> names;
        for (const auto& [name, about] : metrics->items()) names.push_back(name);
        auto series = run.series_of(names);
        if (!series) return series.error();
        for (auto& [name, one] : *series) all.push_back({&run, name, std::move(one)});
    }
    return all;
}

/// By run and metric: in so many buckets by step and by time.
[[nodiscard]] inline nlohmann::json in_buckets(const std::vector<ReportedSeries>& all, std::size_t buckets) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [run, metric, series] : all) {
        nlohmann::json& made = out[report_key(*run)][metric];
        for (const auto& [axis, word] : {std::pair{Axis::step, "step"}, {Axis::relative, "relative"}}) {
            SeriesWanted wanted;
            wanted.axis = axis;
            wanted.buckets = buckets;
            made[word] = series_answer(series, wanted);
            made[word]["run"] = run->id();
            made[word]["project"] = run->project();
            made[word]["metric"] = metric;
            if (made[word].contains("points")) break;  // they have their times
        }
    }
    return out;
}

}  // namespace detail

/// These runs as one HTML file, with config, summary, versions, decisions and curves. Fails as the disk does,
/// and where a history cannot be read. Cost: reads the histories' indices, the decisions all of them.
[[nodiscard]] inline result<std::string>
report(const StoreReader& store, const std::vector<RecordedRun>& runs, const ReportOptions& options = {}) {
    nlohmann::json inside = {{"details", nlohmann::json::object()}, {"decisions", nlohmann::json::object()}};
    for (const RecordedRun& run : runs) {
        auto details = run_as_json(store, run);
        if (!details) return details.error();
        inside["details"][detail::report_key(run)] = std::move(*details);
        const auto decisions = run.decisions();
        if (!decisions) return decisions.error();
        nlohmann::json& all = inside["decisions"][detail::report_key(run)] = nlohmann::json::array();
        for (const Decision& decision : *decisions) all.push_back(as_json(decision));
    }
    const auto series = detail::open_series(runs);
    if (!series) return series.error();
    constexpr std::size_t fine = 1200, coarse = 50;
    for (std::size_t buckets = fine;; buckets /= 2) {
        inside["series"] = detail::in_buckets(*series, buckets);
        std::string page = detail::page_with(inside);
        if (page.size() <= options.max_bytes || buckets / 2 < coarse) return page;
    }
}

}  // namespace CAIRN_NAMESPACE
