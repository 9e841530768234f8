// SPDX-License-Identifier: MIT
#pragma once
// Text to policy, for config files and command lines. Costs what parsed.hpp costs.

#include <cairn/core/error.hpp>
#include <cairn/policy/detail/text_parser.hpp>
#include <cairn/policy/event.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/parsed.hpp>
#include <cairn/policy/patience.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

/// Reads the language of `to_text`:
///
///     policy = all { "|" all }        all = one { "&" one }
///     one    = "!" one | "(" policy ")" | word [ "(" argument { "," argument } ")" ]
class PolicyParser : TextParser {
  public:
    explicit PolicyParser(std::string_view text) : TextParser{text, "a policy"} {}

    [[nodiscard]] result<ParsedPolicy> parse() {
        ParsedPolicy policy = any();
        if (!failed() && !at_end()) expected("'|', '&' or the end");
        if (failed()) return failure();
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

    template <bool IsAny, class Part>
    ParsedPolicy joined(char sign, Part part) {
        ParsedPolicy first = part();
        if (!next_is(sign)) return first;
        GivenPack<IsAny> pack;
        pack.members.push_back(std::move(first));
        while (take(sign)) pack.members.push_back(part());
        return ParsedPolicy{std::move(pack)};
    }

    ParsedPolicy one() {
        const Deeper deeper{*this};
        if (failed()) return nothing();
        if (take('!')) return ParsedPolicy{Not<ParsedPolicy>{one()}};
        if (take('(')) {
            ParsedPolicy inside = any();
            want(')');
            return inside;
        }
        const std::size_t from = here();
        const std::string_view name = word();
        if (name == "never") return ParsedPolicy{NoBestSave{}};
        if (name == "manual") return ParsedPolicy{Manual{}};
        if (name == "finish") return ParsedPolicy{OnFinish{}};
        if (name == "signal") return ParsedPolicy{OnSignal{}};
        if (name == "failure") return ParsedPolicy{OnFailure{}};
        for (const auto& [known, read] : policies) {
            if (name != known) continue;
            want('(');
            ParsedPolicy policy = (this->*read)();
            want(')');
            return policy;
        }
        go_back(from);
        return instead("a policy: never, manual, finish, signal, failure, every(…), steps(…), best(…), "
                       "improves(…), top(…), below(…), budget(…), after(…), until(…), first(…), once(…), "
                       "at_most_every(…), patience(…)");
    }

    // ---- one function for each word with arguments

    ParsedPolicy every() {
        const std::size_t from = here();
        const double n = number("a count or a duration");
        if (double seconds = n; take_unit(seconds)) return ParsedPolicy{EveryDuration{Seconds{seconds}}};
        const GivenCount period{count_of(from, n)};
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
        return improving(std::move(watch), NoMargin{});
    }
    ParsedPolicy improves() {
        GivenMonitor watch = monitor();
        want(',');
        const MinDelta margin{number("by how much")};
        return improving(std::move(watch), margin);
    }
    template <class Margin>
    ParsedPolicy improving(GivenMonitor watch, Margin margin) {
        const Ties ties = rules(watch, true);
        if (ties == Ties::keep_first)
            return ParsedPolicy{BestOf<GivenMonitor, Ties::keep_first, Margin>{std::move(watch), margin}};
        return ParsedPolicy{BestOf<GivenMonitor, Ties::keep_newest, Margin>{std::move(watch), margin}};
    }
    ParsedPolicy top() {
        const std::int64_t k = integer("how many", 1, 1'000'000);
        want(',');
        GivenMonitor watch = monitor();
        (void)rules(watch, false);
        return ParsedPolicy{TopKOf<GivenNumbers, GivenMonitor>{
            {std::vector<MaybeNumber>(static_cast<std::size_t>(k))}, std::move(watch)}};
    }
    ParsedPolicy below() {
        GivenMetric of = metric();
        want(',');
        const double limit = number("a limit");
        (void)rules(of, false);
        return ParsedPolicy{BelowOf<GivenMetric>{std::move(of), limit}};
    }
    ParsedPolicy patience() {
        GivenMonitor watch = monitor();
        want(',');
        const GivenCount limit{integer("how many rows", 1)};
        const double min_delta = take(',') ? number("by how much") : 0;
        (void)rules(watch, false);
        return ParsedPolicy{PatienceOf<GivenMonitor, GivenCount>{std::move(watch), limit, min_delta}};
    }
    ParsedPolicy budget() {
        const double percent = number("a percentage");
        (void)take('%');
        return ParsedPolicy{Budget{percent}};
    }
    template <bool IsFrom>
    ParsedPolicy bound() {
        ParsedPolicy condition{StepBound<GivenCount, IsFrom>{GivenCount{integer("a step", 0)}}};
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
        const Seconds pause = duration();
        want(',');
        return ParsedPolicy{AtMostEvery<ParsedPolicy>{pause, any()}};
    }

    struct Known {
        std::string_view name;
        ParsedPolicy (PolicyParser::*read)();
    };
    static const Known policies[13];

    // ---- what these have in common

    /// The rules that end a policy's arguments: `newest` where ties matter, `nan_error`.
    Ties rules(GivenMetric& metric, bool has_ties) {
        Ties ties = Ties::keep_first;
        while (take(',')) {
            const std::size_t from = here();
            const std::string_view rule = word();
            if (rule == "newest" && has_ties) {
                ties = Ties::keep_newest;
            } else if (rule == "nan_error") {
                metric.on_nan = Nans::error;
            } else {
                go_back(from);
                expected(has_ties ? "newest, nan_error or ')'" : "nan_error or ')'");
            }
        }
        return ties;
    }
    /// The count that was read as a number at `from`.
    std::int64_t count_of(std::size_t from, double n) {
        if (const auto exact = exactly<std::int64_t>(from); exact && *exact >= 1) return *exact;
        if (n >= 1 && n == std::floor(n) && n < 9e15) return static_cast<std::int64_t>(n);
        if (!failed()) {
            go_back(from);
            expected("a count of 1 or more, or a duration with its unit, like 30min");
        }
        return 1;
    }
    ParsedPolicy instead(std::string what) {
        expected(std::move(what));
        return nothing();
    }
    static ParsedPolicy nothing() { return ParsedPolicy{NoBestSave{}}; }

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

    int depth_ = 0;
};

inline constinit const PolicyParser::Known PolicyParser::policies[13] = {
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
    {"at_most_every", &PolicyParser::at_most_every},
    {"patience", &PolicyParser::patience}};

}  // namespace detail

/// The policy that a text means: `parse_policy("best(val/loss, min) | every(500) & after(100)").value()`, for
/// a config file or a command line. `&` binds more than `|`, `!` more than both. Durations have a unit
/// (`every(30min)`; ms, s, min, h, d); a metric whose name has spaces or one of `"\(),|&!` stands in quotes.
/// Fails: invalid_argument, with the character and what should be there.
[[nodiscard]] inline result<ParsedPolicy> parse_policy(std::string_view text) {
    return detail::PolicyParser{text}.parse();
}

}  // namespace CAIRN_NAMESPACE
