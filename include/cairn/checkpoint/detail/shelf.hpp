// SPDX-License-Identifier: MIT
#pragma once
// The versions of one checkpoint in its sink: which there are, which is the best, which stay.

#include <cairn/checkpoint/detail/held.hpp>
#include <cairn/checkpoint/detail/ranking.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/run/version.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/name.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/run/run_core.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// One thread at a time, as the checkpoint.
template <class = void>
class BasicShelf {
  public:
    BasicShelf(const HeldRetention& retention, HeldSink& sink, std::uint64_t reserve)
        : retention_{&retention}, sink_{&sink}, reserve_{reserve} {}

    using Gone = FunctionRef<void(const Version&)>;

    /// Binds the sink to a run and looks which versions of it are there.
    void open(std::shared_ptr<RunCore> core, std::string_view name, const Watched& watched) {
        core_ = std::move(core);
        name_ = name;
        watched_ = watched;
        sink_->bind(core_, name_);
        versions_ = sink_->versions(false);
    }

    [[nodiscard]] HeldSink& sink() const noexcept { return *sink_; }
    [[nodiscard]] const HeldRetention& retention() const noexcept { return *retention_; }
    [[nodiscard]] const Watched& watched() const noexcept { return watched_; }
    /// Those of this run, oldest first.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return versions_; }
    /// Those that one may restore from, oldest first: of this run, or, if it is new and has none, of any.
    [[nodiscard]] result<std::vector<Version>> candidates() {
        if (!core_) return versions_;
        const bool any_run = versions_.empty() && !core_->resumed();
        // Several ranks go through the same ones.
        return any_run || sink_->can.is_collective ? listed(any_run) : versions_;
    }
    [[nodiscard]] result<std::vector<Version>> of_any_run() { return listed(true); }

    /// Training went on after this version: a retention does not remove it.
    void hold(std::uint64_t version) noexcept { restored_ = version; }

    /// Fails, no_space, if a version of so many bytes would leave less free than is to stay free.
    [[nodiscard]] result<void> check_room(std::uint64_t bytes) const {
        if (reserve_ == 0) return {};
        const auto free = sink_->free_bytes();
        if (!free || (*free >= reserve_ && *free - reserve_ >= bytes)) return {};
        return error{errc::no_space,
                     "a version of " + std::to_string(bytes) + " bytes would leave less than " +
                         std::to_string(reserve_) + " of the " + std::to_string(*free) + " bytes free here",
                     name_, "free space, or lower SaveOptions::reserve"};
    }

    /// A version that was committed just now.
    void add(Version version) {
        versions_.push_back(std::move(version));
        guard([&] { mark_best(); });
    }
    /// Removes what the retention does not want, now that there is one more. Calls `gone(version)` for each.
    void clear_out(Gone gone) {
        guard([&] { prune(gone); });
        guard([&] { tell_if_filling(versions_.back().bytes); });
    }
    /// After what is known of a version changed.
    void tidy(Gone gone) {
        guard([&] { mark_best(); });
        guard([&] { prune(gone); });
    }

    /// Gives a version metrics that came late. Fails: not_found; already_exists for a metric that has another
    /// value; as the sink does.
    result<Version> annotate(std::string_view label, const DynamicRow& late) {
        const auto version = std::find_if(versions_.begin(), versions_.end(),
                                          [&](const Version& one) { return one.label() == label; });
        result<DynamicRow> row = none_like(label, versions_);
        if (version != versions_.end()) row = merged(*version, late);
        result<void> done = row ? result<void>{} : row.error();
        if (done) done = sink_->annotate(*version, late);
        bool may_pass = false;
        done = sink_->agree(done, may_pass);
        if (!done) return done.error();
        version->row = std::move(*row);
        return *version;
    }

    [[nodiscard]] error none_like(std::string_view label, const std::vector<Version>& existing) const {
        std::string there;
        for (const Version& version : existing) {
            if (there.size() < 200) there += (there.empty() ? "" : ", ") + version.label();
        }
        return {errc::not_found, "there is no version \"" + suggest_name(label) + "\"", name_,
                there.empty() ? "nothing was saved yet" : "there is: " + there};
    }
    [[nodiscard]] error none_to_restore() const {
        return {errc::not_found, "there is no version to restore", name_, "start without restoring"};
    }

  private:
    /// A sink and a retention of the user's may throw.
    template <class F>
    void guard(F&& f) {
        const result<void> done = guarded("looking after the versions", [&]() -> result<void> {
            f();
            return {};
        });
        if (!done) core_->note_failure(done.error(), false);
    }

    [[nodiscard]] result<std::vector<Version>> listed(bool any_run) {
        if (!core_ || !sink_->can.lists) return versions_;
        return guarded("listing the versions",
                       [&]() -> result<std::vector<Version>> { return sink_->versions(any_run); });
    }

