// SPDX-License-Identifier: MIT
#pragma once
// W&B's runs, as its client keeps them on the disk, as ours. Costs nlohmann/json, and all that records a run.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/run_import.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/wandb_read.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/run/metrics_table.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What was made of the runs of W&B.
struct WandbImport {
    std::vector<ImportedRun> runs;  ///< one for each run
    std::vector<error> damaged;     ///< of files that are not whole; what lies before that was read
    std::vector<error> left_out;  ///< what no row can have, once for each metric; runs that are here already
};

namespace detail::wandb {

/// What was left out of a run: of a thousand metrics each by its name.
class LeftOutOfRun {
  public:
    LeftOutOfRun(std::string run, std::vector<error>& all) : run_{std::move(run)}, all_{&all} {}

    void add(std::string_view metric, const char* why) {
        constexpr std::size_t most = 1000, most_name = 128;
        if (known_.size() == most || !known_.emplace(metric.substr(0, max_metric_name_bytes)).second) return;
        const bool is_last = known_.size() == most;
        all_->emplace_back(errc::unsupported, "of run " + run_ + " a value was left out: " + why,
                           is_last ? "so are further ones" : printable(as_utf8(metric.substr(0, most_name))),
                           "W&B's own files have it");
    }

  private:
    std::string run_;
    std::vector<error>* all_;
    std::set<std::string, std::less<>> known_;
};

/// Makes rows of records of the history.
class HistoryRows {
  public:
    HistoryRows(RunImport& into, LeftOutOfRun& left_out) : into_{&into}, left_out_{&left_out} {}

    /// False if it is no such record. Fails as the disk does.
    result<bool> add(std::span<const std::byte> record) {
        constexpr std::uint64_t item = 1, step = 2;
        rich_.clear();
        cells_.clear();
        bool is_whole = true;
        const bool is_record = each_field(record, [&](const ProtoField& field) {
            if (field.number == item) is_whole = read_item(field.bytes, item_) && is_whole;
            if (field.number == item && item_.path.size() > 1 && item_.path.back() == "_type")
                rich_.insert(item_.name(item_.path.size() - 1));
        });
        if (!is_record || !is_whole) return false;
        is_whole = each_field(record, [&](const ProtoField& field) {
            if (field.number == item && read_item(field.bytes, item_)) take_item();
            if (field.number == step) {
                (void)each_field(field.bytes, [&](const ProtoField& part) {
                    if (part.number == 1) step_ = static_cast<std::int64_t>(part.value);
                });
            }
        });
        if (cells_.empty()) return is_whole;
        values_.clear();
        for (const auto& [name, value] : cells_) values_.push_back({name, as_value(value)});
        if (auto added = into_->add(step_, time_ns_, values_); !added) return added.error();
        return is_whole;
    }

  private:
    [[nodiscard]] static Value as_value(const nlohmann::json& value) {
        if (value.is_string()) return Value{value.get_ref<const std::string&>()};
        if (value.is_boolean()) return Value{value.get<bool>()};
        if (value.is_number_unsigned()) return Value{value.get<std::uint64_t>()};
        if (value.is_number_integer()) return Value{value.get<std::int64_t>()};
        return Value{value.get<double>()};
    }

    void take_item() {
        std::size_t bytes = 0;
        for (const std::string& part : item_.path) bytes += part.size() + 1;
        if (bytes > max_metric_name_bytes + 1)
            return left_out_->add(item_.path.front(), "its name is too long");
        for (std::size_t parts = 1; parts < item_.path.size(); ++parts) {
            if (const std::string above = item_.name(parts); rich_.contains(above))
                return left_out_->add(above, "it is a rich one");
        }
        const std::string name = item_.name(item_.path.size());
        nlohmann::json value = value_from(item_.json);
        if (name == "_step")
            take_step(value);
        else if (name == "_timestamp" && value.is_number())
            time_ns_ = ns_from_seconds(value.get<double>());
        else if (name != "_runtime")
            take(name, value, true);
    }
    void take_step(const nlohmann::json& value) {
        constexpr double exact = 9007199254740992;  // to here a double has each integer
        const double number = value.is_number() ? value.get<double>() : detail::not_a_number;
        if (value.is_number_integer() &&
            (!value.is_number_unsigned() || value.get<std::uint64_t>() >> 63U == 0))
            step_ = value.get<std::int64_t>();
        else if (std::abs(number) <= exact && std::trunc(number) == number)
            step_ = static_cast<std::int64_t>(number);
        else
            left_out_->add("_step", "it is no step, so the row has the one before");
    }
    /// What is within a value is a metric of its own, as W&B has it.
    void take(const std::string& name, nlohmann::json& value, bool is_whole) {
        if (name.size() > max_metric_name_bytes) return left_out_->add(name, "its name is too long");
        if (value.is_object()) {
            if (value.contains("_type")) return left_out_->add(name, "it is a rich one");
            for (auto& [key, inner] : value.items()) {
                if (key.size() > max_metric_name_bytes)
                    left_out_->add(name, "a name in it is too long");
                else
                    take(std::string{name}.append(".").append(key), inner, false);
            }
            return;
        }
        if (value.is_array() || value.is_discarded())
            return left_out_->add(name, "it is no number and no text");
        if (value.is_null()) return;
        if (value.is_string()) {
            const std::string& text = value.get_ref<const std::string&>();
            if (text.size() > max_text_bytes)
                left_out_->add(name, "the end of a text of more than 1,024 bytes");
            const bool is_number = text == "NaN" || text == "Infinity" || text == "-Infinity";
            if (!is_whole && is_number) value = value_from(std::string{text});
        }
        if (!cells_.emplace(name, std::move(value)).second) left_out_->add(name, "it stands twice in a row");
    }

