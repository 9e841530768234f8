// SPDX-License-Identifier: MIT
// What Trackio's inbox gets, where no dashboard is needed to see it; tests/mirror/trackio/ has its own take
// it.
#include <cairn/mirror/trackio.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/table.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace trackio_test {

using namespace cairn::literals;
using cairn_test::TempDir;
namespace trackio = cairn::detail::trackio;

namespace {

cairn::Run open_run(const TempDir& dir, const std::string& project = "p") {
    return cairn::init({.project = project,
                        .id = "r",
                        .config = {{"lr", 1}, {"cairn", "mine"}},
                        .dir = dir.path(),
                        .system_seconds = 0,
                        .quiet = true});
}
cairn::MirrorReport mirrored(const TempDir& dir, const TempDir& to, cairn::TrackioOptions options = {}) {
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    options.dir = to.path();
    auto mirror = cairn::TrackioMirror::open(store, run, options);
    REQUIRE(mirror);
    auto report = mirror->catch_up(run);
    REQUIRE(report);
    return std::move(*report);
}
/// The files of the inbox, in the order in which a dashboard takes them.
std::vector<std::filesystem::path> files_of(const TempDir& to) {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(to / "inbox")) return files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(to / "inbox"))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}
std::vector<nlohmann::json> records_of(const TempDir& to) {
    std::vector<nlohmann::json> records;
    for (const auto& path : files_of(to)) {
        std::ifstream file{path};
        for (std::string line; std::getline(file, line);) records.push_back(nlohmann::json::parse(line));
    }
    return records;
}

}  // namespace

TEST_CASE("Trackio: names that it keeps for itself stay apart from those that only look so",
          "[mirror][trackio]") {
    CHECK(trackio::metric_name("loss/train") == "loss/train");
    CHECK(trackio::metric_name("step") == "__step");
    CHECK(trackio::metric_name("__step") == "____step");
    CHECK(trackio::metric_name("steps") == "steps");
    CHECK(trackio::metric_name("l\xf6ss") == "l_xDCF6_ss");
    CHECK(trackio::metric_name("l_xDCF6_ss") == "l_x005F_xDCF6_ss");
    CHECK(trackio::metric_name("gr\xc3\xb6\xc3\x9f"
                               "e") == "gr\xc3\xb6\xc3\x9f"
                                       "e");
}

TEST_CASE("Trackio: times are of UTC, to the microsecond, also before 1970", "[mirror][trackio]") {
    CHECK(trackio::iso_time(0) == "1970-01-01T00:00:00.000000+00:00");
    CHECK(trackio::iso_time(1'764'303'385'000'001'999) == "2025-11-28T04:16:25.000001+00:00");
    CHECK(trackio::iso_time(-1) == "1969-12-31T23:59:59.999999+00:00");
}

TEST_CASE("Trackio: samples have its names and units", "[mirror][trackio]") {
    const auto named = [](const char* name) {
        const auto metric = trackio::system_metric(name);
        return metric.name + " " + std::to_string(metric.unit);
    };
    CHECK(named("system/cpu.host") == "cpu/utilization 1.000000");
    CHECK(named("system/gpu.12.powerPercent") == "gpu/12/power_percent 0.010000");
    CHECK(named("system/gpu.0.other") == "gpu.0.other 1.000000");
    CHECK(named("system/step") == "__step 1.000000");
}

TEST_CASE("Trackio: a table's columns of one name stay apart", "[mirror][trackio]") {
    const auto table = trackio::table_of(nlohmann::json::array({"a", "a", 3}),
                                         nlohmann::json::array({nlohmann::json::array({1, 2, nullptr})}));
    CHECK(table["_value"] == nlohmann::json::array({{{"a", 1}, {"a_", 2}, {"3", nullptr}}}));
}

TEST_CASE("Trackio's inbox: files whose names grow, records whose ids stay", "[mirror][trackio]") {
    const TempDir dir, to;
    auto run = open_run(dir);
    for (int i = 0; i < 3; ++i) run.log(cairn::step(i), "loss"_m = i, "step"_m = 7);
    CHECK(mirrored(dir, to).rows == 3);
    const auto files = files_of(to);
    REQUIRE(files.size() == 2);  // rows, and what is said of the run
    CHECK(mirrored(dir, to).rows == 0);
    CHECK(files_of(to) == files);
    run.log(cairn::step(3), "loss"_m = 3, "note"_m = "text");
    run.alert("look", {.text = "here", .level = cairn::AlertLevel::warn});
    run.update_config({{"lr", 2}});
    REQUIRE(run.finish());
    const auto report = mirrored(dir, to);
    CHECK(report.is_over);
    CHECK(report.left_out.empty());
    const auto later = files_of(to);
    CHECK(std::equal(files.begin(), files.end(), later.begin()));  // what is new has later names
    std::set<std::string> ids;
    std::vector<nlohmann::json> configs;
    nlohmann::json metrics = nlohmann::json::array();
    const auto records = records_of(to);
    for (const nlohmann::json& record : records) {
        CHECK(record["v"] == 1);
        CHECK(record["project"] == "p");
        CHECK(record["run_id"].get<std::string>().size() == 32);
        CHECK(record.contains("timestamp"));  // of all, or the dashboard takes none
        if (record["kind"] == "alert") {
            CHECK(record["title"] == "look");
            CHECK(record["level"] == "warn");
            continue;
        }
        if (!record["config"].is_null()) {
            configs.push_back(record["config"]);
            CHECK(record["log_id"] == records.front()["log_id"]);    // so that it is no row of its own …
            CHECK(record["metrics"] == records.front()["metrics"]);  // … and if that was lost, the right one
            continue;
        }
        CHECK(ids.insert(record["log_id"].get<std::string>()).second);
        metrics.push_back(record["metrics"]);
    }
    CHECK(metrics == nlohmann::json::parse(R"([{"loss": 0, "__step": 7}, {"loss": 1, "__step": 7},
                                               {"loss": 2, "__step": 7}, {"loss": 3, "note": "text"}])"));
    REQUIRE(configs.size() == 2);
    CHECK(configs.front()["cairn_"]["state"] == "running");
    CHECK(configs.back()["cairn_"]["state"] == "finished");
    CHECK(configs.back()["cairn_"]["names"] == nlohmann::json{{"__step", "step"}});
    CHECK(configs.back()["cairn"] == "mine");
    CHECK(configs.back()["lr"] == 2);

    std::filesystem::remove_all(dir / "projects/p/runs/r/mirrors");
    std::filesystem::remove_all(to / "inbox");
    CHECK(mirrored(dir, to).rows == 4);
    for (const nlohmann::json& record : records_of(to))
        if (record["kind"] == "metric") CHECK(ids.contains(record["log_id"].get<std::string>()));
}

