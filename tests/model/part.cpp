// SPDX-License-Identifier: MIT
#include <cairn/model/model.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <istream>
#include <limits>
#include <memory>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace part_test {

using cairn::errc;
using cairn::part;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;
using cairn_test::safetensors_file;

namespace {

struct Model {
    std::vector<float> weight = std::vector<float>(6, 1.5F);
    std::vector<float> bias = {1, 2};
    std::vector<bool> unused;
    bool trained = true;
    double rate = 0.1;
    void describe(auto& fields) {
        fields("fc.weight", weight, {2, 3});
        fields("fc.bias", bias);
        fields("trained", trained);
        fields("rate", rate);
    }
};
struct Loop {
    int epoch = 3;
    double best = 0.25;
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Loop, epoch, best)
};
struct Fussy {
    bool throws = false;
    bool fails = false;
    std::string text = "text\0with zero";
    void save(std::ostream& out) const {
        if (throws) throw std::runtime_error{"no ink"};
        if (fails) out.setstate(std::ios_base::failbit);
        out << text.size() << ' ' << text;
    }
    void load(std::istream& in) {
        if (throws) throw std::runtime_error{"no glasses"};
        std::size_t size = 0;
        in >> size;
        in.get();
        text.resize(size);
        in.read(text.data(), static_cast<std::streamsize>(size));
    }
};
struct MoveOnly {
    std::unique_ptr<int> value = std::make_unique<int>(0);
    void save(std::ostream& out) const { out << *value; }
    void load(std::istream& in) { in >> *value; }
};

struct Frozen {
    std::vector<float> w{1};
    static void describe(auto& self, auto& fields) { fields("w", self.w); }
};
struct Other {
    std::vector<float> weight = std::vector<float>(6), more = {1};
    float rate = 0;
    std::vector<float> trained;
    void describe(auto& f) {
        f("fc.weight", weight, {3, 2});
        f("more", more);
        f("rate", rate);
        f("trained", trained);
    }
};
struct Many {
    char prefix = 'a';
    float values[1000] = {};
    void describe(auto& f) {
        for (int i = 0; i < 1000; ++i) f(prefix + std::string(300, 'x') + std::to_string(i), values[i]);
    }
};
struct V {
    std::vector<int> v;
    void describe(auto& f) { f("v", v); }
};
struct Digits {
    double x = 0.1 + 0.2;
    void save(std::ostream& out) const { out << x; }
    void load(std::istream& in) { in >> x; }
};

errc code(const cairn::result<>& outcome) {
    REQUIRE_FALSE(outcome);
    UNSCOPED_INFO(outcome.error().what());
    return outcome.error().code();
}

template <class T>
Files saved(std::string_view name, T& object) {
    Files files;
    encode(part(name, object), files.emit()).value();
    return files;
}

}  // namespace

TEST_CASE("parts of every kind come back as they were saved", "[model][part]") {
    Model model;
    model.weight[3] = std::numeric_limits<float>::quiet_NaN();
    model.weight[4] = -0.0F;
    model.bias[0] = std::numeric_limits<float>::infinity();
    Loop loop{.epoch = 9, .best = 0.1};
    std::mt19937_64 random{5};
    random.discard(1001);
    nlohmann::json config = {{"lr", 1e-3}, {"nested", {1, nullptr, "x"}}};
    Fussy fussy;
    MoveOnly only;
    *only.value = 42;

    Files files;
    const auto emit = files.emit();
    encode(part("model", model), emit).value();
    encode(part("loop", loop), emit).value();
    encode(part("rng", random), emit).value();
    encode(part("config", config), emit).value();
    encode(part("fussy", fussy), emit).value();
    encode(part("only", only), emit).value();
    std::string names;
    for (const auto& [name, content] : files.content) names += name + " ";
    CHECK(names == "config.json fussy.bin loop.json model.safetensors only.bin rng.bin ");
    CHECK(files.content["loop.json"] == R"({"best":0.1,"epoch":9})");

    Model model2;
    model2.trained = false;
    model2.bias.clear();  // no shape: takes the size it has in the file
    Loop loop2;
    std::mt19937_64 random2;
    nlohmann::json config2;
    Fussy fussy2{.throws = false, .fails = false, .text = ""};
    MoveOnly only2;
    decode(files.find(), part("rng", random2), part("model", model2), part("config", config2),
           part("loop", loop2), part("fussy", fussy2), part("only", only2))
        .value();
    CHECK(std::isnan(model2.weight[3]));
    CHECK(std::signbit(model2.weight[4]));
    CHECK(model2.weight[5] == 1.5F);
    CHECK(model2.bias == model.bias);
    CHECK(model2.trained);
    CHECK(model2.rate == 0.1);
    CHECK(loop2.epoch == 9);
    CHECK(loop2.best == 0.1);
    CHECK(random2 == random);
    CHECK(config2 == config);
    CHECK(fussy2.text == fussy.text);
    CHECK(*only2.value == 42);
}

