// SPDX-License-Identifier: MIT
#pragma once
// What a checkpoint does when it does something: write a version, restore one, rebuild its policy's state.
// Knows no type of the user's, so it is compiled once. Costs nlohmann/json.

#include <cairn/checkpoint/detail/decision_log.hpp>
#include <cairn/checkpoint/detail/flights.hpp>
#include <cairn/checkpoint/detail/held.hpp>
#include <cairn/checkpoint/detail/ranking.hpp>
#include <cairn/checkpoint/detail/replay.hpp>
#include <cairn/checkpoint/detail/shelf.hpp>
#include <cairn/checkpoint/save_options.hpp>
#include <cairn/checkpoint/save_result.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/time.hpp>
#include <cairn/model/decode.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/run/signal_watch.hpp>
#include <cairn/run/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// What a policy says of itself once.
struct PolicyTraits {
    Wants wants{};
    bool is_manual = false;
};

/// The same moment with a row whose type is gone.
template <class R>
[[nodiscard]] At<DynamicRow> with_row(const At<R>& now, const DynamicRow& row) {
    return {row, now.step, now.time_ns, now.seconds, now.save_seconds, now.signal, now.final, now.failure};
}

/// The row with a time, if it has none: one that was never logged.
template <class = void>
[[nodiscard]] DynamicRow dated(DynamicRow row, std::int64_t time_ns) {
    if (row.time_ns() != 0) return row;
    std::vector<NamedValue> values;
    row.for_each([&](std::string_view name, const Value& value) { values.push_back({name, value}); });
    return {row.step(), time_ns, values.data(), values.size()};
}

/// One thread at a time, as the checkpoint. While a version is in flight the sink and the shelf are the
/// saving thread's; whatever needs them waits until it has landed.
template <class = void>
class BasicCheckpointCore {
  public:
    /// Writes the files of all parts.
    using Encode = FunctionRef<result<void>(Emit)>;
    /// Reads the files of all parts.
    using Decode = FunctionRef<result<void>(FindFile)>;
    /// Why the policy answers as it does, at the row that is at hand.
    using Why = FunctionRef<std::vector<Because>()>;
    /// Tells the policy, which may know only typed rows, what became of it.
    using Settle = FunctionRef<void(Outcome)>;
    /// Sets a decision's answer and its reasons.
    using Explain = FunctionRef<void(const HeldPolicy&, const At<DynamicRow>&, Decision&)>;

    BasicCheckpointCore(std::shared_ptr<RunCore> core, std::string_view name, HeldPolicy& policy,
                        const HeldRetention& retention, HeldSink& sink, const PolicyTraits& traits,
                        const SaveOptions& options)
        : core_{std::move(core)}, name_{name}, initial_{policy.copy()}, policy_{&policy},
          shelf_{retention, sink, options.reserve}, options_{options}, flights_{options.depth} {
        if (!core_) return;
        check_name("checkpoint", name_).value();
        const Watched saves = initial_->watched(), keeps = shelf_.retention().watched();
        check_directions(*core_, saves, keeps);
        if (!core_->has_ended() && !core_->is_detached())
            (void)core_->saver().drain();  // what another checkpoint saved a moment ago is there
        shelf_.open(core_, name_, saves.any() ? saves : keeps);
        if (!is_on()) return;
        if (is_collective() || core_->resumed() || !versions().empty()) catch_up();
        wants_ = traits.wants;
        if (wants_.signal) signals_ = core_->watch_signals();
        log_.open(core_, name_, !traits.is_manual, initial_->text(), shelf_.retention().text(),
                  seconds_before_, save_seconds_);
        for (Decision& missing : unproven_) log_.write(std::move(missing));
        unproven_.clear();
    }

    BasicCheckpointCore(const BasicCheckpointCore&) = delete;
    BasicCheckpointCore& operator=(const BasicCheckpointCore&) = delete;
    ~BasicCheckpointCore();  // defined below, so that extern.hpp's declaration holds for it too

