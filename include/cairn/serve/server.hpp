// SPDX-License-Identifier: MIT
#pragma once
// The dashboard: a store's runs in a browser, on this machine. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/run.hpp>
#include <cairn/serve/page.hpp>
#include <cairn/serve/workers.hpp>
#include <cairn/store/os.hpp>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Where the dashboard listens.
struct ServeOptions {
    std::string host = "127.0.0.1";  ///< another one lets other machines in, if they have the token
    int port = 0;                    ///< 0: any that is free
    std::size_t max_clients = 256;   ///< connections at the same time; others wait
    bool writable = false;  ///< who has the token may change names, notes and tags, and put runs away
};

namespace detail {

/// What a server is made of. A thread that serves has a share in it: where a client keeps one busy, it is
/// left with it.
class ServerCore {
  public:
    /// Listens from here on.
    ServerCore(StoreReader store, ServeOptions options)
        : api_{std::move(store)}, options_{std::move(options)} {
        server_.set_tcp_nodelay(true);  // or each small reply takes 44 ms
        server_.set_socket_options([this](socket_t one) { own_port(socket_ = one); });
        server_.set_keep_alive_max_count(1000);
        server_.set_keep_alive_timeout(2);
        server_.set_read_timeout(5, 0);
        server_.set_payload_max_length(most_posted);
        server_.new_task_queue = [this] {
            return new Workers{options_.max_clients, [this] { return is_over(); }};
        };
        if (!is_local() || options_.writable) token_ = os::random_hex(64);
        server_.Get("/", [this](const httplib::Request& ask, httplib::Response& reply) {
            if (is_allowed(ask, reply)) send_page(ask, reply);
        });
        server_.Get("/api/changes", [this](const httplib::Request& ask, httplib::Response& reply) {
            if (is_allowed(ask, reply)) send_changes(ask, reply);
        });
        server_.Post("/api/edit", [this](const httplib::Request& ask, httplib::Response& reply,
                                         const httplib::ContentReader& body) {
            if (!is_allowed(ask, reply) || !may_write(ask, reply)) return;
            const auto parameters = posted(ask, body);
            if (!parameters) return send(parameters.error(), reply);
            const std::scoped_lock lock{mutex_};
            const auto edited = api_.edit(*parameters);
            send(edited ? result<std::string>{json_text(*edited)} : edited.error(), reply);
        });
        constexpr const char* question = R"(/api/([a-z]+))";
        server_.Get(question, [this](const httplib::Request& ask, httplib::Response& reply) {
            if (is_allowed(ask, reply))
                send(ask_api(ask.matches[1].str(), {ask.params.begin(), ask.params.end()}), reply);
        });
        server_.Post(question, [this](const httplib::Request& ask, httplib::Response& reply,
                                      const httplib::ContentReader& body) {
            if (!is_allowed(ask, reply)) return;
            const auto parameters = posted(ask, body);
            send(parameters ? ask_api(ask.matches[1].str(), *parameters) : parameters.error(), reply);
        });
        server_.set_error_handler([](const httplib::Request&, httplib::Response& reply) {
            if (!reply.body.empty()) return;
            fail(reply, reply.status,
                 reply.status == 404 ? error{errc::not_found, "there is nothing here", "", "open /"}
                                     : error{errc::invalid_argument, "this is no request that is served",
                                             std::to_string(reply.status), "see docs/dashboard.md"});
        });
        port_ = options_.port == 0                                   ? server_.bind_to_any_port(options_.host)
                : server_.bind_to_port(options_.host, options_.port) ? options_.port
                                                                     : -1;
        if (port_ <= 0) {
            raise({errc::busy, "cannot listen there", options_.host + ":" + std::to_string(options_.port),
                   "choose another port, or 0 for any that is free"});
        }
        ::listen(socket_, SOMAXCONN);  // httplib has 5 wait: the sixth at a time tries again a second later
    }

    [[nodiscard]] std::string url() const {
        const std::string host = options_.host == "0.0.0.0" || options_.host == "::" ? "127.0.0.1"
                                 : options_.host.find(':') != std::string::npos ? "[" + options_.host + "]"
                                                                                : options_.host;
        return "http://" + host + ":" + std::to_string(port_) + "/" +
               (token_.empty() ? "" : "?token=" + token_);
    }
    [[nodiscard]] int port() const noexcept { return port_; }