TEST_CASE("the same content is the same bytes", "[model][part]") {
    Model a;
    Model b;
    CHECK(saved("m", a).content == saved("m", b).content);
}

TEST_CASE("JSON that text cannot hold is kept as CBOR", "[model][part]") {
    Loop loop{.epoch = 1, .best = std::numeric_limits<double>::infinity()};
    Files files = saved("loop", loop);
    CHECK(files.content.begin()->first == "loop.cbor");
    Loop back;
    decode(files.find(), part("loop", back)).value();
    CHECK(back.best == loop.best);

    std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN(), 0.1};
    files = saved("v", values);
    std::vector<double> values_back;
    decode(files.find(), part("v", values_back)).value();
    REQUIRE(values_back.size() == 3);
    CHECK(std::isnan(values_back[1]));
    CHECK(values_back[2] == 0.1);

    std::string text = "caf\xe9";
    files = saved("s", text);
    CHECK(files.content.begin()->first == "s.cbor");
    std::string text_back;
    decode(files.find(), part("s", text_back)).value();
    CHECK(text_back == text);

    const float best = std::numeric_limits<float>::quiet_NaN();
    CHECK(saved("best", best).content.begin()->first == "best.cbor");
}

TEST_CASE("a const object is saved like any other", "[model][part]") {
    const Loop loop;
    CHECK(saved("loop", loop).content.begin()->first == "loop.json");
    const std::mt19937 random{1};
    CHECK(saved("rng", random).content.begin()->first == "rng.bin");
    const Frozen frozen;
    const Files files = saved("m", frozen);
    Frozen back{.w = {}};
    decode(files.find(), part("m", back)).value();
    CHECK(back.w == frozen.w);
}

