// SPDX-License-Identifier: MIT
#pragma once
// The watches of a process, and what becomes of a signal when all have answered it.

#include <cairn/run/detail/process.hpp>
#include <cairn/run/signal_watch.hpp>
#include <cairn/store/os.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// When all watches of the process have answered a SIGTERM that would have ended the process, it does.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicProcessSignals final : public SignalWatch {
  public:
    BasicProcessSignals() {
        Hub& hub = Hub::instance();
        const std::scoped_lock lock{hub.mutex};
        hub.all.push_back(&mine_);  // first: without memory nothing has changed
        if (hub.all.size() == 1) os::SignalCounter::listen();
        mine_ = {now(os::Signal::term), now(os::Signal::usr1)};
    }
    ~BasicProcessSignals() override {
        Hub& hub = Hub::instance();
        const bool asked = now(os::Signal::term) != mine_.term;
        {
            const std::scoped_lock lock{hub.mutex};
            std::erase(hub.all, &mine_);
        }
        if (asked) hub.end_if_due();  // nobody will answer it any more
        const std::scoped_lock lock{hub.mutex};
        if (hub.all.empty()) os::SignalCounter::unlisten();
    }

    [[nodiscard]] bool pending() const noexcept override {
        return now(os::Signal::term) != mine_.term || now(os::Signal::usr1) != mine_.usr1;
    }

    void answer() override {
        if (!pending()) return;
        Hub& hub = Hub::instance();
        {
            const std::scoped_lock lock{hub.mutex};
            mine_ = {now(os::Signal::term), now(os::Signal::usr1)};
        }
        hub.end_if_due();
    }

  private:
    /// How many of each had come when it answered last.
    struct Answered {
        std::uint32_t term = 0, usr1 = 0;
    };

    [[nodiscard]] static std::uint32_t now(os::Signal signal) noexcept {
        return os::SignalCounter::count(signal);
    }

    /// All watches of the process; never destroyed, as the list of runs.
    struct Hub {
        static Hub& instance() {
            static std::atomic<Hub*> latest{nullptr};
            Hub* hub = latest.load(std::memory_order_acquire);
            if (hub != nullptr && hub->process == os::pid()) return *hub;
            // A forked child begins anew: the watches, and a mutex that may be held, are its parent's.
            auto mine = std::make_unique<Hub>();
            if (latest.compare_exchange_strong(hub, mine.get(), std::memory_order_acq_rel))
                hub = mine.release();
            return *hub;
        }
        void end_if_due() {
            {
                const std::scoped_lock lock{mutex};
                if (now(os::Signal::term) == 0 || !os::SignalCounter::would_have_ended(os::Signal::term))
                    return;
                for (const Answered* one : all) {
                    if (one->term != now(os::Signal::term)) return;
                }
            }
            Process::instance().end_runs("the process was asked to stop (SIGTERM)");
            os::SignalCounter::end_by(os::Signal::term);
        }
        const std::uint64_t process = os::pid();
        std::mutex mutex;
        std::vector<Answered*> all;
    };

    Answered mine_;
};

}  // namespace CAIRN_NAMESPACE::detail
