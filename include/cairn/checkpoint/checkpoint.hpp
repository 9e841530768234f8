// SPDX-License-Identifier: MIT
#pragma once
// `Checkpoint`: asks the policy, writes the parts, commits a version, prunes. Costs nlohmann/json.

#include <cairn/checkpoint/detail/decision_log.hpp>
#include <cairn/checkpoint/detail/guard.hpp>
#include <cairn/checkpoint/detail/ranking.hpp>
#include <cairn/checkpoint/detail/replay.hpp>
#include <cairn/checkpoint/detail/shelf.hpp>
#include <cairn/checkpoint/local_store.hpp>
#include <cairn/checkpoint/save_result.hpp>
#include <cairn/checkpoint/sink.hpp>
#include <cairn/run/version.hpp>
#include <cairn/model/decode.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/signal_watch.hpp>
#include <cairn/run/run.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// The newest version that is whole: `checkpoint.restore(cairn::latest, part…)`.
struct LatestVersion {};
inline constexpr LatestVersion latest{};  ///< for `restore` and `try_restore`
/// The version whose row has the best value of the metric that the checkpoint's policy or retention watches.
struct BestVersion {};
inline constexpr BestVersion best{};  ///< for `restore` and `try_restore`

namespace detail {

template <class Policy, class Retention>
struct no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best;
template <class Sink>
struct an_exception_on_one_rank_cannot_make_the_others_save_so_there_is_no_guard;

/// Two monitors watch one metric in opposite directions.
template <class A, class B>
inline constexpr bool directions_differ = false;
template <class Name, Direction D, Direction E, Nans N, Nans M>
inline constexpr bool directions_differ<Monitor<Name, D, N>, Monitor<Name, E, M>> = D != E;

}  // namespace detail

/// Saves the parts that it is handed when its policy says so, and keeps the versions its retention wants.
/// Made by `run.checkpoint`. One thread at a time; it may outlive the run's handle.
template <SavePolicy Policy, RetentionPolicy Retention = KeepAll, ArtifactSink Sink = LocalStore>
class Checkpoint {
    using Monitor = detail::monitor_of_any<Policy, Retention>;
    static_assert(
        !detail::directions_differ<detail::monitor_of_any<Policy>, detail::monitor_of_any<Retention>>,
        "cairn: the policy and the retention of this checkpoint disagree on which way their metric is "
        "better; "
        "write minimize in both, or maximize in both");

  public:
    /// For `run.checkpoint`, which checks the name and binds the sink.
    Checkpoint(std::shared_ptr<detail::RunCore> core, std::string_view name, Policy policy,
               Retention retention, Sink sink)
        : core_{std::move(core)}, name_{name}, initial_{policy}, policy_{std::move(policy)},
          shelf_{std::move(retention), std::move(sink)} {
        if (!core_) return;
        detail::check_name("checkpoint", name_).value();
        detail::check_directions(*core_, detail::watched_by(initial_),
                                 detail::watched_by(shelf_.retention()));
        shelf_.open(core_, name_, detail::watched_by(initial_, shelf_.retention()));
        if (!is_on()) return;
        if (CollectiveSink<Sink> || core_->resumed() || !versions().empty()) catch_up();
        wants_ = detail::wants_of(initial_);
        if (wants_.signal) signals_ = core_->watch_signals();
        log_.open(core_, name_, initial_, shelf_.retention(), seconds_before_, save_seconds_);
    }

    /// Asks the policy about a row and, on a yes, saves the parts as a new version and prunes. Never throws
    /// for what the sink or the disk does: that is in the result. Cost: a no is a comparison; nothing was
    /// serialised.
    template <class R, class... Parts>
    SaveResult step(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        return together(at(row), [&](const auto& now) { return ask(now, parts...); });
    }

    /// Saves now, whatever the policy says; the policy hears of it.
    template <class R, class... Parts>
    SaveResult save(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        return together(at(row), [&](const auto& now) { return write(now, true, parts...); });
    }

