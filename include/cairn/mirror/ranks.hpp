// SPDX-License-Identifier: MIT
#pragma once
// Mirrors of all the ranks of a run, as one. Costs <map>.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/query/recorded_run.hpp>

#include <map>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Opens those that have come since, by `open(rank)`.
template <class R, class Open>
result<void> open_ranks(std::map<unsigned, R>& ranks, const RecordedRun& run, Open&& open) {
    const auto there = run.ranks();
    if (!there) return there.error();
    for (const unsigned rank : *there) {
        if (ranks.contains(rank)) continue;
        auto opened = open(rank);
        if (!opened) return opened.error();
        ranks.emplace(rank, std::move(*opened));
    }
    return {};
}

/// What all of them did. One that fails is opened anew the next time: what it has in memory is ahead of what
/// it has written.
template <class R>
result<MirrorReport> catch_up_ranks(std::map<unsigned, R>& ranks, const RecordedRun& run) {
    MirrorReport all{.is_over = true};
    for (auto rank = ranks.begin(); rank != ranks.end(); ++rank) {
        auto report = rank->second.catch_up(run);
        if (!report) {
            ranks.erase(rank);
            return report;
        }
        all.rows += report->rows;
        all.is_over = all.is_over && report->is_over;
        for (error& left : report->left_out) all.left_out.push_back(std::move(left));
    }
    return all;
}

}  // namespace CAIRN_NAMESPACE::detail
