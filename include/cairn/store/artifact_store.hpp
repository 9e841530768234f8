// SPDX-License-Identifier: MIT
#pragma once
// The versions of one artifact: committing, finding, verifying, removing. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A file of a version that is about to be committed.
struct StagedFile {
    std::string path;
    StagedObject object;
};

struct CommitOptions {
    bool skip_identical = false;            ///< if the newest version has the same content, make none
    std::vector<std::string> aliases = {};  ///< to point to the version
};

struct Committed {
    Manifest manifest;
    bool created = true;               ///< false: it was the newest version already
    std::vector<error> warnings = {};  ///< the version is committed, but an alias or its plain path is not
};

struct Listing {
    std::vector<Manifest> versions;  ///< oldest first
    std::vector<error> damaged;      ///< of versions whose manifest cannot be read
};

/// One artifact of a project. A value that is cheap to copy. Commits, aliases and removals of a store take turns by an
/// OS lock. Threads: any.
class ArtifactStore {
  public:
    /// The artifact `name`; made if `type` is given. Fails: invalid_name, not_found, mismatch (it has another type).
    static result<ArtifactStore> open(const Store& store, const std::string& project, const std::string& name,
                                      const std::string& type = {}) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("artifact", name); !checked) return checked.error();
        ArtifactStore artifact{store, project, name};
        if (auto opened = artifact.open_record(type); !opened) return opened.error();
        return artifact;
    }

    /// Makes a version of a draft and its files: objects first, then the manifest in one atomic step, then aliases and
    /// the plain path. A kill or a failure at any moment leaves the versions before it whole. `draft.files` may hold
    /// references; project, artifact, type, version and (if 0) the time are filled in.
    result<Committed> commit(Manifest draft, std::vector<StagedFile> files, const CommitOptions& options = {}) const {
        for (const std::string& alias : options.aliases) {
            if (auto checked = check_alias(alias); !checked) return checked.error();
        }
        draft.project = project_;
        draft.artifact = name_;
        draft.type = type_;
        if (draft.created_ns == 0) draft.created_ns = detail::wall_ns();
        for (const StagedFile& file : files) {
            draft.files.push_back({file.path, file.object.size(), file.object.digest().hex(), {}});
        }
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (options.skip_identical && !numbers->empty()) {
            if (auto newest = get(numbers->back()); newest && newest->content_digest() == draft.content_digest()) {
                Committed same{std::move(*newest), false};
                set_aliases(same.manifest.version, options.aliases, same.warnings);
                return same;
            }
        }
        // The newest version is never removed, so this number was never given before.
        draft.version = numbers->empty() ? 0 : numbers->back() + 1;
        const auto text = to_text(draft);
        if (!text) return text.error();
        for (StagedFile& file : files) {
            if (auto installed = file.object.install(store_); !installed) return installed.error();
        }
        if (auto written = write_new(manifest_path(draft.version), *text); !written) return written.error();
        Committed done{std::move(draft)};
        set_aliases(done.manifest.version, options.aliases, done.warnings);
        if (auto shown = show(done.manifest); !shown) done.warnings.push_back(shown.error());
        return done;
    }

    /// A version's manifest. Fails: not_found, corrupt.
    [[nodiscard]] result<Manifest> get(std::uint64_t version) const {
        const std::filesystem::path path = manifest_path(version);
        const auto text = detail::read_file(path, max_manifest_bytes, detail::os::Links::refuse);
        if (!text && text.error().code() == errc::not_found) return no_version("v" + std::to_string(version));
        if (!text) return text.error();
        auto manifest = parse_manifest(*text, path.string());
        if (manifest && (manifest->version != version || manifest->artifact != name_)) {
            return error{errc::corrupt, "this is the manifest of another version", path.string(), "restore the right one"};
        }
        return manifest;
    }

    /// The version that "v3", "latest" (the newest) or an alias names. Fails: not_found, saying what there is.
    [[nodiscard]] result<Manifest> resolve(const std::string& label) const {
        if (const auto number = detail::parse_version_label(label)) return get(*number);
        if (label == "latest") {
            const auto numbers = versions();
            if (!numbers) return numbers.error();
            if (numbers->empty()) return no_version(label);
            return get(numbers->back());
        }
        const auto known = aliases();
        if (!known) return known.error();
        const auto named = known->find(label);
        return named == known->end() ? no_version(label) : get(named->second);
    }

    /// All versions; those whose manifest is damaged apart.
    [[nodiscard]] result<Listing> list() const {
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        Listing listing;
        for (const std::uint64_t number : *numbers) {
            auto manifest = get(number);
            if (manifest) {
                listing.versions.push_back(std::move(*manifest));
            } else if (manifest.error().code() != errc::not_found) {  // pruned by another process meanwhile
                listing.damaged.push_back(manifest.error());
            }
        }
        return listing;
    }

    /// The numbers of the versions that exist, ascending.
    [[nodiscard]] result<std::vector<std::uint64_t>> versions() const {
        std::vector<std::uint64_t> numbers;
        const auto names = detail::os::list_dir(dir_ / "versions");
        if (!names && names.error().code() == errc::not_found) return numbers;
        if (!names) return names.error();
        for (const std::string& name : *names) {
            if (!name.ends_with(".json")) continue;
            const auto number = detail::parse_version_label(std::string_view{name}.substr(0, name.size() - 5));
            if (number) numbers.push_back(*number);
        }
        std::sort(numbers.begin(), numbers.end());
        return numbers;
    }

    /// The aliases that were set, and the versions they name. "latest" is not among them: it is the newest version.
    [[nodiscard]] result<std::map<std::string, std::uint64_t>> aliases() const {
        std::map<std::string, std::uint64_t> out;
        const std::filesystem::path path = dir_ / "aliases.json";
        const auto text = detail::read_file(path, max_manifest_bytes);
        if (!text && text.error().code() == errc::not_found) return out;
        if (!text) return text.error();
        const auto all = nlohmann::json::parse(*text, nullptr, false);
        if (!all.is_object()) {
            return error{errc::corrupt, "the aliases of this artifact cannot be read", path.string(), "delete the file and set them anew"};
        }
        for (const auto& [alias, label] : all.items()) {
            const auto number = label.is_string() ? detail::parse_version_label(label.get<std::string>()) : std::nullopt;
            if (number) out[alias] = *number;
        }
        return out;
    }

    /// Points an alias to a version. Fails: not_found, invalid_name.
    result<void> set_alias(const std::string& alias, std::uint64_t version) const {
        if (auto checked = check_alias(alias); !checked) return checked;
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        if (const auto manifest = get(version); !manifest) return manifest.error();
        return change_aliases([&](auto& known) { known[alias] = version; });
    }
    result<void> remove_alias(const std::string& alias) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        return change_aliases([&](auto& known) { known.erase(alias); });
    }

    /// Hashes every object of a version. Fails: not_found, corrupt; at the first that is not whole.
    [[nodiscard]] result<void> verify(const Manifest& manifest) const {
        for (const FileEntry& file : manifest.files) {
            if (!file.reference.empty()) continue;
            if (auto whole = detail::verify_object(store_, file.digest); !whole) return whole;
        }
        return {};
    }

    /// A file's bytes, verified. Fails: not_found, corrupt.
    [[nodiscard]] result<std::string> read(const Manifest& manifest, std::string_view path) const {
        const FileEntry* file = manifest.find(path);
        if (file == nullptr || !file->reference.empty()) {
            return error{errc::not_found, manifest.label() + " of " + name_ + " holds no such file", std::string{path},
                         "see what it holds with: cairn show"};
        }
        auto bytes = detail::read_file(store_.object_path(file->digest), file->size + 1);
        if (bytes && sha256(std::as_bytes(std::span{*bytes})).hex() == file->digest) return bytes;
        if (auto whole = detail::verify_object(store_, file->digest); !whole) return whole.error();
        return bytes;
    }

    /// Copies every stored file of a version below `to`, each placed whole after it was verified. References are passed
    /// over. Fails: not_found, corrupt, or as the disk does; files placed before stay.
    [[nodiscard]] result<void> download(const Manifest& manifest, const std::filesystem::path& to) const {
        for (const FileEntry& file : manifest.files) {
            if (!file.reference.empty()) continue;
            const std::filesystem::path path = to / file.path;
            if (auto made = detail::os::make_dirs(path.parent_path()); !made) return made;
            detail::TempPath temp{path.parent_path() / ("." + detail::temp_name())};
            if (auto copied = copy_verified(file, temp.path()); !copied) return copied;
            if (auto placed = detail::os::rename_replace(temp.path(), path); !placed) return placed;
            temp.keep();
        }
        return {};
    }

    /// Removes a version: the manifest first, then its plain path, then the objects that no other version has. Fails:
    /// busy if an alias names it or it is the newest; not_found.
    result<void> remove(std::uint64_t version) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto manifest = get(version);
        if (!manifest) return manifest.error();
        const auto known = aliases();
        if (!known) return known.error();
        for (const auto& [alias, number] : *known) {
            if (number == version) return is_named(*manifest, alias);
        }
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (!numbers->empty() && numbers->back() == version) return is_named(*manifest, "latest");
        if (auto removed = detail::os::remove_file(manifest_path(version)); !removed) return removed;
        if (store_.durability() == Durability::power_loss) {
            if (auto synced = detail::os::sync_dir(dir_ / "versions"); !synced) return synced;
        }
        (void)detail::os::remove_tree(dir_, manifest->label());
        return remove_unused_objects(*manifest);
    }

    /// The folder that shows a version's files under their own names.
    [[nodiscard]] std::filesystem::path plain_path(std::uint64_t version) const {
        return dir_ / ("v" + std::to_string(version));
    }
    [[nodiscard]] const Store& store() const noexcept { return store_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

  private:
    static constexpr std::uint64_t max_manifest_bytes = std::uint64_t{256} << 20U;

    ArtifactStore(Store store, std::string project, std::string name)
        : store_{std::move(store)}, project_{std::move(project)}, name_{std::move(name)},
          dir_{store_.artifact_dir(project_, name_)} {}

    [[nodiscard]] std::filesystem::path manifest_path(std::uint64_t version) const {
        return dir_ / "versions" / ("v" + std::to_string(version) + ".json");
    }
    [[nodiscard]] std::filesystem::path record_path() const { return dir_ / "artifact.json"; }

    result<void> open_record(const std::string& type) {
        auto text = detail::read_file(record_path(), 1U << 20U);
        if (!text && text.error().code() == errc::not_found && !type.empty()) {
            if (auto made = detail::os::make_dirs(dir_ / "versions"); !made) return made;
            const nlohmann::json record = {{"format", 1}, {"name", name_}, {"type", type}};
            auto written = write_new(record_path(), record.dump() + "\n");
            if (!written && written.error().code() != errc::already_exists) return written;
            text = detail::read_file(record_path(), 1U << 20U);
        }
        if (!text && text.error().code() == errc::not_found) {
            return error{errc::not_found, "there is no such artifact in the project " + project_, name_,
                         "see which there are with: cairn ls"};
        }
        if (!text) return text.error();
        const auto record = nlohmann::json::parse(*text, nullptr, false);
        if (!record.is_object() || !record.contains("type") || !record["type"].is_string()) {
            return error{errc::corrupt, "the record of this artifact cannot be read", record_path().string(),
                         R"(write {"format":1,"name":…,"type":…} into it)"};
        }
        type_ = record["type"].get<std::string>();
        if (type.empty() || type == type_) return {};
        return error{errc::mismatch, "the artifact " + name_ + " is of type " + type_ + ", not " + type, dir_.string(),
                     "give this one another name, or use its type"};
    }

    result<void> write_new(const std::filesystem::path& path, std::string_view text) const {
        return detail::write_new_file_atomically(path, text, store_.durability(), store_.temp_dir());
    }

    static result<void> check_alias(const std::string& alias) {
        if (auto checked = detail::check_name("alias", alias); !checked) return checked;
        if (alias != "latest" && !detail::parse_version_label(alias)) return {};
        return error{errc::invalid_name, "an alias cannot be \"latest\" or look like a version", alias,
                     "\"latest\" is always the newest version; choose another word"};
    }

    template <class F>
    result<void> change_aliases(F&& change) const {
        auto known = aliases();
        if (!known) return known.error();
        change(*known);
        nlohmann::json all = nlohmann::json::object();
        for (const auto& [alias, number] : *known) all[alias] = "v" + std::to_string(number);
        return detail::write_file_atomically(dir_ / "aliases.json", all.dump() + "\n", store_.durability(), store_.temp_dir());
    }
    void set_aliases(std::uint64_t version, const std::vector<std::string>& wanted, std::vector<error>& warnings) const {
        if (wanted.empty()) return;
        auto set = change_aliases([&](auto& known) {
            for (const std::string& alias : wanted) known[alias] = version;
        });
        if (!set) warnings.push_back(set.error());
    }

    /// Shows the files under their own names: a hard link to the object, a copy where there are no links.
    [[nodiscard]] result<void> show(const Manifest& manifest) const {
        for (const FileEntry& file : manifest.files) {
            if (!file.reference.empty()) continue;
            const std::filesystem::path path = plain_path(manifest.version) / file.path;
            if (auto made = detail::os::make_dirs(path.parent_path()); !made) return made;
            const std::filesystem::path object = store_.object_path(file.digest);
            auto linked = detail::os::hard_link(object, path);
            if (!linked && linked.error().code() != errc::already_exists) linked = detail::os::copy_file(object, path);
            if (!linked && linked.error().code() != errc::already_exists) return linked;
        }
        return {};
    }

    [[nodiscard]] result<void> copy_verified(const FileEntry& file, const std::filesystem::path& to) const {
        auto out = detail::os::File::create_new(to);
        if (!out) return out.error();
        auto copied = detail::read_object(store_, file.digest,
                                          [&](std::span<const std::byte> bytes) { return out->write_all(bytes); });
        return copied ? out->close() : copied;
    }

    /// An object has one link of its own and one for each plain path: with another link it is in use; without, every
    /// manifest of the store is asked, since a plain path may be a copy.
    result<void> remove_unused_objects(const Manifest& removed) const {
        std::set<std::string> unused;
        for (const FileEntry& file : removed.files) {
            if (file.digest.empty()) continue;
            const auto status = detail::os::status(store_.object_path(file.digest));
            if (status && status->exists && status->nlink <= 1) unused.insert(file.digest);
        }
        if (unused.empty()) return {};
        if (auto asked = keep_used(unused); !asked) return asked;
        result<void> first;
        for (const std::string& digest : unused) {
            auto gone = detail::os::remove_file(store_.object_path(digest));
            if (!gone && first) first = gone;
        }
        return first;
    }
    /// Takes out of `digests` what any manifest of the store names. Fails if one cannot be read: then nothing is sure.
    result<void> keep_used(std::set<std::string>& digests) const {
        const auto projects = store_.projects();
        if (!projects) return projects.error();
        for (const std::string& project : *projects) {
            const auto names = store_.artifacts(project);
            if (!names) return names.error();
            for (const std::string& name : *names) {
                const auto listing = ArtifactStore{store_, project, name}.list();
                if (!listing) return listing.error();
                if (!listing->damaged.empty()) return listing->damaged.front();
                for (const Manifest& manifest : listing->versions) {
                    for (const FileEntry& file : manifest.files) digests.erase(file.digest);
                }
            }
        }
        return {};
    }

    [[nodiscard]] error is_named(const Manifest& manifest, const std::string& alias) const {
        return {errc::busy, "the alias " + alias + " names " + manifest.label() + " of " + name_, dir_.string(),
                "point the alias to another version first"};
    }

    [[nodiscard]] error no_version(const std::string& label) const {
        std::string there;
        if (const auto numbers = versions()) {
            for (const std::uint64_t number : *numbers) {
                if (there.size() < 200) there += (there.empty() ? "v" : ", v") + std::to_string(number);
            }
        }
        if (const auto known = aliases()) {
            for (const auto& [alias, number] : *known) {
                if (there.size() < 300) there += ", " + alias;
            }
        }
        return {errc::not_found, "the artifact " + name_ + " has no version \"" + detail::suggest_name(label) + "\"",
                dir_.string(), there.empty() ? "it has no version yet" : "it has: " + there + ", latest"};
    }

    Store store_;
    std::string project_, name_, type_;
    std::filesystem::path dir_;
};

}  // namespace CAIRN_NAMESPACE
