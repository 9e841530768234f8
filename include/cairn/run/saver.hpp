// SPDX-License-Identifier: MIT
#pragma once
// The thread on which a run's checkpoints and rich values are written.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Does work in the order in which it comes. The thread starts with the first piece of it. Threads: any.
template <class = void>
class BasicSaver {
  public:
    BasicSaver() = default;
    ~BasicSaver() { stop(); }
    BasicSaver(const BasicSaver&) = delete;
    BasicSaver& operator=(const BasicSaver&) = delete;

    /// Takes work that never throws, and what to call it; returns its place in the order. Fails: busy, if the
    /// system gives no thread, or after `stop`.
    result<std::uint64_t> post(std::string name, std::function<void()> work) {
        const std::scoped_lock lock{mutex_};
        if (stopping_) return error{errc::busy, "the run has ended", "", ""};
        if (!running_) {
            if (auto started = thread_.start(&run, this); !started) return started.error();
            running_ = true;
        }
        queue_.push_back({std::move(name), std::move(work)});
        wake_.notify_all();
        return posted_++;
    }

    /// Waits until a piece of work is done.
    void wait(std::uint64_t place) {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [&] { return done_ > place; });
    }
    /// Waits until all that was posted so far is done; false if that takes longer than `most_ns`, or the work
    /// does not get on for five minutes. On the thread itself it waits for nothing.
    bool drain(std::int64_t most_ns = std::numeric_limits<std::int64_t>::max()) {
        constexpr std::int64_t patience_ns = 300'000'000'000;
        const std::int64_t began = steady_ns();
        std::uint64_t seen = moves_.load(std::memory_order_relaxed);
        const std::uint64_t wanted = posted();  // what comes after it may come for ever
        for (std::int64_t since = began; !is_done(wanted);) {
            const std::int64_t now = steady_ns();
            if (now - began >= most_ns || now - since >= patience_ns) return false;
            os::sys::sleep_ns(200'000);
            if (std::exchange(seen, moves_.load(std::memory_order_relaxed)) != seen) since = now;
        }
        return true;
    }
    /// What is still to be done: "v3 of model, v4 of model"; the first of it, if it is much.
    [[nodiscard]] std::string unfinished() {
        constexpr std::size_t most_named = 16;
        const std::scoped_lock lock{mutex_};
        std::string names = current_;
        const std::size_t waiting = queue_.size() - next_, named = std::min(waiting, most_named);
        for (std::size_t i = next_; i < next_ + named; ++i)
            names += (names.empty() ? "" : ", ") + queue_[i].name;
        return waiting > named ? names + " and " + std::to_string(waiting - named) + " more" : names;
    }
    /// Ends the thread once it has no more to do. No more is taken.
    void stop() {
        {
            const std::scoped_lock lock{mutex_};
            stopping_ = true;
            if (!running_ || thread_.is_current()) return;
            wake_.notify_all();
        }
        thread_.join();
    }

    /// Whether the caller is its thread.
    [[nodiscard]] bool is_current() {
        const std::scoped_lock lock{mutex_};
        return running_ && thread_.is_current();
    }
    /// Of one that the last piece of its own work destroys: it ends, and then itself, when that is done.
    static void destroy_after_work(std::unique_ptr<BasicSaver> saver) {
        const std::scoped_lock lock{saver->mutex_};
        saver->stopping_ = saver->is_orphan_ = true;
        (void)saver.release();
    }
    /// For the work: it gets on, however slowly.
    void moved() noexcept { moves_.fetch_add(1, std::memory_order_relaxed); }

  private:
    struct Work {
        std::string name;
        std::function<void()> work;
    };

    static void* run(void* self) noexcept {
        auto* const saver = static_cast<BasicSaver*>(self);
        if (saver->work()) {
            saver->thread_.leave();
            delete saver;
        }
        return nullptr;
    }
    /// True if nobody has it any more.
    [[nodiscard]] bool work() {
        std::unique_lock lock{mutex_};
        while (true) {
            wake_.wait(lock, [&] { return stopping_ || next_ < queue_.size(); });
            if (next_ == queue_.size()) return is_orphan_;
            {
                const Work next = take();
                current_ = next.name;
                lock.unlock();
                next.work();
                moved();
            }  // what the work held is gone before it counts as done
            lock.lock();
            current_.clear();
            ++done_;
            wake_.notify_all();
        }
    }
    /// What was taken leaves the queue when that is half of it: not one by one from its beginning.
    [[nodiscard]] Work take() {
        Work next = std::move(queue_[next_]);
        if (++next_ * 2 >= queue_.size()) {
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next_));
            next_ = 0;
        }
        return next;
    }
    [[nodiscard]] std::uint64_t posted() {
        const std::scoped_lock lock{mutex_};
        return posted_;
    }
    /// On the thread itself there is nothing to wait for.
    [[nodiscard]] bool is_done(std::uint64_t posted) {
        const std::scoped_lock lock{mutex_};
        return done_ >= posted || (running_ && thread_.is_current());
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Work> queue_;
    std::size_t next_ = 0;  // in the queue
    std::string current_;
    std::uint64_t posted_ = 0, done_ = 0;
    std::atomic<std::uint64_t> moves_{0};
    bool running_ = false, stopping_ = false, is_orphan_ = false;
    os::Thread thread_;
};
using Saver = BasicSaver<>;

}  // namespace CAIRN_NAMESPACE::detail
