// SPDX-License-Identifier: MIT
#pragma once
// `Checkpoint`: asks the policy, writes the parts, commits a version, prunes. Costs nlohmann/json.

#include <cairn/checkpoint/local_store.hpp>
#include <cairn/checkpoint/save_result.hpp>
#include <cairn/checkpoint/sink.hpp>
#include <cairn/checkpoint/version.hpp>
#include <cairn/model/decode.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/policy/best.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/run.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// The newest version that is whole: `checkpoint.restore(cairn::latest, part…)`.
struct LatestVersion {};
inline constexpr LatestVersion latest{};
/// The version whose row has the best value of the metric that the checkpoint's policy or retention watches.
struct BestVersion {};
inline constexpr BestVersion best{};

namespace detail {

template <class Policy, class Retention>
struct no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best;

/// Two monitors watch one metric in opposite directions.
template <class A, class B>
inline constexpr bool directions_differ = false;
template <class Name, Direction D, Direction E>
inline constexpr bool directions_differ<Monitor<Name, D>, Monitor<Name, E>> = D != E;

/// The row as it is kept with a version.
template <class... Fields>
[[nodiscard]] DynamicRow to_dynamic(const Row<Fields...>& row) {
    std::vector<NamedValue> values;
    values.reserve(sizeof...(Fields));
    row.for_each(
        [&](auto name, const auto& value) { values.push_back({decltype(name)::name, Value{value}}); });
    return {row.step(), row.time_ns(), values.data(), values.size()};
}
template <class = void>
[[nodiscard]] DynamicRow to_dynamic(const DynamicRow& row) {
    return row;
}

}  // namespace detail

/// Saves the parts that it is handed when its policy says so, and keeps the versions its retention wants.
/// Made by `run.checkpoint`. One thread at a time; it may outlive the run's handle.
template <SavePolicy Policy, RetentionPolicy Retention = KeepAll, ArtifactSink Sink = LocalStore>
class Checkpoint {
    using Monitor = detail::monitor_of_any<Policy, Retention>;
    static_assert(
        !detail::directions_differ<detail::monitor_of_any<Policy>, detail::monitor_of_any<Retention>>,
        "cairn: the policy and the retention of this checkpoint disagree on which way their metric is "
        "better; "
        "write minimize in both, or maximize in both");

  public:
    /// For `run.checkpoint`, which checks the name and binds the sink.
    Checkpoint(std::shared_ptr<detail::RunCore> core, std::string_view name, Policy policy,
               Retention retention, Sink sink)
        : core_{std::move(core)}, name_{name}, initial_{policy}, policy_{std::move(policy)},
          retention_{std::move(retention)}, sink_{std::move(sink)} {
        if (!core_) return;
        detail::check_name("checkpoint", name_).value();
        check_goal<detail::monitor_of_any<Policy>>();
        check_goal<detail::monitor_of_any<Retention>>();
        if constexpr (requires { sink_.bind(core_, name); }) sink_.bind(core_, name_);
        if constexpr (requires { sink_.versions(false); }) {
            versions_ = sink_.versions(false);
            for (const Version& version : versions_)
                detail::settle(*policy_, at(version.row), Outcome::saved);
        }
    }

    /// Asks the policy about a row and, on a yes, saves the parts as a new version and prunes. Never throws
    /// for what the sink or the disk does: that is in the result. Cost: a no is a comparison; nothing was
    /// serialised.
    template <class R, class... Parts>
    SaveResult step(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{SkipReason::off};
        const At<R> now = at(row);
        const Answer decision = policy_->decide(now);
        if (decision == Answer::yes) return write(now, parts...);
        detail::settle(*policy_, now, Outcome::not_saved);
        last_row_is_saved_ = false;
        if constexpr (detail::saves_at_end<Policy>) last_row_ = detail::to_dynamic(row);
        return Skipped{detail::skip_reason(decision)};
    }

    /// Saves now, whatever the policy says; the policy hears of it.
    template <class R, class... Parts>
    SaveResult save(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{SkipReason::off};
        return write(at(row), parts...);
    }

    /// Says that there are no more rows: a policy with `OnFinish` saves now, under the last row that was
    /// seen; if that row is saved already, its version is the answer. Other policies are not asked.
    template <class... Parts>
    SaveResult finish(const Parts&... parts) {
        if (!is_on()) return Skipped{SkipReason::off};
        if constexpr (!detail::saves_at_end<Policy>) return Skipped{SkipReason::not_due};
        if (last_row_is_saved_) return versions_.back();
        At<DynamicRow> now = at(last_row_);
        now.final = true;
        const Answer decision = policy_->decide(now);
        if (decision == Answer::yes) return write(now, parts...);
        return Skipped{detail::skip_reason(decision)};
    }

