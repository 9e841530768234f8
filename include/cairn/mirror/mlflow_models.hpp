// SPDX-License-Identifier: MIT
#pragma once
// Versions of artifacts in MLflow: models as logged models, and versions of a registered one if that is
// wanted; others as files of the run. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mlflow_about.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mlflow_client.hpp>
#include <cairn/mirror/mlflow_files.hpp>
#include <cairn/mirror/mlflow_names.hpp>
#include <cairn/mirror/mlflow_runs.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_files.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// A version that a run has used, as one of its inputs.
[[nodiscard]] inline nlohmann::json dataset_of(const RecordedRun& run, const LeasedVersion& one) {
    constexpr std::size_t most_digest = 36;
    const std::string name = one.artifact.name() + ":" + one.manifest.label();
    return {{"tags", nlohmann::json::array({{{"key", "mlflow.data.context"}, {"value", "training"}}})},
            {"dataset",
             {{"name", name},
              {"digest", one.manifest.content_digest().substr(0, most_digest)},
              {"source_type", "cairn"},
              {"source", json_text({{"uri", "cairn:" + run.project() + "/" + name}})}}}};
}

/// Sends versions of a run's artifacts. What was sent before and is sent again is there once.
class VersionSender {
  public:
    /// All must live as long. `register_as` is empty, or the registered model that models become versions of.
    VersionSender(Client& client, const Store& store, const Place& place, const std::string& run,
                  const std::string& register_as)
        : client_{client}, store_{store}, place_{place}, run_{run}, register_as_{register_as} {}

    /// What the server refuses of it is reported. Fails: unsupported, if it takes no files; as it does.
    result<void> send(const LeasedVersion& one, LeftOut& left_out) const {
        const std::string folder = "artifacts/" + one.artifact.name() + "/" + one.manifest.label();
        if (one.manifest.type != "model") return send_files(place_.artifact_uri, folder + "/", one, left_out);
        const auto model = model_of(one);
        if (!model) return model.error();
        if (model->is_null()) {  // a server before 3.0
            if (auto sent = send_files(place_.artifact_uri, folder + "/", one, left_out); !sent) return sent;
            return register_version(one, place_.artifact_uri + "/" + folder, "", left_out);
        }
        const std::string id = text_in(*model, "/info/model_id");
        if (text_in(*model, "/info/status") != ready_name) {
            if (auto sent = send_files(text_in(*model, "/info/artifact_uri"), "", one, left_out); !sent)
                return sent;
            constexpr int ready = 2;
            const auto told =
                client_.patch("logged-models/" + web_escaped(id), {{"model_id", id}, {"status", ready}});
            if (!told) return told.error();
        }
        if (auto told = tell_output(id, one.manifest.step.value_or(0)); !told) return told;
        return register_version(one, "models:/" + id, id, left_out);
    }

  private:
    static constexpr const char* ready_name = "LOGGED_MODEL_READY";

