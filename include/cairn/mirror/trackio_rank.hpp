// SPDX-License-Identifier: MIT
#pragma once
// One rank of a run, as a run of Trackio's: by whichever door its records and files go in. Costs
// nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/run_key.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/trackio_media.hpp>
#include <cairn/mirror/trackio_records.hpp>
#include <cairn/mirror/used_versions.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/at_step.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::trackio {

/// Where records and files go in. What goes in twice is there once. Each fails as the disk or the server
/// does; invalid_argument, if only this thing is refused.
template <class D>
concept Door = requires(D& door, const D& same, const Batch& batch, const Place& place, std::uint64_t number,
                        const RowMedia& media, std::int64_t step) {
    { D::most_records } -> std::convertible_to<std::size_t>;  // in a batch
    { door.open() } -> std::same_as<result<void>>;
    { door.send(batch, number) } -> std::same_as<result<void>>;  // `number` grows
    { door.store(place, media, step) } -> std::same_as<result<void>>;
    { same.address() } -> std::same_as<std::string>;
};
/// One that takes artifacts too.
template <class D>
concept ArtifactDoor =
    Door<D> && requires(D& door, const Place& place, const Store& store, const LeasedVersion& version) {
        { door.send_version(place, store, version) } -> std::same_as<result<void>>;
        { door.tell_use(place, version) } -> std::same_as<result<void>>;
    };

/// How far a rank has been mirrored. It stands in the run's folder.
struct Cursor {
    int format = 1;                              ///< of this record
    std::string config{};                        ///< a digest of what was said of the run itself
    nlohmann::json first{};                      ///< the first row that was handed on
    std::uint64_t number = 0;                    ///< of the last batch
    RowCounts rows{};                            ///< by ring, what was handed on
    std::uint64_t media = 0;                     ///< rich values that lie before this place were handed on
    std::set<std::string> artifacts{};           ///< versions that were, as "model:v3"
    std::set<std::string> inputs{};              ///< and those it had used
    std::map<std::string, std::string> names{};  ///< names that had to be changed, and what they were
    nlohmann::json unsaid{};                     ///< what was left out, as `LeftOut` keeps it

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cursor, format, config, first, number, rows, media, artifacts, inputs,
                                   names, unsaid)
};

/// One rank of a run.
template <Door D>
class RankMirror : public KeptCursor<Cursor> {
  public:
    /// Goes on from where an earlier one got. Fails: busy, if another is at it.
    static result<RankMirror> open(StoreReader store, std::shared_ptr<D> door, unsigned rank,
                                   std::string project, bool with_artifacts, const os::Path& rank_dir) {
        auto kept = KeptCursor::open(rank_dir, "trackio", door->address() + " " + project);
        if (!kept) return kept.error();
        return RankMirror{std::move(*kept),   std::move(store), std::move(door), rank,
                          std::move(project), with_artifacts,   rank_dir};
    }

    result<MirrorReport> catch_up(const RecordedRun& run, const RankStanding& now) {
        place_ = {project_, as_utf8(rank_name(run, rank_)), run_key(run, rank_)};
        if (auto opened = door_->open(); !opened) return opened.error();
        if (auto told = tell_rows(); !told) return told.error();
        const bool is_over = now.state != RunState::running;
        left_out_.add_once(rows_.losses(is_over));
        if (auto told = tell_media(); !told) return told.error();
        if (auto told = tell_artifacts(run); !told) return told.error();
        // Last: who reads that the run has ended has all of it.
        if (auto told = tell_config(run, now.state); !told) return told.error();
        if (is_over && cursor_.first.is_null())
            left_out_.add_once({errc::unsupported, "Trackio shows no run that has no row", run.id(), ""});
        MirrorReport report{std::exchange(new_rows_, 0), is_over, left_out_.all(),
                            std::exchange(new_versions_, 0)};
        if (auto saved = save(); !saved) return saved.error();
        return report;
    }

