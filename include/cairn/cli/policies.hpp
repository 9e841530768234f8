// SPDX-License-Identifier: MIT
#pragma once
// The verbs about what was saved and why: decisions, simulate.

#include <cairn/cli/call.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/policy/simulate.hpp>
#include <cairn/query/as_json.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

[[nodiscard]] inline std::string decision_text(const Decision& decision) {
    std::string out =
        to_string(decision.kind) == "opened"
            ? "policy " + printable(decision.text) + ", retention " + printable(decision.retention)
            : std::string{to_string(decision.kind)};
    if (decision.version) out += " v" + std::to_string(*decision.version);
    if (decision.by_hand) out += ", by hand";
    for (const Because& one : decision.because)
        out += ", " + printable(one.policy) + ": " + printable(to_text(one.reason));
    if (decision.kind != Decision::Kind::opened && !decision.text.empty())
        out += ": " + printable(decision.text);
    if (decision.kind == Decision::Kind::removed) out += ", not wanted by " + printable(decision.retention);
    return out;
}

/// What a dry run found, in words.
[[nodiscard]] inline std::string simulation_text(const Simulation& found) {
    std::size_t kept = 0;
    Table table{{"VERSION", "STEP", "KEPT"}};
    for (const SimulatedVersion& version : found.versions) {
        kept += version.kept ? 1U : 0U;
        table.add(
            {"v" + std::to_string(version.number), std::to_string(version.step), version.kept ? "yes" : ""});
    }
    return table.text() + "saves " + std::to_string(found.versions.size()) + " of " +
           std::to_string(found.steps.size()) + " rows, keeps " + std::to_string(kept) + ", writes " +
           size_text(found.bytes_written) + ", needs " + size_text(found.most_bytes_kept) +
           " at most; a crash costs " + std::to_string(found.most_rows_lost()) + " rows at most\n";
}
}  // namespace detail

/// `cairn decisions RUN`.
inline void add_decisions(CLI::App& app, Call& call) {
    struct Wanted {
        std::string checkpoint{};
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb =
        call.verb_of_run(app, "decisions", "what its checkpoints saved, kept and removed, and why",
                         [&call, wanted](const StoreReader&, const RecordedRun& run) -> result<void> {
                             auto all = run.decisions();
                             if (!all) return all.error();
                             std::erase_if(*all, [&](const Decision& one) {
                                 return !wanted->checkpoint.empty() && one.checkpoint != wanted->checkpoint;
                             });
                             if (call.json()) {
                                 nlohmann::json out = nlohmann::json::array();
                                 for (const Decision& one : *all) out.push_back(as_json(one));
                                 call.print({{"run", run.id()}, {"decisions", std::move(out)}});
                                 return {};
                             }
                             detail::Table table{{"STEP", "CHECKPOINT", "WHAT"}};
                             for (const Decision& one : *all)
                                 table.add({std::to_string(one.step), detail::printable(one.checkpoint),
                                            detail::decision_text(one)});
                             call.out(table.empty() ? "no checkpoint decided anything\n" : table.text());
                             return {};
                         });
    verb->add_option("CHECKPOINT", wanted->checkpoint, "only of this one");
}

namespace detail {

/// What `cairn simulate` is asked for.
struct DryRun {
    std::string policy{}, keep = "all";
    std::uint64_t bytes = 0;
};

/// The size of the largest checkpoint that a run saved; 0 if it saved none.
[[nodiscard]] inline std::uint64_t largest_version(const StoreReader& store, const RecordedRun& run) {
    std::uint64_t most = 0;
    const auto saved = store.versions_of(run);
    if (!saved) return most;
    for (const auto& [name, versions] : saved->by_artifact) {
        for (const Manifest& version : versions)
            if (version.step) most = std::max(most, version.logical_size());
    }
    return most;
}

inline result<void> simulate_over(Call& call, const StoreReader& store, const RecordedRun& run,
                                  const DryRun& wanted) {
    auto policy = parse_policy(wanted.policy);
    if (!policy) return policy.error();
    const auto keep = parse_retention(wanted.keep);
    if (!keep) return keep.error();
    const auto rows = run.rows();
    if (!rows) return rows.error();
    for (const Watched& watched : {policy->watched(), keep->watched()}) {
        const auto has_it = [&](const DynamicRow& row) {
            return reading_of_row(row, watched.metric).kind != Reading::Kind::missing;
        };
        if (watched.any() && std::none_of(rows->begin(), rows->end(), has_it))
            call.note("no row has a number " + printable(watched.metric));
    }
    const SimulateOptions options{.version_bytes =
                                      wanted.bytes != 0 ? wanted.bytes : largest_version(store, run),
                                  .started_ns = run.started_ns()};
    const Simulation found = simulate(std::move(*policy), *keep, *rows, options);
    if (call.json())
        call.print(cairn::as_json(found));
    else
        call.out(simulation_text(found));
    return {};
}

}  // namespace detail

/// `cairn simulate RUN --policy "…" --keep "…"`.
inline void add_simulate(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<detail::DryRun>();
    CLI::App* const verb =
        call.verb_of_run(app, "simulate", "what a policy would have saved over the rows of a run",
                         [&call, wanted](const StoreReader& store, const RecordedRun& run) {
                             return detail::simulate_over(call, store, run, *wanted);
                         });
    verb->add_option("--policy", wanted->policy, "as text: \"best(val/loss, min) | every(500)\"")->required();
    verb->add_option("--keep", wanted->keep,
                     "a retention as text: \"last(3) | best(1, val/loss, min)\" (default: all)");
    verb->add_option("--bytes", wanted->bytes,
                     "the size of a version (default: of the largest that the run saved)");
}

}  // namespace CAIRN_NAMESPACE::cli
