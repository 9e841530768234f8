// SPDX-License-Identifier: MIT
#include <cairn/core/metric.hpp>

#include "support/catch.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace metric_test {

using cairn::Metric;
using cairn::MetricName;
using cairn::MetricNamed;
using cairn::MetricValue;
using namespace cairn::literals;

namespace {

template <class T, class F>
constexpr bool holds(const F&) {
    return std::same_as<decltype(F::value), T>;
}

struct Text {
    std::string text = "a";
    operator std::string_view() const { return text; }  // NOLINT(google-explicit-constructor)
};

}  // namespace

TEST_CASE("a metric's name is a type", "[core][metric]") {
    STATIC_REQUIRE(std::same_as<decltype("loss"_m), Metric<'l', 'o', 's', 's'>>);
    STATIC_REQUIRE(std::same_as<decltype("loss"_m), MetricNamed<"loss">>);
    STATIC_REQUIRE_FALSE(std::same_as<decltype("loss"_m), decltype("lose"_m)>);
    STATIC_REQUIRE(decltype("val/loss"_m)::name == "val/loss");
    STATIC_REQUIRE(MetricName<decltype("loss"_m)>);
    STATIC_REQUIRE_FALSE(MetricName<int>);
    STATIC_REQUIRE(std::is_empty_v<decltype("loss"_m)>);
}

TEST_CASE("a metric's name may hold any bytes, and is ended by a zero", "[core][metric]") {
    STATIC_REQUIRE(decltype("genauigkeit \xc3\xbc/%"_m)::name == "genauigkeit \xc3\xbc/%");
    STATIC_REQUIRE(decltype("a\0b"_m)::name == std::string_view{"a\0b", 3});
    STATIC_REQUIRE(decltype("ab"_m)::chars[2] == '\0');
}

TEST_CASE("a metric's hash is the hash of its name", "[core][metric]") {
    STATIC_REQUIRE(decltype("loss"_m)::hash == cairn::detail::hash_name("loss"));
    STATIC_REQUIRE(cairn::detail::hash_name("") == 14695981039346656037U);
    STATIC_REQUIRE(cairn::detail::hash_name("a") == 0xaf63dc4c8601ec8cU);  // FNV-1a's published value
    STATIC_REQUIRE(cairn::detail::hash_name("foobar") == 0x85944171f73967e8U);
    STATIC_REQUIRE(cairn::detail::hash_name("\xff") != cairn::detail::hash_name("\x7f"));
}

TEST_CASE("a metric keeps numbers as they came", "[core][metric]") {
    const auto big = "v"_m = std::uint64_t{1} << 63U;
    CHECK(holds<std::uint64_t>(big));
    CHECK(big.value == 9223372036854775808U);
    STATIC_REQUIRE(holds<long double>("v"_m = 1.5L));
    STATIC_REQUIRE(holds<float>("v"_m = 1.5F));
    STATIC_REQUIRE(holds<bool>("v"_m = true));
    STATIC_REQUIRE(holds<char>("v"_m = 'x'));
    STATIC_REQUIRE(holds<std::int8_t>("v"_m = std::int8_t{-1}));
    STATIC_REQUIRE(holds<std::optional<float>>("v"_m = std::optional{1.5F}));
    const double lvalue = 3;
    CHECK(holds<double>("v"_m = lvalue));
    STATIC_REQUIRE(("v"_m = 7).value == 7);
}

TEST_CASE("a metric keeps text as a view, and an object with a text as the object", "[core][metric]") {
    STATIC_REQUIRE(("v"_m = "train").value == "train");
    STATIC_REQUIRE(holds<std::string_view>("v"_m = "train"));
    const char* const pointer = "train";
    CHECK(holds<std::string_view>("v"_m = pointer));
    char array[] = "train";
    CHECK(("v"_m = array).value == "train");
    STATIC_REQUIRE(holds<std::string_view>("v"_m = std::string_view{"train"}));

    std::string text(100, 'x');
    auto copied = "v"_m = text;
    CHECK(holds<std::string>(copied));
    text.clear();
    CHECK(copied.value.size() == 100);
    CHECK(("v"_m = std::string(100, 'y')).value == std::string(100, 'y'));
    CHECK(holds<Text>("v"_m = Text{}));
}

TEST_CASE("numbers, bools, texts and optionals of them are metric values, and nothing else is",
          "[core][metric]") {
    enum Plain { plain };
    enum class Scoped { scoped };
    STATIC_REQUIRE(MetricValue<int>);
    STATIC_REQUIRE(MetricValue<bool>);
    STATIC_REQUIRE(MetricValue<long double>);
    STATIC_REQUIRE(MetricValue<const char*>);
    STATIC_REQUIRE(MetricValue<std::string>);
    STATIC_REQUIRE(MetricValue<std::optional<std::string>>);
    STATIC_REQUIRE(MetricValue<std::optional<bool>>);
    STATIC_REQUIRE_FALSE(MetricValue<std::optional<std::optional<int>>>);
    STATIC_REQUIRE_FALSE(MetricValue<Plain>);
    STATIC_REQUIRE_FALSE(MetricValue<Scoped>);
    STATIC_REQUIRE_FALSE(MetricValue<int*>);
    STATIC_REQUIRE_FALSE(MetricValue<decltype(nullptr)>);
    STATIC_REQUIRE_FALSE(MetricValue<std::nullopt_t>);
}

}  // namespace metric_test
