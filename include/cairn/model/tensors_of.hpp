// SPDX-License-Identifier: MIT
#pragma once
// What a model holds, for who looks at it.

#include <cairn/core/error.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/tensor.hpp>

#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// The tensors of `model`, in the order it lists them; their bytes are the model's own and follow its
/// changes. Fails: invalid_argument for two tensors of one name or a shape that is not the data's; user if
/// describe throws. Cost: a few allocations per tensor, no copy of the data.
template <Describable T>
[[nodiscard]] result<std::vector<TensorView>> tensors_of(T& model) {
    result<detail::Description> description = detail::description_by(detail::describing(model));
    if (!description) return description.error();
    return std::move(description->tensors);
}

}  // namespace CAIRN_NAMESPACE
