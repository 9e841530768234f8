// SPDX-License-Identifier: MIT
#pragma once
// Which committed versions stay: the concept, the retentions, and `|`.

#include <cairn/policy/best.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/detail/parameter.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// What a retention may know of a committed version.
struct VersionFacts {
    std::uint64_t number = 0;  ///< counts up by one from version to version
    std::int64_t step = 0;     ///< of the row that was saved
    std::int64_t time_ns = 0;  ///< of that row; nanoseconds since the Unix epoch
    std::uint64_t bytes = 0;   ///< logical size, shared objects counted in full
    /// Looks a metric up in what the version recorded; asked through `reading`.
    Reading (*look_up)(const void* source, std::string_view metric) = nullptr;
    const void* source = nullptr;  ///< handed to `look_up`
    /// It stays, whatever a retention says: the newest one, the one that was restored from, one that an alias
    /// names.
    bool held = false;
    bool kept = false;  ///< the mark that a retention sets, through `VersionList`

    /// The metric of the row that was saved, or that came late; missing if there is none.
    [[nodiscard]] constexpr Reading reading(std::string_view metric) const {
        return look_up == nullptr ? Reading{} : look_up(source, metric);
    }
    /// The same by the metric's type.
    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const {
        return reading(Name::name);
    }
};

/// The committed versions of one checkpoint, oldest first, each with a mark: keep it?
class VersionList {
  public:
    /// Refers to the versions.
    constexpr VersionList(VersionFacts* versions, std::size_t count) : versions_{versions}, count_{count} {}
    /// How many versions there are.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
    /// A version; 0 is the oldest. Requires `i < size()`.
    [[nodiscard]] constexpr const VersionFacts& operator[](std::size_t i) const noexcept {
        return versions_[i];
    }
    /// Marks a version to be kept.
    constexpr void keep(std::size_t i) const noexcept { versions_[i].kept = true; }
    /// For an outer bound alone; a retention that is joined with others must not.
    constexpr void drop(std::size_t i) const noexcept { versions_[i].kept = false; }

  private:
    VersionFacts* versions_;
    std::size_t count_;
};

/// A small regular type that answers one question about the committed versions: which to keep? It marks those
/// it wants and never unmarks, so that retentions join with `|`. It must not depend on anything but the list.
///
///     constexpr void mark(const VersionList& versions) const;
template <class R>
concept RetentionPolicy = requires(const R retention, const VersionList& versions) {
    { retention.mark(versions) } -> std::same_as<void>;
    R(retention);  // a copy
};

/// Keeps every version. The default: nothing is deleted that you did not ask to be.
struct KeepAll {
    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) versions.keep(i);
    }
};

/// The type behind `KeepLast`.
template <class Count>
class KeepLastOf : detail::Leaf<KeepLastOf<Count>, 0, Count> {
    using Limit = detail::Leaf<KeepLastOf, 0, Count>;

  public:
    constexpr KeepLastOf() = default;
    /// With the count as a value, for retentions that are read from text.
    constexpr explicit KeepLastOf(Count limit) : Limit{std::move(limit)} {}

    constexpr void mark(const VersionList& versions) const {
        const std::size_t count = versions.size(), n = static_cast<std::size_t>(limit());
        for (std::size_t i = count > n ? count - n : 0; i < count; ++i) versions.keep(i);
    }
    /// The `n`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }

  private:
    static_assert(detail::is_at_least<Count>(1),
                  "cairn: KeepLast<n> needs an n of 1 or more; to save nothing use the policy NoBestSave");
};

/// Keeps the `n` newest versions. Join it with `KeepBest` to be able to resume *and* to have the best.
template <std::int64_t n>
using KeepLast = KeepLastOf<detail::FixedCount<n>>;

/// The type behind `KeepEvery`.
template <class Count>
class KeepEveryOf : detail::Leaf<KeepEveryOf<Count>, 0, Count> {
    using Period = detail::Leaf<KeepEveryOf, 0, Count>;

  public:
    constexpr KeepEveryOf() = default;
    /// With the count as a value, for retentions that are read from text.
    constexpr explicit KeepEveryOf(Count period) : Period{std::move(period)} {}

    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) {
            bool is_first = true;
            for (std::size_t j = 0; j < i && is_first; ++j)
                is_first = stretch(versions[j]) != stretch(versions[i]);
            if (is_first) versions.keep(i);
        }
    }
    /// The `n`, in steps.
    [[nodiscard]] constexpr std::int64_t period() const noexcept { return Period::get().value; }

  private:
    [[nodiscard]] constexpr std::int64_t stretch(const VersionFacts& version) const noexcept {
        return detail::floor_divide(version.step, period());
    }
    static_assert(detail::is_at_least<Count>(1),
                  "cairn: KeepEvery<n> needs an n of 1 or more; to keep all use KeepAll");
};

