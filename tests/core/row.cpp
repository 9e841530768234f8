// SPDX-License-Identifier: MIT
#include <cairn/core/row.hpp>

#include "support/catch.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace row_test {

using cairn::MetricNamed;
using cairn::Reading;
using Kind = cairn::Reading::Kind;
using namespace cairn::literals;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
Reading read(T value) {
    return cairn::row("v"_m = std::move(value)).template reading<MetricNamed<"v">>();
}

}  // namespace

TEST_CASE("a row gives back its step and its values by name", "[core][row]") {
    const auto row = cairn::row(cairn::step(3), "loss"_m = 0.5, "epoch"_m = 2, "phase"_m = "train");
    CHECK(row.step() == 3);
    CHECK(row.time_ns() == 0);
    CHECK(row.size() == 3);
    CHECK(row["loss"_m] == 0.5);
    CHECK(row["epoch"_m] == 2);
    CHECK(row["phase"_m] == "train");
    STATIC_REQUIRE(std::same_as<decltype(row["epoch"_m]), const int&>);
    CHECK(cairn::row("loss"_m = 0.5).step() == 0);
    CHECK(cairn::row(cairn::step(7)).size() == 0);
}

TEST_CASE("a row is usable at compile time", "[core][row]") {
    constexpr auto row = cairn::row(cairn::step(-3), "loss"_m = 0.5, "v"_m = std::optional<int>{4});
    STATIC_REQUIRE(row.step() == -3);
    STATIC_REQUIRE(row["loss"_m] == 0.5);
    STATIC_REQUIRE(row.reading<MetricNamed<"v">>().value == 4);
    STATIC_REQUIRE(row.has<MetricNamed<"v">>);
    STATIC_REQUIRE_FALSE(row.has<MetricNamed<"w">>);
    STATIC_REQUIRE(sizeof(cairn::row(cairn::step(1), "a"_m = 1.0, "b"_m = 2.0)) == 4 * sizeof(double));
}

TEST_CASE("a step is made of any integer", "[core][row]") {
    CHECK(cairn::step(3).value == 3);
    CHECK(cairn::step(-3L).value == -3);
    CHECK(cairn::step(std::uint8_t{200}).value == 200);
    CHECK(cairn::step(std::size_t{5}).value == 5);
}

TEST_CASE("a row visits its values in the order they were written and passes over what is empty",
          "[core][row]") {
    std::vector<std::string_view> names;
    double sum = 0;
    const auto row =
        cairn::row("b"_m = 1, "a"_m = std::optional<double>{}, "d"_m = std::optional{2.5}, "c"_m = 4.0F);
    row.for_each([&](auto name, auto value) {
        STATIC_REQUIRE(cairn::MetricName<decltype(name)>);
        names.push_back(name.name);
        sum += static_cast<double>(value);
    });
    CHECK(names == std::vector<std::string_view>{"b", "d", "c"});
    CHECK(sum == 7.5);
}

TEST_CASE("a row owns the strings and moves those it is given", "[core][row]") {
    std::string text(100, 'x');
    const char* const where = text.data();
    const auto row = cairn::row("text"_m = std::move(text));
    CHECK(row["text"_m].data() == where);
    const auto copy = row;
    CHECK(copy["text"_m] == std::string(100, 'x'));
}

TEST_CASE("every kind of number reads as the number it is", "[core][row]") {
    CHECK(read(3).value == 3);
    CHECK(read(-3LL).value == -3);
    CHECK(read(true).value == 1);
    CHECK(read(false).kind == Kind::number);
    CHECK(read('A').value == 65);
    CHECK(read(static_cast<unsigned char>(255)).value == 255);
    CHECK(read(0.25F).value == 0.25);
    CHECK(read(0.25L).value == 0.25);
    CHECK(read(std::uint64_t{1} << 63U).value == 9223372036854775808.0);
    CHECK(read(std::numeric_limits<std::uint64_t>::max()).value == 18446744073709551616.0);
    CHECK(read(std::numeric_limits<std::int64_t>::min()).value == -9223372036854775808.0);
}

TEST_CASE("zeros and infinities are numbers, a NaN is none", "[core][row]") {
    for (const double x : {0.0, -0.0, infinity, -infinity, std::numeric_limits<double>::denorm_min(),
                           std::numeric_limits<double>::max()}) {
        CHECK(read(x).kind == Kind::number);
        CHECK(read(x).value == x);
    }
    CHECK(read(std::numeric_limits<double>::quiet_NaN()).kind == Kind::nan);
    CHECK(read(-std::numeric_limits<double>::quiet_NaN()).kind == Kind::nan);
    CHECK(read(std::numeric_limits<double>::signaling_NaN()).kind == Kind::nan);
    CHECK(read(std::numeric_limits<float>::quiet_NaN()).kind == Kind::nan);
    CHECK(read(std::numeric_limits<long double>::quiet_NaN()).kind == Kind::nan);
    CHECK(read(std::optional{std::numeric_limits<double>::quiet_NaN()}).kind == Kind::nan);
}

TEST_CASE("an empty optional and a text have nothing to compare", "[core][row]") {
    CHECK(read(std::optional<double>{}).kind == Kind::missing);
    CHECK(read(std::optional<double>{0.0}).kind == Kind::number);
    CHECK(read("0.5").kind == Kind::missing);
    CHECK(read(std::string{"0.5"}).kind == Kind::missing);
    CHECK(read(std::optional<std::string>{"0.5"}).kind == Kind::missing);
    CHECK(Reading{}.kind == Kind::missing);
}

}  // namespace row_test
