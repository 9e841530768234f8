// SPDX-License-Identifier: MIT
#pragma once
// W&B's runs, as its client keeps them on the disk, as ours. Costs nlohmann/json, and all that records a run.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/run_import.hpp>
#include <cairn/mirror/wandb_log.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What was made of the runs of W&B.
struct WandbImport {
    std::vector<ImportedRun> runs;  ///< one for each run's id
    std::vector<error> damaged;     ///< of files that are not whole; what lies before that was read
    std::vector<error> left_out;    ///< what no row can have, once for each metric
};

namespace detail::wandb {

/// What the records of a run's sessions say of it, beside its rows.
struct RunTold {
    std::string id{}, project{}, name{}, notes{}, group{}, job_type{};
    std::vector<std::string> tags{};
    nlohmann::json config = nlohmann::json::object();
    std::optional<std::int64_t> exit{};  ///< of the last session; nothing: it has no end
};

/// A value that W&B's JSON has, which knows NaN and the infinities on their own; discarded, if it is none.
[[nodiscard]] inline nlohmann::json value_from(std::string_view text) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return infinity;
    if (text == "-Infinity") return -infinity;
    if (json_depth(text) > most_json_depth) return nlohmann::json::value_t::discarded;
    return nlohmann::json::parse(text, nullptr, false);
}

/// An item of history or config: {key, nested_key, value_json}.
struct Item {
    std::vector<std::string> path;
    std::string_view json;
};
[[nodiscard]] inline bool read_item(std::span<const std::byte> message, Item& item) {
    std::string key;
    item = {};
    const bool is_whole = each_field(message, [&](const ProtoField& field) {
        if (field.number == 1) key = field.text();
        if (field.number == 2) item.path.emplace_back(field.text());
        if (field.number == 16) item.json = field.text();
    });
    if (item.path.empty()) item.path.push_back(std::move(key));
    return is_whole;
}

/// Puts what a record of the config says into the config. W&B's own part, `_wandb`, is left out.
[[nodiscard]] inline bool take_config(std::span<const std::byte> record, nlohmann::json& config) {
    bool is_whole = true;
    const bool is_record = each_field(record, [&](const ProtoField& field) {
        Item item;
        if (field.number > 2 || !read_item(field.bytes, item)) {
            is_whole = is_whole && field.number > 2;
            return;
        }
        if (item.path.front() == "_wandb" || item.path.size() > most_json_depth) return;
        nlohmann::json* at = &config;
        for (std::size_t i = 0; i + 1 < item.path.size(); ++i) {
            at = &(*at)[item.path[i]];
            if (!at->is_object()) *at = nlohmann::json::object();
        }
        nlohmann::json value = value_from(item.json);
        if (field.number == 2)
            at->erase(item.path.back());
        else if (!value.is_discarded())
            (*at)[item.path.back()] = std::move(value);
    });
    return is_record && is_whole;
}
/// The same for the record of the run. Later ones say what has changed.
[[nodiscard]] inline bool take_run(std::span<const std::byte> record, RunTold& told) {
    std::vector<std::string> tags;
    bool is_whole = true;
    const bool is_record = each_field(record, [&](const ProtoField& field) {
        switch (field.number) {
            case 1: told.id = field.text(); break;
            case 3: told.project = field.text(); break;
            case 4: is_whole = is_whole && take_config(field.bytes, told.config); break;
            case 6: told.group = field.text(); break;
            case 7: told.job_type = field.text(); break;
            case 8: told.name = field.text(); break;
            case 9: told.notes = field.text(); break;
            case 10: tags.emplace_back(field.text()); break;
            default: break;
        }
    });
    if (!tags.empty()) told.tags = std::move(tags);
    return is_record && is_whole;
}

/// Makes rows of records of the history.
class HistoryRows {
  public:
    HistoryRows(RunImport& into, std::vector<error>& left_out) : into_{&into}, left_out_{&left_out} {}

