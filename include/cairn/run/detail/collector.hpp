// SPDX-License-Identifier: MIT
#pragma once
// The collector: one thread for each run that drains the rings into the history and keeps the summary.

#include <cairn/run/detail/intake.hpp>
#include <cairn/run/detail/journal.hpp>
#include <cairn/run/detail/metric_board.hpp>
#include <cairn/run/detail/system_sampler.hpp>
#include <cairn/run/summary.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Drains, writes, sums up. It polls: every 5 ms while rows come, less and less often down to 250 ms while
/// none do. A logging thread wakes it only when its ring is nearly full.
template <class T = void>
class BasicCollector final : public Pressure {
  public:
    BasicCollector(BasicHistoryWriter<T> history, BasicIndexWriter<T> index)
        : history_{std::move(history)}, index_{std::move(index)} {}

    ~BasicCollector() { stop(); }
    BasicCollector(const BasicCollector&) = delete;
    BasicCollector& operator=(const BasicCollector&) = delete;

    /// With a sampler it records what that sees of the machine. Throws `cairn::error` if the system gives no
    /// thread.
    void start(BasicJournal<T>& journal, std::unique_ptr<BasicSystemSampler<T>> sampler = {}) {
        journal_ = &journal;
        sampler_ = std::move(sampler);
        thread_.start(&run, this).value();
    }

    /// Drains what is there and ends the thread. Does nothing the second time.
    void stop() noexcept {
        stopping_.store(true, std::memory_order_relaxed);
        bell_.ring();
        thread_.join();
        // A run that has ended keeps no file from being removed (Windows).
        history_.close();
        index_.close();
    }

    void nudge() noexcept override {
        if (!nudged_.exchange(true, std::memory_order_relaxed)) bell_.ring();
    }

