// SPDX-License-Identifier: MIT
// Rich values: what they count, what they become, what they refuse.
#include <cairn/core/base64.hpp>
#include <cairn/media/values.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace values_test {

using nlohmann::json;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class F>
cairn::errc code_of(F&& f) {
    try {
        f();
    } catch (const cairn::error& e) {
        CHECK(!std::string{e.what()}.empty());
        return e.code();
    }
    return cairn::errc{};
}

}  // namespace

TEST_CASE("histogram: each finite sample is in one bin, the others are counted", "[media]") {
    const std::vector<double> samples{0, 0.5, 1, 2, 2.4, 4, not_a_number, infinity, -infinity, not_a_number};
    const cairn::Histogram h{samples, 4};
    CHECK(h.edges() == std::vector<double>{0, 1, 2, 3, 4});
    CHECK(h.counts() == std::vector<std::uint64_t>{2, 1, 2, 1});
    CHECK(h.min() == 0);
    CHECK(h.max() == 4);
    CHECK(h.mean() == Approx(9.9 / 6));
    CHECK(h.finite() == 6);
    CHECK(h.nan() == 2);
    CHECK(h.positive_infinity() == 1);
    CHECK(h.negative_infinity() == 1);
    const auto media = h.encode();
    CHECK(media.kind == "histogram");
    const json kept = json::parse(media.bytes);
    CHECK(kept["counts"] == json(h.counts()));
    CHECK(kept["max"] == 4);
    CHECK(kept["nan"] == 2);
}

TEST_CASE("histogram: the ends of the range of doubles, one value, and none", "[media]") {
    constexpr double most = std::numeric_limits<double>::max();
    const cairn::Histogram wide{std::vector{-most, 0.0, most}, 2};
    CHECK(wide.counts() == std::vector<std::uint64_t>{1, 2});
    const cairn::Histogram one{std::vector{7.0F, 7.0F, 7.0F}, 2};
    CHECK(one.edges() == std::vector{6.5, 7.0, 7.5});
    CHECK(one.counts() == std::vector<std::uint64_t>{0, 3});
    CHECK(one.min() == 7);
    const cairn::Histogram great{std::vector{1e300, 1e300}};  // a unit beside it is not told apart
    CHECK(great.finite() == 2);
    std::uint64_t sum = 0;
    for (const std::uint64_t count : great.counts()) sum += count;
    CHECK(sum == 2);
    const cairn::Histogram small{std::vector{0.0, 5e-324}, 4};  // no double lies between
    CHECK(small.counts() == std::vector<std::uint64_t>{0, 0, 1, 1});
    CHECK(cairn::Histogram{std::vector{most, most}}.finite() == 2);
    const cairn::Histogram none{std::vector<double>{not_a_number}};
    CHECK(none.finite() == 0);
    CHECK(!json::parse(none.encode().bytes).contains("min"));
    const std::vector<std::uint8_t> bytes{0, 255, 3};
    CHECK(cairn::Histogram{std::span{bytes}}.max() == 255);
}

TEMPLATE_TEST_CASE("histogram: extremes are exact, wherever they are", "[media]", float, double, std::int8_t,
                   std::uint32_t, std::int64_t) {
    std::mt19937 random{1};
    for (const std::size_t size : {1U, 7U, 2047U, 2048U, 2049U, 4096U, 5000U}) {
        for (const bool has_others : {false, true}) {
            std::vector<TestType> samples(size);
            for (TestType& sample : samples)
                sample = static_cast<TestType>(static_cast<int>(random() % 200) - 100);
            samples[random() % size] = std::numeric_limits<TestType>::lowest();
            samples[random() % size] = std::numeric_limits<TestType>::max();
            if constexpr (std::is_floating_point_v<TestType>) {
                if (has_others) samples[random() % size] = static_cast<TestType>(infinity);
                if (has_others) samples[random() % size] = static_cast<TestType>(not_a_number);
            }
            double low = infinity, high = -infinity;
            std::size_t finite = 0;
            for (const TestType sample : samples) {
                const auto x = static_cast<double>(sample);
                if (!std::isfinite(x)) continue;
                low = std::min(low, x), high = std::max(high, x), ++finite;
            }
            const cairn::Histogram histogram{std::span<const TestType>{samples}};
            CHECK((histogram.min() == low && histogram.max() == high && histogram.finite() == finite));
        }
    }
}

