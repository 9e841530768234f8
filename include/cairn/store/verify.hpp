// SPDX-License-Identifier: MIT
#pragma once
// Looks at every byte of what was saved. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a look at the bytes found.
struct Verified {
    std::uint64_t versions = 0;       ///< that are whole
    std::uint64_t objects = 0;        ///< that were hashed, each once
    std::uint64_t bytes = 0;          ///< of these
    std::uint64_t rows = 0;           ///< of the runs that were looked at
    std::vector<error> damaged = {};  ///< one for each version, artifact or history that is not whole

    /// Nothing is damaged.
    [[nodiscard]] bool ok() const noexcept { return damaged.empty(); }
};

/// Hashes the objects of versions, each once however many have it. Takes no lock: what a retention removes
/// meanwhile is not taken for damaged.
template <class = void>
class BasicVerifier {
  public:
    /// For the versions of this store.
    explicit BasicVerifier(Store store) : store_{std::move(store)} {}

    /// A version of an artifact.
    void look_at(const ArtifactStore& artifact, const Manifest& manifest) {
        const auto reading = artifact.lease(manifest.version);
        if (!artifact.get(manifest.version)) return;  // it went
        for (const FileEntry& file : manifest.files) {
            if (const std::optional<error> damage = look_at(file)) {
                found_.damaged.emplace_back(damage->code(),
                                            artifact.name() + " " + manifest.label() + ": " + damage->tried(),
                                            damage->path(), damage->advice());
                return;
            }
        }
        ++found_.versions;
    }
    /// All versions of an artifact. Fails as the disk does.
    result<void> look_at(const ArtifactStore& artifact) {
        const auto listing = artifact.list();
        if (!listing) return listing.error();
        for (const error& damage : listing->damaged) found_.damaged.push_back(damage);
        for (const Manifest& manifest : listing->versions) look_at(artifact, manifest);
        return {};
    }
    /// All artifacts of a project. Fails as the disk does.
    result<void> look_at(const std::string& project) {
        const auto names = store_.artifacts(project);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            const auto artifact = ArtifactStore::open(store_, project, name);
            if (!artifact) {
                found_.damaged.push_back(artifact.error());
            } else if (auto looked = look_at(*artifact); !looked) {
                return looked;
            }
        }
        return {};
    }

    /// What was found so far.
    [[nodiscard]] const Verified& found() const noexcept { return found_; }
    /// The store it looks at.
    [[nodiscard]] const Store& store() const noexcept { return store_; }

  private:
    /// What is wrong with a file; nothing if nothing is.
    [[nodiscard]] std::optional<error> look_at(const FileEntry& file) {
        for (const ObjectEntry& object : file.objects()) {
            const auto [known, is_new] = objects_.try_emplace(object.digest);
            if (is_new) {
                ++found_.objects;
                found_.bytes += object.size;
                if (const auto whole = detail::verify_object(store_, object.digest); !whole)
                    known->second = whole.error();
            }
            if (known->second) return known->second;
        }
        return std::nullopt;
    }

    Store store_;
    Verified found_;
    std::map<std::string, std::optional<error>> objects_;  // what is wrong with each
};
using Verifier = BasicVerifier<>;

/// Hashes everything that the versions of a store hold. Fails as the disk does; what is damaged is in the
/// answer. Cost: reads every byte once.
template <class = void>
[[nodiscard]] result<Verified> verify(const Store& store) {
    Verifier verifier{store};
    const auto projects = store.projects();
    if (!projects) return projects.error();
    for (const std::string& project : *projects) {
        if (auto looked = verifier.look_at(project); !looked) return looked.error();
    }
    return verifier.found();
}
/// The same for the versions of one artifact.
template <class = void>
[[nodiscard]] result<Verified> verify(const ArtifactStore& artifact) {
    Verifier verifier{artifact.store()};
    if (auto looked = verifier.look_at(artifact); !looked) return looked.error();
    return verifier.found();
}

}  // namespace CAIRN_NAMESPACE
