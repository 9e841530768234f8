// SPDX-License-Identifier: MIT
#pragma once
// The model layer: what can be saved, how it says so, and how it becomes bytes. Costs nlohmann/json.

#include <cairn/model/decode.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/model/safetensors.hpp>
#include <cairn/model/serializable.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>
