// SPDX-License-Identifier: MIT
#pragma once
// Alerts by HTTP: `cairn::init({.on_alert = cairn::webhook("https://hooks.example.org/…")})`. Opt-in: costs
// cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/series_node.hpp>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE {

namespace detail {

/// The parts of an address.
struct WebAddress {
    std::string server;  ///< "https://host:port"
    std::string path;    ///< "/…"
};
/// Throws invalid_argument; unsupported, for https where cpp-httplib is built without it.
[[nodiscard]] inline WebAddress web_address(std::string_view address) {
    const bool is_safe = address.starts_with("https://");
    const std::size_t host = is_safe ? 8 : 7;
    const std::size_t slash =
        address.size() > host ? address.find_first_of("/?#", host) : std::string_view::npos;
    const bool is_one = (is_safe || address.starts_with("http://")) && address.size() > host &&
                        slash != host && address.find_first_of(" \t\r\n@") == std::string_view::npos;
    if (!is_one) {
        raise({errc::invalid_argument, "this is no address for a webhook", std::string{address.substr(0, 40)},
               "give http://HOST/PATH or https://HOST/PATH"});
    }
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
    if (is_safe) {
        raise({errc::unsupported, "cpp-httplib is built without TLS", "",
               "define CPPHTTPLIB_OPENSSL_SUPPORT and link OpenSSL, or use http"});
    }
#endif
    std::string path{slash == std::string_view::npos ? std::string_view{} : address.substr(slash)};
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    return {std::string{address.substr(0, slash)}, path.substr(0, path.find('#'))};
}

}  // namespace detail

/// What `Options::on_alert` takes to post each alert as JSON: `{"text": "the title: the text", "title",
/// "level", "project", "run", "step", "time_ms"}`; "text" is what chat servers show. Throws invalid_argument
/// on a bad address, unsupported where TLS is missing. An alert that is not taken (no answer in ten seconds,
/// or another than 2xx) is tried once more after a second, and is then an error of the run. The address is
/// told to nobody: it is the secret of a webhook.
[[nodiscard]] inline std::function<void(const Alert&)> webhook(std::string_view address) {
    return [to = detail::web_address(address)](const Alert& alert) {
        const std::string text = alert.title + (alert.text.empty() ? "" : ": " + alert.text);
        const nlohmann::json message = {{"text", text},
                                        {"title", alert.title},
                                        {"level", to_string(alert.level)},
                                        {"project", alert.project},
                                        {"run", alert.run},
                                        {"step", alert.step},
                                        {"time_ms", alert.time_ns / detail::ns_per_ms}};
        const std::string body = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        httplib::Client client{to.server};
        const std::chrono::seconds patience{10};
        client.set_connection_timeout(patience);
        client.set_read_timeout(patience);
        client.set_write_timeout(patience);
        std::string why;
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (attempt != 0) detail::os::sys::sleep_ns(1'000'000'000);
            const auto answer = client.Post(to.path, body, "application/json");
            if (answer && answer->status >= 200 && answer->status < 300) return;
            why = answer ? "status " + std::to_string(answer->status) : httplib::to_string(answer.error());
        }
        detail::raise({errc::io, "the webhook did not take an alert: " + why, alert.title,
                       "see whether its server is there"});
    };
}

}  // namespace CAIRN_NAMESPACE
