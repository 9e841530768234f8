// SPDX-License-Identifier: MIT
// The dashboard's server, asked without a browser.

#include <cairn/cairn.hpp>
#include <cairn/serve/server.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

using namespace cairn_test;
using namespace cairn::literals;

namespace {

/// A store with one run, served as long as this lives.
class Served {
  public:
    explicit Served(cairn::ServeOptions options = {}) {
        {
            auto run = cairn::init({.project = "p", .id = "r", .dir = dir_.path(), .quiet = true});
            for (int i = 0; i < 100; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (1 + i));
        }
        server_ = std::make_unique<cairn::Server>(cairn::open(dir_.path()).value(), std::move(options));
        thread_ = std::thread{[this] { server_->run(); }};
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;
    ~Served() {
        server_->stop();
        thread_.join();
    }

    [[nodiscard]] const TempDir& dir() const { return dir_; }
    [[nodiscard]] const cairn::Server& server() const { return *server_; }
    [[nodiscard]] httplib::Result get(const std::string& path, const httplib::Headers& headers = {}) const {
        httplib::Client client{"127.0.0.1", server_->port()};
        for (int i = 0; i < 50; ++i) {  // it may be about to listen
            if (auto got = client.Get(path, headers)) return got;
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
        return client.Get(path, headers);
    }

  private:
    TempDir dir_;
    std::unique_ptr<cairn::Server> server_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("serve: the page is one, and its policy lets in nothing else", "[serve]") {
    const Served served;
    const auto page = served.get("/");
    REQUIRE(page);
    CHECK(page->status == 200);
    CHECK(page->get_header_value("Content-Type") == "text/html; charset=utf-8");
    CHECK(page->body.starts_with("<!doctype html>"));
    const std::string policy = page->get_header_value("Content-Security-Policy");
    CHECK(policy.starts_with("default-src 'none'; script-src 'nonce-"));
    CHECK(policy.find("unsafe") == std::string::npos);
    const std::string nonce = policy.substr(policy.find("nonce-") + 6, 32);
    CHECK(page->body.find("<script nonce=\"" + nonce + "\"") != std::string::npos);
    CHECK(page->body.find("<style nonce=\"" + nonce + "\"") != std::string::npos);
    CHECK(served.get("/")->body != page->body);  // never the same one
    CHECK(served.server().url() == "http://127.0.0.1:" + std::to_string(served.server().port()) + "/");
}

TEST_CASE("serve: questions get answers, and failures their reason", "[serve]") {
    const Served served;
    const auto runs = served.get("/api/runs");
    CHECK(runs->status == 200);
    CHECK(nlohmann::json::parse(runs->body)["runs"][0]["id"] == "r");
    const auto series = served.get("/api/series?run=r&metric=loss&from=10&to=19");
    CHECK(nlohmann::json::parse(series->body)["series"][0]["points"]["step"].size() == 10);
    const auto none = served.get("/api/run?run=nobody");
    CHECK(none->status == 404);
    CHECK(nlohmann::json::parse(none->body)["error"]["code"] == "not_found");
    CHECK(served.get("/api/series?run=r&metric=loss&buckets=x")->status == 400);
    CHECK(served.get("/api/dance")->status == 404);
    CHECK(served.get("/nothing")->status == 404);
    CHECK(nlohmann::json::parse(served.get("/nothing")->body)["error"]["code"] == "not_found");
    {  // a run that goes on
        auto run = cairn::init({.project = "p", .id = "live", .dir = served.dir().path(), .quiet = true});
        run.log("loss"_m = 3);
        const auto list = nlohmann::json::parse(served.get("/api/runs")->body)["runs"];
        REQUIRE(list.size() == 2);
        CHECK(list[0]["state"] == "running");
        CHECK(list[0]["metrics"]["loss"]["last"] == 3.0);
    }
}

TEST_CASE("serve: no path leads to a file", "[serve]") {
    const Served served;
    for (const char* path :
         {"/../../etc/passwd", "/api/..%2f..%2fetc%2fpasswd", "/%2e%2e/store.json", "/store.json",
          "/projects/p/runs/r/run.json", "/api/", "/api/runs/", "/API/runs", "//etc/passwd"}) {
        INFO(path);
        const auto got = served.get(path);
        REQUIRE(got);
        CHECK(got->status == 404);
        CHECK(got->body.find("root:") == std::string::npos);
    }
    for (const char* run : {"..", "../r", "%2e%2e%2fr", "r%00", "/", "%ff%fe"}) {
        INFO(run);
        CHECK(served.get("/api/run?run=" + std::string{run})->status == 404);
    }
}

TEST_CASE("serve: other sites may not ask through a visitor's browser", "[serve]") {
    const Served served;
    const std::string port = std::to_string(served.server().port());
    CHECK(served.get("/api/runs", {{"Host", "evil.example"}})->status == 403);
    CHECK(served.get("/", {{"Host", "evil.example:" + port}})->status == 403);
    CHECK(served.get("/api/runs", {{"Host", "127.0.0.1:1"}})->status == 403);
    CHECK(served.get("/api/runs", {{"Host", "localhost:" + port}})->status == 200);
    CHECK(
        served.get("/api/runs", {{"Host", "127.0.0.1:" + port}, {"Origin", "http://evil.example"}})->status ==
        403);
    CHECK(served.get("/api/runs", {{"Host", "127.0.0.1:" + port}, {"Origin", "http://127.0.0.1:" + port}})
              ->status == 200);
    httplib::Client client{"127.0.0.1", served.server().port()};
    CHECK(client.Post("/api/runs", "{}", "application/json")->status == 404);
    CHECK(client.Delete("/api/run?run=r")->status == 404);
}

TEST_CASE("serve: on another address a token is needed", "[serve]") {
    const Served served{{.host = "0.0.0.0"}};
    const std::string url = served.server().url();
    const std::string token = url.substr(url.find("token=") + 6);
    CHECK(token.size() == 64);
    CHECK(served.get("/api/runs")->status == 401);
    CHECK(served.get("/?token=" + token.substr(1) + "0")->status == 401);
    CHECK(served.get("/?token=")->status == 401);
    const auto page = served.get("/?token=" + token);
    CHECK(page->status == 200);
    const std::string cookie = page->get_header_value("Set-Cookie");
    CHECK(cookie.find("HttpOnly; SameSite=Strict") != std::string::npos);
    CHECK(served.get("/api/runs", {{"Cookie", cookie.substr(0, cookie.find(';'))}})->status == 200);
    CHECK(served.get("/api/runs", {{"Cookie", "cairn="}})->status == 401);
}

TEST_CASE("serve: a port that is taken is said", "[serve]") {
    const Served served;
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    try {
        const cairn::Server second{cairn::open(dir.path()).value(), {.port = served.server().port()}};
        FAIL("it listens");
    } catch (const cairn::error& e) {
        CHECK(e.code() == cairn::errc::busy);
    }
}
