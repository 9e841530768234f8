// SPDX-License-Identifier: MIT
#pragma once
// Texts that are more than a word: samples of a language model, logs, notes. Costs nlohmann/json.

#include <cairn/media/media.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// A text of any length, in UTF-8; a short one may be logged as it is, as a metric's value:
/// `run.log("sample"_m = cairn::Text{model.generate()})`.
class Text {
  public:
    /// Takes it over.
    explicit Text(std::string text) : text_{std::move(text)} {}

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return text_.size(); }
    /// What a run keeps of it.
    [[nodiscard]] Media encode() const { return {"text", "text/plain; charset=utf-8", text_}; }

  private:
    std::string text_;
};

}  // namespace CAIRN_NAMESPACE
