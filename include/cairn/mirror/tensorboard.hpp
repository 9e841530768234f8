// SPDX-License-Identifier: MIT
#pragma once
// Runs for TensorBoard. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/tensorboard_media.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/tfevents.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_reader.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

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

/// How far a rank was mirrored to TensorBoard.
struct TensorboardCursor {
    int format = 1;                   ///< of this record
    std::string file{};               ///< of the session, in the rank's folder there
    std::uint64_t bytes = 0;          ///< of it; what is behind them was not counted
    std::uint64_t session = 0;        ///< of the run: each has a file of its own
    bool is_over = false;             ///< the file says how the session ended
    RowCounts rows{};                 ///< that were handed on
    std::uint64_t media = 0;          ///< rich values that lie before this place were
    nlohmann::json before = nullptr;  ///< the cursor as it was when this session's file was begun
    nlohmann::json unsaid{};          ///< what was left out, as `LeftOut` keeps it

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(TensorboardCursor, format, file, bytes, session, is_over, rows, media,
                                   before, unsaid)
};

/// Writes what is new of a rank.
class EventMirror {
  public:
    EventMirror(unsigned rank, const os::Path& rank_dir) : rank_{rank}, rows_{rank_dir}, media_{rank_dir} {}

    /// How the file begins.
    result<void> begin(EventWriter& writer, const RecordedRun& run) const {
        if (rank_ != 0) return {};
        return put_content(writer, "_hparams_/session_start_info", session_start(run),
                           seconds_since_epoch(run.started_ns()));
    }
    /// Rows first: a rich value is written after its row. Returns how many rows there were.
    result<std::uint64_t> add(EventWriter& writer, TensorboardCursor& cursor, bool has_ended,
                              LeftOut& left_out) {
        left_out.add_once(media_.losses());
        std::uint64_t rows = 0;
        result<void> done;
        const auto write = [&](const StoredRow& row) {
            const std::uint64_t count = ++seen_[row.ring];
            if (!done || count <= cursor.rows[row.ring]) return;
            cursor.rows[row.ring] = count;
            if (row.kind == RecordKind::row) {
                done = put_row(writer, row);
                ++rows;
            }
        };
        if (auto read = rows_.next(write); !read) return read.error();
        left_out.add_once(rows_.losses(has_ended));
        for (; done && media_seen_ < media_.all().size(); ++media_seen_) {
            const RecordedMedia& one = media_.all()[media_seen_];
            if (one.at < cursor.media) continue;
            done = put_value(writer, one, left_out);
            cursor.media = one.at + 1;
        }
        if (!done) return done.error();
        return rows;
    }
    /// How it ends.
    result<void> end(EventWriter& writer, const RecordedRun& run) const {
        if (rank_ != 0) return {};
        return put_content(writer, "_hparams_/session_end_info", session_end(run),
                           seconds_since_epoch(run.ended_ns() != 0 ? run.ended_ns() : run.started_ns()));
    }

  private:
    static result<void> put_content(EventWriter& writer, std::string_view tag,
                                    const std::vector<std::byte>& what, double seconds) {
        writer.begin(seconds, 0);
        writer.content(tag, "hparams", what);
        return writer.end();
    }
    static result<void> put_row(EventWriter& writer, const StoredRow& row) {
        writer.begin(seconds_since_epoch(row.time_ns), row.step);
        for (const auto& [name, value] : row.values) {
            if (value.is_text())
                writer.text(name, as_utf8(value.text()));
            else
                writer.scalar(name, value.number());
        }
        return writer.end();
    }
    /// What TensorBoard cannot have is said once for each metric.
    result<void> put_value(EventWriter& writer, const RecordedMedia& one, LeftOut& left_out) {
        const auto bytes = media_.bytes_of(one);
        writer.begin(seconds_since_epoch(one.time_ns), one.step);
        const auto put = bytes ? put_media(writer, one, *bytes) : result<void>{bytes.error()};
        if (put) return writer.end();
        if (put.error().code() != errc::unsupported || refused_.insert(one.metric).second)
            left_out.add(put.error());
        return {};
    }

