// SPDX-License-Identifier: MIT
#pragma once
// Looks at every object, manifest, alias, plain path and temporary of a store, and mends what can be mended.
// Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/detail/references.hpp>
#include <cairn/store/detail/removal.hpp>
#include <cairn/store/detail/version_files.hpp>
#include <cairn/store/finding.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>
#include <cairn/store/verify.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Looks without the store's lock, and takes it for each thing that it mends, which it then looks at once
/// more: hashing takes long, and whoever saves waits a minute for the lock at most.
template <class = void>
class BasicArtifactRepair {
  public:
    BasicArtifactRepair(Store store, Mender& mender) : store_{std::move(store)}, mender_{&mender} {}

    /// Everything. Fails as the disk does.
    result<void> look_at_all() {
        const auto projects = store_.projects();
        if (!projects) return projects.error();
        for (const std::string& project : *projects) {
            const auto names = entries_or_none(store_.project_dir(project) / "artifacts");
            if (!names) return names.error();
            for (const std::string& name : *names) {
                if (!name_problem(name).empty()) continue;
                if (auto artifact = open(project, name))
                    artifacts_.push_back({project, std::move(*artifact)});
            }
        }
        // All that can be rebuilt is, before any version is judged: versions share objects.
        for (const Artifact& artifact : artifacts_) {
            if (!mender_->repairs()) break;
            if (auto looked = rebuild_objects(artifact.store); !looked) return looked;
        }
        for (const Artifact& artifact : artifacts_) {
            if (auto looked = look_at(artifact); !looked) return looked;
        }
        if (auto looked = look_at_other_objects(); !looked) return looked;
        look_at_temporaries();
        return {};
    }

    /// How many versions are whole, and how much was hashed.
    [[nodiscard]] const Verified& counts() const noexcept { return counts_; }

  private:
    struct Artifact {
        std::string project;
        ArtifactStore store;
    };
    /// What is wrong with an object, and the file that was looked at.
    struct Known {
        std::optional<error> damage{};
        os::FileStatus seen{};
    };

    [[nodiscard]] static bool is_lost(const error& why) noexcept {
        return why.code() == errc::corrupt || why.code() == errc::not_found;
    }
    [[nodiscard]] static bool is_same(const os::FileStatus& a, const os::FileStatus& b) noexcept {
        return a.exists == b.exists && a.inode == b.inode && a.device == b.device && a.size == b.size &&
               a.modified_ns == b.modified_ns;
    }
    [[nodiscard]] static os::FileStatus status_of(const os::Path& path) {
        const auto there = os::status(path, os::Links::refuse);
        return there ? *there : os::FileStatus{};
    }
    [[nodiscard]] os::Path dir_of(const Artifact& artifact) const {
        return store_.artifact_dir(artifact.project, artifact.store.name());
    }

    Known& look_at_object(const std::string& digest) {
        const auto [known, is_new] = objects_.try_emplace(digest);
        if (!is_new) return known->second;
        known->second.seen = status_of(store_.object_path(digest));
        if (const auto whole = verify_object(store_, digest); !whole) known->second.damage = whole.error();
        ++counts_.objects;
        counts_.bytes += known->second.seen.size;
        return known->second;
    }
    [[nodiscard]] bool is_as_seen(const std::string& digest) {
        return is_same(look_at_object(digest).seen, status_of(store_.object_path(digest)));
    }

    // ---- records

