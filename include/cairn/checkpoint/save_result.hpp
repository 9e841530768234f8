// SPDX-License-Identifier: MIT
#pragma once
// What `step`, `save` and `finish` of a checkpoint answer.

#include <cairn/run/version.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/answer.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
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
    busy,            ///< an earlier version is still being written, and `SaveOptions::coalesce` is set
};

/// The reason's name: "not due".
[[nodiscard]] constexpr std::string_view to_string(SkipReason reason) noexcept {
    switch (reason) {
        case SkipReason::not_due: return "not due";
        case SkipReason::missing_metric: return "metric missing";
        case SkipReason::nan: return "metric is NaN";
        case SkipReason::other_rank: return "rank 0 saves";
        case SkipReason::off: return "saving is off";
        case SkipReason::busy: return "another version is being written";
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

namespace detail {

/// A version on its way to the disk: what the checkpoint's thread and that which writes tell each other.
template <class = void>
class BasicTicket {
  public:
    enum class State : unsigned char { queued, saved, failed };

    explicit BasicTicket(Version expected) : version_{std::move(expected)} {}
    explicit BasicTicket(const result<Version>& done) { finish(done); }

    [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
    /// The one that was promised or, once it is saved, that came of it.
    [[nodiscard]] const Version& version() const noexcept {
        return state() == State::saved ? *done_ : version_;
    }
    /// Requires the state `failed`.
    [[nodiscard]] const error& failure() const noexcept { return done_.error(); }

    void finish(const result<Version>& done) {
        const std::scoped_lock lock{mutex_};
        done_ = done ? result<Version>{*done} : done.error();
        state_.store(done ? State::saved : State::failed, std::memory_order_release);
        finished_.notify_all();
    }
    void wait() const {
        std::unique_lock lock{mutex_};
        finished_.wait(lock, [&] { return state() != State::queued; });
    }

  private:
    Version version_;
    result<Version> done_ = error{};  // once the state says so
    std::atomic<State> state_{State::queued};
    mutable std::mutex mutex_;
    mutable std::condition_variable finished_;
};
using Ticket = BasicTicket<>;

}  // namespace detail

/// Saved, queued, skipped or failed. May be ignored: a failure is also kept in the run's health and said once
/// on stderr. A copy is cheap and tells the same. Threads: any.
template <class = void>
class BasicSaveResult {
  public:
    // NOLINTBEGIN(google-explicit-constructor)
    /// Nothing was saved.
    BasicSaveResult(Skipped skipped) noexcept : reason_{skipped.reason} {}
    /// A version was saved.
    BasicSaveResult(Version version) : BasicSaveResult{result<Version>{std::move(version)}} {}
    /// A version was to be saved and could not be.
    BasicSaveResult(cairn::error failure) : BasicSaveResult{result<Version>{std::move(failure)}} {}
    /// One of the two.
    BasicSaveResult(const result<Version>& done) : ticket_{std::make_shared<const detail::Ticket>(done)} {}
    /// For the checkpoint: a version that is being written.
    BasicSaveResult(std::shared_ptr<const detail::Ticket> ticket) noexcept : ticket_{std::move(ticket)} {}
    // NOLINTEND(google-explicit-constructor)

    /// A version exists, and is durable.
    [[nodiscard]] bool saved() const noexcept { return is(State::saved); }
    /// The state was copied and is being written; it turns into `saved` or `failed`.
    [[nodiscard]] bool queued() const noexcept { return is(State::queued); }
    /// Nothing was saved, and that is no failure.
    [[nodiscard]] bool skipped() const noexcept { return ticket_ == nullptr; }
    /// A version was to be saved and could not be; the ones before it are whole.
    [[nodiscard]] bool failed() const noexcept { return is(State::failed); }
    /// Saved, or queued so far: `if (auto saved = checkpoint.step(…))`.
    [[nodiscard]] explicit operator bool() const noexcept { return !skipped() && !failed(); }

    /// The version; one that is queued has its number already. Requires `saved()` or `queued()`.
    [[nodiscard]] const Version& version() const noexcept { return ticket_->version(); }
    /// Why nothing was saved. Requires `skipped()`.
    [[nodiscard]] SkipReason reason() const noexcept { return reason_; }
    /// What failed. Requires `failed()`.
    [[nodiscard]] const cairn::error& error() const noexcept { return ticket_->failure(); }
    /// Waits until the version is durable or has failed; this is then the final answer. Not for the child of
    /// a fork: what is in flight is the parent's.
    const BasicSaveResult& wait() const {
        if (queued()) ticket_->wait();
        return *this;
    }

  private:
    using State = detail::Ticket::State;
    [[nodiscard]] bool is(State state) const noexcept {
        return ticket_ != nullptr && ticket_->state() == state;
    }

    std::shared_ptr<const detail::Ticket> ticket_;
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
