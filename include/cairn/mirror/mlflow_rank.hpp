// SPDX-License-Identifier: MIT
#pragma once
// One rank of a run, as a run of MLflow's. Opt-in: costs cpp-httplib.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/mlflow_about.hpp>
#include <cairn/mirror/mlflow_client.hpp>
#include <cairn/mirror/mlflow_cursor.hpp>
#include <cairn/mirror/mlflow_files.hpp>
#include <cairn/mirror/mlflow_models.hpp>
#include <cairn/mirror/mlflow_names.hpp>
#include <cairn/mirror/mlflow_runs.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/run_key.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/used_versions.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_files.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/run_reader.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a run is mirrored to MLflow.
struct MlflowOptions {
    std::string uri = {};         ///< of the tracking server; default: $MLFLOW_TRACKING_URI
    std::string experiment = {};  ///< default: $MLFLOW_EXPERIMENT_NAME, or the run's project
    bool artifacts = true;        ///< with rich values and the files of artifacts
    std::string register_as =
        {};  ///< versions of models become versions of this registered model; default: none
};

namespace detail::mlflow {

/// One rank of a run.
class RankMirror : public KeptCursor<Cursor> {
  public:
    /// Goes on from where an earlier one got. Fails: busy, if another is at it.
    static result<RankMirror> open(StoreReader store, std::shared_ptr<Client> client, unsigned rank,
                                   const MlflowOptions& options, os::Path rank_dir) {
        auto kept = KeptCursor::open(rank_dir, "mlflow", client->address() + " " + options.experiment);
        if (!kept) return kept.error();
        return RankMirror{std::move(*kept), std::move(store),   std::move(client), rank,
                          options,          std::move(rank_dir)};
    }

    result<MirrorReport> catch_up(const RecordedRun& run, const RankStanding& now) {
        const std::string wanted = options_.register_as + (options_.artifacts ? " with files" : "");
        if (cursor_.is_over && cursor_.session == now.session && cursor_.wanted == wanted && is_same(run))
            return MirrorReport{.is_over = true, .left_out = left_out_.all()};
        if (cursor_.session != now.session) there_.reset();  // it goes on: the server must know
        if (cursor_.wanted != wanted) cursor_.artifacts.clear();
        cursor_.is_over = false;
        cursor_.wanted = wanted;
        if (auto begun = there_ ? result<void>{} : begin(run, now.state); !begun) return begun.error();
        tags_ = tags_of(run, rank_, parent_);
        if (auto told = tell_parameters(run); !told) return told.error();
        if (auto told = tell_rows(); !told) return told.error();
        left_out_.add_once(rows_.losses(now.state != RunState::running));
        // Whatever becomes of its files, people should see how it ended.
        auto files = options_.artifacts ? tell_files(run) : result<void>{};
        if (!files && files.error().code() == errc::unsupported) {
            if (!std::exchange(is_said_, true)) left_out_.add(files.error());
            files = {};
        }
        auto inputs = tell_inputs(run);
        if (auto told = tell_tags(); !told) return told.error();
        if (now.state != RunState::running) {
            if (auto told = tell_end(run, now.state); !told) return told.error();
        }
        cursor_.session = now.session;
        if (!files || !inputs) {
            if (auto saved = save(); !saved) return saved.error();
            return files ? inputs.error() : files.error();
        }
        cursor_.is_over = now.state != RunState::running;
        MirrorReport report{std::exchange(new_rows_, 0), cursor_.is_over, left_out_.all(),
                            std::exchange(new_versions_, 0)};
        if (auto saved = save(); !saved) return saved.error();
        return report;
    }

    /// The address of its page; the server's, before it is there.
    [[nodiscard]] std::string page() const {
        if (cursor_.run.empty()) return client_->address();
        return client_->address() + "/#/experiments/" + cursor_.experiment + "/runs/" + cursor_.run;
    }

  private:
    RankMirror(KeptCursor kept, StoreReader store, std::shared_ptr<Client> client, unsigned rank,
               MlflowOptions options, os::Path rank_dir)
        : KeptCursor{std::move(kept)}, store_{std::move(store)}, client_{std::move(client)}, rank_{rank},
          options_{std::move(options)}, dir_{std::move(rank_dir)}, rows_{dir_}, media_{dir_} {}