  private:
    RankMirror(KeptCursor kept, StoreReader store, std::shared_ptr<D> door, unsigned rank,
               std::string project, bool with_artifacts, const os::Path& rank_dir)
        : KeptCursor{std::move(kept)}, store_{std::move(store)}, door_{std::move(door)}, rank_{rank},
          project_{std::move(project)}, with_artifacts_{with_artifacts}, rows_{rank_dir}, media_{rank_dir} {}

    // ---- records

    result<void> tell_rows() {
        result<void> done;
        const auto take = [&](const StoredRow& row) {
            const std::uint64_t count = ++seen_[row.ring];
            if (!done || count <= cursor_.rows[row.ring]) return;
            take_row(row, place_.record_id(std::to_string(row.ring) + " " + std::to_string(count)));
            taken_[row.ring] = count;
            if (is_full()) done = send();
        };
        if (auto read = rows_.next(take); !read) return read;
        return done ? send() : done;
    }
    void take_row(const StoredRow& row, std::string id) {
        if (row.kind == RecordKind::sample) {
            add(batch_.samples, sample_record(place_, row, std::move(id)));
        } else if (row.kind == RecordKind::row) {
            ++new_rows_;
            nlohmann::json metrics = nlohmann::json::object();
            for (const auto& [name, value] : row.values) metrics[named(name)] = value_to_json(value);
            if (metrics.empty()) return;  // its rich values come by themselves
            add(batch_.metrics,
                metric_record(place_, std::move(metrics), row.step, row.time_ns, std::move(id)));
        } else if (const auto alert = alert_of(row)) {
            add(batch_.alerts, alert_record(place_, *alert, std::move(id)));
        }
    }
    /// As Trackio takes it; if that is another name, the run's config tells.
    [[nodiscard]] std::string named(std::string_view name) {
        std::string out = metric_name(name);
        if (out != name) cursor_.names.emplace(out, as_utf8(name));
        return out;
    }
    void add(std::vector<nlohmann::json>& to, nlohmann::json record) {
        batch_.bytes += json_text(record).size();
        to.push_back(std::move(record));
    }
    [[nodiscard]] bool is_full() const noexcept {
        constexpr std::size_t most_bytes = std::size_t{1} << 20U;
        return batch_.size() >= D::most_records || batch_.bytes >= most_bytes;
    }
    result<void> send() {
        if (batch_.size() != 0) {
            const std::uint64_t number = std::max(cursor_.number + 1, static_cast<std::uint64_t>(wall_ns()));
            cursor_.number = number;
            const nlohmann::json first = batch_.metrics.empty() ? nlohmann::json() : batch_.metrics.front();
            if (auto sent = send_parts(std::move(batch_)); !sent) return sent;
            if (cursor_.first.is_null()) cursor_.first = first;
            batch_ = Batch{};
        }
        for (const auto& [ring, count] : taken_) cursor_.rows[ring] = count;
        return save();
    }
    /// Of a batch that is refused, what is refused of it is left out.
    result<void> send_parts(Batch batch) {
        auto sent = door_->send(batch, cursor_.number);
        if (sent || sent.error().code() != errc::invalid_argument) return sent;
        if (batch.size() == 1) {
            (void)left_out_.takes(sent);
            return {};
        }
        Batch rest;
        const auto halve = [](std::vector<nlohmann::json>& from, std::vector<nlohmann::json>& to,
                              std::size_t kept) {
            const auto middle = from.begin() + static_cast<std::ptrdiff_t>(kept);
            to.assign(std::make_move_iterator(middle), std::make_move_iterator(from.end()));
            from.erase(middle, from.end());
        };
        const std::size_t half = batch.size() / 2, metrics = std::min(half, batch.metrics.size()),
                          samples = std::min(half - metrics, batch.samples.size());
        halve(batch.metrics, rest.metrics, metrics);
        halve(batch.samples, rest.samples, samples);
        halve(batch.alerts, rest.alerts, half - metrics - samples);
        const auto before = send_parts(std::move(batch));
        ++cursor_.number;  // a file of its own
        return before ? send_parts(std::move(rest)) : before;
    }
    /// What is said of the run itself, if it is another than was told. Trackio takes it with a row only: with
    /// one that it has already, of which it takes nothing else.
    result<void> tell_config(const RecordedRun& run, RunState now) {
        nlohmann::json config = config_of(run, rank_, now, cursor_.names);
        std::string digest = sha256(bytes_of(json_text(config))).hex();
        if (digest == cursor_.config || cursor_.first.is_null()) return {};
        nlohmann::json record = cursor_.first;
        record["config"] = std::move(config);
        add(batch_.metrics, std::move(record));
        if (auto sent = send(); !sent) return sent;
        cursor_.config = std::move(digest);
        return {};
    }