    /// Puts the parts into the state of a version and returns it; training goes on at `version.step() + 1`. A
    /// damaged version is reported and passed over. Looks at the versions of this run; a new run, which has
    /// none, looks at all versions of this name. Throws `errc::not_found` if there is none, `errc::mismatch`
    /// if a part does not fit; then no part was changed.
    template <class Which, class... Parts>
        requires ReadableSink<Sink>
    Version restore(const Which& which, const Parts&... parts) {
        if constexpr (detail::SavableParts<Parts...>) {
            return try_restore(which, parts...).value();
        } else {
            detail::explain_parts<Parts...>();
            return {};
        }
    }

    /// The same as a `result`: for programs that start from nothing the first time.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(LatestVersion, const Parts&... parts) {
        std::vector<Version> newest_first = candidates();
        std::reverse(newest_first.begin(), newest_first.end());
        return restore_first(newest_first, parts...);
    }
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(BestVersion, const Parts&... parts) {
        if constexpr (std::same_as<Monitor, detail::NoMonitor>) {
            (void)sizeof(
                detail::no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best<
                    Policy, Retention>);
            return error{};
        } else {
            return restore_first(by_value(candidates()), parts...);
        }
    }
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(std::string_view label, const Parts&... parts) {
        std::vector<Version> wanted = all_versions();
        std::erase_if(wanted, [&](const Version& version) { return version.label() != label; });
        if (wanted.empty()) return none_like(label, all_versions());
        return restore_first(wanted, parts...);
    }

    /// The versions of this checkpoint that exist, oldest first.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return versions_; }
    [[nodiscard]] const Policy& policy() const noexcept { return *policy_; }
    [[nodiscard]] Sink& sink() noexcept { return sink_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

  private:
    [[nodiscard]] bool is_on() const noexcept {
        return core_ && core_->options().save && !core_->is_detached();
    }

    template <class R>
    [[nodiscard]] At<R> at(const R& row) const {
        At<R> now{row};
        now.seconds = static_cast<double>(row.time_ns() - core_->started_ns()) / 1e9;
        now.save_seconds = save_seconds_;
        return now;
    }

    /// Writes one version; on any failure the sink forgets it and the versions before it are whole.
    template <class R, class... Parts>
    SaveResult write(const At<R>& now, const Parts&... parts) {
        const std::int64_t began = detail::steady_ns();
        result<Version> version = error{};
        const result<void> done =
            detail::guarded("saving a version", [&]() -> result<void> {  // a sink of the user's may throw
                if constexpr (detail::SavableParts<Parts...>)
                    version = commit(now.row, parts...);
                else
                    detail::explain_parts<Parts...>();
                return {};
            });
        if (!done) {
            sink_.abort();
            version = done.error();
        }
        save_seconds_ += static_cast<double>(detail::steady_ns() - began) / 1e9;
        detail::settle(*policy_, now, version ? Outcome::saved : Outcome::failed);
        if (!version) {
            core_->note_failure(version.error(), true);
            return version.error();
        }
        versions_.push_back(*version);
        last_row_is_saved_ = true;
        if constexpr (!std::same_as<Monitor, detail::NoMonitor> &&
                      requires(const Version& v) { sink_.template mark_best<Monitor>(v); }) {
            const std::vector<Version> ranked = by_value(versions_);
            if (!ranked.empty()) sink_.template mark_best<Monitor>(ranked.front());
        }
        prune();
        return *std::move(version);
    }

    template <class R, class... Parts>
    result<Version> commit(const R& row, const Parts&... parts) {
        last_row_ = detail::to_dynamic(row);
        last_row_is_saved_ = false;
        if (auto checked = detail::check_parts(parts...); !checked) return checked.error();
        const VersionInfo info{name_, core_->options().project, core_->options().id, last_row_};
        result<void> done = sink_.begin(info);
        const auto emit = [&](std::string_view file, std::span<const std::byte> bytes) {
            return sink_.write(file, bytes);
        };
        (void)((done && (done = detail::encode(parts, emit), bool{done})) && ...);
        if (!done) {
            sink_.abort();
            return done.error();
        }
        result<Version> version = sink_.commit();
        if (!version) sink_.abort();
        return version;
    }

    /// Removes what no retention wants, except what was restored from, what an alias names and the newest.
    void prune() {
        if constexpr (PrunableSink<Sink> && !std::same_as<Retention, KeepAll>) {
            const std::size_t count = versions_.size();
            std::vector<VersionFacts> facts;
            facts.reserve(count);
            for (const Version& version : versions_) {
                facts.push_back(version.facts());
                facts.back().held = version.number == restored_ || version.number == versions_.back().number;
            }
            if constexpr (detail::is_capped<Retention> && requires { sink_.named(); }) {
                for (const std::uint64_t number : sink_.named()) {
                    for (VersionFacts& version : facts) version.held |= version.number == number;
                }
            }
            retention_.mark(VersionList{facts.data(), count});
            std::vector<Version> kept;
            for (std::size_t i = 0; i < count; ++i) {
                if (!facts[i].kept && !facts[i].held) {
                    const result<void> removed = sink_.remove(versions_[i]);
                    // Somebody else removed it: it is gone, as was wanted.
                    if (removed || removed.error().code() == errc::not_found) continue;
                    if (removed.error().code() != errc::busy) core_->note_failure(removed.error(), false);
                }
                kept.push_back(std::move(versions_[i]));
            }
            versions_ = std::move(kept);
            if constexpr (detail::is_capped<Retention>) tell_if_over(retention_.bytes());
        }
    }

    void tell_if_over(std::uint64_t most) {
        std::uint64_t bytes = 0;
        for (const Version& version : versions_) bytes += version.bytes;
        if (bytes <= most || told_over_) return;
        told_over_ = true;
        core_->note_failure({errc::no_space,
                             "the versions that must stay are " + std::to_string(bytes) +
                                 " bytes, more than the bound of " + std::to_string(most),
                             name_, "raise the bound, or take aliases off versions that are not needed"},
                            false);
    }

    /// The versions one may restore from, oldest first.
    [[nodiscard]] std::vector<Version> candidates() {
        if constexpr (requires { sink_.versions(true); }) {
            if (versions_.empty() && core_ && !core_->resumed()) return sink_.versions(true);
        }
        return versions_;
    }
    [[nodiscard]] std::vector<Version> all_versions() {
        if constexpr (requires { sink_.versions(true); }) {
            if (core_) return sink_.versions(true);
        }
        return versions_;
    }

    /// Those that have the monitored metric as a number, best first; of equals, the older first.
    [[nodiscard]] static std::vector<Version> by_value(std::vector<Version> versions) {
        const auto value = [](const Version& version) {
            return version.row.template reading<typename Monitor::metric>();
        };
        std::erase_if(versions,
                      [&](const Version& version) { return value(version).kind != Reading::Kind::number; });
        std::sort(versions.begin(), versions.end(), [&](const Version& a, const Version& b) {
            const double x = value(a).value, y = value(b).value;
            return x == y ? a.number < b.number : is_better(Monitor::direction(), x, y);
        });
        return versions;
    }

    /// Restores from the first of `wanted` (in order of preference) that is whole.
    template <class... Parts>
    result<Version> restore_first(const std::vector<Version>& wanted, const Parts&... parts) {
        error damage;
        for (const Version& version : wanted) {
            auto files = sink_.open(version);
            result<void> done =
                files ? detail::decode([&](std::string_view file) { return files->find(file); }, parts...)
                      : result<void>{files.error()};
            if (done) {
                resume_after(version);
                return version;
            }
            damage = done.error();
            // Passed over is what is damaged or gone: not a version that is whole but does not fit what was
            // asked, nor one that cannot be read just now, for want of a permission, say.
            if (damage.code() != errc::corrupt && (files || damage.code() != errc::not_found)) return damage;
            if (core_) core_->note_failure(damage, false);
        }
        return wanted.empty() ? none_like({}, candidates()) : damage;
    }

    /// Rebuilds the policy's state as of a version.
    void resume_after(const Version& version) {
        restored_ = version.number;
        policy_.emplace(initial_);
        last_row_ = version.row;
        last_row_is_saved_ = !versions_.empty() && versions_.back().number == version.number;
        for (const Version& earlier : versions_) {
            if (earlier.step() <= version.step()) detail::settle(*policy_, at(earlier.row), Outcome::saved);
        }
        detail::settle(*policy_, at(version.row), Outcome::restored);
    }

    [[nodiscard]] error none_like(std::string_view label, const std::vector<Version>& existing) const {
        std::string there;
        for (const Version& version : existing) {
            if (there.size() < 200) there += (there.empty() ? "" : ", ") + version.label();
        }
        return {errc::not_found,
                label.empty() ? "there is no version to restore"
                              : "there is no version \"" + detail::suggest_name(label) + "\" to restore",
                name_,
                there.empty() ? "start without restoring"
                              : "there is: " + there + "; also cairn::latest and cairn::best"};
    }

    template <class M>
    void check_goal() const {
        if constexpr (!std::same_as<M, detail::NoMonitor>) {
            const Direction goal = core_->goal_of(M::metric::name);
            if (goal != Direction::unspecified && goal != M::direction()) {
                detail::raise({errc::invalid_argument,
                               "define_metric and the checkpoint disagree on which way this metric is better",
                               std::string{M::metric::name}, "write the same direction in both"});
            }
        }
    }

    std::shared_ptr<detail::RunCore> core_;
    std::string name_;
    Policy initial_;
    std::optional<Policy> policy_;  // rebuilt on restore; a policy need not be assignable
    Retention retention_;
    Sink sink_;
    std::vector<Version> versions_;
    std::optional<std::uint64_t> restored_;
    DynamicRow last_row_;
    bool last_row_is_saved_ = false;
    bool told_over_ = false;
    double save_seconds_ = 0;
};

