// SPDX-License-Identifier: MIT
#pragma once
// The state of a policy, rebuilt from what a run recorded: its rows and its decisions, in their order. Costs
// what decision.hpp costs.

#include <cairn/checkpoint/detail/held.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/version.hpp>
#include <cairn/store/stored_row.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Which of the rows that each thread logged a checkpoint was asked about. A decision is recorded between the
/// rows of its thread, with the number of rows since the look before; looks that need no record follow one
/// another row by row.
template <class = void>
class BasicAskedRows {
  public:
    void row(std::uint32_t ring) { ++rings_[ring].rows; }

    void decided(std::uint32_t ring, const Decision& decision) {
        Ring& thread = rings_[ring];
        const std::uint64_t pending = thread.rows - thread.settled;
        switch (decision.kind) {
            case Decision::Kind::opened:  // what came after the last record of the session before
                end_session();
                break;
            case Decision::Kind::asked:
            case Decision::Kind::noted:
            case Decision::Kind::skipped:
            case Decision::Kind::saved:
            case Decision::Kind::failed:
                thread.ask(decision.rows < pending ? pending - decision.rows : 0);
                break;
            default: return;  // it is about no row
        }
        // One look each row: so it is taken to go on. After a note the next look is recorded.
        thread.follows =
            is_look(decision.kind) && (decision.rows == 1 || decision.rows == Decision::another_thread);
    }

    /// After the last row: those that came after the last record.
    void end() {
        end_session();
        for (auto& [ring, thread] : rings_) thread.rows = 0;
    }

    /// Going through the rows again: whether the next one of this thread is one that it was asked about, and
    /// that no record tells of.
    [[nodiscard]] bool take(std::uint32_t ring) {
        Ring& thread = rings_[ring];
        const std::uint64_t row = thread.rows++;
        while (thread.next < thread.asked.size() && row >= thread.asked[thread.next].second) ++thread.next;
        return thread.next < thread.asked.size() && row >= thread.asked[thread.next].first;
    }

  private:
    [[nodiscard]] static constexpr bool is_look(Decision::Kind kind) noexcept {
        return kind != Decision::Kind::opened && kind != Decision::Kind::noted;
    }
    void end_session() {
        for (auto& [ring, thread] : rings_) {
            thread.ask(thread.follows ? thread.rows - thread.settled : 0);
            thread.follows = false;
        }
    }

    struct Ring {
        /// The first `count` of the rows that are pending were asked about.
        void ask(std::uint64_t count) {
            if (count != 0) asked.emplace_back(settled, settled + count);
            settled = rows;
        }
        std::uint64_t rows = 0, settled = 0;
        bool follows = false;  // the next row is taken to be asked about, unless a record says otherwise
        std::vector<std::pair<std::uint64_t, std::uint64_t>> asked{};
        std::size_t next = 0;
    };
    std::map<std::uint32_t, Ring> rings_;
};
using AskedRows = BasicAskedRows<>;

/// A policy that hears again of every row that its checkpoint was asked about.
template <class = void>
class BasicReplay {
  public:
    /// What the policy knew, and what stood beside it, right after a version was saved.
    struct State {
        std::unique_ptr<HeldPolicy> policy;
        double seconds = 0, save_seconds = 0;
        std::size_t session = 0;      ///< of the run, counted from 1
        std::size_t annotations = 0;  ///< how many it had heard of

        [[nodiscard]] State copy() const {
            return {policy->copy(), seconds, save_seconds, session, annotations};
        }
    };
    /// What is called with the policy, the moment and the decision.
    using OnLook = FunctionRef<void(const HeldPolicy&, const At<DynamicRow>&, const Decision&)>;

    /// `committed`: the versions that exist; one whose record a kill prevented is found among them.
    BasicReplay(const HeldPolicy& initial, std::string_view checkpoint, const std::vector<Version>& committed)
        : initial_{&initial}, checkpoint_{checkpoint}, committed_{&committed}, now_{initial.copy()} {}

