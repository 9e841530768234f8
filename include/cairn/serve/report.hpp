// SPDX-License-Identifier: MIT
#pragma once
// Runs as one HTML file: the page with their data inside. It loads nothing, so it opens offline, from a mail
// or an archive. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/media_answers.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/serve/page.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a report is made.
struct ReportOptions {
    /// About how many bytes it may have. Rich values get at most half of them: fewer steps where there are
    /// many, and those that find no room are named. Where the curves need more than is left, they get fewer
    /// buckets; no spike is lost.
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

/// About how many bytes a value is in the page: '<' is written as six.
[[nodiscard]] inline std::uint64_t page_bytes(const nlohmann::json& value) {
    const std::string text = json_text(value);
    return text.size() + 5 * static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '<'));
}

/// The rich values of a run, as a report has them: which there are, and some of each metric, evenly spread
/// over the steps, within so many bytes of the page. Each metric has its share, and what small ones leave
/// goes to the others. One that finds no room says so in its place, as long as there is room for that.
[[nodiscard]] inline nlohmann::json reported_media(const MediaList& list, std::uint64_t most_bytes) {
    constexpr std::size_t most_steps = 150;  // columns that a heat map has
    struct OfMetric {
        std::string name{};
        std::uint64_t bytes = 0;
        std::vector<const RecordedMedia*> all{};
    };
    std::map<std::string, OfMetric> by_name;
    for (const RecordedMedia& one : list.all()) {
        OfMetric& of = by_name[one.metric];
        of.name = one.metric;
        of.bytes += one.bytes;
        of.all.push_back(&one);
    }
    std::vector<OfMetric> metrics;
    metrics.reserve(by_name.size());
    for (auto& [name, of] : by_name) metrics.push_back(std::move(of));
    std::sort(metrics.begin(), metrics.end(), [](const OfMetric& a, const OfMetric& b) {
        return std::pair{a.bytes, a.name} < std::pair{b.bytes, b.name};
    });
    const nlohmann::json known = media_by_metric(list);
    nlohmann::json media = nlohmann::json::object();
    std::vector<nlohmann::json> entries;
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        const OfMetric& of = metrics[i];
        const std::uint64_t share = most_bytes / (metrics.size() - i);
        const std::uint64_t about = page_bytes(known[of.name]) + page_bytes(of.name);
        std::vector<nlohmann::json> chosen;
        std::uint64_t bytes = 0;
        for (std::size_t steps = std::min(most_steps, of.all.size()); steps > 0 && chosen.empty();
             steps /= 2) {
            bytes = about;
            for (const RecordedMedia* one : spread(of.all, steps)) {
                bytes += one->bytes;  // at least; else the value need not be read
                if (bytes > share) break;
                chosen.push_back(with_value(list, *one));
                bytes += page_bytes(chosen.back()) - one->bytes;
            }
            if (bytes > share) chosen.clear();
        }
        if (chosen.empty()) {
            nlohmann::json last = as_json(*of.all.back());
            last["about"] = nlohmann::json::object();
            last["error"] = as_json(error{errc::unsupported, "it had no room in this report", "",
                                          "allow more: cairn export --html … --max-mib N"});
            bytes = about + page_bytes(last);
            chosen.push_back(std::move(last));
        }
        if (bytes > share) {
            ++left_out;
            continue;
        }
        most_bytes -= bytes;
        media[of.name] = known[of.name];
        entries.insert(entries.end(), std::move_iterator{chosen.begin()}, std::move_iterator{chosen.end()});
    }
    std::sort(entries.begin(), entries.end(), [](const nlohmann::json& a, const nlohmann::json& b) {
        return a["at"].get<std::uint64_t>() < b["at"].get<std::uint64_t>();
    });
    return {{"media", std::move(media)}, {"entries", std::move(entries)}, {"left_out", left_out}};
}

/// The last of these lines, which have so many bytes of the page at most; of the one before them its end,
/// behind "…".
[[nodiscard]] inline std::vector<std::string> last_of(std::vector<std::string> lines,
                                                      std::uint64_t most_bytes) {
    constexpr std::uint64_t worth_cutting = 200, around = 6, longest_escape = 6;
    auto first = lines.end();
    std::uint64_t bytes = 0;
    for (; first != lines.begin(); --first) {
        const std::uint64_t more = page_bytes(*std::prev(first)) + 1;  // and what divides it from the next
        if (bytes + more > most_bytes) break;
        bytes += more;
    }
    if (first != lines.begin() && most_bytes - bytes >= worth_cutting) {
        std::string& cut = *--first;
        std::size_t begin = cut.size() - static_cast<std::size_t>(std::min<std::uint64_t>(
                                             cut.size(), (most_bytes - bytes - around) / longest_escape));
        while (begin < cut.size() && (static_cast<unsigned char>(cut[begin]) & 0xc0U) == 0x80U) ++begin;
        cut.replace(0, begin, "…");
    }
    lines.erase(lines.begin(), first);
    return lines;
}

}  // namespace detail

/// These runs as one HTML file, with config, summary, versions, decisions, alerts, curves, rich values and
/// what they printed last. Fails as the disk does, and where a history cannot be read. Cost: reads the
/// histories' indices, the decisions all of them.
[[nodiscard]] inline result<std::string>
report(const StoreReader& store, const std::vector<RecordedRun>& runs, const ReportOptions& options = {}) {
    nlohmann::json inside;
    std::vector<std::pair<std::string, MediaList>> lists;
    for (const char* part : {"details", "events", "media"}) inside[part] = nlohmann::json::object();
    for (const RecordedRun& run : runs) {
        const std::string key = detail::report_key(run);
        auto details = run_as_json(store, run);
        if (!details) return details.error();
        if (auto lines = run.last_lines(1000))  // as many as the page asks of a server
            (*details)["last_lines"] =
                detail::last_of(std::move(*lines), options.max_bytes / 8 / runs.size());
        else if (run.state() != RunState::crashed)  // else it is there already
            (*details)["damaged"].push_back(as_json(lines.error()));
        inside["details"][key] = std::move(*details);
        const auto events = run.events();
        if (!events) return events.error();
        inside["events"][key] = as_json(*events);
        auto media = media_of(run);
        if (!media)
            inside["details"][key]["damaged"].push_back(as_json(media.error()));
        else if (!media->all().empty())
            lists.emplace_back(key, std::move(*media));
    }
    for (const auto& [key, list] : lists)
        inside["media"][key] = detail::reported_media(list, options.max_bytes / 2 / lists.size());
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
