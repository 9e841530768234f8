// SPDX-License-Identifier: MIT
#pragma once
// One rank of a run, as W&B's client leaves it when it is offline. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/wandb_about.hpp>
#include <cairn/mirror/wandb_artifact.hpp>
#include <cairn/mirror/wandb_cursor.hpp>
#include <cairn/mirror/wandb_log.hpp>
#include <cairn/mirror/wandb_media.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/run_reader.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a run is mirrored to W&B.
struct WandbOptions {
    std::filesystem::path dir = {};  ///< its folders go to `wandb` in this; default: $WANDB_DIR, or here
    std::string entity = {};         ///< who is to have it; default: $WANDB_ENTITY, or who uploads it
    std::string project = {};        ///< default: the run's
    bool artifacts = true;           ///< with the files of artifacts, as links where that can be
};

namespace detail::wandb {

/// Values of one step, which W&B has in one row.
struct OpenRow {
    std::int64_t step = 0, time_ns = 0;
    std::map<std::string, std::string> values;  ///< as JSON
    RowCounts taken;                            ///< by ring, the count of its last row here
    std::size_t bytes = 0;
    std::uint64_t rows = 0;  ///< of the run that are in it
};

/// One rank of a run.
class RankMirror : public KeptCursor<Cursor> {
  public:
    /// Goes on from where an earlier one got. Fails: busy, if another is at it.
    static result<RankMirror> open(StoreReader store, unsigned rank, WandbOptions options, os::Path rank_dir,
                                   os::Path root) {
        auto kept = KeptCursor::open(rank_dir, "wandb", root.string());
        if (!kept) return kept.error();
        return RankMirror{std::move(*kept),   std::move(store),    rank,
                          std::move(options), std::move(rank_dir), std::move(root)};
    }

    result<MirrorReport> catch_up(const RecordedRun& run, const RankStanding& now) {
        const bool has_ended = now.state != RunState::running, goes_on = cursor_.session == now.session;
        if (cursor_.is_over && goes_on) {
            const auto there = os::status(folder());
            if (!there) return there.error();
            if (!there->exists && rank_ == 0) return gone();  // one is enough to tell
            return MirrorReport{.is_over = true, .left_out = left_out_.all()};
        }
        if (auto begun = records_ && goes_on ? result<void>{} : begin(run, now.session); !begun)
            return begun.error();
        if (auto told = tell_about(run); !told) return told.error();
        find_media();
        if (auto told = tell_rows(run, has_ended); !told) return told.error();
        if (auto told = tell_console(has_ended); !told) return told.error();
        if (auto told = tell_artifacts(run); !told) return told.error();
        if (auto told = tell_summary(run); !told) return told.error();
        if (has_ended) {
            if (auto told = records_->put(Kind::exit, exit_record(run, now.state)); !told)
                return told.error();
            if (auto told = records_->put(Kind::final, {}); !told) return told.error();
            cursor_.is_over = true;
        }
        if (auto saved = save(); !saved) return saved.error();
        return MirrorReport{std::exchange(new_rows_, 0), cursor_.is_over, left_out_.all(),
                            std::exchange(new_versions_, 0)};
    }

    /// Where the run is for W&B. Empty before the first `catch_up`.
    [[nodiscard]] os::Path folder() const {
        return cursor_.folder.empty() ? os::Path{} : root_ / cursor_.folder;
    }

  private:
    RankMirror(KeptCursor kept, StoreReader store, unsigned rank, WandbOptions options, os::Path rank_dir,
               os::Path root)
        : KeptCursor{std::move(kept)}, store_{std::move(store)}, rank_{rank}, options_{std::move(options)},
          dir_{std::move(rank_dir)}, root_{std::move(root)}, rows_{dir_}, media_{dir_} {}

    /// W&B's client removes what it has sent; to write it again unasked would send it twice.
    [[nodiscard]] error gone() const {
        return {errc::not_found,
                "all of the run was mirrored, and its folder is gone: W&B's client may have sent it",
                folder().string(), "to write it again, delete " + cursor_file_.path().string()};
    }

