// SPDX-License-Identifier: MIT
// What people change of a run, beside the program that writes it.
#include <cairn/cairn.hpp>
#include <cairn/query/edit_run.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace edit_run_test {

using namespace cairn_test;
using namespace cairn::literals;

namespace {

cairn::Run start(const TempDir& dir, const std::string& id, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "p",
                        .name = "first name",
                        .id = id,
                        .tags = {"one"},
                        .notes = "its notes",
                        .dir = dir.path(),
                        .resume = resume,
                        .quiet = true});
}

}  // namespace

TEST_CASE("edit_run: what is changed is read in place of what was recorded", "[query][edit]") {
    const TempDir dir;
    auto run = start(dir, "r");  // goes on
    const auto store = cairn::open(dir.path()).value();
    const auto read = [&] { return store.find("r").value(); };
    REQUIRE(cairn::edit_run(store, read(), {.name = "second name", .tags = {{"two", "three"}}}));
    CHECK(read().name() == "second name");
    CHECK(read().about()["tags"] == nlohmann::json{"two", "three"});
    CHECK(read().about()["notes"] == "its notes");
    REQUIRE(cairn::edit_run(store, read(), {.notes = "\xff is no UTF-8"}));
    CHECK(read().name() == "second name");
    CHECK(read().about()["notes"] == "\xef\xbf\xbd is no UTF-8");
    CHECK(store.find("second name")->id() == "r");
    REQUIRE(cairn::edit_run(store, read(), {.tags = std::vector<std::string>{}}));
    CHECK(read().about()["tags"].empty());
    run.log("loss"_m = 1);
    REQUIRE(run.finish());  // its own record is its own
    CHECK(read().name() == "second name");
    CHECK(read().state() == cairn::RunState::finished);
}

TEST_CASE("edit_run: what was put away is not found by chance, and comes back", "[query][edit]") {
    const TempDir dir;
    REQUIRE(start(dir, "r1").finish());
    REQUIRE(start(dir, "r2").finish());
    const auto store = cairn::open(dir.path()).value();
    REQUIRE(cairn::edit_run(store, store.find("r2").value(), {.deleted = true}));
    CHECK(store.find("r2")->is_deleted());      // by its whole id
    CHECK(store.find("r")->id() == "r1");       // by its beginning it is no choice
    CHECK(store.find("latest")->id() == "r1");  // and no latest one
    CHECK(store.find("first name")->id() == "r1");
    CHECK(store.find("p/r2")->id() == "r2");
    REQUIRE(cairn::edit_run(store, store.find("r2").value(), {.deleted = false}));
    CHECK(!store.find("r2")->is_deleted());
    REQUIRE(cairn::edit_run(store, store.find("r2").value(), {.deleted = true}));
    auto again = start(dir, "r2", cairn::Resume::must);  // somebody wants it after all
    CHECK(!store.find("r2")->is_deleted());
}

#if CAIRN_TEST_FORK
TEST_CASE("edit_run: two at a time lose nothing", "[query][edit]") {
    const TempDir dir;
    REQUIRE(start(dir, "r").finish());
    const auto store = cairn::open(dir.path()).value();
    std::vector<::pid_t> children;
    for (const bool is_name : {true, false}) {
        children.push_back(start_child([&] {
            for (int i = 0; i < 50; ++i) {
                const std::string tag = (is_name ? "a" : "b") + std::to_string(i);
                if (!cairn::edit_run(store, store.find("p/r").value(), {.add_tags = {tag}})) return 1;
                const cairn::RunEdit edit = is_name ? cairn::RunEdit{.name = "n" + std::to_string(i)}
                                                    : cairn::RunEdit{.notes = "t" + std::to_string(i)};
                if (!cairn::edit_run(store, store.find("p/r").value(), edit)) return 1;
            }
            return 0;
        }));
    }
    for (const ::pid_t child : children) CHECK(wait_for(child) == 0);
    CHECK(store.find("r")->name() == "n49");
    CHECK(store.find("r")->about()["notes"] == "t49");
    CHECK(store.find("r")->about()["tags"].size() == 101);  // the first one, and each of both
}
#endif

TEST_CASE("edit_run: what is no change is refused, and what is damaged is said", "[query][edit]") {
    const TempDir dir;
    REQUIRE(start(dir, "r").finish());
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.find("r").value();
    CHECK(cairn::edit_run(store, run, {}).error().code() == cairn::errc::invalid_argument);
    CHECK(cairn::edit_run(store, run, {.name = ""}).error().code() == cairn::errc::invalid_argument);
    CHECK(cairn::edit_run(store, run, {.notes = std::string(2U << 20U, 'x')}).error().code() ==
          cairn::errc::invalid_argument);
    CHECK(store.find("r")->about()["notes"] == "its notes");
    const auto edits = run.dir() / "edits.json";
    for (const char* text : {"", "{", "[]", "7"}) {
        INFO(text);
        std::ofstream{edits} << text;
        CHECK(store.run("p", "r").error().code() == cairn::errc::corrupt);
        CHECK(!cairn::edit_run(store, run, {.name = "x"}));  // nothing is written over it
    }
    // Of another kind than it should be: as if it were not there.
    std::ofstream{edits} << R"({"name": 7, "notes": [], "tags": {"a": 1}, "deleted_session": "now"})";
    CHECK(store.find("r")->name() == "first name");
    CHECK(!store.find("r")->is_deleted());
    std::ofstream{edits} << R"({"tags": ["a", 7, null, "b"]})";
    CHECK(store.find("r")->about()["tags"] == nlohmann::json{"a", "b"});
}

}  // namespace edit_run_test