    /// An artifact, whose record is written anew from its manifests if it is lost.
    [[nodiscard]] std::optional<ArtifactStore> open(const std::string& project, const std::string& name) {
        auto artifact = ArtifactStore::open(store_, project, name);
        if (artifact) return std::move(*artifact);
        const error& why = artifact.error();
        const os::Path dir = store_.artifact_dir(project, name), record = dir / "artifact.json";
        const std::string type = type_of(dir, name);
        const bool is_missing = why.code() == errc::not_found;
        if (is_missing && type.empty()) return std::nullopt;  // it is none, or only being made
        const error what = is_missing ? error{errc::corrupt, "the record of this artifact is missing",
                                              record.string(), "restore it from a copy"}
                                      : why;
        std::optional<ArtifactStore> opened;
        mender_->found({what}, [&]() -> result<std::string> {
            if (!is_lost(why) || type.empty()) return why;
            const auto lock = store_.lock();
            if (!lock) return lock.error();
            if (!is_missing) {
                if (auto moved = mender_->aside().move(record); !moved) return moved;
            }
            auto made = ArtifactStore::open(store_, project, name, type);
            if (!made) return made.error();
            opened = std::move(*made);
            return std::string{"wrote it anew, as its manifests have it"};
        });
        return opened;
    }
    /// The type that the first readable manifest of an artifact tells; empty if there is none.
    [[nodiscard]] static std::string type_of(const os::Path& dir, const std::string& name) {
        const auto names = os::list_dir(dir / "versions");
        for (const std::string& file : names ? *names : std::vector<std::string>{}) {
            if (!version_of_file(file, manifest_suffix)) continue;
            const auto text = read_file(dir / "versions" / file, max_manifest_bytes, os::Links::refuse);
            const auto manifest = text ? parse_manifest(*text, file) : text.error();
            if (manifest && manifest->artifact == name) return manifest->type;
        }
        return {};
    }

    // ---- objects

    /// Those of an artifact that are damaged and lie whole under a plain path.
    result<void> rebuild_objects(const ArtifactStore& artifact) {
        const auto listing = artifact.list();
        if (!listing) return listing.error();
        for (const Manifest& manifest : listing->versions) {
            for (const FileEntry& file : manifest.files) {
                if (file.is_stored() && file.pieces.empty())
                    rebuild(file, artifact.plain_path(manifest.version) / os::path_of(file.path));
            }
        }
        return {};
    }
    void rebuild(const FileEntry& file, const os::Path& plain) {
        const Known& known = look_at_object(file.digest);
        if (!known.damage || !is_lost(*known.damage) || !is_whole_copy(plain, file)) return;
        mender_->found({*known.damage}, [&]() -> result<std::string> {
            const auto lock = store_.lock();
            if (!lock) return lock.error();
            auto staged = stage_file(store_, plain);
            if (!staged) return staged.error();
            if (staged->digest().hex() != file.digest) return object_damaged(plain);
            if (known.seen.exists && is_as_seen(file.digest)) {
                if (auto moved = mender_->aside().move(store_.object_path(file.digest)); !moved) return moved;
            }
            if (auto installed = staged->install(store_); !installed) return installed.error();
            objects_.erase(file.digest);
            return "rebuilt it from " + plain.string();
        });
    }
    /// Whether a file of its own has the bytes of an entry.
    [[nodiscard]] static bool is_whole_copy(const os::Path& path, const FileEntry& file) {
        const os::FileStatus there = status_of(path);
        if (!there.is_file || there.size != file.size) return false;
        Sha256 hash;
        const auto read =
            read_in_pieces(path, os::Links::refuse, [&](std::span<const std::byte> bytes) -> result<void> {
                hash.update(bytes);
                return {};
            });
        return read && hash.finish().hex() == file.digest;
    }

    /// What is wrong with a version's objects.
    [[nodiscard]] std::optional<error> damage_of(const Manifest& manifest) {
        for (const FileEntry& file : manifest.files) {
            for (const ObjectEntry& object : file.objects()) {
                const Known& known = look_at_object(object.digest);
                if (known.damage) return known.damage;
                if (known.seen.size != object.size) return object_damaged(store_.object_path(object.digest));
            }
        }
        return std::nullopt;
    }
    void name_objects(const Manifest& manifest) {
        for (const FileEntry& file : manifest.files) {
            for (const ObjectEntry& object : file.objects()) named_.insert(object.digest);
        }
    }

