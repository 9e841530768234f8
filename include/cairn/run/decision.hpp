// SPDX-License-Identifier: MIT
#pragma once
// What checkpoints decided, as the run records it between its rows: every save, every failure, every removal,
// every change of why nothing is saved. All other decisions follow by replay (checkpoint/detail/replay.hpp).
// Costs <string> and <vector>.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/name.hpp>
#include <cairn/policy/reason.hpp>
#include <cairn/policy/text.hpp>
#include <cairn/store/stored_row.hpp>

#include <cstddef>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// One of the policies that decided, and why.
struct Because {
    std::string policy;  ///< as text: "best(val/loss, min)"
    Path path{};         ///< where it stands in the checkpoint's policy
    Reason reason{};     ///< what it answered and compared
};

/// Something that a checkpoint decided, or that happened to one of its versions.
struct Decision {
    /// What happened.
    enum class Kind : unsigned char {
        opened,     ///< the checkpoint was made; `text` is its policy, `retention` its retention
        saved,      ///< a version was committed or, if `queued`, handed to the saving thread
        failed,     ///< a version was to be saved and could not be; `text` says why
        skipped,    ///< from this row on nothing is saved for another reason than before
        asked,      ///< nothing new, but rows went by that the checkpoint was not asked about
        noted,      ///< up to `rows` rows before this record it was asked about each; about no row
        removed,    ///< a version that `retention` does not want any more was deleted
        annotated,  ///< metrics of a version came late; `row` has them all
        restored,   ///< training goes on after a version
        stopped,    ///< a policy said that training should stop; `text` is the policy
        resumed,    ///< another session of the run begins; about no row
        written,    ///< a version that was queued is committed; about no row
        lost,       ///< a version that was queued could not be committed; `text` says why
    };
    Kind kind = Kind::asked;                 ///< what happened
    std::string checkpoint{};                ///< its name
    std::int64_t step = 0;                   ///< of the row that was decided about
    std::int64_t time_ns = 0;                ///< of that row; nanoseconds since the Unix epoch
    std::int64_t recorded_ns = 0;            ///< when it was recorded, likewise
    std::uint64_t order = 0;                 ///< counts what this session of the run recorded
    std::optional<std::uint64_t> version{};  ///< the one that was saved, removed, restored, …; none otherwise
    Answer answer = Answer::no;              ///< what the policy answered
    std::vector<Because> because{};          ///< those of the policies that decided
    /// As text; see `Kind`.
    std::string text{}, retention{};
    DynamicRow row{};  ///< the row that was decided about

    // What a decision depends on beside the row; see `At`.
    /// As in `At`.
    double seconds = 0, save_seconds = 0;
    /// As in `At`.
    bool signal = false, final = false, failure = false;
    bool by_hand = false;    ///< `checkpoint.save`, whatever the policy said
    bool queued = false;     ///< when this was recorded the version was still to be written
    std::uint64_t save = 0;  ///< tells the records of one queued version from all others of the run; or 0
    /// How many rows the thread logged since the checkpoint was last asked, the row itself included; 0: none,
    /// the row was not logged or was asked about again; `another_thread`: that was by another thread.
    std::uint64_t rows = 0;
    /// A value of `rows`.
    static constexpr std::uint64_t another_thread = std::numeric_limits<std::uint64_t>::max();
};

/// The kind's name: "saved".
[[nodiscard]] constexpr std::string_view to_string(Decision::Kind kind) noexcept {
    switch (kind) {
        case Decision::Kind::opened: return "opened";
        case Decision::Kind::saved: return "saved";
        case Decision::Kind::failed: return "failed";
        case Decision::Kind::skipped: return "skipped";
        case Decision::Kind::asked: return "asked";
        case Decision::Kind::noted: return "noted";
        case Decision::Kind::removed: return "removed";
        case Decision::Kind::annotated: return "annotated";
        case Decision::Kind::restored: return "restored";
        case Decision::Kind::stopped: return "stopped";
        case Decision::Kind::resumed: return "resumed";
        case Decision::Kind::written: return "written";
        case Decision::Kind::lost: return "lost";
    }
    return "unknown";
}

