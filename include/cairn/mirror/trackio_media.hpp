// SPDX-License-Identifier: MIT
#pragma once
// What rich values become in Trackio. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/histogram.hpp>
#include <cairn/mirror/media_path.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/trackio_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/media.hpp>
#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::trackio {

/// A rich value, as a row of Trackio has it.
struct RowMedia {
    nlohmann::json value;    ///< what the row says
    std::string file = {};   ///< the name of its file, if it has one
    std::string bytes = {};  ///< the file's
};

/// A table's rows are objects, so each of its columns must have a name of its own.
[[nodiscard]] inline nlohmann::json table_of(const nlohmann::json& columns, const nlohmann::json& data) {
    std::vector<std::string> names;
    std::set<std::string> taken;
    for (const nlohmann::json& column : columns) {
        std::string name = column.is_string() ? column.get<std::string>() : json_text(column);
        while (!taken.insert(name).second) name += '_';
        names.push_back(std::move(name));
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const nlohmann::json& row : data) {
        nlohmann::json& out = rows.emplace_back(nlohmann::json::object());
        for (std::size_t i = 0; i < names.size(); ++i) out[names[i]] = row.at(i);
    }
    return {{"_type", "trackio.table"}, {"_value", std::move(rows)}};
}
[[nodiscard]] inline nlohmann::json confusion_of(const nlohmann::json& is) {
    nlohmann::json columns = nlohmann::json::array({"truth"}), data = nlohmann::json::array();
    const nlohmann::json &labels = is.at("labels"), &counts = is.at("counts");
    for (const nlohmann::json& label : labels) columns.push_back(label);
    for (std::size_t truth = 0; truth < labels.size(); ++truth) {
        nlohmann::json& row = data.emplace_back(nlohmann::json::array({labels.at(truth)}));
        for (const nlohmann::json& count : counts.at(truth)) row.push_back(count);
    }
    return table_of(columns, data);
}
[[nodiscard]] inline nlohmann::json curve_of(const nlohmann::json& is) {
    nlohmann::json data = nlohmann::json::array();
    const nlohmann::json &x = is.at("x"), &y = is.at("y");
    for (std::size_t i = 0; i < x.size(); ++i) data.push_back(nlohmann::json::array({x.at(i), y.at(i)}));
    return table_of(nlohmann::json::array({is.at("x_name"), is.at("y_name")}), data);
}

/// A value as Trackio has it; its file is to lie in the folder of its project, run and step. Fails:
/// unsupported, if Trackio has nothing like it; corrupt.
[[nodiscard]] inline result<RowMedia> row_media(const Place& place, const RecordedMedia& media,
                                                std::string bytes) {
    const auto fails = [&](errc code, const char* why) {
        return error{code, std::string{why}, media.metric + " of step " + std::to_string(media.step),
                     "the run itself has it: cairn media"};
    };
    const auto file = [&](const char* type, std::string_view ending) {
        std::string name = path_from(media.metric);
        std::replace(name.begin(), name.end(), '/', '_');
        name.append("-").append(std::to_string(media.at)).append(".").append(ending);
        nlohmann::json value = {{"_type", type},
                                {"file_path", folder_of(place.project) + "/" + place.run_id + "/" +
                                                  std::to_string(media.step) + "/" + name},
                                {"caption", nullptr}};
        if (media.about.is_object() && media.about.contains("caption"))
            value["caption"] = media.about["caption"];
        return RowMedia{std::move(value), std::move(name), std::move(bytes)};
    };
    const std::string subtype = subtype_of(media.type);
    if (media.kind == "text") return RowMedia{{{"_type", "trackio.markdown"}, {"_value", as_utf8(bytes)}}};
    if (media.kind == "image") return file("trackio.image", subtype == "jpeg" ? "jpg" : subtype);
    if (media.kind == "audio") return file("trackio.audio", "wav");
    if (media.kind == "blob" && subtype == "html") return file("trackio.html", "html");
    const bool is_known = media.kind == "histogram" || media.kind == "table" ||
                          media.kind == "confusion_matrix" || media.kind == "curve";
    if (!is_known) return fails(errc::unsupported, "Trackio has nothing like this rich value");
    if (json_depth(bytes) > most_depth) return fails(errc::unsupported, "a rich value is nested too deep");
    try {
        const nlohmann::json is = nlohmann::json::parse(bytes);
        if (media.kind == "table") return RowMedia{table_of(is.at("columns"), is.at("data"))};
        if (media.kind == "confusion_matrix") return RowMedia{confusion_of(is)};
        if (media.kind == "curve") return RowMedia{curve_of(is)};
        if (is.at("counts").empty())
            return fails(errc::unsupported, "Trackio has no histogram without a bin");
        return RowMedia{histogram_of(is, "trackio.histogram")};
    } catch (const nlohmann::json::exception& e) {
        return fails(errc::corrupt, e.what());
    }
}

}  // namespace CAIRN_NAMESPACE::detail::trackio
