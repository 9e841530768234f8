// SPDX-License-Identifier: MIT
// What MLflow is told, where no server is needed to see it; tests/mirror/mlflow/ has its own server take all
// of it.
#include <cairn/mirror/mlflow.hpp>

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/local_server.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace mlflow_test {

using namespace cairn::literals;
using namespace cairn::detail;
using cairn_test::TempDir;

namespace {

/// Answers as MLflow does, as far as runs with metrics go; some metrics it refuses.
class Tracking {
  public:
    Tracking() {
        const auto said = [](httplib::Response& response, const nlohmann::json& what) {
            response.set_content(what.dump(), "application/json");
        };
        const std::string api = "/api/2.0/mlflow/";
        server_.routes().Get(api + "experiments/get-by-name", [=](const auto&, auto& response) {
            said(response, {{"experiment", {{"experiment_id", "7"}, {"lifecycle_stage", "active"}}}});
        });
        server_.routes().Post(api + "runs/search",
                              [=](const auto&, auto& response) { said(response, nlohmann::json::object()); });
        const nlohmann::json run = {
            {"run",
             {{"info", {{"run_id", "r1"}, {"status", "RUNNING"}, {"artifact_uri", "s3://elsewhere/x"}}}}}};
        server_.routes().Post(api + "runs/create", [=](const auto&, auto& response) { said(response, run); });
        server_.routes().Get(api + "runs/get", [=](const auto&, auto& response) { said(response, run); });
        server_.routes().Post(api + "runs/update", [=, this](const auto&, auto& response) {
            if (fails_end_) response.status = 501;
            said(response, nlohmann::json::object());
        });
        server_.routes().Post(api + "runs/log-batch", [=, this](const auto& request, auto& response) {
            const nlohmann::json batch = nlohmann::json::parse(request.body);
            const std::scoped_lock lock{mutex_};
            if (odd_ && batch.contains("metrics")) return std::exchange(odd_, nullptr)(response);
            largest_ = std::max(largest_, request.body.size());
            for (const nlohmann::json& metric : batch.value("metrics", nlohmann::json::array())) {
                if (metric["key"] != "bad") continue;
                response.status = 400;
                return said(response, {{"error_code", "INVALID_PARAMETER_VALUE"}, {"message", "a bad name"}});
            }
            CHECK(batch.value("metrics", nlohmann::json::array()).size() <= 1000);
            for (const nlohmann::json& metric : batch.value("metrics", nlohmann::json::array()))
                metrics_.push_back(metric);
            said(response, nlohmann::json::object());
        });
        server_.start();
    }

    /// Whether it does not let runs end.
    void fail_end(bool is_so) { fails_end_ = is_so; }
    /// How the next metrics are answered, in place of being taken.
    void answer_once(std::function<void(httplib::Response&)> odd) {
        const std::scoped_lock lock{mutex_};
        odd_ = std::move(odd);
    }
    [[nodiscard]] std::string address() const { return server_.address(); }
    [[nodiscard]] std::vector<nlohmann::json> metrics() {
        const std::scoped_lock lock{mutex_};
        return metrics_;
    }
    [[nodiscard]] std::size_t largest() {
        const std::scoped_lock lock{mutex_};
        return largest_;
    }

  private:
    std::mutex mutex_;
    std::function<void(httplib::Response&)> odd_;
    std::atomic<bool> fails_end_ = false;
    std::vector<nlohmann::json> metrics_;
    std::size_t largest_ = 0;
    cairn_test::LocalServer server_;  // last: its handlers use what stands before
};

cairn::Run open_run(const TempDir& dir) {
    return cairn::init({.project = "p",
                        .id = "r",
                        .config = {{"lr", 1}},
                        .dir = dir.path(),
                        .system_seconds = 0,
                        .quiet = true});
}
cairn::MirrorReport mirrored(const TempDir& dir, const Tracking& server) {
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    auto mirror = cairn::MlflowMirror::open(store, run, {.uri = server.address()});
    REQUIRE(mirror);
    auto report = mirror->catch_up(run);
    REQUIRE(report);
    return std::move(*report);
}

}  // namespace

TEST_CASE("MLflow: a metric that the server refuses does not hold up the others, and is told of once",
          "[mirror][mlflow]") {
    const TempDir dir;
    Tracking server;
    {
        auto run = open_run(dir);
        for (int i = 0; i < 10; ++i) run.log(cairn::step(i), "good"_m = i, "bad"_m = i, "also"_m = i);
    }
    const auto report = mirrored(dir, server);
    CHECK(report.rows == 10);
    CHECK(report.is_over);
    CHECK(server.metrics().size() == 20);
    REQUIRE(report.left_out.size() == 2);  // and that this server takes no files
    CHECK(report.left_out[0].tried().find("a bad name") != std::string::npos);
    CHECK(report.left_out[0].path() == "bad of step 0");
    CHECK(report.left_out[1].code() == cairn::errc::unsupported);
    CHECK(mirrored(dir, server).rows == 0);
    CHECK(server.metrics().size() == 20);
}

TEST_CASE("MLflow: what something else than MLflow answers is no refusal, and loses nothing",
          "[mirror][mlflow]") {
    struct Odd {
        int status;
        const char* body;
    };
    for (const auto& [status, body] :
         {Odd{520, "<html>"}, Odd{302, ""}, Odd{409, "{}"}, Odd{400, "<html>bad</html>"},
          Odd{400, "{\"error_code\": 7}"}, Odd{200, ""}, Odd{200, "<html>"}, Odd{200, "[]"}}) {
        CAPTURE(status, body);
        const TempDir dir;
        Tracking server;
        {
            open_run(dir).log("loss"_m = 1);
        }
        server.answer_once([code = status, said = body](httplib::Response& response) {
            response.status = code;
            response.set_content(said, "text/html");
        });
        const auto store = cairn::open(dir.path()).value();
        const auto run = store.run("p", "r").value();
        auto mirror = cairn::MlflowMirror::open(store, run, {.uri = server.address()});
        REQUIRE(mirror);
        const auto failed = mirror->catch_up(run);
        REQUIRE(!failed);
        CHECK(failed.error().code() == cairn::errc::io);
        CHECK(server.metrics().empty());
        REQUIRE(mirror->catch_up(run));
        CHECK(server.metrics().size() == 1);
    }
}

TEST_CASE("MLflow: what was left out is told, though the same look fails later", "[mirror][mlflow]") {
    const TempDir dir;
    Tracking server;
    {
        auto run = open_run(dir);
        run.log("bad"_m = 1);
        std::vector<std::string> names;
        for (int i = 0; i < 1000; ++i) names.push_back(std::to_string(i));
        std::vector<cairn::NamedValue> row;
        for (const std::string& name : names) row.push_back({name, 1.0});
        for (int i = 0; i < 2; ++i) run.log(row);
    }
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    server.fail_end(true);
    {
        auto mirror = cairn::MlflowMirror::open(store, run, {.uri = server.address()});
        REQUIRE(mirror);
        CHECK(!mirror->catch_up(run));
    }
    server.fail_end(false);
    const auto report = mirrored(dir, server);
    REQUIRE(report.left_out.size() >= 1);
    CHECK(report.left_out[0].path() == "bad of step 0");
}

TEST_CASE("MLflow: a rank that outlives the first is followed to its own end", "[mirror][mlflow]") {
    const TempDir dir;
    Tracking server;
    auto first = open_run(dir);
    auto second = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .rank = 1, .quiet = true});
    first.log("loss"_m = 1);
    second.log("loss"_m = 2);
    REQUIRE(first.finish());
    CHECK(!mirrored(dir, server).is_over);
    second.log("loss"_m = 3);
    REQUIRE(second.finish());
    const auto report = mirrored(dir, server);
    CHECK(report.rows == 1);
    CHECK(report.is_over);
    CHECK(server.metrics().size() == 3);
}

