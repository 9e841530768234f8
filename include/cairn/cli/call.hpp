// SPDX-License-Identifier: MIT
#pragma once
// What all verbs of the `cairn` command share: where they read, where they print, how they fail.

#include <cairn/cli/sync_target.hpp>
#include <cairn/cli/terminal.hpp>
#include <cairn/core/error.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/metrics_table.hpp>
#include <cairn/run/options.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

inline constexpr const char* names_a_run = "its id, the beginning of it, its name, or \"latest\"";

/// Writes what was asked for into the file that was named, whatever it held.
inline result<void> write_out(const std::string& name, std::string_view text) {
    using namespace ::cairn::detail;
    auto file = os::File::open_read_write(os::path_of(name), os::Links::follow);
    if (!file) return file.error();
    if (auto cut = file->truncate(0); !cut) return cut;
    if (auto written = file->write_text(text); !written) return written;
    return file->close();
}

}  // namespace detail

/// Gets what a command prints, piece by piece.
using Print = std::function<void(std::string_view)>;

/// One call of the command. A verb is a function that reads its options and prints; it returns why it could
/// not. Exit codes: 0 done; 1 it could not be done, or what was looked at is damaged; 2 called wrongly.
class Call {
  public:
    /// \param out  gets what was asked for. \param err gets complaints. \param terminal is behind `out`.
    Call(Print out, Print err, Terminal terminal = {})
        : out_{std::move(out)}, err_{std::move(err)}, terminal_{terminal} {
        dir_ = ::cairn::detail::os::sys::environment("CAIRN_DIR");
        if (dir_.empty()) dir_ = "cairn";
    }

    /// The options that every verb has.
    void add_to(CLI::App& app) {
        app.add_option("-d,--dir", dir_, "the store (default: $CAIRN_DIR, or ./cairn)");
        app.add_flag("--json", json_, "print JSON");
    }

    /// Adds a verb: `work` is called when it is the one.
    CLI::App* verb(CLI::App& app, const char* name, const char* what, std::function<result<void>()> work) {
        CLI::App* const made = app.add_subcommand(name, what);
        made->callback([this, work = std::move(work)] {
            if (const auto done = work(); !done) fail(done.error());
        });
        return made;
    }

    /// Adds a verb about a run, which is its first argument: calls `work(store, run)`.
    template <class F>
    CLI::App* verb_of_run(CLI::App& app, const char* name, const char* what, const F& work) {
        const auto text = std::make_shared<std::string>();
        CLI::App* const made = verb(app, name, what, [this, text, work]() -> result<void> {
            const auto reader = store();
            if (!reader) return reader.error();
            const auto run = reader->find(*text);
            if (!run) return run.error();
            return work(*reader, *run);
        });
        made->add_option("RUN", *text, detail::names_a_run)->required();
        return made;
    }

    /// The store, as the options name it.
    [[nodiscard]] result<StoreReader> store() const { return open(::cairn::detail::os::path_of(dir_)); }
    /// The store's folder, as the options name it.
    [[nodiscard]] const std::string& dir() const noexcept { return dir_; }
    /// Where `out` goes.
    [[nodiscard]] const Terminal& terminal() const noexcept { return terminal_; }
    /// Whether JSON is wanted.
    [[nodiscard]] bool json() const noexcept { return json_; }

    /// Prints what was asked for.
    void out(std::string_view text) { out_(text); }
    /// Prints JSON, one value on a line. A text that is no UTF-8 is made such.
    void print(const nlohmann::json& value) { out_(::cairn::detail::json_text(value) + "\n"); }
    /// Prints a complaint that ends nothing: something else is damaged.
    void complain(const error& failure) {
        std::string text = failure.what();
        for (char& c : text) {  // what it tells of may be a stranger's
            if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = '?';
        }
        err_(text + "\n");
    }
    /// The same of several, and the exit code tells.
    void complain(const std::vector<error>& failures) {
        for (const error& failure : failures) complain(failure);
        if (!failures.empty()) set_damaged();
    }
    /// Prints a note for people, on stderr.
    void note(std::string_view text) { err_(std::string{text} + "\n"); }
    /// Complains, and the exit code tells.
    void fail(const error& failure) {
        if (json_)
            note(::cairn::detail::json_text({{"error", as_json(failure)}}));
        else
            complain(failure);
        code_ = 1;
    }
    /// Something is damaged: the exit code tells.
    void set_damaged() noexcept { code_ = 1; }
    /// Where `cairn sync` brings runs; a tool may add to it.
    [[nodiscard]] SyncPlan& sync() noexcept { return sync_; }
    /// The exit code.
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    Print out_, err_;
    Terminal terminal_;
    SyncPlan sync_;
    std::string dir_;
    bool json_ = false;
    int code_ = 0;
};

/// Adds a verb to the command.
using Verb = void (*)(CLI::App&, Call&);

}  // namespace CAIRN_NAMESPACE::cli
