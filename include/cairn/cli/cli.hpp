// SPDX-License-Identifier: MIT
#pragma once
// The `cairn` command as a function, so that any program can have it: `return cairn::cli::main(argc, argv);`
// Opt-in: costs CLI11 (2.9 s to compile).

#include <cairn/cli/plot.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/metrics_table.hpp>
#include <cairn/run/options.hpp>
#include <cairn/store/garbage.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/verify.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

/// What a command did: its text, its complaints, its exit code (0 done; 1 it could not be done; 2 it was
/// called wrongly).
struct Output {
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
    int code = 0;     ///< the exit code
};

namespace detail {

using namespace ::cairn::detail;  // NOLINT(google-build-using-namespace): the layers' own helpers

[[nodiscard]] inline std::string local_time(std::int64_t ns) {
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm parts{};
#if defined(_WIN32)
    ::localtime_s(&parts, &seconds);
#else
    ::localtime_r(&seconds, &parts);
#endif
    char buffer[32];
    std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M", &parts);
    return buffer;
}

[[nodiscard]] inline std::string duration(double seconds) {
    char buffer[48];
    if (seconds < 100) {
        std::snprintf(buffer, sizeof buffer, "%.1f s", seconds);
    } else {
        const auto whole = static_cast<long long>(seconds);
        std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    }
    return buffer;
}

[[nodiscard]] inline std::string size_text(std::uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (size >= 1024 && unit + 1 < std::size(units)) size /= 1024, ++unit;
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return buffer;
}

/// The table of all runs.
[[nodiscard]] inline std::string list_runs(const RunList& list) {
    if (list.runs.empty()) return "no run yet\n";
    std::string out = column("RUN", 12) + " " + column("PROJECT", 22) + " " + column("NAME", 22) + " " +
                      column("STATE", 9) + " " + column("STARTED", 17) + "LASTED\n";
    for (const RecordedRun& run : list.runs) {
        const auto ended = run.ended_ns() != 0                ? run.ended_ns()
                           : run.state() == RunState::running ? wall_ns()
                                                              : 0;
        out += column(printable(run.id()), 12) + " " + column(printable(run.project()), 22) + " " +
               column(printable(run.name()), 22) + " " + column(std::string{to_string(run.state())}, 9) +
               " " + column(local_time(run.started_ns()), 17) +
               (ended != 0 ? duration(static_cast<double>(ended - run.started_ns()) / 1e9) : "?") + "\n";
    }
    return out;
}

/// One version in a line: label, step, size, aliases, the metrics it was saved with.
[[nodiscard]] inline std::string version_line(const Manifest& manifest,
                                              const std::map<std::string, std::uint64_t>& aliases) {
    std::string out = "       " + column(manifest.label(), 5) + " ";
    out += column(manifest.step ? "step " + std::to_string(*manifest.step) : "", 12) + " " +
           column(size_text(manifest.logical_size()), 10);
    std::size_t shown = 0;
    for (const auto& [name, value] : manifest.metrics.items()) {
        if (shown++ == 4) break;
        const auto number = metric_from_json(value);
        if (number) out += " " + printable(name) + "=" + short_number(*number);
    }
    for (const auto& [alias, version] : aliases) {
        if (version == manifest.version) out += "  <- " + alias;
    }
    return out + "\n";
}

/// A row in a line: its step, and what fits of its metrics.
[[nodiscard]] inline std::string row_line(const DynamicRow& row) {
    std::string out = "       " + column("step " + std::to_string(row.step()), 12);
    std::size_t shown = 0;
    row.for_each([&](std::string_view name, const Value& value) {
        if (shown++ < 4)
            out += " " + printable(name) + "=" +
                   (value.is_text() ? printable(value.text()) : short_number(value.number()));
    });
    return out + (shown > 4 ? " …\n" : "\n");
}

/// One run on a page: where, how it stands, config, metrics, versions.
[[nodiscard]] inline result<std::string> show_run(const StoreReader& store, const RecordedRun& run) {
    std::string out = "run    " + printable(run.project()) + "/" + printable(run.id());
    if (run.name() != run.id()) out += " (" + printable(run.name()) + ")";
    out += "\nstate  " + std::string{to_string(run.state())};
    if (!run.why().empty()) out += ": " + printable(run.why());
    out += "\nfrom   " + local_time(run.started_ns());
    if (run.ended_ns() != 0)
        out += ", for " + duration(static_cast<double>(run.ended_ns() - run.started_ns()) / 1e9);
    out += "\nin     " + printable(run.dir().string()) + "\n";
    if (const std::string notes = run.about().value("notes", ""); !notes.empty())
        out += "notes  " + printable(notes) + "\n";
    if (const nlohmann::json config = run.config(); !config.empty()) {
        out += "config\n";
        for (const auto& [key, value] : config.items()) {
            out += "       " + column(printable(key), 18) + " " +
                   printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n";
        }
    }
    HistoryReport report;
    const auto views = run.metrics(&report);
    if (!views) return views.error();
    for (const error& unread : report.unread) out += std::string{unread.what()} + "\n";
    if (report.damaged != 0)
        out += std::to_string(report.damaged) + " stretches of its history cannot be read\n";
    if (!views->empty()) {
        out += "metrics\n" +
               metrics_table(*views, [&](std::string_view metric) { return run.goal_of(metric); }, 100);
    }
    if (run.state() == RunState::crashed) {
        const auto last = run.last_rows(5);
        if (!last) return last.error();
        if (!last->empty()) out += "last rows\n";
        for (const DynamicRow& row : *last) out += row_line(row);
        const auto lines = run.last_lines(10);
        if (!lines) return lines.error();
        if (!lines->empty()) out += "last output\n";
        for (const std::string& line : *lines) out += "       " + printable(line) + "\n";
    }
    const auto saved = store.versions_of(run);
    if (!saved) return saved.error();
    for (const auto& [name, versions] : saved->by_artifact) {
        out += "saved  " + printable(name) + "\n";
        const auto aliases = saved->aliases.find(name);
        for (const Manifest& manifest : versions) {
            out += version_line(manifest, aliases == saved->aliases.end()
                                              ? std::map<std::string, std::uint64_t>{}
                                              : aliases->second);
        }
    }
    for (const error& damaged : saved->damaged) out += std::string{damaged.what()} + "\n";
    return out;
}

}  // namespace detail