    void run() {
        State before = State::bound;
        if (!state_.compare_exchange_strong(before, State::running)) return;
        server_.listen_after_bind();
        state_ = State::over;
        ended_.ring();
    }
    void stop() {
        State before = State::bound;
        if (!state_.compare_exchange_strong(before, State::over)) {
            before = State::running;
            state_.compare_exchange_strong(before, State::stopping);
            // httplib would not hear it before it listens.
            while (state_ == State::stopping && !server_.is_running())
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            return server_.stop();
        }
#if defined(_WIN32)
        ::closesocket(socket_);
#else
        ::close(socket_);
#endif
    }
    /// Whether it listens.
    [[nodiscard]] bool is_running() const { return state_ == State::running && server_.is_running(); }
    /// Whether it was stopped; `run` may still be answering.
    [[nodiscard]] bool is_over() const { return state_ == State::stopping || state_ == State::over; }
    /// Waits until `run` has ended, at most so long.
    void wait(std::int64_t most_ns) { ended_.wait(most_ns); }

  private:
    static constexpr std::size_t most_posted = std::size_t{1} << 20U;
    enum class State : unsigned char { bound, running, stopping, over };

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
        reply.set_content(json_text({{"error", as_json(failure)}}), "application/json");
        protect(reply, "");
    }
    static void protect(httplib::Response& reply, const std::string& nonce) {
        const std::string own = nonce.empty() ? "'none'" : "'nonce-" + nonce + "'";
        reply.set_header("Content-Security-Policy",
                         "default-src 'none'; script-src " + own + "; style-src " + own +
                             "; img-src data:; media-src data:; connect-src 'self'; base-uri "
                             "'none'; form-action 'none'; frame-ancestors 'none'");
        reply.set_header("X-Content-Type-Options", "nosniff");
        reply.set_header("Referrer-Policy", "no-referrer");
        reply.set_header("Cache-Control", "no-store");
    }

    /// Refuses what comes through another site's page or without the token.
    [[nodiscard]] bool is_allowed(const httplib::Request& ask, httplib::Response& reply) const {
        const std::string host = ask.get_header_value("Host");
        const std::string port = ":" + std::to_string(port_);
        std::string_view name = host;  // without the port, which is not told where it is 80
        if (name.ends_with(port)) name.remove_suffix(port.size());
        const bool has_port = name.size() != host.size() || port_ == 80;
        const bool is_ours =
            !is_local() || (has_port && (name == "127.0.0.1" || name == "localhost" || name == "[::1]"));
        // Of a picture or a script in another page a browser tells no Origin, but this. A link to our page
        // may stand anywhere.
        const std::string site = ask.path == "/" ? "" : ask.get_header_value("Sec-Fetch-Site");
        const std::string origin = ask.get_header_value("Origin");
        if (!is_ours || (!origin.empty() && origin != "http://" + host) || site == "cross-site" ||
            site == "same-site") {
            fail(reply, 403, {errc::permission, "this comes from another site", host, "open " + url()});
            return false;
        }
        if (has_token(ask))
            reply.set_header("Set-Cookie",
                             cookie_name() + "=" + token_ + "; HttpOnly; SameSite=Strict; Path=/");
        if (is_local() || has_token(ask)) return true;
        fail(reply, 401,
             {errc::permission, "the token is missing", "", "open the address that cairn serve printed"});
        return false;
    }
    /// A browser sends cookies to every port of a host.
    [[nodiscard]] std::string cookie_name() const { return "cairn-" + std::to_string(port_); }
    /// Refuses who may only read.
    [[nodiscard]] bool may_write(const httplib::Request& ask, httplib::Response& reply) const {
        if (options_.writable && has_token(ask)) return true;
        fail(reply, 403,
             {errc::permission, options_.writable ? "the token is missing" : "nothing may be changed here",
              "", options_.writable ? "open the address that cairn serve printed" : "start it with --write"});
        return false;
    }
    [[nodiscard]] bool has_token(const httplib::Request& ask) const {
        if (token_.empty()) return false;
        const std::string cookies = "; " + ask.get_header_value("Cookie") + ";";
        return same(ask.get_param_value("token"), token_) ||
               cookies.find("; " + cookie_name() + "=" + token_ + ";") != std::string::npos;
    }
    /// In the same time, wherever they differ.
    [[nodiscard]] static bool same(std::string_view a, std::string_view b) noexcept {
        unsigned differ = a.size() == b.size() ? 0 : 1;
        for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
            differ |=
                static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
        return differ == 0;
    }

