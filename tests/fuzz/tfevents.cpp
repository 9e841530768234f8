// SPDX-License-Identifier: MIT
// Events of TensorBoard: a message of any bytes, and values of it written and heard again.
#include <cairn/mirror/tfevents_read.hpp>

#include <cstdint>
#include <cstdlib>

using namespace cairn::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span{data, size});
    std::size_t used = 0;
    (void)read_event(bytes, [&](double, std::int64_t, const EventValue& value) {
        used += value.tag.size() + value.text.size();
        if (value.tag.empty() || (value.is_text && value.number != 0)) std::abort();
    });
    if (used > 64 * size) std::abort();
    return 0;
}
