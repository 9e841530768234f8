// SPDX-License-Identifier: MIT
// A safetensors file: the tensors of one that is taken lie in it.
#include <cairn/model/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span{data, size});
    const auto file = cairn::safetensors::parse(bytes);
    if (!file) return 0;
    volatile unsigned sum = 0;  // so that each byte is read: the sanitizer looks on
    for (const auto& tensor : file->tensors) {
        for (const std::byte one : tensor.bytes) sum = sum + std::to_integer<unsigned>(one);
    }
    return 0;
}