    RunImport* into_;
    LeftOutOfRun* left_out_;
    Item item_;
    std::set<std::string, std::less<>> rich_;
    std::map<std::string, nlohmann::json> cells_;
    std::vector<NamedValue> values_;
    std::int64_t step_ = 0, time_ns_ = 0;
};

/// One session of a run.
struct Session {
    os::Path log;
    Told told;

    /// What its folder is called: run-TIME-ID, of one that was begun offline too.
    [[nodiscard]] std::string folder() const {
        constexpr std::string_view offline = "offline-";
        std::string name = log.parent_path().filename().string();
        return name.starts_with(offline) ? name.substr(offline.size()) : name;
    }
};

/// What a session says. Fails as the disk does.
inline result<Session> read_session(const os::Path& log, LeftOut& damaged) {
    Session session{log, {}};
    Told& told = session.told;
    const auto read =
        each_record(log, damaged, [&](Kind kind, std::span<const std::byte> message) -> result<bool> {
            if (kind == Kind::run) return take_run(message, told);
            if (kind == Kind::config) return take_config(message, told.config);
            if (kind != Kind::exit) return true;
            std::int64_t code = 0;
            const bool is_whole = each_field(message, [&](const ProtoField& field) {
                if (field.number == 1) code = static_cast<std::int32_t>(field.value);
            });
            if (is_whole) told.exit = code;
            return is_whole;
        });
    if (!read) return read.error();
    return session;
}
/// Its rows and its output. Fails as the disk does.
inline result<void> read_rows(const os::Path& log, RunImport& into, LeftOutOfRun& left_out,
                              LeftOut& damaged) {
    HistoryRows rows{into, left_out};
    return each_record(log, damaged, [&](Kind kind, std::span<const std::byte> message) -> result<bool> {
        if (kind == Kind::history) return rows.add(message);
        if (kind != Kind::output) return true;
        result<void> done;
        const bool is_whole = each_field(message, [&](const ProtoField& field) {
            if (field.number == 3 && done) done = into.add_output(field.text());
        });
        if (!done) return done.error();
        return is_whole;
    });
}

/// Every file of a run's records in `at`, or it itself. Follows no link: W&B's `latest-run` is one.
inline result<void> find_logs(const os::Path& at, int depth, std::vector<os::Path>& found) {
    constexpr int most_depth = 4;
    const auto there = os::status(at, depth == 0 ? os::Links::follow : os::Links::refuse);
    if (!there) return there.error();
    if (there->is_file && at.extension() == ".wandb") found.push_back(at);
    if (!there->is_dir || depth == most_depth) return {};
    const auto names = os::list_dir(at);
    if (!names) return names.error();
    for (const std::string& name : *names) {
        if (name == "files" || name == "logs") continue;  // of a run's folder
        if (auto done = find_logs(at / os::path_of(name), depth + 1, found); !done) return done;
    }
    return {};
}

/// A name that a folder can have; another one for each name.
[[nodiscard]] inline std::string own_id(const std::string& name) {
    constexpr std::size_t most = 100, digits = 8;
    std::string id = id_from(name);
    return id == name ? id : id.substr(0, most) + "-" + sha256(bytes_of(name)).hex().substr(0, digits);
}

/// The sessions of each run, in the order in which they were begun. A copy of a session is not one more.
using Runs = std::map<std::pair<std::string, std::string>, std::vector<Session>>;
inline result<Runs> read_sessions(const std::vector<os::Path>& logs, WandbImport& made, LeftOut& damaged) {
    Runs runs;
    for (const os::Path& log : logs) {
        auto session = read_session(log, damaged);
        if (!session) return session.error();
        if (session->told.id.empty()) {
            damaged.add_once({errc::corrupt, "this file does not say of which run it is", log.string(),
                              "its program ended before it had written that"});
            continue;
        }
        runs[{session->told.project, session->told.id}].push_back(std::move(*session));
    }
    for (auto& [name, sessions] : runs) {
        std::sort(sessions.begin(), sessions.end(), [](const Session& a, const Session& b) {
            return std::tuple{a.folder(), a.told.start_ns, a.log} <
                   std::tuple{b.folder(), b.told.start_ns, b.log};
        });
        for (std::size_t i = 1; i < sessions.size();) {
            const Session &one = sessions[i - 1], &next = sessions[i];
            if (next.folder() != one.folder() || next.told.start_ns != one.told.start_ns) {
                ++i;
                continue;
            }
            made.left_out.emplace_back(errc::unsupported,
                                       "two files have the same session of run " + printable(name.second),
                                       next.log.string(), "this one is read: " + one.log.string());
            sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    return runs;
}

/// Makes a run of its sessions. Fails as `init` and the disk do.
inline result<ImportedRun> import_run(std::vector<Session>& sessions, ImportOptions to, WandbImport& made,
                                      LeftOut& damaged) {
    Told& last = sessions.back().told;
    nlohmann::json config = nlohmann::json::object();
    for (Session& session : sessions) config.update(session.told.config);
    if (to.project.empty() && !last.project.empty()) to.project = own_id(last.project);
    try {
        RunImport into{to,
                       {.name = last.name.empty() ? last.id : last.name,
                        .id = own_id(last.id),
                        .config = std::move(config),
                        .tags = last.tags,
                        .notes = last.notes,
                        .group = last.group,
                        .job_type = last.job_type}};
        LeftOutOfRun left_out{printable(as_utf8(last.id)), made.left_out};
        for (const Session& session : sessions) {
            if (auto read = read_rows(session.log, into, left_out, damaged); !read) {
                into.fail(read.error());
                return read.error();
            }
        }
        const bool has_failed = last.exit && *last.exit != 0;
        return into.finish(has_failed   ? "exit code " + std::to_string(*last.exit)
                           : !last.exit ? "its records have no end"
                                        : "");
    } catch (const error& failure) {  // of `init`
        return failure;
    }
}

}  // namespace detail::wandb

/// Makes a run of each that W&B's client has kept in `from`: the folder `wandb`, the folder of a run, or a
/// file `run-ID.wandb`; the sessions of one run are one. Numbers, bools and texts with step and time; config,
/// name, notes, tags, group, job type; the output, and how it ended. Each goes into its own project, unless
/// the options name one. Rich values are left out, and that is told; also left out are the summary,
/// definitions of metrics, alerts, samples of the machine, files and artifacts. A run that is here already is
/// told of and left as it is. Of a file that is damaged or ends within a record what lies before is read.
/// Fails: not_found; invalid_argument, for a project of no name; as the disk does. Cost: two passes; memory
/// for a record, and for the configs.
[[nodiscard]] inline result<WandbImport> import_wandb(const std::filesystem::path& from,
                                                      const ImportOptions& options = {}) {
    namespace wandb = detail::wandb;
    std::vector<std::filesystem::path> logs;
    if (auto found = wandb::find_logs(from, 0, logs); !found) return found.error();
    if (logs.empty()) {
        return error{
            errc::not_found, "there is no run of W&B's client", from.string(),
            "name the folder \"wandb\", or one below it: what its client keeps of a run ends with .wandb"};
    }
    WandbImport made;
    detail::LeftOut damaged;  // each complaint once: a file is read twice
    auto runs = wandb::read_sessions(logs, made, damaged);
    if (!runs) return runs.error();
    for (auto& [name, sessions] : *runs) {
        auto run = wandb::import_run(sessions, options, made, damaged);
        if (!run && run.error().code() == errc::already_exists) {
            made.left_out.emplace_back(errc::already_exists, "this run is here already",
                                       detail::printable(name.second),
                                       "remove it, or import into another project or store");
        } else if (!run) {
            return run.error();
        } else {
            made.runs.push_back(std::move(*run));
        }
    }
    made.damaged = damaged.all();
    return made;
}

}  // namespace CAIRN_NAMESPACE
