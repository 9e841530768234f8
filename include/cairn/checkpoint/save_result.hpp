// SPDX-License-Identifier: MIT
#pragma once
// What `step`, `save` and `finish` of a checkpoint answer.

#include <cairn/run/version.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/answer.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Why nothing was saved at a row.
enum class SkipReason : unsigned char {
    not_due,         ///< the policy said no
    missing_metric,  ///< the policy's metric is not in this row
    nan,             ///< the policy's metric is not a number at this row
    other_rank,      ///< rank 0 saves for all ranks, and this is another one
    off,             ///< saving is switched off (`NoBestSave`, `CAIRN_SAVE=off`, a disabled run)
};

/// The reason's name: "not_due".
[[nodiscard]] constexpr std::string_view to_string(SkipReason reason) noexcept {
    switch (reason) {
        case SkipReason::not_due: return "not due";
        case SkipReason::missing_metric: return "metric missing";
        case SkipReason::nan: return "metric is NaN";
        case SkipReason::other_rank: return "rank 0 saves";
        case SkipReason::off: return "saving is off";
    }
    return "unknown";
}

/// Nothing was saved. What a checkpoint that is off at compile time always answers.
struct Skipped {
    SkipReason reason = SkipReason::off;  ///< why

    ///@{
    /// No version came of it, and that is no failure.
    constexpr explicit operator bool() const noexcept { return false; }
    [[nodiscard]] static constexpr bool saved() noexcept { return false; }
    [[nodiscard]] static constexpr bool failed() noexcept { return false; }
    ///@}
    /// The final answer; there is nothing to wait for.
    [[nodiscard]] constexpr Skipped wait() const noexcept { return *this; }
};

/// Saved, skipped or failed. May be ignored: a failure is also kept in the run's health and said once on
/// stderr.
template <class = void>
class BasicSaveResult {
  public:
    // NOLINTBEGIN(google-explicit-constructor)
    /// Nothing was saved.
    BasicSaveResult(Skipped skipped) noexcept : reason_{skipped.reason} {}
    /// A version was saved.
    BasicSaveResult(Version version) : version_{std::make_shared<const Version>(std::move(version))} {}
    /// A version was to be saved and could not be.
    BasicSaveResult(cairn::error failure)
        : error_{std::make_shared<const cairn::error>(std::move(failure))} {}
    // NOLINTEND(google-explicit-constructor)

    /// A version exists, and is durable.
    [[nodiscard]] bool saved() const noexcept { return version_ != nullptr; }
    /// Nothing was saved, and that is no failure.
    [[nodiscard]] bool skipped() const noexcept { return !saved() && !failed(); }
    /// A version was to be saved and could not be; the ones before it are whole.
    [[nodiscard]] bool failed() const noexcept { return error_ != nullptr; }
    /// The same as `saved()`: `if (auto saved = checkpoint.step(…))`.
    [[nodiscard]] explicit operator bool() const noexcept { return saved(); }

    /// The version. Requires `saved()`.
    [[nodiscard]] const Version& version() const noexcept { return *version_; }
    /// Why nothing was saved. Requires `skipped()`.
    [[nodiscard]] SkipReason reason() const noexcept { return reason_; }
    /// What failed. Requires `failed()`.
    [[nodiscard]] const cairn::error& error() const noexcept { return *error_; }
    /// The final answer. Saving is synchronous, so this is it.
    [[nodiscard]] const BasicSaveResult& wait() const noexcept { return *this; }

  private:
    std::shared_ptr<const Version> version_;
    std::shared_ptr<const cairn::error> error_;
    SkipReason reason_ = SkipReason::not_due;
};
using SaveResult = BasicSaveResult<>;

namespace detail {

[[nodiscard]] constexpr SkipReason skip_reason(Answer answer) noexcept {
    switch (answer) {
        case Answer::missing: return SkipReason::missing_metric;
        case Answer::nan: return SkipReason::nan;
        case Answer::no:
        case Answer::yes: break;
    }
    return SkipReason::not_due;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
