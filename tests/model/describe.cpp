// SPDX-License-Identifier: MIT
#include <cairn/model/describe.hpp>
#include <cairn/model/tensors_of.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace describe_test {

using cairn::Describable;
using cairn::Dtype;
using cairn::Shape;

namespace {

struct Linear {
    std::vector<float> weight, bias;
    std::size_t rows, columns;
    Linear(std::size_t r, std::size_t c) : weight(r * c), bias(r), rows{r}, columns{c} {}
    void describe(auto& fields) {
        fields("weight", weight, {rows, columns});
        fields("bias", bias);
    }
};

struct Everything {
    Linear fc{2, 3};
    std::array<double, 2> pair{};
    std::int64_t step = 7;
    const bool frozen = true;
    unsigned char raw[4] = {};
    std::vector<std::int16_t> memory = std::vector<std::int16_t>(6);
    static void describe(auto& self, auto& fields) {
        fields("fc", self.fc);
        fields("pair", self.pair);
        fields("step", self.step);
        fields("frozen", self.frozen);
        fields("raw", self.raw, {2, 2});
        fields("pointer", self.memory.data(), {3, 2});
        fields("span", std::span{self.memory});
        fields("nothing", static_cast<float*>(nullptr), {0, 5});
    }
};

struct Foreign {
    float value[2] = {1, 2};
};

struct BodyMustWait {
    template <class F>
    void describe(F&) {
        static_assert(sizeof(F) == 0, "the body was instantiated");
    }
};
struct InASourceFile {
    float x = 1;
    void describe(cairn::Fields& fields) { fields("x", x); }
};
struct ReturnsText {
    std::string describe(auto&) { return {}; }
};
struct WantsMore {
    void describe(auto&, int);
};
struct OnlyMutable {
    void describe(auto&) {}
};
struct ConstMember {
    void describe(auto&) const {}
};

}  // namespace

}  // namespace describe_test

template <>
struct cairn::describe_for<describe_test::Foreign> {
    static void describe(auto& self, auto& fields) { fields("", self.value); }
};

namespace describe_test {

namespace {

struct Outer {
    Foreign inner;
    static void describe(auto& self, auto& fields) { fields("inner", self.inner); }
};
struct HasNeighbour {
    float x = 1;
    void describe(auto& fields) { fields("x", x); }
};
[[maybe_unused]] void describe(HasNeighbour&, cairn::Fields&) {
    FAIL("the member is the one that describes");
}

struct Twice {
    float a = 0, b = 0;
    void describe(auto& f) { f("same", a), f("same", b); }
};
struct WrongShape {
    std::vector<float> w = std::vector<float>(5);
    void describe(auto& f) { f("w", w, {2, 3}); }
};
struct Null {
    const float* p = nullptr;
    void describe(auto& f) { f("p", p, {2}); }
};
struct Huge {
    float x = 0;
    void describe(auto& f) { f("huge", &x, {1ULL << 63U}); }
};
struct Negative {
    float x = 0;
    void describe(auto& f) { f("x", &x, {-1}); }
};
struct Nameless {
    float x = 0;
    void describe(auto& f) { f("", x); }
};
struct Reserved {
    float x = 0;
    void describe(auto& f) { f("__metadata__", x); }
};
struct NotUtf8 {
    float x = 0;
    void describe(auto& f) { f("caf\xe9", x); }
};
struct Throws {
    void describe(auto&) { throw std::runtime_error{"not built yet"}; }
};
struct ThrowsInt {
    void describe(auto&) { throw 3; }
};

}  // namespace

static_assert(Describable<Linear> && !Describable<const Linear>);
static_assert(Describable<Everything>);
static_assert(Describable<Foreign> && Describable<const Foreign>);
static_assert(Describable<BodyMustWait>);
static_assert(Describable<InASourceFile>);
static_assert(Describable<OnlyMutable> && !Describable<const OnlyMutable>);
static_assert(Describable<ConstMember> && Describable<const ConstMember>);
static_assert(!Describable<ReturnsText> && !Describable<WantsMore>);
static_assert(!Describable<int> && !Describable<std::vector<float>> && !Describable<float*>);

TEST_CASE("a description lists every kind of field with its name, dtype, shape and bytes",
          "[model][describe]") {
    Everything model;
    const auto tensors = cairn::tensors_of(model).value();
    REQUIRE(tensors.size() == 9);
    const auto is = [&tensors](std::size_t i, const char* name, Dtype dtype, const Shape& shape,
                               const void* data) {
        INFO(i << " " << tensors[i].name);
        CHECK(tensors[i].name == name);
        CHECK(tensors[i].dtype == dtype);
        CHECK(tensors[i].shape == shape);
        CHECK(tensors[i].bytes.size() == shape.elements() * size_of(dtype));
        CHECK(static_cast<const void*>(tensors[i].bytes.data()) == data);
    };
    is(0, "fc.weight", Dtype::F32, {2, 3}, model.fc.weight.data());
    is(1, "fc.bias", Dtype::F32, {2}, model.fc.bias.data());
    is(2, "pair", Dtype::F64, {2}, model.pair.data());
    is(3, "step", Dtype::I64, {}, &model.step);
    is(4, "frozen", Dtype::BOOL, {}, &model.frozen);
    is(5, "raw", Dtype::U8, {2, 2}, model.raw);
    is(6, "pointer", Dtype::I16, {3, 2}, model.memory.data());
    is(7, "span", Dtype::I16, {6}, model.memory.data());
    is(8, "nothing", Dtype::F32, {0, 5}, nullptr);
}

TEST_CASE("a type described from outside can be const, nested, and nameless inside", "[model][describe]") {
    const Outer outer;
    const auto tensors = cairn::tensors_of(outer).value();
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].name == "inner");
    CHECK(tensors[0].shape == Shape{2});
}

TEST_CASE("a function that happens to be called describe is not taken", "[model][describe]") {
    HasNeighbour model;
    const auto tensors = cairn::tensors_of(model).value();
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].name == "x");
}

TEST_CASE("a tensor without a name, which is all of a model, is called value", "[model][describe]") {
    Nameless model;
    const auto tensors = cairn::tensors_of(model).value();
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].name == "value");
}

TEST_CASE("a describe that cannot be right is an error that names the tensor", "[model][describe]") {
    const auto fails = [](auto model, cairn::errc code, const std::string& text) {
        const auto described = cairn::tensors_of(model);
        REQUIRE_FALSE(described);
        INFO(described.error().what());
        CHECK(described.error().code() == code);
        CHECK(std::string{described.error().what()}.find(text) != std::string::npos);
    };
    fails(Twice{}, cairn::errc::invalid_argument, "\"same\"");
    fails(WrongShape{}, cairn::errc::invalid_argument,
          "\"w\" has the shape [2, 3], which is not its 5 elements");
    fails(Null{}, cairn::errc::invalid_argument, "\"p\" is a null pointer");
    fails(Huge{}, cairn::errc::invalid_argument, "\"huge\" is larger than the memory");
    fails(Negative{}, cairn::errc::invalid_argument, "negative extent -1");
    fails(Reserved{}, cairn::errc::invalid_argument, "reserved");
    fails(NotUtf8{}, cairn::errc::invalid_argument, "not UTF-8");
    fails(Throws{}, cairn::errc::user, "not built yet");
    fails(ThrowsInt{}, cairn::errc::user, "not a std::exception");
}

}  // namespace describe_test
