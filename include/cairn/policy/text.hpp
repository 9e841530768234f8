// SPDX-License-Identifier: MIT
#pragma once
// Policies and retentions as text, the language that `parse_policy` and `parse_retention` read. Costs
// <string> and <charconv>, so it is no part of policy.hpp.

#include <cairn/policy/best.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/combine.hpp>
#include <cairn/policy/event.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/patience.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/window.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// How strongly a policy's text holds together: what binds less than its surroundings stands in parentheses.
enum class Binding : unsigned char { any, all, tight };

/// A text that is being written.
class Text : public std::string {
  public:
    /// A number as it is read back: exactly, and as short as can be.
    template <class Number>
    void add(Number number) {
        char digits[40];
        const auto [end, problem] = std::to_chars(digits, digits + sizeof digits, number);
        append(digits, static_cast<std::size_t>(end - digits));
    }
    /// A metric's name; in quotes if it has a character that means something.
    void add_metric(std::string_view name) {
        if (name.find_first_of(" \t\n\r\"\\(),|&!") == std::string_view::npos && !name.empty()) {
            *this += name;
            return;
        }
        *this += '"';
        for (const char c : name) {
            if (c == '"' || c == '\\') *this += '\\';
            *this += c;
        }
        *this += '"';
    }
    void add_watch(const auto& watch) {
        add_metric(watch.name());
        *this += watch.direction() == Direction::minimize ? ", min" : ", max";
    }
    /// What ends the arguments of a policy with a metric.
    void add_rules(const auto& metric, Ties ties = Ties::keep_first) {
        if (ties == Ties::keep_newest) *this += ", newest";
        if (metric.nans() == Nans::error) *this += ", nan_error";
    }
};

struct RuleText {
    std::string_view name, clause;  // '#' stands for the value, '$' for the reference
};
/// In the order of `Rule`.
inline constexpr RuleText rules[] = {
    {"custom", "it says yes"},
    {"never", "it saves by no rule"},
    {"due", "# is due"},
    {"crossed", "a multiple of $ was passed before #"},
    {"not_due", "# is not due"},
    {"first_value", "# is the first value"},
    {"better", "# beats $"},
    {"tie", "# equals the best"},
    {"worse", "# does not beat $"},
    {"below", "# is below $"},
    {"not_below", "# is not below $"},
    {"missing", "the metric is missing"},
    {"nan", "the metric is NaN"},
    {"in_window", "step # is in the window"},
    {"before_window", "step # is before $"},
    {"after_window", "step # is not before $"},
    {"spent", "it has saved # of $"},
    {"elapsed", "# s went by, of $"},
    {"too_soon", "only # s went by, of $"},
    {"in_budget", "saving took # % of the time, of $"},
    {"over_budget", "saving took # % of the time, more than $"},
    {"happened", "it happened"},
    {"has_not_happened", "it has not happened"},
    {"waiting", "# rows of $ were no better"},
    {"out_of_patience", "$ rows were no better"},
};

template <class P>
[[nodiscard]] Binding binding_of(const P& policy) noexcept {
    if constexpr (requires { policy.binding(); }) {
        return policy.binding();
    } else if constexpr (is_pack<Any, P>) {
        return Binding::any;
    } else if constexpr (is_pack<All, P>) {
        return Binding::all;
    } else {
        return Binding::tight;
    }
}

template <class P>
void spell(Text& out, const P& policy);

/// `policy` among others that are bound so.
template <class P>
void spell_inside(Text& out, const P& policy, Binding around) {
    const bool loose = binding_of(policy) < around;
    if (loose) out += "(";
    spell(out, policy);
    if (loose) out += ")";
}

// One function for each policy; the words are those that the parser knows.