    /// Goes through a run. Calls `on_look(policy, at, decision)` for each row that was asked about, before
    /// the policy hears what became of it; `decision` is what was recorded, or only says that it was skipped.
    result<void> go(const RunCore& core, const std::filesystem::path& run_dir, OnLook on_look) {
        AskedRows asked;
        for (const Version& version : *committed_) unrecorded_.emplace(version.number, &version);
        auto read = core.read_rows(run_dir, [&](const StoredRow& row, const Decision* decision) {
            if (row.kind == RecordKind::row) return asked.row(row.ring);
            if (!is_mine(decision)) return;
            asked.decided(row.ring, *decision);
            take_proof(*decision);
        });
        if (!read) return read.error();
        prove();
        asked.end();
        read = core.read_rows(run_dir, [&](const StoredRow& row, const Decision* decision) {
            if (row.kind == RecordKind::row) return take_row(row, asked.take(row.ring), on_look);
            if (is_mine(decision)) take_decision(*decision, on_look);
        });
        if (!read) return read.error();
        // Of rows that were never logged: nothing but the versions tells of them.
        for (const auto& [number, version] : std::exchange(unrecorded_, {}))
            look(moment(version->row), saved(number), on_look);
        // Metrics that a version has and no record tells of: a kill came between the two.
        for (const Version& version : *committed_) {
            const auto known = rows_.find(version.number);
            if (known != rows_.end() && has_more(version.row, known->second))
                take_annotation(version.number, version.row);
        }
        return {};
    }

    /// The records that are missing of versions that are there.
    [[nodiscard]] std::vector<Decision> take_unproven() noexcept { return std::move(unproven_); }
    /// As it is after the last row.
    [[nodiscard]] const State& now() const noexcept { return now_; }

    /// As it was right after a version was saved, and what came late for it and for the versions before it;
    /// for a version that is not in the run's history, as the versions up to it tell.
    [[nodiscard]] State after(std::uint64_t version) const {
        if (const auto known = after_.find(version); known != after_.end()) {
            State state = known->second.copy();
            for (std::size_t i = state.annotations; i < annotations_.size(); ++i) {
                const Version& late = annotations_[i];
                if (late.number <= version)
                    state.policy->settle(At<DynamicRow>{late.row}, Outcome::annotated);
            }
            return state;
        }
        State state{initial_->copy()};
        for (const Version& earlier : *committed_) {
            if (earlier.number <= version) state.policy->settle(moment(earlier.row), Outcome::saved);
        }
        return state;
    }

  private:
    [[nodiscard]] bool is_mine(const Decision* decision) const noexcept {
        return decision != nullptr && decision->checkpoint == checkpoint_;
    }

    /// The moment of a row, of which no record tells more.
    [[nodiscard]] At<DynamicRow> moment(const DynamicRow& row) const {
        At<DynamicRow> at{row};
        at.seconds = seconds_before_ + static_cast<double>(row.time_ns() - started_ns_) / 1e9;
        at.save_seconds = now_.save_seconds;
        at.signal = signal_;
        return at;
    }

    /// The record that is not there of a version that is.
    [[nodiscard]] Decision saved(std::uint64_t version) const {
        return {.kind = Decision::Kind::saved, .version = version, .save_seconds = now_.save_seconds};
    }

    void take_row(const StoredRow& stored, bool is_asked, OnLook on_look) {
        if (!is_asked && unrecorded_.empty()) return;
        const DynamicRow row{stored.step, stored.time_ns, stored.values.data(), stored.values.size()};
        for (const auto& [number, version] : unrecorded_) {
            if (version->row.step() != row.step() || version->row.time_ns() != row.time_ns()) continue;
            const Decision unrecorded = saved(number);
            unrecorded_.erase(*unrecorded.version);
            return look(moment(row), unrecorded, on_look);
        }
        if (is_asked) look(moment(row), {.kind = Decision::Kind::skipped}, on_look);
    }

    void take_decision(const Decision& decision, OnLook on_look) {
        switch (decision.kind) {
            case Decision::Kind::opened:
                started_ns_ = decision.time_ns;
                seconds_before_ = decision.seconds;
                signal_ = false;
                now_.save_seconds = decision.save_seconds;
                ++now_.session;
                break;
            case Decision::Kind::asked:
            case Decision::Kind::skipped:
            case Decision::Kind::saved:
            case Decision::Kind::failed: {
                At<DynamicRow> at{decision.row};
                at.seconds = decision.seconds;
                at.save_seconds = now_.save_seconds;
                at.signal = signal_ = decision.signal;
                at.final = decision.final;
                at.failure = decision.failure;
                look(at, decision, on_look);
                break;
            }
            case Decision::Kind::annotated:
                if (decision.version) take_annotation(*decision.version, decision.row);
                break;
            case Decision::Kind::restored: {
                if (!decision.version) break;
                State state = after(*decision.version);
                state.session = now_.session;
                state.save_seconds = decision.save_seconds;
                state.annotations = annotations_.size();
                seconds_before_ = decision.seconds;
                state.policy->settle(moment(decision.row), Outcome::restored);
                now_ = std::move(state);
                break;
            }
            case Decision::Kind::noted:
            case Decision::Kind::removed:
            case Decision::Kind::stopped:
            case Decision::Kind::written:
            case Decision::Kind::lost:
            case Decision::Kind::resumed: break;
        }
    }

