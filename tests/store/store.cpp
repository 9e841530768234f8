// SPDX-License-Identifier: MIT
#include <cairn/store/store.hpp>

#include "support.hpp"

namespace store_test {

using namespace cairn_test;
using cairn::Durability;
using cairn::errc;
using cairn::Store;
namespace fs = std::filesystem;

TEST_CASE("store: opening makes it, and opening again finds it", "[store]") {
    const TempDir dir;
    CHECK(code_of(Store::open_existing(dir / "a/b")) == errc::not_found);
    CHECK(!fs::exists(dir / "a"));  // readers make nothing
    const auto store = Store::open(dir / "a/b").value();
    CHECK(slurp(dir / "a/b/store.json") == "{\"format\":1}\n");
    CHECK(Store::open(dir / "a/b").has_value());
    CHECK(Store::open_existing(dir / "a/b").value().root() == store.root());
    CHECK(store.durability() == Durability::power_loss);
    CHECK(store.projects()->empty());
    CHECK(store.runs("p")->empty());
    CHECK(store.artifacts("p")->empty());
    CHECK(tree(dir / "a/b") == std::vector<std::string>{"store.json"});
}

#if CAIRN_TEST_FORK
TEST_CASE("store: many processes that make it at once all succeed", "[store]") {
    for (int round = 0; round < 10; ++round) {
        const TempDir dir;
        std::vector<pid_t> children;
        for (int i = 0; i < 6; ++i) {
            children.push_back(start_child([&] { return Store::open(dir / "store") ? 0 : 1; }));
        }
        for (const pid_t child : children) CHECK(wait_for(child) == 0);
        CHECK(Store::open_existing(dir / "store").has_value());
        CHECK(fs::is_empty(dir / "store/tmp"));
    }
}

TEST_CASE("store: a newer format is unsupported, a damaged one corrupt, a place below a file not_found",
          "[store]") {
    const TempDir dir;
    (void)Store::open(dir / "s").value();
    for (const char* newer : {"{\"format\":2}", "{\"format\":18446744073709551615}"}) {
        spit(dir / "s/store.json", newer);
        CHECK(code_of(Store::open(dir / "s")) == errc::unsupported);
        CHECK(code_of(Store::open_existing(dir / "s")) == errc::unsupported);
    }
    for (const char* bad :
         {"", "[]", "{}", "{\"format\":\"1\"}", "{\"format\":-1}", "{\"format\":1", "\xff"}) {
        spit(dir / "s/store.json", bad);
        CHECK(code_of(Store::open(dir / "s")) == errc::corrupt);
        CHECK(slurp(dir / "s/store.json") == bad);  // never overwritten
    }
    spit(dir / "file", "");
    CHECK(code_of(Store::open(dir / "file")) == errc::not_found);
    CHECK(code_of(Store::open(dir / "file/s")) == errc::not_found);
    CHECK(code_of(Store::open_existing(dir / "file")) == errc::not_found);
    if (fs::exists("/proc/self")) CHECK(!Store::open("/proc/cairn"));
}

TEST_CASE("store: it stays where it was when the program changes its folder", "[store]") {
    const TempDir dir;
    fs::create_directory(dir / "elsewhere");
    CHECK(in_child([&] {
              fs::current_path(dir.path());
              const auto store = Store::open("s").value();
              fs::current_path(dir / "elsewhere");
              return store.root() == dir / "s" && stage_bytes(store, {}) ? 0 : 1;
          }) == 0);
}
#endif

TEST_CASE("store: lists what is its own and passes over the rest", "[store]") {
    const TempDir dir;
    const auto store = Store::open(dir / "s", Durability::process_crash).value();
    for (const char* name : {"b", "a"}) {
        (void)cairn::ArtifactStore::open(store, "p", name, "model").value();
        fs::create_directories(store.run_dir("p", name));
        spit(store.run_dir("p", name) / "run.json", "{}");
    }
    const fs::path projects = dir / "s/projects";
    spit(projects / "file", "");
    fs::create_directories(projects / ".hidden");
    fs::create_directories(projects / "with blank");
    spit(projects / "p/artifacts/notes.txt", "");
    fs::create_directories(projects / "p/artifacts/empty");
    if (has_symlinks) {
        fs::create_directory_symlink("/", projects / "p/artifacts/root");
        fs::create_symlink("nowhere", projects / "p/artifacts/dangling");
    }
    fs::create_directories(projects / "p/runs/started");  // no record yet
    const std::vector<std::string> both{"a", "b"};
    CHECK(store.projects().value() == std::vector<std::string>{"p"});
    CHECK(store.artifacts("p").value() == both);
    CHECK(store.runs("p").value() == both);
}

#if CAIRN_TEST_FORK
TEST_CASE("store: opening removes the temporaries of the dead", "[store]") {
    const TempDir dir;
    const auto store = Store::open(dir / "s", Durability::process_crash).value();
    auto mine = cairn::ObjectWriter::create(store).value();
    CHECK(in_child([&] {
              auto writer = cairn::ObjectWriter::create(store).value();
              writer.write(bytes_of("half of it")).value();
              ::_exit(0);  // no destructor runs
              return 0;
          }) == 0);
    CHECK(tree(dir / "s/tmp").size() == 2);
    (void)Store::open_existing(dir / "s").value();
    CHECK(tree(dir / "s/tmp").size() == 2);  // readers change nothing
    (void)Store::open(dir / "s").value();
    CHECK(tree(dir / "s/tmp").size() == 1);
    CHECK(mine.finish().has_value());
}
#endif

}  // namespace store_test
