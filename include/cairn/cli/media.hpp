// SPDX-License-Identifier: MIT
#pragma once
// The verb about rich values: media.

#include <cairn/cli/call.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/media_answers.hpp>
#include <cairn/query/runs.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// Which value is wanted, and where it goes.
struct MediaWanted {
    std::string metric{}, file{};
    std::optional<std::int64_t> step{};
};

/// The value of a metric at a step, or the last one.
[[nodiscard]] inline result<RecordedMedia> find_media(const MediaList& list, const MediaWanted& wanted) {
    const RecordedMedia* found = nullptr;
    std::string there;
    for (const RecordedMedia& one : list.all()) {
        if (one.metric != wanted.metric) continue;
        if (!wanted.step || one.step == *wanted.step) found = &one;
        if (there.size() < 200) there += (there.empty() ? "" : ", ") + std::to_string(one.step);
    }
    if (found != nullptr) return *found;
    return error{
        errc::not_found,
        there.empty() ? "the run has no such image, table or the like" : "there is none at this step",
        ::cairn::detail::suggest_name(wanted.metric),
        there.empty() ? "see which there are with: cairn media RUN" : "there are of the steps " + there};
}

inline void list_media(Call& call, const MediaList& list, const MediaWanted& wanted) {
    if (call.json()) {
        nlohmann::json out = nlohmann::json::array();
        for (const RecordedMedia& one : list.all()) {
            if (wanted.metric.empty() || one.metric == wanted.metric) out.push_back(as_json(one));
        }
        return call.print({{"media", std::move(out)}, {"damaged", list.damaged()}});
    }
    Table table{{"METRIC", "KIND", "COUNT", "STEPS"}};
    const nlohmann::json by_metric = ::cairn::detail::media_by_metric(list);
    for (const auto& [metric, about] : by_metric.items()) {
        table.add({printable(metric), about["kind"].get<std::string>(), about["count"].dump(),
                   about["first_step"].dump() + " to " + about["last_step"].dump()});
    }
    call.out(table.text());
}

}  // namespace detail

/// `cairn media RUN`, `cairn media RUN METRIC --step N -o FILE`.
inline void add_media(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::MediaWanted>();
    CLI::App* const verb =
        call.verb_of_run(app, "media", "images, tables, histograms and the like, and what they are",
                         [&call, wanted](const StoreReader&, const RecordedRun& run) -> result<void> {
                             const auto list = media_of(run);
                             if (!list) return list.error();
                             if (list->damaged() != 0) call.set_damaged();
                             if (wanted->metric.empty() || (call.json() && wanted->file.empty())) {
                                 detail::list_media(call, *list, *wanted);
                                 return {};
                             }
                             const auto one = detail::find_media(*list, *wanted);
                             if (!one) return one.error();
                             const auto bytes = list->bytes_of(*one);
                             if (!bytes) return bytes.error();
                             if (wanted->file.empty()) {
                                 call.out(*bytes);
                                 return {};
                             }
                             return detail::write_out(wanted->file, *bytes);
                         });
    verb->add_option("METRIC", wanted->metric, "prints its last value, as it is kept");
    verb->add_option("--step", wanted->step, "that of this step");
    verb->add_option("-o,--output", wanted->file, "writes it into a file");
}

}  // namespace CAIRN_NAMESPACE::cli
