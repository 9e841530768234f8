// SPDX-License-Identifier: MIT
#pragma once
// What the readers of policies and of retentions share: numbers, names and words out of a text, and the first
// thing that is wrong with it.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/read_number.hpp>
#include <cairn/policy/parsed.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Seconds as a duration.
struct Seconds {
    struct period {
        static constexpr std::int64_t num = 1, den = 1;
    };
    double seconds;
    [[nodiscard]] double count() const noexcept { return seconds; }
};

/// Reads from left to right. The first thing that is wrong is the error; what is read after it does not
/// matter, and nothing is taken any more.
class TextParser {
  protected:
    TextParser(std::string_view text, const char* kind) : text_{text}, kind_{kind} {}

    // ---- the arguments

    GivenMetric metric() {
        skip_space();
        GivenMetric metric;
        if (take('"')) {
            for (; place_ < text_.size() && text_[place_] != '"'; ++place_) {
                if (text_[place_] == '\\' && place_ + 1 < text_.size()) ++place_;
                metric.text += text_[place_];
            }
            if (!take('"')) expected("'\"', which ends the name");
        } else {
            while (place_ < text_.size() && !ends_a_name(text_[place_])) metric.text += text_[place_++];
        }
        if (metric.text.empty()) expected("the name of a metric");
        return metric;
    }
    GivenMonitor monitor() {
        GivenMonitor monitor{metric()};
        const std::size_t from = place_;
        if (take(',')) {
            const std::string_view way = word();
            if (way == "min") monitor.way = minimize;
            if (way == "max") monitor.way = maximize;
        }
        if (monitor.way == Direction::unspecified) {
            place_ = from;
            expected("', min' or ', max': which way the metric is better");
        }
        return monitor;
    }
    double number(const char* what) {
        skip_space();
        double value = 0;
        const char* const from = text_.data() + place_;
        const auto [end, problem] = read_number(from, text_.data() + text_.size(), value);
        if (problem != std::errc{} || !is_finite(value)) {
            expected(what);
            return 0;
        }
        place_ += static_cast<std::size_t>(end - from);
        return value;
    }
    std::int64_t integer(const char* what, std::int64_t least, std::int64_t most = most_) {
        skip_space();
        std::int64_t value = 0;
        const char* const from = text_.data() + place_;
        const auto [end, problem] = std::from_chars(from, text_.data() + text_.size(), value);
        if (problem != std::errc{} || value < least || value > most) {
            const std::string range = least == least_ ? std::string{}
                                      : most == most_
                                          ? " of " + std::to_string(least) + " or more"
                                          : " from " + std::to_string(least) + " to " + std::to_string(most);
            expected(std::string{what} + ": an integer" + range);
            return least > 0 ? least : 0;
        }
        place_ += static_cast<std::size_t>(end - from);
        return value;
    }
    /// What was read as a number from `from` on, if its characters are those of such an integer: a `double`
    /// does not hold all of them.
    template <class Integer>
    [[nodiscard]] std::optional<Integer> exactly(std::size_t from) const {
        Integer value = 0;
        const char* const here = text_.data() + place_;
        const auto [end, problem] = std::from_chars(text_.data() + from, here, value);
        return problem == std::errc{} && end == here ? std::optional{value} : std::nullopt;
    }
    /// Makes seconds of `value` if a unit of time follows.
    bool take_unit(double& value) {
        const std::size_t from = place_;
        const std::string_view unit = word();
        for (const auto& [name, seconds] :
             {Unit{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}}) {
            if (unit != name) continue;
            value *= seconds;
            const bool is_one = value >= 0 && is_finite(value);
            if (!is_one) place_ = from, expected("a duration that is neither negative nor infinite");
            return true;
        }
        place_ = from;
        return false;
    }
    Seconds duration() {
        double seconds = number("a duration");
        if (!take_unit(seconds)) expected("a unit: ms, s, min, h or d");
        return {seconds};
    }

    // ---- characters

    static constexpr std::int64_t least_ = INT64_MIN, most_ = INT64_MAX;

    void skip_space() noexcept {
        while (place_ < text_.size() && is_space(text_[place_])) ++place_;
    }
    [[nodiscard]] bool next_is(char c) noexcept {
        skip_space();
        return !failed_ && place_ < text_.size() && text_[place_] == c;
    }
    bool take(char c) noexcept {
        const bool there = next_is(c);
        if (there) ++place_;
        return there;
    }
    void want(char c) {
        if (!take(c)) expected(std::string{"'"} + c + "'");
    }
    /// Small letters and '_'; empty if there are none.
    std::string_view word() noexcept {
        skip_space();
        const std::size_t from = place_;
        while (place_ < text_.size() &&
               ((text_[place_] >= 'a' && text_[place_] <= 'z') || text_[place_] == '_'))
            ++place_;
        return text_.substr(from, place_ - from);
    }
    /// Letters of any size: a unit of bytes.
    std::string_view unit_word() noexcept {
        skip_space();
        const std::size_t from = place_;
        while (place_ < text_.size() && ((text_[place_] | 0x20) >= 'a' && (text_[place_] | 0x20) <= 'z'))
            ++place_;
        return text_.substr(from, place_ - from);
    }
    /// Where the next thing begins, and back to such a place.
    [[nodiscard]] std::size_t here() noexcept {
        skip_space();
        return place_;
    }
    void go_back(std::size_t place) noexcept { place_ = place; }

    // ---- what is wrong

    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] bool at_end() noexcept { return here() == text_.size(); }

    /// Notes the first mistake, at the next character.
    void expected(std::string what) {
        skip_space();
        if (failed_) return;
        failed_ = true;
        wanted_ = std::move(what);
        wrong_at_ = place_ < text_.size() ? place_ : text_.size();
    }

    [[nodiscard]] error failure() const {
        const auto printable = [](std::string_view part) {
            std::string out{part};
            for (char& c : out) {
                if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
            }
            return out;
        };
        const std::size_t before = wrong_at_ < 60 ? wrong_at_ : 60;
        return {errc::invalid_argument,
                std::string{kind_} + "'s text is wrong at character " + std::to_string(wrong_at_ + 1),
                printable(text_.substr(wrong_at_ - before, before)) + " >>> " +
                    printable(text_.substr(wrong_at_, 60)),
                "here should be " + wanted_};
    }

  private:
    struct Unit {
        std::string_view name;
        double seconds;
    };

    static constexpr bool is_space(char c) noexcept {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    }
    static constexpr bool ends_a_name(char c) noexcept {
        return is_space(c) || std::string_view{"\"\\(),|&!"}.find(c) != std::string_view::npos;
    }

    std::string_view text_;
    const char* kind_;
    std::size_t place_ = 0;
    std::size_t wrong_at_ = 0;
    bool failed_ = false;
    std::string wanted_;
};

}  // namespace CAIRN_NAMESPACE::detail
