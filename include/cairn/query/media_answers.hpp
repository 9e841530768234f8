// SPDX-License-Identifier: MIT
#pragma once
// What a page is told of a run's rich values. Costs nlohmann/json.

#include <cairn/core/base64.hpp>
#include <cairn/core/error.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/parameters.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// `{"metric", "step", "time_ns", "kind", "type", "about", "bytes", "at"}`.
[[nodiscard]] inline nlohmann::json as_json(const RecordedMedia& media) {
    return {{"metric", media.metric},
            {"step", media.step},
            {"time_ns", media.time_ns},
            {"kind", media.kind},
            {"type", media.type},
            {"about", media.about.is_object() ? media.about : nlohmann::json::object()},
            {"bytes", media.bytes},
            {"at", media.at}};
}

namespace detail {

/// So many bytes of values one answer has.
inline constexpr std::uint64_t most_answered_bytes = std::uint64_t{64} << 20U;

/// The metrics that have rich values: `{"confusion": {"kind", "count", "first_step", "last_step"}}`.
[[nodiscard]] inline nlohmann::json media_by_metric(const MediaList& list) {
    nlohmann::json out = nlohmann::json::object();
    for (const RecordedMedia& one : list.all()) {
        nlohmann::json& about = out[one.metric];
        if (about.is_null()) about = {{"count", 0U}, {"first_step", one.step}, {"last_step", one.step}};
        about["kind"] = one.kind;
        about["count"] = about["count"].get<std::uint64_t>() + 1;
        about["first_step"] = std::min(about["first_step"].get<std::int64_t>(), one.step);
        about["last_step"] = std::max(about["last_step"].get<std::int64_t>(), one.step);
    }
    return out;
}

/// An entry with its value: "json" if it is that, "text", or "base64"; "error" if it cannot be read.
[[nodiscard]] inline nlohmann::json with_value(const MediaList& list, const RecordedMedia& one) {
    nlohmann::json out = as_json(one);
    const auto bytes = list.bytes_of(one);
    if (!bytes) {
        out["error"] = as_json(bytes.error());
        return out;
    }
    if (one.type == "application/json" && json_depth(*bytes) <= most_json_depth) {
        if (auto value = nlohmann::json::parse(*bytes, nullptr, false); !value.is_discarded()) {
            out["json"] = std::move(value);
            return out;
        }
    }
    if (one.type.starts_with("text/"))
        out["text"] = *bytes;
    else
        out["base64"] = to_base64(*bytes);
    return out;
}

/// So many of them, evenly spread, the first and the last among them.
template <class V>
[[nodiscard]] std::vector<V> spread(const std::vector<V>& all, std::size_t most) {
    if (all.size() <= most) return all;
    std::vector<V> out;
    out.reserve(most);
    for (std::size_t i = 0; i < most; ++i)
        out.push_back(all[most == 1 ? all.size() - 1 : i * (all.size() - 1) / (most - 1)]);
    return out;
}

/// Without a `metric` which there are; of a metric at most `most` of its values, evenly spread over those
/// from step `from` to step `to`, with `values=yes` with what they are; `at` names one.
[[nodiscard]] inline result<nlohmann::json> media_answer(const MediaList& list, const ParameterReader& ask) {
    constexpr auto least_step = std::numeric_limits<std::int64_t>::min(),
                   most_step = std::numeric_limits<std::int64_t>::max();
    const std::string metric = ask.text("metric");
    if (metric.empty()) return nlohmann::json{{"media", media_by_metric(list)}, {"damaged", list.damaged()}};
    const auto from = ask.number<std::int64_t>("from", least_step, least_step, most_step);
    if (!from) return from.error();
    const auto to = ask.number<std::int64_t>("to", most_step, least_step, most_step);
    if (!to) return to.error();
    const auto most = ask.number<std::size_t>("most", 1000, 1, 100'000);
    if (!most) return most.error();
    const auto has_values = ask.word<bool>("values", {{"no", false}, {"yes", true}});
    if (!has_values) return has_values.error();
    const auto at = ask.number<std::uint64_t>("at", 0, 0, std::numeric_limits<std::uint64_t>::max());
    if (!at) return at.error();
    std::vector<const RecordedMedia*> found;
    bool is_known = false;
    for (const RecordedMedia& one : list.all()) {
        if (one.metric != metric) continue;
        is_known = true;
        if (one.step >= *from && one.step <= *to && (*at == 0 || one.at == *at)) found.push_back(&one);
    }
    if (!is_known || (*at != 0 && found.empty())) {
        return error{errc::not_found, "the run has no such image, table or the like", suggest_name(metric),
                     "ask for media without a metric to see which there are"};
    }
    std::uint64_t bytes = 0;
    nlohmann::json entries = nlohmann::json::array();
    for (const RecordedMedia* one : spread(found, *most)) {
        bytes += one->bytes;
        if (*has_values && bytes > most_answered_bytes) {
            return error{errc::invalid_argument, "these are more bytes than one answer has",
                         std::to_string(bytes), "ask for fewer at once, with from and to or with most"};
        }
        entries.push_back(*has_values ? with_value(list, *one) : as_json(*one));
    }
    return nlohmann::json{{"count", found.size()}, {"entries", std::move(entries)}};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
