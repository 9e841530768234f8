// SPDX-License-Identifier: MIT
#pragma once
// Requests to one server that may be slow, away or in a bad mood. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/pipe_signal.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/store/os.hpp>
#include <cairn/version.hpp>

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How requests are sent.
struct WebOptions {
    std::string authorization = {};                   ///< the header's value; sent to this server only
    std::map<std::string, std::string> headers = {};  ///< more of them; the same
    bool verify = true;                               ///< whether a server of TLS must prove who it is
    std::string ca_file = {};                         ///< certificates to trust, PEM; default: the system's
    std::string client_certificate = {};              ///< and its key, in one PEM file
    int attempts = 5;           ///< how often a request is sent that was not taken, at most
    double first_wait_s = 0.5;  ///< before the second attempt; twice as long before each further one
    double patience_s = 60;     ///< how long an answer may take
};

namespace detail {

/// What a server is asked.
struct WebRequest {
    std::string method = "GET";
    std::string path{};  ///< below the server's, and a query; escaped
    std::string type{};  ///< of the body
    std::map<std::string, std::string> headers{};
    WebBody body{};  ///< read as it is sent
};
/// What a server said.
struct WebAnswer {
    int status = 0;
    std::string body{};
    httplib::Headers headers{};

    [[nodiscard]] bool is_good() const noexcept { return status >= 200 && status < 300; }
    /// The value of a header; empty if there is none.
    [[nodiscard]] std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string{} : found->second;
    }
};

/// A part of a path or a query, with %41 for what has a meaning there.
[[nodiscard]] inline std::string web_escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '-' || c == '_' || c == '.' || c == '~';
        if (is_plain) {
            out += c;
        } else {
            out += '%';
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        }
    }
    return out;
}
/// The same of each component.
[[nodiscard]] inline std::string web_escaped_path(std::string_view path) {
    std::string out;
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t to = std::min(path.find('/', from), path.size());
        if (from != 0) out += '/';
        out += web_escaped(path.substr(from, to - from));
        from = to + 1;
    }
    return out;
}

/// The beginning of what another has said, on one line.
[[nodiscard]] inline std::string one_line(std::string_view text, std::size_t most) {
    std::string out{text.substr(0, most)};
    for (char& c : out) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    return out;
}

/// Sends requests to one server, and again when it may take them later: on 408, 429, 500, 502, 503, 504 and
/// when it does not answer, after a wait that doubles, with some chance in it, or as long as the server asks
/// for. Redirections are not followed: what it knows goes to no other host. Threads: one at a time.
class WebClient {
  public:
    /// Fails: unsupported, for https where cpp-httplib is built without it; not_found, for files of
    /// certificates.
    static result<WebClient> open(WebAddress to, WebOptions options) {
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
        if (to.server.starts_with("https://")) {
            return error{errc::unsupported, "cpp-httplib is built without TLS", to.server,
                         "define CPPHTTPLIB_OPENSSL_SUPPORT and link OpenSSL, or use http"};
        }
#endif
        if (to.path.find('?') != std::string::npos) {
            return error{errc::invalid_argument, "the address of a server has no question mark", to.server,
                         "leave out what stands behind it"};
        }
        for (const std::string& pem : {options.ca_file, options.client_certificate}) {
            if (pem.empty()) continue;
            const auto there = os::status(os::path_of(pem));
            if (!there || !there->is_file) {
                return error{errc::not_found, "there is no such file of certificates", pem,
                             "name a file in PEM's form"};
            }
        }
        return WebClient{std::move(to), std::move(options)};
    }

    /// Sends one, as often as it takes. Returns whatever is no reason to try again, also a refusal. Fails:
    /// io, if the server did not take it in all attempts; permission, if it cannot prove who it is.
    result<WebAnswer> send(const std::string& method, const std::string& path, const std::string& body = {},
                           const std::string& type = "application/json") {
        return repeat(options_.attempts, [&] { return once(method, path, body, type); });
    }
    /// The same, once: for what must not be done twice.
    result<WebAnswer> send_once(const std::string& method, const std::string& path, const std::string& body,
                                const std::string& type = "application/json") {
        return repeat(1, [&] { return once(method, path, body, type); });
    }
    /// The same for any request.
    result<WebAnswer> send(const WebRequest& what) {
        return repeat(options_.attempts, [&] {
            httplib::Request request = request_of(what.method, what.path, what.type);
            for (const auto& [name, value] : what.headers) request.set_header(name, value);
            auto sent = Clock::now();
            if (what.body.read || what.method == "POST" || what.method == "PUT") {
                request.content_length_ = static_cast<std::size_t>(what.body.size);
                request.content_provider_ = [&](std::size_t at, std::size_t most, httplib::DataSink& sink) {
                    sent = Clock::now();
                    return what.body.read(
                        at, most, [&](const char* data, std::size_t size) { return sink.write(data, size); });
                };
            }
            return exchange(request, sent);
        });
    }
    /// Waits as after so many attempts that failed: for who repeats a request by himself.
    void wait(int failed) { sleep(std::ldexp(options_.first_wait_s, failed - 1)); }

