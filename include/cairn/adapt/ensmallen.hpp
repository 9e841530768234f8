// SPDX-License-Identifier: MIT
#pragma once
// Callbacks for ensmallen's optimisers that log and save. Needs ensmallen 2 or 3, and Armadillo.

#include <cairn/adapt/armadillo.hpp>
#include <cairn/config.hpp>
#include <cairn/core/error.hpp>

#include <ensmallen.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// `f(number, objective, coordinates)`; true stops the optimiser, where it returns a bool.
template <class F, class Matrix>
concept EnsmallenFunction =
    std::invocable<F&, std::size_t, double, const Matrix&> &&
    (std::is_void_v<std::invoke_result_t<F&, std::size_t, double, const Matrix&>> ||
     std::same_as<std::invoke_result_t<F&, std::size_t, double, const Matrix&>, bool>);

/// Counts its calls, passes them on, and says when none came.
template <class F>
class EnsmallenCalls {
  public:
    explicit EnsmallenCalls(F function) : function_{std::move(function)} {}

  protected:
    template <class Matrix>
    bool call(std::size_t number, double objective, const Matrix& coordinates) {
        static_assert(EnsmallenFunction<F, Matrix>,
                      "cairn: a callback is a function of (std::size_t number, double objective, const auto& "
                      "coordinates) that returns nothing, or whether to stop");
        called_ = true;
        if constexpr (std::is_void_v<std::invoke_result_t<F&, std::size_t, double, const Matrix&>>) {
            function_(number, objective, coordinates);
            return false;
        } else {
            return function_(number, objective, coordinates);
        }
    }
    void check_called(const char* what, const char* advice) const {
        if (!called_) raise({errc::unsupported, what, "", advice});
    }

  private:
    F function_;
    bool called_ = false;
};

}  // namespace detail

/// A callback for `optimizer.Optimize(function, coordinates, cairn::EachEpoch{f})`, where `f(std::size_t
/// epoch, double objective, const auto& coordinates)` logs and saves, say, and may return true to stop. For
/// optimisers that go through their data in epochs (SGD and its like, from ensmallen 2.10). Throws
/// `cairn::error` (unsupported) at the end of an optimisation that had no epoch: ensmallen itself would say
/// nothing. What `f` throws passes through the optimiser.
template <class F>
class EachEpoch : detail::EnsmallenCalls<F> {
  public:
    /// Keeps a copy of `function`.
    explicit EachEpoch(F function) : detail::EnsmallenCalls<F>{std::move(function)} {}

    /// For ensmallen.
    template <class Optimizer, class Function, class Matrix>
    bool EndEpoch(Optimizer&, Function&, const Matrix& coordinates, const std::size_t epoch,
                  const double objective) {
        return this->call(epoch, objective, coordinates);
    }
    /// For ensmallen.
    template <class Optimizer, class Function, class Matrix>
    void EndOptimization(Optimizer&, Function&, Matrix&) {
        this->check_called("the optimiser had no epoch to call back after",
                           "use cairn::EachStep with optimisers that have none");
    }
};

/// The same after each step, for optimisers without epochs (L-BFGS, gradient descent): `f(std::size_t step,
/// double objective, const auto& coordinates)`, counted from 0, with the objective that was evaluated last.
template <class F>
class EachStep : detail::EnsmallenCalls<F> {
  public:
    /// Keeps a copy of `function`.
    explicit EachStep(F function) : detail::EnsmallenCalls<F>{std::move(function)} {}

    /// For ensmallen.
    template <class Optimizer, class Function, class Matrix>
    bool Evaluate(Optimizer&, Function&, const Matrix&, const double objective) {
        objective_ = objective;
        return false;
    }
    /// For ensmallen.
    template <class Optimizer, class Function, class Matrix>
    bool StepTaken(Optimizer&, Function&, const Matrix& coordinates) {
        return this->call(step_++, objective_, coordinates);
    }
    /// For ensmallen.
    template <class Optimizer, class Function, class Matrix>
    void EndOptimization(Optimizer&, Function&, Matrix&) {
        this->check_called("the optimiser took no step to call back after",
                           "see whether it calls StepTaken, and whether it may take a step at all");
    }

  private:
    std::size_t step_ = 0;
    double objective_ = 0;
};

}  // namespace CAIRN_NAMESPACE
