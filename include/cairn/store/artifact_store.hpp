// SPDX-License-Identifier: MIT
#pragma once
// The versions of one artifact: committing, finding, verifying, removing. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/detail/references.hpp>
#include <cairn/store/detail/removal.hpp>
#include <cairn/store/detail/version_files.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A file of a version that is about to be committed.
struct StagedFile {
    std::string path;                     ///< under which the version has it; relative, with '/'
    StagedObject object;                  ///< its bytes
    std::vector<StagedObject> rest = {};  ///< those that follow, if it is made of several objects
};

/// The number of a version that is committed later: nobody else gets it while this lives, nor once the
/// process that has it is dead. Where the file system has no locks, two may get the same; the one that
/// commits last is then given another.
struct ReservedNumber {
    std::uint64_t number = 0;      ///< for `CommitOptions::number`
    detail::os::Lease lease = {};  ///< what tells others that it is taken
};

/// How a version is committed.
struct CommitOptions {
    bool skip_identical = false;               ///< if the newest version has the same content, make none
    std::vector<std::string> aliases = {};     ///< to point to the version
    std::optional<std::uint64_t> number = {};  ///< one that was reserved for it; default: the next
};

/// What a commit made.
struct Committed {
    Manifest manifest;                 ///< of the version; an older one, if `created` is false
    bool created = true;               ///< false: it was the newest version already
    std::vector<error> warnings = {};  ///< the version is committed, but an alias or its plain path is not
};

/// The versions of an artifact.
struct Listing {
    std::vector<Manifest> versions;  ///< oldest first
    std::vector<error> damaged;      ///< of versions whose manifest cannot be read
};

