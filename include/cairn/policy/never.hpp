// SPDX-License-Identifier: MIT
#pragma once
// Policies that no metric and no count makes save: nothing at all, by hand, at the end, on an event.

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

namespace detail {

[[nodiscard]] constexpr Reason reason_of_event(bool happened) noexcept {
    return {answer(happened), happened ? Rule::happened : Rule::has_not_happened, 0, 0};
}

}  // namespace detail

/// Saves when `checkpoint.finish(part…)` is called, since no type can know which row is the last one; a crash
/// saves nothing. Join it with another policy to have both: `EveryN<500>{} | OnFinish{}`.
struct OnFinish {
    static constexpr bool saves_at_end = true;
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.final);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

}  // namespace CAIRN_NAMESPACE
