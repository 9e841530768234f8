// SPDX-License-Identifier: MIT
#pragma once
// Views like std::mdspan as fields of a model. (What else the standard library has, `fields` takes without
// this: vectors, arrays, spans, maps, pointers.) Costs what model/describe.hpp costs.

#include <cairn/adapt/detail/strided.hpp>
#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// std::mdspan of C++23, Kokkos's, and what has their members: the elements at regular distances.
template <class T>
concept Mdspan = requires(const T& view) {
    requires TensorElement<std::remove_cv_t<typename T::element_type>>;
    { view.data_handle() } -> std::convertible_to<typename T::element_type*>;
    { T::rank() } -> std::convertible_to<std::size_t>;
    { view.extent(0) } -> std::convertible_to<std::uint64_t>;
    { view.stride(0) } -> std::convertible_to<std::ptrdiff_t>;
};

}  // namespace detail

/// A view of any rank and layout with strides: one tensor, in row-major order. In place if it lies so, else
/// at the cost of a copy of this one tensor.
template <detail::Mdspan T>
struct describe_for<T> {
    /// For `fields(name, view)`.
    static void describe(const T& self, Fields& fields) {
        std::vector<std::uint64_t> extents;
        std::vector<std::ptrdiff_t> strides;
        for (std::size_t d = 0; d < T::rank(); ++d) {
            extents.push_back(static_cast<std::uint64_t>(self.extent(d)));
            strides.push_back(static_cast<std::ptrdiff_t>(self.stride(d)));
        }
        detail::describe_strided(
            detail::Strided<typename T::element_type>{self.data_handle(), Shape{extents}, std::move(strides)},
            fields);
    }
};

}  // namespace CAIRN_NAMESPACE
