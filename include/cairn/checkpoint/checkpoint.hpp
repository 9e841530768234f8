// SPDX-License-Identifier: MIT
#pragma once
// `Checkpoint`: asks the policy, writes the parts, commits a version, prunes. Costs nlohmann/json.

#include <cairn/checkpoint/detail/checkpoint_core.hpp>
#include <cairn/checkpoint/detail/guard.hpp>
#include <cairn/checkpoint/detail/held.hpp>
#include <cairn/checkpoint/local_store.hpp>
#include <cairn/checkpoint/save_options.hpp>
#include <cairn/checkpoint/save_result.hpp>
#include <cairn/checkpoint/sink.hpp>
#include <cairn/model/decode.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/run.hpp>
#include <cairn/run/version.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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

/// What a checkpoint that was moved from restores.
template <class = void>
[[nodiscard]] error nothing_left() {
    return {errc::not_found, "this checkpoint was moved from, so it has no versions", "",
            "ask the one that it was moved into"};
}

/// Two monitors watch one metric in opposite directions.
template <class A, class B>
inline constexpr bool directions_differ = false;
template <class Name, Direction D, Direction E, Nans N, Nans M>
inline constexpr bool directions_differ<Monitor<Name, D, N>, Monitor<Name, E, M>> = D != E;

}  // namespace detail

/// Saves the parts that it is handed when its policy says so, and keeps the versions its retention wants.
/// Made by `run.checkpoint`. One thread at a time; it may outlive the run's handle. One that was moved from
/// has no versions and does nothing; it must not be asked for its policy or sink.
template <SavePolicy Policy, RetentionPolicy Retention = KeepAll, ArtifactSink Sink = LocalStore>
class Checkpoint {
    using Monitor = detail::monitor_of_any<Policy, Retention>;
    using HeldPolicy = detail::PolicyHolder<Policy>;
    static_assert(
        !detail::directions_differ<detail::monitor_of_any<Policy>, detail::monitor_of_any<Retention>>,
        "cairn: the policy and the retention of this checkpoint disagree on which way their metric is "
        "better; "
        "write minimize in both, or maximize in both");

  public:
    /// For `run.checkpoint`, which checks the name and binds the sink.
    Checkpoint(std::shared_ptr<detail::RunCore> core, std::string_view name, const Policy& policy,
               const Retention& retention, Sink sink, const SaveOptions& options)
        : state_{new State(std::move(core), name, policy, retention, std::move(sink), options)} {}

    /// Asks the policy about a row and, on a yes, saves the parts as a new version and prunes. With a sink
    /// that can (`LocalStore`, `Directory`) it copies the parts and returns; the copy is written beside the
    /// loop, see `SaveOptions`. What the sink or the disk does is in the result and is not thrown, unless the
    /// options say `strict`. Cost: a no is a comparison, nothing was serialised; a yes is a copy of the parts
    /// and, if the version before is still being written, what is left of that.
    template <class R, class... Parts>
    SaveResult step(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        return told(together(core().at(row), [&](const auto& now) { return ask(now, parts...); }));
    }

    /// Saves now, whatever the policy says; the policy hears of it.
    template <class R, class... Parts>
    SaveResult save(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        return told(together(core().at(row), [&](const auto& now) { return write(now, true, parts...); }));
    }

