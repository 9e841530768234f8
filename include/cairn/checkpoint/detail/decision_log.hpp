// SPDX-License-Identifier: MIT
#pragma once
// What a checkpoint writes into its run's journal of what it decides.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/time.hpp>
#include <cairn/policy/answer.hpp>
#include <cairn/policy/at.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/run_core.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Knows what is news and what follows by replay. One thread at a time, as the checkpoint.
template <class = void>
class BasicDecisionLog {
  public:
    BasicDecisionLog() = default;
    BasicDecisionLog(BasicDecisionLog&&) noexcept = default;
    BasicDecisionLog& operator=(BasicDecisionLog&&) noexcept = default;
    ~BasicDecisionLog() { note(); }

    /// The first record of a session. With `claims` throws busy while another object decides for this
    /// checkpoint; one that saves by hand alone does not.
    void open(std::shared_ptr<RunCore> core, std::string_view checkpoint, bool claims,
              const std::string& policy, std::string retention, double seconds, double save_seconds) {
        checkpoint_ = checkpoint;
        if (claims) claim_ = std::make_unique<Claim>(core, checkpoint_);
        core_ = std::move(core);
        retention_ = std::move(retention);
        take_rows();
        write({.kind = Decision::Kind::opened,
               .time_ns = core_->started_ns(),
               .text = policy,
               .retention = retention_,
               .seconds = seconds,
               .save_seconds = save_seconds});
    }

    /// How many rows the calling thread logged since the last look. Cost: a few loads.
    std::uint64_t take_rows() noexcept {
        Lane* const lane = core_->lane();
        if (lane == nullptr) return 0;
        const std::uint64_t rows = lane->counters.rows.load(std::memory_order_relaxed);
        const std::uint64_t since = lane == lane_ ? rows - seen_ : Decision::another_thread;
        lane_ = lane;
        seen_ = rows;
        return since;
    }

    /// Tells a reader which of the rows so far were asked about, where he could only guess.
    void note() noexcept {
        if (core_ == nullptr || lane_ == nullptr || lane_ != core_->lane()) return;
        is_noted_ = true;  // the next look is recorded, whatever comes of it
        try {
            write({.kind = Decision::Kind::noted,
                   .time_ns = wall_ns(),
                   .rows = lane_->counters.rows.load(std::memory_order_relaxed) - seen_});
        } catch (...) {  // no memory: he guesses
        }
    }

    /// Whether a reader knows by himself of a row at which nothing is saved. Cost: a comparison.
    [[nodiscard]] bool is_told(Answer answer, std::uint64_t rows, bool signal) const noexcept {
        return last_skip_ == answer && rows == 1 && signal == signal_ && !is_noted_;
    }
    /// Records one that he could not know of; `why()` gives the reasons.
    void skipped(const At<DynamicRow>& at, Answer answer, std::uint64_t rows,
                 FunctionRef<std::vector<Because>()> why) {
        const bool is_news = last_skip_ != answer;
        last_skip_ = answer;
        Decision decision = about(at, is_news ? Decision::Kind::skipped : Decision::Kind::asked, rows);
        decision.answer = answer;
        if (is_news) decision.because = why();
        write(std::move(decision));
    }

    /// A record about a row that was asked about.
    [[nodiscard]] Decision about(const At<DynamicRow>& at, Decision::Kind kind, std::uint64_t rows) {
        signal_ = at.signal;
        is_noted_ = false;
        return {.kind = kind,
                .step = at.step,
                .time_ns = at.time_ns,
                .row = at.row,
                .seconds = at.seconds,
                .save_seconds = at.save_seconds,
                .signal = at.signal,
                .final = at.final,
                .failure = at.failure,
                .rows = rows};
    }
    /// A record about a version.
    void write(Decision::Kind kind, std::uint64_t version, const DynamicRow& row, double seconds = 0,
               double save_seconds = 0) {
        write({.kind = kind,
               .step = row.step(),
               .time_ns = row.time_ns(),
               .version = version,
               .retention = kind == Decision::Kind::removed ? retention_ : std::string{},
               .row = kind == Decision::Kind::removed ? DynamicRow{} : row,
               .seconds = seconds,
               .save_seconds = save_seconds});
    }
    void write(Decision decision) {
        decision.checkpoint = checkpoint_;
        core_->record(decision);
    }

  private:
    /// Of the name, in the run.
    struct Claim {
        Claim(std::shared_ptr<RunCore> of, std::string checkpoint)
            : core{std::move(of)}, name{std::move(checkpoint)} {
            core->claim(name);
        }
        ~Claim() { core->release(name); }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        std::shared_ptr<RunCore> core;
        std::string name;
    };

    std::unique_ptr<Claim> claim_;
    std::shared_ptr<RunCore> core_;
    std::string checkpoint_, retention_;
    Lane* lane_ = nullptr;  // of the thread that asked last
    std::uint64_t seen_ = 0;
    std::optional<Answer> last_skip_;
    bool is_noted_ = false;  // a note came after the last look
    bool signal_ = false;    // as a reader takes it to be until he is told otherwise
};
using DecisionLog = BasicDecisionLog<>;

}  // namespace CAIRN_NAMESPACE::detail
