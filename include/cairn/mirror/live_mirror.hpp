// SPDX-License-Identifier: MIT
#pragma once
// A mirror that keeps up with a run while the run goes on. Costs <thread>.

#include <cairn/core/error.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a live mirror stands.
struct MirrorHealth {
    std::uint64_t rows = 0;       ///< rows that were handed on
    bool is_over = false;         ///< the run has ended, and all of it is there
    std::vector<error> errors{};  ///< the last failures and what was left out, at most 16
};

/// Catches up again and again, on a thread of its own, which reads the run's folder and nothing of the
/// program: the training and its collector never wait for it. It looks every `seconds`; after a failure half
/// as often each time, up to a minute. Threads: any.
template <Mirror M>
class LiveMirror {
  public:
    /// Of a run in `store`.
    LiveMirror(StoreReader store, const RecordedRun& run, M mirror, double seconds = 5)
        : work_{std::make_shared<Work>(std::move(store), run.project(), run.id(), std::move(mirror),
                                       seconds)},
          thread_{[work = work_] { work->go_on(); }} {}
    LiveMirror(LiveMirror&&) noexcept = default;
    LiveMirror& operator=(LiveMirror&&) = delete;
    LiveMirror(const LiveMirror&) = delete;
    LiveMirror& operator=(const LiveMirror&) = delete;
    /// Gives it five seconds for the rest; what it has not handed on then, the next one does.
    ~LiveMirror() {
        if (work_) (void)finish(std::chrono::seconds{5});
    }

    /// Lets it catch up once more, with all that is recorded now, and ends it; waits for that at most so
    /// long. Call it after `run.finish()`. Fails: busy, if it takes longer; or as the mirror did.
    result<void> finish(std::chrono::milliseconds most) {
        {
            std::unique_lock lock{work_->mutex};
            work_->is_stopping = true;
            work_->wake.notify_all();
            if (!work_->wake.wait_for(lock, most, [&] { return work_->has_stopped; })) {
                lock.unlock();
                // It ends when what it waits for answers; it holds all that it needs.
                if (thread_.joinable()) thread_.detach();
                return error{errc::busy, "the mirror has not caught up", work_->run,
                             "mirror the run again later"};
            }
        }
        if (thread_.joinable()) thread_.join();
        return work_->last;
    }
    /// How it stands.
    [[nodiscard]] MirrorHealth health() const {
        const std::scoped_lock lock{work_->mutex};
        return work_->health;
    }

  private:
    struct Work {
        Work(StoreReader of, std::string project_name, std::string run_id, M made, double every)
            : store{std::move(of)}, project{std::move(project_name)}, run{std::move(run_id)},
              mirror{std::move(made)}, seconds{every} {}

        void go_on() {
            for (double wait = seconds; !is_over_after(catch_up(), wait);) {
            }
            const std::scoped_lock lock{mutex};
            has_stopped = true;
            wake.notify_all();
        }
        /// Whether that was the last time; waits if it was not.
        bool is_over_after(const result<MirrorReport>& done, double& wait) {
            constexpr double most_wait = 60;
            wait = done ? seconds : std::min(wait * 2, most_wait);
            std::unique_lock lock{mutex};
            last = done ? result<void>{} : done.error();
            if (is_last) return true;
            wake.wait_for(lock, std::chrono::duration<double>{wait}, [&] { return is_stopping; });
            is_last = is_stopping;
            return false;
        }
        result<MirrorReport> catch_up() {
            // What leaves a thread ends the program.
            auto done = detail::guarded("mirroring the run", [&]() -> result<MirrorReport> {
                const auto found = store.run(project, run);
                return found ? mirror.catch_up(*found) : result<MirrorReport>{found.error()};
            });
            const std::scoped_lock lock{mutex};
            if (!done) {
                note(done.error());
                return done;
            }
            health.rows += done->rows;
            health.is_over = done->is_over;
            for (const error& left : done->left_out) note(left);
            return done;
        }
        void note(const error& failure) {
            constexpr std::size_t most = 16;
            if (health.errors.size() == most) health.errors.erase(health.errors.begin());
            health.errors.push_back(failure);
        }

        StoreReader store;
        std::string project, run;
        M mirror;
        double seconds;
        std::mutex mutex;
        std::condition_variable wake;
        bool is_stopping = false, is_last = false, has_stopped = false;
        result<void> last;
        MirrorHealth health;
    };

    std::shared_ptr<Work> work_;
    std::thread thread_;
};

}  // namespace CAIRN_NAMESPACE
