// SPDX-License-Identifier: MIT
#pragma once
// What the program prints, kept with its run: `cairn::Console console{run};`. Costs <iostream>.

#include <cairn/core/error.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <streambuf>
#include <string_view>
#include <utility>

#if !defined(_WIN32)
#include <pthread.h>
#include <sys/types.h>
#endif

namespace CAIRN_NAMESPACE {

namespace detail {

/// The file that a copy of the output goes to, of one run at a time. Never destroyed: the program prints
/// until it ends.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicOutputCopy {
  public:
    static BasicOutputCopy& instance() {
        static auto* const copy = new BasicOutputCopy;  // reachable for ever: not a leak
        return *copy;
    }

    /// Appends to the file of a run from here on. Throws: busy, permission, no_space, io.
    void open(std::weak_ptr<RunCore> run, const os::Path& path) {
        const std::scoped_lock lock{mutex_};
        if (file_.is_open()) {
            raise({errc::busy, "another run of this process keeps what it prints", path.string(),
                   "let that Console end first"});
        }
        file_ = os::File::open_append(path).value();
        run_ = std::move(run);
    }
    void close() noexcept {
        const std::scoped_lock lock{mutex_};
        (void)file_.close();  // what was written is with the system; nothing is synced
    }

    /// What could not be kept is on the terminal still; the run's health tells of it once.
    void append(std::string_view text) noexcept {
        std::shared_ptr<RunCore> run;
        result<void> done;
        {
            const std::scoped_lock lock{mutex_};
            if (!file_.is_open() || text.empty()) return;
            done = file_.write_text(text);
            if (done) return;
            (void)file_.close();
            run = run_.lock();
        }
        if (run) run->note_failure(done.error(), false);
    }

  private:
    BasicOutputCopy() {
#if !defined(_WIN32)
        // A forked child prints, too; another thread of its parent may just have held the mutex.
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] { instance().mutex_.unlock(); });
#endif
    }

    std::mutex mutex_;
    os::File file_;
    std::weak_ptr<RunCore> run_;
};
using OutputCopy = BasicOutputCopy<>;

/// Stands before a stream's own buffer, and copies what goes through. It stays when it was taken away:
/// another thread may be printing.
class CopyingBuffer final : public std::streambuf {
  public:
    void put_before(std::ostream& stream) {
        before_ = stream.rdbuf();
        stream.rdbuf(this);
    }
    /// Unless the program has put a buffer of its own there.
    void take_from(std::ostream& stream) {
        if (stream.rdbuf() == this) stream.rdbuf(before_);
    }

  private:
    int_type overflow(int_type c) override {
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        const char one = traits_type::to_char_type(c);
        return xsputn(&one, 1) == 1 ? c : traits_type::eof();
    }
    std::streamsize xsputn(const char* text, std::streamsize count) override {
        const std::streamsize done = before_.load()->sputn(text, count);
        OutputCopy::instance().append({text, static_cast<std::size_t>(done)});
        return done;
    }
    int sync() override { return before_.load()->pubsync(); }

    std::atomic<std::streambuf*> before_{nullptr};
};

#if defined(__GLIBC__)
/// The same for `printf` and its kind. It writes at once, since it does not hear of `fflush`.
class CopyingFile {
  public:
    CopyingFile() : file_{::fopencookie(this, "w", {nullptr, &write, nullptr, nullptr})} {
        if (file_ != nullptr) (void)std::setvbuf(file_, nullptr, _IONBF, 0);
    }
    CopyingFile(const CopyingFile&) = delete;
    CopyingFile& operator=(const CopyingFile&) = delete;

    void put_before(std::FILE*& stream) {
        if (file_ == nullptr) return;
        before_ = stream;
        // So that `isatty(fileno(stdout))` says what it said. Of such a stream nothing else reads it.
        file_->_fileno = ::fileno(stream);
        stream = file_;
    }
    void take_from(std::FILE*& stream) {
        if (stream == file_) stream = before_;
    }

  private:
    static ::ssize_t write(void* self, const char* text, std::size_t count) noexcept {
        std::FILE* const to = static_cast<CopyingFile*>(self)->before_;
        const std::size_t done = std::fwrite(text, 1, count, to);
        (void)std::fflush(to);
        OutputCopy::instance().append({text, done});
        return static_cast<::ssize_t>(done);
    }

    std::FILE* file_;
    std::atomic<std::FILE*> before_{nullptr};
};
#endif

/// What stands before the program's streams.
class CopyingStreams {
  public:
    static CopyingStreams& instance() {
        static auto* const streams = new CopyingStreams;  // as the buffers
        return *streams;
    }

    void put_before() {
        cout_.put_before(std::cout);
        cerr_.put_before(std::cerr);
        clog_.put_before(std::clog);
#if defined(__GLIBC__)
        stdout_.put_before(stdout);
        stderr_.put_before(stderr);
#endif
    }
    void take_away() {
#if defined(__GLIBC__)
        stdout_.take_from(stdout);
        stderr_.take_from(stderr);
#endif
        cout_.take_from(std::cout);
        cerr_.take_from(std::cerr);
        clog_.take_from(std::clog);
    }

  private:
    CopyingBuffer cout_, cerr_, clog_;
#if defined(__GLIBC__)
    CopyingFile stdout_, stderr_;
#endif
};

}  // namespace detail

/// Keeps a copy of what the program prints with its run, while it lives: `cairn::Console console{run};`. What
/// was printed with `std::cout`, `std::cerr`, `std::clog` and, on glibc, with `printf` and its kind is in the
/// file `output.log` of the run's folder at once, through any death of the process; `cairn show` tells the
/// last lines of a run that crashed, `RecordedRun::last_lines` of any. What is printed past these streams (by
/// `write(1, …)`, by other programs) is not kept. All of it is printed as it was without: same places, same
/// order; but on glibc `printf` writes at once, however `stdout` is buffered. Forked children print into the
/// same file. Threads: any may print. Cost: a system call for each piece that is printed.
template <class T = void>
class BasicConsole {
  public:
    /// \param run  a run, or a disabled one, which keeps nothing. Throws: busy, if this process has a Console
    ///             already; no_space, permission, io.
    template <class R>
    explicit BasicConsole([[maybe_unused]] const R& run) {
        if constexpr (requires { run.core(); }) {
            if (run.disabled()) return;
            detail::BasicOutputCopy<T>::instance().open(run.core(), run.dir() / detail::output_file);
            detail::CopyingStreams::instance().put_before();
            keeps_ = true;
        }
    }
    BasicConsole(const BasicConsole&) = delete;
    BasicConsole& operator=(const BasicConsole&) = delete;
    ~BasicConsole() {
        if (!keeps_) return;
        detail::CopyingStreams::instance().take_away();
        detail::BasicOutputCopy<T>::instance().close();
    }

  private:
    bool keeps_ = false;
};
using Console = BasicConsole<>;

}  // namespace CAIRN_NAMESPACE
