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
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// What a retention may know of a committed version.
struct VersionFacts {
    std::uint64_t number = 0;  ///< counts up by one from version to version
    std::int64_t step = 0;
    std::int64_t time_ns = 0;
    std::uint64_t bytes = 0;  ///< logical size, shared objects counted in full
    /// Looks a metric up in what the version recorded; asked through `reading`.
    Reading (*look_up)(const void* source, std::string_view metric) = nullptr;
    const void* source = nullptr;
    /// It stays, whatever a retention says: the newest one, the one that was restored from, one that an alias
    /// names.
    bool held = false;
    bool kept = false;  ///< the mark that a retention sets, through `VersionList`

    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const {
        return look_up == nullptr ? Reading{} : look_up(source, Name::name);
    }
};

/// The committed versions of one checkpoint, oldest first, each with a mark: keep it?
class VersionList {
  public:
    constexpr VersionList(VersionFacts* versions, std::size_t count) : versions_{versions}, count_{count} {}
    [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
    [[nodiscard]] constexpr const VersionFacts& operator[](std::size_t i) const noexcept {
        return versions_[i];
    }
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
concept RetentionPolicy = std::copyable<R> && requires(const R retention, const VersionList& versions) {
    { retention.mark(versions) } -> std::same_as<void>;
};

/// Keeps every version. The default: nothing is deleted that you did not ask to be.
struct KeepAll {
    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) versions.keep(i);
    }
};

/// Keeps the `n` newest versions. Join it with `KeepBest` to be able to resume *and* to have the best.
template <std::size_t n>
struct KeepLast {
    constexpr void mark(const VersionList& versions) const {
        const std::size_t count = versions.size();
        for (std::size_t i = count > n ? count - n : 0; i < count; ++i) versions.keep(i);
    }
    static_assert(n > 0,
                  "cairn: KeepLast<n> needs an n of 1 or more; to save nothing use the policy NoBestSave");
};

/// Keeps the first version of every `n` steps: the first one at or after step 0, at or after step `n`, and so
/// on; also where no version has exactly that step. `KeepLast<3>{} | KeepEvery<10000>{}` is a rare permanent
/// trail beside a frequent one that is thrown away. Steps that go back: the version that was there first
/// stays.
template <std::int64_t n>
struct KeepEvery {
    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) {
            bool is_first = true;
            for (std::size_t j = 0; j < i && is_first; ++j)
                is_first = stretch(versions[j]) != stretch(versions[i]);
            if (is_first) versions.keep(i);
        }
    }

  private:
    static constexpr std::int64_t stretch(const VersionFacts& version) noexcept {
        return detail::floor_divide(version.step, n);
    }
    static_assert(n > 0, "cairn: KeepEvery<n> needs an n of 1 or more; to keep all use KeepAll");
};

/// Keeps the versions that are at most so much older than the newest one: `KeepFor{24h}`. Their rows' wall
/// time counts. A run that stands still loses nothing.
class KeepFor {
  public:
    /// From any duration of <chrono>.
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
    [[nodiscard]] constexpr double seconds() const noexcept { return seconds_; }

  private:
    double seconds_;
};

/// The type behind `KeepBest`.
template <std::size_t n, MetricName Name, Direction D, Ties T>
struct KeepBestOf {
    using monitor = detail::Monitor<Name, D>;
    /// A version without the metric stays until this many newer ones were committed. They are counted by
    /// number, since some of them may be gone already.
    static constexpr std::size_t max_pending = 3;

    constexpr void mark(const VersionList& versions) const {
        monitor::check();
        const std::size_t count = versions.size();
        for (std::size_t i = 0; i < count; ++i) {
            const Reading value = versions[i].template reading<Name>();
            const bool keep =
                value.kind == Reading::Kind::missing
                    ? versions[count - 1].number - versions[i].number < max_pending
                    : value.kind == Reading::Kind::number && is_among_best(versions, i, value.value);
            if (keep) versions.keep(i);
        }
    }

