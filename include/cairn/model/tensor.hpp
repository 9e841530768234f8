// SPDX-License-Identifier: MIT
#pragma once
// A tensor seen from outside: its name, element type, shape and bytes. Costs <span>, <string> and <vector>.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE {

/// One tensor of a model or of a file. Does not own its bytes, which are row-major; those of a model are in
/// the processor's byte order, those of a file little-endian.
struct TensorView {
    std::string name;                  ///< UTF-8, "fc.weight"
    Dtype dtype = Dtype::F32;          ///< of its elements
    Shape shape;                       ///< outermost first
    std::span<const std::byte> bytes;  ///< the elements, in row-major order
};

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