    /// At most 100 ms in all; not at all while it is known to be stuck.
    bool wait_for_room(std::int64_t waiting_since_ns) noexcept override {
        constexpr std::int64_t patience_ns = 100'000'000;
        const std::uint64_t drained = drained_.load(std::memory_order_relaxed);
        if (stuck_at_.load(std::memory_order_relaxed) == drained + 1) return false;
        if (steady_ns() - waiting_since_ns > patience_ns) {
            stuck_at_.store(drained + 1, std::memory_order_relaxed);
            return false;
        }
        os::sys::sleep_ns(100'000);
        return true;
    }

    /// Takes over the summaries of the sessions before, and their greatest step. Before `start`.
    void remember(MetricViews earlier, MetricSummaries samples, std::int64_t latest_step) {
        board_.remember(std::move(earlier), std::move(samples));
        board_.saw(latest_step);
    }

    [[nodiscard]] MetricViews views() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.views();
    }
    /// Of what the run sampled by itself.
    [[nodiscard]] MetricSummaries samples() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.samples();
    }
    /// The step of the newest row that was collected; 0 before the first.
    [[nodiscard]] std::int64_t latest_step() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.latest_step();
    }
    /// How many rows are in the summary.
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_.load(std::memory_order_relaxed); }
    /// How many of these are in the history too.
    [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    /// Why the history cannot be written now; empty while it can.
    [[nodiscard]] std::string failure() const {
        const std::scoped_lock lock{board_mutex_};
        return failure_;
    }

    /// Why the history could not be written when that happened first; empty if it always could.
    [[nodiscard]] std::string first_failure() const {
        const std::scoped_lock lock{board_mutex_};
        return first_failure_;
    }

  private:
    static constexpr std::int64_t turn_ns = 20'000'000;  // for one ring, while others wait

    static void* run(void* self) noexcept {
        static_cast<BasicCollector*>(self)->work();
        return nullptr;
    }

    void work() noexcept {
        constexpr std::int64_t shortest_ns = 5'000'000, longest_ns = 250'000'000;
        std::int64_t pause = shortest_ns;
        if (sampler_) begin_sampling();
        for (bool last = false; !last;) {
            bell_.wait(pause);
            last = stopping_.load(std::memory_order_relaxed);  // the bell orders what was before `stop`
            is_low_ = nudged_.exchange(false, std::memory_order_relaxed);
            bool busy = false;
            try {
                if (sampler_ && !last) sample();
                busy = drain(last ? 0 : is_low_ ? ring_reserve : ring_capacity);
            } catch (
                const std::exception& failure) {  // out of memory: rows stay in their rings, we try again
                fail(failure.what());
            }
            pause = busy ? shortest_ns : std::min(pause * 2, longest_ns);
        }
        (void)history_.sync();
        if (system_lane_ != nullptr) system_lane_->let_go();
    }

    void begin_sampling() noexcept {
        try {
            sampler_->begin();
        } catch (const std::exception& failure) {  // no memory: the run goes on without
            fail(failure.what());
            sampler_.reset();
        }
    }
    /// Records what the machine does, when it is time, in a lane of its own.
    void sample() {
        if (!sampler_->is_due(steady_ns())) return;
        if (system_lane_ == nullptr) system_lane_ = journal_->acquire();
        if (system_lane_ == nullptr) return;
        const std::vector<NamedValue>& values = sampler_->values();
        const DynamicRow row{latest_step(), wall_ns(), values.data(), values.size()};
        (void)system_lane_->append(row, RecordKind::sample);
    }

    /// Sees what is new in the rings, and writes what fills a frame, or waits with more than `at_most` bytes
    /// in its ring.
    bool drain(std::uint64_t at_most) {
        bool any = false;
        for (const auto& lane : journal_->lanes()) {
            BasicIntake<T>& intake = intakes_[lane->id()];
            try {
                any = drain(*lane, intake, at_most) || any;
            } catch (...) {
                intake.restart();
                throw;
            }
        }
        return any;
    }
    bool drain(BasicJournalLane<T>& lane, BasicIntake<T>& intake, std::uint64_t at_most) {
        // What a kill would lose does not wait.
        const std::uint64_t keep = lane.rings().outlives_process() ? at_most : 0;
        bool any = false;
        // A thread that never pauses must not keep us from the others.
        for (const std::int64_t since = steady_ns();;) {
            const bool is_pressed = is_low_ || nudged_.load(std::memory_order_relaxed);
            std::uint64_t rows = 0;
            {
                const std::scoped_lock lock{board_mutex_};
                rows = intake.look(lane.rings(), board_, is_pressed);
            }
            any = any || rows != 0;
            rows_.fetch_add(rows, std::memory_order_relaxed);
            if (!intake.is_full() && intake.waiting() <= keep) break;
            if (!write(lane, intake)) break;
            if (at_most != 0 && steady_ns() - since >= turn_ns) break;
        }
        return any;
    }

    /// Puts what waits of a lane into the history and releases its ring; false if the history takes no more.
    bool write(BasicJournalLane<T>& lane, BasicIntake<T>& intake) {
        const auto place = history_.append(intake.frame(lane.id(), board_));
        if (!place) {
            fail(place.error().what());
            return false;
        }
        written_.fetch_add(intake.rows(), std::memory_order_relaxed);
        lane.rings().release(intake.written());  // before anything can throw: no row goes into two frames
        drained_.fetch_add(1, std::memory_order_relaxed);
        bytes_.store(history_.bytes(), std::memory_order_relaxed);
        {
            const std::scoped_lock lock{board_mutex_};
            failure_.clear();
        }
        if (!intake.nodes().empty()) {
            entry_.begin(*place, intake.nodes().size());
            for (const auto& [metric, node] : intake.nodes())
                entry_.add(metric, board_.name_of(metric), node);
            (void)index_.append(entry_);  // what it lacks is read in the history
        }
        return true;
    }

    void fail(std::string why) {
        const std::scoped_lock lock{board_mutex_};
        if (first_failure_.empty()) first_failure_ = why;
        failure_ = std::move(why);
    }

    BasicHistoryWriter<T> history_;
    BasicIndexWriter<T> index_;
    BasicIndexEntry<T> entry_;
    std::map<std::uint32_t, BasicIntake<T>> intakes_;  // of the rings
    BasicJournal<T>* journal_ = nullptr;

    std::unique_ptr<BasicSystemSampler<T>> sampler_;
    Lane* system_lane_ = nullptr;

    os::Bell bell_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> nudged_{false};
    bool is_low_ = false;  // whether it was when this round began; of the thread alone
    std::atomic<std::uint64_t> drained_{0};
    std::atomic<std::uint64_t> stuck_at_{0};

    mutable std::mutex board_mutex_;
    BasicMetricBoard<T> board_;
    std::string failure_, first_failure_;
    std::atomic<std::uint64_t> rows_{0}, written_{0};
    std::atomic<std::uint64_t> bytes_{0};

    os::Thread thread_;  // last: it ends before what it uses goes
};

}  // namespace CAIRN_NAMESPACE::detail
