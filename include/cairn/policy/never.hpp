// SPDX-License-Identifier: MIT
#pragma once
// Policies that save by no rule: not at all, and only by hand.

#include <cairn/policy/reason.hpp>

namespace CAIRN_NAMESPACE {

/// Saves nothing, and costs nothing: a checkpoint with this policy is an empty type, its calls compile to
/// nothing, and the model need not be Serializable. Explicit saving (`cairn::save`, `run.log_model`) still
/// works. Choose `Manual` to keep versions, aliases and restore for saves that you ask for yourself. Step 0,
/// resume, steps that go back: never saves.
struct NoBestSave {
    [[nodiscard]] static constexpr Reason reason(const auto&) noexcept {
        return {Answer::no, Rule::never, 0, 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

/// Saves only when `checkpoint.save(row, part…)` is called; with retention, aliases and restore. Choose
/// `NoBestSave` to have none of it. Step 0, resume, steps that go back: nothing happens by itself.
struct Manual {
    [[nodiscard]] static constexpr Reason reason(const auto&) noexcept {
        return {Answer::no, Rule::never, 0, 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

}  // namespace CAIRN_NAMESPACE
