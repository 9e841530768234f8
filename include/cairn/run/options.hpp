// SPDX-License-Identifier: MIT
#pragma once
// What `cairn::init` takes, and how the environment changes it. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/read_number.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What to do when a run of the wanted id exists: refuse, go on with it, or insist that it exists.
enum class Resume : unsigned char { never, allow, must };

/// Whether the run is recorded at all. `online` has nothing to do with a network: files are local in any
/// case.
enum class Mode : unsigned char { online, disabled };

/// The options of a run. Each may be left out. Where one is empty the environment may fill it (`CAIRN_DIR`,
/// `CAIRN_PROJECT`, `CAIRN_RUN_ID`, `CAIRN_NAME`, `CAIRN_TAGS`, `CAIRN_NOTES`, `CAIRN_GROUP`,
/// `CAIRN_RESUME`, `CAIRN_RANK`); `CAIRN_SYSTEM=off` or a number of seconds says how often the machine's use
/// is recorded, whatever the program says; the three switches `CAIRN_MODE=disabled`, `CAIRN_SAVE=off` and
/// `CAIRN_QUIET=1` turn off what the program has on.
struct Options {
    std::string project = {};  ///< default "uncategorized"
    std::string name = {};     ///< what people call the run; default its id
    std::string id = {};       ///< unique in the project; default 8 random hexadecimal digits
    nlohmann::json config =
        nullptr;  ///< an object: `{{"lr", 1e-3}, {"epochs", 5}}`, or a struct with `to_json`
    std::vector<std::string> tags = {};  ///< words to find the run by
    std::string notes = {};              ///< free text
    std::string group = {};              ///< a word that runs of one experiment share
    std::string job_type = {};           ///< "train", "eval", …
    std::filesystem::path dir = {};      ///< the store; default "cairn" in the working folder
    std::optional<Resume> resume = {};   ///< default `Resume::never`
    std::optional<unsigned> rank = {};   ///< of several processes that write one run; default 0, which saves
    Mode mode = Mode::online;            ///< `disabled`: nothing is written
    bool save = true;                    ///< false: checkpoints of this run save nothing
    double system_seconds = 15;          ///< how often the machine's use is recorded; 0: never
    bool environment = true;  ///< false: machine, command line, compiler and commit are not recorded
    bool quiet = false;       ///< true: no start and end messages on a terminal
    Durability durability = Durability::power_loss;  ///< of versions, artifacts and the run's records
    /// Gets each failure once (the same text is the same failure), in place of the line on stderr, on the
    /// thread on which it came up: it must not block, nor call the run. What it throws is dropped.
    std::function<void(const error&)> on_error = {};
    /// Gets each alert that is not held back, on a thread of its own: it may take a while, and what it throws
    /// is an error of the run. After the run's end it is not called any more.
    std::function<void(const Alert&)> on_alert = {};
};

/// What `cairn::init` opens unless told otherwise.
struct Enabled {};
/// Passed as `cairn::init<cairn::Disabled>(…)`: the run is an empty type and its calls compile to nothing.
struct Disabled {};

namespace detail {

/// The index of `value` among `words`, for variables that take one of a few words.
template <std::size_t N>
std::size_t one_of(const char* variable, const std::string& value, const std::string_view (&words)[N]) {
    std::string expected;
    for (std::size_t i = 0; i < N; ++i) {
        if (value == words[i]) return i;
        expected += (i == 0 ? "" : ", ") + std::string{words[i]};
    }
    raise({errc::invalid_argument, std::string{variable} + " is not one of: " + expected, value,
           "unset " + std::string{variable} + " or set it to one of these"});
}

template <class = void>
[[nodiscard]] bool switch_is_on(const char* variable, const std::string& value) {
    constexpr std::string_view words[] = {"0", "off", "false", "no", "1", "on", "true", "yes"};
    return one_of(variable, value, words) >= 4;
}

template <class = void>
[[nodiscard]] std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        if (!part.empty()) parts.emplace_back(part);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return parts;
}

template <class = void>
[[nodiscard]] unsigned parse_rank(const std::string& text) {
    if (const auto rank = whole_number<unsigned>(text); rank && *rank < 10'000'000) return *rank;
    raise({errc::invalid_argument, "CAIRN_RANK is no number of a process", text,
           "set it to 0, 1, 2, … or unset it"});
}

