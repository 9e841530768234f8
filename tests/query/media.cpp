// SPDX-License-Identifier: MIT
// What readers and a page are told of rich values.
#include <cairn/cairn.hpp>
#include <cairn/media/values.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace media_test {

using namespace cairn_test;
using namespace cairn::literals;
using nlohmann::json;

namespace {

std::filesystem::path record(const TempDir& dir, int steps) {
    auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
    for (int step = 0; step < steps; ++step) {
        run.log(cairn::step(step), "w"_m = cairn::Histogram{std::vector<double>(10, step)},
                "note"_m = cairn::Text{"step " + std::to_string(step)});
    }
    run.log(cairn::step(99), "mesh"_m = cairn::Blob{std::string("\0\1\2", 3), "application/x-mesh"});
    REQUIRE(run.finish());
    return run.dir();
}

}  // namespace

TEST_CASE("media list: all of a run, refreshed as it grows", "[query][media]") {
    const TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    cairn::MediaList list{run.dir()};
    REQUIRE(list.refresh());
    CHECK(list.all().empty());
    run.log("note", cairn::Text{"one"});
    while (run.health().media_written == 0) cairn::detail::os::sys::sleep_ns(1'000'000);
    REQUIRE(list.refresh());
    REQUIRE(list.all().size() == 1);
    run.log("note", cairn::Text{"two"}, {.step = 8});
    REQUIRE(run.finish());
    REQUIRE(list.refresh());
    REQUIRE(list.all().size() == 2);
    CHECK(list.all()[1].step == 8);
    CHECK(list.bytes_of(list.all()[0]).value() == "one");
    CHECK(list.bytes_of(list.all()[1]).value() == "two");
    std::filesystem::remove(run.dir() / cairn::detail::media_file);
    REQUIRE(list.refresh());
    CHECK(list.all().empty());
}

TEST_CASE("media list: what is no description is passed over and counted", "[query][media]") {
    const TempDir dir;
    auto writer = cairn::detail::MediaWriter::open(dir.path() / cairn::detail::media_file).value();
    const std::string good = R"({"metric":"a","step":1,"time_ns":2,"kind":"text","type":"text/plain"})";
    for (const std::string& text :
         {good, std::string{"{}"}, std::string{"no JSON"}, std::string(5000, '['),
          std::string{R"({"metric":1})"},
          std::string{R"({"metric":"a","step":"x","time_ns":2,"kind":"text","type":"t"})"}, good})
        REQUIRE(writer.append(text, {}));
    cairn::MediaList list{dir.path()};
    REQUIRE(list.refresh());
    CHECK(list.all().size() == 2);
    CHECK(list.damaged() == 5);
    CHECK(list.losses().size() == 1);
    CHECK(list.losses().empty());  // no more of them
}

TEST_CASE("api: media by metric, spread over the steps, with their values", "[query][media][api]") {
    const TempDir dir;
    (void)record(dir, 50);
    cairn::Api api{cairn::open(dir.path()).value()};
    const auto ask = [&](cairn::Parameters parameters) {
        parameters.emplace("run", "r");
        return api.answer("media", parameters);
    };
    const json all = ask({}).value();
    CHECK(all["media"]["w"] ==
          json{{"kind", "histogram"}, {"count", 50}, {"first_step", 0}, {"last_step", 49}});
    CHECK(all["media"].size() == 3);
    const json five = ask({{"metric", "w"}, {"most", "5"}, {"values", "yes"}}).value();
    CHECK(five["count"] == 50);
    REQUIRE(five["entries"].size() == 5);
    CHECK(five["entries"][0]["step"] == 0);
    CHECK(five["entries"][4]["step"] == 49);
    CHECK(five["entries"][4]["json"]["max"] == 49);
    const json some = ask({{"metric", "note"}, {"from", "10"}, {"to", "12"}}).value();
    CHECK(some["entries"].size() == 3);
    CHECK(!some["entries"][0].contains("text"));
    const std::string at = std::to_string(some["entries"][1]["at"].get<std::uint64_t>());
    const json one = ask({{"metric", "note"}, {"at", at}, {"values", "yes"}}).value();
    REQUIRE(one["entries"].size() == 1);
    CHECK(one["entries"][0]["text"] == "step 11");
    CHECK(ask({{"metric", "mesh"}, {"values", "yes"}}).value()["entries"][0]["base64"] == "AAEC");
    CHECK(ask({{"metric", "none"}}).error().code() == cairn::errc::not_found);
    CHECK(ask({{"metric", "note"}, {"at", "16"}}).error().code() == cairn::errc::not_found);
    CHECK(ask({{"metric", "note"}, {"most", "0"}}).error().code() == cairn::errc::invalid_argument);
    CHECK(ask({{"metric", "note"}, {"values", "maybe"}}).error().code() == cairn::errc::invalid_argument);
}

TEST_CASE("api: a value that is damaged is told in its place", "[query][media][api]") {
    const TempDir dir;
    const auto file = record(dir, 3) / cairn::detail::media_file;
    std::fstream bytes{file, std::ios::in | std::ios::out | std::ios::binary};
    std::string all(static_cast<std::size_t>(std::filesystem::file_size(file)), '\0');
    bytes.read(all.data(), static_cast<std::streamsize>(all.size()));
    bytes.seekp(static_cast<std::streamoff>(all.find("step 1")));
    bytes << "stop";
    bytes.close();
    cairn::Api api{cairn::open(dir.path()).value()};
    const json notes =
        api.answer("media", {{"run", "r"}, {"metric", "note"}, {"values", "yes"}}).value()["entries"];
    REQUIRE(notes.size() == 3);
    CHECK(notes[0]["text"] == "step 0");
    CHECK(notes[1]["error"]["code"] == "corrupt");
    CHECK(notes[2]["text"] == "step 2");
}

}  // namespace media_test