    [[nodiscard]] bool is_on() const noexcept {
        return core_ && core_->options().save && !core_->is_detached() &&
               (is_collective() || core_->rank() == 0);
    }
    [[nodiscard]] SkipReason off_reason() const noexcept {
        return core_ && core_->rank() != 0 && !is_collective() ? SkipReason::other_rank : SkipReason::off;
    }
    [[nodiscard]] bool is_strict() const noexcept { return options_.strict; }
    [[nodiscard]] HeldSink& sink() const noexcept { return shelf_.sink(); }
    /// Requires that nothing is in flight: `land` sees to it.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return shelf_.versions(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] Wants wants() const noexcept { return wants_; }
    [[nodiscard]] std::uint64_t bytes_avoided() const noexcept {
        return bytes_avoided_ + skipped_ * last_bytes_;
    }

    template <class R>
    [[nodiscard]] At<R> at(const R& row) const {
        At<R> now{row};
        if (now.time_ns == 0) now.time_ns = wall_ns();  // a row that was never logged
        now.seconds = seconds_before_ + static_cast<double>(now.time_ns - core_->started_ns()) / 1e9;
        now.save_seconds = save_seconds_;
        now.signal = signals_ && signals_->pending();
        return now;
    }

    // ---- saving

    /// A row at which the policy does not say yes. Cost: a comparison, unless it is news or the policy asks
    /// once more after the last row, which is a copy of the row.
    template <class R>
    void skip(const At<R>& now, Answer answer, Why why) {
        const std::uint64_t rows = log_.take_rows();
        if (wants_.end || wants_.failure) last_row_ = to_dynamic(now.row);
        count_skipped();
        if (log_.is_told(answer, rows, now.signal)) return;
        const DynamicRow row = to_dynamic(now.row);
        log_.skipped(with_row(now, row), answer, rows, why);
    }

    /// Saves one version, or hands it to the saving thread; on any failure the sink forgets it and the
    /// versions before it are whole. One for which nobody will be there later is waited for.
    SaveResult write(const At<DynamicRow>& now, bool by_hand, Why why, Settle settle, Encode encode) {
        const std::uint64_t rows = log_.take_rows();
        const std::int64_t began = steady_ns();
        Flight* flight = nullptr;
        if (writes_beside()) {
            flight = flights_.find_free(core_->saver());
            if (flight == nullptr && options_.coalesce) return pass_over(now, rows, why, settle);
            if (flight == nullptr) flight = &flights_.wait_for_first(core_->saver());
        }
        std::vector<Because> because;
        if (!by_hand) because = why();
        last_row_ = now.row;
        last_row_is_saved_ = false;
        result<Version> version = error{};
        bool is_queued = flight != nullptr;
        if (is_queued) {
            version = take_off(*flight, now.row, encode);
            is_queued = !flight->is_too_big;
        }
        if (!is_queued) {
            flights_.wait_for_all(core_->saver());  // and hear later of what was lost: the policy was asked
                                                    // about this row already
            version = commit(info_of(now.row), last_bytes_, encode);
        }
        save_seconds_ += static_cast<double>(steady_ns() - began) / 1e9;

        Decision decision = log_.about(now, version ? Decision::Kind::saved : Decision::Kind::failed, rows);
        decision.answer = Answer::yes;
        decision.because = std::move(because);
        decision.by_hand = by_hand;
        decision.save_seconds = save_seconds_;
        decision.queued = is_queued && version;
        if (decision.queued) decision.save = flight->save;
        if (version)
            decision.version = version->number;
        else
            decision.text = version.error().what();
        log_.write(std::move(decision));
        settle(version ? Outcome::saved : Outcome::failed);
        SaveResult answer{version};
        if (version) {
            count_bytes(version->bytes);
            last_row_is_saved_ = true;
            if (is_queued) {
                last_save_ = launch(*flight, *std::move(version));
                answer = SaveResult{last_save_};
            } else {
                last_save_ = nullptr;
                shelf_.add(*std::move(version));
                shelf_.clear_out(tell_removal());
            }
        } else {
            core_->note_failure(version.error(), true);
        }
        if (now.signal || now.final || now.failure) land();
        if (now.signal && signals_) signals_->answer();  // which may end the process
        return answer;
    }

