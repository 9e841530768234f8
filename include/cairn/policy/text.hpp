// SPDX-License-Identifier: MIT
#pragma once
// Policies as text, the language that `parse_policy` reads. Costs <string> and <charconv>, so it is no part
// of policy.hpp.

#include <cairn/policy/best.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/combine.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/window.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

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
        if (name.find_first_of(" \t\n\"\\(),|&!") == std::string_view::npos && !name.empty()) {
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
    if (T == Ties::keep_newest) out += ", newest";
    out += ")";
}
template <class Held, class Watch>
void write(Text& out, const TopKOf<Held, Watch>& policy) {
    out += "top(";
    out.add(policy.size());
    out += ", ";
    out.add_watch(policy.watch());
    out += ")";
}
template <class Watch>
void write(Text& out, const BelowOf<Watch>& policy) {
    out += "below(";
    out.add_metric(policy.watch().name());
    out += ", ";
    out.add(policy.limit());
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
template <class... Ps>
void write(Text& out, const Any<Ps...>& policy) {
    std::string_view between;
    policy.apply([&](const auto&... members) {
        ((out += between, between = " | ", spell_inside(out, members, Binding::any)), ...);
    });
}
template <class... Ps>
void write(Text& out, const All<Ps...>& policy) {
    std::string_view between;
    policy.apply([&](const auto&... members) {
        ((out += between, between = " & ", spell_inside(out, members, Binding::all)), ...);
    });
}
template <class P>
void write(Text& out, const Not<P>& policy) {
    out += "!";
    spell_inside(out, policy.inner(), Binding::tight);
}

template <class P>
void spell(Text& out, const P& policy) {
    if constexpr (requires { policy.spell(out); }) {
        policy.spell(out);
    } else if constexpr (requires { write(out, policy); }) {
        write(out, policy);
    } else {
        out += "custom";  // a policy of the user's own that does not spell itself
    }
}

}  // namespace detail

/// A policy as text: `every(500) | best(val/loss, min)`. What a program composes of our policies is read back
/// by `parse_policy` as the same policy; a Predicate and a policy of one's own are "custom", unless they have
/// `void spell(auto& out) const`, which appends to `out`.
template <SavePolicy P>
[[nodiscard]] std::string to_text(const P& policy) {
    detail::Text out;
    detail::spell(out, policy);
    return std::string{std::move(out)};
}

}  // namespace CAIRN_NAMESPACE
