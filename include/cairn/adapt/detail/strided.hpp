// SPDX-License-Identifier: MIT
#pragma once
// Elements that lie at regular distances: in columns, with gaps, backwards. Costs what model/describe.hpp
// costs.

#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The element at (i, j, …) is `data[i * strides[0] + j * strides[1] + …]`.
template <class Element>
class Strided {
  public:
    Strided(Element* data, Shape shape, std::vector<std::ptrdiff_t> strides)
        : data_{data}, shape_{std::move(shape)}, strides_{std::move(strides)} {}

    [[nodiscard]] Element* data() const noexcept { return data_; }
    [[nodiscard]] const Shape& shape() const noexcept { return shape_; }

    /// Whether they lie in row-major order without gaps.
    [[nodiscard]] bool is_row_major() const noexcept {
        std::uint64_t next = 1;
        for (std::size_t d = strides_.size(); d-- > 0; next *= shape_.extents()[d]) {
            if (shape_.extents()[d] > 1 && strides_[d] != static_cast<std::ptrdiff_t>(next)) return false;
        }
        return true;
    }

    void read(std::span<std::byte> to) const {
        each([&](const Element* element, std::size_t at) { std::memcpy(&to[at], element, sizeof *element); });
    }
    void write(std::span<const std::byte> from) const
        requires(!std::is_const_v<Element>)
    {
        each([&](Element* element, std::size_t at) { std::memcpy(element, &from[at], sizeof *element); });
    }

  private:
    /// visit(element, where it is in row-major order, in bytes) for each.
    void each(auto&& visit) const {
        const auto extents = shape_.extents();
        std::vector<std::uint64_t> index(extents.size());
        const std::size_t size = static_cast<std::size_t>(shape_.elements()) * sizeof(Element);
        std::ptrdiff_t offset = 0;
        for (std::size_t at = 0; at < size; at += sizeof(Element)) {
            visit(data_ + offset, at);
            for (std::size_t d = extents.size(); d-- > 0;) {  // the next element
                offset += strides_[d];
                if (++index[d] < extents[d]) break;
                offset -= strides_[d] * static_cast<std::ptrdiff_t>(extents[d]);
                index[d] = 0;
            }
        }
    }

    Element* data_;
    Shape shape_;
    std::vector<std::ptrdiff_t> strides_;
};

/// Such elements as a tensor.
template <class Element>
class StridedAccess final : public TensorAccess {
  public:
    explicit StridedAccess(Strided<Element> elements) : elements_{std::move(elements)} {}
    void read(std::span<std::byte> to) override { elements_.read(to); }
    void write(std::span<const std::byte> from) override {
        if constexpr (!std::is_const_v<Element>) elements_.write(from);
    }

  private:
    Strided<Element> elements_;
};

/// Describes them to `fields`, in place if they lie in row-major order.
template <class Element>
void describe_strided(const Strided<Element>& elements, Fields& fields) {
    constexpr Dtype dtype = dtype_of<std::remove_const_t<Element>>;
    if (elements.is_row_major()) {
        using Void = std::conditional_t<std::is_const_v<Element>, const void, void>;
        fields.tensor("", dtype, elements.shape(), static_cast<Void*>(elements.data()));
    } else {
        fields.tensor("", dtype, elements.shape(), std::make_shared<StridedAccess<Element>>(elements),
                      !std::is_const_v<Element>);
    }
}

}  // namespace CAIRN_NAMESPACE::detail