    /// Waits until nothing is in flight. If something was lost, the policy is then as if it had never been
    /// saved.
    void land() {
        if (!core_ || core_->is_detached()) return;  // what is in flight is the parent's
        flights_.wait_for_all(core_->saver());
        if (!losses_.take_news()) return;
        if (last_save_ && last_save_->state() == Ticket::State::failed) last_row_is_saved_ = false;
        log_.note();
        catch_up();
    }
    /// Hears of versions that were lost since the last call. Cost: a load, if there was none.
    void hear() {
        if (losses_.is_news()) land();
    }
    /// Takes the first loss that was not told yet.
    [[nodiscard]] std::optional<error> take_loss() { return losses_.take(); }
    /// Before this goes. False if the saving thread may still use it: it makes no headway, or it is in the
    /// parent of a fork.
    [[nodiscard]] bool close() noexcept {
        if (!flights_.any_is_out()) return true;
        if (core_->is_detached()) return false;
        return core_->has_given_up() ? core_->saver().drain(0) : core_->saver().drain();
    }

    /// What a policy is asked about after the last row; empty if there was none.
    [[nodiscard]] DynamicRow last_row() const { return last_row_.value_or(DynamicRow{}); }
    [[nodiscard]] bool last_row_is_saved() const noexcept { return last_row_is_saved_; }
    /// Without a row nothing was trained yet.
    [[nodiscard]] bool has_seen_a_row() const noexcept { return last_row_ || !versions().empty(); }

    SaveResult annotate(std::string_view label, const DynamicRow& late) {
        land();
        auto version = shelf_.annotate(label, late);
        if (!version) return failed(version.error());
        log_.write(Decision::Kind::annotated, version->number, version->row);
        policy_->settle(at(version->row), Outcome::annotated);
        shelf_.tidy(tell_removal());
        return *std::move(version);
    }

    SaveResult failed(const error& failure, bool of_a_save = false) {
        core_->note_failure(failure, of_a_save);
        return failure;
    }
    [[nodiscard]] static error nan_error(std::string_view metric) {
        return {errc::not_a_number,
                "a metric is NaN, and the policy of this checkpoint takes that for an error",
                std::string{metric}, "see in the run's history since when, and restore a version before it"};
    }

    // ---- restoring

    result<Version> restore_latest(Decode decode) {
        land();
        auto candidates = shelf_.candidates();
        if (!candidates) return candidates.error();
        std::reverse(candidates->begin(), candidates->end());
        return restore_first(*candidates, decode);
    }
    result<Version> restore_best(Decode decode) {
        land();
        auto candidates = shelf_.candidates();
        if (!candidates) return candidates.error();
        const std::vector<Version> ranked = by_value(*candidates, shelf_.watched());
        if (ranked.empty() && !candidates->empty()) {
            return error{errc::not_found, "no version has a number of the metric that says which is best",
                         std::string{shelf_.watched().metric},
                         "restore the latest one, or one by its number"};
        }
        return restore_first(ranked, decode);
    }
    result<Version> restore(std::string_view label, Decode decode) {
        land();
        auto wanted = shelf_.of_any_run();
        if (!wanted) return wanted.error();
        const error none = shelf_.none_like(label, *wanted);
        std::erase_if(*wanted, [&](const Version& version) { return version.label() != label; });
        if (wanted->empty()) return none;
        return restore_first(*wanted, decode);
    }

    [[nodiscard]] std::vector<Decision> decisions(Explain explain) {
        std::vector<Decision> all;
        if (!core_) return all;
        land();
        log_.note();
        Replay replay{*initial_, name_, versions()};
        const auto keep = [&](const HeldPolicy& policy, const At<DynamicRow>& now, const Decision& recorded) {
            Decision decision = recorded;
            decision.checkpoint = name_;
            decision.step = now.step;
            decision.time_ns = now.time_ns;
            decision.row = now.row;
            explain(policy, now, decision);
            all.push_back(std::move(decision));
        };
        replay.go(*core_, log_dir(), keep).value();
        return all;
    }

  private:
    [[nodiscard]] bool is_collective() const noexcept { return shelf_.sink().can.is_collective; }

    void count_skipped() noexcept {
        ++skipped_;
        last_row_is_saved_ = false;
    }
    void count_bytes(std::uint64_t bytes) noexcept {
        bytes_avoided_ += skipped_ * (last_bytes_ != 0 ? last_bytes_ : bytes);
        skipped_ = 0;
        last_bytes_ = bytes;
    }