    unsigned rank_;
    RowFollower rows_;
    MediaList media_;
    std::size_t media_seen_ = 0;
    RowCounts seen_;
    std::set<std::string> refused_;
};

/// The folder that a rank has there.
[[nodiscard]] inline os::Path tensorboard_folder(const std::filesystem::path& to, const RecordedRun& run,
                                                 unsigned rank) {
    os::Path folder = to / os::path_of(run.project()) / os::path_of(run.id());
    if (rank != 0) folder /= "rank" + std::to_string(rank);
    return folder;
}
/// Files of a folder are read in the order of their names, so the seconds have ten digits.
[[nodiscard]] inline std::string event_file_name(std::int64_t ns) {
    char seconds[24];
    std::snprintf(seconds, sizeof seconds, "%010lld", static_cast<long long>(ns / 1'000'000'000));
    return "events.out.tfevents." + std::string{seconds} + ".cairn.0.0.v2";
}

/// One rank that is mirrored.
class TensorboardRank : public KeptCursor<TensorboardCursor> {
  public:
    /// Goes on from where an earlier one got. Fails: busy, if another is at it.
    static result<TensorboardRank> open(const RecordedRun& run, unsigned rank, const os::Path& rank_dir,
                                        const std::filesystem::path& to) {
        auto kept = KeptCursor::open(rank_dir, "tensorboard", to.string());
        if (!kept) return kept.error();
        return TensorboardRank{std::move(*kept), rank, rank_dir, tensorboard_folder(to, run, rank)};
    }

    result<MirrorReport> catch_up(const RecordedRun& run, const RankStanding& now) {
        const bool has_ended = now.state != RunState::running, goes_on = cursor_.session == now.session;
        if (cursor_.is_over && goes_on) {
            const auto there = os::status(folder_ / cursor_.file);
            if (!there) return there.error();
            if (there->exists) return MirrorReport{.is_over = true, .left_out = left_out_.all()};
            if (writer_) {  // what this object has read it does not read again: the next one does
                return error{errc::not_found, "the mirrored run was removed", folder_.string(),
                             "mirror it again"};
            }
            start_session_again();
        }
        if (auto begun = writer_ && goes_on ? result<void>{} : begin(run, now.session); !begun)
            return begun.error();
        const auto rows = events_.add(*writer_, cursor_, has_ended, left_out_);
        if (!rows) return rows.error();
        if (has_ended) {
            if (auto ended = events_.end(*writer_, run); !ended) return ended.error();
            cursor_.is_over = true;
        }
        // First what was said, then that it was.
        if (auto flushed = writer_->flush(); !flushed) return flushed.error();
        cursor_.bytes = writer_->bytes();
        if (auto saved = save(); !saved) return saved.error();
        return MirrorReport{*rows, cursor_.is_over, left_out_.all()};
    }

  private:
    TensorboardRank(KeptCursor kept, unsigned rank, const os::Path& rank_dir, os::Path folder)
        : KeptCursor{std::move(kept)}, folder_{std::move(folder)}, events_{rank, rank_dir} {}

    result<void> begin(const RecordedRun& run, std::uint64_t session) {
        if (cursor_.session == session && !cursor_.file.empty()) {
            auto writer = EventWriter::go_on(folder_ / cursor_.file, cursor_.bytes);
            if (writer) {
                writer_.emplace(std::move(*writer));
                return {};
            }
            if (writer.error().code() != errc::not_found && writer.error().code() != errc::corrupt)
                return writer.error();
            start_session_again();
        }
        constexpr std::int64_t second = 1'000'000'000;
        start_session(session);
        const std::string before = std::exchange(cursor_.file, event_file_name(run.started_ns()));
        if (before >= cursor_.file) cursor_.file = event_file_name((seconds_of(before) + 1) * second);
        if (auto made = os::make_dirs(folder_); !made) return made;
        (void)os::remove_file(folder_ / cursor_.file);  // of one that got no further than this
        auto writer = EventWriter::create(folder_ / cursor_.file, seconds_since_epoch(run.started_ns()));
        if (!writer) return writer.error();
        writer_.emplace(std::move(*writer));
        return events_.begin(*writer_, run);
    }
    [[nodiscard]] static std::int64_t seconds_of(const std::string& file) {
        constexpr std::size_t at = std::string_view{"events.out.tfevents."}.size(), digits = 10;
        return std::strtoll(file.substr(at, digits).c_str(), nullptr, 10);
    }

    os::Path folder_;
    std::optional<EventWriter> writer_;
    EventMirror events_;
};

}  // namespace detail

/// Writes a run as TensorBoard reads it, into the folder PROJECT/ID in `to`, and further ranks below that as
/// runs of their own. Every value has its step and its time; TensorBoard has floats only, so a value is
/// rounded to one. Texts are texts, and the config is what its HParams tab shows; histograms, images, sound,
/// tables and confusion matrices too. Returns what TensorBoard cannot have. What was written of the run
/// before is replaced. Fails: corrupt, unsupported; as the disk does. Cost: one pass over the history; memory
/// for 64 MiB of it, however long it is.
[[nodiscard]] inline result<MirrorReport> export_tensorboard(const RecordedRun& run,
                                                             const std::filesystem::path& to) {
    namespace os = detail::os;
    MirrorReport report;
    detail::LeftOut left_out;
    const auto ranks = run.ranks();
    if (!ranks) return ranks.error();
    for (const unsigned rank : *ranks) {
        const os::Path folder = detail::tensorboard_folder(to, run, rank);
        if (auto made = os::make_dirs(folder); !made) return made.error();
        const detail::TempPath temp{folder / ("." + detail::temp_name())};
        auto writer = detail::EventWriter::create(temp.path(), detail::seconds_since_epoch(run.created_ns()));
        if (!writer) return writer.error();
        detail::EventMirror events{rank, detail::rank_dir(run.dir(), rank)};
        detail::TensorboardCursor cursor;
        if (auto begun = events.begin(*writer, run); !begun) return begun.error();
        report.is_over = run.state() != RunState::running;
        const auto rows = events.add(*writer, cursor, report.is_over, left_out);
        if (!rows) return rows.error();
        report.rows += *rows;
        if (auto ended = report.is_over ? events.end(*writer, run) : result<void>{}; !ended)
            return ended.error();
        if (auto closed = writer->close(); !closed) return closed.error();
        const os::Path path = folder / detail::event_file_name(run.created_ns());
        if (auto placed = os::rename_replace(temp.path(), path); !placed) return placed.error();
    }
    report.left_out = left_out.all();
    return report;
}

/// Writes the same while the run goes on, or afterwards: each time what is new. Each session of a run has a
/// file of its own. How far it got stands in the run's folder, below `mirrors/`. Threads: one at a time.
class TensorboardMirror {
  public:
    /// Into this folder. Fails: busy, if another mirrors the run to it; permission, where the run's folder
    /// cannot be written.
    static result<TensorboardMirror> open(const RecordedRun& run, const std::filesystem::path& to) {
        std::error_code failed;
        std::filesystem::path folder = std::filesystem::absolute(to, failed).lexically_normal();
        auto ranks =
            Ranks::open(run, [folder](const RecordedRun& of, unsigned rank, const detail::os::Path& dir) {
                return detail::TensorboardRank::open(of, rank, dir, folder);
            });
        if (!ranks) return ranks.error();
        return TensorboardMirror{std::move(folder), std::move(*ranks)};
    }

    /// Writes what is new. Fails: no_space and the like, as the disk does; corrupt, if the history is. Cost:
    /// as much as there is new; the first time, all of the history is read.
    result<MirrorReport> catch_up(const RecordedRun& run) { return ranks_.catch_up(run); }
    /// What to give to `tensorboard --logdir`.
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return to_; }

  private:
    using Ranks = detail::Ranks<detail::TensorboardRank>;
    TensorboardMirror(std::filesystem::path to, Ranks ranks) : to_{std::move(to)}, ranks_{std::move(ranks)} {}

    std::filesystem::path to_;
    Ranks ranks_;
};
static_assert(Mirror<TensorboardMirror>);

}  // namespace CAIRN_NAMESPACE
