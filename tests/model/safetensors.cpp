// SPDX-License-Identifier: MIT
#include <cairn/model/safetensors.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace safetensors_test {

using cairn::Dtype;
using cairn::errc;
using cairn::Shape;
using cairn::TensorView;
using cairn_test::bytes_of;
using cairn_test::safetensors_file;

namespace {

std::string write(const std::vector<TensorView>& tensors, const cairn::safetensors::Metadata& metadata = {}) {
    std::string out;
    cairn::safetensors::write(tensors, metadata, [&out](std::span<const std::byte> bytes) -> cairn::result<> {
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
    }).value();
    return out;
}

cairn::result<cairn::safetensors::File> parse(std::string_view text) {
    return cairn::safetensors::parse(bytes_of(text));
}

void refused(std::string_view header, std::string_view data, std::string_view why) {
    const auto file = parse(safetensors_file(header, data));
    INFO(header);
    REQUIRE_FALSE(file);
    INFO(file.error().what());
    CHECK(file.error().code() == errc::corrupt);
    CHECK(std::string_view{file.error().what()}.find(why) != std::string_view::npos);
}

}  // namespace

TEST_CASE("a safetensors file is byte for byte the one that Python writes", "[model][safetensors]") {
    // safetensors.numpy.save({"b": int8 [1, 2], "a": float32 [1.0], "z": float64 scalar 0}, {"k": "v"})
    constexpr float f32 = 1;
    constexpr double f64 = 0;
    const std::string i8 = "\x01\x02";
    const std::string expected =
        safetensors_file(R"({"__metadata__":{"k":"v"},"z":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                         R"("a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                         R"("b":{"dtype":"I8","shape":[2],"data_offsets":[12,14]}}      )",
                         std::string(8, '\0') + std::string{"\0\0\x80\x3f", 4} + i8);
    CHECK(write({{"b", Dtype::I8, {2}, bytes_of(i8)},
                 {"a", Dtype::F32, {1}, std::as_bytes(std::span{&f32, 1})},
                 {"z", Dtype::F64, {}, std::as_bytes(std::span{&f64, 1})}},
                {{"k", "v"}}) == expected);
    CHECK(write({}) == safetensors_file("{}      "));
}

TEST_CASE("a safetensors file that is written is read as it was", "[model][safetensors]") {
    const std::string data(24, 'x');
    const std::string odd = "q\"\\\n\x01 \xc3\xa9";
    const std::string text = write({{odd, Dtype::BF16, {2, 1, 6}, bytes_of(data)},
                                    {"none", Dtype::F8_E4M3, {0, 9}, {}},
                                    {"one", Dtype::U64, {}, bytes_of(data).first(8)}},
                                   {{"note", "\xc3\xa9\n"}, {"", ""}});
    const auto file = parse(text).value();
    REQUIRE(file.tensors.size() == 3);
    REQUIRE(file.find(odd) != nullptr);
    CHECK(file.find(odd)->dtype == Dtype::BF16);
    CHECK(file.find(odd)->shape == Shape{2, 1, 6});
    CHECK(file.find(odd)->bytes.size() == 24);
    REQUIRE(file.find("none") != nullptr);
    CHECK(file.find("none")->shape == Shape{0, 9});
    CHECK(file.find("none")->bytes.empty());
    CHECK(file.find("one")->shape.rank() == 0);
    CHECK(file.find("two") == nullptr);
    CHECK(file.metadata.at("note") == "\xc3\xa9\n");
    CHECK(file.metadata.size() == 2);
    CHECK(text.find('{') == 8);
    CHECK((text.size() - 32) % 8 == 0);
}

TEST_CASE("the keys of a safetensors header may come in any order", "[model][safetensors]") {
    const std::string text = safetensors_file(R"({"b":{"shape":[1],"data_offsets":[1,2],"dtype":"U8"},)"
                                              R"("a":{"data_offsets":[0,1],"dtype":"U8","shape":[1]}})",
                                              "ab");
    const auto good = parse(text).value();
    CHECK(static_cast<char>(good.find("b")->bytes[0]) == 'b');
}

TEST_CASE("safetensors writing refuses what it could not read", "[model][safetensors]") {
    const auto code = [](const std::vector<TensorView>& tensors,
                         const cairn::safetensors::Metadata& metadata) {
        const auto done =
            cairn::safetensors::write(tensors, metadata, [](auto) -> cairn::result<> { return {}; });
        return done ? errc::io : done.error().code();
    };
    CHECK(code({{"a", Dtype::F32, {1}, {}}}, {}) == errc::invalid_argument);
    CHECK(code({{"a", Dtype::F32, {0}, {}}, {"a", Dtype::U8, {0}, {}}}, {}) == errc::invalid_argument);
    CHECK(code({}, {{"k", "\xff"}}) == errc::invalid_argument);
    const auto full = cairn::safetensors::write(
        {}, {}, [](auto) -> cairn::result<> { return cairn::error{errc::no_space, "full", "", ""}; });
    REQUIRE_FALSE(full);
    CHECK(full.error().code() == errc::no_space);
}