    // ---- the run itself

    /// Whether what is said of a run that is over has not been changed since.
    [[nodiscard]] bool is_same(const RecordedRun& run) const {
        const auto parent = cursor_.tags.find(parent_tag);
        return cursor_.tags ==
               tags_of(run, rank_, parent == cursor_.tags.end() ? std::string{} : parent->second);
    }
    /// Finds the run there, or makes it.
    result<void> begin(const RecordedRun& run, RunState now) {
        const auto experiment = experiment_of(*client_, options_.experiment);
        if (!experiment) return experiment.error();
        if (rank_ != 0) {
            const auto parent = find_run(*client_, *experiment, run_key(run, 0));
            if (!parent) return parent.error();
            if (!parent->is_null()) parent_ = text_in(*parent, "/info/run_id");
        }
        const auto tags = tags_of(run, rank_, parent_);
        auto there =
            cursor_.run.empty() ? result<nlohmann::json>{nlohmann::json()} : get_run(*client_, cursor_.run);
        if (!there) return gone(there.error());
        if (!there->is_null() && tag_in(*there, "cairn.key", tags.at("cairn.key")) != tags.at("cairn.key")) {
            cursor_ = Cursor{.wanted = cursor_.wanted};  // it came with a copy of another run's folder
            there = nlohmann::json();
        }
        if (there->is_null()) {  // or the cursor was lost: then it is there
            there = make_run(*client_, *experiment, run_name(run, rank_), run.created_ns() / ns_per_ms, tags);
            if (!there) return there.error();
        }
        if (text_in(*there, "/info/lifecycle_stage") == "deleted") return gone(deleted());
        cursor_.run = text_in(*there, "/info/run_id");
        if (cursor_.run.empty()) return error{errc::io, "MLflow's answer has no run", client_->address(), ""};
        for (const nlohmann::json& one : list_in(*there, "/data/params"))
            parameters_[text_in(one, "/key")] = text_in(one, "/value");
        if (now == RunState::running && text_in(*there, "/info/status") != "RUNNING") {
            const auto told = client_->post("runs/update", {{"run_id", cursor_.run}, {"status", "RUNNING"}});
            if (!told) return told.error();
        }
        cursor_.experiment = *experiment;
        there_ = Place{*experiment, text_in(*there, "/info/artifact_uri")};
        return save();
    }
    [[nodiscard]] static error deleted() { return {errc::not_found, "the run was deleted", "", ""}; }
    [[nodiscard]] error gone(const error& why) const {
        if (why.code() != errc::not_found) return why;
        return {errc::not_found, "the mirrored run " + cursor_.run + " is not in MLflow any more",
                client_->address(),
                "restore it there; or, to have it mirrored anew, delete " + cursor_file_.path().string()};
    }
    result<void> tell_parameters(const RecordedRun& run) {
        const nlohmann::json config = run.config();
        std::vector<nlohmann::json> fresh;
        each_entry(config, "", [&](const std::string& key, const nlohmann::json& value) {
            const std::string name = named(key), whole = parameter_of(value),
                              text = cut_utf8(whole, most_parameter);
            const auto [known, is_new] = parameters_.emplace(name, text);
            const bool is_cut = text.size() != whole.size();
            if ((is_cut || (!is_new && known->second != text)) &&
                cursor_.refused.insert("param " + name).second) {
                left_out_.add({errc::unsupported,
                               is_cut ? "MLflow has no parameter of more than 6000 characters, so it is cut"
                                      : "MLflow does not change a parameter, so it has the first value",
                               key,
                               options_.artifacts ? "the run's config.json in MLflow has all of it" : ""});
            }
            if (!is_new) return;
            fresh.push_back({{"key", name}, {"value", text}});
        });
        return send_all("params", fresh);
    }
    /// What is new of them, and takes away those that are no more.
    result<void> tell_tags() {
        std::map<std::string, std::string> fresh;
        for (const auto& [key, value] : tags_) {
            const auto known = cursor_.tags.find(key);
            if (known == cursor_.tags.end() || known->second != value) fresh.emplace(key, value);
        }
        if (auto sent = send_all("tags", key_values(fresh)); !sent) return sent;
        for (const auto& [key, value] : cursor_.tags) {
            if (tags_.contains(key)) continue;
            const auto told = client_->post("runs/delete-tag", {{"run_id", cursor_.run}, {"key", key}});
            if (!told && told.error().code() != errc::not_found) return told.error();
        }
        cursor_.tags = tags_;
        return {};
    }
    result<void> tell_end(const RecordedRun& run, RunState now) {
        const std::int64_t ended_ns =
            run.ended_ns() != 0 ? run.ended_ns() : std::max(last_ns_, run.started_ns());
        const auto told = client_->post(
            "runs/update",
            {{"run_id", cursor_.run}, {"status", status_of(now)}, {"end_time", ended_ns / ns_per_ms}});
        return told ? result<void>{} : told.error();
    }
    /// As MLflow takes it; if that is another name, a file of the run tells.
    [[nodiscard]] std::string named(std::string_view name) {
        std::string out = name_of(name);
        if (out != name) cursor_.names.emplace(out, as_utf8(name));
        return out;
    }

