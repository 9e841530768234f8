// SPDX-License-Identifier: MIT
#include <cairn/model/model.hpp>
#include <cairn/model/tensors_of.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tensor_access_test {

using cairn::Dtype;
using cairn::errc;
using cairn::part;
using cairn::Shape;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

/// Every second element of a vector, from the back.
struct Gaps {
    std::vector<float> values;
    bool fails = false;

    class Access final : public cairn::TensorAccess {
      public:
        explicit Access(Gaps& gaps) : gaps_{gaps} {}
        void read(std::span<std::byte> to) override {
            if (gaps_.fails) throw std::runtime_error{"the device is gone"};
            each([&](std::size_t i, float& x) { std::memcpy(to.data() + i * sizeof x, &x, sizeof x); });
        }
        void write(std::span<const std::byte> from) override {
            if (gaps_.fails) throw std::runtime_error{"the device is gone"};
            each([&](std::size_t i, float& x) { std::memcpy(&x, from.data() + i * sizeof x, sizeof x); });
        }
        bool takes(const Shape& shape) const override { return gaps_.values.empty() && shape.rank() == 2; }
        void resize(const Shape& shape) override {
            gaps_.values.assign(static_cast<std::size_t>(shape.elements()) * 2, -1.0F);
        }

      private:
        void each(auto&& visit) {
            const std::size_t count = gaps_.values.size() / 2;
            for (std::size_t i = 0; i < count; ++i) visit(i, gaps_.values[2 * (count - 1 - i)]);
        }
        Gaps& gaps_;
    };
    void describe(cairn::Fields& fields) {
        const std::size_t count = values.size() / 2;
        fields.tensor("w", Dtype::F32, count == 0 ? Shape{0, 0} : Shape{count, 1},
                      std::make_shared<Access>(*this));
    }
};

std::string_view elements(const Files& files, std::string_view name) {
    const auto file =
        cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
    REQUIRE(file.find(name) != nullptr);
    const auto bytes = file.find(name)->bytes;
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a tensor with an access is saved in row-major order and loaded back", "[model][access]") {
    Gaps model{{1, -2, 3, -4, 5, -6}};
    struct Plain {
        std::vector<float> w{5, 3, 1};
        void describe(cairn::Fields& fields) { fields("w", w, {3, 1}); }
    } plain;
    Files files, same;
    REQUIRE(encode(part("m", model), files.emit()));
    REQUIRE(encode(part("m", plain), same.emit()));
    CHECK(files.content == same.content);

    Gaps other{{0, 0, 0, 0, 0, 0}};
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.values == std::vector<float>{1, 0, 3, 0, 5, 0});

    Gaps empty;
    REQUIRE(decode(files.find(), part("m", empty)));
    CHECK(empty.values == std::vector<float>{1, -1, 3, -1, 5, -1});

    Gaps longer{{0, 0, 0, 0, 0, 0, 0, 0}};
    CHECK(decode(files.find(), part("m", longer)).error().code() == errc::mismatch);
    CHECK(longer.values == std::vector<float>(8));

    const auto tensors = cairn::tensors_of(model).value();
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].shape == Shape{3, 1});
    std::vector<std::byte> buffer;
    CHECK(cairn::elements_of(tensors[0], buffer).size() == 12);
}

TEST_CASE("what an access throws is an error of the save or the load", "[model][access]") {
    Gaps model{{1, -2, 3, -4}};
    Files files, none;
    REQUIRE(encode(part("m", model), files.emit()));
    model.fails = true;
    const auto saved = encode(part("m", model), none.emit());
    REQUIRE_FALSE(saved);
    CHECK(saved.error().code() == errc::user);
    CHECK(std::string_view{saved.error().what()}.find("the device is gone") != std::string_view::npos);
    const auto loaded = decode(files.find(), part("m", model));
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code() == errc::user);
    model.fails = false;

    // A part whose tensors were given the file's size has its own again when another part fails.
    Gaps empty;
    struct Stuck {
        void describe(cairn::Fields& fields) {
            fields.tensor("w", Dtype::F32, Shape{0}, std::make_shared<Full>());
        }
        struct Full final : cairn::TensorAccess {
            void read(std::span<std::byte>) override {}
            void write(std::span<const std::byte>) override {}
            bool takes(const Shape&) const override { return true; }
            void resize(const Shape& shape) override {
                if (shape.elements() != 0) throw std::bad_alloc{};
            }
        };
    } stuck;
    files.content["n.safetensors"] = files.content["m.safetensors"];
    CHECK(decode(files.find(), part("m", empty), part("n", stuck)).error().code() == errc::user);
    CHECK(empty.values.empty());
}

TEST_CASE("a tensor may be described by its dtype at run time", "[model][access]") {
    struct Dynamic {
        std::vector<double> values{1, 2, 3, 4};
        void describe(cairn::Fields& fields) {
            fields.tensor("w", Dtype::F64, Shape{2, 2}, static_cast<void*>(values.data()));
            fields.tensor("c", Dtype::F64, Shape{}, static_cast<const void*>(values.data()));
        }
    } model;
    Files files;
    REQUIRE(encode(part("m", model), files.emit()));
    const auto loaded = decode(files.find(), part("m", model));
    REQUIRE_FALSE(loaded);
    CHECK(std::string_view{loaded.error().what()}.find("\"c\" of the model is const") !=
          std::string_view::npos);
}