TEST_CASE("a safetensors file that is cut off or has a false length is corrupt", "[model][safetensors]") {
    const std::string whole = write({{"a", Dtype::F32, {1}, bytes_of("abcd")}});
    REQUIRE(parse(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto file = parse(std::string_view{whole}.substr(0, size));
        REQUIRE_FALSE(file);
        CHECK(file.error().code() == errc::corrupt);
    }
    CHECK_FALSE(parse(whole + "x"));
    std::string huge = whole;
    huge[7] = '\x7f';
    CHECK_FALSE(parse(huge));
    std::string all = whole;
    for (std::size_t i = 0; i < 8; ++i) all[i] = '\xff';
    CHECK_FALSE(parse(all));
}

TEST_CASE("a header over 100 MB is refused although the file is as long", "[model][safetensors]") {
    std::string header(100'000'001, ' ');
    header[0] = '{';
    header[1] = '}';
    const auto file = parse(safetensors_file(header));
    REQUIRE_FALSE(file);
    CHECK(file.error().code() == errc::corrupt);
    CHECK(parse(safetensors_file(header.substr(0, 100'000'000))));
}

TEST_CASE("a hostile safetensors header is corrupt and says why", "[model][safetensors]") {
    using namespace std::string_view_literals;
    refused("", "", "does not begin with");
    refused("[]", "", "does not begin with");
    refused("\xef\xbb\xbf{}", "", "does not begin with");
    refused(" {}", "", "does not begin with");
    refused("{", "", "not JSON");
    refused("{} {}", "", "not JSON");
    refused("{}\0\0"sv, "", "zero byte");
    refused("{\"a\xff\":1}", "", "not JSON");
    refused(std::string(100'000, '{'), "", "not JSON");
    refused(R"({"a":)" + std::string(100'000, '['), "", "a list in the wrong place");
    refused(R"({"a":{"shape":)" + std::string(100'000, '['), "", "a list in the wrong place");
    refused(R"({"a":{"shape":[{}]}})", "", "an object where");
    refused(R"({"a":1})", "", "a number in the wrong place");
    refused(R"({"a":null})", "", "a null");
    refused(R"({"a":true})", "", "a boolean");
    refused(R"({"a":{}})", "", "lacks its");
    refused(R"({"a":{"dtype":"U8","shape":[1]}})", "", "lacks its");
    refused(R"({"a":{"dtype":7}})", "", "a number");
    refused(R"({"a":{"dtype":["U8"]}})", "", "a list");
    refused(R"({"a":{"shape":"U8"}})", "", "a text");
    refused(R"({"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}})", "abcd", "unknown dtype \"F33\"");
    refused(R"({"a":{"dtype":"U8","dtype":"U8"}})", "", "dtype twice");
    refused(R"({"a":{"color":"red"}})", "", "unknown key \"color\"");
    refused(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", "x", "a negative number");
    refused(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", "x", "not whole");
    refused(R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}})", "x", "too large");
    refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", "x", "two data_offsets");
    refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", "x", "two data_offsets");
    refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", "x", "hole or overlaps");
    refused(
        R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        "xy", "hole or overlaps");
    refused(
        R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
        "xyz", "hole or overlaps");
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "x", "ends outside");
    refused(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}})",
            "x", "ends outside");
    refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "xy", "after the last");
    refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}})", "xyz", "not as long");
    refused(R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", "abcd",
            "not as long");
    refused(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "",
            "not as long");
    refused(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})", "",
            "not as long");
    refused(
        R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
        "", "twice");
    refused(R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", "", "no name");
    refused(R"({"__metadata__":{"a":"1","a":"2"}})", "", "\"a\" twice");
    refused(R"({"__metadata__":{},"__metadata__":{}})", "", "metadata twice");
    refused(R"({"__metadata__":{"a":1}})", "", "a number");
    refused(R"({"__metadata__":{"a":{}}})", "", "an object where");
    refused(R"({"__metadata__":"x"})", "", "a text");
    refused(
        R"({"a":{"dtype":"U8","shape":[)" +
            [] {
                std::string ones = "1";
                for (int i = 0; i < 64; ++i) ones += ",1";
                return ones;
            }() +
            R"(],"data_offsets":[0,1]}})",
        "x", "more than 64");
}

TEST_CASE("names from a hostile file are cut and cleaned in messages", "[model][safetensors]") {
    const auto file = parse(safetensors_file("{\"\\u001b[31m" + std::string(5000, 'x') +
                                             R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,9]}})"));
    REQUIRE_FALSE(file);
    const std::string text = file.error().what();
    CHECK(text.size() < 400);
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a safetensors file with any one bit flipped is read or refused, never more",
          "[model][safetensors]") {
    const std::string data(13, 'd');
    const std::string whole = write({{"w", Dtype::F32, {1, 2}, bytes_of(data).first(8)},
                                     {"e", Dtype::I64, {0}, {}},
                                     {"b", Dtype::U8, {5}, bytes_of(data).last(5)}},
                                    {{"k", "v"}});
    REQUIRE(parse(whole));
    std::size_t read = 0;
    std::size_t touched = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::string flipped = whole;
            flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ 1U << bit);
            const auto file = parse(flipped);
            if (!file) {
                REQUIRE(file.error().code() == errc::corrupt);
                continue;
            }
            ++read;
            for (const TensorView& tensor : file->tensors) {
                REQUIRE(tensor.bytes.size() == tensor.shape.elements() * size_of(tensor.dtype));
                for (const std::byte b : tensor.bytes) touched += static_cast<unsigned char>(b);
            }
        }
    }
    CHECK(touched > 0);
    CHECK(read >= 13 * 8);  // the data itself is not guarded here
}

namespace {

std::size_t taken = 0;
cairn::result<void> take(std::span<const std::byte> bytes) {
    taken += bytes.size();
    return {};
}

}  // namespace

TEST_CASE("safetensors are written into a plain function too", "[model][safetensors]") {
    taken = 0;
    CHECK(cairn::safetensors::write(std::span<const cairn::TensorView>{}, {}, take));
    CHECK(taken == 16);  // the length and "{}" with its padding
}

}  // namespace safetensors_test
