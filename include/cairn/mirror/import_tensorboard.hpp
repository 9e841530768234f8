// SPDX-License-Identifier: MIT
#pragma once
// TensorBoard's runs as ours. Costs nlohmann/json, and all that records a run.

#include <cairn/core/error.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/run_import.hpp>
#include <cairn/mirror/tfevents_read.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What was made of a folder of event files.
struct TensorboardImport {
    std::vector<ImportedRun> runs;  ///< one for each folder that has such files
    std::vector<error> damaged;     ///< of files that are not whole; what lies before that was read
};

namespace detail {

inline constexpr int most_folder_depth = 64;

/// Calls `f(folder, files) -> result<void>` for each folder in `root` that has event files, in the order of
/// their names. Follows no link.
template <class F>
result<void> each_event_folder(const os::Path& folder, int depth, F&& f) {
    const auto names = os::list_dir(folder);
    if (!names) return names.error();
    std::vector<os::Path> files, folders;
    for (const std::string& name : *names) {
        const os::Path path = folder / os::path_of(name);
        const auto there = os::status(path, os::Links::refuse);
        if (!there) return there.error();
        if (there->is_dir && !there->is_link) folders.push_back(path);
        if (there->is_file && name.find("tfevents") != std::string::npos) files.push_back(path);
    }
    if (!files.empty()) {
        if (auto done = f(folder, std::as_const(files)); !done) return done;
    }
    if (depth == most_folder_depth) return {};
    for (const os::Path& inner : folders) {
        if (auto done = each_event_folder(inner, depth + 1, f); !done) return done;
    }
    return {};
}

/// Values that were logged together, as TensorBoard has them: each an event, with the same step and time.
class EventRows {
  public:
    explicit EventRows(RunImport& into) : into_{&into} {}

    result<void> add(std::int64_t step, std::int64_t time_ns, const EventValue& value) {
        const bool is_new = std::any_of(cells_.begin(), cells_.end(),
                                        [&](const Cell& cell) { return cell.name == value.tag; }) ||
                            step != step_ || time_ns / ns_per_ms != time_ns_ / ns_per_ms ||
                            cells_.size() == most_cells;
        if (is_new) {
            if (auto written = flush(); !written) return written;
            step_ = step;
            time_ns_ = time_ns;
        }
        cells_.push_back({std::string{value.tag}, std::string{value.text}, value.number, value.is_text});
        return {};
    }
    result<void> flush() {
        if (cells_.empty()) return {};
        values_.clear();
        for (const Cell& cell : cells_)
            values_.push_back({cell.name, cell.is_text ? Value{cell.text} : Value{cell.number}});
        auto added = into_->add(step_, time_ns_, values_);
        cells_.clear();
        return added;
    }

  private:
    static constexpr std::size_t most_cells = 256;
    struct Cell {
        std::string name, text;
        double number = 0;
        bool is_text = false;
    };

    RunImport* into_;
    std::vector<Cell> cells_;
    std::vector<NamedValue> values_;
    std::int64_t step_ = 0, time_ns_ = 0;
};

/// The rows of an event file; what is wrong with it is put into `damaged`.
inline result<void> read_events(const os::Path& path, RunImport& into, std::vector<error>& damaged) {
    auto reader = EventReader::open(path);
    if (!reader) return reader.error();
    EventRows rows{into};
    std::span<const std::byte> event;
    result<void> done;
    while (done) {
        const auto more = reader->next(event);
        if (!more && more.error().code() != errc::corrupt) return more.error();
        if (!more) damaged.push_back(more.error());
        if (!more || !*more) break;
        const auto keep = [&](double seconds, std::int64_t step, const EventValue& value) {
            if (done) done = rows.add(step, ns_from_seconds(seconds), value);
        };
        if (!read_event(event, keep)) {
            damaged.push_back(reader->damaged("what an event says, before"));
            break;
        }
    }
    return done ? rows.flush() : done;
}

}  // namespace detail

/// Makes a run of each folder in `from` that has event files of TensorBoard, called as the folder is: every
/// scalar and text with its step and its time, to the millisecond. Pictures, histograms and graphs are left
/// out. Of a file that is damaged or ends within an event what lies before is read. Fails: not_found;
/// already_exists, if a run of that name was imported before; as the disk does. Throws what `init` throws.
/// Cost: one pass; memory for one event.
[[nodiscard]] inline result<TensorboardImport> import_tensorboard(const std::filesystem::path& from,
                                                                  const ImportOptions& options = {}) {
    TensorboardImport made;
    std::error_code failed;
    const std::filesystem::path root = std::filesystem::weakly_canonical(from, failed);
    const auto import = [&](const std::filesystem::path& folder,
                            const std::vector<std::filesystem::path>& files) -> result<void> {
        const std::filesystem::path inside = folder.lexically_relative(root);
        detail::RunImport into{options,
                               {.name = inside == "." ? root.filename().string() : inside.generic_string()}};
        for (const std::filesystem::path& file : files) {
            if (auto read = detail::read_events(file, into, made.damaged); !read) {
                into.fail(read.error());
                return read;
            }
        }
        auto run = into.finish();
        if (!run) return run.error();
        made.runs.push_back(std::move(*run));
        return {};
    };
    if (auto done = detail::each_event_folder(root, 0, import); !done) return done.error();
    if (made.runs.empty()) {
        return error{errc::not_found, "there is no event file of TensorBoard", from.string(),
                     "name the folder that --logdir names; the files' names have \"tfevents\" in them"};
    }
    return made;
}

}  // namespace CAIRN_NAMESPACE
