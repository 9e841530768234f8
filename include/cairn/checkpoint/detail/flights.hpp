// SPDX-License-Identifier: MIT
#pragma once
// The versions of a checkpoint that are being written beside the loop.

#include <cairn/checkpoint/detail/snapshot.hpp>
#include <cairn/checkpoint/save_result.hpp>
#include <cairn/core/error.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/run/version.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// A version on its way: the copy of its parts, and what else is needed to write it.
struct Flight {
    Snapshot copy;
    VersionInfo info;
    Reservation reserved;
    std::shared_ptr<Ticket> ticket{};
    std::uint64_t save = 0;   ///< as in `Decision`
    std::uint64_t place = 0;  ///< among the work of the saving thread
    bool is_out = false;      ///< the saving thread has it
    bool is_too_big = false;  ///< there is no memory for the copy
    /// The saving thread is at it, or will be: until what the retention removes for it is gone.
    std::atomic<bool> is_flying{false};
};

/// Those that are out, and those whose memory is kept for the next. Threads: the checkpoint's.
template <class = void>
class BasicFlights {
  public:
    /// One, and so many more that wait.
    explicit BasicFlights(std::size_t depth) : depth_{depth} {}

    [[nodiscard]] bool any_is_out() const noexcept {
        return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one->is_out; });
    }
    /// One that is not out; null if all are.
    [[nodiscard]] Flight* find_free(Saver& saver) {
        for (const auto& flight : all_) {
            if (flight->is_flying.load(std::memory_order_acquire)) continue;
            wait(*flight, saver);  // it is about to let go, if it has not
            return flight.get();
        }
        if (all_.size() > depth_) return nullptr;
        return all_.emplace_back(std::make_unique<Flight>()).get();
    }
    /// The one that lands first. Requires that all are out.
    [[nodiscard]] Flight& wait_for_first(Saver& saver) {
        Flight& first = **std::min_element(all_.begin(), all_.end(),
                                           [](const auto& a, const auto& b) { return a->place < b->place; });
        wait(first, saver);
        return first;
    }
    void wait_for_all(Saver& saver) {
        for (const auto& flight : all_) wait(*flight, saver);
    }

  private:
    static void wait(Flight& flight, Saver& saver) {
        if (flight.is_out) saver.wait(flight.place);
        flight.is_out = false;
    }

    std::size_t depth_;
    std::vector<std::unique_ptr<Flight>> all_;
};
using Flights = BasicFlights<>;

/// What the saving thread could not save, for the checkpoint's thread. Threads: any.
template <class = void>
class BasicLosses {
  public:
    void add(const error& why) {
        constexpr std::size_t most = 16;  // the run's health counts all
        const std::scoped_lock lock{mutex_};
        if (untold_.size() < most) untold_.push_back(why);
        is_news_.store(true, std::memory_order_release);
    }
    /// Whether there were any since `take_news`. Cost: a load.
    [[nodiscard]] bool is_news() const noexcept { return is_news_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool take_news() noexcept { return is_news_.exchange(false, std::memory_order_acquire); }
    /// The first that was not taken yet.
    [[nodiscard]] std::optional<error> take() {
        const std::scoped_lock lock{mutex_};
        if (untold_.empty()) return std::nullopt;
        error first = std::move(untold_.front());
        untold_.erase(untold_.begin());
        return first;
    }

  private:
    std::mutex mutex_;
    std::vector<error> untold_;
    std::atomic<bool> is_news_{false};
};
using Losses = BasicLosses<>;

}  // namespace CAIRN_NAMESPACE::detail
