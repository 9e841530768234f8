// SPDX-License-Identifier: MIT
#pragma once
// The ends of a process that no destructor sees: an uncaught exception, exit(), fork().

#include <cairn/config.hpp>

#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace CAIRN_NAMESPACE::detail {

/// Something that wants to hear of the process's end. All calls come on some thread of the process, once at
/// most.
class Endable {
  public:
    virtual void on_terminate(const std::string& why) noexcept = 0;
    virtual void on_exit() noexcept = 0;
    /// In the child of a fork: only atomics and file descriptors may be touched.
    virtual void on_fork_child() noexcept = 0;

  protected:
    ~Endable() = default;
};

/// The open runs of this process. The one thing that is not held by a run; never destroyed, so that it
/// outlives every static object. A second copy in a shared library is harmless: each knows its own runs and
/// calls the one before it.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicProcess {
  public:
    static BasicProcess& instance() {
        static auto* const process = new BasicProcess;  // reachable for ever: not a leak
        return *process;
    }

    void add(std::weak_ptr<Endable> run) {
        const std::scoped_lock lock{mutex_};
        std::erase_if(runs_, [](const auto& known) { return known.expired(); });
        runs_.push_back(std::move(run));
    }

    /// Ends all open runs as failed, because the process is about to go.
    void end_runs(const std::string& why) noexcept {
        each([&](Endable& run) { run.on_terminate(why); });
    }

  private:
    BasicProcess() : previous_{std::set_terminate([] { instance().terminate(); })} {
        (void)std::atexit([] { instance().each([](Endable& run) { run.on_exit(); }); });
#if !defined(_WIN32)
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] {
                             for (const auto& known : instance().runs_) {
                                 if (const auto run = known.lock()) run->on_fork_child();
                             }
                             instance().mutex_.unlock();
                         });
#endif
    }

    [[noreturn]] void terminate() noexcept {
        const std::string why = current_exception_text();
        end_runs(why);
        if (previous_ != nullptr) previous_();
        std::abort();
    }

    static std::string current_exception_text() {
        try {
            if (const std::exception_ptr current = std::current_exception()) std::rethrow_exception(current);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "an exception that is no std::exception";
        }
        return "std::terminate was called";
    }

    template <class F>
    void each(F&& f) {
        std::vector<std::shared_ptr<Endable>> runs;  // held, so that none goes away meanwhile
        {
            const std::scoped_lock lock{mutex_};
            for (const auto& known : runs_) {
                if (auto run = known.lock()) runs.push_back(std::move(run));
            }
        }
        for (const auto& run : runs) f(*run);
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<Endable>> runs_;
    std::terminate_handler previous_ = nullptr;
};
using Process = BasicProcess<>;

}  // namespace CAIRN_NAMESPACE::detail
