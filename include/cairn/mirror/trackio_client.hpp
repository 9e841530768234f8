// SPDX-License-Identifier: MIT
#pragma once
// Trackio's server, by HTTP. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/json_in.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/trackio_media.hpp>
#include <cairn/mirror/trackio_records.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/mirror/web_files.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::trackio {

/// What a server of Trackio's takes (api_version 1; trackio 0.43).
class Server {
  public:
    static constexpr std::size_t most_records = 250;  // it does nothing else meanwhile

    /// `address` as TRACKIO_SERVER_URL has it: with `?write_token=…`, or $TRACKIO_WRITE_TOKEN is the token.
    /// Fails: invalid_argument; unsupported, for https without TLS.
    static result<Server> open(std::string_view address) {
        auto to = web_address(address);
        if (!to) return to.error();
        std::string token = os::sys::environment("TRACKIO_WRITE_TOKEN");
        constexpr std::string_view key = "write_token=";
        const std::size_t question = to->path.find('?');
        if (question != std::string::npos) {
            const std::size_t from = to->path.find(key, question);
            if (from != std::string::npos) {
                const std::size_t begin = from + key.size();
                token = to->path.substr(begin, to->path.find('&', begin) - begin);
            }
            to->path.resize(question);
        }
        WebOptions options;
        if (!token.empty()) options.headers.emplace("X-Trackio-Write-Token", token);
        auto web = WebClient::open(std::move(*to), std::move(options));
        if (!web) return web.error();
        return Server{std::move(*web)};
    }

    /// Sees whether it is one. Fails: unsupported, if it speaks another way; io, if it is none.
    result<void> open() {
        if (is_known_) return {};
        const auto answer = web_.send("GET", "/version");
        if (!answer) return answer.error();
        const nlohmann::json said = object_of(*answer);
        if (!answer->is_good() || !said.contains("api_version")) {
            return no_trackio("version");
        }
        if (said["api_version"] != 1) {
            return error{errc::unsupported,
                         "this Trackio takes other requests than we know: api_version " +
                             json_text(said["api_version"]),
                         web_.address(), "mirror to its inbox: trackio"};
        }
        is_known_ = true;
        return {};
    }
    result<void> send(const Batch& batch, std::uint64_t) {
        const std::pair<const char*, const std::vector<nlohmann::json>*> all[] = {
            {"bulk_log", &batch.metrics}, {"bulk_log_system", &batch.samples}, {"bulk_alert", &batch.alerts}};
        for (const auto& [name, records] : all) {
            if (records->empty()) continue;
            const char* const what = records == &batch.alerts ? "alerts" : "logs";
            if (auto told = call(name, {{what, *records}}); !told) return told.error();
        }
        return {};
    }
    result<void> store(const Place& place, const RowMedia& media, std::int64_t step) {
        return bring("bulk_upload_media", web_body(media.bytes), media.file,
                     {{"project", place.project},
                      {"run", place.run_id},
                      {"run_id", place.run_id},
                      {"step", step},
                      {"relative_path", nullptr}},
                     {});
    }
    result<void> send_version(const Place& place, const Store& store, const LeasedVersion& one) {
        const Manifest& version = one.manifest;
        if (auto typed = check_type(place, version); !typed) return typed;
        nlohmann::json manifest = nlohmann::json::array(), digests = nlohmann::json::array();
        std::map<std::string, const FileEntry*> files;
        for (const FileEntry& file : version.files) {
            if (!file.is_stored()) {
                manifest.push_back(
                    {{"path", file.path}, {"digest", file.reference}, {"size", 0}, {"ref", file.reference}});
                continue;
            }
            const auto digest = digest_of(store, file);
            if (!digest) return digest.error();
            manifest.push_back({{"path", file.path}, {"digest", *digest}, {"size", file.size}});
            if (files.emplace(*digest, &file).second) digests.push_back(*digest);
        }
        const auto known = call("check_artifact_blobs", {{"project", place.project}, {"digests", digests}});
        if (!known) return known.error();
        if (known->is_object() && known->contains("present")) {
            for (const nlohmann::json& there : (*known)["present"]) {
                if (there.is_string()) files.erase(there.get<std::string>());
            }
        }
        for (const auto& [digest, file] : files) {
            if (auto sent = send_blob(place, store, *file, digest); !sent) return sent;
        }
        nlohmann::json metadata = version.metadata.is_object() ? version.metadata : nlohmann::json::object();
        std::string key = "cairn";
        while (metadata.contains(key)) key += '_';
        metadata[key] = about_of(version);
        nlohmann::json aliases = nlohmann::json::array({alias_of(version)});
        for (std::string& alias : one.own_aliases()) aliases.push_back(std::move(alias));
        // Without one, that of the artifact stays as it is.
        const nlohmann::json description =
            version.description.empty() ? nlohmann::json() : nlohmann::json(as_utf8(version.description));
        const auto told = call("artifact_log", {{"project", place.project},
                                                {"name", version.artifact},
                                                {"type", version.type},
                                                {"description", description},
                                                {"metadata", std::move(metadata)},
                                                {"manifest", std::move(manifest)},
                                                {"aliases", std::move(aliases)},
                                                {"run_name", place.run},
                                                {"run_id", place.run_id}});
        return told ? result<void>{} : told.error();
    }
    /// That the run has used a version, which must be there.
    result<void> tell_use(const Place& place, const LeasedVersion& one) {
        const std::string called = one.manifest.artifact + ":" + one.manifest.label();
        const auto found = call(
            "get_artifact_manifest",
            {{"project", place.project}, {"name", one.manifest.artifact}, {"spec", alias_of(one.manifest)}});
        if (!found) return found.error();
        // Another store's version may have taken the alias.
        const bool is_it = found->is_object() && found->contains("version_id") &&
                           found->contains("metadata") &&
                           has_value((*found)["metadata"], about_of(one.manifest));
        if (!is_it) {
            return error{errc::not_found, "Trackio does not have an artifact that the run has used", called,
                         "mirror the run that made it, and this one again"};
        }
        const auto told = call("log_artifact_use", {{"project", place.project},
                                                    {"version_id", (*found)["version_id"]},
                                                    {"run_name", place.run},
                                                    {"run_id", place.run_id}});
        return told ? result<void>{} : told.error();
    }
    /// "https://host:port/path".
    [[nodiscard]] std::string address() const { return web_.address(); }

