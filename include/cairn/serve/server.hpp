// SPDX-License-Identifier: MIT
#pragma once
// The dashboard: a store's runs in a browser, on this machine. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/serve/page.hpp>
#include <cairn/store/os.hpp>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Where the dashboard listens.
struct ServeOptions {
    std::string host = "127.0.0.1";  ///< another one lets other machines in, if they have the token
    int port = 0;                    ///< 0: any that is free
};

/// Serves a store until it is stopped. Who asks from this machine's browser gets answers and nothing else: it
/// has no path to a file, and changes nothing. Requests must name the host that it listens on, so no other
/// web site can ask through a visitor's browser (DNS rebinding). On another host than this machine's own a
/// token is needed, which `url` has.
class Server {
  public:
    /// Listens from here on. Throws: busy, if the port is taken; invalid_argument for a host that is none.
    explicit Server(StoreReader store, ServeOptions options = {})
        : api_{std::move(store)}, options_{std::move(options)} {
        server_.set_tcp_nodelay(true);  // or each small reply takes 44 ms
        server_.set_socket_options(&own_port);
        server_.set_keep_alive_max_count(1000);
        server_.set_read_timeout(10, 0);
        server_.set_payload_max_length(std::size_t{1} << 16U);
        server_.new_task_queue = [] { return new httplib::ThreadPool(8); };
        if (!is_local()) token_ = detail::os::random_hex(64);
        server_.Get("/", [this](const httplib::Request& ask, httplib::Response& reply) {
            if (is_allowed(ask, reply)) send_page(reply);
        });
        server_.Get(R"(/api/([a-z]+))", [this](const httplib::Request& ask, httplib::Response& reply) {
            if (is_allowed(ask, reply)) send_answer(ask.matches[1].str(), ask, reply);
        });
        server_.set_error_handler([](const httplib::Request&, httplib::Response& reply) {
            if (reply.body.empty())
                fail(reply, reply.status, {errc::not_found, "there is nothing here", "", "open /"});
        });
        port_ = options_.port == 0                                   ? server_.bind_to_any_port(options_.host)
                : server_.bind_to_port(options_.host, options_.port) ? options_.port
                                                                     : -1;
        if (port_ <= 0) {
            detail::raise({errc::busy, "cannot listen there",
                           options_.host + ":" + std::to_string(options_.port),
                           "choose another port, or 0 for any that is free"});
        }
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { stop(); }

    /// What to open in a browser.
    [[nodiscard]] std::string url() const {
        const std::string host = options_.host == "0.0.0.0" ? "127.0.0.1" : options_.host;
        return "http://" + host + ":" + std::to_string(port_) + "/" +
               (token_.empty() ? "" : "?token=" + token_);
    }
    /// Where it listens.
    [[nodiscard]] int port() const noexcept { return port_; }

    /// Answers until `stop` is called, by another thread or a signal handler's.
    void run() { server_.listen_after_bind(); }
    /// Ends `run`. Threads: any.
    void stop() { server_.stop(); }

  private:
    [[nodiscard]] bool is_local() const {
        return options_.host == "127.0.0.1" || options_.host == "localhost" || options_.host == "::1";
    }

    /// httplib would let another program listen on the same port, and get half of what is asked.
    static void own_port(socket_t socket) {
#if defined(_WIN32)
        constexpr int option = SO_EXCLUSIVEADDRUSE;
#else
        constexpr int option = SO_REUSEADDR;  // that of a server which has just ended may be taken at once
#endif
        const int yes = 1;
        ::setsockopt(socket, SOL_SOCKET, option, reinterpret_cast<const char*>(&yes), sizeof yes);
    }

    static void fail(httplib::Response& reply, int status, const error& failure) {
        reply.status = status;
        reply.set_content(detail::json_text({{"error", as_json(failure)}}), "application/json");
        protect(reply, "");
    }
    static void protect(httplib::Response& reply, const std::string& nonce) {
        const std::string own = nonce.empty() ? "'none'" : "'nonce-" + nonce + "'";
        reply.set_header("Content-Security-Policy", "default-src 'none'; script-src " + own + "; style-src " +
                                                        own +
                                                        "; img-src data:; connect-src 'self'; base-uri "
                                                        "'none'; form-action 'none'; frame-ancestors 'none'");
        reply.set_header("X-Content-Type-Options", "nosniff");
        reply.set_header("Referrer-Policy", "no-referrer");
        reply.set_header("Cache-Control", "no-store");
    }

    /// Refuses what comes through another site's page or without the token.
    [[nodiscard]] bool is_allowed(const httplib::Request& ask, httplib::Response& reply) const {
        const std::string host = ask.get_header_value("Host");
        const std::string port = ":" + std::to_string(port_);
        const bool is_ours =
            !is_local() || host == "127.0.0.1" + port || host == "localhost" + port || host == "[::1]" + port;
        const std::string origin = ask.get_header_value("Origin");
        if (!is_ours || (!origin.empty() && origin != "http://" + host)) {
            fail(reply, 403, {errc::permission, "this comes from another site", host, "open " + url()});
            return false;
        }
        if (token_.empty() || same(ask.get_param_value("token"), token_) ||
            ask.get_header_value("Cookie").find("cairn=" + token_) != std::string::npos) {
            if (!token_.empty())
                reply.set_header("Set-Cookie", "cairn=" + token_ + "; HttpOnly; SameSite=Strict; Path=/");
            return true;
        }
        fail(reply, 401,
             {errc::permission, "the token is missing", "", "open the address that cairn serve printed"});
        return false;
    }
    /// In the same time, wherever they differ.
    [[nodiscard]] static bool same(std::string_view a, std::string_view b) noexcept {
        unsigned differ = a.size() == b.size() ? 0 : 1;
        for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
            differ |=
                static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
        return differ == 0;
    }

    static void send_page(httplib::Response& reply) {
        const std::string nonce = detail::os::random_hex(32);
        std::string text;
        for (const std::string_view piece : detail::page) text += piece;
        for (const std::string_view tag : {std::string_view{"<style"}, std::string_view{"<script"}})
            text.insert(text.find(tag) + tag.size(), " nonce=\"" + nonce + "\"");
        reply.set_content(text, "text/html; charset=utf-8");
        protect(reply, nonce);
    }
    void send_answer(const std::string& question, const httplib::Request& ask, httplib::Response& reply) {
        const Parameters parameters{ask.params.begin(), ask.params.end()};
        const auto answer = [&] {
            const std::scoped_lock lock{mutex_};
            return api_.answer(question, parameters);
        }();
        if (!answer) {
            const errc code = answer.error().code();
            return fail(reply,
                        code == errc::not_found          ? 404
                        : code == errc::invalid_argument ? 400
                                                         : 500,
                        answer.error());
        }
        reply.set_content(detail::json_text(*answer), "application/json");
        protect(reply, "");
    }

    Api api_;
    std::mutex mutex_;
    ServeOptions options_;
    std::string token_;
    int port_ = 0;
    httplib::Server server_;
};

}  // namespace CAIRN_NAMESPACE
