// SPDX-License-Identifier: MIT
#include <cairn/core/value.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace value_test {

using cairn::Reading;
using cairn::Value;
using Kind = cairn::Value::Kind;

TEST_CASE("a value has the kind of what it was made of", "[core][value]") {
    static_assert(Value{}.kind() == Kind::none);
    static_assert(Value{1}.kind() == Kind::integer);
    static_assert(Value{1U}.kind() == Kind::natural);
    static_assert(Value{0.5}.kind() == Kind::number);
    static_assert(Value{0.5F}.number() == 0.5);
    static_assert(Value{true}.kind() == Kind::boolean);
    static_assert(Value{"text"}.text() == "text");
    static_assert(Value{'a'}.kind() != Kind::text);
    CHECK(Value{std::string_view{"view"}}.text() == "view");
    const std::string owned = "owned";
    CHECK(Value{owned}.text() == "owned");
    CHECK(Value{std::optional<int>{}}.kind() == Kind::none);
    CHECK(Value{std::optional{2.5}}.number() == 2.5);
    CHECK(Value{std::optional{true}}.kind() == Kind::boolean);
}

TEST_CASE("integers keep all of their bits", "[core][value]") {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    CHECK(Value{most}.bits() == most);
    CHECK(Value{most}.number() == 18446744073709551616.0);
    CHECK(static_cast<std::int64_t>(Value{least}.bits()) == least);
    CHECK(Value{least}.number() == -9223372036854775808.0);
    CHECK(Value{std::int8_t{-1}}.number() == -1);
    CHECK(Value::from_integer_bits(Kind::natural, most).number() == Value{most}.number());
    CHECK(Value::from_integer_bits(Kind::integer, most).number() == -1);
    CHECK(Value::from_integer_bits(Kind::boolean, 1).kind() == Kind::boolean);
}

TEST_CASE("what is no number reads as missing, a NaN as NaN", "[core][value]") {
    CHECK(std::isnan(Value{}.number()));
    CHECK(std::isnan(Value{"5"}.number()));
    CHECK(Value{1}.text().empty());
    CHECK(Value{}.reading().kind == Reading::Kind::missing);
    CHECK(Value{"5"}.reading().kind == Reading::Kind::missing);
    CHECK(Value{std::nan("")}.reading().kind == Reading::Kind::nan);
    CHECK(Value{std::numeric_limits<double>::infinity()}.reading().kind == Reading::Kind::number);
    CHECK(Value{0.0}.reading().kind == Reading::Kind::number);
    CHECK(Value{false}.reading().value == 0);
}

}  // namespace value_test
