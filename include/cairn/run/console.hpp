// SPDX-License-Identifier: MIT
#pragma once
// What the program prints, kept with its run: `cairn::Console console{run};`.

#include <cairn/core/error.hpp>
#include <cairn/run/detail/process.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/output_tap.hpp>
#include <cairn/store/run_folder.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

#if !defined(_WIN32)
namespace detail {

/// Standard output and standard error, led into files of a folder, and the thread that passes them on.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicConsoleState final : public Endable {
  public:
    explicit BasicConsoleState(std::weak_ptr<RunCore> run) : run_{std::move(run)} {
        if (taken_.exchange(true)) {
            raise({errc::busy, "another run of this process keeps what it prints", "",
                   "let that Console end first"});
        }
    }
    BasicConsoleState(const BasicConsoleState&) = delete;
    BasicConsoleState& operator=(const BasicConsoleState&) = delete;
    ~BasicConsoleState() { stop(); }

    void start(const std::filesystem::path& folder) {
        flush();
        // A file is written in blocks unless one says otherwise; a line that is in no file cannot be kept.
        // The buffer stays standard output's for good, and only a new one makes glibc change its way at once.
        static char* const buffer = new char[BUFSIZ];
        (void)std::setvbuf(stdout, buffer, _IOLBF, BUFSIZ);
        taps_[0].open(STDOUT_FILENO, folder / stdout_file).value();
        taps_[1].open(STDERR_FILENO, folder / stderr_file).value();
        thread_.start(&work, this).value();
    }

    /// Leads the output to where it went before. What has come is passed on first, unless nobody takes it.
    void stop() noexcept {
        if (ended_.exchange(true)) return;
        flush();
        bell_.ring();
        thread_.join();
        for (auto& tap : taps_) {
            tap.pass_on(at_once);
            tap.restore();
            tap.pass_on(at_once);
            tap.trim();
            tap.forget();
        }
        taken_ = false;
    }

    void pass_on() const noexcept {
        for (const auto& tap : taps_) tap.pass_on(at_once);
    }

    // What comes after an uncaught exception is printed still; the signal that ends the process passes it on.
    void on_terminate(const std::string&) noexcept override {}
    void on_exit() noexcept override { stop(); }
    // The child prints past the files: it may outlive us, and then nobody would pass it on.
    void on_fork_child() noexcept override {
        ended_ = true;
        for (auto& tap : taps_) {
            tap.restore();
            tap.forget();
        }
        taken_ = false;
    }

  private:
    static constexpr auto at_once = [] { return false; };

    static void flush() noexcept {
        (void)std::fflush(stdout);
        (void)std::fflush(stderr);
    }
    static void* work(void* self) noexcept {
        auto& mine = *static_cast<BasicConsoleState*>(self);
        constexpr std::int64_t pause = 20'000'000;  // nanoseconds; a hundred looks a second cost nothing
        while (!mine.ended_) {
            mine.bell_.wait(pause);
            for (auto& tap : mine.taps_) {
                if (!tap.has_room()) mine.give_up(tap);
                tap.pass_on([&] { return !mine.ended_.load(); });
            }
        }
        return nullptr;
    }
    void give_up(OutputTap& tap) noexcept {
        tap.restore();
        if (given_up_.exchange(true)) return;
        if (const auto run = run_.lock()) {
            run->note_failure({errc::no_space, "no space for what the program prints: it is no longer kept",
                               run->dir().string(), "free space on this disk"},
                              false);
        }
    }

    static inline constinit std::atomic<bool> taken_{false};

    std::weak_ptr<RunCore> run_;
    std::array<OutputTap, 2> taps_;
    std::atomic<bool> ended_{false}, given_up_{false};
    os::Bell bell_;
    os::Thread thread_;
};
using ConsoleState = BasicConsoleState<>;

}  // namespace detail
#endif

/// Keeps what the program prints with its run, while it lives: `cairn::Console console{run};`. `cairn show`
/// tells the last lines of a run that crashed, `RecordedRun::last_lines` of any. All that is printed goes on
/// to where it went before, at most some hundredths of a second later; what is printed at the moment of a
/// SIGKILL is in the file only. Standard output is no terminal any more, and is written line by line; the
/// order of lines of standard output among those of standard error is not kept. Of each the last 64 MiB are
/// kept at least. Child processes made by `fork` print past it. Not on Windows.
template <class T = void>
class BasicConsole {
  public:
    /// \param run  a run, or a disabled one, which keeps nothing. Throws: busy, if this process has a Console
    ///             already; no_space, permission, io; unsupported, on Windows and where an output is closed.
    template <class R>
    explicit BasicConsole([[maybe_unused]] const R& run) {
        if constexpr (requires { run.core(); }) {
            if (run.disabled()) return;
#if defined(_WIN32)
            raise({errc::unsupported, "what a program prints is not kept on Windows", run.dir().string(),
                   "make no Console there"});
#else
            state_ = std::make_shared<detail::BasicConsoleState<T>>(run.core());
            state_->start(run.dir());
            detail::Process::instance().add(state_);
            hook_ = {[](const void* state, int) noexcept {
                         static_cast<const detail::BasicConsoleState<T>*>(state)->pass_on();
                     },
                     state_};
#endif
        }
    }
    BasicConsole(const BasicConsole&) = delete;
    BasicConsole& operator=(const BasicConsole&) = delete;
#if !defined(_WIN32)
    ~BasicConsole() {
        hook_ = {};
        if (state_) state_->stop();
    }

  private:
    std::shared_ptr<detail::BasicConsoleState<T>> state_;
    detail::os::CrashHook hook_;
#endif
};
using Console = BasicConsole<>;

}  // namespace CAIRN_NAMESPACE