  private:
    explicit Server(WebClient web) : web_{std::move(web)} {}

    [[nodiscard]] error no_trackio(const std::string& asked) const {
        return {errc::io, "what answers is no Trackio: " + asked, web_.address(),
                "see whether the address is that of its dashboard"};
    }
    /// Trackio numbers versions itself; so ours can be found.
    [[nodiscard]] static std::string alias_of(const Manifest& version) { return "cairn-" + version.label(); }
    /// What tells a version from all others.
    [[nodiscard]] static nlohmann::json about_of(const Manifest& version) {
        nlohmann::json about = {{"version", version.label()},
                                {"project", version.project},
                                {"run", version.run},
                                {"created_ms", version.created_ns / ns_per_ms}};
        if (version.step) about["step"] = *version.step;
        if (!version.metrics.empty()) about["metrics"] = version.metrics;
        return about;
    }
    [[nodiscard]] static bool has_value(const nlohmann::json& object, const nlohmann::json& value) {
        return object.is_object() && std::find(object.begin(), object.end(), value) != object.end();
    }
    /// Trackio's answer to another type is that of a failure, which would be waited for.
    result<void> check_type(const Place& place, const Manifest& version) {
        const auto found = call("get_artifact_manifest",
                                {{"project", place.project}, {"name", version.artifact}, {"spec", "latest"}});
        if (!found) return found.error();
        const bool is_other =
            found->is_object() && found->contains("type") && (*found)["type"] != version.type;
        if (!is_other) return {};
        return error{errc::invalid_argument, "Trackio has an artifact of this name and of another type",
                     version.artifact + ":" + version.label(), ""};
    }
    [[nodiscard]] static nlohmann::json object_of(const WebAnswer& answer) {
        nlohmann::json said = json_in(answer.body);
        return said.is_object() ? said : nlohmann::json::object();
    }
    /// What it answers. Fails: permission; invalid_argument, if it refuses; unsupported, if it knows no such
    /// request; io.
    result<nlohmann::json> call(const std::string& name, nlohmann::json arguments) {
        arguments["hf_token"] = nullptr;
        return checked(name, web_.send("POST", "/api/" + name, json_text({{"kwargs", std::move(arguments)}})),
                       "data");
    }
    [[nodiscard]] result<nlohmann::json> checked(const std::string& name, const result<WebAnswer>& answer,
                                                 const char* part) const {
        if (!answer) return answer.error();
        nlohmann::json said = object_of(*answer);
        if (answer->is_good() && said.contains(part)) return std::move(said[part]);
        if (answer->is_good()) {
            return no_trackio(name);
        }
        constexpr std::size_t most = 500;
        const bool is_its_own = said.contains("error") && said["error"].is_string();
        const std::string why =
            is_its_own ? one_line(said["error"].get_ref<const std::string&>(), most) : std::string{};
        const std::string tried =
            "Trackio refuses " + name + " (status " + std::to_string(answer->status) + "): " + why;
        if (why.find("write_token") != std::string::npos || answer->status == 401 || answer->status == 403)
            return error{errc::permission, tried, web_.address(), "set TRACKIO_WRITE_TOKEN"};
        const bool is_refused = answer->status == 400 && is_its_own;
        return error{is_refused                            ? errc::invalid_argument
                     : answer->status == 404 && is_its_own ? errc::unsupported
                                                           : errc::io,
                     tried, web_.address(), ""};
    }
    /// Sends a file, as a form does; where it is there.
    result<std::string> upload(const WebBody& body) {
        const std::string boundary = "cairn" + os::random_hex(32);
        const std::string head = "--" + boundary +
                                 "\r\nContent-Disposition: form-data; name=\"files\"; filename=\"file\"\r\n"
                                 "Content-Type: application/octet-stream\r\n\r\n";
        const auto answer = web_.send({.method = "POST",
                                       .path = "/api/upload",
                                       .type = "multipart/form-data; boundary=" + boundary,
                                       .body = enclosed(head, body, "\r\n--" + boundary + "--\r\n")});
        const auto paths = checked("upload", answer, "paths");
        if (!paths) return paths.error();
        if (!paths->is_array() || paths->size() != 1 || !paths->front().is_string())
            return no_trackio("upload");
        return paths->front().get<std::string>();
    }
    /// Sends a file, and then says what it is. An answer that is lost takes the file with it, so that the
    /// second time the server does not know it: then all of it is done again.
    result<void> bring(const char* name, const WebBody& body, const std::string& called, nlohmann::json what,
                       nlohmann::json arguments) {
        constexpr int attempts = 5;
        for (int i = 1;; ++i) {
            const auto path = upload(body);
            if (!path) return path.error();
            what["uploaded_file"] = {{"path", *path}, {"orig_name", called}};
            arguments["uploads"] = nlohmann::json::array({what});
            const auto told = call(name, arguments);
            if (told) return {};
            if (told.error().code() != errc::invalid_argument || i == attempts) return told.error();
            web_.wait(i);
        }
    }
    result<void> send_blob(const Place& place, const Store& store, const FileEntry& file,
                           const std::string& digest) {
        WebFiles files{store, file};
        auto sent = bring("bulk_upload_artifact_blob", files.body(), digest,
                          {{"project", place.project}, {"digest", digest}}, {{"project", place.project}});
        return files.failed() ? result<void>{*files.failed()} : std::move(sent);
    }
    /// Of a whole file, also if it is kept in pieces.
    [[nodiscard]] static result<std::string> digest_of(const Store& store, const FileEntry& file) {
        if (!file.digest.empty()) return file.digest;
        WebFiles files{store, file};
        Sha256 hash;
        const bool is_read =
            read_all(files.body(), [&](std::span<const std::byte> bytes) { hash.update(bytes); });
        if (!is_read) return files.failed().value_or(error{errc::io, "a file cannot be read", file.path, ""});
        return hash.finish().hex();
    }

    WebClient web_;
    bool is_known_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail::trackio