    // ---- rows

    result<void> tell_rows() {
        result<void> done;
        const auto take = [&](const StoredRow& row) {
            const std::uint64_t count = ++seen_[row.ring];
            if (row.kind == RecordKind::sample) ++samples_;
            has_alerts_ = has_alerts_ || (row.kind == RecordKind::event && alert_of(row));
            last_ns_ = std::max(last_ns_, row.time_ns);
            if (!done || count <= cursor_.rows[row.ring]) return;
            done = take_row(row);
            taken_[row.ring] = count;
        };
        if (auto read = rows_.next(take); !read) return read;
        if (!done) return done;
        if (auto sent = send_metrics(); !sent) return sent;
        return send_texts();
    }
    result<void> take_row(const StoredRow& row) {
        if (row.kind == RecordKind::row)
            ++new_rows_;
        else if (row.kind != RecordKind::sample)
            return {};
        for (const auto& [name, value] : row.values) {
            if (value.is_text()) {
                take_text(row, name, plain_text(value.text()));
                continue;
            }
            const bool is_sample = row.kind == RecordKind::sample;
            const SystemMetric metric = is_sample ? system_metric(name) : SystemMetric{named(name)};
            const std::int64_t step = is_sample ? samples_ - 1 : row.step;
            if (cursor_.refused.contains("metrics " + metric.name))
                continue;  // it was said once, of all of them
            metrics_.push_back(metric_of(metric.name, value.number() * metric.unit, row.time_ns, step));
            constexpr std::size_t most = 1000, most_bytes = 900'000, others = 128;
            bytes_ += others + 2 * metric.name.size();
            if (metrics_.size() < most && bytes_ < most_bytes) continue;
            if (auto sent = send_metrics(); !sent) return sent;
        }
        return {};
    }
    void take_text(const StoredRow& row, std::string_view name, const std::string& whole) {
        (void)named(name);
        std::string key = tag_name(name);
        if (tags_.contains(key)) key = name_of("cairn.text." + std::string{name});
        std::string text = cut_utf8(whole, most_tag);
        if (text.size() != whole.size() && cursor_.refused.insert("text " + key).second) {
            left_out_.add({errc::unsupported, "MLflow has no tag of more than 5000 bytes, so it is cut",
                           std::string{name} + " of step " + std::to_string(row.step),
                           "the run itself has it"});
        }
        texts_.insert_or_assign(std::move(key), std::move(text));
    }
    /// What is sent twice is there once: the server tells points by metric, time, step and value.
    result<void> send_metrics() {
        if (auto sent = send("metrics", metrics_); !sent) return sent;
        metrics_.clear();
        bytes_ = 0;
        for (const auto& [ring, count] : taken_) cursor_.rows[ring] = count;
        constexpr std::size_t often = 100;
        const bool is_news =
            left_out_.size() != cursor_.unsaid.size();  // what was refused is not tried again
        if (++sent_ % often != 0 && !is_news) return {};
        if (auto told = send_texts(); !told) return told;
        return save();
    }
    /// A metric that is a text has its last one as a tag.
    result<void> send_texts() {
        if (auto sent = send_all("tags", key_values(texts_)); !sent) return sent;
        texts_.clear();
        return {};
    }
    /// Parameters or tags, of which a batch takes a hundred.
    result<void> send_all(const char* kind, std::vector<nlohmann::json> all) {
        constexpr std::size_t most = 100;
        for (std::size_t from = 0; from < all.size(); from += most) {
            const auto some = std::span{all}.subspan(from, std::min(most, all.size() - from));
            if (auto sent = send(kind, some); !sent) return sent;
        }
        return {};
    }
    /// If the server refuses some, the others are sent without them.
    result<void> send(const char* kind, std::span<const nlohmann::json> some) {
        if (some.empty()) return {};
        const auto told = client_->post("runs/log-batch", {{"run_id", cursor_.run}, {kind, some}});
        if (told || told.error().code() != errc::invalid_argument)
            return told ? result<void>{} : told.error();
        // Not if it is the run that cannot be written.
        const auto there = get_run(*client_, cursor_.run);
        if (!there || text_in(*there, "/info/lifecycle_stage") == "deleted")
            return gone(there ? deleted() : there.error());
        return send_parts(kind, some, told.error());
    }
    /// Those of a batch that was refused, for this reason.
    result<void> send_parts(const char* kind, std::span<const nlohmann::json> some, const error& why) {
        if (some.size() > 1) {
            const auto half = some.size() / 2;
            for (const auto part : {some.first(half), some.subspan(half)}) {
                const auto told = client_->post("runs/log-batch", {{"run_id", cursor_.run}, {kind, part}});
                const bool is_bad = !told && told.error().code() == errc::invalid_argument;
                if (!told && !is_bad) return told.error();
                if (auto sent = is_bad ? send_parts(kind, part, told.error()) : result<void>{}; !sent)
                    return sent;
            }
            return {};
        }
        const std::string key = text_in(some.front(), "/key");
        if (cursor_.refused.insert(std::string{kind} + " " + key).second) {
            const auto step = some.front().find("step");
            left_out_.add({errc::unsupported, why.tried(),
                           key + (step == some.front().end() ? "" : " of step " + json_text(*step)),
                           "the run itself has it"});
        }
        return {};
    }

