// SPDX-License-Identifier: MIT
#pragma once
// What a mirror could not hand on, until somebody is told. Costs nlohmann/json.

#include <cairn/core/error.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// A list that stands in the cursor as long as no report has told of it: the look that finds a thing may fail
/// later, or that of another rank. What is met again and again stands there for good, as a text.
class LeftOut {
  public:
    LeftOut() = default;
    /// From what `as_json` made; anything else is passed over.
    explicit LeftOut(const nlohmann::json& kept) {
        for (const nlohmann::json& one : kept) {
            if (one.is_string()) met_.insert(one.get<std::string>());
            if (!one.is_array() || one.size() != 3) continue;
            if (!one[0].is_string() || !one[1].is_string() || !one[2].is_string()) continue;
            add({errc::unsupported, one[0].get<std::string>(), one[1].get<std::string>(),
                 one[2].get<std::string>()});
        }
    }

    void add(error what) { all_.push_back(std::move(what)); }
    /// The same of what is met again and again: it is told once.
    void add_once(error what) {
        if (met_.insert(what.what()).second) add(std::move(what));
    }
    void add_once(std::vector<error> all) {
        for (error& what : all) add_once(std::move(what));
    }
    /// Whether it is only this thing that is refused: then it is among them, and the others go on.
    [[nodiscard]] bool takes(const result<void>& told) {
        if (told || told.error().code() != errc::invalid_argument) return false;
        add({errc::unsupported, told.error().tried(), told.error().path(), "the run itself has it"});
        return true;
    }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    /// All of them, for a report.
    [[nodiscard]] const std::vector<error>& all() const noexcept { return all_; }
    /// After the report was told. False if there was nothing.
    bool forget() noexcept { return !std::exchange(all_, {}).empty(); }
    [[nodiscard]] nlohmann::json as_json() const {
        nlohmann::json kept = met_;
        for (const error& one : all_)
            kept.push_back(nlohmann::json::array({one.tried(), one.path(), one.advice()}));
        return kept;
    }

  private:
    std::vector<error> all_;
    std::set<std::string> met_;
};

}  // namespace CAIRN_NAMESPACE::detail
