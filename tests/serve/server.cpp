// SPDX-License-Identifier: MIT
// The dashboard's server, asked without a browser.

#include <cairn/cairn.hpp>
#include <cairn/serve/server.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace server_test {

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

/// A connection to a port of this machine that says no more than it is told to.
class Socket {
  public:
    explicit Socket(int port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Socket(Socket&& other) noexcept : socket_{std::exchange(other.socket_, -1)}, is_open_{other.is_open_} {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() {
        if (socket_ >= 0) ::close(socket_);
    }
    [[nodiscard]] bool is_open() const { return is_open_; }
    void say(std::string_view text) const { (void)!::send(socket_, text.data(), text.size(), MSG_NOSIGNAL); }

  private:
    int socket_;
    bool is_open_ = false;
};

/// The events of /api/changes, until `enough(text so far)` or ten seconds.
std::string events_of(int port, const std::function<bool(const std::string&)>& enough,
                      const httplib::Headers& headers = {}) {
    httplib::Client client{"127.0.0.1", port};
    client.set_read_timeout(10, 0);
    std::string text;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    (void)client.Get("/api/changes", headers, [&](const char* data, std::size_t size) {
        text.append(data, size);
        return !enough(text) && std::chrono::steady_clock::now() < end;
    });
    return text;
}
std::size_t open_files() {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator{"/proc/self/fd"})
        count += one.exists() ? 1U : 0U;
    return count;
}

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

TEST_CASE("serve: answers come as they are, for a browser that would unpack them", "[serve]") {
    const Served served;
    for (const char* path : {"/", "/api/runs", "/api/run?run=r"}) {
        INFO(path);
        const auto got = served.get(path, {{"Accept-Encoding", "gzip, deflate, br"}});
        REQUIRE(got);
        CHECK(got->status == 200);
        CHECK_FALSE(got->has_header("Content-Encoding"));
        CHECK(got->get_header_value("Content-Length") == std::to_string(got->body.size()));
        CHECK((got->body.starts_with("{") || got->body.starts_with("<!doctype html>")));
    }
}

TEST_CASE("serve: a range that is asked for gives nothing but the answer", "[serve]") {
    const Served served;
    for (const std::string path : {"/", "/api/run?run=r"}) {
        const std::size_t size = served.get(path)->body.size();
        const auto part = [&](std::size_t from, std::size_t to) {
            httplib::Client client{"127.0.0.1", served.server().port()};
            std::string got;
            (void)client.Get(path, {{"Range", "bytes=" + std::to_string(from) + "-" + std::to_string(to)}},
                             [&](const char* data, std::size_t bytes) {
                                 got.append(data, bytes);
                                 return true;
                             });
            return got;
        };
        INFO(path);
        CHECK(part(2, 11).size() == 10);
        for (const auto& [from, to] : {std::pair{size + 10, size + 50},
                                       {size - 10, size + 4000},
                                       {std::size_t{0}, size + 3'000'000},
                                       {size, size}}) {
            INFO(from << " to " << to << " of " << size);
            CHECK(part(from, to).size() <= size);
            CHECK((from < size || part(from, to).empty()));
        }
        CHECK(served.get(path)->body.size() == size);
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
    CHECK(client.Post("/api/edit", R"({"run":"r","name":"x"})", "application/json")->status == 403);
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

TEST_CASE("serve: what changes is told as it does", "[serve]") {
    const Served served;
    REQUIRE(served.get("/api/runs"));
    std::thread later{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{700});
        auto run = cairn::init({.project = "p", .id = "live", .dir = served.dir().path(), .quiet = true});
        run.log("loss"_m = 7);
    }};
    const std::string text = events_of(served.server().port(), [](const std::string& so_far) {
        return so_far.find("\"id\":\"live\"") != std::string::npos;
    });
    later.join();
    CHECK(text.starts_with("id: "));
    CHECK(text.find("\"all\":true") < text.find("\"all\":false"));
    // Who was cut off says what he had last, and hears of the rest only.
    const std::string cursor =
        text.substr(text.rfind("id: ") + 4, text.find('\n', text.rfind("id: ")) - text.rfind("id: ") - 4);
    const std::string again =
        events_of(served.server().port(), [](const std::string& so_far) { return so_far.ends_with("\n\n"); },
                  {{"Last-Event-ID", cursor}});
    CHECK(again.find("\"all\":false") != std::string::npos);
    CHECK(again.find("\"id\":\"r\"") == std::string::npos);
}

TEST_CASE("serve: it stops at once, whoever listens", "[serve]") {
    const std::size_t before = open_files();
    {
        const Served served;
        REQUIRE(served.get("/"));
        std::vector<std::thread> listeners;
        std::atomic<int> heard = 0;
        for (int i = 0; i < 10; ++i) {
            listeners.emplace_back([&] {
                (void)events_of(served.server().port(), [&](const std::string&) { return ++heard, false; });
            });
        }
        while (heard < 10) std::this_thread::sleep_for(std::chrono::milliseconds{5});
        const auto begin = std::chrono::steady_clock::now();
        const_cast<cairn::Server&>(served.server()).stop();
        for (std::thread& listener : listeners) listener.join();
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{3});
    }
    CHECK(open_files() == before);
}

TEST_CASE("serve: slow clients keep nobody waiting, and a thousand are served or wait", "[serve]") {
    const std::size_t before = open_files();
    {
        const Served served;
        REQUIRE(served.get("/"));
        std::vector<Socket> slow;
        for (int i = 0; i < 150; ++i) {
            slow.emplace_back(served.server().port());
            slow.back().say("GET /api/runs HTTP/1.1\r\nHost: 127.0");  // and no end
        }
        for (int i = 0; i < 5; ++i) CHECK(served.get("/api/runs")->status == 200);
        std::atomic<int> answered = 0;
        std::vector<std::thread> clients;
        for (int c = 0; c < 10; ++c) {
            clients.emplace_back([&] {
                for (int i = 0; i < 100; ++i) {
                    httplib::Client client{"127.0.0.1", served.server().port()};
                    client.set_connection_timeout(30, 0);
                    if (const auto got = client.Get("/api/runs"); got && got->status == 200) ++answered;
                }
            });
        }
        for (std::thread& client : clients) client.join();
        CHECK(answered == 1000);
    }
    CHECK(open_files() == before);
}

TEST_CASE("serve: what is no request is refused, and does no harm", "[serve]") {
    const Served served;
    REQUIRE(served.get("/"));
    for (const std::string& text :
         {std::string{"\r\n\r\n"}, std::string{"GET\r\n\r\n"}, std::string(100'000, 'x') + "\r\n\r\n",
          std::string{"GET / HTTP/9.9\r\n\r\n"}, std::string{"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"},
          std::string{"POST /api/runs HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"},
          std::string{"GET /%00%ff/../../etc/passwd HTTP/1.1\r\n\r\n"}, std::string("\0\1\2\3", 4)}) {
        const Socket socket{served.server().port()};
        REQUIRE(socket.is_open());
        socket.say(text);
    }
    httplib::Client client{"127.0.0.1", served.server().port()};
    // Too long: told so, in pieces without a length, and packed.
    const std::string long_text = R"({"run": ")" + std::string(2U << 20U, 'x') + R"("})";
    CHECK(client.Post("/api/series", long_text, "application/json")->status == 400);
    const auto in_pieces = [&](std::size_t at, httplib::DataSink& sink) {
        if (at < long_text.size() * 100) return sink.write(long_text.data(), long_text.size());
        sink.done();
        return true;
    };
    const auto pieces = client.Post("/api/series", {}, in_pieces, "application/json");
    if (pieces) CHECK(pieces->status == 400);  // or it was cut off
    CHECK(served.get("/api/runs")->status == 200);
}

TEST_CASE("serve: a question that is too long for an address may be posted", "[serve]") {
    const Served served;
    REQUIRE(served.get("/"));
    httplib::Client client{"127.0.0.1", served.server().port()};
    nlohmann::json ask = {{"run", "r"}, {"metric", {"loss"}}, {"from", "10"}, {"to", "19"}};
    for (int i = 0; i < 1000; ++i) ask["metric"].push_back("nothing" + std::to_string(i));
    const auto got = client.Post("/api/series", ask.dump(), "application/json");
    REQUIRE(got->status == 200);
    CHECK(nlohmann::json::parse(got->body)["series"][0]["points"]["step"].size() == 10);
    for (const char* wrong : {"", "[]", "7", "{", R"({"run": 7})", R"({"run": [["r"]]})", R"({"run": {}})"}) {
        INFO(wrong);
        CHECK(client.Post("/api/runs", wrong, "application/json")->status == 400);
    }
    CHECK(client.Post("/api/runs", "{}", "text/plain")->status ==
          400);  // what a form of another site can send
    CHECK(client.Post("/api/runs", "run=r", "application/x-www-form-urlencoded")->status == 400);
    CHECK(client.Post("/api/runs", "{}", "application/json")->status == 200);
}

TEST_CASE("serve: changes need the token, and that they were asked for", "[serve][edit]") {
    const auto edit = [](const Served& served, const httplib::Headers& headers) {
        REQUIRE(served.get("/"));
        httplib::Client client{"127.0.0.1", served.server().port()};
        return client.Post("/api/edit", headers, R"({"run":"r","name":"new"})", "application/json")->status;
    };
    const auto token_of = [](const Served& served) {
        return served.server().url().substr(served.server().url().find("token=") + 6);
    };
    const Served reading;
    CHECK(edit(reading, {}) == 403);
    CHECK(reading.get("/")->body.find("<html lang") != std::string::npos);
    const Served writing{{.writable = true}};
    const std::string cookie = "cairn-" + std::to_string(writing.server().port()) + "=";
    CHECK(edit(writing, {}) == 403);
    CHECK(edit(writing, {{"Cookie", cookie}}) == 403);
    CHECK(edit(writing, {{"Cookie", "cairn-1=" + token_of(writing)}}) == 403);  // another port's
    CHECK(writing.get("/api/runs")->status == 200);  // on this machine reading is free
    CHECK(writing.get("/")->body.find("data-writable") == std::string::npos);
    const httplib::Headers with{{"Cookie", cookie + token_of(writing)}};
    CHECK(writing.get("/", with)->body.find("<html data-writable") != std::string::npos);
    CHECK(edit(writing, {{"Cookie", cookie + token_of(writing)}, {"Origin", "http://evil.example"}}) == 403);
    CHECK(nlohmann::json::parse(writing.get("/api/runs")->body)["runs"][0]["name"] == "r");
    CHECK(edit(writing, with) == 200);
    CHECK(nlohmann::json::parse(writing.get("/api/runs")->body)["runs"][0]["name"] == "new");
}

TEST_CASE("serve: a run shows itself while it trains", "[serve]") {
    const TempDir dir;
    std::string url;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        const auto dashboard = run.serve();
        url = dashboard.url();
        CHECK(url.starts_with("http://127.0.0.1:"));
        CHECK(url.ends_with("/#page=run&run=r"));
        run.log("loss"_m = 0.5);
        httplib::Client client{url.substr(0, url.find("/#"))};
        const auto list = nlohmann::json::parse(client.Get("/api/runs")->body);
        CHECK(list["runs"][0]["metrics"]["loss"]["last"] == 0.5);
        CHECK(list["runs"][0]["state"] == "running");
        // A worker that is forked leaves it alone: it is the parent's.
        CHECK(in_child([&] {
                  const cairn::Dashboard its = std::move(const_cast<cairn::Dashboard&>(dashboard));
                  return 0;
              }) == 0);
        CHECK(client.Get("/api/runs")->status == 200);
        try {
            const auto second = run.serve({.port = std::stoi(url.substr(17))});
            FAIL("it listens");
        } catch (const cairn::error& e) {
            CHECK(e.code() == cairn::errc::busy);
        }
        REQUIRE(run.finish());
        CHECK(client.Get("/api/runs")->status == 200);  // as long as the dashboard lives
    }
    httplib::Client client{url.substr(0, url.find("/#"))};
    CHECK(!client.Get("/api/runs"));
    const auto off = cairn::init<cairn::Disabled>({.project = "p"});
    CHECK(off.serve().url().empty());
    auto none = cairn::init({.project = "p", .dir = dir.path(), .mode = cairn::Mode::disabled});
    CHECK(none.serve({.port = 1}).url().empty());
}

TEST_CASE("serve: it can be stopped before it has begun, and started once", "[serve]") {
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    const auto open = [&](int port = 0) {
        return std::make_unique<cairn::Server>(cairn::open(dir.path()).value(),
                                               cairn::ServeOptions{.port = port});
    };
    auto early = open();
    early->stop();
    early->run();  // returns
    CHECK(early->start().error().code() == cairn::errc::busy);
    auto twice = open();
    REQUIRE(twice->start());
    CHECK(!twice->start());
    twice->stop();
    CHECK(!twice->start());
    const int port = open()->port();  // never run
    CHECK(!Socket{port}.is_open());
    CHECK(open(port)->port() == port);
    for (int i = 0; i < 50; ++i) {  // whichever comes first
        auto server = open();
        std::thread thread{[&] { server->run(); }};
        if (i % 2 == 0) std::this_thread::yield();
        server->stop();
        thread.join();
    }
}

TEST_CASE("serve: no client decides how long its end takes", "[serve]") {
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    auto server = std::make_unique<cairn::Server>(cairn::open(dir.path()).value(),
                                                  cairn::ServeOptions{.max_clients = 4});
    REQUIRE(server->start());
    std::vector<Socket> slow;
    for (int i = 0; i < 6; ++i) {  // all threads, and two that wait
        slow.emplace_back(server->port());
        slow.back().say("GET / HTTP/1.1\r\nHost: 127.0");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    const auto begin = std::chrono::steady_clock::now();
    server.reset();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{1500});
}

TEST_CASE("serve: a picture in another site's page is no question", "[serve]") {
    const Served served;
    CHECK(served.get("/api/runs", {{"Sec-Fetch-Site", "cross-site"}})->status == 403);
    CHECK(served.get("/api/runs", {{"Sec-Fetch-Site", "same-site"}})->status == 403);  // another port
    CHECK(served.get("/api/runs", {{"Sec-Fetch-Site", "same-origin"}})->status == 200);
    CHECK(served.get("/", {{"Sec-Fetch-Site", "none"}})->status == 200);  // typed by somebody
    CHECK(served.get("/", {{"Sec-Fetch-Site", "cross-site"}})->status ==
          200);  // a link, in a terminal's page
}

}  // namespace server_test
