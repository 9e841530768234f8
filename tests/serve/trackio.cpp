// SPDX-License-Identifier: MIT
// What Trackio's server is asked, where another can answer; tests/mirror/trackio/ has its own take all of it.
#include <cairn/mirror/trackio_server.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/blob.hpp>
#include <cairn/media/field.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/local_server.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace trackio_test {

using namespace cairn::literals;
using cairn_test::TempDir;

namespace {

/// Answers as Trackio does, or as it is told.
class Dashboard {
  public:
    explicit Dashboard(std::string version = R"({"api_version": 1})") {
        server_.routes().Get("/version", [=](const auto&, auto& response) {
            response.set_content(version, "application/json");
        });
        server_.routes().Post("/api/(.*)", [this](const httplib::Request& request, auto& response) {
            const std::scoped_lock lock{mutex_};
            const std::string name = request.matches[1];
            tokens_.push_back(request.get_header_value("X-Trackio-Write-Token"));
            if (name == "upload") {
                files_.push_back(request.files.begin()->second.content);
                const std::string path = "/tmp/" + std::to_string(files_.size());
                return response.set_content(nlohmann::json{{"paths", {path}}}.dump(), "application/json");
            }
            const nlohmann::json asked = nlohmann::json::parse(request.body)["kwargs"];
            asked_[name].push_back(asked);
            for (const nlohmann::json& row : asked.value("logs", nlohmann::json::array())) {
                if (!row["metrics"].contains("bad")) continue;
                response.status = 400;
                return response.set_content(R"({"error": "a bad row"})", "application/json");
            }
            for (const nlohmann::json& row : asked.value("logs", nlohmann::json::array()))
                taken_.insert(row["log_id"].get<std::string>());
            if (const auto odd = odd_.find(name); odd != odd_.end()) {
                response.status = odd->second.first;
                response.set_content(odd->second.second, "application/json");
                odd_.erase(odd);
                return;
            }
            const char* const said = name == "check_artifact_blobs"    ? R"({"data": {"present": []}})"
                                     : name == "get_artifact_manifest" ? R"({"data": {"version_id": 7}})"
                                                                       : R"({"data": null})";
            response.set_content(said, "application/json");
        });
        server_.start();
    }

