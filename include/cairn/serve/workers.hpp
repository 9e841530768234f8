// SPDX-License-Identifier: MIT
#pragma once
// The threads of a server: as many as there are clients, up to a bound. Opt-in: costs cpp-httplib.

#include <cairn/config.hpp>

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Runs what httplib has to do for each connection on a thread that serves nothing else meanwhile, so that a
/// slow client keeps no other one waiting. If all are busy no connection is taken: it waits in the kernel and
/// uses no file of this process.
class Workers final : public httplib::TaskQueue {
    // Newer versions want to be told whether the work was taken.
    using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

  public:
    /// \param is_over  looked at while all are busy.
    Workers(std::size_t most, std::function<bool()> is_over) : most_{most}, is_over_{std::move(is_over)} {}

    Enqueued enqueue(std::function<void()> work) override {
        std::unique_lock lock{mutex_};
        const auto has_room = [&] { return busy_ + queue_.size() < most_; };
        while (!changed_.wait_for(lock, std::chrono::milliseconds{100}, has_room) && !is_over_()) {
        }
        join_ended();
        queue_.push_back(std::move(work));
        if (threads_.size() - busy_ < queue_.size()) start();
        changed_.notify_all();
        return static_cast<Enqueued>(true);
    }
    void shutdown() override {
        std::unique_lock lock{mutex_};
        is_shut_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return threads_.empty(); });
        join_ended();
    }

  private:
    /// Where no thread is to be had the next one that is free does it.
    void start() {
        try {
            threads_.emplace_back();
            threads_.back() = std::thread{[this, self = std::prev(threads_.end())] { work(self); }};
        } catch (const std::system_error&) {
            threads_.pop_back();
        }
    }
    /// Ends ten seconds after the last work.
    void work(std::list<std::thread>::iterator self) {
        std::unique_lock lock{mutex_};
        const auto is_wanted = [&] { return is_shut_ || !queue_.empty(); };
        while (changed_.wait_for(lock, std::chrono::seconds{10}, is_wanted) && !queue_.empty()) {
            const auto next = std::move(queue_.front());
            queue_.pop_front();
            ++busy_;
            lock.unlock();
            next();
            lock.lock();
            --busy_;
            changed_.notify_all();
        }
        ended_.splice(ended_.end(), threads_, self);
        changed_.notify_all();
    }
    void join_ended() {
        for (std::thread& one : ended_) one.join();  // it is about to leave the lock, or has left it
        ended_.clear();
    }

    const std::size_t most_;
    const std::function<bool()> is_over_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    std::list<std::thread> threads_, ended_;
    std::size_t busy_ = 0;
    bool is_shut_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail
