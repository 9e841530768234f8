// SPDX-License-Identifier: MIT
#pragma once
// A small store, operations on it, and what must hold of it after each, however that ended.

#include <cairn/store/artifact_store.hpp>
#include <cairn/store/garbage.hpp>
#include <support/catch.hpp>
#include <support/temp_dir.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn_test {

using Files = std::map<std::string, std::string>;

/// What a version holds: a file of its own, one that all versions share, one in a folder.
inline Files files_of(std::uint64_t version) {
    const std::string own = "version " + std::to_string(version);
    return {{"model.bin", own + std::string(3000, 'm')},
            {"shared.bin", std::string(2000, 's')},
            {"in/side.txt", own}};
}

inline cairn::result<cairn::Committed> commit_version(const cairn::ArtifactStore& model,
                                                      std::uint64_t version,
                                                      const cairn::CommitOptions& options = {}) {
    std::vector<cairn::StagedFile> staged;
    for (const auto& [path, text] : files_of(version)) {
        auto object = cairn::stage_bytes(model.store(), std::as_bytes(std::span{text}));
        if (!object) return object.error();
        staged.push_back({path, std::move(*object)});
    }
    return model.commit({}, std::move(staged), options);
}

/// The versions that exist and what the alias names.
struct Shelf {
    std::set<std::uint64_t> versions{};
    std::map<std::string, std::uint64_t> aliases{};
    friend bool operator==(const Shelf&, const Shelf&) = default;
};

/// Something that is done to a store.
struct Operation {
    std::string_view name;
    Shelf before, after;
    cairn::result<void> (*run)(const cairn::ArtifactStore&);
    /// How `before` is made.
    void prepare(const cairn::ArtifactStore& model) const {
        for (std::uint64_t v = 0; !before.versions.empty() && v <= *before.versions.rbegin(); ++v)
            (void)commit_version(model, v).value();
        for (const auto& [alias, version] : before.aliases) model.set_alias(alias, version).value();
    }
};

template <class T>
cairn::result<void> done(const cairn::result<T>& of) {
    return of ? cairn::result<void>{} : cairn::result<void>{of.error()};
}
/// With what became of it only in part.
inline cairn::result<void> whole(const cairn::result<cairn::Committed>& of) {
    if (of && !of->warnings.empty()) return of->warnings.front();
    return done(of);
}

using Artifact = cairn::ArtifactStore;
/// A first save, a second, one with an alias, one after which the oldest goes, an alias that moves, metrics
/// that come late, an orphan that is collected.
inline const std::vector<Operation>& operations() {
    static const std::vector<Operation> all{
        {"create", {}, {{0}, {}}, [](const Artifact& m) { return whole(commit_version(m, 0)); }},
        {"second save",
         {{0}, {}},
         {{0, 1}, {}},
         [](const Artifact& m) { return whole(commit_version(m, 1)); }},
        {"save as best",
         {{0, 1}, {{"best", 0}}},
         {{0, 1, 2}, {{"best", 2}}},
         [](const Artifact& m) { return whole(commit_version(m, 2, {.aliases = {"best"}})); }},
        {"save and prune",
         {{0, 1}, {{"best", 1}}},
         {{1, 2}, {{"best", 1}}},
         [](const Artifact& m) {
             auto saved = whole(commit_version(m, 2));
             return saved ? m.remove(0) : saved;
         }},
        {"prune", {{0, 1, 2}, {}}, {{0, 2}, {}}, [](const Artifact& m) { return m.remove(1); }},
        {"alias",
         {{0, 1}, {{"best", 0}}},
         {{0, 1}, {{"best", 1}}},
         [](const Artifact& m) { return m.set_alias("best", 1); }},
        {"annotate",
         {{0, 1}, {}},
         {{0, 1}, {}},
         [](const Artifact& m) { return done(m.annotate(1, nlohmann::json{{"val/loss", 0.5}})); }},
        {"collect garbage",
         {{0, 1}, {}},
         {{0, 1}, {}},
         [](const Artifact& m) { return done(cairn::collect_garbage(m.store())); }},
    };
    return all;
}