    /// Says that there are no more rows: a policy with `OnFinish` saves now, under the last row that was
    /// seen; if that row is saved already, its version is the answer. Other policies are not asked.
    template <class... Parts>
    SaveResult finish(const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        if (!wants_.end) return Skipped{SkipReason::not_due};
        if (last_row_is_saved_) return versions().back();
        const DynamicRow row = last_row_.value_or(DynamicRow{});
        At<DynamicRow> now = at(row);
        now.final = true;
        return together(now, [&](const auto& shared) { return ask_once_more(shared, parts...); });
    }

    /// While what it returns lives, an exception that leaves its scope is asked of the policy, which saves
    /// the parts if it has an `OnFailure`: `auto guard = checkpoint.guard(part…);`. It refers to the
    /// checkpoint and to what the parts refer to: declare it after them. Never throws itself.
    template <class... Parts>
    [[nodiscard]] auto guard(const Parts&... parts) {
        if constexpr (CollectiveSink<Sink>) {
            (void)sizeof(
                detail::an_exception_on_one_rank_cannot_make_the_others_save_so_there_is_no_guard<Sink>);
            return detail::NoGuard{};
        } else {
            return detail::OnException{[this, parts...] { (void)fail(parts...); }};
        }
    }

    /// Gives a version metrics that came after it was saved, a validation score, say:
    /// `checkpoint.annotate(version, "val/loss"_m = loss)`. The policy and the retention take them into
    /// account from now on, and `best` moves. Fails, as `step` does, with not_found for a version that is
    /// gone and with already_exists for a metric that has another value.
    template <class... Names, class... Ts>
    SaveResult annotate(std::string_view label, Field<Names, Ts>... metrics) {
        if (!is_on()) return Skipped{off_reason()};
        const auto late = detail::to_dynamic(detail::make_row(0, 0, std::move(metrics)...));
        return together(At<DynamicRow>{late}, [&](const auto& shared) -> SaveResult {
            auto version = shelf_.annotate(label, shared.row);
            if (!version) return failed(version.error());
            log_.write(Decision::Kind::annotated, version->number, version->row);
            detail::settle(*policy_, at(version->row), Outcome::annotated);
            shelf_.tidy(tell_removal());
            return *std::move(version);
        });
    }
    /// The same for a version that a `step` returned.
    template <class... Names, class... Ts>
    SaveResult annotate(const Version& version, Field<Names, Ts>... metrics) {
        return annotate(version.label(), std::move(metrics)...);
    }

    /// Puts the parts into the state of a version and returns it; training goes on at `version.step() + 1`,
    /// and the policy decides as if it had never stopped. A damaged version is reported and passed over.
    /// Looks at the versions of this run; a new run, which has none, looks at all versions of this name.
    /// Throws `errc::not_found` if there is none, `errc::mismatch` if a part does not fit; then no part was
    /// changed. Cost: beside the parts, one pass over the run's history, for the policy.
    template <class Which, class... Parts>
        requires ReadableSink<Sink>
    Version restore(const Which& which, const Parts&... parts) {
        if constexpr (detail::SavableParts<Parts...>) {
            return try_restore(which, parts...).value();
        } else {
            detail::explain_parts<Parts...>();
            return {};
        }
    }