/// Keeps the first version of every `n` steps: the first one at or after step 0, at or after step `n`, and so
/// on; also where no version has exactly that step. `KeepLast<3>{} | KeepEvery<10000>{}` is a rare permanent
/// trail beside a frequent one that is thrown away. Steps that go back: the version that was there first
/// stays.
template <std::int64_t n>
using KeepEvery = KeepEveryOf<detail::FixedCount<n>>;

/// Keeps the versions that are at most so much older than the newest one: `KeepFor{24h}`. Their rows' wall
/// time counts. A run that stands still loses nothing.
class KeepFor {
  public:
    /// From any duration of the standard library's `<chrono>`.
    template <class D>
        requires(!std::same_as<D, KeepFor>)
    constexpr explicit KeepFor(const D& duration) noexcept : seconds_{detail::seconds_of(duration)} {}

    constexpr void mark(const VersionList& versions) const {
        const std::size_t count = versions.size();
        std::int64_t newest = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (i == 0 || versions[i].time_ns > newest) newest = versions[i].time_ns;
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (static_cast<double>(newest - versions[i].time_ns) / 1e9 <= seconds_) versions.keep(i);
        }
    }
    /// The duration, in seconds.
    [[nodiscard]] constexpr double seconds() const noexcept { return seconds_; }

  private:
    double seconds_;
};

/// The type behind `KeepBest`.
template <class Count, class Watch, Ties T>
class KeepBestOf : detail::Leaf<KeepBestOf<Count, Watch, T>, 0, Count>,
                   detail::Leaf<KeepBestOf<Count, Watch, T>, 1, Watch> {
    using Limit = detail::Leaf<KeepBestOf, 0, Count>;
    using Watches = detail::Leaf<KeepBestOf, 1, Watch>;

  public:
    using monitor = Watch;
    /// A version without the metric stays until this many newer ones were committed. They are counted by
    /// number, since some of them may be gone already.
    static constexpr std::size_t max_pending = 3;

    constexpr KeepBestOf() = default;
    /// With count and metric as values, for retentions that are read from text.
    constexpr KeepBestOf(Count limit, Watch watch) : Limit{std::move(limit)}, Watches{std::move(watch)} {}

    constexpr void mark(const VersionList& versions) const {
        watch().check();
        const std::size_t count = versions.size();
        for (std::size_t i = 0; i < count; ++i) {
            const Reading now = versions[i].reading(watch().name());
            const bool keep =
                now.kind == Reading::Kind::missing
                    ? versions[count - 1].number - versions[i].number < max_pending
                    : now.kind == Reading::Kind::number && is_among_best(versions, i, now.value);
            if (keep) versions.keep(i);
        }
    }
    /// The `n`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }
    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }

  private:
    /// Whether fewer than `n` versions come before version `i`: better ones, and of equals the one that
    /// stays.
    [[nodiscard]] constexpr bool is_among_best(const VersionList& versions, std::size_t i, double now) const {
        std::int64_t before = 0;
        for (std::size_t j = 0; j < versions.size() && before < limit(); ++j) {
            const Reading other = versions[j].reading(watch().name());
            if (j == i || other.kind != Reading::Kind::number) continue;
            if (is_better(watch().direction(), other.value, now) ||
                (other.value == now && (j < i) == (T == Ties::keep_first)))
                ++before;
        }
        return before < limit();
    }

    static_assert(detail::is_at_least<Count>(1), "cairn: KeepBest<n, ...> needs an n of 1 or more");
};

/// Keeps the `n` best versions by a metric of the row that was saved: `KeepBest<1, "val/loss", minimize>`.
/// Ties: the first of equals stays, with `ties::keep_newest` the newest. A NaN is never among the best. A
/// version that has no such metric yet is kept until the metric comes (`checkpoint.annotate`) or three newer
/// versions were committed. The newest version stays in any case, so one can always resume.
template <std::int64_t n, detail::FixedString Name, Direction D = Direction::unspecified,
          Ties T = ties::keep_first>
using KeepBest = KeepBestOf<detail::FixedCount<n>, detail::Monitor<MetricNamed<Name>, D>, T>;

/// Keeps what either retention wants: `KeepLast<3>{} | KeepBest<1, "val/loss", minimize>{}`.
template <RetentionPolicy A, RetentionPolicy B>
class KeepEither : detail::Leaf<KeepEither<A, B>, 0, A>, detail::Leaf<KeepEither<A, B>, 1, B> {
    using First = detail::Leaf<KeepEither, 0, A>;
    using Second = detail::Leaf<KeepEither, 1, B>;

  public:
    using monitor = detail::monitor_of_any<A, B>;