/// Runs a command line (without the program's name). Never throws, never exits.
[[nodiscard]] inline Output run(std::vector<std::string> arguments) {
    Output output;
    CLI::App app{"cairn: look at recorded runs"};
    app.name("cairn");
    app.set_version_flag("--version", CAIRN_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    std::string dir = ::cairn::detail::environment("CAIRN_DIR");
    if (dir.empty()) dir = "cairn";
    std::string project, name;
    std::vector<std::string> keys;
    app.add_option("-d,--dir", dir, "the store (default: $CAIRN_DIR, or ./cairn)");

    const auto print = [&](auto&& text) {
        if (text) {
            output.out += *text;
        } else {
            output.err += std::string{text.error().what()} + "\n";
            output.code = 1;
        }
    };
    CLI::App* ls = app.add_subcommand("ls", "list the runs, newest first");
    ls->add_option("-p,--project", project, "only of this project");
    ls->callback([&] {
        print([&]() -> result<std::string> {
            const auto store = open(dir);
            if (!store) return store.error();
            const auto list = store->runs(project);
            if (!list) return list.error();
            for (const error& damaged : list->damaged) output.err += std::string{damaged.what()} + "\n";
            return detail::list_runs(*list);
        }());
    });
    CLI::App* show = app.add_subcommand("show", "one run: config, metrics, saved versions");
    show->add_option("RUN", name, "its id, the beginning of it, its name, or \"latest\"")->required();
    show->callback([&] {
        print([&]() -> result<std::string> {
            const auto store = open(dir);
            if (!store) return store.error();
            const auto found = store->find(name);
            if (!found) return found.error();
            return detail::show_run(*store, *found);
        }());
    });
    CLI::App* plot_of = app.add_subcommand("plot", "metrics of a run as curves");
    plot_of->add_option("RUN", name, "its id, the beginning of it, its name, or \"latest\"")->required();
    plot_of->add_option("KEY", keys, "the metrics")->required();
    plot_of->callback([&] {
        for (const std::string& key : keys) {
            print([&]() -> result<std::string> {
                const auto store = open(dir);
                if (!store) return store.error();
                const auto found = store->find(name);
                if (!found) return found.error();
                const auto series = found->series(key);
                if (!series) return series.error();
                return plot(*series, key + "  " + found->project() + "/" + found->id());
            }());
        }
    });

    CLI::App* verify = app.add_subcommand("verify", "look at every byte of the store, or of one run");
    verify->add_option("RUN", name, "its id, the beginning of it, its name, or \"latest\"");
    verify->callback([&] {
        print([&]() -> result<std::string> {
            const auto store = open(dir);
            if (!store) return store.error();
            result<Verified> found = error{};
            if (name.empty()) {
                found = store->verify();
            } else {
                const auto run = store->find(name);
                if (!run) return run.error();
                found = store->verify(*run);
            }
            if (!found) return found.error();
            for (const error& damaged : found->damaged) output.err += std::string{damaged.what()} + "\n";
            if (!found->ok()) output.code = 1;
            return std::to_string(found->versions) + " versions and " + std::to_string(found->rows) +
                   " rows are whole, " + std::to_string(found->damaged.size()) + " damaged\n";
        }());
    });
    bool dry_run = false;
    CLI::App* gc = app.add_subcommand("gc", "free what no version names and what dead processes left");
    gc->add_flag("-n,--dry-run", dry_run, "only tell what would be freed");
    gc->callback([&] {
        print([&]() -> result<std::string> {
            const auto store = Store::open_existing(::cairn::detail::os::path_of(dir));
            if (!store) return store.error();
            const auto freed = collect_garbage(*store, {.dry_run = dry_run});
            if (!freed) return freed.error();
            return std::string{dry_run ? "would free " : "freed "} + std::to_string(freed->objects) +
                   " objects of " + std::to_string(freed->bytes) + " bytes and " +
                   std::to_string(freed->temporaries) + " temporaries\n";
        }());
    });

    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
        app.parse(arguments);
    } catch (const CLI::Success& success) {
        output.out +=
            success.get_name() == "CallForVersion" ? std::string{success.what()} + "\n" : app.help();
    } catch (const CLI::ParseError& wrong) {
        output.err += std::string{"cairn: "} + wrong.what() + "; see: cairn --help\n";
        output.code = 2;
    } catch (const std::exception& failure) {
        output.err += std::string{failure.what()} + "\n";
        output.code = 1;
    }
    return output;
}

/// The `cairn` program. Returns its exit code.
inline int main(int argc, char** argv) {
    const Output output = run({argv + 1, argv + argc});
    std::fwrite(output.out.data(), 1, output.out.size(), stdout);
    std::fwrite(output.err.data(), 1, output.err.size(), stderr);
    return output.code;
}

}  // namespace CAIRN_NAMESPACE::cli
