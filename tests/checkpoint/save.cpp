// SPDX-License-Identifier: MIT
#include <cairn/checkpoint/save.hpp>

#include "support.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <istream>
#include <ostream>
#include <random>
#include <string>

namespace save_test {

using namespace cairn_test;
using cairn::errc;
using cairn::part;

namespace {

/// Streams itself, and fails when told to.
struct Fragile {
    std::string text;
    bool fails = false;
    void save(std::ostream& out) const {
        out << text;
        if (fails) out.setstate(std::ios_base::failbit);
    }
    void load(std::istream& in) { std::getline(in, text); }
};

}  // namespace

TEST_CASE("One part is saved to the path itself and loaded back, without a run", "[checkpoint][save]") {
    TempDir dir;
    const auto path = dir / "new/folder/model.safetensors";
    Model model = model_of(3), other;
    cairn::save(path, part("model", model));
    cairn::load(path, part("any_name", other));
    CHECK(other == model);
    CHECK(files_below(dir.path()) == Labels{"new/folder/model.safetensors"});

    std::mt19937 random{7}, restored;
    random.discard(10);
    cairn::save(dir / "rng", part("rng", random));
    cairn::load(dir / "rng", part("rng", restored));
    CHECK(restored == random);

    nlohmann::json state = {{"epoch", 3}}, loaded;
    cairn::save(dir / "state.json", part("state", state));
    cairn::load(dir / "state.json", part("state", loaded));
    CHECK(loaded == state);
}

TEST_CASE("Several parts are files of their own names in a folder", "[checkpoint][save]") {
    TempDir dir;
    Model model = model_of(3), other;
    nlohmann::json state = {{"epoch", 3}}, other_state;
    cairn::save(dir / "last", part("model", model), part("state", state));
    CHECK(files_below(dir / "last") == Labels{"model.safetensors", "state.json"});
    cairn::load(dir / "last", part("state", other_state), part("model", other));
    CHECK(other == model);
    CHECK(other_state == state);

    state = {{"loss", std::nan("")}};  // not JSON text any more
    cairn::save(dir / "last", part("model", model), part("state", state));
    cairn::load(dir / "last", part("state", other_state), part("model", other));
    CHECK(other_state.contains("loss"));
}

TEST_CASE("A save that fails leaves the old files whole and no other", "[checkpoint][save]") {
    TempDir dir;
    Model first = model_of(1), second = model_of(2), other;
    Fragile fragile{"a"};
    cairn::save(dir / "last", part("model", first), part("text", fragile));
    const std::string before = read(dir / "last/model.safetensors");
    fragile = {"b", true};
    const auto failure =
        error_of([&] { cairn::save(dir / "last", part("model", second), part("text", fragile)); });
    CHECK(failure.code() == errc::user);
    CHECK(read(dir / "last/model.safetensors") == before);
    CHECK(read(dir / "last/text.bin") == "a");
    CHECK(files_below(dir.path()) == Labels{"last/model.safetensors", "last/text.bin"});

    CHECK(error_of([&] { cairn::save(dir / "last/model.safetensors/x", part("model", second)); }).code() !=
          errc::unsupported);
    CHECK(read(dir / "last/model.safetensors") == before);
    CHECK_FALSE(cairn::try_save(dir / "last", part("../m", second)));
}

TEST_CASE("A file that is missing, damaged or of another kind is an error, and the model untouched",
          "[checkpoint][save]") {
    TempDir dir;
    Model model, saved = model_of(5);
    CHECK(error_of([&] { cairn::load(dir / "none", part("model", model)); }).code() == errc::not_found);
    CHECK_FALSE(cairn::try_load(dir / "none", part("model", model), part("other", saved)));
    write(dir / "text", "this is a letter, not a model");
    CHECK(error_of([&] { cairn::load(dir / "text", part("model", model)); }).code() == errc::corrupt);
    nlohmann::json state;
    CHECK(error_of([&] { cairn::load(dir / "text", part("state", state)); }).code() == errc::corrupt);
    cairn::save(dir / "model", part("model", saved));
    std::filesystem::resize_file(dir / "model", std::filesystem::file_size(dir / "model") - 1);
    CHECK(error_of([&] { cairn::load(dir / "model", part("model", model)); }).code() == errc::corrupt);
    CHECK(model == Model{});
}

}  // namespace save_test