    KeepEither() = default;
    /// `cairn::KeepEither{a, b}`: the same as `a | b`.
    constexpr KeepEither(A a, B b) : First{std::move(a)}, Second{std::move(b)} {}
    constexpr void mark(const VersionList& versions) const {
        First::get().mark(versions);
        Second::get().mark(versions);
    }
    /// The left one.
    [[nodiscard]] constexpr const A& first() const noexcept { return First::get(); }
    /// The right one.
    [[nodiscard]] constexpr const B& second() const noexcept { return Second::get(); }
    [[nodiscard]] constexpr detail::Watched watched() const noexcept {
        return detail::watched_by(first(), second());
    }
};

namespace detail {

/// Drops the oldest of those that are marked until they are no more than so many bytes.
constexpr void apply_cap(const VersionList& versions, std::uint64_t bytes) noexcept {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < versions.size(); ++i) {
        if (versions[i].kept || versions[i].held) total += versions[i].bytes;
    }
    for (std::size_t i = 0; i < versions.size() && total > bytes; ++i) {
        if (!versions[i].kept || versions[i].held) continue;
        versions.drop(i);
        total -= versions[i].bytes;
    }
}

}  // namespace detail

/// The type behind `capped`.
template <RetentionPolicy R>
class Capped : detail::Leaf<Capped<R>, 0, R> {
    using Inner = detail::Leaf<Capped, 0, R>;

  public:
    using monitor = typename detail::monitor_of<R>::type;

    /// `cairn::Capped{retention, bytes}`: the same as `capped(retention, bytes)`.
    constexpr Capped(R retention, std::uint64_t bytes) : Inner{std::move(retention)}, bytes_{bytes} {}

    constexpr void mark(const VersionList& versions) const {
        Inner::get().mark(versions);
        detail::apply_cap(versions, bytes_);
    }
    /// The bound.
    [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bytes_; }
    /// The retention that is bounded.
    [[nodiscard]] constexpr const R& inner() const noexcept { return Inner::get(); }
    [[nodiscard]] constexpr detail::Watched watched() const noexcept { return detail::watched_by(inner()); }

  private:
    std::uint64_t bytes_;
};

/// Keeps what a retention wants, and of that no more than so many bytes: `capped(KeepLast<10>{}, 5'000'000)`.
/// Applied last; the oldest go first. Bytes are counted by logical size, files that versions share in full.
/// What must stay (the newest, the one restored from, one that an alias names) stays even so; then the run's
/// health says that the bound is exceeded.
template <RetentionPolicy R>
[[nodiscard]] constexpr auto capped(R retention, std::uint64_t bytes) {
    return Capped<R>{std::move(retention), bytes};
}

namespace detail {

/// How many versions a retention keeps at most, if it says so: by a member `limit`.
template <class R>
[[nodiscard]] constexpr std::optional<std::uint64_t> most_kept_by(const R& retention) {
    if constexpr (requires { retention.first(), retention.second(); }) {
        const auto a = most_kept_by(retention.first()), b = most_kept_by(retention.second());
        return a && b ? std::optional{*a + *b} : std::nullopt;
    } else if constexpr (requires { retention.inner(); }) {
        return most_kept_by(retention.inner());
    } else if constexpr (requires { static_cast<std::uint64_t>(retention.limit()); }) {
        return static_cast<std::uint64_t>(retention.limit());
    } else {
        return std::nullopt;
    }
}

// Never defined: their names are the compiler's message.
template <class A, class B>
struct capped_goes_around_the_whole_retention_write_capped_of_a_or_b;
template <class T>
inline constexpr bool is_capped = false;
template <class R>
inline constexpr bool is_capped<Capped<R>> = true;
template <class T>
struct this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref;

}  // namespace detail

/// `a` or `b`; joining with `KeepAll` is `KeepAll`.
template <class A, class B>
    requires(!SavePolicy<A>) && (!SavePolicy<B>) && RetentionPolicy<A> && RetentionPolicy<B>
[[nodiscard]] constexpr auto operator|(const A& a, const B& b) {
    if constexpr (detail::is_capped<A> || detail::is_capped<B>) {
        (void)sizeof(detail::capped_goes_around_the_whole_retention_write_capped_of_a_or_b<A, B>);
        return KeepAll{};
    } else if constexpr (std::same_as<A, KeepAll> || std::same_as<B, KeepAll>) {
        return KeepAll{};
    } else if constexpr (std::same_as<A, B> && std::is_empty_v<A>) {
        return a;
    } else {
        return KeepEither<A, B>{a, b};
    }
}

/// One operand is a retention and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires(!SavePolicy<A>) && (!SavePolicy<B>) && (RetentionPolicy<A> != RetentionPolicy<B>)
constexpr KeepAll operator|(const A&, const B&) {
    using Other = std::conditional_t<RetentionPolicy<A>, B, A>;
    (void)sizeof(
        detail::this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref<Other>);
    return {};
}

}  // namespace CAIRN_NAMESPACE
