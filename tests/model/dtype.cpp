// SPDX-License-Identifier: MIT
#include <cairn/model/dtype.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dtype_test {

using cairn::Dtype;
using cairn::dtype_of;
using cairn::TensorElement;

namespace {

struct Half {
    std::uint16_t bits;
};
struct WrongSize {
    std::uint32_t bits;
};

}  // namespace

}  // namespace dtype_test

template <>
struct cairn::dtype_for<dtype_test::Half> {
    static constexpr Dtype value = Dtype::BF16;
};
template <>
struct cairn::dtype_for<dtype_test::WrongSize> {
    static constexpr Dtype value = Dtype::BF16;
};

namespace dtype_test {

static_assert(dtype_of<bool> == Dtype::BOOL);
static_assert(dtype_of<float> == Dtype::F32 && dtype_of<double> == Dtype::F64);
static_assert(dtype_of<signed char> == Dtype::I8 && dtype_of<unsigned char> == Dtype::U8);
static_assert(dtype_of<short> == Dtype::I16 && dtype_of<unsigned short> == Dtype::U16);
static_assert(dtype_of<int> == Dtype::I32 && dtype_of<unsigned> == Dtype::U32);
static_assert(dtype_of<long long> == Dtype::I64 && dtype_of<unsigned long long> == Dtype::U64);
static_assert(dtype_of<long> == (sizeof(long) == 8 ? Dtype::I64 : Dtype::I32));
static_assert(dtype_of<Half> == Dtype::BF16);
static_assert(!TensorElement<char> && !TensorElement<wchar_t> && !TensorElement<char8_t>);
static_assert(!TensorElement<long double> && !TensorElement<std::byte> && !TensorElement<void*>);
static_assert(!TensorElement<std::string> && !TensorElement<WrongSize> && !TensorElement<void>);

TEST_CASE("every dtype is found by its own name and no other", "[model][dtype]") {
    for (int i = 0; i <= static_cast<int>(Dtype::U64); ++i) {
        const auto dtype = static_cast<Dtype>(i);
        CHECK(cairn::parse_dtype(to_string(dtype)) == dtype);
        CHECK(size_of(dtype) >= 1);
    }
    CHECK(to_string(Dtype::F8_E5M2) == "F8_E5M2");
    CHECK(to_string(Dtype::BF16) == "BF16");
    CHECK(size_of(Dtype::BF16) == 2);
    CHECK(size_of(Dtype::U64) == 8);
    CHECK_FALSE(cairn::parse_dtype("f32"));
    CHECK_FALSE(cairn::parse_dtype("C64"));
    CHECK_FALSE(cairn::parse_dtype(""));
}

}  // namespace dtype_test