    // ---- files

    result<void> tell_files(const RecordedRun& run) {
        if (auto told = tell_file("config.json", run.config()); !told) return told;
        if (auto told = tell_file("summary.json", run.user_summary()); !told) return told;
        if (!cursor_.names.empty()) {
            if (auto told = tell_file("cairn/names.json", cursor_.names); !told) return told;
        }
        if (has_alerts_) {
            const auto alerts = run.alerts(rank_);
            if (!alerts) return alerts.error();
            nlohmann::json list = nlohmann::json::array();
            for (const Alert& alert : *alerts) list.push_back(as_json(alert));
            if (auto told = tell_file("cairn/alerts.json", list); !told) return told;
            has_alerts_ = false;
        }
        if (auto told = tell_output(run); !told) return told;
        if (auto told = tell_media(run); !told) return told;
        return rank_ == 0 ? tell_artifacts(run) : result<void>{};
    }
    /// If it is something, and another than was told.
    result<void> tell_file(const std::string& name, const nlohmann::json& content) {
        if (content.empty()) return {};
        const std::string text = content.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
        std::string digest = sha256(bytes_of(text)).hex();
        if (cursor_.files[name] == digest) return {};
        auto put = client_->upload(there_->artifact_uri, name, web_body(text));
        if (!put && !left_out_.takes(put)) return put;
        cursor_.files[name] = std::move(digest);
        return {};
    }
    /// What it printed, when it has ended.
    result<void> tell_output(const RecordedRun& run) {
        if (run.state() == RunState::running) return {};
        const os::Path path = dir_ / output_file;
        const auto there = os::status(path);
        if (!there) return there.error();
        std::string size = std::to_string(there->size);
        if (!there->exists || there->size == 0 || cursor_.files["output.log"] == size) return {};
        WebFiles body{{{path, there->size}}};
        auto put = client_->upload(there_->artifact_uri, "output.log", body.body());
        if (body.failed()) return *body.failed();
        if (put) cursor_.files["output.log"] = std::move(size);
        return put;
    }
    result<void> tell_media(const RecordedRun& run) {
        left_out_.add_once(media_.losses());
        for (; media_seen_ < media_.all().size(); ++media_seen_) {
            const RecordedMedia& one = media_.all()[media_seen_];
            if (one.at < cursor_.media) continue;
            auto bytes = media_.bytes_of(one);
            const auto file = bytes ? media_file(one, std::move(*bytes), run_key(run, rank_))
                                    : result<MediaFile>{bytes.error()};
            if (!file) {
                left_out_.add(file.error());
            } else {
                auto put = client_->upload(there_->artifact_uri, file->path, web_body(file->bytes));
                if (!put && !left_out_.takes(put)) return put;
                if (auto told = put ? tell_kind(*file) : result<void>{}; !told) return told;
            }
            cursor_.media = one.at + 1;
            constexpr std::size_t often = 50;
            if (auto saved = (media_seen_ + 1) % often == 0 ? save() : result<void>{}; !saved) return saved;
        }
        return {};
    }
    /// So that MLflow's page shows it as what it is.
    result<void> tell_kind(const MediaFile& file) {
        nlohmann::json tag;
        if (file.is_image && !std::exchange(has_images_, true))
            tag = {{"key", images_tag}, {"value", "true"}};
        if (file.is_table) {
            nlohmann::json list = nlohmann::json::array();
            for (const std::string& path : cursor_.tables)
                list.push_back({{"path", path}, {"type", "table"}});
            list.push_back({{"path", file.path}, {"type", "table"}});
            std::string text = json_text(list);
            if (text.size() > most_tag) return {};  // the page shows no more of them; the files are there
            cursor_.tables.push_back(file.path);
            tag = {{"key", tables_tag}, {"value", std::move(text)}};
        }
        if (tag.is_null()) return {};
        tag["run_id"] = cursor_.run;
        const auto told = client_->post("runs/set-tag", tag);
        return told ? result<void>{} : told.error();
    }
    result<void> tell_artifacts(const RecordedRun& run) {
        const VersionSender sender{*client_, store_.store(), *there_, cursor_.run, options_.register_as};
        const auto send = [&](const LeasedVersion& one) -> result<bool> {
            const auto sent = sender.send(one, left_out_);
            if (sent || left_out_.takes(sent)) return sent.has_value();
            return sent.error();
        };
        const auto taken =
            hand_on_versions(store_, run, cursor_.artifacts, left_out_, send, [&] { return save(); });
        if (!taken) return taken.error();
        new_versions_ += *taken;
        return {};
    }
    /// Datasets that it has used.
    result<void> tell_inputs(const RecordedRun& run) {
        if (rank_ != 0) return {};
        const auto tell = [&](const LeasedVersion& one) -> result<bool> {
            if (one.manifest.type != "dataset") return true;
            const auto answer = client_->post(
                "runs/log-inputs",
                {{"run_id", cursor_.run}, {"datasets", nlohmann::json::array({dataset_of(run, one)})}});
            const auto told = answer ? result<void>{} : answer.error();
            if (told || left_out_.takes(told)) return true;
            return told.error();
        };
        return tell_used_versions(store_, run, cursor_.inputs, left_out_, tell, [&] { return save(); });
    }