/// One artifact of a project. A value that is cheap to copy. Commits, aliases and removals of a store take
/// turns by an OS lock. Threads: any.
template <class Json = nlohmann::json>
class BasicArtifactStore {
  public:
    /// The artifact `name`; made if `type` is given. Fails: invalid_name, not_found, mismatch (it has another
    /// type).
    static result<BasicArtifactStore> open(const Store& store, const std::string& project,
                                           const std::string& name, const std::string& type = {}) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("artifact", name); !checked) return checked.error();
        BasicArtifactStore artifact{store, project, name};
        if (auto opened = artifact.open_record(type); !opened) return opened.error();
        return artifact;
    }

    /// Makes a version of a draft and its files: objects first, then the manifest in one atomic step, then
    /// aliases and the plain path. A kill or a failure at any moment leaves the versions before it whole, and
    /// a failure leaves nothing behind. `draft.files` may hold references, and files whose objects the store
    /// has; project, artifact, type, version and (if 0) the time are filled in. Fails: no_space, permission,
    /// invalid_name, invalid_argument, not_found.
    result<Committed> commit(Manifest draft, std::vector<StagedFile> files,
                             const CommitOptions& options = {}) const {
        for (const std::string& alias : options.aliases)
            if (auto checked = check_alias(alias); !checked) return checked.error();
        draft.project = project_;
        draft.artifact = name_;
        draft.type = type_;
        if (draft.created_ns == 0) draft.created_ns = detail::wall_ns();
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        std::vector<error> warnings;
        if (auto finished = detail::finish_removals(store_, dir_); !finished)
            warnings.push_back(finished.error());
        if (auto there = detail::check_objects(store_, draft); !there)
            return there.error();  // before those of `files` join them
        for (const StagedFile& file : files) draft.files.push_back(entry_of(file));
        const auto number = options.number ? result<std::uint64_t>{*options.number} : next_version();
        if (!number) return number.error();
        draft.version = *number;
        if (auto valid = to_text(draft); !valid) return valid.error();
        Manifest newest;
        const auto same = options.skip_identical ? is_as_newest(draft, newest) : result<bool>{false};
        if (!same) return same.error();

        std::vector<std::string> installed;
        result<void> placed;
        const auto place = [&](StagedObject& object) {
            const auto is_new = placed ? object.install(store_) : placed.error();
            if (!is_new)
                placed = is_new.error();
            else if (*is_new)
                installed.push_back(object.digest().hex());
        };
        for (StagedFile& file : files) {
            place(file.object);
            for (StagedObject& piece : file.rest) place(piece);
        }
        if (placed && !*same) placed = write_manifest(draft);
        if (!placed) {
            for (const std::string& digest : installed)
                (void)detail::os::remove_file(store_.object_path(digest));
            return placed.error();
        }
        Committed done{*same ? std::move(newest) : std::move(draft), !*same, std::move(warnings)};
        set_aliases(done.manifest.version, options.aliases, done.warnings);
        if (!done.created) return done;
        if (auto shown = detail::show_files(store_, done.manifest, plain_path(done.manifest.version)); !shown)
            done.warnings.push_back(shown.error());
        return done;
    }

    /// The next number, for a version whose files are still to be written. Fails: busy, permission.
    [[nodiscard]] result<ReservedNumber> reserve() const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto next = next_version();
        if (!next) return next.error();
        ReservedNumber reserved{*next};
        if (auto taken = lease(*next)) reserved.lease = std::move(*taken);
        return reserved;
    }

    /// A version's manifest. Fails: not_found, corrupt.
    [[nodiscard]] result<Manifest> get(std::uint64_t version) const {
        const std::filesystem::path path = manifest_path(version);
        const auto text = detail::read_file(path, detail::max_manifest_bytes, detail::os::Links::refuse);
        if (!text && text.error().code() == errc::not_found)
            return no_version(detail::version_label(version));
        if (!text && text.error().code() == errc::invalid_argument) {
            return error{errc::corrupt, "a folder, a pipe or a link lies where a manifest should",
                         path.string(), "move it away, or restore the manifest from a copy of the store"};
        }
        if (!text) return text.error();
        auto manifest = parse_manifest(*text, path.string());
        if (manifest && (manifest->version != version || manifest->artifact != name_))
            return error{errc::corrupt, "this is the manifest of another version", path.string(),
                         "restore the right one"};
        return manifest;
    }

    /// The version that "v3", "latest" (the newest) or an alias names. Fails: not_found, saying what there
    /// is.
    [[nodiscard]] result<Manifest> resolve(const std::string& label) const {
        if (const auto number = detail::parse_version_label(label)) return get(*number);
        if (label == "latest") {
            const auto numbers = versions();
            if (!numbers) return numbers.error();
            if (numbers->empty()) return no_version(label);
            return get(numbers->back());
        }
        for (std::uint64_t gone = ~std::uint64_t{0};;) {
            const auto known = aliases();
            if (!known) return known.error();
            const auto named = known->find(label);
            if (named == known->end()) return no_version(label);
            auto version = get(named->second);
            if (version || version.error().code() != errc::not_found || named->second == gone) return version;
            gone = named->second;  // removed since the alias was read, which names another by now
        }
    }

    /// All versions; those whose manifest is damaged apart.
    [[nodiscard]] result<Listing> list() const {
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        Listing listing;
        for (const std::uint64_t number : *numbers) {
            auto manifest = get(number);
            if (manifest)
                listing.versions.push_back(std::move(*manifest));
            else if (manifest.error().code() != errc::not_found)  // pruned by another process meanwhile
                listing.damaged.push_back(manifest.error());
        }
        return listing;
    }

    /// The numbers of the versions that exist, ascending.
    [[nodiscard]] result<std::vector<std::uint64_t>> versions() const {
        std::vector<std::uint64_t> numbers;
        const auto names = detail::os::list_dir(dir_ / "versions");
        if (!names && names.error().code() == errc::not_found) return numbers;
        if (!names) return names.error();
        for (const std::string& name : *names)
            if (const auto number = detail::version_of_file(name, detail::manifest_suffix))
                numbers.push_back(*number);
        std::sort(numbers.begin(), numbers.end());
        return numbers;
    }

    /// The aliases that were set, and the versions they name. "latest" is not among them: it is the newest
    /// version.
    [[nodiscard]] result<std::map<std::string, std::uint64_t>> aliases() const {
        std::map<std::string, std::uint64_t> out;
        const std::filesystem::path path = dir_ / "aliases.json";
        const auto read = detail::read_file(path, max_record_bytes, detail::os::Links::refuse);
        if (!read && read.error().code() == errc::not_found) return out;
        if (!read) return read.error();
        const auto all = Json::parse(*read, nullptr, false);
        if (!all.is_object()) {
            return error{errc::corrupt, "the aliases of this artifact cannot be read", path.string(),
                         "delete the file and set them anew"};
        }
        for (const auto& [alias, label] : all.items()) {
            const std::string text = label.is_string() ? label.template get<std::string>() : "";
            if (const auto number = detail::parse_version_label(text)) out[alias] = *number;
        }
        return out;
    }

    /// Adds metrics that came after the version was saved: an object of numbers, bools and texts. A metric
    /// that is there already, and is no NaN, keeps its value. Replaces the manifest in one step. Fails:
    /// not_found, corrupt; already_exists for a metric that has another value.
    result<Manifest> annotate(std::uint64_t version, const Json& metrics) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        auto manifest = get(version);
        if (!manifest) return manifest;
        if (manifest->metrics.is_null()) manifest->metrics = Json::object();
        for (const auto& [name, value] : metrics.items()) {
            Json& held = manifest->metrics[name];
            if (!held.is_null() && held != "NaN" && held != value) {
                return error{errc::already_exists,
                             manifest->label() + " of " + name_ + " has another value of this metric already",
                             name, "log it under another name"};
            }
            held = value;
        }
        const auto text = to_text(*manifest);
        if (!text) return text.error();
        auto written = detail::write_file_atomically(manifest_path(version), *text, store_.durability(),
                                                     store_.temp_dir());
        if (!written) return written.error();
        return manifest;
    }

    /// Keeps a version from being removed for as long as the lease is held, and not longer than this process
    /// lives. Take it before the manifest is read. Fails: permission, where nothing can be written here; then
    /// reading works without.
    [[nodiscard]] result<detail::os::Lease> lease(std::uint64_t version) const {
        return detail::os::Lease::take(lease_path(), version);
    }

    /// Whether anybody holds a lease on a version.
    [[nodiscard]] result<bool> is_read(std::uint64_t version) const {
        return detail::os::Lease::is_held(lease_path(), version);
    }

    /// Points an alias to a version. Fails: not_found, corrupt, invalid_name.
    result<void> set_alias(const std::string& alias, std::uint64_t version) const {
        return move_alias(alias, version, [](const Manifest&) { return true; });
    }
    /// The same, if the version that it names now, where there is one, is to give way: `gives_way(Manifest)`.
    /// Nobody else moves it meanwhile.
    template <class F>
    result<void> move_alias(const std::string& alias, std::uint64_t version, F&& gives_way) const {
        if (auto checked = check_alias(alias); !checked) return checked;
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        if (const auto manifest = get(version); !manifest) return manifest.error();
        return change_aliases([&](auto& known) {
            const auto [named, is_first] = known.try_emplace(alias, version);
            const auto held = is_first ? result<Manifest>{error{}} : get(named->second);
            if (!held || gives_way(*held)) named->second = version;
        });
    }
    /// Removes an alias; one that is not there is no failure. Fails: as the disk does.
    result<void> remove_alias(const std::string& alias) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        return change_aliases([&](auto& known) { known.erase(alias); });
    }

    /// Hashes every object of a version. Fails: not_found, corrupt; at the first that is not whole.
    [[nodiscard]] result<void> verify(const Manifest& manifest) const {
        for (const FileEntry& file : manifest.files) {
            if (!file.is_stored()) continue;
            if (auto known = detail::check_entry(file); !known) return known;
            for (const ObjectEntry& object : file.objects())
                if (auto whole = detail::verify_object(store_, object.digest); !whole) return whole;
        }
        return {};
    }

    /// A file's bytes, verified. Fails: not_found, corrupt.
    [[nodiscard]] result<std::string> read(const Manifest& manifest, std::string_view path) const {
        const FileEntry* file = manifest.find(path);
        if (file == nullptr || !file->is_stored()) {
            return error{errc::not_found, manifest.label() + " of " + name_ + " holds no such file",
                         std::string{path}, "see what it holds with: cairn show"};
        }
        if (auto known = detail::check_entry(*file); !known) return known.error();
        if (file->pieces.empty()) return detail::object_bytes(store_, {file->digest, file->size});
        std::string all;
        for (const ObjectEntry& piece : file->pieces) {
            const auto bytes = detail::object_bytes(store_, piece);
            if (!bytes) return bytes.error();
            all += *bytes;
        }
        return all;
    }

    /// Copies every stored file of a version below `to`, and nothing outside of it; links there are not
    /// followed. References are passed over. Meanwhile it is not removed. Fails: not_found, corrupt, and then
    /// nothing was placed; or as the disk does.
    [[nodiscard]] result<void> download(const Manifest& manifest, const std::filesystem::path& to) const {
        const auto reading = lease(manifest.version);
        if (const auto there = get(manifest.version); !there) return there.error();  // removed meanwhile
        return detail::download_files(store_, manifest, to);
    }

    /// Removes a version: the manifest first, in one step, then its plain path, then the objects that no
    /// other version has. What a kill breaks off is finished by the next removal or commit. Works on a
    /// damaged version; its objects are then left to `collect_garbage`. Fails: not_found; busy if an alias
    /// names it, if it is being read (`lease`), or if it is the newest (so a number is never given twice).
    result<void> remove(std::uint64_t version) const { return remove(version, Newest::stays); }

    /// Takes back a version that was committed a moment ago, as `remove` does, though it be the newest.
    result<void> undo(std::uint64_t version) const { return remove(version, Newest::may_go); }

    /// The folder that shows a version's files under their own names.
    [[nodiscard]] std::filesystem::path plain_path(std::uint64_t version) const {
        return dir_ / detail::version_label(version);
    }
    /// The store it lies in.
    [[nodiscard]] const Store& store() const noexcept { return store_; }
    /// Its name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Its type: "dataset", "model", …
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

  private:
    enum class Newest : unsigned char { stays, may_go };
    static constexpr std::uint64_t max_record_bytes = std::uint64_t{4} << 20U;

    BasicArtifactStore(Store store, std::string project, std::string name)
        : store_{std::move(store)}, project_{std::move(project)}, name_{std::move(name)},
          dir_{store_.artifact_dir(project_, name_)} {}

    result<void> remove(std::uint64_t version, Newest newest) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (!std::binary_search(numbers->begin(), numbers->end(), version))
            return no_version(detail::version_label(version));
        const auto known = aliases();
        if (!known) return known.error();
        for (const auto& [alias, number] : *known)
            if (number == version) return is_named(version, alias);
        if (newest == Newest::stays && numbers->back() == version) return is_named(version, "latest");
        if (const auto read = is_read(version); read && *read) return being_read(version);
        const std::filesystem::path path = manifest_path(version);
        std::filesystem::path gone = path;
        gone.replace_extension(detail::removal_suffix);
        if (auto renamed = detail::os::rename_replace(path, gone); !renamed) return renamed;
        // Asked again, now that no new reader finds it: who came before holds a lease.
        if (const auto read = is_read(version); !read || *read) {
            if (auto back = detail::os::rename_replace(gone, path); !back) return back;
            return read ? being_read(version) : read.error();
        }
        const bool is_to_last = store_.durability() == Durability::power_loss;
        auto done = is_to_last ? detail::os::sync_dir(path.parent_path()) : result<void>{};
        // At once, whoever looks whether it is there: who takes a lease from here on finds no manifest.
        if (done) done = detail::finish_removal(store_, dir_, gone, version);
        return done ? detail::finish_removals(store_, dir_) : done;
    }

    [[nodiscard]] std::filesystem::path manifest_path(std::uint64_t version) const {
        return dir_ / "versions" / (detail::version_label(version) + ".json");
    }
    [[nodiscard]] std::filesystem::path record_path() const { return dir_ / "artifact.json"; }
    [[nodiscard]] std::filesystem::path lease_path() const { return dir_ / detail::lease_file; }

    result<void> open_record(const std::string& type) {
        auto text = detail::read_file(record_path(), max_record_bytes);
        if (!text && text.error().code() == errc::not_found && !type.empty()) {
            if (auto checked = detail::check_name("artifact type", type); !checked) return checked;
            if (auto made = detail::make_dirs_durably(dir_ / "versions", store_.durability()); !made)
                return made;
            const Json record = {{"format", 1}, {"name", name_}, {"type", type}};
            auto written = write_new(record_path(), record.dump() + "\n");
            if (!written && written.error().code() != errc::already_exists) return written;
            text = detail::read_file(record_path(), max_record_bytes);
        }
        if (!text && text.error().code() == errc::not_found) {
            return error{errc::not_found, "there is no such artifact in the project " + project_, name_,
                         "see which there are with: cairn artifact ls"};
        }
        if (!text) return text.error();
        const auto record = Json::parse(*text, nullptr, false);
        if (!record.is_object() || !record.contains("type") || !record["type"].is_string()) {
            return error{errc::corrupt, "the record of this artifact cannot be read", record_path().string(),
                         R"(write {"format":1,"name":…,"type":…} into it)"};
        }
        if (const auto written = record.value("name", name_); written != name_) {
            return error{errc::mismatch, "the artifact " + name_ + " is there under another spelling",
                         written, "use that one, or a name that differs in more than its case"};
        }
        type_ = record["type"].template get<std::string>();
        if (type.empty() || type == type_) return {};
        return error{errc::mismatch, "the artifact " + name_ + " is of type " + type_ + ", not " + type,
                     dir_.string(), "give this one another name, or use its type"};
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
        const auto before = aliases();
        if (!before) return before.error();
        auto known = *before;
        change(known);
        if (known == *before) return {};
        Json all = Json::object();
        for (const auto& [alias, number] : known) all[alias] = detail::version_label(number);
        return detail::write_file_atomically(dir_ / "aliases.json", all.dump() + "\n", store_.durability(),
                                             store_.temp_dir());
    }
    void set_aliases(std::uint64_t version, const std::vector<std::string>& wanted,
                     std::vector<error>& warnings) const {
        if (wanted.empty()) return;
        auto set = change_aliases([&](auto& known) {
            for (const std::string& alias : wanted) known[alias] = version;
        });
        if (!set) warnings.push_back(set.error());
    }

    [[nodiscard]] static FileEntry entry_of(const StagedFile& file) {
        const auto object_of = [](const StagedObject& object) {
            return ObjectEntry{object.digest().hex(), object.size()};
        };
        const ObjectEntry first = object_of(file.object);
        FileEntry entry{file.path, first.size};
        if (file.rest.empty()) {
            entry.digest = first.digest;
            return entry;
        }
        entry.pieces.push_back(first);
        for (const StagedObject& piece : file.rest) {
            entry.pieces.push_back(object_of(piece));
            entry.size += piece.size();
        }
        return entry;
    }

    // ---- committing; all of this requires the store's lock

    /// One more than any number that was given: the newest version stays, and what has a version's name is
    /// stepped over, and so is what is reserved.
    [[nodiscard]] result<std::uint64_t> next_version() const {
        std::uint64_t next = 0;
        for (const std::filesystem::path& folder : {dir_, dir_ / "versions"}) {
            const auto names = detail::os::list_dir(folder);
            if (!names) return names.error();
            for (const std::string& name : *names) {
                const auto number = detail::parse_version_label(name.substr(0, name.find('.')));
                if (number && *number >= next && *number < std::numeric_limits<std::uint64_t>::max())
                    next = *number + 1;
            }
        }
        const auto is_reserved = [&] {
            const auto taken = is_read(next);
            return taken && *taken;
        };
        while (is_reserved()) ++next;
        return next;
    }

    [[nodiscard]] result<bool> is_as_newest(const Manifest& draft, Manifest& newest) const {
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (numbers->empty()) return false;
        auto found = get(numbers->back());  // a damaged one is like no other
        if (!found || found->content_digest() != draft.content_digest()) return false;
        newest = std::move(*found);
        return true;
    }

    /// Makes the version exist, under the next number that is free; where locks do not work, another may have
    /// taken one.
    result<void> write_manifest(Manifest& draft) const {
        while (true) {
            const auto text = to_text(draft);
            if (!text) return text.error();
            auto written = write_new(manifest_path(draft.version), *text);
            if (written) return written;
            if (written.error().code() != errc::already_exists) {
                const auto there =
                    detail::read_file(manifest_path(draft.version), text->size(), detail::os::Links::refuse);
                // It got its name, but is not durable: as if it had never come.
                if (there && *there == *text) (void)detail::os::remove_file(manifest_path(draft.version));
                return written;
            }
            ++draft.version;
        }
    }

    [[nodiscard]] error is_named(std::uint64_t version, const std::string& alias) const {
        return {errc::busy, "the alias " + alias + " names v" + std::to_string(version) + " of " + name_,
                dir_.string(),
                alias == "latest" ? "commit a newer version first"
                                  : "point the alias to another version first"};
    }

    [[nodiscard]] error being_read(std::uint64_t version) const {
        return {errc::busy, "v" + std::to_string(version) + " of " + name_ + " is being read", dir_.string(),
                "wait until whoever reads it is done"};
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
        return {errc::not_found,
                "the artifact " + name_ + " has no version \"" + detail::suggest_name(label) + "\"",
                dir_.string(), there.empty() ? "it has no version yet" : "it has: " + there + ", latest"};
    }

    Store store_;
    std::string project_, name_, type_;
    std::filesystem::path dir_;
};
using ArtifactStore = BasicArtifactStore<>;

}  // namespace CAIRN_NAMESPACE
