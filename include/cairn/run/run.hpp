// SPDX-License-Identifier: MIT
#pragma once
// `cairn::init` and the handle it returns. `init` is defined in run/init.hpp, checkpoints and artifacts in
// checkpoint/; `cairn/cairn.hpp` includes all of them.

#include <cairn/core/deferred.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/rich_row.hpp>
#include <cairn/core/row.hpp>
#include <cairn/core/time.hpp>
#include <cairn/fwd.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/health.hpp>
#include <cairn/run/options.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/detail/stopping.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What `log` takes beside a row whose names are known at run time.
struct LogOptions {
    std::optional<std::int64_t> step = {};  ///< default: the calling thread's own count of rows
};

/// A run that is being recorded. A movable handle: when the last of it goes, the run is finished (failed, if
/// an exception is on its way). `log` may be called from any thread; the rest from one thread at a time.
template <class T = void>
class BasicRun {
    using Json = detail::Deferred<nlohmann::json, T>;

  public:
    /// A run that records nothing, as `CAIRN_MODE=disabled` makes it.
    BasicRun() = default;
    /// For `init`.
    explicit BasicRun(std::shared_ptr<detail::RunCore> core) : core_{std::move(core)} {}
    ~BasicRun() { close(); }
    BasicRun(BasicRun&&) noexcept = default;
    /// Ends the run that the handle had, and takes over the other's.
    BasicRun& operator=(BasicRun&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
            exceptions_ = other.exceptions_;
        }
        return *this;
    }

    // ---- logging

    /// Logs one row at a step: `run.log(cairn::step(epoch), "loss"_m = loss)`. Returns the row, for a
    /// checkpoint; rich values (see `EncodesMedia`) are kept beside it, at its step. Fails: never; a row that
    /// cannot be kept is counted in `health()`. Threads: any. Cost: tens of nanoseconds; no lock, no system
    /// call. When it returns, a SIGKILL of the process loses no value.
    template <class... Names, class... Ts>
    CAIRN_INLINE auto log(Step step, Field<Names, Ts>... fields) noexcept {
        return log_fields(step.value, std::move(fields)...);
    }

    /// Does not compile: a step is `cairn::step(n)`.
    template <std::integral N, class... Names, class... Ts>
    void log(N, const Field<Names, Ts>&...) {
        (void)sizeof(detail::write_this_step_as_cairn_step_of_n<N>);
    }

    /// Logs one row; its step is the calling thread's own count of rows.
    template <class... Names, class... Ts>
        requires(sizeof...(Names) > 0)
    CAIRN_INLINE auto log(Field<Names, Ts>... fields) noexcept {
        return log_fields(own_step(), std::move(fields)...);
    }

    /// Logs a rich value under a name that is known only at run time: `run.log(name,
    /// cairn::Histogram{samples},
    /// {.step = n})`. Without a step it is the calling thread's count of rows, which a row without numbers
    /// is.
    template <EncodesMedia V>
    void log(std::string_view metric, V value, LogOptions options = {}) noexcept {
        const std::int64_t step = options.step ? *options.step : own_step();
        const auto row = detail::make_row(step, detail::wall_ns());
        if (!core_) return;
        core_->append(row);
        core_->keep(metric, step, row.time_ns(), std::move(value));
    }

    /// Logs a row whose names are known only at run time: `run.log({{"loss", loss}, {"epoch", epoch}}, {.step
    /// = n})`.
    DynamicRow log(std::initializer_list<NamedValue> values, LogOptions options = {}) {
        return log_values(values, options);
    }
    /// The same for values that are made in a loop.
    DynamicRow log(std::span<const NamedValue> values, LogOptions options = {}) {
        return log_values(values, options);
    }

    // ---- saving (defined in checkpoint/)

    /// A checkpoint that saves by a policy, as types: `run.checkpoint<cairn::EveryN<2>>("model")`. Retention
    /// and sink may follow, as values, in any order. Throws `cairn::error` on a bad name, or where directions
    /// disagree.
    template <class Policy, class... Rest>
    [[nodiscard]] auto checkpoint(std::string_view name, Rest... rest);

    /// The same with the policy as a value, anywhere among policy, retention and sink:
    /// `run.checkpoint("model", Best<"val/loss", minimize>{} | EveryN<500>{}, KeepLast<3>{})`.
    template <class... Parts>
    [[nodiscard]] auto checkpoint(std::string_view name, Parts... parts);

    /// Commits an artifact as a new version, or finds that its newest version is the same. Throws
    /// `cairn::error`.
    template <class A>
    auto log_artifact(const A& artifact, std::initializer_list<std::string_view> aliases = {});

    /// An artifact's version, by "name:alias" or "name:v3"; "name" is "name:latest". Throws
    /// `errc::not_found`.
    template <class Text>
    [[nodiscard]] auto use_artifact(const Text& spec);

    /// Saves parts as a new version of a model artifact, whatever the policies say: `run.log_model("model",
    /// cairn::part("model", model))`. Throws `cairn::error`.
    template <class... Parts>
    auto log_model(std::string_view name, const Parts&... parts);

    /// Copies the files that match a pattern (`*` and `?` in file names) into the run's folder. With
    /// `When::end` at the end of the run; with `When::live` now and at the end. Throws `cairn::error` if a
    /// copy made now fails, or if the run has ended.
    void save(const std::filesystem::path& pattern, When when = When::live) {
        if (core_) core_->save_files(pattern, when);
    }

    /// Watches a model that lists its tensors: histograms of its parameters, and of its gradients if it tells
    /// them, every `log_freq` rows that this thread logs, as long as what this gives lives: `auto watch =
    /// run.watch(model, {.log = cairn::watch::all});`. Throws invalid_argument. Cost: a pass over the tensors
    /// now and then, on this thread, a twentieth of the time at most; every row takes some tens of
    /// nanoseconds more while a model is watched, and none otherwise. Defined in run/watch.hpp.
    template <class M, class Options = WatchOptions>
    [[nodiscard]] auto watch(M& model, Options options = {});

    /// Tells somebody: `run.alert("the loss is NaN", {.text = "...", .level = cairn::AlertLevel::error})`. It
    /// is recorded between the rows, and handed to `Options::on_alert`; the same title is held back for a
    /// minute. Never throws; what was held back is counted in `health()`. Threads: any.
    void alert(std::string title, AlertOptions options = {}) noexcept {
        if (core_)
            core_->alert({std::move(title), std::move(options.text), options.level}, options.wait_seconds);
    }

    // ---- deciding

    /// Whether training should stop at this row, by `Patience` or any other policy:
    /// `if (run.should_stop(row, patience)) break;`. The policy is kept outside the loop and hears of the
    /// row; in a resumed run it first hears of the rows that were logged before this step. Works the same in
    /// a run that records nothing. A stop is recorded, with its reason. Cost: a comparison.
    template <class R, class P>
        requires SavePolicy<std::remove_cvref_t<P>>
    bool should_stop(const R& row, P&& policy) {
        if constexpr (StatefulPolicy<std::remove_cvref_t<P>> &&
                      (!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>)) {
            (void)sizeof(detail::keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows<
                         std::remove_cvref_t<P>>);
            return false;
        } else {
            return core_ ? detail::ask_to_stop(*core_, row, policy) : detail::ask_to_stop(row, policy);
        }
    }

    /// What was decided so far and recorded, in the order of time: every save, failure and removal,
    /// and every change of why nothing is saved. `to_text` makes a line of one. `checkpoint.decisions()` has
    /// those about all other rows too. Throws if the history cannot be read. Cost: one pass over it.
    template <class D = Decision>
    [[nodiscard]] std::vector<D> decisions() const {
        std::vector<D> all;
        const auto keep = [&](const detail::StoredRow&, const Decision* decision) {
            if (decision != nullptr && !detail::is_bookkeeping(decision->kind)) all.push_back(*decision);
        };
        if (core_) core_->read_rows(core_->dir(), keep).value();
        return detail::in_order(std::move(all));
    }

    // ---- seeing (defined in serve/server.hpp, which is opt-in)

    /// Shows the run's store in a browser while it trains, until what this gives is destroyed: `auto
    /// dashboard = run.serve({.port = 6006});`. Training waits for no viewer. Throws busy, if the port is
    /// taken.
    template <class Options = ServeOptions>
    [[nodiscard]] auto serve(Options options = {});

    // ---- what is recorded beside rows

    /// The config as it stands; a nested value is `config()["optimizer"]["lr"]`.
    [[nodiscard]] Json config() const { return core_ ? core_->config() : Json::object(); }
    /// Merges an object into the config, nested objects too. Throws `cairn::error` on anything else.
    void update_config(const Json& patch) {
        if (core_) core_->update_config(patch);
    }

    /// For each metric last, min, max, mean, count and where they were, under "metrics"; the same of what the
    /// machine did, under "system"; what was set, under "user". Rows that are not collected yet (some
    /// milliseconds) are not in it.
    [[nodiscard]] Json summary() const { return core_ ? core_->summary() : Json::object(); }
    /// Sets a value of one's own in the summary.
    void set_summary(std::string key, Json value) {
        if (core_) core_->set_summary(std::move(key), std::move(value));
    }

    /// Declares a metric: which way it is better, over what it is drawn. Throws `cairn::error` if it cannot
    /// be written.
    void define_metric(std::string_view name, const MetricOptions& options) {
        if (core_) core_->define_metric(name, options);
    }
    /// Sets the run's notes, free text. Throws `cairn::error` if it cannot be written.
    void set_notes(const std::string& notes) {
        if (core_) core_->set_notes(notes);
    }
    /// Adds a tag; one that is there is not added twice. Throws `cairn::error` if it cannot be written.
    void add_tag(const std::string& tag) {
        if (core_) core_->add_tag(tag);
    }

    // ---- the run itself

    /// Unique in the project; empty if the run is disabled.
    [[nodiscard]] std::string id() const { return core_ ? core_->options().id : std::string{}; }
    /// The project it belongs to; empty if the run is disabled.
    [[nodiscard]] std::string project() const { return core_ ? core_->options().project : std::string{}; }
    /// What people call it; empty if the run is disabled.
    [[nodiscard]] std::string name() const {
        return core_ ? core_->about().value("name", "") : std::string{};
    }
    /// The run's folder.
    [[nodiscard]] std::filesystem::path dir() const { return core_ ? core_->dir() : std::filesystem::path{}; }
    /// Whether nothing is recorded.
    [[nodiscard]] bool disabled() const noexcept { return core_ == nullptr; }
    /// The run existed before; then `first_step` is one more than the greatest step it had logged.
    [[nodiscard]] bool resumed() const noexcept { return core_ != nullptr && core_->resumed(); }
    /// Where training goes on: 0, but in a resumed run one more than the greatest step it had logged.
    [[nodiscard]] std::int64_t first_step() const noexcept { return core_ ? core_->first_step() : 0; }
    /// What was logged, collected, waited for, dropped; which saves failed.
    [[nodiscard]] Health health() const { return core_ ? core_->health() : Health{}; }

    /// Ends the run: writes what is left, the summary and the state "finished". The handle then only counts
    /// what it is given. Waits for versions that are still being written, unless nothing was written for five
    /// minutes. The result has the first thing that could not be written; a version that was lost is one.
    result<void> finish() noexcept { return end("finished", {}); }
    /// The same, but waits no longer than this for versions that are still being written: `finish(20s)`.
    /// Fails, busy, naming those that are not durable by then; one of them may be yet. For the run's own end
    /// it waits what is left of the time, a second at least: on a disk that does not answer that is left to a
    /// thread.
    template <class D>
    result<void> finish(const D& at_most) noexcept {
        constexpr double longest = 9e9;  // seconds; in nanoseconds it fits an integer
        const double seconds = std::max(0.0, std::min(detail::seconds_of(at_most), longest));  // of NaN: 0
        return end("finished", {}, static_cast<std::int64_t>(seconds * 1e9));
    }
    /// Ends the run as failed, with the reason.
    result<void> fail(const std::string& why) noexcept { return end("failed", why); }

    /// For the layers below.
    [[nodiscard]] const std::shared_ptr<detail::RunCore>& core() const noexcept { return core_; }

  private:
    result<void> end(std::string_view status, const std::string& why,
                     std::int64_t most_ns = std::numeric_limits<std::int64_t>::max()) noexcept {
        if (!core_) return {};
        return core_->end(status, why, most_ns);
    }
    /// The calling thread's own count of rows.
    [[nodiscard]] CAIRN_INLINE std::int64_t own_step() noexcept {
        detail::Lane* const lane = core_ ? core_->lane() : nullptr;
        return lane != nullptr ? lane->take_step() : 0;
    }
    template <class... Names, class... Ts>
    CAIRN_INLINE auto log_fields(std::int64_t step, Field<Names, Ts>... fields) noexcept {
        const auto row = detail::row_of_numbers(step, detail::clock_ns(), std::move(fields)...);
        if (core_) {
            core_->append(row);
            (keep_if_rich(row, fields), ...);
        }
        return row;
    }
    template <class R, class Name, class V>
    CAIRN_INLINE void keep_if_rich([[maybe_unused]] const R& row,
                                   [[maybe_unused]] Field<Name, V>& field) noexcept {
        if constexpr (RichValue<V>)
            core_->keep(Name::name, row.step(), row.time_ns(), std::move(field.value));
    }
    template <class Values>
    DynamicRow log_values(const Values& values, const LogOptions& options) {
        const std::int64_t step = options.step ? *options.step : own_step();
        const detail::GivenRow row{step, detail::wall_ns(), std::data(values), values.size()};
        if (core_) core_->append(row);
        return row.owned();
    }
    void close() noexcept {
        if (!core_) return;
        if (std::uncaught_exceptions() > exceptions_) {
            (void)end("failed", "an exception left the run's scope");
        } else {
            (void)end("finished", {});
        }
    }

    std::shared_ptr<detail::RunCore> core_;
    int exceptions_ = std::uncaught_exceptions();
};
using Run = BasicRun<>;

/// Opens a run: `auto run = cairn::init({.project = "mnist", .config = {{"lr", 1e-3}, {"epochs", 5}}});`
/// Throws `cairn::error` if the store cannot be written, a name is bad, the run exists or does not (see
/// `Resume`), or another process writes it.
template <std::same_as<Enabled> = Enabled>
[[nodiscard]] Run init(Options options = {});

}  // namespace CAIRN_NAMESPACE
