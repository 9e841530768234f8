// SPDX-License-Identifier: MIT
// A safetensors file: the tensors of one that is taken lie in it, and its parts are all of it, wherever it is
// cut.
#include <cairn/model/safetensors.hpp>
#include <cairn/store/detail/tensor_cuts.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span{data, size});
    cairn::detail::TensorCuts cuts{"m.safetensors"};
    for (auto rest = bytes; !rest.empty();) {
        const std::size_t count = cuts.take(rest.first((rest.size() + 2) / 3));
        if (count == 0) __builtin_trap();  // it would never end
        rest = rest.subspan(count);
        (void)cuts.is_due();
    }
    const auto file = cairn::safetensors::parse(bytes);
    if (!file) return 0;
    volatile unsigned sum = 0;  // so that each byte is read: the sanitizer looks on
    for (const auto& tensor : file->tensors) {
        for (const std::byte one : tensor.bytes) sum = sum + std::to_integer<unsigned>(one);
    }
    return 0;
}
