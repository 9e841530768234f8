// SPDX-License-Identifier: MIT
// Policies and retentions as text: what is read says of itself a text that means the same.
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

namespace {

template <class Parse>
void check(Parse parse, std::string_view text) {
    const auto value = parse(text);
    if (!value) return;
    const std::string said = to_text(*value);
    const auto again = parse(said);
    if (!again || to_text(*again) != said) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    check([](std::string_view of) { return cairn::parse_policy(of); }, text);
    check([](std::string_view of) { return cairn::parse_retention(of); }, text);
    return 0;
}
