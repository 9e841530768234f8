// SPDX-License-Identifier: MIT
#pragma once
// What a policy answers, and the three-valued (Kleene) logic that joins answers. Costs nothing to include.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE {

/// A policy's answer at one row: save, do not, or unknown, with the reason why it is unknown.
enum class Answer : unsigned char {
    no,
    missing,  ///< unknown: the metric it depends on is not in this row
    nan,      ///< unknown: the metric it depends on is not a number here
    yes,
};

/// `yes` or `no`.
[[nodiscard]] constexpr Answer answer(bool save) noexcept { return save ? Answer::yes : Answer::no; }

/// Whether it is neither yes nor no.
[[nodiscard]] constexpr bool is_unknown(Answer a) noexcept {
    return a == Answer::missing || a == Answer::nan;
}

/// Kleene or: a yes decides; else an unknown wins over a no. Of two unknowns, missing is told before NaN.
[[nodiscard]] constexpr Answer operator|(Answer a, Answer b) noexcept {
    if (a == Answer::yes || b == Answer::yes) return Answer::yes;
    if (a == Answer::no) return b;
    if (b == Answer::no) return a;
    return a == b ? a : Answer::missing;
}

/// Kleene and: a no decides; else an unknown wins over a yes.
[[nodiscard]] constexpr Answer operator&(Answer a, Answer b) noexcept {
    if (a == Answer::no || b == Answer::no) return Answer::no;
    if (a == Answer::yes) return b;
    if (b == Answer::yes) return a;
    return a == b ? a : Answer::missing;
}

/// Kleene not: unknown stays unknown, so `!Best` never fires on a missing value.
[[nodiscard]] constexpr Answer operator!(Answer a) noexcept {
    return is_unknown(a) ? a : answer(a == Answer::no);
}

/// Equal, but for why it is unknown.
[[nodiscard]] constexpr bool same_truth(Answer a, Answer b) noexcept {
    return a == b || (is_unknown(a) && is_unknown(b));
}

/// What became of a row that every policy was asked about.
enum class Outcome : unsigned char {
    not_saved,
    saved,      ///< a version was committed, whoever of the composed policies caused it
    failed,     ///< a version was to be saved and could not be
    restored,   ///< this row's version was just restored; training goes on after it
    annotated,  ///< a metric of this row, which was saved before, came late and is in it now
};

}  // namespace CAIRN_NAMESPACE