    /// A metric that is a number keeps its value.
    [[nodiscard]] static result<DynamicRow> merged(const Version& version, const DynamicRow& late) {
        std::vector<NamedValue> all;
        const auto is_number = [](const Value& value) {
            return value.reading().kind == Reading::Kind::number;
        };
        version.row.for_each([&](std::string_view name, const Value& value) {
            if (is_number(value) || late.find(name).kind() == Value::Kind::none) all.push_back({name, value});
        });
        std::string_view taken;
        late.for_each([&](std::string_view name, const Value& value) {
            const Value held = version.row.find(name);
            if (!is_number(held)) return all.push_back({name, value});
            if (!is_number(value) || held.number() != value.number()) taken = name;
        });
        if (taken.empty())
            return DynamicRow{version.row.step(), version.row.time_ns(), all.data(), all.size()};
        return error{errc::already_exists, version.label() + " has another value of this metric already",
                     std::string{taken}, "log it under another name"};
    }

    void mark_best() {
        if (!sink_->can.marks_best || !watched_.any()) return;
        const std::vector<Version> ranked = by_value(versions_, watched_);
        if (!ranked.empty()) sink_->mark_best(ranked.front(), watched_);
    }

    /// Removes what no retention wants, except what was restored from, what an alias names, what is being
    /// read and the newest.
    void prune(Gone gone) {
        if (!sink_->can.prunes || retention_->keeps_all) return;
        const std::size_t count = versions_.size();
        std::vector<VersionFacts> facts;
        facts.reserve(count);
        for (const Version& version : versions_) {
            facts.push_back(version.facts());
            facts.back().held = version.number == restored_ || version.number == versions_.back().number;
            // So that a bound removes others in their place.
            if (retention_->at_most) facts.back().held = facts.back().held || sink_->is_held(version);
        }
        retention_->mark(VersionList{facts.data(), count});
        const bool is_blind = is_without_its_metric();
        std::vector<Version> kept;
        for (std::size_t i = 0; i < count; ++i) {
            if (facts[i].kept || facts[i].held || !remove(versions_[i]))
                kept.push_back(std::move(versions_[i]));
            else
                gone(versions_[i]);
        }
        versions_ = std::move(kept);
        if (is_blind && versions_.size() < count) tell_that_it_is_blind();
        if (retention_->at_most) tell_if_over(*retention_->at_most);
    }
    /// Whether it is gone.
    [[nodiscard]] bool remove(const Version& version) {
        const result<void> removed = guarded("removing a version", [&] { return sink_->remove(version); });
        // Somebody else removed it: it is gone, as was wanted.
        if (removed || removed.error().code() == errc::not_found) return true;
        if (removed.error().code() != errc::busy) core_->note_failure(removed.error(), false);
        return false;
    }

    /// Whether the retention is to keep the best by a metric that no version has.
    [[nodiscard]] bool is_without_its_metric() const {
        const Watched by = retention_->watched();
        return by.any() && std::none_of(versions_.begin(), versions_.end(), [&](const Version& one) {
                   return one.row.find(by.metric).kind() != Value::Kind::none;
               });
    }
    /// Says so once.
    void tell_that_it_is_blind() {
        if (std::exchange(told_blind_, true)) return;
        core_->note_failure({errc::not_found,
                             "versions are removed, and none has the metric \"" +
                                 std::string{retention_->watched().metric} +
                                 "\" by which the best are to stay",
                             name_,
                             "log it in the rows that are saved, or before three more versions are there; or "
                             "mend its name in the retention"},
                            false);
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

    /// Says once, while there is time to do something, that the disk will be full before this retention
    /// removes anything; or, where it is not known to, that three more versions do not fit.
    void tell_if_filling(std::uint64_t bytes) {
        const auto free = bytes == 0 || told_filling_ ? std::nullopt : sink_->free_bytes();
        if (!free) return;
        const std::uint64_t room = (*free - std::min(*free, reserve_)) / bytes;
        std::uint64_t wanted = 3;
        if (retention_->most || retention_->at_most) {
            constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
            const std::uint64_t most =
                std::min(retention_->most.value_or(any), retention_->at_most.value_or(any) / bytes);
            // The next one is written before one is removed.
            wanted = most - std::min<std::uint64_t>(most, versions_.size()) + 1;
        }
        if (room >= wanted) return;
        told_filling_ = true;
        core_->note_failure({errc::no_space,
                             "the disk has room for only " + std::to_string(room) + " more versions of " +
                                 std::to_string(bytes) + " bytes; at least " + std::to_string(wanted) +
                                 " more are to come",
                             name_, "free space, or keep fewer versions"},
                            false);
    }

    std::shared_ptr<RunCore> core_;
    std::string name_;
    const HeldRetention* retention_;
    HeldSink* sink_;
    Watched watched_;
    std::vector<Version> versions_;
    std::optional<std::uint64_t> restored_;
    std::uint64_t reserve_;  // bytes that are to stay free
    bool told_over_ = false, told_filling_ = false, told_blind_ = false;
};
using Shelf = BasicShelf<>;

}  // namespace CAIRN_NAMESPACE::detail
