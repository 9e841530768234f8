// SPDX-License-Identifier: MIT
#pragma once
// A mirror says again, to another system, what a run has recorded. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/recorded_run.hpp>

#include <concepts>
#include <cstdint>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a mirror did in one go.
struct MirrorReport {
    std::uint64_t rows = 0;  ///< rows that were handed on
    bool is_over = false;    ///< the run has ended, and all of it is there
    std::vector<error>
        left_out{};              ///< what the other system cannot have, or what could not be read; said once
    std::uint64_t versions = 0;  ///< of artifacts that were handed on
};

/// Hands on what is new of a run since the last time, and knows by itself what that is, also after a crash at
/// any moment: nothing is lost and nothing comes twice. Fails if the other system does not take it; then the
/// next call goes on from where this one began.
template <class M>
concept Mirror = requires(M& mirror, const RecordedRun& run) {
    { mirror.catch_up(run) } -> std::same_as<result<MirrorReport>>;
};

}  // namespace CAIRN_NAMESPACE
