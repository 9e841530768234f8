// SPDX-License-Identifier: MIT
#pragma once
// What a rich value becomes: bytes that other programs read too, and a few words about them. Costs
// nlohmann/json.

#include <cairn/core/metric.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <string>

namespace CAIRN_NAMESPACE {

/// A rich value as a run keeps it.
struct Media {
    std::string kind;  ///< how it is shown: "image", "table", "histogram", "text", "field", "audio", "curve",
                       ///< "blob"; a reader shows one that it does not know as "blob"
    std::string type;  ///< the media type of the bytes: "image/png"
    std::string bytes;                                ///< the value; at most 1 GiB
    nlohmann::json about = nlohmann::json::object();  ///< width, height, caption, …; at most 1 MiB of text
};

/// A type that `run.log("name"_m = value)` takes beside numbers. One's own needs two members: `encode`, which
/// is called once, on another thread, and may throw; and `memory`, about how many bytes it holds.
template <class T>
concept EncodesMedia = RichValue<T> && requires(const T& value) {
    { value.encode() } -> std::same_as<Media>;
};

}  // namespace CAIRN_NAMESPACE
