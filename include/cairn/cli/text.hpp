// SPDX-License-Identifier: MIT
#pragma once
// Numbers, times and tables as people read them.

#include <cairn/config.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/run/metrics_table.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli::detail {

using namespace ::cairn::detail;  // NOLINT(google-build-using-namespace): the layers' own helpers

[[nodiscard]] inline std::string local_time(std::int64_t ns) {
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm parts{};
#if defined(_WIN32)
    ::localtime_s(&parts, &seconds);
#else
    ::localtime_r(&seconds, &parts);
#endif
    char buffer[32];
    std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M", &parts);
    return buffer;
}

[[nodiscard]] inline std::string duration(double seconds) {
    char buffer[48];
    if (seconds < 100) {
        std::snprintf(buffer, sizeof buffer, "%.1f s", seconds);
    } else {
        const auto whole = static_cast<long long>(seconds);
        std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    }
    return buffer;
}

[[nodiscard]] inline std::string size_text(std::uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (size >= 1024 && unit + 1 < std::size(units)) size /= 1024, ++unit;
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return buffer;
}

/// A JSON value in a line: a text as it is, a number short, nothing as "-".
[[nodiscard]] inline std::string brief(const nlohmann::json& value) {
    if (value.is_null()) return "-";
    if (value.is_number_float()) return short_number(value.get<double>());
    if (value.is_string()) return printable(value.get_ref<const std::string&>());
    return printable(json_text(value));
}

/// How many columns a text takes: of UTF-8, the characters.
[[nodiscard]] inline std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

/// Rows of cells, printed in columns as wide as they must be; the last one ends where it ends.
class Table {
  public:
    explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const noexcept { return rows_.size() == 1; }

    [[nodiscard]] std::string text(std::size_t widest = 40) const {
        std::vector<std::size_t> widths;
        for (const auto& row : rows_) {
            widths.resize(std::max(widths.size(), row.size()));
            for (std::size_t i = 0; i < row.size(); ++i)
                widths[i] = std::min(widest, std::max(widths[i], columns_of(row[i])));
        }
        std::string out;
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                const bool is_last = i + 1 == row.size();
                const std::size_t wide = columns_of(row[i]);
                out += wide > widths[i] && !is_last ? cut(row[i], widths[i]) : row[i];
                if (!is_last) out.append(wide < widths[i] ? widths[i] - wide + 2 : 2, ' ');
            }
            out += '\n';
        }
        return out;
    }

  private:
    [[nodiscard]] static std::string cut(const std::string& text, std::size_t columns) {
        std::size_t at = 0;
        for (std::size_t seen = 0; at < text.size(); ++at) {
            const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80;
            if (begins && ++seen == columns) break;
        }
        return text.substr(0, at) + "~";
    }

    std::vector<std::vector<std::string>> rows_;
};

}  // namespace CAIRN_NAMESPACE::cli::detail