  private:
    /// Whether fewer than `n` versions come before version `i`: better ones, and of equals the one that
    /// stays.
    static constexpr bool is_among_best(const VersionList& versions, std::size_t i, double value) {
        std::size_t before = 0;
        for (std::size_t j = 0; j < versions.size() && before < n; ++j) {
            const Reading other = versions[j].template reading<Name>();
            if (j == i || other.kind != Reading::Kind::number) continue;
            if (is_better(D, other.value, value) ||
                (other.value == value && (j < i) == (T == Ties::keep_first)))
                ++before;
        }
        return before < n;
    }

    static_assert(n > 0, "cairn: KeepBest<n, ...> needs an n of 1 or more");
};

/// Keeps the `n` best versions by a metric of the row that was saved: `KeepBest<1, "val/loss", minimize>`.
/// Ties: the first of equals stays, with `ties::keep_newest` the newest. A NaN is never among the best. A
/// version that has no such metric yet is kept until the metric comes or three newer versions were committed.
template <std::size_t n, detail::FixedString Name, Direction D = Direction::unspecified,
          Ties T = ties::keep_first>
using KeepBest = KeepBestOf<n, MetricNamed<Name>, D, T>;

/// Keeps what either retention wants: `KeepLast<3>{} | KeepBest<1, "val/loss", minimize>{}`.
template <RetentionPolicy A, RetentionPolicy B>
class KeepEither : detail::Leaf<KeepEither<A, B>, 0, A>, detail::Leaf<KeepEither<A, B>, 1, B> {
    using First = detail::Leaf<KeepEither, 0, A>;
    using Second = detail::Leaf<KeepEither, 1, B>;

  public:
    using monitor = detail::monitor_of_any<A, B>;

    KeepEither() = default;
    constexpr KeepEither(A a, B b) : First{std::move(a)}, Second{std::move(b)} {}
    constexpr void mark(const VersionList& versions) const {
        First::get().mark(versions);
        Second::get().mark(versions);
    }
};

/// The type behind `capped`.
template <RetentionPolicy R>
class Capped : detail::Leaf<Capped<R>, 0, R> {
    using Inner = detail::Leaf<Capped, 0, R>;

  public:
    using monitor = typename detail::monitor_of<R>::type;

    constexpr Capped(R retention, std::uint64_t bytes) : Inner{std::move(retention)}, bytes_{bytes} {}

    constexpr void mark(const VersionList& versions) const {
        Inner::get().mark(versions);
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < versions.size(); ++i) {
            if (versions[i].kept || versions[i].held) total += versions[i].bytes;
        }
        for (std::size_t i = 0; i < versions.size() && total > bytes_; ++i) {
            if (!versions[i].kept || versions[i].held) continue;
            versions.drop(i);
            total -= versions[i].bytes;
        }
    }
    [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bytes_; }

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

// Never defined: their names are the compiler's message.
template <class A, class B>
struct a_retention_and_a_policy_cannot_be_joined;
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
template <RetentionPolicy A, RetentionPolicy B>
[[nodiscard]] constexpr auto operator|(A a, B b) {
    if constexpr (detail::is_capped<A> || detail::is_capped<B>) {
        (void)sizeof(detail::capped_goes_around_the_whole_retention_write_capped_of_a_or_b<A, B>);
        return KeepAll{};
    } else if constexpr (std::same_as<A, KeepAll> || std::same_as<B, KeepAll>) {
        return KeepAll{};
    } else if constexpr (std::same_as<A, B> && std::is_empty_v<A>) {
        return a;
    } else {
        return KeepEither<A, B>{std::move(a), std::move(b)};
    }
}

/// One operand is a retention and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires(RetentionPolicy<A> != RetentionPolicy<B>) && (!detail::OnlyOneIsAPolicy<A, B>)
constexpr KeepAll operator|(const A&, const B&) {
    using Other = std::conditional_t<RetentionPolicy<A>, B, A>;
    (void)sizeof(
        detail::this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref<Other>);
    return {};
}
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B> && (RetentionPolicy<A> != RetentionPolicy<B>)
constexpr KeepAll operator|(const A&, const B&) {
    (void)sizeof(detail::a_retention_and_a_policy_cannot_be_joined<A, B>);
    return {};
}

}  // namespace CAIRN_NAMESPACE