TEST_CASE("MLflow: no batch is larger than the server takes", "[mirror][mlflow]") {
    const TempDir dir;
    Tracking server;
    {
        auto run = open_run(dir);
        std::vector<std::string> names;
        for (int i = 0; i < 1500; ++i) names.push_back(std::string(600, '"') + std::to_string(i));
        std::vector<cairn::NamedValue> row;
        for (const std::string& name : names) row.push_back({name, 0.1});
        run.log(row);
    }
    const auto report = mirrored(dir, server);
    CHECK(report.rows == 1);
    CHECK(server.metrics().size() == 1500);
    CHECK(server.largest() <= 1'000'000);
}

TEST_CASE("MLflow: names", "[mirror][mlflow]") {
    using mlflow::name_of;
    for (const char* plain : {"loss", "val/loss", "a b-c.d_e", ".a", "a..", "a/..b", "\xc3\xa9t\xc3\xa9",
                              "_x_", "_x12_", "_xZZZZ_"})
        CHECK(name_of(plain) == plain);
    CHECK(name_of("") == "_");
    CHECK(name_of("a:b") == "a_x003A_b");
    CHECK(name_of("_x003A_") == "_x005F_x003A_");
    CHECK(name_of("/") == "_x002F_");
    CHECK(name_of("//") == "_x002F__x002F_");
    CHECK(name_of("./.") == "_x002E_/_x002E_");
    CHECK(name_of("a/../b") == "a/_x002E_./b");
    CHECK(name_of("a\nb") == "a_x000A_b");
    CHECK(name_of("\xf0\x9f\x98\x80") == "_x1F600_");
    CHECK(name_of("\xff\xfe") == "_xDCFF__xDCFE_");
    CHECK(name_of("..a") == "_x002E_.a");
    CHECK(mlflow::tag_name("mlflow.user") == "cairn.tag.mlflow.user");
    CHECK(mlflow::stored_path("a#/50%/%2F/_x0023_") == "a_x0023_/50%/_x0025_2F/_x005F_x0023_");
    CHECK(name_of(std::string(250, 'a')) == std::string(250, 'a'));
    const std::string long_one = name_of(std::string(251, 'a'));
    CHECK(long_one.size() == 250);
    CHECK(long_one != name_of(std::string(252, 'a')));
    CHECK(name_of(std::string(100, ':')).size() <= 250);
}

TEST_CASE("MLflow: the user and the password are found where its own client looks", "[mirror][mlflow]") {
    constexpr std::string_view file = "[other]\nmlflow_tracking_username = no\n[mlflow]\r\n"
                                      " mlflow_tracking_username = me \r\nmlflow_tracking_password=a=b\n";
    CHECK(ini_value(file, "mlflow", "mlflow_tracking_username") == "me");
    CHECK(ini_value(file, "mlflow", "mlflow_tracking_password") == "a=b");
    CHECK(ini_value(file, "mlflow", "else").empty());
    CHECK(ini_value("", "mlflow", "else").empty());
}

}  // namespace mlflow_test
