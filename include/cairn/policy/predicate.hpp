// SPDX-License-Identifier: MIT
#pragma once
// Saving by any callable.

#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/save_policy.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

// Never defined: their names are the compiler's message.
template <class F, class At>
struct this_predicate_cannot_be_called_with_const_auto_ref_at;
template <class F, class Returned>
struct this_predicate_must_return_bool_or_Answer_not;

}  // namespace detail

/// Saves when `f(at)` says so: `cairn::Predicate{[](const auto& at) { return at.step % 2 == 0; }}`. The
/// callable takes `const auto& at` (see `At`) and returns `bool` or `Answer`; it must be pure. Metrics are
/// read as `at["loss"_m]`. Step 0, resume, steps that go back: as the callable says. Choose a named policy
/// where one fits: it can be printed, parsed and compared.
template <class F>
class Predicate : detail::Leaf<Predicate<F>, 0, F> {
    using Held = detail::Leaf<Predicate, 0, F>;

  public:
    Predicate() = default;
    /// Keeps a copy of the callable.
    constexpr explicit Predicate(F f) : Held{std::move(f)} {}

    template <class R>
    constexpr Answer decide(const At<R>& at) const {
        if constexpr (!std::is_invocable_v<const F&, const At<R>&>) {
            (void)sizeof(detail::this_predicate_cannot_be_called_with_const_auto_ref_at<F, At<R>>);
            return Answer::no;
        } else {
            using Returned = std::invoke_result_t<const F&, const At<R>&>;
            if constexpr (std::same_as<Returned, Answer>) {
                return this->get()(at);
            } else if constexpr (std::same_as<Returned, bool>) {
                return answer(this->get()(at));
            } else {
                (void)sizeof(detail::this_predicate_must_return_bool_or_Answer_not<F, Returned>);
                return Answer::no;
            }
        }
    }

  private:
    using Held::get;
};

template <class F>
Predicate(F) -> Predicate<F>;

}  // namespace CAIRN_NAMESPACE
