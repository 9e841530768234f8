// SPDX-License-Identifier: MIT
#pragma once
// What a run is for its handles, its checkpoints and its artifacts. What is not the fast path is virtual and
// lies in run_engine.hpp: only the file that calls `init` instantiates it, the others compile calls of it.

#include <cairn/core/deferred.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/signal_watch.hpp>
#include <cairn/run/detail/thread_lanes.hpp>
#include <cairn/run/version_store.hpp>
#include <cairn/run/health.hpp>
#include <cairn/run/options.hpp>
#include <cairn/store/stored_row.hpp>
#include <cairn/store/share.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// When `run.save(pattern)` copies: now, at the end of the run, or both and whenever asked again.
enum class When : unsigned char { now, end, live };

/// What `define_metric` declares of a metric.
struct MetricOptions {
    Direction goal =
        Direction::unspecified;    ///< which way it is better; checked against policies and retentions
    std::string step_metric = {};  ///< the metric it is drawn over, for example "epoch"
    std::string unit = {};         ///< shown beside the value
};

namespace detail {

template <class T>
class BasicSaver;

/// Where a rich value was logged.
struct MediaPlace {
    std::string metric;
    std::int64_t step = 0;
    std::int64_t time_ns = 0;
};

// Never defined: its name is the compiler's message.
template <class N>
struct write_this_step_as_cairn_step_of_n;

/// A run that was opened. Threads: any, unless said otherwise.
template <class T = void>
class BasicRunCore {
  public:
    using Json = Deferred<nlohmann::json, T>;

    BasicRunCore(const BasicRunCore&) = delete;
    BasicRunCore& operator=(const BasicRunCore&) = delete;

    // ---- logging

    /// The calling thread's lane; null if the run takes no more rows.
    [[nodiscard]] Lane* lane() noexcept {
        const ThreadLanes::Latest& latest = ThreadLanes::latest();
        return is_ours(latest) ? latest.lane : find_lane();
    }

    /// Takes a row; never throws, never waits for a disk.
    template <class R>
    CAIRN_INLINE void append(const R& row) noexcept {
        const ThreadLanes::Latest& latest = ThreadLanes::latest();
        if (is_ours(latest) && latest.lane->try_append(row)) [[likely]]
            return;
        if constexpr (std::is_trivially_copyable_v<R>)
            row.apply([this](auto... parts) { this->template append_parts<R>(parts...); });
        else
            append_slowly(row);
    }

