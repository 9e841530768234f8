// SPDX-License-Identifier: MIT
#pragma once
// How a checkpoint saves, beside when, what stays and where.

#include <cairn/config.hpp>

#include <cstdint>

namespace CAIRN_NAMESPACE {

/// Given to `run.checkpoint` among policy, retention and sink:
/// `run.checkpoint<EveryN<500>>("model", cairn::SaveOptions{.depth = 1})`.
struct SaveOptions {
    /// The parts are copied and training goes on while the copy is hashed, written and committed by the run's
    /// saving thread. Costs memory: the size of the state. False, or a sink that has no `reserve`: all of it
    /// is done before `step` returns.
    bool async = true;
    /// How many versions may wait while one is being written; each costs memory for another copy. A save that
    /// finds no place waits for one.
    unsigned depth = 0;
    /// Instead of waiting for a place a save is skipped (`SkipReason::busy`) and counted in the run's health.
    bool coalesce = false;
    /// `step`, `save`, `finish` and `annotate` throw a failure as `cairn::error`; one of the saving thread
    /// at the next call.
    bool strict = false;
    /// A version that would leave fewer bytes free on the disk is not begun, and fails with `errc::no_space`.
    std::uint64_t reserve = 0;
};

}  // namespace CAIRN_NAMESPACE
