// SPDX-License-Identifier: MIT
#pragma once
// Artifacts: named, typed, versioned, immutable sets of files. Costs nlohmann/json.

#include <cairn/run/version.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/run/run.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What is to become a version of an artifact: files, bytes and references under paths of their own. Nothing
/// is read or copied before `run.log_artifact`.
template <class Json = nlohmann::json>
class BasicArtifact {
  public:
    /// Throws `errc::invalid_name`. `type` is any word: "dataset", "model", …
    BasicArtifact(std::string name, std::string type) : name_{std::move(name)}, type_{std::move(type)} {
        detail::check_name("artifact", name_).value();
        detail::check_name("artifact type", type_).value();
    }

    /// Adds a file, under its own file name or under `as`. Throws `errc::not_found` if it is not there.
    BasicArtifact& add_file(const std::filesystem::path& file, std::string as = {}) {
        const auto status = detail::os::status(file).value();
        if (!status.is_file) {
            detail::raise({errc::not_found, "there is no such file to add", file.string(), "check the path"});
        }
        return add(as.empty() ? file.filename().generic_string() : std::move(as), {.file = file});
    }
    /// Adds every file below a folder, under its path in it (below `prefix`, if given). Links are not
    /// followed.
    BasicArtifact& add_dir(const std::filesystem::path& dir, const std::string& prefix = {}) {
        const auto names = detail::os::list_dir(dir).value();
        for (const std::string& name : names) {
            std::string inside = prefix;
            if (!inside.empty()) inside += '/';
            inside += name;
            const auto path = dir / detail::os::path_of(name);
            const auto status = detail::os::status(path, detail::os::Links::refuse).value();
            if (status.is_dir) {
                add_dir(path, inside);
            } else if (status.is_file) {
                add(inside, {.file = path});
            }
        }
        return *this;
    }
    /// Adds bytes as a file; they are copied now.
    BasicArtifact& add_bytes(std::string as, std::span<const std::byte> bytes) {
        return add(std::move(as), {.bytes{reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
    }
    /// Adds a text as a file; it is copied now.
    BasicArtifact& add_bytes(std::string as, std::string_view bytes) {
        return add(std::move(as), {.bytes = std::string{bytes}});
    }
    /// Adds a URI that is recorded and never fetched.
    BasicArtifact& add_reference(const std::string& uri, std::string as = {}) {
        if (uri.empty()) {
            detail::raise({errc::invalid_argument, "a reference needs a URI", as, "write where the data is"});
        }
        if (as.empty()) as = uri.substr(uri.find_last_of('/') + 1);
        return add(std::move(as), {.reference = uri});
    }

    Json metadata = Json::object();  ///< anything to be kept with the version
    std::string description = {};    ///< in words, for people

    /// The artifact's name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Its type, as it was given.
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

    /// Copies and hashes the files into a store, as the files of `draft`.
    [[nodiscard]] result<std::vector<StagedFile>> stage(const Store& store, Manifest& draft) const {
        std::vector<StagedFile> staged;
        for (const auto& [path, content] : entries_) {
            if (!content.reference.empty()) {
                draft.files.push_back({path, 0, {}, content.reference});
                continue;
            }
            auto object = content.file.empty() ? stage_bytes(store, detail::bytes_of(content.bytes))
                                               : stage_file(store, content.file);
            if (!object) return object.error();
            staged.push_back({path, std::move(*object)});
        }
        return staged;
    }

  private:
    /// What a file of the artifact is made of: one of the three.
    struct Content {
        std::filesystem::path file{};
        std::string reference{};
        std::string bytes{};
    };

    BasicArtifact& add(std::string path, Content content) {
        detail::check_relative_path(path).value();
        for (const auto& [known, any] : entries_) {
            if (known == path) {
                detail::raise({errc::already_exists, "the artifact has a file of this path", path,
                               "give it another path"});
            }
        }
        entries_.emplace_back(std::move(path), std::move(content));
        return *this;
    }

    std::string name_, type_;
    std::vector<std::pair<std::string, Content>> entries_;
};
using Artifact = BasicArtifact<>;

/// A version of an artifact that exists: what it holds, and how to get at it.
template <class Json = nlohmann::json>
class BasicStoredArtifact {
  public:
    /// What logging gives where nothing is recorded: it has no files, and `exists` is false.
    BasicStoredArtifact() = default;
    /// A version that a store has; for `run.log_artifact` and `run.use_artifact`.
    BasicStoredArtifact(ArtifactStore store, Manifest manifest)
        : store_{std::move(store)}, manifest_{std::move(manifest)} {}

    /// False for what a disabled run "logged"; then `download`, `read` and `verify` fail with
    /// `errc::unsupported`.
    [[nodiscard]] bool exists() const noexcept { return store_.has_value(); }
    /// The artifact's name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return manifest_.artifact; }
    /// Its type: "dataset", "model", …
    [[nodiscard]] const std::string& type() const noexcept { return manifest_.type; }
    /// The version's number; `v3` is 3.
    [[nodiscard]] std::uint64_t version() const noexcept { return manifest_.version; }
    /// "v3".
    [[nodiscard]] std::string label() const { return manifest_.label(); }
    /// What was kept with the version; an object.
    [[nodiscard]] const Json& metadata() const noexcept { return manifest_.metadata; }
    /// Its files and references, with sizes in bytes and digests.
    [[nodiscard]] const std::vector<FileEntry>& files() const noexcept { return manifest_.files; }
    /// All that is known of the version.
    [[nodiscard]] const Manifest& manifest() const noexcept { return manifest_; }
    /// The folder that shows the files under their own names; read them, do not change them.
    [[nodiscard]] std::filesystem::path path() const {
        return store_ ? store_->plain_path(manifest_.version) : std::filesystem::path{};
    }

    /// Copies the files into a folder, verified, and returns it. Throws `errc::not_found`, `errc::corrupt`,
    /// or what the disk says. References are not fetched.
    std::filesystem::path download(const std::filesystem::path& to) const {
        stored().download(manifest_, to).value();
        return to;
    }
    /// A file's bytes, verified. Throws `errc::not_found`, `errc::corrupt`.
    [[nodiscard]] std::string read(std::string_view file) const {
        return stored().read(manifest_, file).value();
    }
    /// Hashes every file. Fails: not_found, corrupt.
    [[nodiscard]] result<void> verify() const { return stored().verify(manifest_); }
    /// Points an alias to this version. Throws `errc::invalid_name`.
    void add_alias(const std::string& alias) const {
        if (store_) store_->set_alias(alias, manifest_.version).value();
    }

  private:
    [[nodiscard]] const ArtifactStore& stored() const {
        if (!store_) {
            detail::raise({errc::unsupported, "this artifact was logged by a run that records nothing", "",
                           "unset CAIRN_MODE=disabled, or ask exists() first"});
        }
        return *store_;
    }

    std::optional<ArtifactStore> store_;
    Manifest manifest_;
};
using StoredArtifact = BasicStoredArtifact<>;

namespace detail {

/// Throws if the run has ended.
template <class = void>
[[nodiscard]] bool records(const std::shared_ptr<RunCore>& core, const char* tried) {
    if (core == nullptr || core->is_detached()) return false;
    core->check_open(tried);
    return true;
}

/// Remembers in the run's record that it made or used a version. The version exists: a record that cannot be
/// written is a failure of the run, not of the call.
template <class Json = nlohmann::json>
void link_artifact(RunCore& core, const char* list, const Manifest& manifest) {
    const auto recorded = core.try_describe([&](Json& about) {
        const std::string label = manifest.artifact + ":" + manifest.label();
        for (const Json& known : about[list]) {
            if (known == label) return;
        }
        about[list].push_back(label);
    });
    if (!recorded) core.note_failure(recorded.error(), false);
}

/// Commits a draft and returns what is there then.
template <class = void>
StoredArtifact commit_artifact(RunCore& core, const std::string& name, const std::string& type,
                               Manifest draft, std::vector<StagedFile> staged, const CommitOptions& options) {
    const auto store = ArtifactStore::open(core.store(), core.options().project, name, type).value();
    draft.run = core.options().id;
    auto committed = store.commit(std::move(draft), std::move(staged), options).value();
    for (const error& warning : committed.warnings) core.note_failure(warning, false);
    link_artifact(core, "logged_artifacts", committed.manifest);
    return {store, std::move(committed.manifest)};
}

}  // namespace detail

template <class T>
template <class A>
auto BasicRun<T>::log_artifact(const A& artifact, std::initializer_list<std::string_view> aliases) {
    static_assert(std::same_as<A, Artifact>, "cairn: log_artifact takes a cairn::Artifact");
    if (!detail::records(core_, "logging an artifact")) return StoredArtifact{};
    detail::RunCore& core = *core_;
    Manifest draft;
    draft.metadata = artifact.metadata;
    draft.description = artifact.description;
    auto staged = artifact.stage(core.store(), draft).value();
    CommitOptions options{.skip_identical = true};
    for (const std::string_view alias : aliases) options.aliases.emplace_back(alias);
    return detail::commit_artifact(core, artifact.name(), artifact.type(), std::move(draft),
                                   std::move(staged), options);
}

template <class T>
template <class Text>
auto BasicRun<T>::use_artifact(const Text& spec) {
    if (!detail::records(core_, "using an artifact")) {
        detail::raise({errc::unsupported, "use_artifact needs a run that records: it has no store to look in",
                       "", "unset CAIRN_MODE=disabled, or ask run.disabled() first"});
    }
    detail::RunCore& core = *core_;
    (void)core.saver().drain();  // what this run saved a moment ago is there
    const std::string_view text{spec};
    const std::size_t colon = text.rfind(':');
    const std::string name{text.substr(0, colon)};
    const std::string label{colon == std::string_view::npos ? "latest" : text.substr(colon + 1)};
    const auto store = ArtifactStore::open(core.store(), core.options().project, name).value();
    StoredArtifact found{store, store.resolve(label).value()};
    detail::link_artifact(core, "used_artifacts", found.manifest());
    return found;
}

template <class T>
template <class... Parts>
auto BasicRun<T>::log_model(std::string_view name, const Parts&... parts) {
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return StoredArtifact{};
    } else {
        if (!detail::records(core_, "logging a model")) return StoredArtifact{};
        detail::RunCore& core = *core_;
        detail::check_parts(parts...).value();
        detail::ObjectBatch batch;
        const auto put = [&](std::string_view file, std::span<const std::byte> bytes) {
            return batch.write(core.store(), file, bytes);
        };
        (detail::encode(parts, put).value(), ...);
        auto staged = batch.finish().value();
        return detail::commit_artifact(core, std::string{name}, "model", {}, std::move(staged),
                                       CommitOptions{.skip_identical = true});
    }
}

}  // namespace CAIRN_NAMESPACE