    void send_page(const httplib::Request& ask, httplib::Response& reply) const {
        const std::string nonce = os::random_hex(32);
        std::string text;
        for (const std::string_view piece : page) text += piece;
        for (const std::string_view tag : {std::string_view{"<style"}, std::string_view{"<script"}})
            text.insert(text.find(tag) + tag.size(), " nonce=\"" + nonce + "\"");
        if (options_.writable && has_token(ask)) text.insert(text.find("<html") + 5, " data-writable");
        send_as_it_is(std::move(text), "text/html; charset=utf-8", reply);
        // What it asks for first, so that the browser has it before it has read the page.
        reply.set_header("Link", "<api/runs>; rel=preload; as=fetch; crossorigin=anonymous");
        protect(reply, nonce);
    }
    /// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): the answer to
    /// "runs", then what has changed of it, as soon as it has.
    void send_changes(const httplib::Request& ask, httplib::Response& reply) {
        const auto stream = std::make_shared<Stream>(*this);
        if (streams_ > most_streams) {
            return fail(reply, 503,
                        {errc::busy, "too many pages are open", std::to_string(most_streams),
                         "close some; this one asks again and again"});
        }
        stream->cursor = ask.get_header_value("Last-Event-ID");
        if (stream->cursor.empty()) stream->cursor = ask.get_param_value("since");
        reply.set_chunked_content_provider("text/event-stream", [this, stream](std::size_t, auto& sink) {
            return send_change(*stream, sink);
        });
        protect(reply, "");
    }
    struct Stream {
        explicit Stream(ServerCore& of) : server{&of} { ++server->streams_; }
        Stream(const Stream&) = delete;
        Stream& operator=(const Stream&) = delete;
        ~Stream() { --server->streams_; }
        ServerCore* server;
        std::string cursor{};
        bool has_begun = false, has_failed = false;
        int quiet = 0;  // how often there was nothing new
    };
    [[nodiscard]] bool send_change(Stream& stream, httplib::DataSink& sink) {
        constexpr std::chrono::milliseconds pause{500};
        constexpr int pauses = 10;  // then something is sent, to see whether anybody is there
        if (stream.has_begun) std::this_thread::sleep_for(pause);
        if (is_over()) return false;
        auto answer = changes_since(stream.cursor);
        std::string text;
        if (!answer) {
            text = "event: failure\ndata: " + json_text(as_json(answer.error())) + "\n\n";
        } else if (!stream.has_begun || stream.has_failed || (*answer)["cursor"] != stream.cursor) {
            stream.cursor = (*answer)["cursor"].get<std::string>();
            text = "id: " + stream.cursor + "\ndata: " + json_text(*answer) + "\n\n";
        } else if (++stream.quiet % pauses == 0) {
            text = ":\n\n";
        }
        stream.has_begun = true;
        stream.has_failed = !answer;
        return text.empty() ? sink.is_writable() : sink.write(text.data(), text.size());
    }
    [[nodiscard]] result<std::string> ask_api(const std::string& question, const Parameters& parameters) {
        if (question == "runs") {
            const std::scoped_lock lock{mutex_};
            return api_.runs_text(parameters);
        }
        auto answer = api_.answer_beside(question, parameters);
        if (!answer) {
            const std::scoped_lock lock{mutex_};
            answer.emplace(api_.answer(question, parameters));
        }
        return *answer ? result<std::string>{json_text(**answer)} : answer->error();
    }
    [[nodiscard]] result<nlohmann::json> changes_since(const std::string& cursor) {
        const std::scoped_lock lock{mutex_};
        return api_.answer("runs", {{"since", cursor}});
    }
    /// The parameters of a question that is too long for an address, or of a change: `{"run": "r", "tag":
    /// ["a", "b"]}`. As JSON, because a browser sends that to no other site without asking first.
    [[nodiscard]] static result<Parameters> posted(const httplib::Request& ask,
                                                   const httplib::ContentReader& body) {
        const error wrong{
            errc::invalid_argument, "the body is no object of texts", "",
            "send application/json, at most 1 MiB: {\"run\": \"id\", \"metric\": [\"a\", \"b\"]}"};
        if (!ask.get_header_value("Content-Type").starts_with("application/json")) return wrong;
        std::string text;  // also of one that comes in pieces, or packed, no more than it may have
        const bool is_whole = body([&](const char* data, std::size_t size) {
            text.append(data, std::min(size, most_posted + 1 - text.size()));
            return text.size() <= most_posted;
        });
        if (!is_whole || json_depth(text) > 2) return wrong;
        const auto object = nlohmann::json::parse(text, nullptr, false);
        if (!object.is_object()) return wrong;
        Parameters parameters;
        for (const auto& [name, value] : object.items()) {
            for (const nlohmann::json& one : value.is_array() ? value : nlohmann::json::array({value})) {
                if (!one.is_string()) return wrong;
                parameters.emplace(name, one.get<std::string>());
            }
        }
        return parameters;
    }
    static void send(result<std::string> answer, httplib::Response& reply) {
        if (!answer) {
            const errc code = answer.error().code();
            return fail(reply,
                        code == errc::not_found          ? 404
                        : code == errc::invalid_argument ? 400
                        : code == errc::busy             ? 503
                                                         : 500,
                        answer.error());
        }
        send_as_it_is(std::move(*answer), "application/json", reply);
        protect(reply, "");
    }
    /// httplib packs other texts for every browser, where it can: by brotli, a megabyte in two seconds. It
    /// does not look whether a range that is asked for lies inside.
    static void send_as_it_is(std::string text, const char* type, httplib::Response& reply) {
        const auto shared = std::make_shared<const std::string>(std::move(text));
        reply.set_content_provider(
            shared->size(), type, [shared](std::size_t at, std::size_t bytes, httplib::DataSink& sink) {
                const bool is_inside = at <= shared->size() && bytes <= shared->size() - at;
                return is_inside && sink.write(shared->data() + at, bytes);
            });
    }

