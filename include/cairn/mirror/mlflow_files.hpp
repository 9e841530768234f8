// SPDX-License-Identifier: MIT
#pragma once
// What rich values become in MLflow: files of a run. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/media_path.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/media.hpp>
#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// A rich value as a file of a run.
struct MediaFile {
    std::string path, bytes;
    bool is_table = false, is_image = false;
};
/// Its name says of which metric and step it is, and which of its rank's values, so it is never two. Fails:
/// corrupt.
[[nodiscard]] inline result<MediaFile> media_file(const RecordedMedia& media, std::string bytes,
                                                  std::string_view run_key) {
    const std::string subtype = subtype_of(media.type), step = std::to_string(media.step);
    const std::string format = subtype == "jpeg" ? "jpg" : subtype;
    if (media.kind == "image") {  // so MLflow's page finds it as one of a row of images
        std::string key = path_from(media.metric);
        std::replace(key.begin(), key.end(), '/', '~');
        const std::string of = std::string{run_key} + " " + std::to_string(media.at);
        return MediaFile{"images/" + key + "+step+" + step + "+timestamp+" +
                             std::to_string(media.time_ns / ns_per_ms) + "+" +
                             sha256(detail::bytes_of(of)).hex().substr(0, 32) + "." + format,
                         std::move(bytes), false, true};
    }
    const std::string name = path_from(media.metric) + "/step_" + step + "_" + std::to_string(media.at);
    if (media.kind == "table") {
        if (json_depth(bytes) > most_json_depth)
            return error{errc::corrupt, "a table is nested too deep", media.metric, ""};
        const nlohmann::json is = nlohmann::json::parse(bytes, nullptr, false);
        if (!is.is_object() || !is.contains("columns") || !is.contains("data"))
            return error{errc::corrupt, "this is no table", media.metric, ""};
        return MediaFile{"tables/" + name + ".json",
                         json_text({{"columns", is["columns"]}, {"data", is["data"]}}), true};
    }
    const bool is_json = media.type == "application/json";
    const std::string ending = is_json                 ? "json"
                               : media.kind == "text"  ? "txt"
                               : media.kind == "audio" ? "wav"
                               : media.kind == "field" ? "f32"
                               : subtype == "html"     ? "html"
                                                       : "bin";
    return MediaFile{"media/" + name + "." + ending, std::move(bytes)};
}

}  // namespace CAIRN_NAMESPACE::detail::mlflow
