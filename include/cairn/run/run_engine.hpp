// SPDX-License-Identifier: MIT
#pragma once
// What records a run, behind `RunCore`: the folder, the journal, the collector, config, summary and state.

#include <cairn/core/deferred.hpp>
#include <cairn/core/time.hpp>
#include <cairn/policy/best.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/detail/collector.hpp>
#include <cairn/run/detail/environment.hpp>
#include <cairn/run/detail/journal.hpp>
#include <cairn/run/detail/media_keeper.hpp>
#include <cairn/run/detail/process.hpp>
#include <cairn/run/detail/process_signals.hpp>
#include <cairn/run/detail/report.hpp>
#include <cairn/run/detail/run_versions.hpp>
#include <cairn/run/detail/thread_lanes.hpp>
#include <cairn/run/detail/watches.hpp>
#include <cairn/run/health.hpp>
#include <cairn/run/options.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/saved_files.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Opened by `init`, ended once. Threads: any, unless said otherwise.
template <class T = void>
class BasicRunEngine final : public RunCore,
                             public Endable,
                             public std::enable_shared_from_this<BasicRunEngine<T>> {
    using Json = Deferred<nlohmann::json, T>;

  public:
    /// Opens or resumes a run. Throws `cairn::error`; nothing half-made is left behind but the store's own
    /// folders.
    static std::shared_ptr<BasicRunEngine> open(Options options) {
        const Store store = Store::open(options.dir, options.durability).value();
        if (options.id.empty()) options.id = os::random_hex(8);
        const std::filesystem::path dir = store.run_dir(options.project, options.id, *options.rank);
        const bool exists = os::status(dir / "run.json").value().exists;
        if (exists && *options.resume == Resume::never) {
            raise({errc::already_exists, "a run of this id exists", dir.string(),
                   "set .resume = cairn::Resume::allow (or CAIRN_RESUME=allow) to go on with it, or choose "
                   "another id"});
        }
        if (!exists && *options.resume == Resume::must) {
            raise({errc::not_found, "resume is \"must\" but there is no such run", dir.string(),
                   "check the id, the project and CAIRN_DIR, or use resume \"allow\" to start it"});
        }
        auto folder = RunFolder::open_writer(store, options.project, options.id, *options.rank).value();
        // Asked again under the run's lock: another program may have made the run meanwhile.
        if (!folder.is_new() && *options.resume == Resume::never) {
            raise({errc::already_exists, "another program has just made a run of this id", dir.string(),
                   "choose another id, or none"});
        }
        auto core =
            std::shared_ptr<BasicRunEngine>{new BasicRunEngine{std::move(options), store, std::move(folder)}};
        Process::instance().add(core);
        if (core->resumed_) {
            core->record(
                {.kind = Decision::Kind::resumed, .step = core->first_step_, .time_ns = core->started_ns_});
        }
        report_start(*core);
        return core;
    }

    ~BasicRunEngine() {
        (void)end_quietly("finished", {});
        // In the child of a fork its thread is in the parent: nothing there may be waited for or destroyed.
        if (is_detached()) (void)live_.release();
        let_go(std::move(saver_), are_saved_);
        let_go(std::move(teller_), are_told_);
    }
    /// Of what is done with, or stuck, or what destroys us.
    void let_go(std::unique_ptr<BasicSaver<T>> saver, bool is_done) const {
        if (is_detached() || (!is_done && !saver->is_current()))
            (void)saver.release();
        else if (saver->is_current())
            BasicSaver<T>::destroy_after_work(std::move(saver));
    }
    BasicRunEngine(const BasicRunEngine&) = delete;
    BasicRunEngine& operator=(const BasicRunEngine&) = delete;

    // ---- logging

    CAIRN_COLD Lane* find_lane() noexcept override {
        return is_open() ? ThreadLanes::find(key_, live_->journal) : nullptr;
    }

    void record(const Decision& decision) noexcept override {
        if (!is_open()) return;
        try {
            const DynamicRow event = to_event(decision, wall_ns(), recorded_++);
            Lane* const mine = lane();
            if (mine != nullptr && mine->append(event, RecordKind::event)) return;
        } catch (...) {  // no memory
        }
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    void alert(Alert alert, double wait_seconds) noexcept override {
        if (!is_open()) return;
        try {
            alert.time_ns = wall_ns();
            alert.project = options_.project;
            alert.run = options_.id;
            alert.step = live_->collector.latest_step();
            if (const std::scoped_lock lock{mutex_};
                !alerts_.takes(alert.title, static_cast<std::uint64_t>(steady_ns()), wait_seconds)) {
                ++alerts_held_back_;
                return;
            }
            Lane* const mine = lane();
            const bool is_kept = mine != nullptr && mine->append(to_event(alert), RecordKind::event);
            if (!is_kept) dropped_.fetch_add(1, std::memory_order_relaxed);
            if (!options_.on_alert) return;
            const auto tell = [this, self = this->shared_from_this(), alert = std::move(alert)] {
                if (has_ended()) return;  // what the handler looks at may be gone
                try {
                    options_.on_alert(alert);
                } catch (const std::exception& failure) {
                    note_failure(
                        {errc::user, std::string{"telling of an alert: "} + failure.what(), alert.title, ""},
                        false);
                } catch (...) {
                    note_failure({errc::user, "telling of an alert failed", alert.title, ""}, false);
                }
            };
            if (auto posted = teller_->post("an alert", tell); !posted) note_failure(posted.error(), false);
        } catch (...) {  // no memory
            dropped_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    void keep_media(MediaPlace place, std::size_t memory, std::function<Media()> encode) override {
        if (!is_open()) {
            media_lost_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        const auto taken = media_.take(this->shared_from_this(), place, memory, std::move(encode));
        if (!taken) note_lost_media(taken.error());
    }

    // ---- what is known of the run

    [[nodiscard]] MetricViews views() const { return has_live() ? live_->collector.views() : MetricViews{}; }

    [[nodiscard]] Health health() const override {
        Health health;
        if (has_live()) {
            for (const auto& lane : live_->journal.lanes()) {
                health.rows_logged += lane->counters.rows.load(std::memory_order_relaxed);
                health.texts_cut += lane->counters.texts_cut.load(std::memory_order_relaxed);
                health.waits += lane->counters.waits.load(std::memory_order_relaxed);
                health.waited_ns += lane->counters.waited_ns.load(std::memory_order_relaxed);
                health.spills += lane->counters.spills.load(std::memory_order_relaxed);
                health.log_ns =
                    std::max(health.log_ns, lane->counters.log_ns.load(std::memory_order_relaxed));
            }
            health.rows_collected = live_->collector.rows();
            health.rows_written = live_->collector.written();
            health.history_bytes = live_->collector.bytes();
            health.journal_mapped = live_->journal.mapped();
        }
        health.rows_dropped = dropped_.load(std::memory_order_relaxed);
        health.watched_ns = watched_ns_.load(std::memory_order_relaxed);
        health.watches = watches_made_.load(std::memory_order_relaxed);
        health.watches_left_out = watches_left_out_.load(std::memory_order_relaxed);
        health.media_written = media_.written();
        health.media_lost = media_lost_.load(std::memory_order_relaxed);
        health.saves_passed_over = passed_over_.load(std::memory_order_relaxed);
        const std::scoped_lock lock{mutex_};
        health.saves_failed = saves_failed_;
        health.alerts_held_back = alerts_held_back_;
        health.errors = errors_;
        if (has_live()) {
            for (std::string text : {live_->journal.failure(), live_->collector.first_failure()})
                if (!text.empty()) health.errors.push_back(std::move(text));
        }
        return health;
    }

    void note_failure(const error& failure, bool of_a_save) noexcept override {
        try {
            {
                const std::scoped_lock lock{mutex_};
                if (of_a_save) ++saves_failed_;
                if (of_a_save && !first_loss_) first_loss_ = failure;
                for (const std::string& known : errors_)
                    if (known == failure.what()) return;
                if (errors_.size() < 16) errors_.emplace_back(failure.what());
            }
            if (is_left_ || (has_ended() && !are_saved_)) return;  // what the handler looks at may be gone
            if (options_.on_error)
                options_.on_error(failure);
            else
                std::fprintf(stderr, "%s\n", failure.what());
        } catch (...) {  // no memory to keep a text: the count above stands
        }
    }

    void note_lost_media(const error& failure) noexcept override {
        media_lost_.fetch_add(1, std::memory_order_relaxed);
        if (const std::scoped_lock lock{mutex_}; !first_loss_) first_loss_ = failure;
        note_failure(failure, false);
    }
    void check_open(const char* tried) const override {
        if (has_ended()) raise(after_end(tried));
    }

    void claim(const std::string& checkpoint) override {
        // Not thrown under the lock: an exception that nobody catches ends the run, which takes it.
        if (const std::scoped_lock lock{mutex_}; checkpoints_.insert(checkpoint).second) return;
        raise({errc::busy, "this run has a checkpoint of this name already", checkpoint,
               "use that one, or give this one another name"});
    }
    void release(const std::string& checkpoint) noexcept override {
        if (is_detached()) return;  // the mutex may be held by a thread that is in the parent
        const std::scoped_lock lock{mutex_};
        checkpoints_.erase(checkpoint);
    }

    // ---- config, summary, description

    [[nodiscard]] Json config() const override {
        const std::scoped_lock lock{mutex_};
        return config_;
    }
    void update_config(const Json& patch) override {
        check_config(patch);
        change_in_turn("change the config", [&]() -> result<void> {
            Json merged = config();
            merge(merged, patch);
            const auto written = is_detached() ? result<void>{} : folder_.write_json("config.json", merged);
            const std::scoped_lock lock{mutex_};
            if (written) config_ = std::move(merged);  // in memory only what is on disk
            return written;
        }).value();
    }
    void set_summary(std::string key, Json value) override {
        change_in_turn("set a summary value", [&]() -> result<void> {
            {
                const std::scoped_lock lock{mutex_};
                user_summary_[std::move(key)] = std::move(value);
            }
            // Now, so that a kill does not lose it; the metrics beside it are those collected so far.
            return is_detached() ? result<void>{} : folder_.write_json("summary.json", summary());
        }).value();
    }
    result<void> try_describe(FunctionRef<void(Json&)> change) override {
        return change_in_turn("change the run's record", [&]() -> result<void> {
            {
                const std::scoped_lock lock{mutex_};
                change(about_);
            }
            return is_detached() ? result<void>{} : folder_.write_run(about());
        });
    }
    void define_metric(std::string_view name, const MetricOptions& options) override {
        describe([&](Json& about) {
            Json& metric = about["metrics"][std::string{name}];
            if (!metric.is_object()) metric = Json::object();
            if (options.goal != Direction::unspecified)
                metric["goal"] = options.goal == minimize ? "minimize" : "maximize";
            if (!options.step_metric.empty()) metric["step_metric"] = options.step_metric;
            if (!options.unit.empty()) metric["unit"] = options.unit;
        });
    }
    void set_notes(const std::string& notes) override {
        describe([&](Json& about) { about["notes"] = notes; });
    }
    void add_tag(const std::string& tag) override {
        describe([&](Json& about) {
            for (const Json& known : about["tags"])
                if (known == tag) return;
            about["tags"].push_back(tag);
        });
    }
    [[nodiscard]] Json about() const override {
        const std::scoped_lock lock{mutex_};
        return about_;
    }
    [[nodiscard]] Json summary() const override {
        Json metrics = Json::object();
        for (const auto& [name, view] : views()) metrics[name] = to_json(view.summary);
        Json system = Json::object();
        if (has_live()) {
            for (const auto& [name, samples] : live_->collector.samples()) system[name] = to_json(samples);
        }
        const std::scoped_lock lock{mutex_};
        return {{"metrics", std::move(metrics)}, {"system", std::move(system)}, {"user", user_summary_}};
    }

    [[nodiscard]] Direction goal_of(std::string_view metric) const override {
        const std::scoped_lock lock{mutex_};
        return goal_in(about_, metric);
    }

    void save_files(const std::filesystem::path& pattern, When when) override {
        if (is_detached()) return;
        check_open("saving files");
        if (when != When::now) {
            std::filesystem::path whole = std::filesystem::absolute(pattern);  // throws: before the lock
            const std::scoped_lock lock{mutex_};
            at_end_.push_back(std::move(whole));
        }
        if (when != When::end) detail::save_files(pattern, dir() / "files", store_.temp_dir()).value();
    }

    // Here and not where they are called: a library that watched may be gone before the run is.
    [[nodiscard]] std::uint64_t watch(Watches::Look look) override {
        return watches_.add(std::move(look), [this] {
            std::uint64_t open = key_;
            open_as_.compare_exchange_strong(open, watched_key());
        });
    }
    void unwatch(std::uint64_t id) noexcept override {
        if (is_detached()) return;
        watches_.remove(id, [this] {
            std::uint64_t open = watched_key();
            open_as_.compare_exchange_strong(open, key_);
        });
    }
    void tell_watches(std::int64_t step, std::int64_t time_ns) override { watches_.look(step, time_ns); }

    [[nodiscard]] std::unique_ptr<SignalWatch> watch_signals() override {
        return std::make_unique<BasicProcessSignals<T>>();
    }
    [[nodiscard]] BasicSaver<T>& saver() noexcept override { return *saver_; }
    [[nodiscard]] std::unique_ptr<VersionStore> open_versions(std::string_view name, Share share) override {
        return std::make_unique<BasicRunVersions<T>>(this->shared_from_this(), name, share);
    }
    result<void> read_rows(const std::filesystem::path& run_dir, RunCore::EachRow f) const override {
        const auto read = read_history(run_dir, [&](const StoredRow& row) {
            const auto decision = decision_of(row);
            f(row, decision ? &*decision : nullptr);
        });
        return read ? result<void>{} : read.error();
    }

    // ---- ends

    result<void> end(std::string_view status, const std::string& why,
                     std::int64_t most_ns) noexcept override {
        if (has_ended()) return is_left_ ? result<void>{is_not_written()} : result<void>{};
        auto ended = end_quietly(status, why, most_ns);
        if (!is_left_) report_end(*this, [&] { return views(); });
        return ended;
    }

    void on_terminate(const std::string& why) noexcept override { (void)end_quietly("failed", why); }
    void on_exit() noexcept override {
        (void)end_quietly("exited", "exit() was called before the run was finished");
    }
    void on_fork_child() noexcept override {
        open_as_.store(0, std::memory_order_relaxed);
        detached_.store(true, std::memory_order_relaxed);
        folder_.close_in_child();
    }

  private:
    static constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

    result<void> end_quietly(std::string_view status, const std::string& why,
                             std::int64_t most_ns = no_deadline) noexcept {
        const std::int64_t began = steady_ns();
        // Before the end, so that what comes of it is recorded.
        if (!has_ended() && !is_detached()) {
            are_saved_ = saver_->drain(most_ns);
            constexpr std::int64_t patience_ns = 30'000'000'000;  // nobody waits longer for who does not hear
            are_told_ = teller_->drain(
                std::min(patience_ns, std::max(most_ns - (steady_ns() - began), std::int64_t{0})));
        }
        if (ended_.exchange(true)) return {};
        mark_ = {};
        End end{std::string{status}, why,
                dropped_.load(std::memory_order_relaxed),  // later ones came after it
                ThreadLanes::own(key_)};
        open_as_.store(0, std::memory_order_relaxed);
        if (is_detached()) return {};
        if (most_ns >= os::one_hour_ns || saver_->is_current() || teller_->is_current())
            return write_end(end);
        constexpr std::int64_t least = 1'000'000'000;  // for a disk that is well it is plenty
        return write_end_within(std::max(most_ns - (steady_ns() - began), least), std::move(end));
    }

    [[nodiscard]] error after_end(const char* tried) const {
        return {errc::invalid_argument, std::string{tried} + " after the run has ended", dir().string(),
                "do it before run.finish(), or resume the run"};
    }
    /// To change what is written of the run and to write it: no older one is written over a newer. A forked
    /// child, where nobody might end another's turn, writes none.
    [[nodiscard]] std::unique_lock<std::mutex> turn() {
        return is_detached() ? std::unique_lock<std::mutex>{} : std::unique_lock{turn_};
    }
    /// `change()` in turn, unless the run has ended: then another may be writing it.
    template <class F>
    result<void> change_in_turn(const char* tried, F&& change) {
        const auto in_turn = turn();
        return has_ended() ? after_end(tried) : change();
    }
    /// How a run ends.
    struct End {
        std::string status, why;
        std::uint64_t dropped = 0;   // rows
        const Lane* lane = nullptr;  // of the thread that ends it
    };
    /// Writes it on a thread of its own: where the disk hangs, that thread and what it needs are left to it.
    result<void> write_end_within(std::int64_t most_ns, End end) noexcept {
        enum class State : int { writing, done, left };
        struct Writing {
            std::shared_ptr<BasicRunEngine> run{};
            End end{};
            result<void> written{};
            std::atomic<State> state{State::writing};
            os::Bell done{};
            os::Thread thread{};
        };
        std::unique_ptr<Writing> writing{new (std::nothrow) Writing};
        if (!writing) return write_end(end);
        writing->run = this->shared_from_this();
        writing->end = std::move(end);
        const auto write = [](void* self) noexcept -> void* {
            auto& mine = *static_cast<Writing*>(self);
            mine.written = mine.run->write_end(mine.end);
            if (mine.state.exchange(State::done) == State::left)
                mine.run->is_left_ = false;
            else
                mine.done.ring();
            return nullptr;
        };
        if (!writing->thread.start(write, writing.get())) return write_end(writing->end);
        writing->done.wait(most_ns);
        if (State state = State::writing; !writing->state.compare_exchange_strong(state, State::left)) {
            writing->thread.join();
            return writing->written;
        }
        writing->thread.leave();
        const Writing& left = *writing.release();
        const error e = is_not_written();
        note_failure(e, false);
        is_left_ = true;
        if (left.state == State::done) is_left_ = false;  // just now
        return e;
    }
    [[nodiscard]] error is_not_written() const {
        return {errc::busy, "the run's end is not written: the disk does not answer", dir().string(),
                "what was logged is in the journal; resume the run when the disk is well"};
    }
    result<void> write_end(const End& end) noexcept {
        try {
            return try_write_end(end);
        } catch (const error& failure) {
            note_failure(failure, false);
            return failure;
        } catch (const std::exception& failure) {
            error e{errc::io, std::string{"ending the run: "} + failure.what(), dir().string(), ""};
            note_failure(e, false);
            return e;
        }
    }

    /// Changes the run's own record and writes it. Throws if the run has ended.
    void describe(FunctionRef<void(Json&)> change) { try_describe(change).value(); }

    static std::uint64_t random_key() noexcept {
        std::uint64_t key = 0;
        os::random_bytes({reinterpret_cast<std::byte*>(&key), sizeof key});
        return key | 1U;  // never the 0 that stands for no run
    }

    /// In the child of a fork, a thread that is not there may hold their mutexes.
    [[nodiscard]] bool has_live() const noexcept { return live_ != nullptr && !is_detached(); }

    /// What lives only while the run is recorded by this process.
    struct Live {
        Live(BasicHistoryWriter<T> history, BasicIndexWriter<T> index, const HistoryReport& known,
             const std::filesystem::path& journal_dir, std::int64_t first_step)
            : collector{std::move(history), std::move(index)},
              journal{journal_dir, known.next_ring, first_step, collector} {}
        BasicCollector<T> collector;
        BasicJournal<T> journal;
    };

    BasicRunEngine(Options options, const Store& store, RunFolder folder)
        : RunCore{std::move(options), store, folder.path(), !folder.is_new(), random_key(), wall_ns()},
          folder_{std::move(folder)} {
        read_earlier();
        open_journal();
        write_start();
        std::unique_ptr<BasicSystemSampler<T>> sampler;
        if (options_.system_seconds != 0)
            sampler = std::make_unique<BasicSystemSampler<T>>(options_.system_seconds, store_.root());
        live_->collector.start(live_->journal, std::move(sampler));
        open_as_.store(key_, std::memory_order_relaxed);
    }

    /// What a resumed run already has: its record, its config, what the user set in its summary.
    void read_earlier() {
        about_ = {{"format", 1}, {"metrics", Json::object()}};
        config_ = options_.config;
        user_summary_ = Json::object();
        if (!resumed_) return;
        about_ = folder_.read_run().value();
        for (auto& [key, kind] : {std::pair{"metrics", Json::object()},
                                  {"tags", Json::array()},
                                  {"logged_artifacts", Json::array()},
                                  {"used_artifacts", Json::array()},
                                  {"name", Json("")},
                                  {"sessions", Json(0U)}}) {
            if (!about_.contains(key)) about_[key] = kind;
            if (about_[key].type() == kind.type()) continue;
            raise({errc::corrupt, "the run's record has a wrong \"" + std::string{key} + "\"",
                   (dir() / "run.json").string(), "restore it from a copy"});
        }
        Json earlier = read_object("config.json");
        merge(earlier, config_);
        config_ = std::move(earlier);
        if (Json summary = read_object("summary.json"); summary["user"].is_object()) {
            user_summary_ = std::move(summary["user"]);
        }
    }
    /// Takes over the keys of an object; where both have an object, its keys. (nlohmann's `update` throws
    /// where only one of the two has an object.)
    static void merge(Json& into, const Json& from) {
        if (!from.is_object()) return;
        if (!into.is_object()) into = Json::object();
        for (const auto& [key, value] : from.items()) {
            if (value.is_object())
                merge(into[key], value);
            else
                into[key] = value;
        }
    }
    /// Empty if there is no such file: a crash may have come before it. What is damaged is not written over.
    [[nodiscard]] Json read_object(std::string_view name) const {
        auto read = folder_.read_json(name);
        if (!read && read.error().code() == errc::not_found) return Json::object();
        auto value = std::move(read).value();
        if (value.is_object()) return value;
        raise({errc::corrupt, "this file of the run is no object", (dir() / name).string(),
               "restore it from a copy, or delete it"});
    }

    /// Folds what a crash left in the rings into the history, cuts its torn tail, and makes the new journal.
    void open_journal() {
        const std::filesystem::path journal_dir = dir() / journal_folder;
        HistoryReport known;
        std::optional<std::int64_t> greatest;
        MetricViews earlier;
        MetricSummaries samples;
        // A run whose record was lost may still have its rows.
        if (resumed_ || os::status(dir() / history_file).value().exists) {
            known = recover_history(dir(), [&](const StoredRow& row) {
                        if (row.kind == RecordKind::sample) take_in(samples, row.step, row.values);
                        if (row.kind != RecordKind::row) return;
                        greatest = greatest ? std::max(*greatest, row.step) : row.step;
                        take_in(earlier, row.step, row.values);
                    }).value();
        }
        for (const error& damage : known.errors(dir().string())) note_failure(damage, false);
        // Saturated: a step may be any integer.
        first_step_ =
            !greatest ? 0 : *greatest + (*greatest < std::numeric_limits<std::int64_t>::max() ? 1 : 0);
        os::make_dirs(journal_dir).value();
        auto history = HistoryWriter::open(dir() / history_file, known.whole_bytes).value();
        auto index = IndexWriter::open(dir() / index_file, known.settled_bytes).value();
        live_ = std::make_unique<Live>(std::move(history), std::move(index), known, journal_dir, first_step_);
        live_->collector.remember(std::move(earlier), std::move(samples), greatest.value_or(0));
    }

    void write_start() {
        const auto set = [&](const char* key, const auto& value) {
            if (!value.empty() || !about_.contains(key)) about_[key] = value;
        };
        about_["id"] = options_.id;
        about_["project"] = options_.project;
        set("name", options_.name);
        if (about_.value("name", "").empty()) about_["name"] = options_.id;
        set("group", options_.group);
        set("job_type", options_.job_type);
        set("notes", options_.notes);
        set("tags", options_.tags);
        if (!about_.contains("created_ns")) about_["created_ns"] = started_ns_;
        about_["started_ns"] = started_ns_;
        about_["sessions"] = about_.value("sessions", 0U) + 1;
        about_["status"] = "running";
        about_["library"] = CAIRN_VERSION;
        about_.erase("environment");
        if (resumed_) (void)os::remove_file(dir() / git_diff_file);  // that was the session before
        if (options_.environment) about_["environment"] = environment_of_run();
        if (const std::string group = os::memory_group(); const auto killed = os::killed_for_memory(group))
            about_["memory"] = {{"group", group}, {"killed", *killed}};
        about_.erase("ended_ns");
        about_.erase("why");
        folder_.write_json("config.json", config_).value();
        folder_.write_run(about_).value();
        mark_ = os::CrashMark{dir() / crash_file};
    }

    result<void> try_write_end(const End& end) {
        const auto& [status, why, dropped, lane] = end;
        if (are_saved_) saver_->stop();  // it lets go of its lane
        if (are_told_) teller_->stop();
        const auto unwritten = media_.close();
        if (unwritten) media_lost_.fetch_add(*unwritten, std::memory_order_relaxed);
        live_->collector.stop();
        const typename BasicJournal<T>::Left left = live_->journal.close(lane);
        dropped_.fetch_add(left.lost, std::memory_order_relaxed);
        const auto patterns = [&] {
            const std::scoped_lock lock{mutex_};
            return at_end_;
        }();
        result<void> first;
        const auto keep = [&](const result<void>& done) {
            if (done) return;
            note_failure(done.error(), false);
            detail::keep_first(first, done);
        };
        if (!are_saved_) {
            keep(error{errc::busy,
                       "the run ended before all was written: not yet durable is " + saver_->unfinished(),
                       dir().string(), "give finish() more time, or see why the disk is slow"});
        }
        if (!unwritten) keep(unwritten.error());
        if (!are_told_)
            note_failure({errc::busy, "the run ended before all alerts were told", dir().string(),
                          "see what on_alert waits for"},
                         false);
        const std::string why_not = live_->collector.failure();
        if (left.in_files && !why_not.empty()) {
            keep(error{errc::io,
                       "the last rows are in the journal only, the history took no more: " + why_not,
                       dir().string(), "make room, then resume the run: it folds them in"});
        }
        if (left.lost != 0 && !why_not.empty()) {  // or a thread logged while the run ended
            keep(error{errc::io,
                       std::to_string(left.lost) +
                           " rows were lost: neither the history nor a ring file of "
                           "the journal could be written: " +
                           why_not,
                       dir().string(), "make room before the next run"});
        }
        if (const std::string since = live_->collector.first_failure(); dropped != 0) {
            const error told{errc::io,
                             std::to_string(dropped) + " rows were dropped: " +
                                 (since.empty() ? "they came faster than they could be written, or from a "
                                                  "thread that was ending"
                                                : since),
                             dir().string(),
                             since.empty() ? "log less often, and not while a thread ends"
                                           : "make room before the next run"};
            if (since.empty())
                note_failure(told, false);  // all that was taken is written
            else
                keep(told);
        }
        for (const std::filesystem::path& pattern : patterns)
            keep(detail::save_files(pattern, dir() / "files", store_.temp_dir()));
        // Who set something before the end has written it now. What fails is told of out of turn: who hears
        // of it may want to set a value.
        (void)turn();
        keep(folder_.write_json("summary.json", summary()));
        {
            const std::scoped_lock lock{mutex_};
            about_["status"] = status;
            about_["ended_ns"] = wall_ns();
            if (!why.empty()) about_["why"] = why;
        }
        keep(folder_.write_run(about()));
        folder_.release();
        if (const std::scoped_lock lock{mutex_}; first && first_loss_) first = *first_loss_;
        return first;
    }

    RunFolder folder_;
    os::CrashMark mark_;
    std::unique_ptr<Live> live_;
    BasicMediaKeeper<T> media_{dir() / media_file};
    std::unique_ptr<BasicSaver<T>> saver_ = std::make_unique<BasicSaver<T>>();
    std::unique_ptr<BasicSaver<T>> teller_ = std::make_unique<BasicSaver<T>>();  // of alerts
    std::atomic<bool> are_told_{true};

    mutable std::mutex mutex_;
    Json about_;
    Json config_;
    Json user_summary_;
    std::mutex turn_;
    std::vector<std::filesystem::path> at_end_;
    std::vector<std::string> errors_;
    std::set<std::string> checkpoints_;  // those that live
    BasicAlertGate<T> alerts_;
    Watches watches_;
    std::uint64_t saves_failed_ = 0, alerts_held_back_ = 0;
    std::atomic<std::uint64_t> recorded_{0};  // decisions
    std::optional<error> first_loss_;         // of a version or an artifact
};

}  // namespace CAIRN_NAMESPACE::detail