TEST_CASE("Trackio's inbox: what it does not take is said once", "[mirror][trackio]") {
    const TempDir dir, to;
    auto run = open_run(dir);
    std::ofstream{dir / "file.txt"} << "hello";
    cairn::Artifact data{"data", "dataset"};
    data.add_file(dir / "file.txt");
    (void)run.log_artifact(data);
    const auto told = mirrored(dir, to).left_out;
    REQUIRE(told.size() == 1);
    CHECK(told.front().tried().find("takes no artifacts") != std::string::npos);
    CHECK(told.front().path() == "data:v0");
    REQUIRE(run.finish());
    const auto more = mirrored(dir, to).left_out;
    REQUIRE(more.size() == 1);
    CHECK(more.front().tried().find("no run that has no row") != std::string::npos);
    CHECK(mirrored(dir, to).left_out.empty());

    const TempDir other;
    CHECK(mirrored(dir, other, {.artifacts = false}).left_out.size() == 1);  // of the row alone
}

TEST_CASE("Trackio: what is nested too deep for it does not get there", "[mirror][trackio]") {
    const TempDir dir, to;
    nlohmann::json deep = 1;
    for (int i = 0; i < 200; ++i) deep = nlohmann::json::array({deep});
    auto run = cairn::init({.project = "p",
                            .id = "r",
                            .config = {{"deep", deep}, {"lr", 1}},
                            .dir = dir.path(),
                            .system_seconds = 0,
                            .quiet = true});
    run.log("loss"_m = 1);
    REQUIRE(run.finish());
    (void)mirrored(dir, to);
    const nlohmann::json config = records_of(to).back()["config"];
    CHECK(config["deep"] == "nested too deep for Trackio");
    CHECK(config["lr"] == 1);
    const trackio::Place place{"p", "r", "0"};
    const cairn::RecordedMedia table{.metric = "t", .kind = "table", .type = "application/json", .about = {}};
    const std::string cell = deep.dump();
    const auto made = trackio::row_media(place, table, R"({"columns": ["a"], "data": [[)" + cell + "]]}");
    REQUIRE(!made);
    CHECK(made.error().code() == cairn::errc::unsupported);
    const auto torn = trackio::row_media(place, table, R"({"columns": ["a", "b"], "data": [[1]]})");
    REQUIRE(!torn);
    CHECK(torn.error().code() == cairn::errc::corrupt);
    const cairn::RecordedMedia odd{.metric = "m", .kind = "image", .type = "image/../../x", .about = {}};
    CHECK(trackio::row_media(place, odd, "bytes")->file == "m-0.x");
}

TEST_CASE("Trackio: a project that it keeps for itself is refused", "[mirror][trackio]") {
    CHECK(trackio::check_project("demo"));
    for (const char* name : {"registry-a", "registry.-a", "a_configs", "a_run_artifact_links", "a/b", ""}) {
        CAPTURE(name);
        const auto checked = trackio::check_project(name);
        REQUIRE(!checked);
        CHECK(checked.error().code() == cairn::errc::invalid_name);
    }
    CHECK(trackio::folder_of("my.proj-1") == "myproj-1");
    CHECK(trackio::folder_of("..") == "default");
    const TempDir dir, to;
    REQUIRE(open_run(dir, "a_system").finish());
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("a_system", "r").value();
    CHECK(!cairn::TrackioMirror::open(store, run, {.dir = to.path()}));
    CHECK(cairn::TrackioMirror::open(store, run, {.dir = to.path(), .project = "b"}));
}

TEST_CASE("Trackio: two mirrors of one run into one inbox, and an inbox that is a file",
          "[mirror][trackio]") {
    const TempDir dir, to;
    auto run = open_run(dir);
    run.log("loss"_m = 1);
    REQUIRE(run.finish());
    const auto store = cairn::open(dir.path()).value();
    const auto recorded = store.run("p", "r").value();
    auto mirror = cairn::TrackioMirror::open(store, recorded, {.dir = to.path()});
    REQUIRE(mirror);
    const auto second = cairn::TrackioMirror::open(store, recorded, {.dir = to.path()});
    REQUIRE(!second);
    CHECK(second.error().code() == cairn::errc::busy);
    std::ofstream{to / "inbox"} << "a file";
    CHECK(!mirror->catch_up(recorded));
    std::filesystem::remove(to / "inbox");
    const auto report = mirror->catch_up(recorded);
    REQUIRE(report);
    CHECK(report->rows == 1);
}

}  // namespace trackio_test