    /// The same as a `result`: for programs that start from nothing the first time.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(LatestVersion, const Parts&... parts) {
        auto candidates = shelf_.candidates();
        if (!candidates) return candidates.error();
        std::reverse(candidates->begin(), candidates->end());
        return restore_first(*candidates, parts...);
    }
    /// The best version by the metric that the policy or the retention watches; does not compile where
    /// neither watches one. Fails: not_found, mismatch.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(BestVersion, const Parts&... parts) {
        if constexpr (std::same_as<Monitor, detail::NoMonitor>) {
            (void)sizeof(
                detail::no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best<
                    Policy, Retention>);
            return error{};
        } else {
            auto candidates = shelf_.candidates();
            if (!candidates) return candidates.error();
            return restore_first(detail::by_value(*std::move(candidates), shelf_.watched()), parts...);
        }
    }
    /// The version of that label, "v3"; no other is tried. Fails: not_found, mismatch, corrupt.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(std::string_view label, const Parts&... parts) {
        auto wanted = shelf_.of_any_run();
        if (!wanted) return wanted.error();
        const error none = shelf_.none_like(label, *wanted);
        std::erase_if(*wanted, [&](const Version& version) { return version.label() != label; });
        if (wanted->empty()) return none;
        return restore_first(*wanted, parts...);
    }

    /// Every decision so far about a row that this checkpoint was asked about, with its reasons, in the order
    /// of the rows; of all sessions of the run. Those that the run did not record are made again by the
    /// policy as it is now. Throws if the history cannot be read. Cost: two passes over it.
    [[nodiscard]] std::vector<Decision> decisions() {
        std::vector<Decision> all;
        if (!core_) return all;
        log_.note();
        detail::Replay<Policy> replay{initial_, name_, versions()};
        const auto keep = [&](const Policy& policy, const At<DynamicRow>& now, Decision decision) {
            decision.checkpoint = name_;
            decision.step = now.step;
            decision.time_ns = now.time_ns;
            decision.answer = policy.decide(now);
            decision.because = detail::reasons_of(policy, now);
            decision.row = now.row;
            all.push_back(std::move(decision));
        };
        replay.go(*core_, log_dir(), keep).value();
        return all;
    }

    /// The versions of this checkpoint that exist, oldest first.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return shelf_.versions(); }
    /// The policy in its present state.
    [[nodiscard]] const Policy& policy() const noexcept { return *policy_; }
    /// Where the bytes go.
    [[nodiscard]] Sink& sink() noexcept { return shelf_.sink(); }
    /// The checkpoint's name, which is that of its artifact.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// What this object did not write because its policy said no: for each such row the size of the version
    /// before it, or of the first one.
    [[nodiscard]] std::uint64_t bytes_avoided() const noexcept {
        return bytes_avoided_ + skipped_ * last_bytes_;
    }

  private:
    [[nodiscard]] bool is_on() const noexcept {
        return core_ && core_->options().save && !core_->is_detached() &&
               (CollectiveSink<Sink> || core_->rank() == 0);
    }
    [[nodiscard]] SkipReason off_reason() const noexcept {
        return core_ && core_->rank() != 0 && !CollectiveSink<Sink> ? SkipReason::other_rank
                                                                    : SkipReason::off;
    }

    template <class R>
    [[nodiscard]] At<R> at(const R& row) const {
        At<R> now{row};
        if (now.time_ns == 0) now.time_ns = detail::wall_ns();  // a row that was never logged
        now.seconds = seconds_before_ + static_cast<double>(now.time_ns - core_->started_ns()) / 1e9;
        now.save_seconds = save_seconds_;
        now.signal = signals_ && signals_->pending();
        return now;
    }

    // ---- asking and saving

    /// Calls `f` with the moment; with a sink that several ranks share, with that of rank 0 on every one.
    template <class R, class F>
    SaveResult together(const At<R>& mine, F&& f) {
        if constexpr (CollectiveSink<Sink>) {
            const DynamicRow row = detail::to_dynamic(mine.row);
            auto shared = sink().share({row, mine.step, mine.time_ns, mine.seconds, mine.save_seconds,
                                        mine.signal, mine.final, mine.failure});
            if (shared) return f(shared->at());
            core_->note_failure(shared.error(), true);
            return shared.error();
        } else {
            return f(mine);
        }
    }

    template <class R, class... Parts>
    SaveResult ask(const At<R>& now, const Parts&... parts) {
        const Answer decision = policy_->decide(now);
        const std::string_view nan = detail::rejected_by(*policy_, now);
        if (decision == Answer::yes) {
            if (!nan.empty()) (void)failed(nan_error(nan));
            return write(now, false, parts...);
        }
        log_.skipped(*policy_, now, decision);
        detail::settle(*policy_, now, Outcome::not_saved);
        ++skipped_;
        last_row_is_saved_ = false;
        if (wants_.end || wants_.failure) last_row_ = detail::to_dynamic(now.row);
        if (!nan.empty()) return failed(nan_error(nan));
        return Skipped{detail::skip_reason(decision)};
    }

    /// For `guard`.
    template <class... Parts>
    SaveResult fail(const Parts&... parts) {
        // Without a row nothing was trained yet.
        if (!is_on() || !wants_.failure || (!last_row_ && versions().empty()))
            return Skipped{SkipReason::not_due};
        if (last_row_is_saved_) return versions().back();
        const DynamicRow row = last_row_.value_or(DynamicRow{});
        At<DynamicRow> now = at(row);
        now.failure = true;
        return ask_once_more(now, parts...);
    }
    /// About a row that the policy heard of already.
    template <class... Parts>
    SaveResult ask_once_more(const At<DynamicRow>& now, const Parts&... parts) {
        const Answer decision = policy_->decide(now);
        if (decision == Answer::yes) return write(now, false, parts...);
        return Skipped{detail::skip_reason(decision)};
    }

    /// Writes one version; on any failure the sink forgets it and the versions before it are whole.
    template <class R, class... Parts>
    SaveResult write(const At<R>& now, bool by_hand, const Parts&... parts) {
        const std::uint64_t rows = log_.take_rows();
        std::vector<Because> because;
        if (!by_hand) because = detail::reasons_of(*policy_, now);
        const std::int64_t began = detail::steady_ns();
        result<Version> version = error{};
        const result<void> done =
            detail::guarded("saving a version", [&]() -> result<void> {  // a sink of the user's may throw
                if constexpr (detail::SavableParts<Parts...>)
                    version = commit(now.row, parts...);
                else
                    detail::explain_parts<Parts...>();
                return {};
            });
        if (!done) {
            sink().abort();
            version = done.error();
        }
        save_seconds_ += static_cast<double>(detail::steady_ns() - began) / 1e9;

        Decision decision = log_.about(now, version ? Decision::Kind::saved : Decision::Kind::failed, rows);
        decision.answer = Answer::yes;
        decision.because = std::move(because);
        decision.by_hand = by_hand;
        decision.save_seconds = save_seconds_;
        if (version)
            decision.version = version->number;
        else
            decision.text = version.error().what();
        log_.write(std::move(decision));
        detail::settle(*policy_, now, version ? Outcome::saved : Outcome::failed);
        if (version) {
            count_bytes(version->bytes);
            last_row_is_saved_ = true;
            shelf_.add(*version, tell_removal());
        } else {
            core_->note_failure(version.error(), true);
        }
        if (now.signal && signals_) signals_->answer();  // which may end the process
        if (!version) return version.error();
        return *std::move(version);
    }

    template <class R, class... Parts>
    result<Version> commit(const R& row, const Parts&... parts) {
        last_row_ = detail::to_dynamic(row);
        last_row_is_saved_ = false;
        const VersionInfo info{name_, core_->options().project, core_->options().id, *last_row_};
        result<void> done = sink().begin(info);
        if (done) done = detail::check_parts(parts...);
        const auto emit = [&](std::string_view file, std::span<const std::byte> bytes) {
            return sink().write(file, bytes);
        };
        (void)((done && (done = detail::encode(parts, emit), bool{done})) && ...);
        if (!done) {
            sink().abort();
            return done.error();
        }
        result<Version> version = sink().commit();
        if (!version) sink().abort();
        return version;
    }

    void count_bytes(std::uint64_t bytes) noexcept {
        bytes_avoided_ += skipped_ * (last_bytes_ != 0 ? last_bytes_ : bytes);
        skipped_ = 0;
        last_bytes_ = bytes;
    }

    [[nodiscard]] auto tell_removal() {
        return [this](const Version& version) {
            log_.write(Decision::Kind::removed, version.number, version.row);
        };
    }

    SaveResult failed(const error& failure) {
        core_->note_failure(failure, false);
        return failure;
    }
    [[nodiscard]] error nan_error(std::string_view metric) const {
        return {errc::not_a_number,
                "a metric is NaN, and the policy of this checkpoint takes that for an error",
                std::string{metric}, "see in the run's history since when, and restore a version before it"};
    }

    // ---- restoring

    /// Restores from the first of `wanted` (in order of preference) that is whole.
    template <class... Parts>
    result<Version> restore_first(const std::vector<Version>& wanted, const Parts&... parts) {
        error damage = shelf_.none_to_restore();
        for (const Version& version : wanted) {
            auto files = sink().open(version);
            result<void> done =
                files ? detail::decode([&](std::string_view file) { return files->find(file); }, parts...)
                      : result<void>{files.error()};
            // Passed over is what is damaged or gone: not a version that is whole but does not fit what was
            // asked, nor one that cannot be read just now, for want of a permission, say.
            bool may_pass = !done && (done.error().code() == errc::corrupt ||
                                      (!files && done.error().code() == errc::not_found));
            if constexpr (CollectiveSink<Sink>) done = sink().agree(done, may_pass);
            if (done) {
                resume_after(version);
                return version;
            }
            damage = done.error();
            if (!may_pass) return damage;
            if (core_) core_->note_failure(damage, false);
        }
        return damage;
    }

    /// Puts the policy into the state that it had when a version was saved.
    void resume_after(const Version& version) {
        shelf_.hold(version.number);
        last_row_ = version.row;
        last_row_is_saved_ = !versions().empty() && versions().back().number == version.number;
        detail::Replay<Policy> replay{initial_, name_, versions()};
        (void)look_back(replay);
        auto then = replay.after(version.number);
        policy_.emplace(std::move(then.policy));
        // What an earlier session spent counts on.
        if (then.session != 0 && then.session < replay.now().session) {
            seconds_before_ = then.seconds;
            save_seconds_ = then.save_seconds;
        }
        detail::settle(*policy_, at(version.row), Outcome::restored);
        if (is_on())
            log_.write(Decision::Kind::restored, version.number, version.row, seconds_before_, save_seconds_);
    }

    /// Lets the policy hear what the sessions before decided, if there were any.
    void catch_up() {
        detail::Replay<Policy> replay{initial_, name_, versions()};
        const bool whole = look_back(replay);
        policy_.emplace(whole || versions().empty() ? replay.now().policy
                                                    : replay.after(versions().back().number).policy);
    }
    /// Where the decisions of this checkpoint are recorded: with a sink that several ranks share, by rank 0.
    [[nodiscard]] std::filesystem::path log_dir() const {
        if constexpr (CollectiveSink<Sink>)
            return core_->store().run_dir(core_->options().project, core_->options().id);
        return core_->dir();
    }
    /// False if the run's history cannot be read; then the versions alone tell what was saved.
    bool look_back(detail::Replay<Policy>& replay) {
        if (!core_) return false;
        result<void> gone = replay.go(*core_, log_dir(), [](const auto&...) {});
        if constexpr (CollectiveSink<Sink>) {
            bool may_pass = false;  // rank 0 logs nothing more until all have read
            gone = sink().agree(gone, may_pass);
        }
        if (!gone) core_->note_failure(gone.error(), false);
        return gone.has_value();
    }

    std::shared_ptr<detail::RunCore> core_;
    std::string name_;
    Policy initial_;
    std::optional<Policy> policy_;  // rebuilt on restore; a policy need not be assignable
    Wants wants_;
    detail::Shelf<Retention, Sink> shelf_;
    std::optional<DynamicRow> last_row_;
    bool last_row_is_saved_ = false;
    double seconds_before_ = 0, save_seconds_ = 0;
    std::uint64_t skipped_ = 0, last_bytes_ = 0, bytes_avoided_ = 0;
    detail::DecisionLog log_;
    std::unique_ptr<detail::SignalWatch> signals_;  // only of a policy that wants to know
};

/// A checkpoint that is off: an empty type whose calls compile to nothing. It has no `save` and no `restore`;
/// explicit saving is `cairn::save`, `cairn::load` and `run.log_model`. The model need not be Serializable.
template <RetentionPolicy Retention, ArtifactSink Sink>
class Checkpoint<NoBestSave, Retention, Sink> {
  public:
    ///@{
    /// Does nothing, and says `SkipReason::off`.
    constexpr Skipped step(const auto&, const auto&...) const noexcept { return {}; }
    constexpr Skipped finish(const auto&...) const noexcept { return {}; }
    [[nodiscard]] constexpr detail::NoGuard guard(const auto&...) const noexcept { return {}; }
    ///@}
};

}  // namespace CAIRN_NAMESPACE
