// SPDX-License-Identifier: MIT
#pragma once
// Alerts by HTTP: `cairn::init({.on_alert = cairn::webhook("https://hooks.example.org/…")})`.
// Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/store/series_node.hpp>

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE {

/// What `Options::on_alert` takes to post each alert as JSON: `{"text": "the title: the text", "title",
/// "level", "project", "run", "step", "time_ms"}`; "text" is what chat servers show. Throws invalid_argument
/// on a bad address, unsupported where TLS is missing. An alert that is not taken (no answer in ten seconds,
/// or a status that may pass, as 503) is tried once more after a second; then, and if it is refused, it is an
/// error of the run. The address is told to nobody: it is the secret of a webhook.
[[nodiscard]] inline std::function<void(const Alert&)> webhook(std::string_view address) {
    const WebOptions options{.attempts = 2, .first_wait_s = 1, .patience_s = 10};
    const auto to = detail::web_address(address);
    if (!to) detail::raise(to.error());
    if (const auto client = detail::WebClient::open({to->server, ""}, options); !client)
        detail::raise(client.error());
    return [to = *to, options](const Alert& alert) {
        const std::string text = alert.title + (alert.text.empty() ? "" : ": " + alert.text);
        const nlohmann::json message = {{"text", text},
                                        {"title", alert.title},
                                        {"level", to_string(alert.level)},
                                        {"project", alert.project},
                                        {"run", alert.run},
                                        {"step", alert.step},
                                        {"time_ms", alert.time_ns / detail::ns_per_ms}};
        const std::string body = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        const auto answer = detail::WebClient::open({to.server, ""}, options)->send("POST", to.path, body);
        const std::string why = answer ? "status " + std::to_string(answer->status) : answer.error().tried();
        if (answer && answer->is_good()) return;
        detail::raise({errc::io, "the webhook did not take an alert: " + why, alert.title,
                       "see whether its server is there"});
    };
}

}  // namespace CAIRN_NAMESPACE