/// A checkpoint that is off: an empty type whose calls compile to nothing. It has no `save` and no `restore`;
/// explicit saving is `cairn::save`, `cairn::load` and `run.log_model`. The model need not be Serializable.
template <RetentionPolicy Retention, ArtifactSink Sink>
class Checkpoint<NoBestSave, Retention, Sink> {
  public:
    constexpr Skipped step(const auto&, const auto&...) const noexcept { return {}; }
    constexpr Skipped finish(const auto&...) const noexcept { return {}; }
};

namespace detail {

template <class T>
struct this_is_no_policy_no_retention_and_no_sink;
template <class... Ts>
struct give_a_checkpoint_one_policy_and_at_most_one_retention_and_one_sink;

template <class T>
inline constexpr bool is_policy = SavePolicy<T>;
template <class T>
inline constexpr bool is_retention = RetentionPolicy<T>;
template <class T>
inline constexpr bool is_sink = ArtifactSink<T>;

template <class T>
inline constexpr bool has_role = is_policy<T> || is_retention<T> || is_sink<T>;

/// Says, as one compile error, what `T` lacks to be handed to a checkpoint; nothing if it lacks nothing.
template <class T>
constexpr void explain_role() {
    if constexpr (requires(T part) { part.decide(AnyRow{}); } || requires { &T::decide; }) {
        explain_policy<T>();
    } else if constexpr (!has_role<T>) {
        (void)sizeof(this_is_no_policy_no_retention_and_no_sink<T>);
    }
}

/// The first argument of which `is` holds.
template <class Is, class First, class... Rest>
constexpr auto& pick_first(Is is, First& first, Rest&... rest) {
    if constexpr (Is{}.template operator()<First>()) {
        return first;
    } else {
        return pick_first(is, rest...);
    }
}

/// Sorts policy, retention and sink out of arguments in any order and makes the checkpoint of them. With
/// `NoBestSave` nothing is touched, not even the run's count of owners: that is what makes it free.
template <class... Ts>
[[nodiscard]] auto make_checkpoint(const std::shared_ptr<RunCore>& core, std::string_view name,
                                   Ts&... arguments) {
    constexpr auto policies = (0 + ... + (is_policy<Ts> ? 1 : 0));
    constexpr auto retentions = (0 + ... + (is_retention<Ts> ? 1 : 0));
    constexpr auto sinks = (0 + ... + (is_sink<Ts> ? 1 : 0));
    if constexpr (!(has_role<Ts> && ...)) {
        (explain_role<Ts>(), ...);
        return Checkpoint<NoBestSave>{};  // for the compiler, which is to say nothing but the line above
    } else if constexpr (policies != 1 || retentions > 1 || sinks > 1) {
        (void)sizeof(give_a_checkpoint_one_policy_and_at_most_one_retention_and_one_sink<Ts...>);
        return Checkpoint<NoBestSave>{};
    } else {
        // The defaults stand last, so that they are taken only where nothing was given.
        KeepAll keep_all;
        auto& policy = pick_first([]<class T>() { return is_policy<T>; }, arguments...);
        auto& retention = pick_first([]<class T>() { return is_retention<T>; }, arguments..., keep_all);
        if constexpr (std::same_as<std::remove_reference_t<decltype(policy)>, NoBestSave>) {
            using SinkType = decltype(pick_first([]<class T>() { return is_sink<T>; }, arguments...,
                                                 std::declval<LocalStore&>()));
            return Checkpoint<NoBestSave, std::remove_reference_t<decltype(retention)>,
                              std::remove_reference_t<SinkType>>{};
        } else {
            LocalStore local_store;
            auto& sink = pick_first([]<class T>() { return is_sink<T>; }, arguments..., local_store);
            return Checkpoint{core, name, std::move(policy), std::move(retention), std::move(sink)};
        }
    }
}

}  // namespace detail

template <class T>
template <class Policy, class... Rest>
auto BasicRun<T>::checkpoint(std::string_view name, Rest... rest) {
    Policy policy{};
    return detail::make_checkpoint(core_, name, policy, rest...);
}

template <class T>
template <class... Parts>
auto BasicRun<T>::checkpoint(std::string_view name, Parts... parts) {
    return detail::make_checkpoint(core_, name, parts...);
}

}  // namespace CAIRN_NAMESPACE