    /// Damaged ones that no version names, or none any more.
    result<void> look_at_other_objects() {
        const os::Path objects = store_.root() / "objects";
        const auto folders = entries_or_none(objects);
        if (!folders) return folders.error();
        for (const std::string& folder : *folders) {
            if (folder.size() != 2) continue;
            const auto names = entries_or_none(objects / folder);
            if (!names) return names.error();
            for (const std::string& name : *names) {
                if (Digest::from_hex(folder + name) && !named_.contains(folder + name))
                    look_at_other_object(folder + name);
            }
        }
        return {};
    }
    void look_at_other_object(const std::string& digest) {
        const Known& known = look_at_object(digest);
        if (!known.damage || known.damage->code() == errc::not_found) return;  // it went
        const os::Path path = store_.object_path(digest);
        const error what{known.damage->code(), "an object that no version names is damaged", path.string(),
                         "it is of no use; set it aside with: cairn fsck --repair"};
        mender_->found({what}, [&]() -> result<std::string> {
            const auto lock = store_.lock();
            if (!lock) return lock.error();
            if (known.damage->code() != errc::corrupt) return *known.damage;
            if (!is_as_seen(digest)) return std::string{"nothing: it was replaced meanwhile"};
            return mender_->aside().move(path);
        });
    }

    // ---- versions

    result<void> look_at(const Artifact& artifact) {
        const auto numbers = artifact.store.versions();
        if (!numbers) return numbers.error();
        for (const std::uint64_t number : *numbers) look_at(artifact, number);
        look_at_aliases(artifact);
        return look_at_removals(artifact);
    }
    void look_at(const Artifact& artifact, std::uint64_t number) {
        const auto manifest = artifact.store.get(number);
        if (!manifest && manifest.error().code() == errc::not_found) return;  // it went
        const std::optional<error> damage = manifest ? damage_of(*manifest) : manifest.error();
        if (!damage) {
            ++counts_.versions;
            name_objects(*manifest);
            return look_at_plain_path(artifact, *manifest);
        }
        if (manifest && !artifact.store.get(number)) return;  // it went, and its objects with it
        const error what{damage->code(),
                         artifact.store.name() + " " + version_label(number) + ": " + damage->tried(),
                         damage->path(), damage->advice()};
        bool is_gone = false;
        mender_->found({what}, [&]() -> result<std::string> {
            if (!is_lost(*damage)) return *damage;
            auto done = set_aside(artifact, number);
            is_gone = done.has_value();
            return done;
        });
        if (manifest && !is_gone) name_objects(*manifest);
    }
    /// A version whose manifest or objects are lost: from then on there is no such version, and nobody gets
    /// its number.
    result<std::string> set_aside(const Artifact& artifact, std::uint64_t number) {
        const os::Path path =
            dir_of(artifact) / "versions" / (version_label(number) + std::string{manifest_suffix});
        const auto busy = [&](const char* why) {
            return error{errc::busy, why, path.string(), "repair it later"};
        };
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        if (is_live(artifact.project)) return busy("a run of this project is being written");
        const auto read = artifact.store.is_read(number);
        if (!read) return read.error();
        if (*read) return busy("this version is being read");
        if (const auto manifest = artifact.store.get(number)) {
            for (const FileEntry& file : manifest->files) {
                for (const ObjectEntry& object : file.objects()) {
                    if (look_at_object(object.digest).damage && !is_as_seen(object.digest))
                        return busy("an object of it was replaced meanwhile");
                }
            }
        }
        // Where it lies, under a name that no version has: so it keeps its number, and `keep_used` its
        // objects.
        const os::Path kept =
            path.parent_path() / (version_label(number) + std::string{damaged_version_suffix});
        if (status_of(kept).exists) {
            if (auto moved = mender_->aside().move(kept); !moved) return moved;
        }
        if (auto moved = os::rename_replace(path, kept); !moved) return moved.error();
        const os::Path plain = artifact.store.plain_path(number);
        if (status_of(plain).is_dir) {
            if (auto hidden = mender_->aside().move(plain); !hidden) return hidden;
        }
        return "set it aside, as " + kept.string();
    }
    /// Whether a run of a project is being written, by any of its ranks.
    [[nodiscard]] bool is_live(const std::string& project) const {
        const auto runs = os::list_dir(store_.project_dir(project) / "runs");
        for (const std::string& run : runs ? *runs : std::vector<std::string>{}) {
            const os::Path dir = store_.run_dir(project, run);
            const auto ranks = os::list_dir(dir / ranks_folder);
            std::vector<os::Path> folders{dir};
            for (const std::string& rank : ranks ? *ranks : std::vector<std::string>{})
                folders.push_back(dir / ranks_folder / os::path_of(rank));
            for (const os::Path& folder : folders) {
                const auto held = os::Lock::is_held(folder / run_lock_file);
                if (!held || *held) return true;
            }
            const auto folder = RunReader::open(store_, project, run);
            const auto state = folder ? folder->state() : folder.error();
            if (state && *state == RunState::running) return true;
        }
        return false;
    }