    /// Says that there are no more rows, and waits until all that was saved is durable: a policy with
    /// `OnFinish` saves now, under the last row that was seen; if that row is saved already, its version is
    /// the answer. Other policies are not asked. A version that was lost meanwhile is the answer otherwise.
    template <class... Parts>
    SaveResult finish(const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        core().land();
        SaveResult last = Skipped{SkipReason::not_due};
        if (core().wants().end) last = ask_once_more(false, parts...);
        last = told(std::move(last));
        if (auto lost = core().take_loss(); lost && last.skipped()) last = *std::move(lost);
        return last;
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
            return detail::OnException{[this, parts...] { fail(parts...); }};
        }
    }

    /// Gives a version metrics that came after it was saved, a validation score, say:
    /// `checkpoint.annotate(version, "val/loss"_m = loss)`. The policy and the retention take them into
    /// account from now on, and `best` moves. Fails, as `step` does, with not_found for a version that is
    /// gone and with already_exists for a metric that has another value.
    template <class... Names, class... Ts>
    SaveResult annotate(std::string_view label, Field<Names, Ts>... metrics) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        const auto late = detail::to_dynamic(detail::make_row(0, 0, std::move(metrics)...));
        return told(together(At<DynamicRow>{late},
                             [&](const auto& shared) { return core().annotate(label, shared.row); }));
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
        return state_ ? core().restore_latest(decoding(parts...)) : detail::nothing_left();
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
            return state_ ? core().restore_best(decoding(parts...)) : detail::nothing_left();
        }
    }
    /// The version of that label, "v3"; no other is tried. Fails: not_found, mismatch, corrupt.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(std::string_view label, const Parts&... parts) {
        return state_ ? core().restore(label, decoding(parts...)) : detail::nothing_left();
    }

    /// Every decision so far about a row that this checkpoint was asked about, with its reasons, in the order
    /// of the rows; of all sessions of the run. Those that the run did not record are made again by the
    /// policy as it is now. Throws if the history cannot be read. Cost: two passes over it.
    [[nodiscard]] std::vector<Decision> decisions() {
        if (!state_) return {};
        return core().decisions(
            [](const detail::HeldPolicy& then, const At<DynamicRow>& now, Decision& decision) {
                const Policy& policy = static_cast<const HeldPolicy&>(then).policy();
                decision.answer = policy.decide(now);
                decision.because = detail::reasons_of(policy, now);
            });
    }

    /// The versions of this checkpoint that exist, oldest first. Waits for those that are being written.
    [[nodiscard]] const std::vector<Version>& versions() const {
        static const std::vector<Version> none;
        if (!state_) return none;
        core().land();
        return core().versions();
    }
    /// The policy in its present state.
    [[nodiscard]] const Policy& policy() const noexcept { return held(); }
    /// Waits until nothing is being written.
    void wait() {
        if (state_) core().land();
    }
    /// Where the bytes go. Waits for what is being written.
    [[nodiscard]] Sink& sink() {
        core().land();
        return state_->sink.sink;
    }
    /// The checkpoint's name, which is that of its artifact.
    [[nodiscard]] const std::string& name() const noexcept {
        static const std::string none;
        return state_ ? core().name() : none;
    }
    /// What this object did not write because its policy said no: for each such row the size of the version
    /// before it, or of the first one.
    [[nodiscard]] std::uint64_t bytes_avoided() const noexcept { return state_ ? core().bytes_avoided() : 0; }

  private:
    /// What stays where it is when the checkpoint is moved: the core refers to the rest.
    struct State {
        State(std::shared_ptr<detail::RunCore> run, std::string_view name, const Policy& saves,
              const Retention& keeps, Sink to, const SaveOptions& options)
            : policy{saves}, retention{keeps}, sink{std::move(to)},
              core{std::move(run), name, policy,
                   retention,      sink, {detail::wants_of(saves), std::same_as<Policy, Manual>},
                   options} {}

        HeldPolicy policy;
        detail::RetentionHolder<Retention> retention;
        detail::SinkHolder<Sink> sink;
        detail::CheckpointCore core;
    };

    /// Waits for what is being written. What the saving thread may still use after that stays for ever.
    struct Close {
        void operator()(State* state) const noexcept {
            if (state->core.close()) delete state;
        }
    };

    [[nodiscard]] detail::CheckpointCore& core() const noexcept { return state_->core; }
    [[nodiscard]] Policy& held() const noexcept { return state_->policy.policy(); }
    [[nodiscard]] bool is_on() const noexcept { return state_ && core().is_on(); }  // null: moved from
    [[nodiscard]] SkipReason off_reason() const noexcept {
        return state_ ? core().off_reason() : SkipReason::off;
    }

    /// Hears of versions that the saving thread lost since the last call.
    void hear() {
        core().hear();
        if (!core().is_strict()) return;
        if (auto lost = core().take_loss()) detail::raise(*std::move(lost));
    }
    /// What is returned or, with `strict`, thrown.
    SaveResult told(SaveResult answer) {
        if (!core().is_strict()) return answer;
        if (auto lost = core().take_loss()) detail::raise(*std::move(lost));
        if (answer.failed()) detail::raise(answer.error());
        return answer;
    }

    /// Calls `f` with the moment; with a sink that several ranks share, with that of rank 0 on every one.
    template <class R, class F>
    SaveResult together(const At<R>& mine, F&& f) {
        if constexpr (CollectiveSink<Sink>) {
            const DynamicRow row = detail::to_dynamic(mine.row);
            auto shared = sink().share(detail::with_row(mine, row));
            return shared ? f(shared->at()) : core().failed(shared.error(), true);
        } else {
            return f(mine);
        }
    }

    template <class R, class... Parts>
    SaveResult ask(const At<R>& now, const Parts&... parts) {
        Policy& policy = held();
        const Answer decision = policy.decide(now);
        const std::string_view nan = detail::rejected_by(policy, now);
        if (decision == Answer::yes) {
            if (!nan.empty()) (void)core().failed(core().nan_error(nan));
            return write(now, false, parts...);
        }
        core().skip(now, decision, [&] { return detail::reasons_of(policy, now); });
        detail::settle(policy, now, Outcome::not_saved);
        if (!nan.empty()) return core().failed(core().nan_error(nan));
        return Skipped{detail::skip_reason(decision)};
    }
    /// For `guard`.
    template <class... Parts>
    void fail(const Parts&... parts) {
        if (state_) core().land();
        if (is_on() && core().wants().failure && core().has_seen_a_row()) (void)ask_once_more(true, parts...);
    }
    /// About the last row, of which the policy heard already, for a failure or for the end.
    template <class... Parts>
    SaveResult ask_once_more(bool failure, const Parts&... parts) {
        if (core().last_row_is_saved()) return versions().back();
        const DynamicRow row = core().last_row();
        At<DynamicRow> now = core().at(row);
        now.failure = failure;
        now.final = !failure;
        return together(now, [&](const auto& shared) -> SaveResult {
            const Answer decision = held().decide(shared);
            if (decision == Answer::yes) return write(shared, false, parts...);
            return Skipped{detail::skip_reason(decision)};
        });
    }

    // What is handed on is no type of the user's: a row without its type, and a function for the parts.
    template <class R, class... Parts>
    SaveResult write(const At<R>& now, bool by_hand, const Parts&... parts) {
        const DynamicRow row = detail::dated(detail::to_dynamic(now.row), now.time_ns);
        const auto why = [&] { return detail::reasons_of(held(), now); };
        const auto settle = [&](Outcome outcome) { detail::settle(held(), now, outcome); };
        return core().write(detail::with_row(now, row), by_hand, why, settle, encoding(parts...));
    }
    template <class... Parts>
    [[nodiscard]] static auto encoding(const Parts&... parts) {
        return [&](detail::Emit put) -> result<void> {
            if constexpr (detail::SavableParts<Parts...>)
                return detail::encode_all(put, parts...);
            else
                return detail::explain_parts<Parts...>(), result<void>{};
        };
    }
    template <class... Parts>
    [[nodiscard]] static auto decoding(const Parts&... parts) {
        return [&](detail::FindFile find_file) { return detail::decode(find_file, parts...); };
    }

    std::unique_ptr<State, Close> state_;
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
    constexpr void wait() const noexcept {}
    [[nodiscard]] constexpr detail::NoGuard guard(const auto&...) const noexcept { return {}; }
    ///@}
};

}  // namespace CAIRN_NAMESPACE