    /// Takes a rich value, to be encoded and written on the saver's thread; never throws, never waits.
    template <EncodesMedia V>
    CAIRN_COLD void keep(std::string_view metric, std::int64_t step, std::int64_t time_ns, V value) noexcept {
        try {
            const std::size_t memory = value.memory();
            keep_media({std::string{metric}, step, time_ns}, memory,
                       [kept = std::make_shared<const V>(std::move(value))] { return kept->encode(); });
        } catch (...) {  // no memory
            media_lost_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    /// The same of a value that is behind a function.
    virtual void keep_media(MediaPlace place, std::size_t memory, std::function<Media()> encode) = 0;
    /// A rich value came to nothing.
    virtual void note_lost_media(const error& failure) noexcept = 0;

    /// From now on `look(step, time_ns)` is called after each row that the calling thread logs; returns what
    /// `unwatch` wants. All rows of the run then go the slow way.
    [[nodiscard]] virtual std::uint64_t watch(std::function<void(std::int64_t, std::int64_t)> look) = 0;
    virtual void unwatch(std::uint64_t id) noexcept = 0;
    /// A sample of a model cost so much, or was left out because they cost too much.
    void count_watched(std::uint64_t ns, bool is_left_out) noexcept {
        watched_ns_.fetch_add(ns, std::memory_order_relaxed);
        (is_left_out ? watches_left_out_ : watches_made_).fetch_add(1, std::memory_order_relaxed);
    }

    /// Records a decision between the rows of the calling thread, as `append` does. After the end of the run
    /// nothing is recorded any more.
    virtual void record(const Decision& decision) noexcept = 0;

    /// Records an alert, and hands it on, unless the same title was said less than so many seconds ago.
    virtual void alert(Alert alert, double wait_seconds) noexcept = 0;

    /// The calling thread's lane, if it is not the latest that it used; one of its own if it has none.
    virtual Lane* find_lane() noexcept = 0;

    // ---- what is known of the run

    [[nodiscard]] const Options& options() const noexcept { return options_; }
    [[nodiscard]] const Store& store() const noexcept { return store_; }
    [[nodiscard]] unsigned rank() const noexcept { return options_.rank.value_or(0); }
    [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }
    [[nodiscard]] std::int64_t started_ns() const noexcept { return started_ns_; }
    [[nodiscard]] bool resumed() const noexcept { return resumed_; }
    /// One more than the greatest step of the sessions before; 0 for a new run.
    [[nodiscard]] std::int64_t first_step() const noexcept { return first_step_; }
    [[nodiscard]] bool is_open() const noexcept { return open_as_.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_relaxed); }
    /// Whether it ended before all was written: nobody waits for the rest.
    [[nodiscard]] bool has_given_up() const noexcept { return has_ended() && (!are_saved_ || is_left_); }
    [[nodiscard]] bool is_detached() const noexcept { return detached_.load(std::memory_order_relaxed); }

    [[nodiscard]] virtual Health health() const = 0;
    /// Keeps a failure and says it once on stderr. Never throws.
    virtual void note_failure(const error& failure, bool of_a_save) noexcept = 0;
    /// Throws if the run has ended: it may have another writer by now.
    virtual void check_open(const char* tried) const = 0;

    /// Makes the caller the only one in this run who decides for a checkpoint of this name, until `release`.
    /// Throws busy if there is one.
    virtual void claim(const std::string& checkpoint) = 0;
    virtual void release(const std::string& checkpoint) noexcept = 0;

    [[nodiscard]] virtual std::unique_ptr<SignalWatch> watch_signals() = 0;

    /// Where checkpoints are written beside the loop, until the run ends.
    [[nodiscard]] virtual BasicSaver<T>& saver() noexcept = 0;
    /// A number that no other save of the run has, in whatever session.
    [[nodiscard]] std::uint64_t new_save() noexcept {
        return static_cast<std::uint64_t>(started_ns_) + saves_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Counts a version that was not saved because another was being written.
    void count_passed_over() noexcept { passed_over_.fetch_add(1, std::memory_order_relaxed); }

    // ---- what it has written

    /// The versions of an artifact of its store. Throws `cairn::error`.
    [[nodiscard]] virtual std::unique_ptr<VersionStore> open_versions(std::string_view name, Share share) = 0;

    /// What `f(row, decision)` is called with: for an event that is a decision, that; otherwise null.
    using EachRow = FunctionRef<void(const StoredRow&, const Decision*)>;
    /// Every row and event of a run's folder once, in the order of each thread.
    virtual result<void> read_rows(const std::filesystem::path& run_dir, EachRow f) const = 0;

    // ---- config, summary, description

    [[nodiscard]] virtual Json config() const = 0;
    /// Merges an object into the config, nested objects too, and writes it. Throws on a value that is no
    /// object.
    virtual void update_config(const Json& patch) = 0;
    [[nodiscard]] virtual Json summary() const = 0;
    virtual void set_summary(std::string key, Json value) = 0;
    /// The run's own record (`run.json`).
    [[nodiscard]] virtual Json about() const = 0;
    /// Changes it and writes it, for a run that is known to be open.
    virtual result<void> try_describe(FunctionRef<void(Json&)> change) = 0;
    virtual void define_metric(std::string_view name, const MetricOptions& options) = 0;
    virtual void set_notes(const std::string& notes) = 0;
    virtual void add_tag(const std::string& tag) = 0;
    /// The declared direction of a metric, if `define_metric` gave one.
    [[nodiscard]] virtual Direction goal_of(std::string_view metric) const = 0;
    /// Copies what a pattern matches into the run's folder.
    virtual void save_files(const std::filesystem::path& pattern, When when) = 0;

    // ---- ends

    /// Ends the run once: waits for what is being saved, at most so long; drains, writes summary and state,
    /// lets go of the lock, says so. The first failure is returned and kept.
    virtual result<void> end(std::string_view status, const std::string& why,
                             std::int64_t most_ns) noexcept = 0;

  protected:
    [[nodiscard]] bool is_ours(const ThreadLanes::Latest& latest) const noexcept {
        return latest.run == open_as_.load(std::memory_order_relaxed);
    }
    /// Part by part: a row whose address is taken would not stay in registers.
    template <class R, class... Parts>
    CAIRN_COLD void append_parts(Parts... parts) noexcept {
        append_slowly(R{parts...});
    }
    template <class R>
    void append_slowly(const R& row) noexcept {
        try {
            Lane* const mine = lane();
            if (mine != nullptr && mine->append(row)) {
                if (open_as_.load(std::memory_order_relaxed) == watched_key())
                    tell_watches(row.step(), row.time_ns());
                return;
            }
        } catch (...) {  // no memory
        }
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    /// In the place of the key while somebody watches: no thread's latest lane has it.
    /// After a row of the calling thread.
    virtual void tell_watches(std::int64_t step, std::int64_t time_ns) = 0;
    [[nodiscard]] std::uint64_t watched_key() const noexcept { return key_ ^ 2U; }

    BasicRunCore(Options options, Store store, std::filesystem::path dir, bool resumed, std::uint64_t key,
                 std::int64_t started_ns)
        : options_{std::move(options)}, store_{std::move(store)}, dir_{std::move(dir)}, resumed_{resumed},
          key_{key}, started_ns_{started_ns} {}
    ~BasicRunCore() = default;

    Options options_;
    Store store_;
    std::filesystem::path dir_;
    bool resumed_;
    std::uint64_t key_;  // tells this run from all others that a thread may log to; never 0
    std::int64_t started_ns_;
    std::int64_t first_step_ = 0;
    std::atomic<std::uint64_t> open_as_{0};  // the key, while the run takes rows
    std::atomic<bool> detached_{false};
    std::atomic<bool> ended_{false};
    std::atomic<bool> are_saved_{true};  // what the saver was given
    std::atomic<bool> is_left_{false};   // the disk did not answer in time when the end was written
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> passed_over_{0};
    std::atomic<std::uint64_t> media_lost_{0};
    std::atomic<std::uint64_t> saves_{0};
    std::atomic<std::uint64_t> watched_ns_{0}, watches_made_{0}, watches_left_out_{0};
};
using RunCore = BasicRunCore<>;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
