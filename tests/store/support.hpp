// SPDX-License-Identifier: MIT
#pragma once
// What the store's tests share: child processes, and small artifacts.

#include <cairn/store/artifact_store.hpp>
#include <support/bytes.hpp>
#include <support/catch.hpp>
#include <support/child.hpp>
#include <support/temp_dir.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn_test {

inline std::string slurp(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
}

inline void spit(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << text;
}

inline std::vector<std::string> tree(const std::filesystem::path& root) {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root}) {
        if (!entry.is_directory())
            out.push_back(std::filesystem::relative(entry.path(), root).generic_string());
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// A store without waiting for the disk, and one artifact in it.
struct Fixture {
    explicit Fixture(cairn::Durability durability = cairn::Durability::process_crash)
        : store{cairn::Store::open(dir / "store", durability).value()},
          model{cairn::ArtifactStore::open(store, "p", "model", "model").value()} {}

    TempDir dir;
    cairn::Store store;
    cairn::ArtifactStore model;
};

inline std::vector<cairn::StagedFile> stage(const cairn::Store& store,
                                            const std::map<std::string, std::string>& files) {
    std::vector<cairn::StagedFile> staged;
    for (const auto& [path, text] : files) {
        staged.push_back({path, cairn::stage_bytes(store, bytes_of(text)).value()});
    }
    return staged;
}

inline cairn::result<cairn::Committed> commit(const cairn::ArtifactStore& artifact,
                                              const std::map<std::string, std::string>& files,
                                              const cairn::CommitOptions& options = {}) {
    return artifact.commit({}, stage(artifact.store(), files), options);
}

inline std::string digest_of(std::string_view text) { return cairn::sha256(bytes_of(text)).hex(); }

/// The code of a failure; fails the test on success.
template <class T>
cairn::errc code_of(const cairn::result<T>& r) {
    REQUIRE(!r.has_value());
    CHECK(!r.error().tried().empty());
    CHECK(!r.error().path().empty());
    CHECK(!r.error().advice().empty());
    return r.error().code();
}

}  // namespace cairn_test