    /// False if it is no such record.
    [[nodiscard]] bool add(std::span<const std::byte> record, result<void>& done) {
        items_.clear();
        bool is_whole = true;
        const bool is_record = each_field(record, [&](const ProtoField& field) {
            if (field.number == 1) is_whole = is_whole && read_item(field.bytes, items_.emplace_back());
            if (field.number == 2) {
                is_whole = is_whole && each_field(field.bytes, [&](const ProtoField& step) {
                               if (step.number == 1) step_ = static_cast<std::int64_t>(step.value);
                           });
            }
        });
        if (!is_record || !is_whole) return false;
        rich_.clear();
        for (const Item& item : items_) {
            if (item.path.size() > 1 && item.path.back() == "_type") rich_.insert(above(item.path));
        }
        cells_.clear();
        for (const Item& item : items_) take(item);
        if (cells_.empty()) return true;
        values_.clear();
        for (const auto& [name, value] : cells_) values_.push_back({name, as_value(value)});
        done = into_->add(step_, time_ns_, values_);
        return true;
    }

  private:
    [[nodiscard]] static std::string above(const std::vector<std::string>& path) {
        std::string out;
        for (std::size_t i = 0; i + 1 < path.size(); ++i) out += (i == 0 ? "" : ".") + path[i];
        return out;
    }
    [[nodiscard]] static Value as_value(const nlohmann::json& value) {
        if (value.is_string()) return Value{value.get_ref<const std::string&>()};
        if (value.is_boolean()) return Value{value.get<bool>()};
        if (value.is_number_unsigned()) return Value{value.get<std::uint64_t>()};
        if (value.is_number_integer()) return Value{value.get<std::int64_t>()};
        return Value{value.get<double>()};
    }

    void take(const Item& item) {
        const std::string inside = above(item.path);
        if (!inside.empty() && rich_.contains(inside)) return leave_out(inside, "is a rich value");
        nlohmann::json value = value_from(item.json);
        const std::string name = inside.empty() ? item.path.back() : inside + "." + item.path.back();
        if (name == "_step" && value.is_number_integer()) {
            step_ = value.get<std::int64_t>();
        } else if (name == "_timestamp" && value.is_number()) {
            constexpr double most_seconds = static_cast<double>(most_ms) / 1000;
            const double seconds = value.get<double>();
            const double known = std::isnan(seconds) ? 0 : std::clamp(seconds, -most_seconds, most_seconds);
            time_ns_ = std::llround(known * 1000) * ns_per_ms;
        } else if (name != "_runtime") {
            take(name, std::move(value));
        }
    }
    /// What is within a value is a metric of its own, as W&B has it.
    void take(const std::string& name, nlohmann::json value) {
        if (value.is_object() && value.contains("_type")) return leave_out(name, "is a rich value");
        if (value.is_object()) {
            for (auto& [key, inner] : value.items()) take(name + "." + key, std::move(inner));
        } else if (value.is_array() || value.is_discarded()) {
            leave_out(name, "is no number and no text");
        } else if (!value.is_null()) {
            cells_.insert_or_assign(name, std::move(value));
        }
    }
    void leave_out(const std::string& name, const char* why) {
        if (left_out_once_.insert(name).second)
            left_out_->push_back({errc::unsupported, "a metric " + std::string{why} + ", and was left out",
                                  name, "W&B's own files have it"});
    }

    RunImport* into_;
    std::vector<error>* left_out_;
    std::vector<Item> items_;
    std::set<std::string> rich_, left_out_once_;
    std::map<std::string, nlohmann::json> cells_;
    std::vector<NamedValue> values_;
    std::int64_t step_ = 0, time_ns_ = 0;
};

/// Calls `f(kind, message) -> bool` for each record of a file; false: it is not what it says. Returns why the
/// file could not be read to its end. Fails as the disk does.
template <class F>
result<std::optional<error>> each_record(const os::Path& path, F&& f) {
    auto log = WandbLogReader::open(path);
    if (!log && log.error().code() == errc::corrupt) return std::optional{log.error()};
    if (!log) return log.error();
    std::span<const std::byte> record;
    for (;;) {
        const auto more = log->next(record);
        if (!more && more.error().code() == errc::corrupt) return std::optional{more.error()};
        if (!more) return more.error();
        if (!*more) return std::optional<error>{};
        bool is_one = true;
        const bool is_record = each_field(record, [&](const ProtoField& field) {
            if (field.wire == 2) is_one = is_one && f(static_cast<Kind>(field.number), field.bytes);
        });
        if (!is_record || !is_one) return std::optional{log->damaged("a record")};
    }
}

