// SPDX-License-Identifier: MIT
#pragma once
// Eigen's matrices, arrays, vectors and maps as fields of a model: `fields("weight", weight)`. Needs
// Eigen 3.4; costs what it costs.

#include <cairn/adapt/detail/strided.hpp>
#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Eigen's 16-bit float.
template <>
struct dtype_for<Eigen::half> {
    static constexpr Dtype value = Dtype::F16;  ///< IEEE 754
};
/// Eigen's bfloat16.
template <>
struct dtype_for<Eigen::bfloat16> {
    static constexpr Dtype value = Dtype::BF16;  ///< the upper half of a float
};

namespace detail {

/// A matrix, array, vector, map, block or reference whose elements lie in memory and are numbers.
template <class T>
concept EigenDense = requires(T& values) {
    requires std::is_base_of_v<Eigen::DenseBase<T>, T>;
    requires TensorElement<typename T::Scalar>;
    values.data();
    values.outerStride();
};

/// What can be given another size.
template <class T>
concept EigenResizable = !std::is_const_v<T> && std::is_base_of_v<Eigen::PlainObjectBase<T>, T> &&
                         T::SizeAtCompileTime == Eigen::Dynamic;

template <class T>
[[nodiscard]] Shape eigen_shape(const T& values) {
    if constexpr (T::IsVectorAtCompileTime) {
        return Shape{values.size()};
    } else {
        return Shape{values.rows(), values.cols()};
    }
}

template <class T>
[[nodiscard]] auto strided(T& values) {
    using Element = std::remove_pointer_t<decltype(values.data())>;
    const std::ptrdiff_t inner = values.innerStride(), outer = values.outerStride();
    std::vector<std::ptrdiff_t> strides{inner};
    if constexpr (!T::IsVectorAtCompileTime)
        strides.insert(T::IsRowMajor ? strides.begin() : strides.end(), outer);
    return Strided<Element>{values.data(), eigen_shape(values), std::move(strides)};
}

/// An empty matrix, which takes the size of what is loaded.
template <EigenResizable T>
class EmptyEigen final : public TensorAccess {
  public:
    explicit EmptyEigen(T& values) : values_{values} {}

    void read(std::span<std::byte>) override {}
    void write(std::span<const std::byte> from) override { strided(values_).write(from); }
    [[nodiscard]] bool takes(const Shape& shape) const override {
        if constexpr (T::IsVectorAtCompileTime) {
            return shape.rank() == 1 && fits<T::MaxSizeAtCompileTime>(shape, 0);
        } else {
            return shape.rank() == 2 && fits<T::MaxRowsAtCompileTime>(shape, 0) &&
                   fits<T::MaxColsAtCompileTime>(shape, 1) &&
                   (T::RowsAtCompileTime == Eigen::Dynamic || index(shape, 0) == T::RowsAtCompileTime) &&
                   (T::ColsAtCompileTime == Eigen::Dynamic || index(shape, 1) == T::ColsAtCompileTime);
        }
    }
    void resize(const Shape& shape) override {
        if constexpr (T::IsVectorAtCompileTime) {
            values_.resize(index(shape, 0));
        } else {
            values_.resize(index(shape, 0), index(shape, 1));
        }
    }

  private:
    [[nodiscard]] static Eigen::Index index(const Shape& shape, std::size_t dimension) {
        return static_cast<Eigen::Index>(shape.extents()[dimension]);
    }
    template <int most>
    [[nodiscard]] static bool fits(const Shape& shape, std::size_t dimension) {
        return most == Eigen::Dynamic || index(shape, dimension) <= most;
    }

    T& values_;
};

}  // namespace detail

/// A dense matrix, array, vector, map, block or reference: one tensor of the name that the field has, [rows,
/// columns], or [size] for a vector of either kind. NumPy sees the matrix that Eigen does, whatever order
/// either keeps it in: what does not lie in rows (Eigen's default is columns) is turned while it is saved and
/// loaded, at the cost of a copy of this one matrix; row-major ones and vectors are saved in place. One that
/// is empty and can be resized takes the file's size.
template <detail::EigenDense T>
struct describe_for<T> {
    /// For `fields(name, matrix)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        if constexpr (detail::EigenResizable<Self>) {
            if (self.size() == 0) {
                fields.tensor("", dtype_of<typename T::Scalar>, detail::eigen_shape(self),
                              std::make_shared<detail::EmptyEigen<Self>>(self));
                return;
            }
        }
        detail::describe_strided(detail::strided(self), fields);
    }
};

}  // namespace CAIRN_NAMESPACE