/// Seconds, or 0 for "off".
template <class = void>
[[nodiscard]] double parse_seconds(const char* variable, const std::string& text) {
    if (text == "off") return 0;
    if (const auto seconds = whole_number<double>(text)) return *seconds;
    raise({errc::invalid_argument, std::string{variable} + " is no number of seconds", text,
           "set it to 15, say, or to off"});
}

/// Refuses a config that is no object, which is what braces make of a single pair.
template <class Json = nlohmann::json>
void check_config(const Json& config) {
    if (config.is_object() || config.is_null()) return;
    std::string shown = config.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (shown.size() > 80) shown = shown.substr(0, 77) + "...";
    raise(
        {errc::invalid_argument, "the config is not an object but " + shown, "",
         R"(write .config = {{"lr", 0.001}, {"epochs", 5}}: a pair of braces for each entry and one around all)"});
}

/// The options with the environment applied and every default filled in, except the id.
template <class GetEnv = decltype(&os::sys::environment)>
[[nodiscard]] Options resolve(Options options, GetEnv&& get = &os::sys::environment) {
    const auto fill = [&](std::string& option, const char* variable) {
        if (option.empty()) option = get(variable);
    };
    fill(options.project, "CAIRN_PROJECT");
    fill(options.name, "CAIRN_NAME");
    fill(options.id, "CAIRN_RUN_ID");
    fill(options.notes, "CAIRN_NOTES");
    fill(options.group, "CAIRN_GROUP");
    if (options.dir.empty()) options.dir = os::path_of(get("CAIRN_DIR"));
    if (options.tags.empty()) options.tags = split_list(get("CAIRN_TAGS"));
    if (const std::string resume = get("CAIRN_RESUME"); !options.resume && !resume.empty()) {
        constexpr std::string_view words[] = {"never", "allow", "must"};
        options.resume = static_cast<Resume>(one_of("CAIRN_RESUME", resume, words));
    }
    if (const std::string rank = get("CAIRN_RANK"); !options.rank && !rank.empty())
        options.rank = parse_rank(rank);
    if (const std::string mode = get("CAIRN_MODE"); !mode.empty()) {
        constexpr std::string_view words[] = {"online", "disabled"};
        if (one_of("CAIRN_MODE", mode, words) == 1) options.mode = Mode::disabled;
    }
    if (const std::string save = get("CAIRN_SAVE"); !save.empty() && !switch_is_on("CAIRN_SAVE", save)) {
        options.save = false;
    }
    if (const std::string quiet = get("CAIRN_QUIET"); !quiet.empty() && switch_is_on("CAIRN_QUIET", quiet)) {
        options.quiet = true;
    }

    if (const std::string system = get("CAIRN_SYSTEM"); !system.empty())
        options.system_seconds = parse_seconds("CAIRN_SYSTEM", system);
    if (!(options.system_seconds == 0 || (options.system_seconds >= 0.1 && options.system_seconds <= 1e6))) {
        raise({errc::invalid_argument, "the machine's use cannot be recorded so often",
               std::to_string(options.system_seconds) + " s", "give 0.1 to 1000000 seconds, or 0 for never"});
    }

    if (options.project.empty()) options.project = "uncategorized";
    if (options.dir.empty()) options.dir = "cairn";
    if (!options.resume) options.resume = Resume::never;
    if (!options.rank) options.rank = 0;
    check_config(options.config);
    if (options.config.is_null()) options.config = nlohmann::json::object();
    check_name("project", options.project).value();
    if (!options.id.empty()) check_name("run", options.id).value();
    if (*options.resume == Resume::must && options.id.empty()) {
        raise({errc::invalid_argument, "resume is \"must\" but no run is named", "",
               "set the option .id or CAIRN_RUN_ID to the run to go on with"});
    }
    if (*options.rank != 0 && options.id.empty()) {
        raise({errc::invalid_argument, "a rank is given but no run: all ranks write one", "",
               "set the option .id or CAIRN_RUN_ID to the same id on every rank"});
    }
    return options;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
