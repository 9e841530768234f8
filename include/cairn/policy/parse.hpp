// SPDX-License-Identifier: MIT
#pragma once
// Text to policy, for config files and command lines. Costs what parsed.hpp costs.

#include <cairn/core/error.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/parsed.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Numbers, or places for one, as many as the text says.
struct GivenNumbers {
    std::vector<MaybeNumber> numbers;
    [[nodiscard]] std::size_t size() const noexcept { return numbers.size(); }
    MaybeNumber& operator[](std::size_t i) noexcept { return numbers[i]; }
    const MaybeNumber& operator[](std::size_t i) const noexcept { return numbers[i]; }
};

/// Seconds as a duration.
struct Seconds {
    struct period {
        static constexpr std::int64_t num = 1, den = 1;
    };
    double seconds;
    [[nodiscard]] double count() const noexcept { return seconds; }
};

/// Reads the language of `to_text`:
///
///     policy = all { "|" all }        all = one { "&" one }
///     one    = "!" one | "(" policy ")" | word [ "(" argument { "," argument } ")" ]
///
/// The first thing that is wrong is the error; what is read after it does not matter.
class PolicyParser {
  public:
    explicit PolicyParser(std::string_view text) : text_{text} {}

    [[nodiscard]] result<ParsedPolicy> parse() {
        ParsedPolicy policy = any();
        if (!failed_ && place_ != text_.size()) expected("'|', '&' or the end");
        if (failed_) return failure();
        return policy;
    }

  private:
    // ---- the grammar

    ParsedPolicy any() {
        return joined<true>('|', [this] { return all(); });
    }
    ParsedPolicy all() {
        return joined<false>('&', [this] { return one(); });
    }

    template <bool is_any, class Part>
    ParsedPolicy joined(char sign, Part part) {
        ParsedPolicy first = part();
        if (!next_is(sign)) return first;
        GivenPack<is_any> pack;
        pack.members.push_back(std::move(first));
        while (take(sign)) pack.members.push_back(part());
        return ParsedPolicy{std::move(pack)};
    }

    ParsedPolicy one() {
        const Deeper deeper{*this};
        if (failed_) return nothing();
        if (take('!')) return ParsedPolicy{Not<ParsedPolicy>{one()}};
        if (take('(')) {
            ParsedPolicy inside = any();
            want(')');
            return inside;
        }
        const std::size_t from = (skip_space(), place_);
        const std::string_view name = word();
        if (name == "never") return ParsedPolicy{NoBestSave{}};
        if (name == "manual") return ParsedPolicy{Manual{}};
        if (name == "finish") return ParsedPolicy{OnFinish{}};
        for (const auto& [known, read] : policies) {
            if (name != known) continue;
            want('(');
            ParsedPolicy policy = (this->*read)();
            want(')');
            return policy;
        }
        place_ = from;
        return expected("a policy: never, manual, finish, every(…), steps(…), best(…), improves(…), top(…), "
                        "below(…), budget(…), after(…), until(…), first(…), once(…), at_most_every(…)");
    }

    // ---- one function for each word with arguments