    [[nodiscard]] VersionInfo info_of(const DynamicRow& row) const {
        return {name_, core_->options().project, core_->options().id, row};
    }
    [[nodiscard]] bool writes_beside() const noexcept {
        return options_.async && sink().can.is_async && !core_->has_ended();
    }

    /// Writes a version, of about so many bytes, through the sink. Never throws.
    result<Version> commit(const VersionInfo& info, std::uint64_t bytes, Encode encode) {
        result<Version> version =
            guarded("saving a version", [&]() -> result<Version> {  // a sink of the user's may throw
                if (auto room = shelf_.check_room(bytes); !room) return room.error();
                result<void> written = sink().begin(info);
                if (written) {
                    written = encode([this](std::string_view file, std::span<const std::byte> piece) {
                        return sink().write(file, piece);
                    });
                }
                if (!written) return written.error();
                return sink().commit();
            });
        if (!version) sink().abort();
        return version;
    }

    // ---- saving beside the loop

    /// A yes for which there is no place.
    SaveResult pass_over(const At<DynamicRow>& now, std::uint64_t rows, Why why, Settle settle) {
        if (wants_.end || wants_.failure) last_row_ = now.row;
        count_skipped();
        core_->count_passed_over();
        log_.skipped(now, Answer::yes, rows, why);
        settle(Outcome::not_saved);
        return Skipped{SkipReason::busy};
    }

    /// Copies the parts and asks the sink for a number. Fails: as the parts and the sink do; if it is too
    /// big.
    [[nodiscard]] result<Version> take_off(Flight& flight, const DynamicRow& row, Encode encode) {
        flight.copy.clear();
        flight.is_too_big = false;
        flight.info = info_of(row);
        result<Reservation> reserved = guarded("saving a version", [&]() -> result<Reservation> {
            auto copied =
                encode([&](std::string_view file, std::span<const std::byte> bytes) -> result<void> {
                    flight.is_too_big = !flight.copy.write(file, bytes);
                    return flight.is_too_big ? result<void>{error{}} : result<void>{};
                });
            if (!copied) return copied.error();
            return sink().reserve(flight.info);
        });
        if (!reserved) {
            if (flight.is_too_big) flight.copy.release();
            return reserved.error();
        }
        flight.save = core_->new_save();
        flight.reserved = *std::move(reserved);
        Version version = flight.reserved.version;
        version.bytes = flight.copy.bytes();
        version.row = row;
        return version;
    }
    /// Hands it to the saving thread.
    [[nodiscard]] std::shared_ptr<const Ticket> launch(Flight& flight, Version version) {
        flight.ticket = std::make_shared<Ticket>(std::move(version));
        flight.info.reserved = &flight.reserved;
        flight.is_flying.store(true, std::memory_order_relaxed);
        const auto place = core_->saver().post(version_label(flight.reserved.version.number) + " of " + name_,
                                               [this, &flight] { fly(flight); });
        flight.is_out = place.has_value();
        if (place) {
            flight.place = *place;
        } else {  // no thread: here and now
            flights_.wait_for_all(core_->saver());
            fly(flight);
        }
        return flight.ticket;
    }
    /// On the saving thread.
    void fly(Flight& flight) noexcept {
        // In pieces, so that one can see that it gets on.
        constexpr std::size_t most = std::size_t{16} << 20U;
        const auto encode = [&](Emit write) {
            return flight.copy.read([&](std::string_view file, std::span<const std::byte> bytes) {
                result<void> written;
                do {
                    const auto piece = bytes.first(std::min(bytes.size(), most));
                    written = write(file, piece);
                    core_->saver().moved();
                    bytes = bytes.subspan(piece.size());
                } while (written && !bytes.empty());
                return written;
            });
        };
        result<Version> version = commit(flight.info, flight.copy.bytes(), encode);
        if (version) {
            record(Decision::Kind::written, flight, version->number, {});
            shelf_.add(*version);
        } else {
            lose(flight, version.error());
        }
        flight.reserved = {};
        flight.ticket->finish(version);
        if (version) shelf_.clear_out(tell_removal());
        flight.is_flying.store(false, std::memory_order_release);
    }
    /// What became of it.
    void record(Decision::Kind kind, const Flight& flight, std::uint64_t version, std::string text) {
        const DynamicRow& row = flight.info.row;
        log_.write({.kind = kind,
                    .step = row.step(),
                    .time_ns = row.time_ns(),
                    .version = version,
                    .text = std::move(text),
                    .save = flight.save});
    }
    void lose(const Flight& flight, const error& why) noexcept {
        core_->note_failure(why, true);
        record(Decision::Kind::lost, flight, flight.reserved.version.number, why.what());
        losses_.add(why);
    }