TEST_CASE("histogram: ready bins are taken as they are, or refused", "[media]") {
    const auto h = cairn::Histogram::from_bins({0, 1, 10}, {3, 1});
    CHECK(h.finite() == 4);
    CHECK(h.mean() == Approx((3 * 0.5 + 5.5) / 4));
    CHECK(code_of([] { (void)cairn::Histogram::from_bins({0, 1}, {3, 1}); }) ==
          cairn::errc::invalid_argument);
    CHECK(code_of([] { (void)cairn::Histogram::from_bins({0, 0}, {3}); }) == cairn::errc::invalid_argument);
    CHECK(code_of([] { (void)cairn::Histogram::from_bins({0, not_a_number}, {3}); }) ==
          cairn::errc::invalid_argument);
    CHECK(code_of([] { cairn::Histogram(std::vector{1.0}, 0); }) == cairn::errc::invalid_argument);
    CHECK(code_of([] { cairn::Histogram(std::vector{1.0}, 100'000); }) == cairn::errc::invalid_argument);
}

TEST_CASE("table: rows fit its columns", "[media]") {
    cairn::Table table{{"text", "truth"}};
    CHECK(json::parse(table.encode().bytes) == json::parse(R"({"columns": ["text", "truth"], "data": []})"));
    table.add_row({"<b>", 7});
    table.add_row({nullptr, true});
    CHECK(json::parse(table.encode().bytes)["data"] == json::parse(R"([["<b>", 7], [null, true]])"));
    CHECK(table.encode().about["rows"] == 2);
    CHECK(code_of([&] { table.add_row({1}); }) == cairn::errc::invalid_argument);
    CHECK(table.size() == 2);
    const std::size_t before = table.memory();
    table.add_row({std::string(1'000'000, 'x'), 0});
    CHECK(table.memory() >= before + 1'000'000);
    CHECK(code_of([] { cairn::Table{std::vector<std::string>{}}; }) == cairn::errc::invalid_argument);
}

TEST_CASE("text and blob: bytes as they are, and a media type that is one", "[media]") {
    CHECK(cairn::Text{"two\nlines"}.encode().bytes == "two\nlines");
    const std::string bytes("a\0b", 3);
    const auto media = cairn::Blob{bytes, "application/x-mesh"}.encode();
    CHECK(media.bytes == bytes);
    CHECK(media.type == "application/x-mesh");
    for (const char* type :
         {"", "image", "/png", "image/", "a/b/c", "text/html; charset=x", "a b/c", "a/\"b"}) {
        CAPTURE(type);
        CHECK(code_of([&] { cairn::Blob(bytes, type); }) == cairn::errc::invalid_argument);
    }
}

TEST_CASE("field: floats row by row, in the size that was told", "[media]") {
    const auto media =
        cairn::Field2D{std::vector<double>{1, 2, 3, 4, 5, not_a_number}, 3, 2, {.unit = "K"}}.encode();
    REQUIRE(media.bytes.size() == 24);
    CHECK(media.bytes.substr(0, 4) == std::string("\0\0\x80\x3f", 4));  // 1.0F
    CHECK(media.about == json{{"width", 3}, {"height", 2}, {"dtype", "F32"}, {"unit", "K"}});
    const std::vector<float> five(5);
    CHECK(code_of([&] { cairn::Field2D(five, 3, 2); }) == cairn::errc::invalid_argument);
    CHECK(code_of([&] { cairn::Field2D(five, 0, 5); }) == cairn::errc::invalid_argument);
    const std::size_t half = std::numeric_limits<std::size_t>::max() / 2 + 1;  // times itself it is 0
    CHECK(code_of([&] { cairn::Field2D(std::vector<float>{}, half, half); }) ==
          cairn::errc::invalid_argument);
}

TEST_CASE("audio: a WAV file of 16 bits", "[media]") {
    const auto media = cairn::Audio{std::vector<float>{0, 1, -2, NAN}, 8000, 2}.encode();
    const std::string& wav = media.bytes;
    REQUIRE(wav.size() == 44 + 8);
    CHECK(wav.substr(0, 4) == "RIFF");
    CHECK(wav.substr(8, 8) == "WAVEfmt ");
    const auto number = [&](std::size_t at, std::size_t bytes) {
        std::uint32_t out = 0;
        for (std::size_t i = bytes; i-- > 0;) out = out << 8U | static_cast<unsigned char>(wav[at + i]);
        return out;
    };
    CHECK(number(4, 4) == wav.size() - 8);
    CHECK(number(22, 2) == 2);
    CHECK(number(24, 4) == 8000);
    CHECK(number(28, 4) == 32000);
    CHECK(number(32, 2) == 4);
    CHECK(number(40, 4) == 8);
    CHECK(wav.substr(44) == std::string("\0\0\xff\x7f\x01\x80\0\0", 8));
    CHECK(media.about["seconds"] == 2.0 / 8000);
    CHECK(code_of([] { cairn::Audio(std::vector<float>(3), 8000, 2); }) == cairn::errc::invalid_argument);
    CHECK(code_of([] { cairn::Audio(std::vector<float>(3), 0); }) == cairn::errc::invalid_argument);
}

TEST_CASE("image file: known by its first bytes", "[media]") {
    CHECK(cairn::ImageFile{"\x89PNG\r\n\x1a\nrest"}.encode().type == "image/png");
    CHECK(cairn::ImageFile{"\xff\xd8\xff\xe0"}.encode().type == "image/jpeg");
    CHECK(cairn::ImageFile{"GIF89a", "moves"}.encode().about["caption"] == "moves");
    CHECK(cairn::ImageFile{"RIFF....WEBPVP8 "}.encode().type == "image/webp");
    for (const char* bytes : {"", "RIFF", "RIFF....WAVE", "<svg xmlns=", "BM"}) {
        CAPTURE(bytes);
        CHECK(code_of([&] { cairn::ImageFile{bytes}; }) == cairn::errc::invalid_argument);
    }
}

TEST_CASE("confusion matrix: rows are truth, columns what was predicted", "[media]") {
    const std::vector<int> truth{0, 1, 2, 2, 2};
    const std::vector<std::int64_t> said{0, 2, 2, 1, 2};
    const auto matrix = cairn::confusion_matrix(truth, said, {"cat", "dog", "fox", "hen"});
    CHECK(matrix.count(2, 2) == 2);
    CHECK(matrix.count(2, 1) == 1);
    CHECK(matrix.count(1, 2) == 1);
    CHECK(matrix.count(1, 1) == 0);
    const json kept = json::parse(matrix.encode().bytes);
    CHECK(kept["counts"] == json::parse("[[1,0,0,0],[0,0,1,0],[0,1,2,0],[0,0,0,0]]"));
    CHECK(cairn::confusion_matrix(truth, said).labels() == std::vector<std::string>{"0", "1", "2"});
    const auto refused = [](const std::vector<int>& is, const std::vector<int>& was,
                            std::vector<std::string> labels = {}) {
        return code_of([&] { (void)cairn::confusion_matrix(is, was, std::move(labels)); }) ==
               cairn::errc::invalid_argument;
    };
    CHECK(refused({0, 1}, {0}));
    CHECK(refused({}, {}));
    CHECK(refused({0, -1}, {0, 1}));
    CHECK(refused({0, 5}, {0, 1}, {"a", "b"}));
    CHECK(refused({0, 100'000}, {0, 1}));
    const std::vector<std::uint64_t> ignored{0, ~std::uint64_t{0}}, fine{0, 0};
    for (const auto& labels : {std::vector<std::string>{}, {"cat", "dog"}}) {
        CHECK(code_of([&] { (void)cairn::confusion_matrix(ignored, fine, labels); }) ==
              cairn::errc::invalid_argument);
        CHECK(code_of([&] { (void)cairn::confusion_matrix(fine, ignored, labels); }) ==
              cairn::errc::invalid_argument);
    }
}

TEST_CASE("curves of scores: known areas, ties as one threshold", "[media]") {
    // Worked by hand: pairs in the right order 3 of 4, one tie counted half.
    const std::vector<int> truth{1, 0, 1, 0};
    const auto roc = cairn::roc_curve(truth, std::vector<double>{0.9, 0.8, 0.8, 0.1});
    CHECK(roc.area() == Approx(3.5 / 4));
    CHECK(roc.x() == std::vector<double>{0, 0, 0.5, 1});
    CHECK(roc.y() == std::vector<double>{0, 0.5, 1, 1});
    const auto pr = cairn::precision_recall_curve(truth, std::vector<float>{0.9F, 0.8F, 0.8F, 0.1F});
    CHECK(pr.area() == Approx(0.5 * 1 + 0.5 * 2.0 / 3));
    CHECK(json::parse(pr.encode().bytes)["x_name"] == "recall");
    // At 0 all count, above the last one's score three, above the second's and third's the first alone.
    const auto shares =
        cairn::precision_recall_curve(truth, std::vector<double>{0.9025, 0.8025, 0.8025, 0.1025});
    const json counts = json::parse(shares.encode().bytes);
    CHECK(shares.counts().true_positives.size() == 201);
    const std::size_t thresholds[] = {0, 20, 21, 160, 161, 180, 181, 200};
    const std::uint64_t right[] = {2, 2, 2, 2, 1, 1, 0, 0}, wrong[] = {2, 2, 1, 1, 0, 0, 0, 0};
    for (std::size_t i = 0; i < std::size(thresholds); ++i) {
        CAPTURE(thresholds[i]);
        CHECK(counts["true_positives"][thresholds[i]] == right[i]);
        CHECK(counts["false_positives"][thresholds[i]] == wrong[i]);
    }
    CHECK(cairn::precision_recall_curve(truth, std::vector<double>{1, 0, 1, 0})
              .counts()
              .true_positives.back() == 2);
    const auto logits = cairn::precision_recall_curve(truth, std::vector<double>{2, 0, 1, 0});
    CHECK(logits.counts().true_positives.empty());
    CHECK_FALSE(json::parse(logits.encode().bytes).contains("true_positives"));
    CHECK(roc.counts().true_positives.empty());
    CHECK(cairn::roc_curve(truth, std::vector<double>{1, 0, 1, 0}).area() == 1);
    const auto refused = [](const std::vector<int>& is, const std::vector<double>& scores) {
        return code_of([&] { (void)cairn::roc_curve(is, scores); }) == cairn::errc::invalid_argument;
    };
    CHECK(refused({1, 1}, {0.1, 0.2}));
    CHECK(refused({0, 2}, {0.1, 0.2}));
    CHECK(refused({0, 1}, {0.1, not_a_number}));
    CHECK(refused({0, 1}, {0.1}));
    std::vector<int> many;
    std::vector<double> scores;
    for (int i = 0; i < 5000; ++i) many.push_back(i % 3 == 0), scores.push_back(i);
    const json kept = json::parse(cairn::roc_curve(many, scores).encode().bytes);
    CHECK(kept["x"].size() == 1000);
    CHECK(kept["x"].back() == 1);
    CHECK(kept["y"].back() == 1);
}

TEST_CASE("base64: the vectors of RFC 4648", "[core]") {
    using cairn::detail::to_base64;
    CHECK(to_base64("").empty());
    CHECK(to_base64("f") == "Zg==");
    CHECK(to_base64("fo") == "Zm8=");
    CHECK(to_base64("foo") == "Zm9v");
    CHECK(to_base64("foobar") == "Zm9vYmFy");
    CHECK(to_base64("\xff\xfe\xfd") == "//79");
}

}  // namespace values_test
