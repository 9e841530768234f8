// SPDX-License-Identifier: MIT
#pragma once
// A tensor seen from outside: its name, element type, shape and bytes. Costs <memory>, <span>, <string> and
// <vector>.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Gets at the elements of a tensor that do not lie one after another in row-major order: in columns, with
/// gaps, on a device. Derive from it where `Fields::tensor` shall take such a tensor. What it throws becomes
/// an error of whoever asked. Threads: one at a time.
class TensorAccess {
  public:
    TensorAccess() = default;
    TensorAccess(const TensorAccess&) = delete;
    TensorAccess& operator=(const TensorAccess&) = delete;
    virtual ~TensorAccess() = default;

    /// Copies all elements to `to`, which has their size: row-major, in the processor's byte order.
    virtual void read(std::span<std::byte> to) = 0;
    /// The way back. Called only once everything that is loaded together has been checked.
    virtual void write(std::span<const std::byte> from) = 0;
    /// Whether it could become a tensor of `shape`, which is not its own; by default it cannot.
    [[nodiscard]] virtual bool takes(const Shape& shape) const {
        static_cast<void>(shape);
        return false;
    }
    /// Becomes a tensor of `shape`, which it takes, or again of its own.
    virtual void resize(const Shape& shape) { static_cast<void>(shape); }
};

/// One tensor of a model or of a file. Does not own its bytes, which are row-major; those of a model are in
/// the processor's byte order, those of a file little-endian.
struct TensorView {
    std::string name;                        ///< UTF-8, "fc.weight"
    Dtype dtype = Dtype::F32;                ///< of its elements
    Shape shape;                             ///< outermost first
    std::span<const std::byte> bytes;        ///< the elements, in row-major order
    std::shared_ptr<TensorAccess> access{};  ///< if not null: `bytes` is empty, and this gets the elements
};

/// The elements of a tensor in row-major order: its own bytes, or where it has an access those that it copies
/// to `buffer`, which may be used again for the next tensor. Throws what the access throws.
template <class = void>
[[nodiscard]] std::span<const std::byte> elements_of(const TensorView& tensor,
                                                     std::vector<std::byte>& buffer) {
    if (tensor.access == nullptr) return tensor.bytes;
    buffer.resize(static_cast<std::size_t>(tensor.shape.elements()) * size_of(tensor.dtype));
    tensor.access->read(buffer);
    return buffer;
}

namespace detail {

/// The key of a safetensors header that is not a tensor.
inline constexpr std::string_view metadata_key = "__metadata__";

/// What is wrong with one tensor on its own; empty if nothing is.
template <class = void>
[[nodiscard]] std::string tensor_problem(const TensorView& tensor) {
    if (tensor.name.empty()) return "has no name";
    if (tensor.name == metadata_key) return "has a name that is reserved";
    if (!is_utf8(tensor.name)) return "has a name that is not UTF-8";
    const std::size_t size = size_of(tensor.dtype);
    if (tensor.access != nullptr) return {};
    if (tensor.bytes.size() % size != 0 || tensor.bytes.size() / size != tensor.shape.elements()) {
        return "has the shape " + to_string(tensor.shape) + ", which is not its " +
               std::to_string(tensor.bytes.size() / size) + " elements";
    }
    return {};
}

/// Success if every tensor can be stored under its name and no two share one.
template <class Tensors>
[[nodiscard]] result<void> check_tensors(const Tensors& tensors) {
    std::vector<std::string_view> names;
    names.reserve(tensors.size());
    for (const TensorView& tensor : tensors) {
        if (const std::string problem = tensor_problem(tensor); !problem.empty()) {
            return error{errc::invalid_argument, "the tensor " + in_quotes(tensor.name) + " " + problem, "",
                         "give every tensor a name of its own and the shape of its data"};
        }
        names.push_back(tensor.name);
    }
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
        return error{errc::invalid_argument, "two tensors are called " + in_quotes(*twice), "",
                     "give every tensor a name of its own"};
    }
    return {};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
