// SPDX-License-Identifier: MIT
#pragma once
// Where a checkpoint's bytes go: the concept, and the sinks that need no store.

#include <cairn/run/version.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/at.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A place for versions. A checkpoint calls, on one thread: `begin`, then `write` for each piece of each file
/// (a file's pieces follow one another), then `commit`, or `abort` after a failure of any of them. A version
/// exists once `commit` has returned it, and not before. Fifteen lines are enough for one of your own:
///
///     struct MySink {
///         cairn::result<void> begin(const cairn::VersionInfo& info);
///         cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes);
///         cairn::result<cairn::Version> commit();
///         void abort() noexcept;
///     };
template <class S>
concept ArtifactSink = std::movable<S> && requires(S sink, const VersionInfo& info, std::string_view file,
                                                   std::span<const std::byte> bytes) {
    { sink.begin(info) } -> std::same_as<result<void>>;
    { sink.write(file, bytes) } -> std::same_as<result<void>>;
    { sink.commit() } -> std::same_as<result<Version>>;
    { sink.abort() } noexcept -> std::same_as<void>;
};

/// A sink one can restore from: `result<StoredFiles> open(const Version&)`.
template <class S>
concept ReadableSink = ArtifactSink<S> && requires(S sink, const Version& version) {
    { sink.open(version) } -> std::same_as<result<StoredFiles>>;
};

/// A sink that may be written on another thread than the one that trains: `result<Reservation> reserve(const
/// VersionInfo&)` gives the next version's number, on the training thread, while the sink may be writing the
/// one before. All of its other functions are called by one thread at a time.
template <class S>
concept AsyncSink = ArtifactSink<S> && requires(S sink, const VersionInfo& info) {
    { sink.reserve(info) } -> std::same_as<result<Reservation>>;
};

/// A sink that all ranks of a run write together: every rank hears of the same moment, so that all decide
/// alike. See `Sharded`.
template <class S>
concept CollectiveSink =
    ArtifactSink<S> && requires(S sink, const At<DynamicRow>& at, const result<void>& done, bool& may_pass) {
        sink.share(at).value();
        { sink.agree(done, may_pass) } -> std::same_as<result<void>>;
    };

/// A sink that can delete a version, so that a retention can prune: `result<void> remove(const Version&)`.
template <class S>
concept PrunableSink = ArtifactSink<S> && requires(S sink, const Version& version) {
    { sink.remove(version) } -> std::same_as<result<void>>;
};

namespace detail {

/// Takes back a version that was committed a moment ago. A sink that keeps its newest version from `remove`
/// has an `undo` beside it. Fails: unsupported, for one that has neither.
template <class S>
result<void> take_back(S& sink, const Version& version) {
    if constexpr (requires { sink.undo(version); }) {
        return sink.undo(version);
    } else if constexpr (PrunableSink<S>) {
        return sink.remove(version);
    } else {
        return error{errc::unsupported, "this sink can take no version back", version.label(),
                     "give it a function remove"};
    }
}

}  // namespace detail

/// Takes everything and keeps nothing: measures what saving costs without a disk.
template <class = void>
class BasicNull {
  public:
    result<void> begin(const VersionInfo& info) {
        pending_ = {};
        pending_.row = info.row;
        return {};
    }
    result<void> write(std::string_view, std::span<const std::byte> bytes) {
        pending_.bytes += bytes.size();
        return {};
    }
    result<Version> commit() {
        pending_.number = count_++;
        return std::move(pending_);
    }
    void abort() noexcept {}
    result<void> remove(const Version&) { return {}; }

  private:
    Version pending_;
    std::uint64_t count_ = 0;
};
using Null = BasicNull<>;

/// Keeps versions in memory: for tests, and for going back to an earlier state within one process.
template <class = void>
class BasicMemory {
  public:
    result<void> begin(const VersionInfo& info) {
        pending_ = {};
        pending_.row = info.row;
        files_.clear();
        return {};
    }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        files_[std::string{file}].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        pending_.bytes += bytes.size();
        return {};
    }
    result<Version> commit() {
        pending_.number = next_++;
        StoredFiles& stored = versions_[pending_.number];
        for (auto& [file, bytes] : files_) stored.add(file, std::move(bytes));
        files_.clear();
        return std::move(pending_);
    }
    void abort() noexcept { files_.clear(); }

    result<StoredFiles> open(const Version& version) {
        const auto found = versions_.find(version.number);
        if (found == versions_.end()) {
            return error{errc::not_found, "no such version in memory", version.label(),
                         "it was pruned or never saved"};
        }
        return found->second;
    }
    result<void> remove(const Version& version) {
        versions_.erase(version.number);
        return {};
    }

  private:
    Version pending_;
    std::map<std::string, std::string> files_;
    std::map<std::uint64_t, StoredFiles> versions_;
    std::uint64_t next_ = 0;
};
using Memory = BasicMemory<>;