    [[nodiscard]] auto tell_removal() {
        return [this](const Version& version) {
            log_.write(Decision::Kind::removed, version.number, version.row);
        };
    }

    /// Restores from the first of `wanted` (in order of preference) that is whole.
    result<Version> restore_first(const std::vector<Version>& wanted, Decode decode) {
        error damage = shelf_.none_to_restore();
        for (const Version& version : wanted) {
            auto files = sink().open(version);
            result<void> done = files ? decode([&](std::string_view file) { return files->find(file); })
                                      : result<void>{files.error()};
            // Passed over is what is damaged or gone: not a version that is whole but does not fit what was
            // asked, nor one that cannot be read just now, for want of a permission, say.
            bool may_pass = !done && (done.error().code() == errc::corrupt ||
                                      (!files && done.error().code() == errc::not_found));
            done = sink().agree(done, may_pass);
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
        Replay replay{*initial_, name_, versions()};
        (void)look_back(replay);
        auto then = replay.after(version.number);
        policy_->become(*then.policy);
        // What an earlier session spent counts on.
        if (then.session != 0 && then.session < replay.now().session) {
            seconds_before_ = then.seconds;
            save_seconds_ = then.save_seconds;
        }
        policy_->settle(at(version.row), Outcome::restored);
        if (is_on())
            log_.write(Decision::Kind::restored, version.number, version.row, seconds_before_, save_seconds_);
    }

    /// Lets the policy hear what the sessions before decided, if there were any.
    void catch_up() {
        Replay replay{*initial_, name_, versions()};
        const bool whole = look_back(replay);
        if (whole || versions().empty())
            policy_->become(*replay.now().policy);
        else
            policy_->become(*replay.after(versions().back().number).policy);
    }
    /// Where the decisions of this checkpoint are recorded: with a sink that several ranks share, by rank 0.
    [[nodiscard]] std::filesystem::path log_dir() const {
        if (is_collective()) return core_->store().run_dir(core_->options().project, core_->options().id);
        return core_->dir();
    }
    /// False if the run's history cannot be read; then the versions alone tell what was saved.
    bool look_back(Replay& replay) {
        if (!core_) return false;
        result<void> gone =
            replay.go(*core_, log_dir(), [](const HeldPolicy&, const At<DynamicRow>&, const Decision&) {});
        bool may_pass = false;  // rank 0 logs nothing more until all have read
        gone = sink().agree(gone, may_pass);
        if (!gone) core_->note_failure(gone.error(), false);
        unproven_ = replay.take_unproven();
        return gone.has_value();
    }

    std::shared_ptr<RunCore> core_;
    std::string name_;
    std::unique_ptr<HeldPolicy> initial_;
    HeldPolicy* policy_;
    Wants wants_;
    Shelf shelf_;
    std::optional<DynamicRow> last_row_;
    bool last_row_is_saved_ = false;
    double seconds_before_ = 0, save_seconds_ = 0;
    std::uint64_t skipped_ = 0, last_bytes_ = 0, bytes_avoided_ = 0;
    DecisionLog log_;
    std::unique_ptr<SignalWatch> signals_;  // only of a policy that wants to know

    SaveOptions options_;
    std::vector<Decision> unproven_;  // records that a kill prevented
    Flights flights_;
    Losses losses_;
    std::shared_ptr<const Ticket> last_save_;  // of the last row, if it was queued
};
using CheckpointCore = BasicCheckpointCore<>;

template <class T>
BasicCheckpointCore<T>::~BasicCheckpointCore() = default;

}  // namespace CAIRN_NAMESPACE::detail
