// SPDX-License-Identifier: MIT
#pragma once
// Saving when something happens beside the rows: training ends, a signal comes, an exception flies.

#include <cairn/policy/reason.hpp>

namespace CAIRN_NAMESPACE {

namespace detail {

[[nodiscard]] constexpr Reason reason_of_event(bool happened) noexcept {
    return {answer(happened), happened ? Rule::happened : Rule::has_not_happened, 0, 0};
}

}  // namespace detail

/// Saves when `checkpoint.finish(part…)` is called, since no type can know which row is the last one; a crash
/// saves nothing. Join it with another policy to have both: `EveryN<500>{} | OnFinish{}`. Step 0: no. Resume,
/// steps that go back: no difference, it remembers nothing.
struct OnFinish {
    static constexpr detail::Chance chance{.step = false, .failure = false};
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.end = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.final);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

/// Saves at the first `step` after SIGTERM or SIGUSR1: what a cluster sends before it takes the machine away.
/// The handler only sets a flag, so nothing is saved from inside a signal, and a loop that never comes to its
/// next `step` saves nothing; handlers that were there before still run. Where SIGTERM would have ended the
/// program it still does, right after that step, with the same exit status; SIGUSR1 lets it go on. Step 0,
/// resume, steps that go back: no difference, it remembers nothing. Choose `OnFailure` for exceptions.
struct OnSignal {
    static constexpr detail::Chance chance = detail::at_steps_only;
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.signal = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.signal && at.is_step());
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

/// Saves when an exception leaves the scope of `auto guard = checkpoint.guard(part…)`, under the last row
/// that the checkpoint was stepped with. The parts are saved as they are then, so perhaps from the middle of
/// a step. Where nobody catches the exception the program may end without leaving any scope: catch it in
/// `main`. Step 0, resume, steps that go back: no difference, it remembers nothing.
struct OnFailure {
    static constexpr detail::Chance chance{.step = false, .end = false};
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.failure = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.failure);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

}  // namespace CAIRN_NAMESPACE