inline void write(Text& out, const NoBestSave&) { out += "never"; }
inline void write(Text& out, const Manual&) { out += "manual"; }
inline void write(Text& out, const OnFinish&) { out += "finish"; }
inline void write(Text& out, const OnSignal&) { out += "signal"; }
inline void write(Text& out, const OnFailure&) { out += "failure"; }
template <class Count, class Counter>
void write(Text& out, const EveryNOf<Count, Counter>& policy) {
    out += "every(";
    out.add(policy.period());
    if constexpr (Counter::repeats) {
        out += ", ";
        out.add_metric(policy.counter().name());
    }
    out += ")";
}
template <std::int64_t First, std::int64_t... Rest>
void write(Text& out, const AtSteps<First, Rest...>&) {
    out += "steps(";
    out.add(First);
    ((out += ", ", out.add(Rest)), ...);
    out += ")";
}
inline void write(Text& out, const EveryDuration& policy) {
    out += "every(";
    out.add(policy.seconds());
    out += "s)";
}
template <class Watch, Ties T, class Margin>
void write(Text& out, const BestOf<Watch, T, Margin>& policy) {
    constexpr bool has_margin = !std::same_as<Margin, NoMargin>;
    out += has_margin ? "improves(" : "best(";
    out.add_watch(policy.watch());
    if constexpr (has_margin) {
        out += ", ";
        out.add(policy.margin());
    }
    out.add_rules(policy.watch(), T);
    out += ")";
}
template <class Held, class Watch>
void write(Text& out, const TopKOf<Held, Watch>& policy) {
    out += "top(";
    out.add(policy.size());
    out += ", ";
    out.add_watch(policy.watch());
    out.add_rules(policy.watch());
    out += ")";
}
template <class Watch, class Count>
void write(Text& out, const PatienceOf<Watch, Count>& policy) {
    out += "patience(";
    out.add_watch(policy.watch());
    out += ", ";
    out.add(policy.limit());
    if (policy.min_delta() != 0) out += ", ", out.add(policy.min_delta());
    out.add_rules(policy.watch());
    out += ")";
}
template <class Watch>
void write(Text& out, const BelowOf<Watch>& policy) {
    out += "below(";
    out.add_metric(policy.watch().name());
    out += ", ";
    out.add(policy.limit());
    out.add_rules(policy.watch());
    out += ")";
}
inline void write(Text& out, const Budget& policy) {
    out += "budget(";
    out.add(policy.percent());
    out += "%)";
}
template <class Count, bool From>
void write(Text& out, const StepBound<Count, From>& policy) {
    out += From ? "after(" : "until(";
    out.add(policy.bound());
    out += ")";
}
template <class Count, class P>
void write(Text& out, const FirstOf<Count, P>& policy) {
    out += "first(";
    out.add(policy.limit());
    out += ", ";
    spell(out, policy.inner());
    out += ")";
}
template <class P>
void write(Text& out, const AtMostEvery<P>& policy) {
    out += "at_most_every(";
    out.add(policy.seconds());
    out += "s, ";
    spell(out, policy.inner());
    out += ")";
}
template <class P>
    requires(is_pack<Any, P> || is_pack<All, P>)
void write(Text& out, const P& policy) {
    std::string_view between;
    policy.for_each([&](const auto& member) {
        out += between;
        between = is_pack<Any, P> ? " | " : " & ";
        spell_inside(out, member, binding_of(policy));
    });
}
template <class P>
void write(Text& out, const Not<P>& policy) {
    out += "!";
    spell_inside(out, policy.inner(), Binding::tight);
}

// The same for retentions.

inline void write(Text& out, const KeepAll&) { out += "all"; }
template <class Count>
void write(Text& out, const KeepLastOf<Count>& retention) {
    out += "last(";
    out.add(retention.limit());
    out += ")";
}
template <class Count>
void write(Text& out, const KeepEveryOf<Count>& retention) {
    out += "every(";
    out.add(retention.period());
    out += ")";
}
inline void write(Text& out, const KeepFor& retention) {
    out += "for(";
    out.add(retention.seconds());
    out += "s)";
}
template <class Count, class Watch, Ties T>
void write(Text& out, const KeepBestOf<Count, Watch, T>& retention) {
    out += "best(";
    out.add(retention.limit());
    out += ", ";
    out.add_watch(retention.watch());
    if (T == Ties::keep_newest) out += ", newest";
    out += ")";
}
template <class A, class B>
void write(Text& out, const KeepEither<A, B>& retention) {
    spell(out, retention.first());
    out += " | ";
    spell(out, retention.second());
}
template <class R>
void write(Text& out, const Capped<R>& retention) {
    out += "capped(";
    spell(out, retention.inner());
    out += ", ";
    out.add(retention.bytes());
    out += ")";
}

template <class P>
void spell(Text& out, const P& policy) {
    if constexpr (requires { policy.spell(out); }) {
        policy.spell(out);
    } else if constexpr (requires { write(out, policy); }) {
        write(out, policy);
    } else {
        out += "custom";  // one of the user's own that does not spell itself
    }
}

}  // namespace detail

/// A rule's name, for records: "better", "not_due".
[[nodiscard]] constexpr std::string_view to_string(Rule rule) noexcept {
    return detail::rules[static_cast<std::size_t>(rule)].name;
}

/// Why a policy answered as it did, as a clause: "0.31 beats 0.4", "1000 is due". Numbers are written so that
/// they can be read back exactly.
template <class = void>
[[nodiscard]] std::string to_text(const Reason& reason) {
    detail::Text out;
    std::string_view clause = detail::rules[static_cast<std::size_t>(reason.rule)].clause;
    if (reason.rule == Rule::custom && reason.answer != Answer::yes)
        clause = reason.answer == Answer::no ? "it says no" : "it does not know";
    for (const char c : clause) {
        if (c == '#')
            out.add(reason.value);
        else if (c == '$')
            out.add(reason.reference);
        else
            out += c;
    }
    return std::string{std::move(out)};
}

/// A policy or a retention as text: `every(500) | best(val/loss, min)`. What a program composes of ours is
/// read back by `parse_policy` or `parse_retention` as the same one; a Predicate, and a policy or retention
/// of one's own, are "custom", unless they have `void spell(auto& out) const`, which appends to `out`.
template <class P>
    requires(SavePolicy<P> || RetentionPolicy<P>)
[[nodiscard]] std::string to_text(const P& policy) {
    detail::Text out;
    detail::spell(out, policy);
    return std::string{std::move(out)};
}

}  // namespace CAIRN_NAMESPACE
