// SPDX-License-Identifier: MIT
#pragma once
// Looks at everything that a store has, and mends what can be mended without losing anything. Costs
// nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/detail/edits.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/store/finding.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/repair_artifacts.hpp>
#include <cairn/store/repair_run.hpp>
#include <cairn/store/store.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a look at everything found, and what was done about it.
struct Checkup {
    std::uint64_t versions = 0;          ///< that are whole
    std::uint64_t objects = 0;           ///< that were hashed, each once
    std::uint64_t runs = 0;              ///< that were looked at
    std::uint64_t rows = 0;              ///< of these
    std::uint64_t decisions = 0;         ///< of their checkpoints
    std::vector<Finding> findings = {};  ///< what is not as it should be

    /// Nothing is damaged, or everything that was has been mended.
    [[nodiscard]] bool ok() const noexcept {
        return std::none_of(findings.begin(), findings.end(),
                            [](const Finding& finding) { return finding.is_damage && finding.done.empty(); });
    }
};

namespace detail {

/// What people changed of a run.
inline void look_at_edits(Mender& mender, const std::filesystem::path& run_dir) {
    constexpr std::int64_t patience_ms = 5000;
    const auto edits = read_edits(run_dir);
    if (edits) return;
    mender.found({edits.error()}, [&]() -> result<std::string> {
        const auto lock = os::Lock::acquire(run_dir / edits_lock, patience_ms);
        if (!lock) return lock.error();
        const auto now = read_edits(run_dir);
        if (now) return std::string{"nothing: they were changed meanwhile"};
        return now.error().code() == errc::corrupt ? mender.aside().move(run_dir / edits_file) : now.error();
    });
}

/// That each recorded decision of a kind that we know says whose it is.
inline void look_at_decisions(Mender& mender, const std::filesystem::path& rank_dir, Checkup& checkup) {
    std::uint64_t nameless = 0;
    const auto read = read_history(rank_dir, [&](const StoredRow& row) {
        const auto decision = decision_of(row);
        if (!decision) return;
        ++checkup.decisions;
        const bool is_of_run =
            decision->kind == Decision::Kind::resumed || decision->kind == Decision::Kind::stopped;
        if (!is_of_run && decision->checkpoint.empty()) ++nameless;
    });
    if (!read || nameless == 0) return;  // a history that cannot be read was told
    mender.found(error{errc::corrupt, std::to_string(nameless) + " decisions do not say of which checkpoint",
                       rank_dir.string(), "restore the history from a copy; its rows are whole"});
}

}  // namespace detail

/// Hashes every object, reads every manifest, alias, history, index, ring and record of a store, and looks
/// for what kills have left. With `Repair::yes` it mends what can be mended: what is derived is made anew;
/// what is damaged is set aside, into the store's folder `damaged`, never removed. A run that is being
/// written is not touched, nor are versions of its project set aside. Fails as the disk does. Threads: any,
/// also while others write. Cost: reads every byte once, and the histories some times.
[[nodiscard]] inline result<Checkup> fsck(const StoreReader& reader, Repair repair = Repair::no) {
    const Store& store = reader.store();
    Checkup checkup;
    detail::SetAside aside{store};
    detail::Mender mender{repair, aside, checkup.findings};
    const auto projects = store.projects();
    if (!projects) return projects.error();
    for (const std::string& project : *projects) {
        const auto runs = detail::os::list_dir(store.project_dir(project) / "runs");
        if (!runs && runs.error().code() != errc::not_found) return runs.error();
        for (const std::string& run : runs ? *runs : std::vector<std::string>{}) {
            if (!detail::name_problem(run).empty()) continue;
            const std::filesystem::path dir = store.run_dir(project, run);
            if (const auto there = detail::os::status(dir); !there || !there->is_dir) continue;
            ++checkup.runs;
            const auto ranks = detail::ranks_in(dir);
            if (!ranks) return ranks.error();
            for (const unsigned rank : *ranks) {
                detail::RunRepair one{store, project, run, rank};
                const auto found = one.look(repair, aside);
                checkup.findings.insert(checkup.findings.end(), found.begin(), found.end());
                checkup.rows += one.rows();
                detail::look_at_decisions(mender, store.run_dir(project, run, rank), checkup);
            }
            detail::look_at_edits(mender, dir);
        }
    }
    detail::ArtifactRepair artifacts{store, mender};
    if (auto looked = artifacts.look_at_all(); !looked) return looked.error();
    checkup.versions = artifacts.counts().versions;
    checkup.objects = artifacts.counts().objects;
    return checkup;
}

}  // namespace CAIRN_NAMESPACE
