// SPDX-License-Identifier: MIT
#pragma once
// MLflow's tracking server, by its REST interface. Opt-in: costs cpp-httplib.

#include <cairn/core/base64.hpp>
#include <cairn/core/error.hpp>
#include <cairn/mirror/ini.hpp>
#include <cairn/mirror/json_in.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// How MLflow's own client would come to a server: its user and password, or its token, and its certificates,
/// from MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN, _INSECURE_TLS, _SERVER_CERT_PATH, _CLIENT_CERT_PATH and
/// ~/.mlflow/credentials.
[[nodiscard]] inline WebOptions web_options() {
    const auto variable = [](const char* name) { return os::sys::environment(name); };
    std::string user = variable("MLFLOW_TRACKING_USERNAME"), password = variable("MLFLOW_TRACKING_PASSWORD");
    const std::string home = variable("HOME").empty() ? variable("USERPROFILE") : variable("HOME");
    if (user.empty() && password.empty() && !home.empty()) {
        constexpr std::size_t most = 65536;
        if (const auto text = read_file(os::path_of(home) / ".mlflow" / "credentials", most)) {
            user = ini_value(*text, "mlflow", "mlflow_tracking_username");
            password = ini_value(*text, "mlflow", "mlflow_tracking_password");
        }
    }
    WebOptions options;
    const std::string token = variable("MLFLOW_TRACKING_TOKEN");
    if (!user.empty() && !password.empty())
        options.authorization = "Basic " + to_base64(user + ":" + password);
    else if (!token.empty())
        options.authorization = "Bearer " + token;
    options.verify = variable("MLFLOW_TRACKING_INSECURE_TLS") != "true";
    options.ca_file = variable("MLFLOW_TRACKING_SERVER_CERT_PATH");
    options.client_certificate = variable("MLFLOW_TRACKING_CLIENT_CERT_PATH");
    return options;
}

/// What a server answers, and why it refuses.
class Client {
  public:
    /// `address` as MLFLOW_TRACKING_URI has it. Fails: invalid_argument; unsupported, for https without TLS.
    static result<Client> open(std::string_view address, WebOptions options) {
        auto to = web_address(address);
        if (!to) return to.error();
        auto web = WebClient::open(std::move(*to), std::move(options));
        if (!web) return web.error();
        return Client{std::move(*web)};
    }

    /// Each returns the object that was answered. Fails: not_found, permission, invalid_argument, as it was
    /// refused, with the server's own words; io, if it was not taken, or if something else than MLflow
    /// answers.
    result<nlohmann::json> get(const std::string& what) {
        return checked("GET", what, web_.send("GET", path_of(what)));
    }
    result<nlohmann::json> post(const std::string& what, const nlohmann::json& body) {
        return checked("POST", what, web_.send("POST", path_of(what), json_text(body)));
    }
    result<nlohmann::json> patch(const std::string& what, const nlohmann::json& body) {
        return checked("PATCH", what, web_.send("PATCH", path_of(what), json_text(body)));
    }
    /// Makes something that must not be made twice, though an answer is lost: before each attempt but the
    /// first, `find()` looks whether it is there.
    template <class Find>
    result<nlohmann::json> make(const std::string& what, const nlohmann::json& body, Find&& find) {
        constexpr int attempts = 5;
        for (int i = 1;; ++i) {
            auto made = checked("POST", what, web_.send_once("POST", path_of(what), json_text(body)));
            if (made || made.error().code() != errc::io || i == attempts) return made;
            web_.wait(i);
            auto found = find();
            if (!found || !found->is_null()) return found;
        }
    }
    /// Stores a file among a run's or a model's, whose folder `artifact_uri` names. Fails: unsupported, if
    /// the server does not take them itself.
    result<void> upload(const std::string& artifact_uri, const std::string& file, const WebBody& body) {
        constexpr std::string_view scheme = "mlflow-artifacts:";
        std::string folder = artifact_uri;
        const auto elsewhere = [&] {
            return error{errc::unsupported,
                         "the server keeps artifacts where only MLflow's own client brings them",
                         artifact_uri, "let it serve them: mlflow server --serve-artifacts"};
        };
        if (!folder.starts_with(scheme)) return elsewhere();
        folder.erase(0, scheme.size());
        if (folder.starts_with("//")) {  // a host: what we know goes to ours only
            const std::size_t slash = std::min(folder.find('/', 2), folder.size());
            if (slash != 2 && folder.substr(2, slash - 2) != web_.host()) return elsewhere();
            folder.erase(0, slash);
        }
        const std::string path =
            "/api/2.0/mlflow-artifacts/artifacts" + web_escaped_path(folder + "/" + file);
        const auto answer =
            web_.send({.method = "PUT", .path = path, .type = "application/octet-stream", .body = body});
        if (answer && answer->is_good() && answer->body.empty()) return {};  // newer servers say no more
        const auto done = checked("PUT", "artifacts", answer);
        return done ? result<void>{} : done.error();
    }
    /// "https://host:port/path".
    [[nodiscard]] std::string address() const { return web_.address(); }

  private:
    explicit Client(WebClient web) : web_{std::move(web)} {}

    [[nodiscard]] static std::string path_of(const std::string& what) { return "/api/2.0/mlflow/" + what; }
    [[nodiscard]] result<nlohmann::json> checked(const char* method, const std::string& what,
                                                 const result<WebAnswer>& answer) const {
        const std::string asked = std::string{method} + " " + what.substr(0, what.find('?'));
        if (!answer) return answer.error();
        nlohmann::json said = json_in(answer->body);
        if (answer->is_good()) {
            if (said.is_object()) return said;
            return error{errc::io, "what answers is no MLflow: " + asked, web_.address(),
                         "see whether the address is that of the tracking server"};
        }
        return refused(answer->status, asked, answer->body, said);
    }
    [[nodiscard]] error refused(int status, const std::string& asked, const std::string& body,
                                const nlohmann::json& said) const {
        constexpr std::size_t most = 500;
        const bool has_words = said.is_object() && said.contains("message") && said["message"].is_string();
        const std::string why =
            one_line(has_words ? said["message"].get_ref<const std::string&>() : body, most);
        const std::string tried =
            "MLflow refuses " + asked + " (status " + std::to_string(status) + "): " + why;
        if (status == 403 && body.find("Invalid Host") != std::string::npos) {
            return {errc::permission, tried, web_.address(),
                    "start the server with --allowed-hosts " + web_.host()};
        }
        if (status == 401 || status == 403) {
            return {errc::permission, tried, web_.address(),
                    "set MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN"};
        }
        // Only MLflow itself can say that a thing is wrong; what stands before it may say anything for a
        // while.
        const bool has_code =
            said.is_object() && said.contains("error_code") && said["error_code"].is_string();
        const std::string code = has_code ? said["error_code"].get<std::string>() : std::string{};
        const bool is_refused = (status == 400 && !code.empty()) || status == 413;
        return {code == "RESOURCE_ALREADY_EXISTS" ? errc::already_exists
                : status == 404                   ? errc::not_found
                : is_refused                      ? errc::invalid_argument
                                                  : errc::io,
                tried, web_.address(), ""};
    }

    WebClient web_;
};

}  // namespace CAIRN_NAMESPACE::detail::mlflow
