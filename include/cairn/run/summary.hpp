// SPDX-License-Identifier: MIT
#pragma once
// The summary of a run: for each metric its last, least, greatest and mean value, and where they were. Costs
// nlohmann/json.

#include <cairn/core/number.hpp>
#include <cairn/core/value.hpp>
#include <cairn/policy/best.hpp>
#include <cairn/run/thumbnail.hpp>
#include <cairn/store/manifest.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE {

/// What is known of one metric over a whole run. Infinities count as numbers; NaNs are counted apart.
struct MetricSummary {
    std::uint64_t count = 0;             ///< values, NaNs and texts included
    std::uint64_t numbers = 0;           ///< values that are numbers, infinities included
    std::uint64_t nans = 0;              ///< values that are not a number
    double last = detail::not_a_number;  ///< the last value that is no text; NaN if there
                                         ///< is none, as for the next three
    double min = detail::not_a_number;   ///< the least number
    double max = detail::not_a_number;   ///< the greatest number
    double mean = detail::not_a_number;  ///< of the finite numbers
    std::int64_t last_step = 0;          ///< the step of the last value
    std::int64_t min_step = 0;           ///< the first step that had the least value
    std::int64_t max_step = 0;           ///< the first step that had the greatest value
    std::string text = {};               ///< the last text, for metrics that are texts

    /// Takes one more value in. Cost: a few comparisons.
    void add(std::int64_t step, const Value& value) {
        ++count;
        last_step = step;
        if (value.is_text()) {
            text = value.text();
            return;
        }
        last = value.number();
        if (detail::is_nan(last)) {
            ++nans;
            return;
        }
        if (numbers == 0 || last < min) min = last, min_step = step;
        if (numbers == 0 || last > max) max = last, max_step = step;
        ++numbers;
        if (detail::is_finite(last)) {
            ++finite_;
            mean = finite_ == 1 ? last : mean + (last - mean) / static_cast<double>(finite_);
        }
    }

  private:
    std::uint64_t finite_ = 0;
};

namespace detail {

/// A metric's summary and its curve in small.
struct MetricView {
    MetricSummary summary;
    Thumbnail curve;

    void add(std::int64_t step, const Value& value) {
        summary.add(step, value);
        if (!value.is_text()) curve.add(value.number());
    }
};
using MetricViews = std::map<std::string, MetricView, std::less<>>;
using MetricSummaries = std::map<std::string, MetricSummary, std::less<>>;

/// Which way a metric is to go, by what `define_metric` left in a run's record.
template <class Json>
[[nodiscard]] Direction goal_in(const Json& record, std::string_view metric) {
    const Json* at = &record;
    for (const std::string_view key : {std::string_view{"metrics"}, metric, std::string_view{"goal"}}) {
        const auto found = at->find(key);  // the end, too, of what is no object
        if (found == at->end()) return Direction::unspecified;
        at = &*found;
    }
    return *at == "minimize" ? minimize : *at == "maximize" ? maximize : Direction::unspecified;
}

/// Takes a row in, into `MetricViews` or `MetricSummaries`.
template <class Metrics>
void take_in(Metrics& metrics, std::int64_t step, std::span<const NamedValue> values) {
    for (const NamedValue& named : values) {
        auto metric = metrics.find(named.name);
        if (metric == metrics.end()) metric = metrics.try_emplace(std::string{named.name}).first;
        metric->second.add(step, named.value);
    }
}

template <class Json = nlohmann::json>
[[nodiscard]] Json to_json(const MetricSummary& m) {
    Json out = {{"count", m.count}, {"last_step", m.last_step}};
    if (!m.text.empty()) out["text"] = m.text;
    if (m.nans != 0) out["nans"] = m.nans;
    if (m.numbers + m.nans != 0) out["last"] = metric_to_json(m.last);
    if (m.numbers != 0) {
        out.update({{"min", metric_to_json(m.min)},
                    {"max", metric_to_json(m.max)},
                    {"mean", metric_to_json(m.mean)},
                    {"min_step", m.min_step},
                    {"max_step", m.max_step}});
    }
    return out;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
