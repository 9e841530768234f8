// SPDX-License-Identifier: MIT
#pragma once
// One rank of a run, as requests to a server of one's own; docs/mirrors.md tells what it gets.
// Opt-in: costs cpp-httplib.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_files.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/at_step.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How a run is mirrored to a server of one's own.
struct HttpOptions {
    std::string url = {};  ///< "https://host/path"
    std::string authorization =
        {};                 ///< the header's value; default: "Bearer $CAIRN_HTTP_TOKEN", if that is set
    bool artifacts = true;  ///< with the files of artifacts
};

namespace detail::http {

/// How far a rank has been mirrored.
struct Cursor {
    int format = 1;                     ///< of this record
    std::string about{};                ///< a digest of what was said of the run itself
    RowCounts rows{};                   ///< by ring, what was handed on
    std::uint64_t media = 0;            ///< rich values that lie before this place were handed on
    std::set<std::string> artifacts{};  ///< versions that were, as "model:v3"
    nlohmann::json unsaid{};            ///< what was left out, as `LeftOut` keeps it

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cursor, format, about, rows, media, artifacts, unsaid)
};

/// A record of a history, as a line has it. `id` tells it from all others of its run.
[[nodiscard]] inline nlohmann::json line_of(const StoredRow& row, const std::string& id) {
    nlohmann::json out = {{"id", id}, {"step", row.step}, {"time_ms", row.time_ns / ns_per_ms}};
    if (const auto alert = row.kind == RecordKind::event ? alert_of(row) : std::nullopt) {
        out["kind"] = "alert";
        out["alert"] = as_json(*alert);
        return out;
    }
    out["kind"] = row.kind == RecordKind::row ? "row" : row.kind == RecordKind::sample ? "sample" : "event";
    nlohmann::json& values = out["row"] = nlohmann::json::object();
    for (const auto& [name, value] : row.values) values[std::string{name}] = value_to_json(value);
    return out;
}

/// One rank of a run.
class RankMirror : public KeptCursor<Cursor> {
  public:
    /// Goes on from where an earlier one got. Fails: busy, if another is at it.
    static result<RankMirror> open(StoreReader store, std::shared_ptr<WebClient> client, unsigned rank,
                                   const HttpOptions& options, const os::Path& rank_dir) {
        auto kept = KeptCursor::open(rank_dir, "http", client->address());
        if (!kept) return kept.error();
        return RankMirror{std::move(*kept),  std::move(store), std::move(client), rank,
                          options.artifacts, rank_dir};
    }

    result<MirrorReport> catch_up(const RecordedRun& run, const RankStanding& now) {
        MirrorReport report;
        const std::string base = "/runs/" + web_escaped(run.project()) + "/" + web_escaped(run.id());
        if (auto told = tell_rows(base, report); !told) return told.error();
        report.is_over = now.state != RunState::running;
        left_out_.add_once(rows_.losses(report.is_over));
        if (auto told = tell_media(base); !told) return told.error();
        if (rank_ == 0) {
            if (auto told = with_artifacts_ ? tell_artifacts(run, report) : result<void>{}; !told)
                return told.error();
            // Last: who reads that the run has ended has all of it.
            if (auto told = tell_about(base, run); !told) return told.error();
        }
        report.left_out = left_out_.all();
        if (auto saved = save(); !saved) return saved.error();
        return report;
    }

  private:
    RankMirror(KeptCursor kept, StoreReader store, std::shared_ptr<WebClient> client, unsigned rank,
               bool with_artifacts, const os::Path& rank_dir)
        : KeptCursor{std::move(kept)}, store_{std::move(store)}, client_{std::move(client)}, rank_{rank},
          with_artifacts_{with_artifacts}, rows_{rank_dir}, media_{rank_dir} {}

