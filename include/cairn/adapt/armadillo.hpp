// SPDX-License-Identifier: MIT
#pragma once
// Armadillo's matrices and vectors as fields of a model. Needs Armadillo 10 or later; costs what it costs.

#include <cairn/adapt/detail/strided.hpp>
#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <armadillo>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Mat, Col, Row, and those of fixed size.
template <class T>
concept ArmaMatrix = requires {
    requires TensorElement<typename T::elem_type>;
    requires std::derived_from<T, arma::Mat<typename T::elem_type>>;
};
template <class T>
inline constexpr bool is_arma_vector = std::derived_from<T, arma::Col<typename T::elem_type>> ||
                                       std::derived_from<T, arma::Row<typename T::elem_type>>;
template <class T>
concept ArmaResizable =
    std::same_as<T, arma::Mat<typename T::elem_type>> || std::same_as<T, arma::Col<typename T::elem_type>> ||
    std::same_as<T, arma::Row<typename T::elem_type>>;

template <class T>
[[nodiscard]] auto strided(T& matrix) {
    using Element = std::remove_pointer_t<decltype(matrix.memptr())>;
    if constexpr (is_arma_vector<T>) {
        return Strided<Element>{matrix.memptr(), Shape{matrix.n_elem}, {1}};
    } else {
        return Strided<Element>{matrix.memptr(),
                                Shape{matrix.n_rows, matrix.n_cols},
                                {1, static_cast<std::ptrdiff_t>(matrix.n_rows)}};
    }
}

/// An empty matrix, which takes the size of what is loaded.
template <ArmaResizable T>
class EmptyArma final : public TensorAccess {
  public:
    explicit EmptyArma(T& matrix) : matrix_{matrix} {}
    void read(std::span<std::byte>) override {}
    void write(std::span<const std::byte> from) override { strided(matrix_).write(from); }
    [[nodiscard]] bool takes(const Shape& shape) const override {
        return shape.rank() == (is_arma_vector<T> ? 1 : 2);
    }
    void resize(const Shape& shape) override {
        const auto size = [&](std::size_t d) { return static_cast<arma::uword>(shape.extents()[d]); };
        if constexpr (is_arma_vector<T>) {
            matrix_.set_size(size(0));
        } else {
            matrix_.set_size(size(0), size(1));
        }
    }

  private:
    T& matrix_;
};

}  // namespace detail

/// A dense matrix of numbers: one tensor of the name that the field has, [rows, columns], or [size] for a
/// column or a row. NumPy sees the matrix that Armadillo does: what lies in columns is turned while it is
/// saved and loaded, at the cost of a copy of this one matrix. One that is empty takes the file's size.
template <detail::ArmaMatrix T>
struct describe_for<T> {
    /// For `fields(name, matrix)` and `cairn::part(name, matrix)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        if constexpr (detail::ArmaResizable<Self>) {
            if (self.is_empty()) {
                fields.tensor("", dtype_of<typename T::elem_type>, detail::strided(self).shape(),
                              std::make_shared<detail::EmptyArma<Self>>(self));
                return;
            }
        }
        detail::describe_strided(detail::strided(self), fields);
    }
};

}  // namespace CAIRN_NAMESPACE
