// SPDX-License-Identifier: MIT
#pragma once
// What rich values become in W&B: files, and what a row says of them. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/histogram.hpp>
#include <cairn/mirror/media_path.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/media.hpp>
#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::wandb {

/// A rich value, as a row of W&B has it.
struct RowMedia {
    std::string key;             ///< under which the row has it
    nlohmann::json value;        ///< an object, whose fields are items of their own; or a text
    std::string path = {};       ///< of a file below files/, if it has one
    std::string bytes = {};      ///< the file's
    nlohmann::json chart = {};   ///< what draws the table, if W&B has such a chart; null if not
    std::string chart_key = {};  ///< under which it is drawn
};

/// The file that a value is, and what is said of it.
[[nodiscard]] inline RowMedia file_of(const RecordedMedia& media, std::string_view folder,
                                      std::string_view type, std::string_view ending, std::string bytes) {
    const std::string digest = sha256(bytes_of(bytes)).hex();
    std::string path = "media/" + std::string{folder} + "/" + path_from(media.metric) + "_" +
                       std::to_string(media.step) + "_" + digest.substr(0, 20) + "." + std::string{ending};
    nlohmann::json about = {{"_type", type}, {"sha256", digest}, {"size", bytes.size()}, {"path", path}};
    return {media.metric, std::move(about), std::move(path), std::move(bytes)};
}
[[nodiscard]] inline RowMedia table_of(const RecordedMedia& media, const nlohmann::json& columns,
                                       const nlohmann::json& data) {
    RowMedia out = file_of(media, "table", "table-file", "table.json",
                           json_text({{"columns", columns}, {"data", data}}));
    out.value["ncols"] = columns.size();
    out.value["nrows"] = data.size();
    return out;
}
/// A table with the chart that W&B's own client draws of it (wandb.plot of client 0.28).
[[nodiscard]] inline RowMedia chart_of(const RecordedMedia& media, std::string_view drawn_by,
                                       const nlohmann::json& columns, const nlohmann::json& data,
                                       const nlohmann::json& fields, const nlohmann::json& texts) {
    RowMedia out = table_of(media, columns, data);
    out.chart_key = std::exchange(out.key, media.metric + "_table");
    const auto field = [](const char* name) {
        return nlohmann::json{{"name", name}, {"fields", nlohmann::json::array()}};
    };
    nlohmann::json table = field("summaryTable"), sets = field("runSets");
    table["args"].push_back({{"name", "tableKey"}, {"value", out.key}});
    sets["args"].push_back({{"name", "runSets"}, {"value", "${runSets}"}});
    for (auto& one : {field("id"), field("name"), field("_defaultColorIndex"), table})
        sets["fields"].push_back(one);
    nlohmann::json query = nlohmann::json::object();
    query["queryFields"].push_back(std::move(sets));
    out.chart = {{"panel_type", "Vega2"},
                 {"panel_config",
                  {{"panelDefId", drawn_by},
                   {"fieldSettings", fields},
                   {"stringSettings", texts},
                   {"transform", {{"name", "tableWithLeafColNames"}}},
                   {"userQuery", std::move(query)}}}};
    return out;
}

[[nodiscard]] inline RowMedia confusion_of(const RecordedMedia& media, const nlohmann::json& is) {
    nlohmann::json data = nlohmann::json::array();
    const nlohmann::json &labels = is.at("labels"), &counts = is.at("counts");
    for (std::size_t truth = 0; truth < labels.size(); ++truth) {
        for (std::size_t said = 0; said < labels.size(); ++said)
            data.push_back({labels.at(truth), labels.at(said), counts.at(truth).at(said)});
    }
    const nlohmann::json columns = {"Actual", "Predicted", "nPredictions"};
    nlohmann::json fields = nlohmann::json::object();
    for (const nlohmann::json& column : columns) fields[column.get<std::string>()] = column;
    return chart_of(media, "wandb/confusion_matrix/v1", columns, data, fields, {{"title", media.metric}});
}
[[nodiscard]] inline RowMedia curve_of(const RecordedMedia& media, const nlohmann::json& is) {
    nlohmann::json data = nlohmann::json::array();
    const nlohmann::json &x = is.at("x"), &y = is.at("y"), &x_name = is.at("x_name"),
                         &y_name = is.at("y_name");
    for (std::size_t i = 0; i < x.size(); ++i) data.push_back({media.metric, x.at(i), y.at(i)});
    nlohmann::json columns = nlohmann::json::array();
    for (const nlohmann::json& name : {nlohmann::json("class"), x_name, y_name}) columns.push_back(name);
    return chart_of(media, "wandb/area-under-curve/v0", columns, data,
                    {{"x", x_name}, {"y", y_name}, {"class", "class"}},
                    {{"title", media.metric}, {"x-axis-title", x_name}, {"y-axis-title", y_name}});
}

/// A value as W&B has it. Fails: unsupported, if W&B has nothing like it; corrupt.
[[nodiscard]] inline result<RowMedia> row_media(const RecordedMedia& media, std::string bytes) {
    const auto fails = [&](errc code, const char* why) {
        return error{code, std::string{why}, media.metric + " of step " + std::to_string(media.step),
                     "the run itself has it: cairn media"};
    };
    const auto with_about = [&](RowMedia out, std::initializer_list<const char*> fields) {
        for (const char* field : fields) {
            if (const auto told = media.about.find(field); told != media.about.end())
                out.value[field] = *told;
        }
        return out;
    };
    const std::string subtype = subtype_of(media.type);
    if (media.kind == "text") return RowMedia{media.metric, std::move(bytes)};
    if (media.kind == "image") {
        const std::string format = subtype == "jpeg" ? "jpg" : subtype;
        RowMedia out = file_of(media, "images", "image-file", format, std::move(bytes));
        out.value["format"] = format;
        return with_about(std::move(out), {"width", "height", "caption"});
    }
    if (media.kind == "audio")
        return with_about(file_of(media, "audio", "audio-file", "wav", std::move(bytes)), {"caption"});
    if (media.type != "application/json") {
        if (media.kind == "blob" && subtype == "html")
            return file_of(media, "html", "html-file", "html", std::move(bytes));
        // W&B has no such thing in a row: the file is among the run's files, and the row names it.
        RowMedia out = file_of(media, media.kind == "field" ? "fields" : "files", "",
                               media.kind == "field" ? "f32" : "bin", std::move(bytes));
        out.value = out.path;
        return out;
    }
    if (json_depth(bytes) > most_json_depth) return fails(errc::corrupt, "a rich value is nested too deep");
    try {
        const nlohmann::json is = nlohmann::json::parse(bytes);
        if (media.kind == "histogram") {
            if (is.at("counts").empty())
                return fails(errc::unsupported, "W&B has no histogram without a bin");
            return RowMedia{media.metric, histogram_of(is, "histogram")};
        }
        if (media.kind == "table") return table_of(media, is.at("columns"), is.at("data"));
        if (media.kind == "confusion_matrix") return confusion_of(media, is);
        if (media.kind == "curve") return curve_of(media, is);
    } catch (const nlohmann::json::exception& e) {
        return fails(errc::corrupt, e.what());
    }
    RowMedia out = file_of(media, "files", "", "json", std::move(bytes));
    out.value = out.path;
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::wandb