namespace detail {

/// What is recorded for replay alone.
[[nodiscard]] constexpr bool is_bookkeeping(Decision::Kind kind) noexcept {
    return kind == Decision::Kind::asked || kind == Decision::Kind::noted ||
           kind == Decision::Kind::resumed || kind == Decision::Kind::written;
}

/// By the time at which they were recorded: those of several threads come one thread after another.
template <class = void>
[[nodiscard]] std::vector<Decision> in_order(std::vector<Decision> decisions) {
    std::vector<Decision*> sorted;  // where one lies decides between equals
    sorted.reserve(decisions.size());
    for (Decision& decision : decisions) sorted.push_back(&decision);
    std::sort(sorted.begin(), sorted.end(), [](const Decision* a, const Decision* b) {
        return std::tuple{a->recorded_ns, a->order, a} < std::tuple{b->recorded_ns, b->order, b};
    });
    std::vector<Decision> out;
    out.reserve(sorted.size());
    for (Decision* decision : sorted) out.push_back(std::move(*decision));
    return out;
}

/// Why a policy answers as it does at this moment, before it hears what became of it.
template <class P, class R>
[[nodiscard]] std::vector<Because> reasons_of(const P& policy, const At<R>& at) {
    std::vector<Because> because;
    detail::explain(policy, at, [&](const auto& leaf, const Reason& reason, Path path) {
        Text text;
        spell(text, leaf);
        because.push_back({std::string{std::move(text)}, path, reason});
    });
    return because;
}

/// The word for an answer in a record and in a line.
[[nodiscard]] constexpr std::string_view answer_word(Answer answer) noexcept {
    switch (answer) {
        case Answer::no: return "no";
        case Answer::missing: return "missing";
        case Answer::nan: return "nan";
        case Answer::yes: return "yes";
    }
    return "no";
}

template <class = void>
[[nodiscard]] std::string path_text(const Path& path) {
    std::string text;
    for (std::size_t i = 0; i < path.depth() && i < Path::deepest; ++i) {
        if (i != 0) text += '.';
        text += std::to_string(path[i]);
    }
    return text;
}
template <class = void>
[[nodiscard]] Path parse_path(std::string_view text) noexcept {
    Path path;
    std::size_t place = 0;
    for (const char c : text) {
        if (c == '.') path = path.then(std::exchange(place, 0));
        if (c >= '0' && c <= '9' && place < 1000) place = place * 10 + static_cast<std::size_t>(c - '0');
    }
    return text.empty() ? path : path.then(place);
}

/// The names of a record's values. A reason is six of them in a row, from `policy` on; those
/// after `row` are the metrics of the row.
namespace field {
inline constexpr std::string_view kind = event_kind_cell, checkpoint = "checkpoint", version = "version",
                                  answer = "answer", text = "text", retention = "retention",
                                  seconds = "seconds", save_seconds = "save_seconds", flags = "flags",
                                  rows = "rows", time = "time_ns", order = "order", save = "save",
                                  policy = "policy", path = "path", rule = "rule", value = "value",
                                  reference = "reference", row = "row";
}  // namespace field

/// A decision as the journal keeps it: an event, of the time at which it is recorded, whose values have these
/// names.
template <class = void>
[[nodiscard]] DynamicRow to_event(const Decision& d, std::int64_t recorded_ns, std::uint64_t order) {
    std::vector<NamedValue> out = {{field::kind, to_string(d.kind)}, {field::checkpoint, d.checkpoint}};
    if (d.version) out.push_back({field::version, *d.version});
    out.push_back({field::answer, answer_word(d.answer)});
    if (!d.text.empty()) out.push_back({field::text, d.text});
    if (!d.retention.empty()) out.push_back({field::retention, d.retention});
    out.push_back({field::seconds, d.seconds});
    out.push_back({field::save_seconds, d.save_seconds});
    const unsigned flags = (d.signal ? 1U : 0U) | (d.final ? 2U : 0U) | (d.failure ? 4U : 0U) |
                           (d.by_hand ? 8U : 0U) | (d.queued ? 16U : 0U);
    out.push_back({field::flags, flags});
    out.push_back({field::rows, d.rows});
    if (d.save != 0) out.push_back({field::save, d.save});
    out.push_back({field::time, d.time_ns});
    out.push_back({field::order, order});
    std::vector<std::string> paths;  // seen until the event is made
    paths.reserve(d.because.size());
    for (const Because& one : d.because) {
        out.push_back({field::policy, one.policy});
        out.push_back({field::path, paths.emplace_back(path_text(one.path))});
        out.push_back({field::rule, to_string(one.reason.rule)});
        out.push_back({field::answer, answer_word(one.reason.answer)});
        out.push_back({field::value, one.reason.value});
        out.push_back({field::reference, one.reason.reference});
    }
    out.push_back({field::row, d.row.size()});
    d.row.for_each([&](std::string_view name, const Value& value) { out.push_back({name, value}); });
    return {d.step, recorded_ns, out.data(), out.size()};
}

/// The decision that an event tells; nothing if it tells none.
template <class = void>
[[nodiscard]] std::optional<Decision> decision_of(const StoredRow& event) {
    Decision d;
    d.kind = Decision::Kind::opened;
    while (event_kind(event) != to_string(d.kind)) {
        if (d.kind == Decision::Kind::lost) return std::nullopt;
        d.kind = static_cast<Decision::Kind>(static_cast<int>(d.kind) + 1);
    }
    d.step = event.step;
    d.time_ns = d.recorded_ns = event.time_ns;
    const auto answer_of = [](std::string_view word) {
        for (const Answer answer : {Answer::missing, Answer::nan, Answer::yes}) {
            if (word == answer_word(answer)) return answer;
        }
        return Answer::no;
    };
    for (std::size_t i = 1; i < event.values.size(); ++i) {
        const auto& [name, value] = event.values[i];
        if (name == field::row) {
            const auto rest = event.values.subspan(i + 1);
            d.row = DynamicRow{event.step, d.time_ns, rest.data(), rest.size()};
            break;
        }
        if (name == field::checkpoint) d.checkpoint = value.text();
        if (name == field::version) d.version = value.bits();
        if (name == field::text) d.text = value.text();
        if (name == field::retention) d.retention = value.text();
        if (name == field::seconds) d.seconds = value.number();
        if (name == field::save_seconds) d.save_seconds = value.number();
        if (name == field::rows) d.rows = value.bits();
        if (name == field::save) d.save = value.bits();
        if (name == field::order) d.order = value.bits();
        if (name == field::time) d.time_ns = static_cast<std::int64_t>(value.bits());
        if (name == field::flags) {
            d.signal = (value.bits() & 1U) != 0;
            d.final = (value.bits() & 2U) != 0;
            d.failure = (value.bits() & 4U) != 0;
            d.by_hand = (value.bits() & 8U) != 0;
            d.queued = (value.bits() & 16U) != 0;
        }
        if (name == field::policy) d.because.push_back({std::string{value.text()}});
        if (d.because.empty()) {
            if (name == field::answer) d.answer = answer_of(value.text());
            continue;
        }
        Because& one = d.because.back();
        if (name == field::path) one.path = parse_path(value.text());
        if (name == field::answer) one.reason.answer = answer_of(value.text());
        if (name == field::value) one.reason.value = value.number();
        if (name == field::reference) one.reason.reference = value.number();
        if (name == field::rule) {
            for (std::size_t r = 0; r < std::size(rules); ++r) {
                if (value.text() == rules[r].name) one.reason.rule = static_cast<Rule>(r);
            }
        }
    }
    return d;
}

}  // namespace detail

/// A decision as one line: "step 500 model: saved v3, best(val/loss, min): 0.31 beats 0.4".
template <class = void>
[[nodiscard]] std::string to_text(const Decision& d) {
    std::string line =
        "step " + std::to_string(d.step) + (d.checkpoint.empty() ? "" : " " + d.checkpoint) + ": ";
    line += to_string(d.kind);
    if (d.version) line += " " + detail::version_label(*d.version);
    if (d.by_hand) line += " by hand";
    switch (d.kind) {
        case Decision::Kind::opened: line += " with " + d.text + ", keeps " + d.retention; break;
        case Decision::Kind::removed: line += ", not wanted by " + d.retention; break;
        case Decision::Kind::failed:
        case Decision::Kind::lost: line += ", " + d.text; break;
        case Decision::Kind::annotated:
            d.row.for_each([&](std::string_view name, const Value& value) {
                detail::Text number;
                number.add(value.number());
                if (!value.is_text()) line += ", " + std::string{name} + " " + number;
            });
            break;
        default: break;
    }
    for (const Because& one : d.because) line += ", " + one.policy + ": " + to_text(one.reason);
    return line;
}

}  // namespace CAIRN_NAMESPACE
