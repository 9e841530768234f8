// SPDX-License-Identifier: MIT
#include <cairn/checkpoint/artifact.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <filesystem>
#include <string>

namespace artifact_test {

using namespace cairn_test;
using cairn::Artifact;
using cairn::errc;
using cairn::part;
using Catch::Matchers::Contains;

namespace {

[[nodiscard]] Artifact dataset(const std::string& text = "1,2,3") {
    Artifact artifact{"data", "dataset"};
    artifact.add_bytes("train.csv", text);
    return artifact;
}

}  // namespace

TEST_CASE("An artifact holds files, folders, bytes and references", "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    std::filesystem::create_directories(dir / "in/sub");
    write(dir / "in/a.txt", "a");
    write(dir / "in/sub/b.txt", "b");
    write(dir / "c.txt", "c");
    Artifact artifact{"data", "dataset"};
    artifact.add_file(dir / "c.txt")
        .add_file(dir / "c.txt", "other/name")
        .add_dir(dir / "in")
        .add_dir(dir / "in/sub", "under");
    artifact.add_bytes("bytes", std::string_view{"x\0y", 3}).add_reference("s3://bucket/big.bin");
    artifact.metadata = {{"rows", 3}};
    artifact.description = "made by a test";
    const auto logged = run.log_artifact(artifact, {"raw", "good"});
    CHECK(logged.label() == "v0");

    const auto used = run.use_artifact("data:raw");
    CHECK(used.type() == "dataset");
    CHECK(used.metadata()["rows"] == 3);
    CHECK(used.manifest().description == "made by a test");
    CHECK(used.verify());
    CHECK(used.read("bytes") == std::string{"x\0y", 3});
    CHECK(used.download(dir / "out") == dir / "out");
    CHECK(files_below(dir / "out") ==
          Labels{"a.txt", "bytes", "c.txt", "other/name", "sub/b.txt", "under/b.txt"});
    CHECK(read(dir / "out/other/name") == "c");
    CHECK(read(dir / "out/sub/b.txt") == "b");
    CHECK(used.manifest().find("big.bin")->reference == "s3://bucket/big.bin");
    CHECK(objects_on_disk(dir) == 4);  // a, b, c and the bytes, each once
}

TEST_CASE("The same content again is no new version and other content is", "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    CHECK(run.log_artifact(dataset()).label() == "v0");
    CHECK(run.log_artifact(dataset(), {"again"}).label() == "v0");
    CHECK(versions_on_disk(dir, "data") == Labels{"v0.json"});
    CHECK(run.log_artifact(dataset("4,5,6")).label() == "v1");
    CHECK(run.log_artifact(dataset()).label() == "v2");  // newest, not any
    CHECK(run.use_artifact("data:again").label() == "v0");
    CHECK(run.use_artifact("data:v1").read("train.csv") == "4,5,6");
    CHECK(run.use_artifact("data").label() == "v2");
    CHECK(run.use_artifact("data:latest").label() == "v2");
    run.use_artifact("data:v1").add_alias("again");
    CHECK(run.use_artifact("data:again").label() == "v1");
    CHECK(run.core()->about()["logged_artifacts"] == nlohmann::json{"data:v0", "data:v1", "data:v2"});
}

TEST_CASE("log_model makes a version of its own each time the model is another", "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model = model_of(1), other;
    CHECK(run.log_model("model", part("model", model)).label() == "v0");
    CHECK(run.log_model("model", part("model", model)).label() == "v0");
    model = model_of(2);
    const auto version = run.log_model("model", part("model", model));
    CHECK(version.label() == "v1");
    CHECK(version.type() == "model");
    cairn::load(version.path() / "model.safetensors", part("model", other));
    CHECK(other == model);
    CHECK(error_of([&] { run.log_model("a/b", part("model", model)); }).code() == errc::invalid_name);
    CHECK(error_of([&] { run.log_model("m", part("a", model), part("a", model)); }).code() ==
          errc::invalid_argument);
}

TEST_CASE("After its end a run takes no artifact, no model and no file, and none is left half-made",
          "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    REQUIRE(run.log_artifact(dataset()).exists());
    write(dir / "notes.txt", "x");
    REQUIRE(run.finish());
    const auto files = files_below(dir / "store");
    Model model;
    CHECK(error_of([&] { run.log_model("late", part("model", model)); }).code() == errc::invalid_argument);
    CHECK(error_of([&] { run.log_artifact(dataset("other")); }).code() == errc::invalid_argument);
    CHECK(error_of([&] { (void)run.use_artifact("data:latest"); }).code() == errc::invalid_argument);
    for (const auto when : {cairn::When::now, cairn::When::live, cairn::When::end})
        CHECK(error_of([&] { run.save(dir / "notes.txt", when); }).code() == errc::invalid_argument);
    CHECK(files_below(dir / "store") == files);
}

#if CAIRN_TEST_FORK
TEST_CASE("A forked child saves no files into its parent's run", "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    write(dir / "notes.txt", "x");
    CHECK(in_child([&] {
              run.save(dir / "notes.txt", cairn::When::now);
              return 0;
          }) == 0);
    CHECK_FALSE(std::filesystem::exists(run.dir() / "files"));
}
#endif

TEST_CASE("A run's record that cannot be written fails the run, not the artifact that exists",
          "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    const auto record = run.dir() / "run.json";
    erase_all(record);
    std::filesystem::create_directory(record);
    CHECK(run.log_artifact(dataset()).label() == "v0");
    CHECK(run.use_artifact("data").label() == "v0");
    CHECK(run.health().errors.size() == 1);
}

TEST_CASE("A record whose lists are no lists is refused when the run is resumed", "[checkpoint][artifact]") {
    TempDir dir;
    std::filesystem::path record;
    {
        auto run = open_run(dir);
        record = run.dir() / "run.json";
    }
    auto about = nlohmann::json::parse(read(record));
    about["logged_artifacts"] = "x";
    write(record, about.dump());
    const auto failure = error_of([&] { (void)open_run(dir); });
    CHECK(failure.code() == errc::corrupt);
    CHECK_THAT(failure.what(), Contains("logged_artifacts"));
}

TEST_CASE("A flipped byte is found by verify, read and download, and nothing is placed",
          "[checkpoint][artifact][damage]") {
    TempDir dir;
    auto run = open_run(dir);
    const auto version = run.log_artifact(dataset());
    const auto object = object_of(dir, "data", 0, "train.csv");
    flip_a_byte(object);
    CHECK(version.verify().error().code() == errc::corrupt);
    CHECK(error_of([&] { (void)version.read("train.csv"); }).code() == errc::corrupt);
    CHECK(error_of([&] { version.download(dir / "out"); }).code() == errc::corrupt);
    CHECK(files_below(dir / "out").empty());
    erase_all(object);
    const auto missing = version.verify();
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code() == errc::not_found);
    CHECK_THAT(missing.error().what(), Contains(object.filename().string()));
}

