// SPDX-License-Identifier: MIT
#pragma once
// The rows of a run for other programs: as CSV, as JSON Lines. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Gets a piece of an export.
using Write = detail::FunctionRef<void(std::string_view)>;

namespace detail {

/// A cell of a table as RFC 4180 has it.
inline void put_csv_text(std::string& line, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        line += text;
        return;
    }
    line += '"';
    for (const char c : text) line += c == '"' ? std::string_view{"\"\""} : std::string_view{&c, 1};
    line += '"';
}
inline void put_csv(std::string& line, const Value& value) {
    if (value.is_text()) return put_csv_text(line, value.text());
    if (value.kind() != Value::Kind::number) {
        const nlohmann::json json = value_to_json(value);
        if (!json.is_null()) line += json.dump();
        return;
    }
    const double x = value.number();
    if (!is_finite(x)) {
        line += is_nan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
        return;
    }
    char digits[32];
    line.append(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
}

}  // namespace detail

/// A row for each row that was logged: `step,time_ms` and a column for each metric, in the order of their
/// names. What a row does not have is empty; a number has as many digits as it needs. Fails: corrupt,
/// unsupported. Cost: reads the history twice.
[[nodiscard]] inline result<void> export_csv(const RecordedRun& run, Write write) {
    const auto views = run.metrics();
    if (!views) return views.error();
    std::map<std::string, std::size_t, std::less<>> places;
    std::string line = "step,time_ms";
    for (const auto& [name, view] : *views) {
        places.emplace(name, places.size());
        line += ',';
        detail::put_csv_text(line, name);
    }
    write(line + "\r\n");
    std::vector<std::string> cells;
    const auto read =
        run.for_each_row([&](std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
            cells.assign(places.size(), {});
            for (const NamedValue& named : values) {
                // A metric that came to a run that is being written since its columns were counted is left
                // out.
                if (const auto place = places.find(named.name); place != places.end()) {
                    cells[place->second].clear();
                    detail::put_csv(cells[place->second], named.value);
                }
            }
            line = std::to_string(step) + "," + std::to_string(time_ns / detail::ns_per_ms);
            for (const std::string& cell : cells) line += "," + cell;
            write(line + "\r\n");
        });
    return read ? result<void>{} : read.error();
}

/// `{"step", "time_ms", "row": {"loss": 0.5}}` for each row, a line each. Fails: corrupt, unsupported.
[[nodiscard]] inline result<void> export_jsonl(const RecordedRun& run, Write write) {
    const auto read =
        run.for_each_row([&](std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
            const DynamicRow row{step, time_ns, values.data(), values.size()};
            write(detail::json_text(as_json(row)) + "\n");
        });
    return read ? result<void>{} : read.error();
}

}  // namespace CAIRN_NAMESPACE