    static constexpr const char* parent_tag = "mlflow.parentRunId";
    static constexpr const char* images_tag = "mlflow.loggedImages";
    static constexpr const char* tables_tag = "mlflow.loggedArtifacts";

    StoreReader store_;
    std::shared_ptr<Client> client_;
    unsigned rank_;
    MlflowOptions options_;
    os::Path dir_;
    std::optional<Place> there_;
    std::string parent_;
    std::map<std::string, std::string> parameters_;  // that the server has
    RowFollower rows_;
    RowCounts seen_, taken_;  // by ring, rows that were read, and those whose metrics are in the batch
    std::int64_t samples_ = 0, last_ns_ = 0;
    std::uint64_t new_rows_ = 0, new_versions_ = 0;  // since the last report
    std::map<std::string, std::string> tags_;        // of the run, as they are now
    std::vector<nlohmann::json> metrics_;            // the batch
    std::size_t bytes_ = 0, sent_ = 0;
    std::map<std::string, std::string> texts_;  // by metric, its last text
    MediaList media_;
    std::size_t media_seen_ = 0;
    bool has_images_ = false;
    bool has_alerts_ = false;  // that no file tells of yet
    bool is_said_ = false;     // that the server takes no files
};

}  // namespace detail::mlflow

}  // namespace CAIRN_NAMESPACE