TEST_CASE("What cannot be an artifact is refused", "[checkpoint][artifact]") {
    TempDir dir;
    auto run = open_run(dir);
    for (const std::string& name :
         {std::string{"a/b"}, std::string{".."}, std::string{}, std::string(300, 'x')}) {
        CHECK(error_of([&] { Artifact(name, "dataset"); }).code() == errc::invalid_name);
        CHECK(error_of([&] { Artifact("data", name); }).code() == errc::invalid_name);
    }
    Artifact artifact = dataset();
    CHECK(error_of([&] { artifact.add_bytes("train.csv", "x"); }).code() == errc::already_exists);
    for (const char* path : {"", "/etc/passwd", "../x", "a/../../x", "a//b", "C:\\x"}) {
        INFO(path);
        CHECK(error_of([&] { artifact.add_bytes(path, "x"); }).code() == errc::invalid_name);
    }
    CHECK(error_of([&] { artifact.add_file(dir / "none"); }).code() == errc::not_found);
    CHECK(error_of([&] { artifact.add_file(dir.path()); }).code() == errc::not_found);
    CHECK(error_of([&] { artifact.add_dir(dir / "none"); }).code() == errc::not_found);
    for (const char* alias : {"latest", "v3", "a/b", ""}) {
        CHECK(error_of([&] { (void)run.log_artifact(artifact, {alias}); }).code() == errc::invalid_name);
    }
    CHECK(versions_on_disk(dir, "data").empty());
    (void)run.log_artifact(artifact);
    CHECK(error_of([&] { (void)run.log_artifact(Artifact{"data", "model"}); }).code() == errc::mismatch);
    CHECK(error_of([&] { (void)run.use_artifact("none"); }).code() == errc::not_found);
    const auto no_version = error_of([&] { (void)run.use_artifact("data:v7"); });
    CHECK(no_version.code() == errc::not_found);
    CHECK_THAT(no_version.what(), Contains("v0"));
    cairn::Run off;
    CHECK(error_of([&] { (void)off.log_artifact(artifact); }).code() == errc::unsupported);
}

}  // namespace artifact_test
