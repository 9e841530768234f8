// SPDX-License-Identifier: MIT
#pragma once
// What stands behind `run.should_stop`: asking a policy whether training should stop.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/policy/text.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/stored_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Whether a row has the metric.
template <class = void>
[[nodiscard]] bool is_watched(const StoredRow& row, const Watched& watched) {
    if (!watched.any()) return true;
    return std::any_of(row.values.begin(), row.values.end(), [&](const NamedValue& value) {
        return value.name == watched.metric && value.value.reading().kind != Reading::Kind::missing;
    });
}

/// Whether it tells that another session of the run begins.
[[nodiscard]] inline bool begins_session(const Decision* decision) noexcept {
    return decision != nullptr && decision->kind == Decision::Kind::resumed;
}

// Never defined: their names are the compiler's message.
template <class P>
struct keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows;
template <class R>
struct a_disabled_run_keeps_no_dynamic_rows_so_stop_by_a_typed_row;

/// Tells a policy of the rows that the sessions before logged, up to where each one after them went on and up
/// to `step`: rows that a resume went back over are not among them.
template <class P>
void tell_earlier_rows(RunCore& core, P& policy, std::int64_t step) {
    const Watched watched = watched_by(policy);
    std::vector<std::int64_t> ends;  // of each session: the first step of the next that the policy watches
    bool begins = false;
    auto read = core.read_rows(core.dir(), [&](const StoredRow& stored, const Decision* decision) {
        if (begins_session(decision)) {
            if (begins) ends.push_back(std::numeric_limits<std::int64_t>::max());  // nothing to watch in it
            begins = true;
        } else if (stored.kind == RecordKind::row && begins && is_watched(stored, watched)) {
            ends.push_back(stored.step);
            begins = false;
        }
    });
    // The steps that a session may tell of end where any session after it began.
    ends.push_back(step);
    if (begins) ends.push_back(step);
    for (std::size_t i = ends.size() - 1; i-- > 0;) ends[i] = std::min(ends[i], ends[i + 1]);

    DynamicRow last{std::max(step, std::numeric_limits<std::int64_t>::min() + 1) - 1, 0, nullptr, 0};
    std::size_t session = 0;
    if (read) {
        read = core.read_rows(core.dir(), [&](const StoredRow& stored, const Decision* decision) {
            if (begins_session(decision)) ++session;
            if (stored.kind != RecordKind::row || session >= ends.size() || stored.step >= ends[session])
                return;
            last = DynamicRow{stored.step, stored.time_ns, stored.values.data(), stored.values.size()};
            detail::settle(policy, At<DynamicRow>{last}, Outcome::not_saved);
        });
    }
    if (!read) core.note_failure(read.error(), false);
    detail::settle(policy, At<DynamicRow>{last}, Outcome::restored);  // it knows now, and is not told again
}

/// Whether the policy says that training should stop at this row; it then hears of the row.
template <class R, class P>
bool ask_to_stop(const R& row, P& policy) {
    const At<R> now{row};
    const bool stop = policy.decide(now) == Answer::yes;
    detail::settle(policy, now, Outcome::not_saved);
    return stop;
}

/// The same, for a run that is recorded.
template <class R, class P>
bool ask_to_stop(RunCore& core, const R& row, P& policy) {
    if (core.resumed() && rows_heard_by(policy).is_fresh()) tell_earlier_rows(core, policy, row.step());
    const At<R> now{row};
    if (const std::string_view nan = rejected_by(policy, now); !nan.empty()) {
        core.note_failure({errc::not_a_number,
                           "a metric is NaN, and the policy that stops training takes that for an error",
                           std::string{nan}, "see in the run's history since when"},
                          false);
    }
    const bool stop = policy.decide(now) == Answer::yes;
    if (stop) {
        core.record({.kind = Decision::Kind::stopped,
                     .step = now.step,
                     .time_ns = now.time_ns,
                     .answer = Answer::yes,
                     .because = reasons_of(policy, now),
                     .text = to_text(policy),
                     .row = to_dynamic(row)});
    }
    detail::settle(policy, now, Outcome::not_saved);
    return stop;
}

}  // namespace CAIRN_NAMESPACE::detail