    result<void> tell_rows(const std::string& base, MirrorReport& report) {
        result<void> done;
        const auto take = [&](const StoredRow& row) {
            const std::uint64_t count = ++seen_[row.ring];
            if (!done || count <= cursor_.rows[row.ring]) return;
            const std::string id =
                std::to_string(rank_) + "." + std::to_string(row.ring) + "." + std::to_string(count);
            lines_ += json_text(line_of(row, id)) + "\n";
            taken_[row.ring] = count;
            if (row.kind == RecordKind::row) ++report.rows;
            constexpr std::size_t most_bytes = std::size_t{1} << 20U;
            if (lines_.size() >= most_bytes) done = send_lines(base);
        };
        if (auto read = rows_.next(take); !read) return read;
        return done ? send_lines(base) : done;
    }
    result<void> send_lines(const std::string& base) {
        if (lines_.empty()) return {};
        const auto answer = client_->send("POST", base + "/rows", lines_, "application/x-ndjson");
        if (auto taken = is_taken(answer, "rows"); !taken) return taken;
        lines_.clear();
        for (const auto& [ring, count] : taken_) cursor_.rows[ring] = count;
        return save();
    }
    result<void> tell_media(const std::string& base) {
        left_out_.add_once(media_.losses());
        for (; media_seen_ < media_.all().size(); ++media_seen_) {
            const RecordedMedia& one = media_.all()[media_seen_];
            if (one.at < cursor_.media) continue;
            const auto bytes = media_.bytes_of(one);
            if (bytes) {
                const std::string path =
                    base + "/media/" + std::to_string(rank_) + "/" + std::to_string(one.at) +
                    "?metric=" + web_escaped(one.metric) + "&step=" + std::to_string(one.step) +
                    "&time_ms=" + std::to_string(one.time_ns / ns_per_ms) + "&kind=" + web_escaped(one.kind);
                if (auto taken = is_taken(
                        client_->send(
                            {.method = "PUT", .path = path, .type = one.type, .body = web_body(*bytes)}),
                        "a rich value");
                    !taken)
                    return taken;
            } else {
                left_out_.add(bytes.error());
            }
            cursor_.media = one.at + 1;
        }
        return {};
    }
    /// The files of a version, and then its manifest: a version that has one is whole.
    result<void> tell_artifacts(const RecordedRun& run, MirrorReport& report) {
        const auto send = [&](const LeasedVersion& one) -> result<bool> {
            const auto sent = send_version(run, one);
            return sent ? result<bool>{true} : sent.error();
        };
        const auto taken =
            hand_on_versions(store_, run, cursor_.artifacts, left_out_, send, [&] { return save(); });
        if (!taken) return taken.error();
        report.versions = *taken;
        return {};
    }
    result<void> send_version(const RecordedRun& run, const LeasedVersion& one) {
        const std::string base = "/artifacts/" + web_escaped(run.project()) + "/" +
                                 web_escaped(one.artifact.name()) + "/" + one.manifest.label();
        for (const FileEntry& file : one.manifest.files) {
            if (!file.is_stored()) continue;
            WebFiles files{store_.store(), file};
            const auto answer = client_->send({.method = "PUT",
                                               .path = base + "/files/" + web_escaped_path(file.path),
                                               .type = "application/octet-stream",
                                               .body = files.body()});
            if (files.failed()) return *files.failed();
            if (auto taken = is_taken(answer, "a file of an artifact"); !taken) return taken;
        }
        const auto answer =
            client_->send("PUT", base + "/manifest.json", json_text(as_json(one.manifest, one.aliases)));
        return is_taken(answer, "a manifest");
    }
    /// What `cairn show --json` tells, if it is another than was told.
    result<void> tell_about(const std::string& base, const RecordedRun& run) {
        const bool goes_on = run.state() == RunState::running;  // of its metrics, what the indices tell
        const auto metrics = goes_on ? run.overview() : result<nlohmann::json>{nlohmann::json()};
        if (!metrics) return metrics.error();
        const auto about = run_as_json(store_, run, goes_on ? &*metrics : nullptr);
        if (!about) return about.error();
        const std::string text = json_text(*about);
        std::string digest = sha256(bytes_of(text)).hex();
        if (digest == cursor_.about) return {};
        if (auto taken = is_taken(client_->send("PUT", base + "/run.json", text), "a run"); !taken)
            return taken;
        cursor_.about = std::move(digest);
        return {};
    }
    [[nodiscard]] result<void> is_taken(const result<WebAnswer>& answer, std::string_view what) const {
        if (!answer) return answer.error();
        if (answer->is_good()) return {};
        const bool is_closed = answer->status == 401 || answer->status == 403;
        return error{is_closed ? errc::permission : errc::io,
                     "the server refuses " + std::string{what} + ": status " + std::to_string(answer->status),
                     client_->address(),
                     is_closed ? "set CAIRN_HTTP_TOKEN" : "see what it minds, and mirror again"};
    }

    StoreReader store_;
    std::shared_ptr<WebClient> client_;
    unsigned rank_;
    bool with_artifacts_;
    RowFollower rows_;
    RowCounts seen_, taken_;  // by ring, rows that were read, and those that are in the lines
    std::string lines_;
    MediaList media_;
    std::size_t media_seen_ = 0;
};

}  // namespace detail::http

}  // namespace CAIRN_NAMESPACE
