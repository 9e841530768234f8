// SPDX-License-Identifier: MIT
#pragma once
// dlib's matrices as fields of a model, and its deep networks as parts. Needs dlib 19.24; costs what it
// costs.

#include <cairn/adapt/detail/strided.hpp>
#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/serializable.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <dlib/dnn.h>
#include <dlib/matrix.h>

#include <concepts>
#include <cstddef>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

template <class Matrix>
inline constexpr bool is_dlib_vector = Matrix::NR == 1 || Matrix::NC == 1;

template <class Matrix>
[[nodiscard]] Shape dlib_shape(const Matrix& matrix) {
    if constexpr (is_dlib_vector<Matrix>) return Shape{matrix.size()};
    return Shape{matrix.nr(), matrix.nc()};
}

template <class Matrix>
[[nodiscard]] auto strided(Matrix& matrix) {
    using Element = std::remove_reference_t<decltype(matrix(0, 0))>;
    constexpr bool in_rows = std::same_as<typename Matrix::layout_type, dlib::row_major_layout>;
    std::vector<std::ptrdiff_t> strides{1};
    if constexpr (!is_dlib_vector<Matrix>)
        strides.insert(in_rows ? strides.begin() : strides.end(), in_rows ? matrix.nc() : matrix.nr());
    Element* const data = matrix.size() == 0 ? nullptr : &matrix(0, 0);
    return Strided<Element>{data, dlib_shape(matrix), std::move(strides)};
}

/// An empty matrix, which takes the size of what is loaded.
template <class Matrix>
class EmptyDlib final : public TensorAccess {
  public:
    explicit EmptyDlib(Matrix& matrix) : matrix_{matrix} {}
    void read(std::span<std::byte>) override {}
    void write(std::span<const std::byte> from) override { strided(matrix_).write(from); }
    [[nodiscard]] bool takes(const Shape& shape) const override {
        if constexpr (is_dlib_vector<Matrix>) return shape.rank() == 1;
        return shape.rank() == 2 && (Matrix::NR == 0 || index(shape, 0) == Matrix::NR) &&
               (Matrix::NC == 0 || index(shape, 1) == Matrix::NC);
    }
    void resize(const Shape& shape) override {
        if constexpr (is_dlib_vector<Matrix>) {
            matrix_.set_size(index(shape, 0));
        } else {
            matrix_.set_size(index(shape, 0), index(shape, 1));
        }
    }

  private:
    [[nodiscard]] static long index(const Shape& shape, std::size_t dimension) {
        return static_cast<long>(shape.extents()[dimension]);
    }

    Matrix& matrix_;
};

template <class T>
concept DlibNetwork = dlib::is_loss_layer_type<T>::value || dlib::is_nonloss_layer_type<T>::value;

}  // namespace detail

/// A matrix of numbers: one tensor of the name that the field has, [rows, columns], or [size] where the type
/// has one row or one column. Saved in place, but where it lies in columns at the cost of a copy. One that is
/// empty and can be resized takes the file's size.
template <TensorElement T, long rows, long columns, class Memory, class Layout>
struct describe_for<dlib::matrix<T, rows, columns, Memory, Layout>> {
    /// For `fields(name, matrix)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        if constexpr (!std::is_const_v<Self> && (rows == 0 || columns == 0)) {
            if (self.size() == 0) {
                fields.tensor("", dtype_of<T>, detail::dlib_shape(self),
                              std::make_shared<detail::EmptyDlib<Self>>(self));
                return;
            }
        }
        detail::describe_strided(detail::strided(self), fields);
    }
};

/// A network: all of it, in dlib's own format. The
/// file `<part>.bin` is what `dlib::serialize("file") << net` writes, and dlib reads it.
template <detail::DlibNetwork T>
struct stream_for<T> {
    /// For saving.
    static void save(const T& self, std::ostream& out) { serialize(self, out); }
    /// For restoring.
    static void load(T& self, std::istream& in) { deserialize(self, in); }
};

}  // namespace CAIRN_NAMESPACE
