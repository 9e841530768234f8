// SPDX-License-Identifier: MIT
#pragma once
// The `cairn` command as a function, so that any program can have it: `return cairn::cli::main(argc, argv);`
// Opt-in: costs CLI11 (2.9 s to compile).

#include <cairn/cli/artifacts.hpp>
#include <cairn/cli/call.hpp>
#include <cairn/cli/completion.hpp>
#include <cairn/cli/edit.hpp>
#include <cairn/cli/fsck.hpp>
#include <cairn/cli/import.hpp>
#include <cairn/cli/live.hpp>
#include <cairn/cli/media.hpp>
#include <cairn/cli/metrics.hpp>
#include <cairn/cli/policies.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/share.hpp>
#include <cairn/cli/sync.hpp>
#include <cairn/cli/terminal.hpp>
#include <cairn/version.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

/// Runs a command line (without the program's name) and prints as it goes. Returns the exit code: 0 done; 1
/// it could not be done, or what was looked at is damaged; 2 it was called wrongly. Never throws, never
/// exits.
[[nodiscard]] inline int run(std::vector<std::string> arguments, const Print& out, const Print& err,
                             std::span<const Verb> more = {}, Terminal terminal = {}) {
    Call call{out, err, terminal};
    CLI::App app{"cairn: look at recorded runs"};
    app.name("cairn");
    app.set_version_flag("--version", CAIRN_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    call.add_to(app);
    for (const auto add :
         {&add_ls,       &add_show,     &add_diff,   &add_edit, &add_rm,        &add_restore,
          &add_get,      &add_snapshot, &add_best,   &add_plot, &add_media,     &add_tail,
          &add_top,      &add_export,   &add_import, &add_sync, &add_decisions, &add_simulate,
          &add_artifact, &add_verify,   &add_fsck,   &add_gc,   &add_completion})
        add(app, call);
    for (const Verb add : more) add(app, call);
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
        app.parse(arguments);
    } catch (const CLI::ParseError& end) {
        const bool is_version = end.get_name() == "CallForVersion";
        const bool is_help = end.get_name() == "CallForHelp" || end.get_name() == "CallForAllHelp";
        if (is_version || is_help) {
            out(is_version ? std::string{end.what()} + "\n" : app.help());
            return 0;
        }
        err(std::string{"cairn: "} + end.what() + "; see: cairn --help\n");
        return 2;
    } catch (const std::exception& failure) {
        err(std::string{failure.what()} + "\n");
        return 1;
    }
    return call.code();
}

/// What a command printed.
struct Output {
    std::string out;  ///< what was asked for
    std::string err;  ///< complaints
    int code = 0;     ///< the exit code
};

/// The same, and collects what it prints.
[[nodiscard]] inline Output run(std::vector<std::string> arguments) {
    Output output;
    output.code = run(
        std::move(arguments), [&](std::string_view text) { output.out += text; },
        [&](std::string_view text) { output.err += text; });
    return output;
}

/// The `cairn` program. Returns its exit code.
inline int main(int argc, char** argv, std::initializer_list<Verb> more = {}) {
    const auto to = [](std::FILE* file) {
        return [file](std::string_view text) { (void)std::fwrite(text.data(), 1, text.size(), file); };
    };
    return run({argv + 1, argv + argc}, to(stdout), to(stderr), {more.begin(), more.size()},
               terminal_of(stdout));
}

}  // namespace CAIRN_NAMESPACE::cli