TEST_CASE("texts lie beside the tensors and come back", "[model][texts]") {
    struct Model {
        std::string vocabulary = "a\nb \xc3\xa9";
        float w = 1;
        struct Inner {
            std::string note = "n";
            void describe(cairn::Fields& fields) { fields("note", note); }
        } inner;
        void describe(cairn::Fields& fields) {
            fields("vocabulary", vocabulary);
            fields("w", w);
            fields("inner", inner);
        }
    } model;
    Files files;
    REQUIRE(encode(part("m", model), files.emit()));
    auto file = cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
    CHECK(file.metadata ==
          cairn::safetensors::Metadata{{"inner.note", "n"}, {"vocabulary", "a\nb \xc3\xa9"}});

    // What Python adds to the metadata is passed over.
    file.metadata["format"] = "pt";
    file.tensors.at(0).bytes = std::as_bytes(std::span{&model.w, 1});  // a file's have the order of a file
    std::string text;
    REQUIRE(cairn::safetensors::write(file.tensors, file.metadata, [&](std::span<const std::byte> bytes) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return cairn::result<>{};
    }));
    files.content["m.safetensors"] = text;
    Model other;
    other.vocabulary = other.inner.note = "";
    other.w = 0;
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.vocabulary == model.vocabulary);
    CHECK(other.inner.note == "n");
    CHECK(other.w == 1);
}

TEST_CASE("texts that cannot be kept or found are errors that name them", "[model][texts]") {
    struct One {
        std::string a = "x";
        void describe(cairn::Fields& fields) { fields("a", a); }
    } one;
    struct Two {
        std::string a = "1", b = "2";
        void describe(cairn::Fields& fields) {
            fields("a", a);
            fields("b", b);
        }
    } two;
    struct Twice {
        std::string a;
        void describe(cairn::Fields& fields) {
            fields("a", a);
            fields("a", a);
        }
    } twice;
    struct Const {
        const std::string a;
        void describe(cairn::Fields& fields) { fields("a", a); }
    } fixed{"x"};
    Files files;
    REQUIRE(encode(part("m", one), files.emit()));
    const auto says = [](const cairn::result<>& done, errc code, std::string_view what) {
        REQUIRE_FALSE(done);
        INFO(done.error().what());
        CHECK(done.error().code() == code);
        CHECK(std::string_view{done.error().what()}.find(what) != std::string_view::npos);
    };
    says(decode(files.find(), part("m", two)), errc::mismatch, "missing from the file: \"b\"");
    CHECK(two.a == "1");
    says(decode(files.find(), part("m", fixed)), errc::invalid_argument, "\"a\" of the model is const");
    says(encode(part("n", twice), files.emit()), errc::invalid_argument, "two texts are called \"a\"");
    one.a = "\xff";
    says(encode(part("n", one), files.emit()), errc::invalid_argument, "\"a\" is not UTF-8");
    CHECK(encode(part("f", fixed), files.emit()));
}

TEST_CASE("NaN weights, no elements and no dimensions come back bit by bit", "[model][describe]") {
    struct Odd {
        std::vector<double> nan{std::numeric_limits<double>::quiet_NaN(),
                                -std::numeric_limits<double>::signaling_NaN(),
                                std::numeric_limits<double>::infinity(), -0.0};
        std::vector<float> none;
        float scalar = std::numeric_limits<float>::denorm_min();
        void describe(cairn::Fields& fields) {
            fields("nan", nan);
            fields("none", none, {3, 0, 2});
            fields("scalar", scalar);
        }
    } model;
    Files files;
    REQUIRE(encode(part("m", model), files.emit()));
    CHECK(elements(files, "none").empty());
    Odd other;
    other.nan = {0, 0, 0, 0};
    other.scalar = 0;
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(std::memcmp(other.nan.data(), model.nan.data(), 32) == 0);
    CHECK(other.scalar == model.scalar);
}

TEST_CASE("a dtype that has changed is an error that names both", "[model][describe]") {
    struct Before {
        std::vector<float> w{1, 2};
        void describe(cairn::Fields& fields) { fields("w", w); }
    } before;
    struct After {
        std::vector<double> w{0, 0};
        void describe(cairn::Fields& fields) { fields("w", w); }
    } after;
    Files files;
    REQUIRE(encode(part("m", before), files.emit()));
    const auto loaded = decode(files.find(), part("m", after));
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code() == errc::mismatch);
    CHECK(std::string_view{loaded.error().what()}.find("\"w\" is F64[2] in the model, F32[2] in the file") !=
          std::string_view::npos);
    CHECK(after.w == std::vector<double>{0, 0});
}

TEST_CASE("a hundred thousand tensors are saved and loaded", "[model][describe]") {
    struct Wide {
        std::vector<float> values = std::vector<float>(100'000);
        void describe(cairn::Fields& fields) {
            for (std::size_t i = 0; i < values.size(); ++i)
                fields("block." + std::to_string(i) + ".scale", values[i]);
        }
    } model, other;
    for (std::size_t i = 0; i < model.values.size(); ++i) model.values[i] = static_cast<float>(i);
    Files files;
    REQUIRE(encode(part("m", model), files.emit()));
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.values == model.values);
}

}  // namespace tensor_access_test