    // ---- the file

    /// Goes on where an earlier one was, or begins a folder.
    result<void> begin(const RecordedRun& run, std::uint64_t session) {
        if (cursor_.session == session && !cursor_.folder.empty()) {
            auto log = WandbLogWriter::go_on(log_path(run), cursor_.bytes);
            if (log) {
                records_.emplace(std::move(*log), cursor_.records);
                return {};
            }
            if (log.error().code() != errc::not_found && log.error().code() != errc::corrupt)
                return log.error();
            start_session_again();
        }
        start_session(session);
        cursor_.about.clear();
        cursor_.metrics.clear();
        if (auto made = make_folder(run); !made) return made;
        (void)os::remove_file(log_path(run));  // of one that got no further than this
        auto log = WandbLogWriter::create(log_path(run));
        if (!log) return log.error();
        records_.emplace(std::move(*log));
        Message version, header;
        put_text(version, 1, std::string{"cairn "} + CAIRN_VERSION);
        put_text(version, 2, "0.70.0");
        ProtoWriter{header}.message(1, version);
        return records_->put(Kind::header, header);
    }
    /// Named by the session's second, or by a later one, if another run or session has that. A file in it
    /// says whose it is: one that got no further than this, or whose cursor was lost, is taken again.
    result<void> make_folder(const RecordedRun& run) {
        const std::string owner =
            run.project() + "/" + run_id(run, rank_) + " " + std::to_string(cursor_.session);
        constexpr std::int64_t second = 1'000'000'000;
        for (std::int64_t at = run.started_ns();; at += second) {
            cursor_.folder = "offline-run-" + stamp(at) + "-" + run_id(run, rank_);
            const os::Path mark = folder() / "mirror-of";
            const auto known = read_file(mark, 4096);
            if (known && *known != owner) continue;
            if (!known && known.error().code() != errc::not_found) return known.error();
            if (auto made = os::make_dirs(folder() / "files"); !made) return made;
            if (known) return {};
            return write_file_atomically(mark, owner, Durability::process_crash, folder());
        }
    }
    [[nodiscard]] os::Path log_path(const RecordedRun& run) const {
        return folder() / ("run-" + run_id(run, rank_) + ".wandb");
    }
    /// First what was said, then that it was: a crash in between makes it be said again, in its place.
    result<void> save() {
        if (auto flushed = records_->flush(); !flushed) return flushed;
        count_media();
        cursor_.bytes = records_->bytes();
        cursor_.records = records_->count();
        return KeptCursor::save();
    }

    // ---- the run itself

