// SPDX-License-Identifier: MIT
#pragma once
// What rich values become in TensorBoard. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/tfevents.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/media.hpp>
#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The size that a picture says of itself; 0 if it is not known.
[[nodiscard]] inline std::pair<std::uint32_t, std::uint32_t> size_of_picture(std::string_view bytes) {
    constexpr std::string_view png{"\x89PNG\r\n\x1a\n"};
    constexpr std::size_t at = 16;  // in the chunk IHDR
    if (!bytes.starts_with(png) || bytes.size() < at + 8) return {};
    const auto number = [&](std::size_t from) {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i) out = out << 8U | static_cast<unsigned char>(bytes[from + i]);
        return out;
    };
    return {number(at), number(at + 4)};
}
/// A table as Markdown, which TensorBoard shows; the first rows of a long one.
[[nodiscard]] inline std::string markdown_of(const nlohmann::json& columns, const nlohmann::json& rows) {
    constexpr std::size_t most_rows = 1000;
    std::string out;
    const auto line = [&](const nlohmann::json& cells) {
        for (const nlohmann::json& cell : cells) {
            out += "| ";
            for (const char c : cell.is_string() ? cell.get_ref<const std::string&>() : json_text(cell)) {
                if (c == '|') out += '\\';
                out += c == '\n' || c == '\r' ? ' ' : c;
            }
            out += ' ';
        }
        out += "|\n";
    };
    line(columns);
    for (std::size_t i = 0; i < columns.size(); ++i) out += "| --- ";
    out += "|\n";
    for (std::size_t i = 0; i < std::min(rows.size(), most_rows); ++i) line(rows[i]);
    if (rows.size() > most_rows) out += "\n" + std::to_string(rows.size() - most_rows) + " more rows\n";
    return out;
}

/// What the plugin for PR curves wants of these counts.
[[nodiscard]] inline std::vector<float> pr_lists_of(const nlohmann::json& found,
                                                    const nlohmann::json& false_alarms) {
    const std::size_t count = found.size();
    std::vector<float> out(6 * count);
    const double yes = found.at(0).get<double>(), no = false_alarms.at(0).get<double>();
    for (std::size_t i = 0; i < count; ++i) {
        const double right = found.at(i).get<double>(), wrong = false_alarms.at(i).get<double>();
        const double lists[] = {right,
                                wrong,
                                no - wrong,
                                yes - right,
                                right + wrong > 0 ? right / (right + wrong) : 0,
                                yes > 0 ? right / yes : 0};
        for (std::size_t list = 0; list < std::size(lists); ++list)
            out[list * count + i] = static_cast<float>(lists[list]);
    }
    return out;
}

/// Adds a rich value to the event. Fails: unsupported, if TensorBoard has nothing like it; corrupt.
[[nodiscard]] inline result<void> put_media(EventWriter& event, const RecordedMedia& media,
                                            const std::string& bytes) {
    const auto fails = [&](errc code, const char* why) {
        return error{code, std::string{why}, media.metric, "the run itself has it: cairn media"};
    };
    if (media.kind == "text") {
        event.text(media.metric, as_utf8(bytes));
        return {};
    }
    if (media.kind == "image") {
        const auto [width, height] = size_of_picture(bytes);
        const std::string sizes[] = {std::to_string(width), std::to_string(height)};
        const std::string_view parts[] = {sizes[0], sizes[1], bytes};
        event.texts(media.metric, "images", parts);
        return {};
    }
    if (media.kind == "audio") {
        constexpr std::byte wav[] = {std::byte{0x10}, std::byte{11}};
        const std::string_view parts[] = {bytes};
        event.texts(media.metric, "audio", parts, wav);
        return {};
    }
    const bool is_shown = media.kind == "histogram" || media.kind == "table" ||
                          media.kind == "confusion_matrix" || media.kind == "curve";
    if (!is_shown) return fails(errc::unsupported, "TensorBoard has nothing like this rich value");
    if (json_depth(bytes) > most_json_depth) return fails(errc::corrupt, "a rich value is nested too deep");
    try {
        const nlohmann::json is = nlohmann::json::parse(bytes);
        if (media.kind == "table") {
            event.text(media.metric, markdown_of(is.at("columns"), is.at("data")));
        } else if (media.kind == "histogram") {
            std::vector<double> bins;
            for (std::size_t i = 0; i < is.at("counts").size(); ++i) {
                bins.push_back(is.at("edges").at(i).get<double>());
                bins.push_back(is.at("edges").at(i + 1).get<double>());
                bins.push_back(is.at("counts").at(i).get<double>());
            }
            event.histogram(media.metric, bins);
        } else if (media.kind == "curve") {
            if (!is.contains("true_positives"))
                return fails(errc::unsupported,
                             "of curves TensorBoard has precision and recall only, of scores in [0, 1]");
            event.pr_curve(media.metric, pr_lists_of(is.at("true_positives"), is.at("false_positives")));
        } else {
            nlohmann::json columns = {""}, rows = nlohmann::json::array();
            for (const nlohmann::json& label : is.at("labels")) columns.push_back(label);
            for (std::size_t i = 0; i < is.at("labels").size(); ++i) {
                nlohmann::json& row = rows.emplace_back(nlohmann::json::array());
                row.push_back(is.at("labels").at(i));
                for (const nlohmann::json& count : is.at("counts").at(i)) row.push_back(count);
            }
            event.text(media.metric, markdown_of(columns, rows));
        }
    } catch (const nlohmann::json::exception& e) {
        return fails(errc::corrupt, e.what());
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail
