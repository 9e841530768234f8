// SPDX-License-Identifier: MIT
// Requests to a server of this machine that misbehaves.
#include <cairn/mirror/web_client.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/local_server.hpp"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if CAIRN_TEST_FORK
#include <csignal>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace web_client_test {

using namespace cairn::detail;
using cairn::errc;
using cairn::WebOptions;

namespace {

/// Answers each request by the next of these, and the last for all further ones; keeps what it was sent.
class Moody {
  public:
    using Answer = std::function<void(httplib::Response&)>;

    explicit Moody(std::vector<Answer> answers) : answers_{std::move(answers)} {
        const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
            const std::scoped_lock lock{mutex_};
            answers_.at(std::min(requests_.size(), answers_.size() - 1))(response);
            requests_.push_back(request);
        };
        server_.routes().Get(".*", handle).Post(".*", handle).Put(".*", handle);
        server_.start();
    }

    [[nodiscard]] WebClient client(WebOptions options = {}) const {
        options.first_wait_s = 0.01;
        const std::string address = server_.address() + "/base/";
        return WebClient::open(web_address(address).value(), options).value();
    }
    [[nodiscard]] std::vector<httplib::Request> requests() {
        const std::scoped_lock lock{mutex_};
        return requests_;
    }

  private:
    std::mutex mutex_;
    std::vector<Answer> answers_;
    std::vector<httplib::Request> requests_;
    cairn_test::LocalServer server_;  // last: its handlers use what stands before
};

Moody::Answer status(int code, std::string body = "") {
    return [code, body = std::move(body)](httplib::Response& response) {
        response.status = code;
        response.set_content(body, "text/plain");
    };
}
double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
}

}  // namespace