    void take_annotation(std::uint64_t version, const DynamicRow& row) {
        now_.policy->settle(At<DynamicRow>{row}, Outcome::annotated);
        annotations_.push_back({.number = version, .row = row});
        rows_.insert_or_assign(version, row);
    }
    /// Whether a metric has a number in the one that is none in the other.
    [[nodiscard]] static bool has_more(const DynamicRow& row, const DynamicRow& known) {
        bool more = false;
        row.for_each([&](std::string_view name, const Value& value) {
            more = more || (value.reading().kind == Reading::Kind::number &&
                            known.find(name).reading().kind != Reading::Kind::number);
        });
        return more;
    }

    /// What came of the versions that were queued.
    void take_proof(const Decision& decision) {
        if (!decision.version) return;
        if (decision.kind == Decision::Kind::written)
            written_.insert_or_assign(decision.save, *decision.version);
        if (decision.kind == Decision::Kind::lost) lost_.insert_or_assign(decision.save, decision.text);
        if (decision.kind != Decision::Kind::saved) return;
        if (decision.queued)
            queued_.insert_or_assign({*decision.version, decision.step, decision.time_ns}, decision.save);
        else
            unrecorded_.erase(*decision.version);
    }
    /// A kill may have come between a version and the record that it is there.
    void prove() {
        for (const Version& version : *committed_) {
            const auto known = queued_.find({version.number, version.row.step(), version.row.time_ns()});
            if (known == queued_.end() || lost_.contains(known->second)) continue;
            if (written_.try_emplace(known->second, version.number).second)
                unproven_.push_back({.kind = Decision::Kind::written,
                                     .step = version.row.step(),
                                     .time_ns = version.row.time_ns(),
                                     .version = version.number,
                                     .save = known->second});
        }
        for (const auto& [save, number] : written_) unrecorded_.erase(number);
    }

    void look(const At<DynamicRow>& at, const Decision& recorded, OnLook on_look) {
        Decision decision = recorded;
        if (recorded.kind == Decision::Kind::saved && recorded.queued) {
            const auto there = written_.find(recorded.save);
            if (there != written_.end()) {
                decision.version = there->second;
            } else {
                const auto why = lost_.find(recorded.save);
                decision.kind = Decision::Kind::failed;
                decision.text =
                    why != lost_.end() ? why->second : "it was being written when the program ended";
            }
        }
        on_look(*now_.policy, at, decision);
        const Outcome outcome = decision.kind == Decision::Kind::saved    ? Outcome::saved
                                : decision.kind == Decision::Kind::failed ? Outcome::failed
                                                                          : Outcome::not_saved;
        if (outcome != Outcome::not_saved) now_.save_seconds = decision.save_seconds;
        now_.policy->settle(at, outcome);
        if (outcome != Outcome::saved || !decision.version) return;
        State state = now_.copy();
        state.seconds = at.seconds;
        state.annotations = annotations_.size();
        rows_.insert_or_assign(*decision.version, at.row);
        after_.erase(*decision.version);
        after_.emplace(*decision.version, std::move(state));
    }

    const HeldPolicy* initial_;
    std::string checkpoint_;
    const std::vector<Version>* committed_;
    State now_;
    std::map<std::uint64_t, State> after_;
    std::map<std::uint64_t, const Version*> unrecorded_;
    std::vector<Version> annotations_;  // number and row
    // Of the versions that were queued, by `save`: their numbers, and why there is none.
    std::map<std::uint64_t, std::uint64_t> written_;
    std::map<std::uint64_t, std::string> lost_;
    std::map<std::tuple<std::uint64_t, std::int64_t, std::int64_t>, std::uint64_t>
        queued_;  // number, step, time
    std::vector<Decision> unproven_;
    std::map<std::uint64_t, DynamicRow> rows_;  // of the versions, as far as the records tell
    std::int64_t started_ns_ = 0;
    double seconds_before_ = 0;
    bool signal_ = false;
};
using Replay = BasicReplay<>;

}  // namespace CAIRN_NAMESPACE::detail