    /// What `look` finds to be wrong, a result of a list. Others commit and remove meanwhile: what seems
    /// wrong is looked at once more, in turn with them.
    template <class Look>
    [[nodiscard]] auto in_turn(Look&& look) const {
        auto found = look();
        if (!found || found->empty()) return found;
        const auto lock = store_.lock();  // where it cannot be had, what was seen is told
        return look();
    }

    using Entries = std::vector<const FileEntry*>;
    /// Of a version's plain files those that are missing or are not what was saved.
    [[nodiscard]] result<Entries> wrong_plain_files(const os::Path& plain, const Manifest& manifest) const {
        Entries wrong;
        for (const FileEntry& file : manifest.files) {
            if (!file.is_stored() || !file.pieces.empty()) continue;
            const os::Path path = plain / os::path_of(file.path);
            const os::FileStatus there = status_of(path), object = status_of(store_.object_path(file.digest));
            const bool is_link = there.exists && there.inode == object.inode && there.device == object.device;
            if (!is_link && !is_whole_copy(path, file)) wrong.push_back(&file);
        }
        return wrong;
    }
    void look_at_plain_path(const Artifact& artifact, const Manifest& manifest) {
        const os::Path plain = artifact.store.plain_path(manifest.version);
        const Entries wrong = *in_turn([&] { return wrong_plain_files(plain, manifest); });
        if (wrong.empty() || !artifact.store.get(manifest.version)) return;
        const error what{errc::corrupt,
                         artifact.store.name() + " " + manifest.label() + ": of its plain files " +
                             std::to_string(wrong.size()) + " are missing or are not what was saved",
                         (plain / os::path_of(wrong.front()->path)).string(),
                         "the version itself is whole; link them anew with: cairn fsck --repair"};
        mender_->found({what}, [&]() -> result<std::string> {
            const auto lock = store_.lock();
            if (!lock) return lock.error();
            if (const auto known = artifact.store.get(manifest.version); !known) return known.error();
            std::string kept;
            for (const FileEntry* file : wrong) {
                const os::Path path = plain / os::path_of(file->path);
                if (status_of(path).exists) {
                    auto moved = mender_->aside().move(path);
                    if (!moved) return moved;
                    kept = "; " + *moved;
                }
                if (auto made = make_folders_of(dir_of(artifact), manifest.label() + "/" + file->path); !made)
                    return made.error();
                const os::Path object = store_.object_path(file->digest);
                auto shown = os::hard_link(object, path);
                if (!shown) shown = os::copy_file(object, path);
                if (!shown) return shown.error();
            }
            return "linked them anew" + kept;
        });
    }