TEST_CASE("web client: what may pass is tried again, what may not is not", "[mirror][web]") {
    for (const int code : {408, 429, 500, 502, 503, 504}) {
        CAPTURE(code);
        Moody server{{status(code), status(code), status(200, "fine")}};
        auto client = server.client();
        const auto answer = client.send("POST", "/x", "body");
        REQUIRE(answer);
        CHECK(answer->body == "fine");
        REQUIRE(server.requests().size() == 3);
        for (const auto& request : server.requests()) {
            CHECK(request.body == "body");
            CHECK(request.path == "/base/x");
        }
    }
    for (const int code : {200, 201, 302, 400, 401, 403, 404, 409, 501}) {
        CAPTURE(code);
        Moody server{{status(code, "said")}};
        const auto answer = server.client().send("GET", "/x");
        REQUIRE(answer);
        CHECK(answer->status == code);
        CHECK(answer->body == "said");
        CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("web client: after all attempts it says what the server said, and no secret", "[mirror][web]") {
    Moody server{{status(503, "<html>\nno\x01</html>")}};
    auto client = server.client({.authorization = "Bearer secret", .attempts = 3});
    const auto answer = client.send("GET", "/hidden?token=1");
    REQUIRE(!answer);
    CHECK(answer.error().code() == errc::io);
    CHECK(answer.error().tried().find("status 503: <html> no </html>") != std::string::npos);
    for (const char* secret : {"secret", "hidden", "token"})
        CHECK(std::string{answer.error().what()}.find(secret) == std::string::npos);
    REQUIRE(server.requests().size() == 3);
    CHECK(server.requests()[0].get_header_value("Authorization") == "Bearer secret");
    CHECK(!server.client().send_once("POST", "/x", ""));
    CHECK(server.requests().size() == 4);
}

TEST_CASE("web client: it waits as long as the server asks for", "[mirror][web]") {
    const auto asks = [](const char* for_how_long) {
        return [=](httplib::Response& response) {
            response.status = 429;
            response.set_header("Retry-After", for_how_long);
        };
    };
    Moody server{{asks("1"), status(200)}};
    CHECK(seconds_of([&] { REQUIRE(server.client().send("GET", "/x")); }) > 0.7);
    for (const char* odd : {"-5", "soon", "", "99999999999999999999", "0"}) {
        CAPTURE(odd);
        Moody other{{asks(odd), status(200)}};
        CHECK(seconds_of([&] { REQUIRE(other.client().send("GET", "/x")); }) < 10);
    }
}

TEST_CASE("web client: no server, one that says nothing, one that says too much", "[mirror][web]") {
    auto nobody = WebClient::open({"http://127.0.0.1:1", ""}, {.attempts = 2, .first_wait_s = 0.01})
                      .value()
                      .send("GET", "/");
    REQUIRE(!nobody);
    CHECK(nobody.error().path() == "http://127.0.0.1:1");

    Moody silent{{[](httplib::Response&) { std::this_thread::sleep_for(std::chrono::seconds{2}); }}};
    auto patient = silent.client({.attempts = 1, .patience_s = 0.2});
    CHECK(seconds_of([&] { CHECK(!patient.send("GET", "/x")); }) < 1.9);

    Moody loud{{status(200, std::string(std::size_t{65} << 20U, 'x'))}};
    CHECK(!loud.client({.attempts = 1}).send("GET", "/x"));
}

TEST_CASE("web client: bytes are sent piece by piece, and again from the beginning", "[mirror][web]") {
    Moody server{{status(500), status(200)}};
    const std::string bytes(1'000'000, 'b');
    int begun = 0;
    const WebBody body{bytes.size(), [&](std::uint64_t at, std::uint64_t most, const auto& sink) {
                           begun += at == 0 ? 1 : 0;
                           const auto part =
                               std::string_view{bytes}.substr(static_cast<std::size_t>(at), 1000);
                           return sink(part.data(), std::min(part.size(), static_cast<std::size_t>(most)));
                       }};
    auto client = server.client();
    REQUIRE(client.send({.method = "PUT", .path = "/a%20b", .type = "x/y", .body = body}));
    CHECK(begun == 2);
    REQUIRE(server.requests().size() == 2);
    CHECK(server.requests()[1].body == bytes);
    CHECK(server.requests()[1].path == "/base/a b");

    const WebBody broken{10, [](auto, auto, const auto&) { return false; }};
    CHECK(!client.send({.method = "PUT", .path = "/x", .type = "x/y", .body = broken}));
}

#if CAIRN_TEST_FORK
TEST_CASE("web client: a connection that is closed while we write ends no program", "[mirror][web]") {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    ::sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof at;
    REQUIRE(::bind(listening, reinterpret_cast<::sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(listening, 1) == 0);
    REQUIRE(::getsockname(listening, reinterpret_cast<::sockaddr*>(&at), &size) == 0);
    std::thread server{[&] {
        const int connection = ::accept(listening, nullptr, nullptr);
        char byte = 0;
        (void)::recv(connection, &byte, 1, 0);
        constexpr std::string_view early = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
        (void)::send(connection, early.data(), early.size(), 0);
        ::shutdown(connection, SHUT_WR);  // so that the next write is one into a broken pipe
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        ::close(connection);
    }};
    const std::string much(std::size_t{64} << 20U, 'b');
    const int status = cairn_test::in_child([&] {
        std::signal(SIGPIPE, SIG_DFL);  // whoever started us may have it ignored
        const std::string address = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
        auto client = WebClient::open({address, ""}, {.attempts = 1}).value();
        const bool is_refused =
            !client.send({.method = "PUT", .path = "/x", .type = "x/y", .body = web_body(much)});
        ::sigset_t blocked;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        return is_refused && ::sigismember(&blocked, SIGPIPE) == 0 ? 0 : 1;
    });
    server.join();
    ::close(listening);
    CHECK(status == 0);
}
#endif

TEST_CASE("web client: addresses and what is escaped in them", "[mirror][web]") {
    CHECK(web_escaped("a b/\xc3\xbc#?%~_-.") == "a%20b%2F%C3%BC%23%3F%25~_-.");
    CHECK(web_escaped_path("/a b/../c") == "/a%20b/../c");
    CHECK(!WebClient::open(web_address("http://host?token=1").value(), {}));
    CHECK(!web_address("http://me:pw@host/"));
    CHECK(web_address("http://me:pw@host/").error().path().empty());
    CHECK(web_address("http://me:pw@host/").error().advice().find("leave the user") != std::string::npos);
    CHECK(web_address("http://[::1]:80/"));
    for (const char* bad :
         {"http://host:/", "http://host:x/", "http://host:65536", "http://host:99999999999/"})
        CHECK(!web_address(bad));
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
    CHECK(WebClient::open({"https://host", ""}, {}).error().code() == errc::unsupported);
#endif
}

TEST_CASE("web client: a file of certificates that is not there is named", "[serve][web]") {
    const auto told = cairn::detail::WebClient::open(cairn::detail::web_address("http://localhost").value(),
                                                     {.ca_file = "/no/such.pem"});
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == cairn::errc::not_found);
    CHECK(told.error().path() == "/no/such.pem");
}

}  // namespace web_client_test