    /// The next request of this name is answered so.
    void answer_once(const std::string& name, int status, std::string body) {
        const std::scoped_lock lock{mutex_};
        odd_[name] = {status, std::move(body)};
    }
    [[nodiscard]] std::string address() const { return server_.address(); }
    [[nodiscard]] std::vector<nlohmann::json> asked(const std::string& name) {
        const std::scoped_lock lock{mutex_};
        return asked_[name];
    }
    /// How many different rows and samples were taken.
    [[nodiscard]] std::size_t taken() {
        const std::scoped_lock lock{mutex_};
        return taken_.size();
    }
    [[nodiscard]] std::vector<std::string> files() {
        const std::scoped_lock lock{mutex_};
        return files_;
    }
    [[nodiscard]] std::vector<std::string> tokens() {
        const std::scoped_lock lock{mutex_};
        return tokens_;
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::pair<int, std::string>> odd_;
    std::map<std::string, std::vector<nlohmann::json>> asked_;
    std::vector<std::string> files_, tokens_;
    std::set<std::string> taken_;
    cairn_test::LocalServer server_;  // last: its handlers use what stands before
};

cairn::Run open_run(const TempDir& dir) {
    return cairn::init({.project = "p", .id = "r", .dir = dir.path(), .system_seconds = 0, .quiet = true});
}
cairn::result<cairn::MirrorReport> mirrored(const TempDir& dir, const std::string& url) {
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    auto mirror = cairn::TrackioServerMirror::open(store, run, {.url = url});
    if (!mirror) return mirror.error();
    return mirror->catch_up(run);
}

}  // namespace

TEST_CASE("Trackio's server: the token of its address goes along, and into no message", "[mirror][trackio]") {
    const TempDir dir;
    Dashboard server;
    auto run = open_run(dir);
    run.log("loss"_m = 1);
    REQUIRE(run.finish());
    server.answer_once("bulk_log", 400, R"({"error": "A write_token is required to log"})");
    const auto refused = mirrored(dir, server.address() + "/?footer=false&write_token=s3cret&x=1");
    REQUIRE(!refused);
    CHECK(refused.error().code() == cairn::errc::permission);
    CHECK(std::string{refused.error().what()}.find("s3cret") == std::string::npos);
    REQUIRE(mirrored(dir, server.address() + "?write_token=s3cret"));
    for (const std::string& token : server.tokens()) CHECK(token == "s3cret");
    const auto rows = server.asked("bulk_log");
    REQUIRE(rows.size() == 3);  // refused, taken, and what is said of the run
    CHECK(rows[0] == rows[1]);
    CHECK(rows[1]["hf_token"].is_null());
    CHECK(rows[1]["logs"][0]["metrics"] == nlohmann::json{{"loss", 1}});
    CHECK(rows[2]["logs"][0]["log_id"] == rows[1]["logs"][0]["log_id"]);
}

TEST_CASE("Trackio's server: what is none, or another one, is told from it", "[mirror][trackio]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.log("loss"_m = 1);
    REQUIRE(run.finish());
    const auto problem = [&](const std::string& version) {
        const Dashboard server{version};
        const auto done = mirrored(dir, server.address());
        REQUIRE(!done);
        return std::pair{done.error().code(), std::string{done.error().what()}};
    };
    CHECK(problem("<html>hello</html>").second.find("no Trackio") != std::string::npos);
    CHECK(problem(R"({"status": "ok"})").first == cairn::errc::io);
    CHECK(problem(R"({"api_version": 2})").first == cairn::errc::unsupported);
    const auto none = mirrored(dir, "127.0.0.1:7860");
    REQUIRE(!none);
    CHECK(none.error().code() == cairn::errc::invalid_argument);

    Dashboard server;
    server.answer_once("bulk_log", 200, "<html>a proxy</html>");
    const auto page = mirrored(dir, server.address());
    REQUIRE(!page);
    CHECK(page.error().code() == cairn::errc::io);
    const auto later = mirrored(dir, server.address());
    REQUIRE(later);
    CHECK(later->rows == 1);
}

TEST_CASE("Trackio's server: a file whose answer was lost is sent again", "[mirror][trackio]") {
    const TempDir dir;
    Dashboard server;
    auto run = open_run(dir);
    run.log("page"_m = cairn::Blob{"<b>html</b>", "text/html"});
    std::ofstream{dir / "file.txt"} << "hello";
    cairn::Artifact data{"data", "dataset"};
    data.add_file(dir / "file.txt");
    (void)run.log_artifact(data);
    REQUIRE(run.finish());
    const std::string unknown = R"({"error": "Uploaded file was not created by this Trackio server."})";
    server.answer_once("bulk_upload_media", 400, unknown);
    server.answer_once("bulk_upload_artifact_blob", 400, unknown);
    const auto report = mirrored(dir, server.address());
    REQUIRE(report);
    CHECK(report->left_out.empty());
    CHECK(server.files() == std::vector<std::string>{"<b>html</b>", "<b>html</b>", "hello", "hello"});
    const auto media = server.asked("bulk_upload_media");
    CHECK(media.back()["uploads"][0]["uploaded_file"]["path"] == "/tmp/2");
    const std::string path = server.asked("bulk_log").front()["logs"][0]["metrics"]["page"]["file_path"];
    CHECK(path == "p/" + media.back()["uploads"][0]["run"].get<std::string>() + "/0/" +
                      media.back()["uploads"][0]["uploaded_file"]["orig_name"].get<std::string>());
    const auto version = server.asked("artifact_log");
    REQUIRE(version.size() == 1);
    CHECK(version.front()["aliases"] == nlohmann::json::array({"cairn-v0"}));
}

TEST_CASE("Trackio's server: what it refuses holds up nothing, and is told of though the look fails later",
          "[mirror][trackio]") {
    const TempDir dir;
    Dashboard server;
    auto run = open_run(dir);
    const std::vector<float> field(4, 1.0F);
    run.log("field"_m = cairn::Field2D{field, 2, 2}, "loss"_m = 1);
    cairn::Artifact data{"data", "dataset"};
    data.add_reference("https://example.org/a");
    (void)run.log_artifact(data);
    REQUIRE(run.finish());
    server.answer_once("artifact_log", 501, R"({"error": "not now"})");
    CHECK(!mirrored(dir, server.address()));
    server.answer_once("get_artifact_manifest", 200, R"({"data": {"type": "model"}})");
    const auto report = mirrored(dir, server.address());
    REQUIRE(report);
    REQUIRE(report->left_out.size() == 2);
    CHECK(report->left_out[0].tried().find("nothing like this rich value") != std::string::npos);
    CHECK(report->left_out[1].tried().find("of another type") != std::string::npos);
    CHECK(report->is_over);
    const auto again = mirrored(dir, server.address());
    REQUIRE(again);
    CHECK(again->left_out.empty());
}

TEST_CASE("Trackio's server: a row that it refuses is left out alone", "[mirror][trackio]") {
    const TempDir dir;
    Dashboard server;
    auto run = open_run(dir);
    for (int i = 0; i < 7; ++i) run.log("loss"_m = i);
    run.log("bad"_m = 1);
    for (int i = 0; i < 4; ++i) run.log("loss"_m = i);
    REQUIRE(run.finish());
    const auto report = mirrored(dir, server.address());
    REQUIRE(report);
    CHECK(server.taken() == 11);
    REQUIRE(report->left_out.size() == 1);
    CHECK(report->left_out.front().tried().find("a bad row") != std::string::npos);
}

TEST_CASE("Trackio's server: a version that it does not have yet is linked later", "[mirror][trackio]") {
    const TempDir dir;
    Dashboard server;
    {
        auto maker = cairn::init(
            {.project = "p", .id = "maker", .dir = dir.path(), .system_seconds = 0, .quiet = true});
        cairn::Artifact data{"data", "dataset"};
        data.add_reference("https://example.org/a");
        (void)maker.log_artifact(data);
    }
    auto run = open_run(dir);
    (void)run.use_artifact("data:v0");
    run.log("loss"_m = 1);
    REQUIRE(run.finish());
    // The alias is another store's.
    server.answer_once("get_artifact_manifest", 200,
                       R"({"data": {"version_id": 3, "metadata": {"cairn": {"run": "x"}}}})");
    const auto first = mirrored(dir, server.address());
    REQUIRE(first);
    REQUIRE(first->left_out.size() == 1);
    CHECK(first->left_out.front().path() == "data:v0");
    CHECK(server.asked("log_artifact_use").empty());
    const auto store = cairn::open(dir.path()).value();
    const auto maker = store.run("p", "maker").value();
    auto mirror = cairn::TrackioServerMirror::open(store, maker, {.url = server.address()});
    REQUIRE(mirror);
    REQUIRE(mirror->catch_up(maker));
    const nlohmann::json sent = server.asked("artifact_log").back();
    server.answer_once("get_artifact_manifest", 200,
                       nlohmann::json{{"data", {{"version_id", 7}, {"metadata", sent["metadata"]}}}}.dump());
    const auto second = mirrored(dir, server.address());
    REQUIRE(second);
    CHECK(second->left_out.empty());
    CHECK(server.asked("log_artifact_use").back()["version_id"] == 7);
}

}  // namespace trackio_test