    // ---- files

    result<void> tell_media() {
        left_out_.add_once(media_.losses());
        for (; media_seen_ < media_.all().size(); ++media_seen_) {
            const RecordedMedia& one = media_.all()[media_seen_];
            if (one.at < cursor_.media) continue;
            auto bytes = media_.bytes_of(one);
            auto media = bytes ? row_media(place_, one, std::move(*bytes)) : result<RowMedia>{bytes.error()};
            if (!media) {
                left_out_.add(media.error());
            } else {
                const auto stored =
                    media->file.empty() ? result<void>{} : door_->store(place_, *media, one.step);
                if (!stored && !left_out_.takes(stored)) return stored;
                if (stored) {
                    nlohmann::json metrics;
                    metrics[named(one.metric)] = std::move(media->value);
                    add(batch_.metrics, metric_record(place_, std::move(metrics), one.step, one.time_ns,
                                                      place_.record_id("media " + std::to_string(one.at))));
                }
            }
            unsent_media_ = one.at + 1;
            if (auto sent = is_full() ? send_media() : result<void>{}; !sent) return sent;
        }
        return send_media();
    }
    result<void> send_media() {
        if (unsent_media_ == 0) return {};
        cursor_.media = std::exchange(unsent_media_, 0);
        return send();
    }
    result<void> tell_artifacts(const RecordedRun& run) {
        if (rank_ != 0 || !with_artifacts_) return {};
        if constexpr (!ArtifactDoor<D>) {
            const auto all = versions_to_mirror(store_, run);
            if (!all) return all.error();
            if (!all->empty()) {
                left_out_.add_once({errc::unsupported, "Trackio's inbox takes no artifacts", *all->begin(),
                                    "mirror the run to a server of Trackio's: trackio:http://HOST:7860"});
            }
            return {};
        } else {
            const auto send = [&](const LeasedVersion& one) -> result<bool> {
                const auto sent = door_->send_version(place_, store_.store(), one);
                if (sent || left_out_.takes(sent)) return sent.has_value();
                return sent.error();
            };
            const auto taken =
                hand_on_versions(store_, run, cursor_.artifacts, left_out_, send, [&] { return save(); });
            if (!taken) return taken.error();
            new_versions_ += *taken;
            return tell_inputs(run);
        }
    }
    /// Versions that it has used.
    result<void> tell_inputs(const RecordedRun& run) {
        const auto tell = [&](const LeasedVersion& one) -> result<bool> {
            const auto told = door_->tell_use(place_, one);
            if (told) return true;
            if (told.error().code() != errc::not_found) return told.error();
            left_out_.add_once(told.error());  // whoever made it may be mirrored later
            return false;
        };
        return tell_used_versions(store_, run, cursor_.inputs, left_out_, tell, [&] { return save(); });
    }

    StoreReader store_;
    std::shared_ptr<D> door_;
    unsigned rank_;
    std::string project_;
    bool with_artifacts_;
    Place place_;
    RowFollower rows_;
    RowCounts seen_, taken_;  // by ring, rows that were read, and those that are in the batch
    std::uint64_t new_rows_ = 0, new_versions_ = 0;  // since the last report
    Batch batch_;
    MediaList media_;
    std::size_t media_seen_ = 0;
    std::uint64_t unsent_media_ = 0;  // where those in the batch end
};

}  // namespace CAIRN_NAMESPACE::detail::trackio
