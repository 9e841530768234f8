// SPDX-License-Identifier: MIT
#include <cairn/model/model.hpp>
#include <cairn/model/partial.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace partial_test {

using cairn::errc;
using cairn::part;
using cairn::Partial;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

using Names = std::vector<std::string>;

struct Layer {
    std::vector<float> weight;
    float bias = 0;
    void describe(cairn::Fields& fields) {
        fields("weight", weight);
        fields("bias", bias);
    }
};
struct Net {
    Layer encoder, head;
    std::string vocabulary;
    void describe(cairn::Fields& fields) {
        fields("encoder", encoder);
        fields("head", head);
        fields("vocabulary", vocabulary);
    }
};
const Net trained{{{1, 2, 3}, 4}, {{5, 6}, 7}, "a b"};

Net fresh() { return {{{0, 0, 0}, 0}, {{0, 0}, 0}, ""}; }

Files saved(Net model) {
    Files files;
    REQUIRE(encode(part("model", model), files.emit()));
    return files;
}
bool contains(const cairn::error& e, std::string_view what) {
    INFO(e.what());
    return std::string_view{e.what()}.find(what) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a Partial loads what it names and leaves the rest alone", "[model][partial]") {
    const Files files = saved(trained);
    Net model = fresh();
    Partial encoder{model, {.only = {"encoder.*", "vocabulary"}}};
    REQUIRE(decode(files.find(), part("model", encoder)));
    CHECK(model.encoder.weight == trained.encoder.weight);
    CHECK(model.encoder.bias == 4);
    CHECK(model.vocabulary == "a b");
    CHECK(model.head.weight == std::vector<float>{0, 0});
    CHECK(model.head.bias == 0);
    CHECK(encoder.report().loaded == Names{"encoder.bias", "encoder.weight", "vocabulary"});
    CHECK(encoder.report().missing.empty());
    CHECK(encoder.report().unexpected.empty());

    Partial one{model, {.only = {"head.bias"}}};
    REQUIRE(decode(files.find(), part("model", one)));
    CHECK(model.head.bias == 7);
    CHECK(model.head.weight == std::vector<float>{0, 0});
}

TEST_CASE("a Partial is strict about what it names unless told otherwise", "[model][partial]") {
    Net other = trained;
    other.encoder.weight = {1, 2};
    const Files files = saved(other);
    Net model = fresh();
    Partial all{model};
    const auto done = decode(files.find(), part("model", all));
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == errc::mismatch);
    CHECK(contains(done.error(), "\"encoder.weight\" is F32[3] in the model, F32[2] in the file"));
    CHECK(model.head.bias == 0);
    CHECK(all.report().loaded.empty());

    Partial head{model, {.only = {"head.*"}}};
    REQUIRE(decode(files.find(), part("model", head)));
    CHECK(model.head.bias == 7);
}

TEST_CASE("a Partial that is not strict reports what is missing, unexpected and different",
          "[model][partial]") {
    struct Changed {
        std::vector<float> weight{1, 2};  // 3 in the file
        std::vector<double> bias{1};      // float in the file
        std::vector<float> extra{9};
        std::string vocabulary = "mine", merges = "none";
        void describe(cairn::Fields& fields) {
            fields("encoder.weight", weight);
            fields("encoder.bias", bias);
            fields("extra", extra);
            fields("vocabulary", vocabulary);
            fields("merges", merges);
        }
    } model;
    Partial some{model, {.strict = false}};
    REQUIRE(decode(saved(trained).find(), part("model", some)));
    CHECK(some.report().loaded == Names{"vocabulary"});
    CHECK(some.report().missing == Names{"extra", "merges"});
    CHECK(some.report().unexpected == Names{"head.bias", "head.weight"});
    CHECK(some.report().different == Names{"encoder.bias", "encoder.weight"});
    CHECK(model.weight == std::vector<float>{1, 2});
    CHECK(model.extra == std::vector<float>{9});
    CHECK(model.vocabulary == "a b");
    CHECK(model.merges == "none");

    Partial extra{model, {.only = {"extra", "head.*", "enc*"}, .strict = false}};
    const auto done = decode(saved(trained).find(), part("model", extra));
    REQUIRE_FALSE(done);  // the model has no head
    CHECK(contains(done.error(), "nothing in the model is called \"head.*\""));
}

TEST_CASE("a Partial saves what it names", "[model][partial]") {
    Net model = trained;
    Partial head{model, {.only = {"head.*"}}};
    Files files;
    REQUIRE(encode(part("model", head), files.emit()));
    const auto file =
        cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("model.safetensors"))).value();
    REQUIRE(file.tensors.size() == 2);
    CHECK(file.find("head.bias") != nullptr);
    CHECK(file.metadata.empty());
}

TEST_CASE("a Partial that can be nothing is refused", "[model][partial]") {
    Net model = trained;
    Files files;
    Partial misspelt{model, {.only = {"head.*", "encodr.*"}}};
    const auto done = encode(part("model", misspelt), files.emit());
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == errc::invalid_argument);
    CHECK(contains(done.error(), "nothing in the model is called \"encodr.*\""));

    struct Holder {
        Partial<Net> inside;
        void describe(cairn::Fields& fields) { fields("inside", inside); }
    } holder{Partial{model}};
    const auto nested = encode(part("model", holder), files.emit());
    REQUIRE_FALSE(nested);
    CHECK(nested.error().code() == errc::invalid_argument);
    CHECK(contains(nested.error(), "as a field"));
}

}  // namespace partial_test
