// SPDX-License-Identifier: MIT
#pragma once
// The dry run: what a policy and a retention would have done over rows that are there already. Costs
// <vector>.

#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What the dry run takes for granted.
struct SimulateOptions {
    std::uint64_t version_bytes = 0;        ///< size of each version
    double save_seconds = 0;                ///< how long each save takes
    std::int64_t started_ns = 0;            ///< when the run started; 0: at its first row
    std::vector<std::size_t> signals = {};  ///< rows, counted from 0, before which a signal comes
    bool fails = false;                     ///< an exception ends the run, instead of `checkpoint.finish`
};

/// A version that would have been saved.
struct SimulatedVersion {
    std::uint64_t number = 0;           ///< counted from 0
    std::size_t row = 0;                ///< of which row, counted from 0
    std::int64_t step = 0;              ///< of the row
    std::int64_t time_ns = 0;           ///< of the row; nanoseconds since the Unix epoch
    std::size_t removed_after_row = 0;  ///< when it was pruned; meaningless while `kept`
    bool kept = true;                   ///< it is there at the end
};

/// What a dry run found.
struct Simulation {
    std::vector<SimulatedVersion> versions{};  ///< all that would have been saved, oldest first
    std::vector<std::int64_t> steps{};         ///< of the rows
    std::vector<std::size_t> newest{};         ///< for each row: how many versions were saved up to it
    std::uint64_t bytes_written = 0;           ///< by all versions together
    std::uint64_t bytes_kept = 0;              ///< at the end
    std::uint64_t most_bytes_kept =
        0;  ///< at any time; before the prune, since the old goes after the new is there

    /// Rows of work that a crash right after row `row` would cost: those since the newest version.
    [[nodiscard]] std::size_t rows_lost_at(std::size_t row) const {
        return newest[row] == 0 ? row + 1 : row - versions[newest[row] - 1].row;
    }
    /// The most that a crash could cost, in rows.
    [[nodiscard]] std::size_t most_rows_lost() const {
        std::size_t most = 0;
        for (std::size_t row = 0; row < newest.size(); ++row) {
            if (rows_lost_at(row) > most) most = rows_lost_at(row);
        }
        return most;
    }
    /// How many versions are there at the end.
    [[nodiscard]] std::size_t kept() const {
        std::size_t count = 0;
        for (const SimulatedVersion& version : versions) count += version.kept ? 1 : 0;
        return count;
    }
};

/// Asks `policy` about every row of `history` (any range of rows), in order, and prunes as a checkpoint would
/// after each version: `simulate(EveryN<500>{}, KeepLast<3>{}, rows)`. Saving never fails here. The last row
/// is also the one that `OnFinish` saves, or `OnFailure` in a run that fails. Cost: as the policy, and the
/// retention for each version.
template <SavePolicy Policy, RetentionPolicy Retention, class History>
[[nodiscard]] Simulation simulate(Policy policy, const Retention& retention, const History& history,
                                  const SimulateOptions& options = {}) {
    using Element = decltype(*std::begin(history));
    using RowType = std::remove_cvref_t<Element>;
    Simulation out;
    std::vector<const RowType*> rows;  // a range's rows, which the versions' facts look into
    std::deque<RowType> made;          // those that the range makes as it goes
    for (auto&& row : history) {
        if constexpr (std::is_lvalue_reference_v<Element>)
            rows.push_back(&row);
        else
            rows.push_back(&made.emplace_back(std::move(row)));
    }
    if (rows.empty()) return out;
    const std::int64_t started = options.started_ns != 0 ? options.started_ns : rows.front()->time_ns();
    std::vector<std::size_t> alive;

    const auto prune = [&](std::size_t row) {
        std::vector<VersionFacts> facts;
        facts.reserve(alive.size());
        for (const std::size_t index : alive) {
            const SimulatedVersion& version = out.versions[index];
            facts.push_back({version.number, version.step, version.time_ns, options.version_bytes,
                             [](const void* source, std::string_view metric) {
                                 return detail::reading_of_row(*static_cast<const RowType*>(source), metric);
                             },
                             rows[version.row], index == alive.back()});
        }
        retention.mark(VersionList{facts.data(), facts.size()});
        std::vector<std::size_t> still;
        for (std::size_t i = 0; i < alive.size(); ++i) {
            if (facts[i].kept || facts[i].held) {
                still.push_back(alive[i]);
            } else {
                out.versions[alive[i]].kept = false;
                out.versions[alive[i]].removed_after_row = row;
            }
        }
        alive = std::move(still);
    };
    const auto at = [&](std::size_t row) {
        At<RowType> now{*rows[row]};
        now.seconds = static_cast<double>(rows[row]->time_ns() - started) / 1e9;
        now.save_seconds = options.save_seconds * static_cast<double>(out.versions.size());
        return now;
    };
    const auto save = [&](std::size_t row) {
        out.versions.push_back({out.versions.size(), row, rows[row]->step(), rows[row]->time_ns(), 0, true});
        alive.push_back(out.versions.size() - 1);
        out.bytes_written += options.version_bytes;
        const std::uint64_t bytes = options.version_bytes * alive.size();
        if (bytes > out.most_bytes_kept) out.most_bytes_kept = bytes;
        prune(row);
    };

    bool signal = false;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (const std::size_t before : options.signals) signal = signal || before == row;
        At<RowType> now = at(row);
        now.signal = signal;
        const bool yes = policy.decide(now) == Answer::yes;
        detail::settle(policy, now, yes ? Outcome::saved : Outcome::not_saved);
        if (yes) {
            save(row);
            signal = false;
        }
        out.steps.push_back(rows[row]->step());
        out.newest.push_back(out.versions.size());
    }
    const Wants wants = detail::wants_of(policy);
    if (options.fails ? wants.failure : wants.end) {
        const std::size_t last = rows.size() - 1;
        At<RowType> now = at(last);
        now.final = !options.fails;
        now.failure = options.fails;
        const bool is_saved = !out.versions.empty() && out.versions.back().row == last;
        if (!is_saved && policy.decide(now) == Answer::yes) {
            save(last);
            out.newest.back() = out.versions.size();
        }
    }
    out.bytes_kept = options.version_bytes * alive.size();
    return out;
}

/// The same with the policy as a type and, if you like, a retention: `simulate<EveryN<2>>(rows)`.
template <SavePolicy Policy, RetentionPolicy Retention = KeepAll, class History>
[[nodiscard]] Simulation simulate(const History& history, const SimulateOptions& options = {}) {
    return simulate(Policy{}, Retention{}, history, options);
}

}  // namespace CAIRN_NAMESPACE