    result<void> tell_about(const RecordedRun& run) {
        const std::string& project = options_.project.empty() ? run.project() : options_.project;
        const Message about = run_record(run, rank_, options_.entity, project);
        std::string digest = sha256(about).hex();
        if (digest != cursor_.about) {
            // Uploading takes the config of the first only, the live view that of every one.
            const bool is_first = cursor_.about.empty();
            auto put = is_first ? result<void>{} : records_->put(Kind::config, config_record(run));
            if (put) put = records_->put(Kind::run, about);
            if (put && is_first) put = records_->put(Kind::environment, environment_record(run));
            if (!put) return put;
            cursor_.about = std::move(digest);
        }
        const nlohmann::json metrics = about_of(run, "metrics", nlohmann::json::object());
        for (const auto& [name, metric] : metrics.items()) {
            if (!metric.is_object() || !cursor_.metrics.insert(name + json_text(metric)).second) continue;
            if (auto put = records_->put(Kind::metric, metric_record(name, metric)); !put) return put;
        }
        return {};
    }
    result<void> tell_summary(const RecordedRun& run) {
        Message summary;
        for (const auto& [key, json] : summary_) put_item(summary, {key}, json);
        if (!summary_.empty()) {
            put_item(summary, {"_wandb", "runtime"},
                     std::to_string((last_ns_ - run.created_ns()) / 1'000'000'000));
        }
        summary_.clear();
        const nlohmann::json user = run.user_summary();
        std::string digest = sha256(bytes_of(json_text(user))).hex();
        if (user.is_object() && !user.empty() && digest != cursor_.user_summary) {
            for (const auto& [key, value] : user.items())
                put_item(summary, {as_utf8(key)}, config_text(value));
            cursor_.user_summary = std::move(digest);
        }
        return summary.empty() ? result<void>{} : records_->put(Kind::summary, summary);
    }

    // ---- rows

    result<void> tell_rows(const RecordedRun& run, bool has_ended) {
        result<void> done;
        const auto take = [&](const StoredRow& row) {
            const std::uint64_t count = ++seen_[row.ring];
            if (!done || count <= cursor_.rows[row.ring]) return;
            done = take_row(run, row, count);
        };
        if (auto read = rows_.next(take); !read) return read;
        left_out_.add_once(rows_.losses(has_ended));
        if (!done) return done;
        // More of the same step may come in a moment; of a run that rests, nothing is held back.
        constexpr std::int64_t patience_ns = 10'000'000'000;
        if (pending_ && (has_ended || wall_ns() - pending_->time_ns > patience_ns)) {
            if (auto told = commit(run); !told) return told;
        }
        return tell_late_media(run);
    }
    result<void> take_row(const RecordedRun& run, const StoredRow& row, std::uint64_t count) {
        if (row.kind != RecordKind::row) {
            if (pending_ && pending_->taken.contains(row.ring)) {  // what was said of a ring is its beginning
                if (auto told = commit(run); !told) return told;
            }
            cursor_.rows[row.ring] = count;
            return row.kind == RecordKind::sample ? tell_sample(row) : tell_event(row);
        }
        constexpr std::size_t most_bytes = std::size_t{1} << 20U;
        const auto is_there = [&](const NamedValue& value) {
            return pending_->values.contains(row_key(value.name));
        };
        const bool fits = pending_ && pending_->step == row.step && pending_->bytes < most_bytes &&
                          std::none_of(row.values.begin(), row.values.end(), is_there);
        if (!fits) {
            if (auto told = commit(run); !told) return told;
            pending_.emplace();
            pending_->step = row.step;
        }
        pending_->time_ns = row.time_ns;
        pending_->taken[row.ring] = count;
        for (const auto& [name, value] : row.values) {
            std::string json = value_text(value);
            pending_->bytes += name.size() + json.size();
            pending_->values.insert_or_assign(row_key(name), std::move(json));
        }
        ++pending_->rows;
        return {};
    }
    /// Writes the row whose values have come.
    result<void> commit(const RecordedRun& run) {
        if (!pending_) return {};
        const OpenRow row = *std::exchange(pending_, std::nullopt);
        Message items;
        if (auto put = put_values(run, row, items); !put) return put;
        if (const auto here = waiting_.extract(row.step); !here.empty()) {
            std::set<std::string> keys;
            for (const std::size_t at : here.mapped()) {
                const RecordedMedia& one = media_.all()[at];
                const std::string key = row_key(one.metric);
                if (row.values.contains(key) || !keys.insert(key).second) {
                    waiting_[row.step].push_back(at);  // a row of its own: a row has each metric once
                } else if (auto told = put_media(items, one); !told) {
                    return told;
                }
            }
        }
        for (const auto& [key, json] : row.values) summary_.insert_or_assign(key, json);
        for (const auto& [ring, count] : row.taken) cursor_.rows[ring] = count;
        new_rows_ += row.rows;
        return put_row(run, row.step, row.time_ns, std::move(items));
    }
    /// A row that W&B's client would not send, for its size, becomes several of one step; what is left of it
    /// is put into `items`.
    result<void> put_values(const RecordedRun& run, const OpenRow& row, Message& items) {
        // It sends 10,383,360 bytes of JSON at most, in which a character of a name takes six at most.
        constexpr std::size_t most_bytes = std::size_t{1'600'000};
        for (const auto& [key, json] : row.values) {
            if (!items.empty() && items.size() + key.size() + json.size() > most_bytes) {
                if (auto put = put_row(run, row.step, row.time_ns, std::exchange(items, {})); !put)
                    return put;
            }
            put_item(items, {key}, json);
        }
        return {};
    }
    result<void> put_row(const RecordedRun& run, std::int64_t step, std::int64_t time_ns, Message items) {
        const std::pair<const char*, std::string> own[] = {
            {"_step", std::to_string(step)},
            {"_runtime", number_text(static_cast<double>(time_ns - run.created_ns()) / 1e9)},
            {"_timestamp", number_text(static_cast<double>(time_ns) / 1e9)}};
        for (const auto& [key, json] : own) {
            put_item(items, {key}, json);
            summary_.insert_or_assign(key, json);
        }
        last_ns_ = time_ns;
        Message number;
        put_number(number, 1, step);
        ProtoWriter{items}.message(2, number);
        return records_->put(Kind::history, items);
    }
    /// W&B keeps some names for itself; who has such a metric finds it below "cairn/".
    [[nodiscard]] std::string row_key(std::string_view name) {
        for (const std::string_view own : {"_step", "_runtime", "_timestamp", "_wandb"}) {
            if (name == own) {
                cursor_.renamed.emplace(name);
                return "cairn/" + std::string{name};
            }
        }
        return as_utf8(name);
    }
    result<void> tell_sample(const StoredRow& row) {
        Message stats;
        put_time(stats, 2, row.time_ns);
        for (const auto& [name, value] : row.values) {
            const std::string_view key =
                name.starts_with(system_prefix) ? name.substr(system_prefix.size()) : name;
            put_pair(stats, 3, as_utf8(key), value_text(value));
        }
        return records_->put(Kind::stats, stats);
    }
    result<void> tell_event(const StoredRow& row) {
        const auto alert = alert_of(row);
        return alert ? records_->put(Kind::alert, alert_record(*alert)) : result<void>{};
    }

    // ---- rich values

    result<void> put_media(Message& items, const RecordedMedia& one) {
        cursor_.media_ahead.insert(one.at);
        auto bytes = media_.bytes_of(one);
        auto media = bytes ? row_media(one, std::move(*bytes)) : result<RowMedia>{bytes.error()};
        if (!media) {
            left_out_.add(media.error());
            return {};
        }
        if (!media->path.empty()) {
            const os::Path path = folder() / "files" / os::path_of(media->path);
            if (auto made = os::make_dirs(path.parent_path()); !made) return made;
            auto written =
                write_file_atomically(path, media->bytes, Durability::process_crash, path.parent_path());
            if (!written) return written;
            Message files;
            put_text(files, 1, media->path);
            Message list;
            ProtoWriter{list}.message(1, files);
            if (auto put = records_->put(Kind::files, list); !put) return put;
        }
        if (!media->chart.is_null()) {
            Message config;
            put_item(config, {"_wandb", "visualize", as_utf8(media->chart_key)}, json_text(media->chart));
            if (auto put = records_->put(Kind::config, config); !put) return put;
        }
        const std::string key = row_key(media->key);
        if (media->value.is_object()) {
            for (const auto& [field, value] : media->value.items())
                put_item(items, {key, field}, json_text(value));
        } else {
            put_item(items, {key}, json_text(media->value));
        }
        summary_.insert_or_assign(key, json_text(media->value));
        return {};
    }
    /// Those that were written after their row was.
    result<void> tell_late_media(const RecordedRun& run) {
        for (auto of_step = waiting_.begin(); of_step != waiting_.end();) {
            if (pending_ && pending_->step == of_step->first) {
                ++of_step;
                continue;
            }
            for (const std::size_t at : of_step->second) {
                const RecordedMedia& one = media_.all()[at];
                Message items;
                if (auto told = put_media(items, one); !told) return told;
                if (items.empty()) continue;
                if (auto put = put_row(run, one.step, one.time_ns, std::move(items)); !put) return put;
            }
            of_step = waiting_.erase(of_step);
        }
        return {};
    }
    /// Looks for new ones; they wait for their row.
    void find_media() {
        left_out_.add_once(media_.losses());
        for (; media_known_ < media_.all().size(); ++media_known_) {
            const RecordedMedia& one = media_.all()[media_known_];
            if (one.at >= cursor_.media && !cursor_.media_ahead.contains(one.at))
                waiting_[one.step].push_back(media_known_);
        }
    }
    /// Which were handed on, so that the cursor stays short.
    void count_media() {
        std::uint64_t first = media_.all().empty() ? 0 : media_.all().back().at + 1;
        for (const auto& [step, some] : waiting_) {
            for (const std::size_t one : some) first = std::min(first, media_.all()[one].at);
        }
        cursor_.media = first;
        cursor_.media_ahead.erase(cursor_.media_ahead.begin(), cursor_.media_ahead.lower_bound(first));
    }

    // ---- what was printed, and artifacts

    /// Whole lines; of a run that has ended, the rest too.
    result<void> tell_console(bool has_ended) {
        const auto file = os::File::open_read(dir_ / output_file);
        if (!file) return file.error().code() == errc::not_found ? result<void>{} : file.error();
        const auto size = file->size();
        if (!size) return size.error();
        std::string piece;
        while (cursor_.console < *size) {
            constexpr std::uint64_t most = std::uint64_t{64} << 10U;
            piece.resize(static_cast<std::size_t>(std::min(most, *size - cursor_.console)));
            const auto got = file->read_at(cursor_.console, writable_bytes_of(piece));
            if (!got) return got.error();
            std::size_t end = piece.rfind('\n', *got) + 1;  // 0 if there is none
            if (end == 0 && (has_ended || *got == most)) end = *got;
            if (end == 0) break;
            Message out;
            constexpr std::int64_t to_stdout = 1;
            put_number(out, 1, to_stdout);
            put_time(out, 2, wall_ns());
            put_text(out, 3, std::string_view{piece}.substr(0, end));
            if (auto put = records_->put(Kind::output, out); !put) return put;
            cursor_.console += end;
        }
        return {};
    }
    result<void> tell_artifacts(const RecordedRun& run) {
        if (rank_ != 0 || !options_.artifacts) return {};
        const auto all = versions_to_mirror(store_, run);
        if (!all) return all.error();
        for (const std::string& called : *all) {
            if (!cursor_.artifacts.insert(called).second) continue;
            const auto record =
                artifact_record(run, store_.store(), called, run_id(run, rank_), folder() / "staging");
            if (!record && !is_lost(record.error())) return record.error();
            if (!record) {
                left_out_.add(record.error());
                continue;
            }
            if (auto put = records_->put(Kind::artifact, *record); !put) return put;
            ++new_versions_;
        }
        return {};
    }

    StoreReader store_;
    unsigned rank_;
    WandbOptions options_;
    os::Path dir_, root_;
    std::optional<Records> records_;
    RowFollower rows_;
    MediaList media_;
    std::size_t media_known_ = 0;
    std::map<std::int64_t, std::vector<std::size_t>> waiting_;  // by step, rich values whose row has not come
    RowCounts seen_;                                            // by ring, rows that were read
    std::optional<OpenRow> pending_;
    std::uint64_t new_rows_ = 0, new_versions_ = 0;  // since the last report
    std::map<std::string, std::string> summary_;     // what is new of it, as JSON
    std::int64_t last_ns_ = 0;
};

}  // namespace detail::wandb

}  // namespace CAIRN_NAMESPACE