    /// "http://host:port/path", without a slash at its end.
    [[nodiscard]] std::string address() const { return to_.server + to_.path; }
    /// Who it is: "host:port".
    [[nodiscard]] std::string host() const { return to_.server.substr(to_.server.find("//") + 2); }

  private:
    WebClient(WebAddress to, WebOptions options)
        : to_{std::move(to)}, options_{std::move(options)},
          chance_{static_cast<std::minstd_rand::result_type>(wall_ns())} {
        while (to_.path.ends_with('/')) to_.path.pop_back();
        const std::string& pem = options_.client_certificate;
        client_ = std::make_unique<httplib::Client>(to_.server, pem, pem);
        const auto patience = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::duration<double>{options_.patience_s});
        client_->set_connection_timeout(std::min(patience, std::chrono::microseconds{10'000'000}));
        client_->set_read_timeout(patience);
        client_->set_write_timeout(patience);
        client_->set_keep_alive(true);
        client_->set_tcp_nodelay(true);
        httplib::Headers headers{{"User-Agent", std::string{"cairn/"} + CAIRN_VERSION}};
        if (!options_.authorization.empty()) headers.emplace("Authorization", options_.authorization);
        for (const auto& [name, value] : options_.headers) headers.emplace(name, value);
        client_->set_default_headers(headers);
#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
        client_->enable_server_certificate_verification(options_.verify);
        if (!options_.ca_file.empty()) client_->set_ca_cert_path(options_.ca_file);
#endif
    }

    using Clock = std::chrono::steady_clock;

    [[nodiscard]] httplib::Request request_of(const std::string& method, const std::string& path,
                                              const std::string& type) const {
        httplib::Request request;
        request.method = method;
        request.path = to_.path + path;
        if (!type.empty()) request.set_header("Content-Type", type);
        return request;
    }
    httplib::Result once(const std::string& method, const std::string& path, const std::string& body,
                         const std::string& type) {
        httplib::Request request = request_of(method, path, method == "GET" ? std::string{} : type);
        request.body = body;
        const auto sent = Clock::now();
        return exchange(request, sent);
    }
    /// An answer has an end: in bytes, and in time since the request was `sent`.
    httplib::Result exchange(httplib::Request& request, const Clock::time_point& sent) {
        std::string said;
        request.content_receiver = [&](const char* data, std::size_t size, auto...) {
            constexpr std::size_t most = std::size_t{64} << 20U;
            const bool is_late = Clock::now() - sent > std::chrono::duration<double>{options_.patience_s};
            if (is_late || size > most - said.size()) return false;
            said.append(data, size);
            return true;
        };
        const NoPipeSignal quiet;
        httplib::Result answer = client_->send(request);
        if (answer) answer->body = std::move(said);
        return answer;
    }
    template <class F>
    result<WebAnswer> repeat(int attempts, F&& attempt) {
        std::string why;
        double wait = options_.first_wait_s;
        const auto begun = Clock::now();
        for (int i = 0; i < attempts; ++i, wait *= 2) {
            const httplib::Result answer = attempt();
            if (answer && !may_pass(answer->status))
                return WebAnswer{answer->status, answer->body, answer->headers};
            why = answer ? "status " + std::to_string(answer->status) +
                               (answer->body.empty() ? "" : ": " + one_line(answer->body, 200))
                         : httplib::to_string(answer.error());
            if (!answer && is_distrust(answer.error())) {
                return error{errc::permission, "this server's certificate is not trusted: " + why, to_.server,
                             "say which certificates to trust, or see whether the name is the server's"};
            }
            // A server that takes so long is not asked again at once.
            if (Clock::now() - begun > std::chrono::duration<double>{options_.patience_s}) break;
            if (i + 1 < attempts)
                sleep(answer ? asked_wait(answer->get_header_value("Retry-After"), wait) : wait);
        }
        return error{errc::io, "the server did not take a request: " + why, to_.server,
                     "see whether it is there, and try again later"};
    }
    /// What no other attempt will change.
    template <class E>
    [[nodiscard]] static bool is_distrust(E why) noexcept {
        if constexpr (requires { E::SSLServerHostnameVerification; }) {  // of newer ones
            if (why == E::SSLServerHostnameVerification) return true;
        }
        return why == E::SSLLoadingCerts || why == E::SSLServerVerification;
    }
    [[nodiscard]] static bool may_pass(int status) noexcept {
        return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
               status == 504;
    }
    /// What the server asks for, if that can be read and is no more than a minute.
    [[nodiscard]] static double asked_wait(const std::string& header, double otherwise) {
        constexpr int most = 60;
        int seconds = 0;
        const auto [end, problem] = std::from_chars(header.data(), header.data() + header.size(), seconds);
        const bool is_one = problem == std::errc{} && end == header.data() + header.size() && seconds >= 0;
        return is_one ? std::max(otherwise, static_cast<double>(std::min(seconds, most))) : otherwise;
    }
    void sleep(double seconds) {
        std::uniform_real_distribution<double> chance{0.75, 1.25};
        std::this_thread::sleep_for(std::chrono::duration<double>{seconds * chance(chance_)});
    }

    WebAddress to_;
    WebOptions options_;
    std::minstd_rand chance_;
    std::unique_ptr<httplib::Client> client_;
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