/// Every version that is there, whole and with the bytes that it was saved with; every alias at one of them.
inline Shelf look(const cairn::ArtifactStore& model) {
    Shelf seen;
    const auto listing = model.list().value();
    for (const auto& damaged : listing.damaged) FAIL_CHECK(damaged.what());
    for (const cairn::Manifest& manifest : listing.versions) {
        seen.versions.insert(manifest.version);
        const auto verified = model.verify(manifest);
        if (!verified) FAIL_CHECK(verified.error().what());
        for (const auto& [path, text] : files_of(manifest.version)) {
            const auto bytes = model.read(manifest, path);
            CHECK((bytes && *bytes == text));
        }
    }
    seen.aliases = model.aliases().value();
    for (const auto& [alias, version] : seen.aliases) CHECK(seen.versions.contains(version));
    return seen;
}

/// Between `before` and `after`: each version that is in both is there, and none that is in neither.
inline void check_between(const Operation& operation, const Shelf& seen) {
    for (const std::uint64_t version : seen.versions)
        CHECK((operation.before.versions.contains(version) || operation.after.versions.contains(version)));
    for (const std::uint64_t version : operation.before.versions) {
        if (operation.after.versions.contains(version)) CHECK(seen.versions.contains(version));
    }
    // A version goes only when its successor is there.
    if (!operation.before.versions.empty() && !seen.versions.contains(*operation.before.versions.begin()))
        CHECK(seen.versions == operation.after.versions);
    CHECK((seen.aliases == operation.before.aliases || seen.aliases == operation.after.aliases));
}

/// What is shown under plain paths is what it says, and the half of nothing.
inline void check_plain_paths(const cairn::ArtifactStore& model, const Shelf& seen) {
    for (const std::uint64_t version : seen.versions) {
        if (!std::filesystem::exists(model.plain_path(version))) continue;
        for (const auto& [path, text] : files_of(version)) {
            std::ifstream in{model.plain_path(version) / path, std::ios::binary};
            CHECK(std::string{std::istreambuf_iterator<char>{in}, {}} == text);
        }
    }
}

/// Nothing lies about but what the versions are made of.
inline void check_clean(const cairn::ArtifactStore& model) {
    namespace fs = std::filesystem;
    std::set<std::string> named, there;
    for (const auto& manifest : model.list().value().versions) {
        for (const auto& file : manifest.files) named.insert(file.digest);
    }
    for (const auto& entry : fs::recursive_directory_iterator{model.store().root() / "objects"}) {
        if (entry.is_regular_file())
            there.insert(entry.path().parent_path().filename().string() + entry.path().filename().string());
    }
    CHECK(there == named);
    CHECK(fs::is_empty(model.store().temp_dir()));
    const fs::path versions = model.plain_path(0).parent_path() / "versions";
    for (const auto& entry : fs::directory_iterator{versions}) CHECK(entry.path().extension() == ".json");
    std::set<std::uint64_t> shown;
    for (const auto& entry : fs::directory_iterator{versions.parent_path()}) {
        if (entry.is_directory() && entry.path() != versions)
            shown.insert(std::stoull(entry.path().filename().string().substr(1)));
    }
    for (const std::uint64_t version : shown) CHECK(look(model).versions.contains(version));
}

/// Life goes on: another version is saved, what a death left behind is collected.
inline void go_on(const cairn::ArtifactStore& model, const Shelf& seen) {
    const std::uint64_t next = seen.versions.empty() ? 0 : *seen.versions.rbegin() + 1;
    const auto committed = commit_version(model, next);
    REQUIRE(done(committed));
    for (const auto& warning : committed->warnings) FAIL_CHECK(warning.what());
    CHECK(committed->manifest.version == next);
    (void)cairn::collect_garbage(model.store()).value();
    check_clean(model);
}

/// The store of an operation, opened as a program does.
inline cairn::ArtifactStore open_model(const std::filesystem::path& dir,
                                       cairn::Durability durability = cairn::Durability::process_crash) {
    const auto store = cairn::Store::open(dir, durability).value();
    return cairn::ArtifactStore::open(store, "p", "model", "model").value();
}

}  // namespace cairn_test