    ParsedPolicy every() {
        const std::size_t from = (skip_space(), place_);
        const double n = number("a count or a duration");
        if (double seconds = n; take_unit(seconds)) return ParsedPolicy{EveryDuration{Seconds{seconds}}};
        const GivenCount period{count_of(from, n, 1)};
        if (!take(',')) return ParsedPolicy{EveryNOf<GivenCount, TheStep>{period, {}}};
        return ParsedPolicy{EveryNOf<GivenCount, CounterOf<GivenMetric>>{period, {metric()}}};
    }
    ParsedPolicy steps() {
        GivenSteps listed;
        do {
            listed.steps.push_back(integer("a step", least_));
        } while (take(','));
        return ParsedPolicy{std::move(listed)};
    }
    ParsedPolicy best() {
        GivenMonitor watch = monitor();
        if (!take(',')) return ParsedPolicy{BestOf<GivenMonitor, Ties::keep_first, NoMargin>{watch, {}}};
        if (word() != "newest") return expected("newest, or ')'");
        return ParsedPolicy{BestOf<GivenMonitor, Ties::keep_newest, NoMargin>{watch, {}}};
    }
    ParsedPolicy improves() {
        GivenMonitor watch = monitor();
        want(',');
        return ParsedPolicy{BestOf<GivenMonitor, Ties::keep_first, MinDelta>{watch, {number("by how much")}}};
    }
    ParsedPolicy top() {
        const std::int64_t k = integer("how many", 1, 10'000);
        want(',');
        return ParsedPolicy{TopKOf<GivenNumbers, GivenMonitor>{
            {std::vector<MaybeNumber>(static_cast<std::size_t>(k))}, monitor()}};
    }
    ParsedPolicy below() {
        GivenMetric of = metric();
        want(',');
        return ParsedPolicy{BelowOf<GivenMetric>{of, number("a limit")}};
    }
    ParsedPolicy budget() {
        const double percent = number("a percentage");
        (void)take('%');
        return ParsedPolicy{Budget{percent}};
    }
    template <bool from>
    ParsedPolicy bound() {
        ParsedPolicy condition{StepBound<GivenCount, from>{GivenCount{integer("a step", 0)}}};
        if (!take(',')) return condition;
        GivenPack<false> both;
        both.members.push_back(std::move(condition));
        both.members.push_back(any());
        return ParsedPolicy{std::move(both)};
    }
    ParsedPolicy first() {
        const GivenCount limit{integer("how often", 1)};
        want(',');
        return ParsedPolicy{FirstOf<GivenCount, ParsedPolicy>{limit, any()}};
    }
    ParsedPolicy once() { return ParsedPolicy{FirstOf<GivenCount, ParsedPolicy>{GivenCount{1}, any()}}; }
    ParsedPolicy at_most_every() {
        double seconds = number("a duration");
        if (!take_unit(seconds)) return expected("a unit: ms, s, min, h or d");
        want(',');
        return ParsedPolicy{AtMostEvery<ParsedPolicy>{Seconds{seconds}, any()}};
    }

    struct Known {
        std::string_view name;
        ParsedPolicy (PolicyParser::*read)();
    };
    static const Known policies[12];

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
        GivenMonitor monitor{{metric()}};
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
        const auto [end, problem] = std::from_chars(from, text_.data() + text_.size(), value);
        if (problem != std::errc{} || !std::isfinite(value)) {
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
    /// The count that was read as a number at `from`.
    std::int64_t count_of(std::size_t from, double n, std::int64_t least) {
        if (n >= static_cast<double>(least) && n == std::floor(n) && n < 9e15)
            return static_cast<std::int64_t>(n);
        if (!failed_) {
            place_ = from;
            expected("a count of " + std::to_string(least) +
                     " or more, or a duration with its unit, like 30min");
        }
        return least;
    }
    /// Makes seconds of `value` if a unit of time follows.
    bool take_unit(double& value) {
        const std::size_t from = place_;
        const std::string_view unit = word();
        for (const auto& [name, seconds] :
             {Unit{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}}) {
            if (unit != name) continue;
            value *= seconds;
            return value >= 0 || (place_ = from, expected("a duration that is not negative"), true);
        }
        place_ = from;
        return false;
    }
    struct Unit {
        std::string_view name;
        double seconds;
    };

    // ---- characters

    static constexpr std::int64_t least_ = INT64_MIN, most_ = INT64_MAX;

    static constexpr bool is_space(char c) noexcept {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    }
    static constexpr bool ends_a_name(char c) noexcept {
        return is_space(c) || std::string_view{"\"\\(),|&!"}.find(c) != std::string_view::npos;
    }
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
    std::string_view word() noexcept {
        skip_space();
        const std::size_t from = place_;
        while (place_ < text_.size() &&
               ((text_[place_] >= 'a' && text_[place_] <= 'z') || text_[place_] == '_'))
            ++place_;
        return text_.substr(from, place_ - from);
    }

    // ---- what is wrong

    /// Notes the first mistake, at the next character; the parser then takes nothing any more.
    ParsedPolicy expected(std::string what) {
        skip_space();
        if (!failed_) {
            failed_ = true;
            wanted_ = std::move(what);
            wrong_at_ = place_ < text_.size() ? place_ : text_.size();
        }
        return nothing();
    }
    static ParsedPolicy nothing() { return ParsedPolicy{NoBestSave{}}; }

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
                "a policy's text is wrong at character " + std::to_string(wrong_at_ + 1),
                printable(text_.substr(wrong_at_ - before, before)) + " >>> " +
                    printable(text_.substr(wrong_at_, 60)),
                "here should be " + wanted_};
    }

    /// Parentheses and negations are as deep as the stack allows, with room to spare.
    struct Deeper {
        explicit Deeper(PolicyParser& parser) : of{parser} {
            if (++of.depth_ > 100)
                of.expected("fewer parentheses: 100 of them inside each other are too many");
        }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        ~Deeper() { --of.depth_; }
        PolicyParser& of;
    };

    std::string_view text_;
    std::size_t place_ = 0;
    std::size_t wrong_at_ = 0;
    int depth_ = 0;
    bool failed_ = false;
    std::string wanted_;
};

inline const PolicyParser::Known PolicyParser::policies[12] = {
    {"every", &PolicyParser::every},
    {"steps", &PolicyParser::steps},
    {"best", &PolicyParser::best},
    {"improves", &PolicyParser::improves},
    {"top", &PolicyParser::top},
    {"below", &PolicyParser::below},
    {"budget", &PolicyParser::budget},
    {"after", &PolicyParser::bound<true>},
    {"until", &PolicyParser::bound<false>},
    {"first", &PolicyParser::first},
    {"once", &PolicyParser::once},
    {"at_most_every", &PolicyParser::at_most_every}};

}  // namespace detail

/// The policy that a text means: `parse_policy("best(val/loss, min) | every(500) & after(100)").value()`, for
/// a config file or a command line. `&` binds more than `|`, `!` more than both. Durations have a unit
/// (`every(30min)`; ms, s, min, h, d); a metric whose name has spaces or one of `"\(),|&!` stands in quotes.
/// Fails: invalid_argument, with the character and what should be there.
[[nodiscard]] inline result<ParsedPolicy> parse_policy(std::string_view text) {
    return detail::PolicyParser{text}.parse();
}

}  // namespace CAIRN_NAMESPACE