    [[nodiscard]] std::string key_of(const LeasedVersion& one) const {
        return run_ + " " + one.artifact.name() + ":" + one.manifest.label();
    }
    [[nodiscard]] std::map<std::string, std::string> tags_of(const LeasedVersion& one) const {
        std::map<std::string, std::string> tags;
        constexpr std::size_t most = 5000;
        const auto put = [&](const char* prefix, const nlohmann::json& of) {
            if (!of.is_object()) return;
            for (const auto& [key, value] : of.items()) {
                const std::string text = parameter_of(value);
                if (text.size() <= most) tags[tag_name(prefix + key)] = text;
            }
        };
        put("metric.", one.manifest.metrics);
        put("", one.manifest.metadata);
        tags["cairn.key"] = key_of(one);
        tags["cairn.artifact"] = one.artifact.name();
        tags["cairn.version"] = one.manifest.label();
        tags["cairn.digest"] = one.manifest.content_digest();
        if (one.manifest.step) tags["cairn.step"] = std::to_string(*one.manifest.step);
        return tags;
    }
    /// The logged model that a version is; made if there is none. Null, if the server knows no logged models.
    [[nodiscard]] result<nlohmann::json> model_of(const LeasedVersion& one) const {
        const auto find = [&]() -> result<nlohmann::json> {
            const auto found = client_.post("logged-models/search",
                                            {{"experiment_ids", nlohmann::json::array({place_.experiment})},
                                             {"filter", "tags.`cairn.key` = " + quote(key_of(one))},
                                             {"max_results", 1}});
            if (!found) return found.error();
            const nlohmann::json models = list_in(*found, "/models");
            return models.empty() ? nlohmann::json() : models.front();
        };
        auto found = find();
        if (!found && found.error().code() == errc::not_found) return nlohmann::json();
        if (!found || !found->is_null()) return found;
        std::string name = one.artifact.name() + "-" + one.manifest.label();
        std::replace(name.begin(), name.end(), '.', '_');  // which a name there may not have
        auto made = client_.make("logged-models",
                                 {{"experiment_id", place_.experiment},
                                  {"name", name},
                                  {"model_type", "cairn"},
                                  {"source_run_id", run_},
                                  {"tags", key_values(tags_of(one))}},
                                 find);
        if (!made) return made.error();
        return made->contains("model") ? std::move((*made)["model"]) : std::move(*made);
    }
    /// Says that the run has made a model. The server refuses to be told twice.
    result<void> tell_output(const std::string& model, std::int64_t step) const {
        const nlohmann::json outputs = nlohmann::json::array({{{"model_id", model}, {"step", step}}});
        const auto told = client_.post("runs/outputs", {{"run_id", run_}, {"models", outputs}});
        if (told) return {};
        const auto there = get_run(client_, run_);
        if (!there) return there.error();
        for (const nlohmann::json& one : list_in(*there, "/outputs/model_outputs")) {
            if (text_in(one, "/model_id") == model) return {};
        }
        return told.error();
    }
    result<void> send_files(const std::string& uri, const std::string& folder, const LeasedVersion& one,
                            LeftOut& left_out) const {
        for (const FileEntry& file : one.manifest.files) {
            if (!file.is_stored()) continue;
            WebFiles body{store_, file};
            auto sent = client_.upload(uri, folder + stored_path(file.path), body.body());
            if (body.failed()) return *body.failed();
            if (!sent && sent.error().code() != errc::invalid_argument) return sent;
            if (!sent) left_out.add({errc::unsupported, sent.error().tried(), folder + file.path, ""});
        }
        // With what stands nowhere else: references, metadata, where it came from. Under a name that is free.
        std::string name = "cairn-manifest.json";
        const auto has = [&](const FileEntry& file) {
            return file.path == name || file.path.starts_with(name + "/");
        };
        while (std::any_of(one.manifest.files.begin(), one.manifest.files.end(), has)) name.insert(0, "_");
        const std::string about =
            as_json(one.manifest, one.aliases).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
        return client_.upload(uri, folder + name, web_body(about));
    }
    result<void> register_version(const LeasedVersion& one, const std::string& source,
                                  const std::string& model, LeftOut& left_out) const {
        if (register_as_.empty()) return {};
        const auto named = client_.post("registered-models/create", {{"name", register_as_}});
        if (!named && named.error().code() != errc::already_exists) return named.error();
        const auto find = [&]() -> result<nlohmann::json> {
            const auto found =
                client_.get("model-versions/search?max_results=1000&filter=" +
                            web_escaped("name = " + quote(register_as_) + " and run_id = " + quote(run_)));
            if (!found) return found.error();
            for (const nlohmann::json& version : list_in(*found, "/model_versions")) {
                for (const nlohmann::json& tag : list_in(version, "/tags")) {
                    if (text_in(tag, "/key") == "cairn.key" && text_in(tag, "/value") == key_of(one))
                        return version;
                }
            }
            return nlohmann::json();
        };
        auto version = find();
        if (version && version->is_null()) {
            nlohmann::json wanted = {{"name", register_as_},
                                     {"source", source},
                                     {"run_id", run_},
                                     {"description", as_utf8(one.manifest.description)},
                                     {"tags", key_values(tags_of(one))}};
            if (!model.empty()) wanted["model_id"] = model;
            version = client_.make("model-versions/create", wanted, find);
            if (version && version->contains("model_version")) version = (*version)["model_version"];
        }
        if (!version) return version.error();
        for (const std::string& alias : one.own_aliases()) {
            const auto told = client_.post(
                "registered-models/alias",
                {{"name", register_as_}, {"alias", alias}, {"version", text_in(*version, "/version")}});
            if (!told && told.error().code() != errc::invalid_argument) return told.error();
            if (!told) left_out.add({errc::unsupported, told.error().tried(), alias, ""});
        }
        return {};
    }

    Client& client_;
    const Store& store_;
    const Place& place_;
    const std::string& run_;
    const std::string& register_as_;
};

}  // namespace CAIRN_NAMESPACE::detail::mlflow
