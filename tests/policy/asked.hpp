// SPDX-License-Identifier: MIT
#pragma once
// What the policies' tests share: a policy asked row by row as a checkpoint asks it, policies that are made
// up for tests, and the laws of three-valued logic, for static_assert and for run time.

#include <cairn/policy/policy.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace cairn_test {

inline constexpr double NaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr std::array answers{cairn::Answer::no, cairn::Answer::missing, cairn::Answer::nan,
                                    cairn::Answer::yes};

/// A policy in a loop: each row is decided, saved if the answer is yes, and settled.
template <class P>
struct Asked {
    P policy{};

    /// Asks about one row; `on_yes` is what becomes of a save.
    template <class R>
    constexpr cairn::Answer operator()(const R& row, cairn::Outcome on_yes = cairn::Outcome::saved) {
        const cairn::At<R> at{row};
        const cairn::Answer answer = policy.decide(at);
        settle(row, answer == cairn::Answer::yes ? on_yes : cairn::Outcome::not_saved);
        return answer;
    }
    template <class R>
    constexpr void settle(const R& row, cairn::Outcome outcome) {
        cairn::detail::settle(policy, cairn::At<R>{row}, outcome);
    }
    template <class R>
    constexpr cairn::Answer finish(const R& row) const {
        cairn::At<R> at{row};
        at.final = true;
        return policy.decide(at);
    }
};
template <class P>
Asked(P) -> Asked<P>;

/// A row without metrics.
constexpr auto row_at(std::int64_t step) { return cairn::row(cairn::Step{step}); }

/// The steps among `steps` at which `policy` saves.
template <class P>
std::vector<std::int64_t> saved_steps(P policy, const std::vector<std::int64_t>& steps) {
    Asked<P> asked{std::move(policy)};
    std::vector<std::int64_t> out;
    for (const std::int64_t step : steps) {
        if (asked(row_at(step)) == cairn::Answer::yes) out.push_back(step);
    }
    return out;
}

/// from, from + stride, … below `end`.
inline std::vector<std::int64_t> steps(std::int64_t from, std::int64_t end, std::int64_t stride = 1) {
    std::vector<std::int64_t> out;
    for (std::int64_t step = from; step < end; step += stride) out.push_back(step);
    return out;
}

/// Always the same answer, chosen at run time.
struct Says {
    cairn::Answer says = cairn::Answer::no;
    constexpr cairn::Answer decide(const auto&) const noexcept { return says; }
};

/// Counts how often it is asked and told.
struct Counting {
    struct Counts {
        int asked = 0, told = 0, saved = 0;
    };
    Counts* counts = nullptr;
    cairn::Answer says = cairn::Answer::no;

    constexpr cairn::Answer decide(const auto&) const {
        ++counts->asked;
        return says;
    }
    constexpr void settle(const auto&, cairn::Outcome outcome) {
        ++counts->told;
        if (outcome == cairn::Outcome::saved) ++counts->saved;
    }
};

/// Seeds of the property tests; CAIRN_TEST_SEED repeats the one that a failure printed.
inline std::vector<std::uint32_t> seeds(std::uint32_t count) {
    if (const char* seed = std::getenv("CAIRN_TEST_SEED")) {
        return {static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10))};
    }
    std::vector<std::uint32_t> out(count);
    for (std::uint32_t i = 0; i < count; ++i) out[i] = i + 1;
    return out;
}

template <class Int>
Int pick(std::mt19937& random, Int least, Int most) {
    return std::uniform_int_distribution<Int>{least, most}(random);
}

using cairn::same_truth;

/// The first law of three-valued logic that does not hold for `any`, `all` and `negate`; null if all hold.
template <class Any, class All, class Negate>
constexpr const char* first_broken_law(Any any, All all, Negate negate) {
    using enum cairn::Answer;
    for (const cairn::Answer a : answers) {
        if (any(a, a) != a || all(a, a) != a) return "idempotence";
        if (any(no, a) != a || all(yes, a) != a) return "units";
        if (any(yes, a) != yes || all(no, a) != no) return "zeros";
        if (negate(negate(a)) != a) return "double negation";
        if (cairn::is_unknown(a) && negate(a) != a) return "an unknown stays the unknown it is";
        for (const cairn::Answer b : answers) {
            if (any(a, b) != any(b, a) || all(a, b) != all(b, a)) return "commutativity";
            if (negate(any(a, b)) != all(negate(a), negate(b))) return "De Morgan, or";
            if (negate(all(a, b)) != any(negate(a), negate(b))) return "De Morgan, and";
            if (!same_truth(any(a, all(a, b)), a) || !same_truth(all(a, any(a, b)), a)) return "absorption";
            for (const cairn::Answer c : answers) {
                if (any(any(a, b), c) != any(a, any(b, c))) return "associativity of or";
                if (all(all(a, b), c) != all(a, all(b, c))) return "associativity of and";
                if (!same_truth(all(a, any(b, c)), any(all(a, b), all(a, c))))
                    return "and distributes over or";
                if (!same_truth(any(a, all(b, c)), all(any(a, b), any(a, c))))
                    return "or distributes over and";
            }
        }
    }
    if (negate(no) != yes || negate(yes) != no) return "not turns no and yes round";
    if (any(no, yes) != yes || all(no, yes) != no) return "two-valued logic";
    return nullptr;
}

/// The laws of the answers themselves.
constexpr const char* first_broken_law_of_answers() {
    using cairn::Answer;
    return first_broken_law([](Answer a, Answer b) { return a | b; },
                            [](Answer a, Answer b) { return a & b; }, [](Answer a) { return !a; });
}

/// What a policy answers at a row without metrics. No lambda: clang 14 could not use it at compile time.
template <class P>
constexpr cairn::Answer ask(const P& policy) {
    const auto row = row_at(0);
    return policy.decide(cairn::At<decltype(cairn::row(cairn::Step{0}))>{row});
}

/// The same laws, of the policies that are composed.
constexpr const char* first_broken_law_of_policies() {
    using cairn::Answer;
    return first_broken_law([](Answer a, Answer b) { return ask(cairn::Any<Says, Says>{Says{a}, Says{b}}); },
                            [](Answer a, Answer b) { return ask(cairn::All<Says, Says>{Says{a}, Says{b}}); },
                            [](Answer a) { return ask(cairn::Not<Says>{Says{a}}); });
}

}  // namespace cairn_test