TEST_CASE("one part that does not load leaves all of them untouched", "[model][part]") {
    Model model;
    Loop loop;
    std::mt19937 random{1};
    Files files;
    encode(part("model", model), files.emit()).value();
    encode(part("loop", loop), files.emit()).value();
    encode(part("rng", random), files.emit()).value();

    const auto untouched = [](const Files& broken, errc expected) {
        Model model2;
        model2.weight.assign(6, 7.0F);
        model2.bias.clear();
        Loop loop2{.epoch = 100, .best = 100};
        std::mt19937 random2{77};
        CHECK(code(decode(broken.find(), part("model", model2), part("loop", loop2), part("rng", random2))) ==
              expected);
        CHECK(model2.weight == std::vector<float>(6, 7.0F));
        CHECK(model2.bias.empty());
        CHECK(loop2.epoch == 100);
        CHECK(random2 == std::mt19937{77});
    };
    Files broken = files;
    broken.content.erase("rng.bin");
    untouched(broken, errc::not_found);
    broken = files;
    broken.content["rng.bin"].resize(100);
    untouched(broken, errc::user);
    broken = files;
    broken.content["loop.json"] = R"({"epoch":1})";
    untouched(broken, errc::user);
    broken.content["loop.json"] = R"({"epoch":1,"best":"x"})";
    untouched(broken, errc::user);
    broken.content["loop.json"] = R"({"epoch":1,)";
    untouched(broken, errc::corrupt);
    broken.content["loop.json"] = std::string(1'000'000, '[') + std::string(1'000'000, ']');
    untouched(broken, errc::corrupt);
    broken.content.erase("loop.json");
    broken.content["loop.cbor"] = std::string(1'000'000, '\x81');
    untouched(broken, errc::corrupt);
    broken.content["loop.cbor"] = std::string("\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9);
    untouched(broken, errc::corrupt);
    broken = files;
    broken.content["model.safetensors"].pop_back();
    untouched(broken, errc::corrupt);
    broken = files;
    broken.content["model.safetensors"].back() = 2;  // the bool
    untouched(broken, errc::corrupt);
}

TEST_CASE("a model that does not fit hears what is missing, unexpected and different", "[model][part]") {
    Model model;
    const Files files = saved("m", model);
    Other other;
    const cairn::result<> outcome = decode(files.find(), part("m", other));
    REQUIRE(code(outcome) == errc::mismatch);
    CHECK(outcome.error().tried() == "the model does not fit the file; missing from the file: \"more\"; not "
                                     "in the model: \"fc.bias\"; different: "
                                     "\"fc.weight\" is F32[3, 2] in the model, F32[2, 3] in the file, "
                                     "\"rate\" is F32[] in the model, F64[] in the "
                                     "file, \"trained\" is F32[any size] in the model, BOOL[] in the file");
    CHECK(outcome.error().path() == "m.safetensors");
}

TEST_CASE("what does not fit is listed up to a bound", "[model][part]") {
    Many a;
    const Files files = saved("m", a);
    Many b;
    b.prefix = 'b';
    const cairn::result<> outcome = decode(files.find(), part("m", b));
    REQUIRE(code(outcome) == errc::mismatch);
    CHECK(outcome.error().tried().find("and 995 more") != std::string::npos);
    CHECK(outcome.error().tried().size() < 1500);
}

TEST_CASE("an empty vector without a shape takes one dimension only, and keeps its size otherwise",
          "[model][part]") {
    V three{{1, 2, 3}};
    V none;
    V two{{8, 9}};
    const Files files = saved("v", three);
    decode(files.find(), part("v", none)).value();
    CHECK(none.v == three.v);
    CHECK(code(decode(files.find(), part("v", two))) == errc::mismatch);
    CHECK(two.v == std::vector{8, 9});

    V empty;
    const Files nothing = saved("v", empty);
    decode(nothing.find(), part("v", empty)).value();
    CHECK(empty.v.empty());

    Files matrix;
    matrix.content["v.safetensors"] =
        safetensors_file(R"({"v":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}})", "abcd");
    CHECK(code(decode(matrix.find(), part("v", empty))) == errc::mismatch);
}

TEST_CASE("what a user's own code throws or fails becomes an error", "[model][part]") {
    Files files;
    Fussy fussy;
    fussy.throws = true;
    const cairn::result<> thrown = encode(part("f", fussy), files.emit());
    CHECK(code(thrown) == errc::user);
    CHECK(std::string{thrown.error().what()}.find("no ink") != std::string::npos);
    fussy = {.throws = false, .fails = true, .text = "a"};
    CHECK(code(encode(part("f", fussy), files.emit())) == errc::user);
    CHECK(files.content.empty());
    fussy = {};
    files = saved("f", fussy);
    fussy = {.throws = true, .fails = false, .text = "mine"};
    CHECK(code(decode(files.find(), part("f", fussy))) == errc::user);
    CHECK(fussy.text == "mine");
}

TEST_CASE("an error of the emitter ends the encoding", "[model][part]") {
    Model model;
    int calls = 0;
    const auto full = [&calls](std::string_view, std::span<const std::byte>) -> cairn::result<> {
        ++calls;
        return cairn::error{errc::no_space, "full", "", ""};
    };
    CHECK(code(encode(part("m", model), full)) == errc::no_space);
    CHECK(calls == 1);
}

TEST_CASE("part names are file names and unique", "[model][part]") {
    Loop loop;
    Loop other;
    Files files;
    CHECK(code(cairn::detail::encode_all(files.emit(), part("../x", loop))) == errc::invalid_name);
    CHECK(files.content.empty());
    CHECK(code(decode(files.find(), part("a/b", loop))) == errc::invalid_name);
    CHECK(code(decode(files.find(), part("a", loop), part("a", other))) == errc::invalid_argument);
    CHECK(cairn::detail::check_parts(part("a", loop), part("b", other)));
    CHECK(cairn::detail::check_parts());
}

TEST_CASE("a part that was saved in another way says so", "[model][part]") {
    Loop loop;
    Model model;
    const Files files = saved("x", loop);
    const cairn::result<> outcome = decode(files.find(), part("x", model));
    CHECK(code(outcome) == errc::mismatch);
    CHECK(outcome.error().path() == "x.json");
}

TEST_CASE("numbers that are streamed keep every digit", "[model][part]") {
    Digits digits;
    const Files files = saved("d", digits);
    Digits back;
    back.x = 0;
    decode(files.find(), part("d", back)).value();
    CHECK(back.x == digits.x);
}

namespace other_library {
// An aggregate of a range's kind, which JSON would take, and which has its own format.
struct Tree {
    std::vector<int> leaves;
    [[nodiscard]] auto begin() const { return leaves.begin(); }
    [[nodiscard]] auto end() const { return leaves.end(); }
};
}  // namespace other_library

}  // namespace part_test

template <>
struct cairn::stream_for<part_test::other_library::Tree> {
    static void save(const part_test::other_library::Tree& tree, std::ostream& out) {
        out << "tree " << tree.leaves.at(0);
    }
    static void load(part_test::other_library::Tree& tree, std::istream& in) {
        std::string word;
        tree.leaves.resize(1);
        in >> word >> tree.leaves.at(0);
    }
};

namespace part_test {

TEST_CASE("a type of another library is written by functions given from outside", "[model][part]") {
    other_library::Tree tree{{7}}, other;
    Files files;
    REQUIRE(encode(part("tree", tree), files.emit()));
    CHECK(files.content.at("tree.bin") == "tree 7");
    REQUIRE(decode(files.find(), part("tree", other)));
    CHECK(other.leaves == std::vector<int>{7});
    tree.leaves.clear();
    CHECK(encode(part("tree", tree), files.emit()).error().code() == errc::user);
    files.content["tree.bin"] = "tree x";
    CHECK(decode(files.find(), part("tree", other)).error().code() == errc::user);
    CHECK(other.leaves == std::vector<int>{7});
}

}  // namespace part_test
