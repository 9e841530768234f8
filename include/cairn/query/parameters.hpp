// SPDX-License-Identifier: MIT
#pragma once
// The parameters of a question. Costs <map> and <string>.

#include <cairn/core/error.hpp>
#include <cairn/core/read_number.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a question says beside its path. A name may be there several times.
using Parameters = std::multimap<std::string, std::string, std::less<>>;

namespace detail {

/// Reads parameters. What is not there has a default; what is no such value is an error.
class ParameterReader {
  public:
    explicit ParameterReader(const Parameters& all) : all_{&all} {}

    [[nodiscard]] std::string text(std::string_view name) const {
        const auto found = all_->find(name);
        return found != all_->end() ? found->second : std::string{};
    }
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
        std::vector<std::string> out;
        const auto [from, to] = all_->equal_range(name);
        for (auto at = from; at != to; ++at) out.push_back(at->second);
        return out;
    }
    template <class N>
    [[nodiscard]] result<N> number(std::string_view name, N otherwise, N least, N most) const {
        const std::string text = this->text(name);
        if (text.empty()) return otherwise;
        if (const auto value = whole_number<N>(text); value && *value >= least && *value <= most)
            return *value;
        return error{errc::invalid_argument, "parameter " + std::string{name} + " is no such number", text,
                     "give one from " + std::to_string(least) + " to " + std::to_string(most)};
    }
    /// The value that a word stands for; the first if there is none.
    template <class V, std::size_t N>
    [[nodiscard]] result<V> word(std::string_view name,
                                 const std::pair<std::string_view, V> (&known)[N]) const {
        const std::string text = this->text(name);
        if (text.empty()) return known[0].second;
        std::string words;
        for (const auto& [word, value] : known) {
            if (word == text) return value;
            words += (words.empty() ? "" : ", ") + std::string{word};
        }
        return error{errc::invalid_argument, "parameter " + std::string{name} + " is not one of: " + words,
                     text, "give one of these"};
    }

  private:
    const Parameters* all_;
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
