// SPDX-License-Identifier: MIT
// Alerts that are posted, to a real server of this machine.
#include <cairn/cairn.hpp>
#include <cairn/mirror/webhook.hpp>

#include "support/catch.hpp"
#include "support/local_server.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mutex>
#include <string>
#include <vector>

namespace webhook_test {

using namespace cairn_test;
using namespace cairn::literals;

namespace {

/// Answers with one status after the other, and keeps what it was sent.
class Hook {
  public:
    explicit Hook(std::vector<int> statuses) : statuses_{std::move(statuses)} {
        server_.routes().Post("/hook", [this](const httplib::Request& request, httplib::Response& response) {
            const std::scoped_lock lock{mutex_};
            response.status = statuses_.at(std::min(bodies_.size(), statuses_.size() - 1));
            bodies_.push_back(request.body);
        });
        server_.start();
    }

    [[nodiscard]] std::string address(const std::string& path = "/hook") const {
        return server_.address() + path;
    }
    [[nodiscard]] std::vector<std::string> bodies() {
        const std::scoped_lock lock{mutex_};
        return bodies_;
    }

  private:
    std::mutex mutex_;
    std::vector<int> statuses_;
    std::vector<std::string> bodies_;
    cairn_test::LocalServer server_;  // last: its handlers use what stands before
};

cairn::Run start(const TempDir& dir, const std::string& address) {
    return cairn::init({.project = "p",
                        .id = "r",
                        .dir = dir.path(),
                        .quiet = true,
                        .on_error = [](const auto&) {},
                        .on_alert = cairn::webhook(address)});
}

}  // namespace

TEST_CASE("webhook: an alert is posted as JSON, while training goes on", "[mirror][webhook]") {
    const TempDir dir;
    Hook hook{{204}};
    auto run = start(dir, hook.address());
    run.alert("the loss is NaN", {.text = "\"quoted\" \xff", .level = cairn::AlertLevel::warn});
    REQUIRE(run.finish());
    REQUIRE(hook.bodies().size() == 1);
    const auto sent = nlohmann::json::parse(hook.bodies()[0]);
    CHECK(sent["text"] == "the loss is NaN: \"quoted\" \xef\xbf\xbd");
    CHECK(sent["level"] == "warn");
    CHECK(sent["project"] == "p");
    CHECK(sent["run"] == "r");
    CHECK(run.health().errors.empty());
}

TEST_CASE("webhook: a refusal is tried once more, and is then an error without the address",
          "[mirror][webhook]") {
    const TempDir dir, other;
    {
        Hook hook{{500, 200}};
        auto run = start(dir, hook.address());
        run.alert("one");
        REQUIRE(run.finish());
        CHECK(hook.bodies().size() == 2);
        CHECK(run.health().errors.empty());
    }
    Hook hook{{404}};
    auto run = start(other, hook.address("/hook?secret"));
    run.alert("two");
    REQUIRE(run.finish());
    REQUIRE(run.health().errors.size() == 1);
    CHECK(run.health().errors[0].find("status 404") != std::string::npos);
    CHECK(run.health().errors[0].find("secret") == std::string::npos);
}

TEST_CASE("webhook: an address that is none is refused at once", "[mirror][webhook]") {
    for (const char* address : {"", "ftp://host/x", "http://", "http:///x", "host/x", "http://a b/",
                                "http://me:pw@host/", "http://host/\r\nx", "https:/host"}) {
        CAPTURE(address);
        CHECK_THROWS_AS(cairn::webhook(address), cairn::error);
    }
    using cairn::detail::web_address;
    CHECK(web_address("http://host")->path == "/");
    CHECK(web_address("http://host:8080?x=1")->server == "http://host:8080");
    CHECK(web_address("http://host:8080?x=1")->path == "/?x=1");
    CHECK(web_address("http://host/a/b#c")->path == "/a/b");
}

}  // namespace webhook_test