    static constexpr int most_streams = 64;

    Api api_;
    std::mutex mutex_;  // of the one above
    std::atomic<int> streams_ = 0;
    ServeOptions options_;
    std::string token_;
    int port_ = 0;
    socket_t socket_{};
    std::atomic<State> state_ = State::bound;
    os::Bell ended_;
    httplib::Server server_;
};

}  // namespace detail

/// Serves a store until it is stopped. Who asks from this machine's browser gets answers and nothing else: it
/// has no path to a file, and changes nothing unless that was asked for. Requests must name the host that it
/// listens on, so no other web site can ask through a visitor's browser (DNS rebinding). On another host than
/// this machine's own a token is needed, and for changes everywhere; `url` has it.
class Server {
  public:
    /// Listens from here on. Throws: busy, if the port is taken or the host is none.
    explicit Server(StoreReader store, ServeOptions options = {})
        : core_{std::make_shared<detail::ServerCore>(std::move(store), std::move(options))} {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    /// Stops it. Waits at most a second for clients that are being answered.
    ~Server() {
        if (!is_parents()) stop();
    }

    /// What to open in a browser.
    [[nodiscard]] std::string url() const { return core_->url(); }
    /// Where it listens.
    [[nodiscard]] int port() const noexcept { return core_->port(); }

    /// Answers until `stop` is called, before or meanwhile; then returns when its clients have been answered.
    void run() {
        const auto core = core_;
        core->run();
    }
    /// Does the same on a thread of its own, until it is stopped or destroyed. Fails: busy, if it was started
    /// or stopped before, or if there can be no thread.
    result<void> start() {
        if (is_started_ || core_->is_over()) {
            return error{errc::busy, "a server is started once", url(), "make another one"};
        }
        const auto run = [](void* core) noexcept -> void* {
            const std::unique_ptr<std::shared_ptr<detail::ServerCore>> mine{
                static_cast<std::shared_ptr<detail::ServerCore>*>(core)};
            (*mine)->run();
            return nullptr;
        };
        auto share = std::make_unique<std::shared_ptr<detail::ServerCore>>(core_);
        if (auto started = thread_.start(run, share.get()); !started) return started;
        (void)share.release();
        is_started_ = true;
        while (!core_->is_running() && !core_->is_over())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return {};
    }
    /// Ends `run`. Threads: any.
    void stop() {
        constexpr std::int64_t patience_ns = 1'000'000'000;
        if (is_parents()) return;
        core_->stop();
        if (!is_started_ || !thread_.is_running()) return;
        core_->wait(patience_ns);
        thread_.leave();  // it has a share in what it needs
    }

  private:
    /// In the child of a fork: the server, and the socket, are the parent's.
    [[nodiscard]] bool is_parents() const noexcept { return process_ != detail::os::pid(); }

    std::shared_ptr<detail::ServerCore> core_;
    detail::os::Thread thread_;
    bool is_started_ = false;
    std::uint64_t process_ = detail::os::pid();
};

/// What `run.serve()` gives: the dashboard of the run's store, as long as this lives.
class Dashboard {
  public:
    /// None: of a disabled run.
    Dashboard() = default;
    /// For `run.serve()`.
    Dashboard(std::unique_ptr<Server> server, std::string url)
        : server_{std::move(server)}, url_{std::move(url)} {}

    /// What to open in a browser: the page of the run. Empty if there is none.
    [[nodiscard]] const std::string& url() const noexcept { return url_; }

  private:
    std::unique_ptr<Server> server_;
    std::string url_;
};

template <class T>
template <class Options>
auto BasicRun<T>::serve(Options options) {
    if (!core_) return Dashboard{};
    auto server = std::make_unique<Server>(cairn::open(core_->options().dir).value(), std::move(options));
    server->start().value();
    std::string url = server->url() + "#page=run&run=" + id();
    if (!core_->options().quiet) std::fprintf(stderr, "cairn: see it at %s\n", url.c_str());
    return Dashboard{std::move(server), std::move(url)};
}

}  // namespace CAIRN_NAMESPACE