/// Writes every version to two sinks or more; a version exists when all of them have it. Restores from the
/// first that can be read. The first sink numbers the versions.
template <ArtifactSink First, ArtifactSink Second>
class Tee {
  public:
    Tee() = default;
    /// Takes both sinks; more are nested: `Tee{a, Tee{b, c}}`.
    Tee(First first, Second second) : first_{std::move(first)}, second_{std::move(second)} {}

    /// For the run: what a sink that lies in its store wants to know.
    void bind(const auto& core, std::string_view name) {
        if constexpr (requires { first_.bind(core, name); }) first_.bind(core, name);
        if constexpr (requires { second_.bind(core, name); }) second_.bind(core, name);
    }
    /// The versions that the first of the two that keeps a list has.
    [[nodiscard]] auto versions(bool any_run)
        requires requires(First& first) { first.versions(any_run); }
    {
        return first_.versions(any_run);
    }
    void mark_best(const Version& version, const detail::Watched& by)
        requires requires(First& first) { first.mark_best(version, by); }
    {
        first_.mark_best(version, by);
    }
    /// How much room the first sink says it has.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes()
        requires requires(First& first) { first.free_bytes(); }
    {
        return first_.free_bytes();
    }
    [[nodiscard]] bool is_held(const Version& version) const
        requires requires(const First& first) { first.is_held(version); }
    {
        return first_.is_held(version);
    }
    /// Adds metrics that came late to the version in both sinks, as far as they can. The first failure is
    /// returned.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        result<void> done;
        if constexpr (requires { first_.annotate(version, metrics); })
            done = first_.annotate(version, metrics);
        if constexpr (requires { second_.annotate(version, metrics); }) {
            if (const auto pair = pairs_.find(version.number); done && pair != pairs_.end())
                done = second_.annotate(pair->second, metrics);
        }
        return done;
    }

    /// A number in each; they may differ.
    result<Reservation> reserve(const VersionInfo& info)
        requires(AsyncSink<First> && AsyncSink<Second>)
    {
        auto first = first_.reserve(info);
        if (!first) return first;
        auto second = second_.reserve(info);
        if (!second) return second;
        Reservation both{first->version};
        both.hold =
            std::make_shared<std::pair<Reservation, Reservation>>(std::move(*first), std::move(*second));
        return both;
    }
    result<void> begin(const VersionInfo& info) {
        VersionInfo mine = info, other = info;
        if (info.reserved != nullptr) {
            const auto& both =
                *static_cast<const std::pair<Reservation, Reservation>*>(info.reserved->hold.get());
            mine.reserved = &both.first;
            other.reserved = &both.second;
        }
        if (auto begun = first_.begin(mine); !begun) return begun;
        return second_.begin(other);
    }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        if (auto written = first_.write(file, bytes); !written) return written;
        return second_.write(file, bytes);
    }
    result<Version> commit() {
        auto second = second_.commit();
        if (!second) return second;
        auto first = first_.commit();
        if (first) {
            pairs_[first->number] = *second;
            return first;
        }
        // A version exists in all sinks or in none.
        const auto undone = detail::take_back(second_, *second);
        if (undone) return first;
        return error{first.error().code(),
                     first.error().tried() + " (and the other sink keeps it as " + second->label() + ": " +
                         undone.error().what() + ")",
                     first.error().path(), first.error().advice()};
    }
    void abort() noexcept {
        first_.abort();
        second_.abort();
    }

    result<StoredFiles> open(const Version& version)
        requires ReadableSink<First>
    {
        return first_.open(version);
    }
    result<StoredFiles> open(const Version& version)
        requires(!ReadableSink<First> && ReadableSink<Second>)
    {
        const auto pair = pairs_.find(version.number);
        if (pair != pairs_.end()) return second_.open(pair->second);
        return error{errc::not_found, "the sink that can be read has no such version", version.label(),
                     "restore one that this program saved"};
    }
    result<void> undo(const Version& version) {
        auto first = detail::take_back(first_, version);
        const auto pair = pairs_.find(version.number);
        if (pair == pairs_.end()) return first;
        auto second = detail::take_back(second_, pair->second);
        pairs_.erase(pair);
        return first ? std::move(second) : std::move(first);
    }
    result<void> remove(const Version& version)
        requires(PrunableSink<First> || PrunableSink<Second>)
    {
        result<void> first, second;
        if constexpr (PrunableSink<First>) {
            first = first_.remove(version);
            // What is gone from one sink is still to go from the other.
            if (!first && first.error().code() != errc::not_found) return first;
        }
        if constexpr (PrunableSink<Second>) {
            if (const auto pair = pairs_.find(version.number); pair != pairs_.end())
                second = second_.remove(pair->second);
        }
        if (!second && second.error().code() != errc::not_found) return second;
        pairs_.erase(version.number);
        return first;
    }

    /// The sink that numbers the versions.
    [[nodiscard]] First& first() noexcept { return first_; }
    /// The other sink.
    [[nodiscard]] Second& second() noexcept { return second_; }

  private:
    First first_;
    Second second_;
    std::map<std::uint64_t, Version> pairs_;  // the second sink's version for each of the first's
};

template <class First, class Second>
Tee(First, Second) -> Tee<First, Second>;

}  // namespace CAIRN_NAMESPACE