/// The files of one run, by session.
struct RunFiles {
    RunTold told;
    std::vector<os::Path> logs;
};

/// What is said in one more session.
inline result<void> read_told(const os::Path& log, RunTold& told) {
    told.exit.reset();
    const auto read = each_record(log, [&](Kind kind, std::span<const std::byte> message) {
        if (kind == Kind::run) return take_run(message, told);
        if (kind == Kind::config) return take_config(message, told.config);
        if (kind != Kind::exit) return true;
        told.exit = 0;
        return each_field(message, [&](const ProtoField& field) {
            if (field.number == 1) told.exit = static_cast<std::int32_t>(field.value);
        });
    });
    return read ? result<void>{} : read.error();
}
/// Its rows and its output.
inline result<void> read_rows(const os::Path& log, RunImport& into, WandbImport& made) {
    HistoryRows rows{into, made.left_out};
    result<void> done;
    auto read = each_record(log, [&](Kind kind, std::span<const std::byte> message) {
        if (!done) return true;
        if (kind == Kind::history) return rows.add(message, done);
        if (kind != Kind::output) return true;
        return each_field(message, [&](const ProtoField& field) {
            if (field.number == 3 && done) done = into.add_output(field.text());
        });
    });
    if (!read) return read.error();
    if (*read) made.damaged.push_back(**std::move(read));
    return done;
}

/// Every file of a run's records in `at`, or it itself, in the order of their folders' names. Follows no
/// link: W&B's `latest-run` is one.
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

}  // namespace detail::wandb

/// Makes a run of each that W&B's client has kept in `from`: the folder `wandb`, the folder of a run, or a
/// file `run-ID.wandb`; the sessions of one run are one. Numbers, bools and texts with step and time; config,
/// name, notes, tags, group, job type; the output, and how it ended. Pictures, histograms and the like are
/// left out, and that is told; samples of the machine and artifacts are left out. Of a file that is damaged
/// or ends within a record what lies before is read. Fails: not_found; already_exists, if a run of that id
/// was imported before; as the disk does. Throws what `init` throws. Cost: two passes; memory for one record.
[[nodiscard]] inline result<WandbImport> import_wandb(const std::filesystem::path& from,
                                                      const ImportOptions& options = {}) {
    namespace wandb = detail::wandb;
    std::vector<std::filesystem::path> logs;
    if (auto found = wandb::find_logs(from, 0, logs); !found) return found.error();
    WandbImport made;
    std::map<std::string, wandb::RunFiles> runs;
    for (const std::filesystem::path& log : logs) {
        wandb::RunTold now;
        if (auto read = wandb::read_told(log, now); !read) return read.error();
        const std::string id = now.id.empty() ? log.stem().string() : now.id;
        wandb::RunFiles& run = runs[id];
        if (!run.logs.empty()) {
            if (auto read = wandb::read_told(log, run.told); !read) return read.error();
        } else {
            run.told = std::move(now);
            run.told.id = id;
        }
        run.logs.push_back(log);
    }
    for (auto& [id, run] : runs) {
        ImportOptions to = options;
        if (to.project.empty()) to.project = detail::id_from(run.told.project);
        detail::RunImport into{to,
                               {.name = run.told.name.empty() ? id : run.told.name,
                                .id = detail::id_from(id),
                                .config = std::move(run.told.config),
                                .tags = std::move(run.told.tags),
                                .notes = std::move(run.told.notes),
                                .group = std::move(run.told.group),
                                .job_type = std::move(run.told.job_type)}};
        for (const std::filesystem::path& log : run.logs) {
            if (auto read = wandb::read_rows(log, into, made); !read) {
                into.fail(read.error());
                return read.error();
            }
        }
        const auto& exit = run.told.exit;
        auto done = into.finish(!exit        ? "its records have no end"
                                : *exit != 0 ? "exit code " + std::to_string(*exit)
                                             : "");
        if (!done) return done.error();
        made.runs.push_back(std::move(*done));
    }
    if (made.runs.empty()) {
        return error{
            errc::not_found, "there is no run of W&B's client", from.string(),
            "name the folder \"wandb\", or one below it: what its client keeps of a run ends with .wandb"};
    }
    return made;
}

}  // namespace CAIRN_NAMESPACE
