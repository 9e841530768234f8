// SPDX-License-Identifier: MIT
#pragma once
// Which committed versions stay: the concept, the retentions, and `|`.

#include <cairn/policy/best.hpp>
#include <cairn/policy/detail/leaf.hpp>
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

    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const {
        return look_up == nullptr ? Reading{} : look_up(source, Name::name);
    }
};

/// The committed versions of one checkpoint, oldest first, each with a mark: keep it?
class VersionList {
  public:
    constexpr VersionList(const VersionFacts* facts, bool* keep, std::size_t count)
        : facts_{facts}, keep_{keep}, count_{count} {}
    [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
    [[nodiscard]] constexpr const VersionFacts& operator[](std::size_t i) const noexcept { return facts_[i]; }
    constexpr void keep(std::size_t i) const noexcept { keep_[i] = true; }

  private:
    const VersionFacts* facts_;
    bool* keep_;
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

/// The type behind `KeepBest`.
template <std::size_t n, MetricName Name, Direction D>
struct KeepBestOf {
    using monitor = detail::Monitor<Name, D>;
    /// A version without the metric stays until this many newer ones were committed. They are counted by
    /// number, since some of them may be gone already.
    static constexpr std::size_t max_pending = 3;

    constexpr void mark(const VersionList& versions) const {
        detail::check_direction<Name, D>();
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
    /// Whether fewer than `n` versions come before version `i`: better ones, and older ones that are as good.
    static constexpr bool is_among_best(const VersionList& versions, std::size_t i, double value) {
        std::size_t before = 0;
        for (std::size_t j = 0; j < versions.size() && before < n; ++j) {
            const Reading other = versions[j].template reading<Name>();
            if (j == i || other.kind != Reading::Kind::number) continue;
            if (is_better(D, other.value, value) || (other.value == value && j < i)) ++before;
        }
        return before < n;
    }

    static_assert(n > 0, "cairn: KeepBest<n, ...> needs an n of 1 or more");
};

/// Keeps the `n` best versions by a metric of the row that was saved: `KeepBest<1, "val/loss", minimize>`.
/// Ties: the first of equals stays. A NaN is never among the best. A version that has no such metric yet is
/// kept until the metric comes or three newer versions were committed.
template <std::size_t n, detail::FixedString Name, Direction D = Direction::unspecified>
using KeepBest = KeepBestOf<n, MetricNamed<Name>, D>;

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

namespace detail {

// Never defined: their names are the compiler's message.
template <class A, class B>
struct a_retention_and_a_policy_cannot_be_joined;
template <class T>
struct this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref;

}  // namespace detail

/// `a` or `b`; joining with `KeepAll` is `KeepAll`.
template <RetentionPolicy A, RetentionPolicy B>
[[nodiscard]] constexpr auto operator|(A a, B b) {
    if constexpr (std::same_as<A, KeepAll> || std::same_as<B, KeepAll>) {
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
