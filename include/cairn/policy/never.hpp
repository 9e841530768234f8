// SPDX-License-Identifier: MIT
#pragma once
// Policies that no row makes save: nothing at all, only by hand, only at the end.

#include <cairn/policy/save_policy.hpp>

namespace CAIRN_NAMESPACE {

/// Saves nothing, and costs nothing: a checkpoint with this policy is an empty type, its calls compile to
/// nothing, and the model need not be Serializable. Explicit saving (`cairn::save`, `run.log_model`) still
/// works. Choose `Manual` to keep versions, aliases and restore for saves that you ask for yourself. Step 0,
/// resume, steps that go back: never saves.
struct NoBestSave {
    constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

/// Saves only when `checkpoint.save(row, part…)` is called; with retention, aliases and restore. Choose
/// `NoBestSave` to have none of it. Step 0, resume, steps that go back: nothing happens by itself.
struct Manual {
    constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

/// Saves when `checkpoint.finish(part…)` is called, since no type can know which row is the last one; a crash
/// saves nothing. Join it with another policy to have both: `EveryN<500>{} | OnFinish{}`.
struct OnFinish {
    static constexpr bool saves_at_end = true;
    constexpr Answer decide(const auto& at) const noexcept { return answer(at.final); }
};

}  // namespace CAIRN_NAMESPACE