    void look_at_aliases(const Artifact& artifact) {
        const auto dead = in_turn([&] { return dead_aliases(artifact.store); });
        const os::Path path = dir_of(artifact) / "aliases.json";
        if (!dead) {
            mender_->found({dead.error()}, [&]() -> result<std::string> {
                const auto lock = store_.lock();
                if (!lock) return lock.error();
                if (dead.error().code() != errc::corrupt || artifact.store.aliases()) return dead.error();
                return mender_->aside().move(path);
            });
        } else if (!dead->empty()) {
            const error what{errc::not_found,
                             artifact.store.name() +
                                 ": versions that are not there are named: " + list(*dead),
                             path.string(), "point the aliases to other versions"};
            mender_->found({what}, [&]() -> result<std::string> {
                const auto lock = store_.lock();
                if (!lock) return lock.error();
                const auto now = artifact.store.aliases();
                if (!now) return now.error();
                nlohmann::json rest = nlohmann::json::object();
                for (const auto& [alias, number] : *now) {
                    const auto found = dead->find(alias);  // a number is never given twice: once dead, always
                    if (found == dead->end() || found->second != number) rest[alias] = version_label(number);
                }
                auto written =
                    write_file_atomically(path, rest.dump() + "\n", store_.durability(), store_.temp_dir());
                if (!written) return written.error();
                return "removed the aliases " + list(*dead);
            });
        }
    }
    using Aliases = std::map<std::string, std::uint64_t>;
    /// Those that name a version which is not there.
    [[nodiscard]] static result<Aliases> dead_aliases(const ArtifactStore& artifact) {
        auto known = artifact.aliases();
        if (!known) return known;
        const auto numbers = artifact.versions();
        if (!numbers) return numbers.error();
        std::erase_if(*known, [&](const auto& alias) {
            return std::binary_search(numbers->begin(), numbers->end(), alias.second);
        });
        return known;
    }
    /// "best (v3), last (v7)".
    [[nodiscard]] static std::string list(const Aliases& aliases) {
        std::string all;
        for (const auto& [alias, number] : aliases)
            all += (all.empty() ? "" : ", ") + alias + " (" + version_label(number) + ")";
        return all;
    }

    /// Those that a kill broke off: the next removal or commit would end them too.
    result<void> look_at_removals(const Artifact& artifact) {
        const os::Path dir = dir_of(artifact);
        const auto broken_off = in_turn([&] {
            auto names = os::list_dir(dir / "versions");
            if (!names) return names;
            std::erase_if(*names, [&](const std::string& name) {
                const auto version = version_of_file(name, removal_suffix);
                if (!version) return true;
                const auto read = os::Lease::is_held(dir / lease_file, *version);
                return !read || *read;
            });
            return names;
        });
        if (!broken_off) return broken_off.error();
        for (const std::string& name : *broken_off) {
            const error what{errc::io, "the removal of a version was broken off",
                             (dir / "versions" / name).string(), "the next removal or commit ends it"};
            mender_->found({what, false}, [&]() -> result<std::string> {
                const auto lock = store_.lock();
                if (!lock) return lock.error();
                if (auto ended = finish_removals(store_, dir); !ended) return ended.error();
                return std::string{"ended it"};
            });
        }
        return {};
    }

    void look_at_temporaries() {
        std::size_t count = 0;
        for_each_abandoned_temp(store_.temp_dir(), [&](const std::string&) { ++count; });
        if (count == 0) return;
        const error what{errc::io, "dead processes left " + std::to_string(count) + " temporaries",
                         store_.temp_dir().string(), "free them with: cairn gc"};
        mender_->found({what, false}, [&]() -> result<std::string> {
            const auto lock = store_.lock();
            if (!lock) return lock.error();
            remove_abandoned_temps(store_.temp_dir());
            return std::string{"removed them"};
        });
    }

    Store store_;
    Mender* mender_;
    std::vector<Artifact> artifacts_;
    std::map<std::string, Known> objects_;
    std::set<std::string> named_;  // by versions that there are
    Verified counts_;
};
using ArtifactRepair = BasicArtifactRepair<>;

}  // namespace CAIRN_NAMESPACE::detail
