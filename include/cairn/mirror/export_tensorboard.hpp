// SPDX-License-Identifier: MIT
#pragma once
// Runs for TensorBoard. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/tfevents.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

// ---- out

[[nodiscard]] inline double seconds_since_epoch(std::int64_t ns) noexcept {
    return static_cast<double>(ns) / 1e9;
}

/// The config, as the hyperparameters' plugin has it: numbers, switches and texts; else JSON as a text.
[[nodiscard]] inline std::vector<std::byte> session_start(const RecordedRun& run) {
    std::vector<std::byte> start, content;
    each_entry(run.config(), "", [&](const std::string& key, const nlohmann::json& value) {
        std::vector<std::byte> shown, entry;
        ProtoWriter out{shown};
        if (value.is_boolean())
            out.varint(4, value.get<bool>() ? 1 : 0);
        else if (value.is_number())
            out.number(2, value.get<double>());
        else
            out.text(3, value.is_string() ? value.get_ref<const std::string&>() : json_text(value));
        ProtoWriter{entry}.text(1, key);
        ProtoWriter{entry}.message(2, shown);
        ProtoWriter{start}.message(1, entry);
    });
    ProtoWriter{start}.number(5, seconds_since_epoch(run.created_ns()));
    ProtoWriter{content}.message(3, start);
    return content;
}
/// How the run ended.
[[nodiscard]] inline std::vector<std::byte> session_end(const RecordedRun& run) {
    constexpr std::uint64_t success = 1, failure = 2;
    std::vector<std::byte> end, content;
    ProtoWriter{end}.varint(1, run.state() == RunState::finished ? success : failure);
    if (run.ended_ns() != 0) ProtoWriter{end}.number(2, seconds_since_epoch(run.ended_ns()));
    ProtoWriter{content}.message(4, end);
    return content;
}

inline result<void> write_events(const RecordedRun& run, unsigned rank, const os::Path& path) {
    const double created = seconds_since_epoch(run.created_ns());
    auto writer = EventWriter::create(path, created);
    if (!writer) return writer.error();
    result<void> done;
    const auto content = [&](std::string_view tag, const std::vector<std::byte>& what, double seconds) {
        writer->begin(seconds, 0);
        writer->content(tag, "hparams", what);
        if (done) done = writer->end();
    };
    if (rank == 0) content("_hparams_/session_start_info", session_start(run), created);
    const auto write = [&](const StoredRow& row) {
        if (row.kind != RecordKind::row || !done) return;
        writer->begin(seconds_since_epoch(row.time_ns), row.step);
        for (const auto& [name, value] : row.values) {
            if (value.is_text())
                writer->text(name, value.text());
            else
                writer->scalar(name, value.number());
        }
        done = writer->end();
    };
    RowFollower rows{rank_dir(run.dir(), rank)};
    if (auto read = rows.next(write); !read) return read;
    if (rank == 0 && run.state() != RunState::running)
        content("_hparams_/session_end_info", session_end(run),
                run.ended_ns() != 0 ? seconds_since_epoch(run.ended_ns()) : created);
    return done ? writer->close() : done;
}

}  // namespace detail

/// Writes a run as TensorBoard reads it, into the folder PROJECT/ID in `to`, and further ranks below that as
/// runs of their own. Every value has its step and its time; TensorBoard has floats only, so a value is
/// rounded to one. Texts are texts, and the config is what its HParams tab shows. What was written of the run
/// before is replaced. Fails: corrupt, unsupported; as the disk does. Cost: one pass over the history; memory
/// for 64 MiB of it, however long it is.
[[nodiscard]] inline result<void> export_tensorboard(const RecordedRun& run,
                                                     const std::filesystem::path& to) {
    namespace os = detail::os;
    const auto ranks = run.ranks();
    if (!ranks) return ranks.error();
    for (const unsigned rank : *ranks) {
        os::Path folder = to / os::path_of(run.project()) / os::path_of(run.id());
        if (rank != 0) folder /= "rank" + std::to_string(rank);
        if (auto made = os::make_dirs(folder); !made) return made;
        char seconds[24];  // ten digits: files of a folder are read in the order of their names
        std::snprintf(seconds, sizeof seconds, "%010lld",
                      static_cast<long long>(run.created_ns() / 1'000'000'000));
        const detail::TempPath temp{folder / ("." + detail::temp_name())};
        if (auto written = detail::write_events(run, rank, temp.path()); !written) return written;
        const os::Path path = folder / ("events.out.tfevents." + std::string{seconds} + ".cairn.0.0.v2");
        if (auto placed = os::rename_replace(temp.path(), path); !placed) return placed;
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE
