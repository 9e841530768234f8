// SPDX-License-Identifier: MIT
#pragma once
// What the tests of the checkpoint layer share: a small model, a run in a folder of its own, looks at the
// disk.

#include <cairn/cairn.hpp>
#include <cairn/run/init.hpp>

#include "support/temp_dir.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace cairn_test {

struct Model {
    std::vector<float> weight = {1, 2, 3, 4}, bias = {0.5F, -0.5F};
    void describe(auto& fields) {
        fields("fc.weight", weight, {weight.size() / 2, 2});
        fields("fc.bias", bias, {2});
    }
    bool operator==(const Model&) const = default;
};

[[nodiscard]] inline Model model_of(float x) { return {{x, x, x, x}, {x, x}}; }

/// A run of the project "p" in the store `dir`/store, without messages.
[[nodiscard]] inline cairn::Run open_run(const TempDir& dir, std::string id = "r",
                                         cairn::Resume resume = cairn::Resume::allow) {
    cairn::Options options;
    options.project = "p";
    options.id = std::move(id);
    options.dir = dir / "store";
    options.resume = resume;
    options.quiet = true;
    return cairn::init(std::move(options));
}

[[nodiscard]] inline std::string read(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
inline void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream{path, std::ios::binary} << text;
}

/// Every file below a folder, relative to it, sorted.
[[nodiscard]] inline std::vector<std::string> files_below(const std::filesystem::path& dir) {
    std::vector<std::string> files;
    if (!std::filesystem::exists(dir)) return files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{dir}) {
        if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(dir).generic_string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

[[nodiscard]] inline std::filesystem::path artifact_dir(const TempDir& dir, const std::string& name) {
    return dir.path() / "store" / "projects" / "p" / "artifacts" / name;
}
/// The versions that exist on disk: the names of their manifests.
[[nodiscard]] inline std::vector<std::string> versions_on_disk(const TempDir& dir, const std::string& name) {
    return files_below(artifact_dir(dir, name) / "versions");
}
[[nodiscard]] inline std::size_t objects_on_disk(const TempDir& dir) {
    return files_below(dir / "store" / "objects").size();
}

[[nodiscard]] inline std::filesystem::path object_of(const TempDir& dir, const std::string& name,
                                                     std::uint64_t version, const std::string& file) {
    const auto store = cairn::Store::open_existing(dir / "store").value();
    const auto manifest = cairn::ArtifactStore::open(store, "p", name).value().get(version).value();
    return store.object_path(manifest.find(file)->digest);
}
/// What a kill right now would leave of a store, in a new folder. What is written there meanwhile may be gone
/// before it is copied: then all is copied again.
inline void copy_as_killed(const std::filesystem::path& store, const std::filesystem::path& image) {
    constexpr int most = 100;
    std::error_code failed;
    for (int i = 0; i < most; ++i) {
        std::filesystem::copy(store, image, std::filesystem::copy_options::recursive, failed);
        if (!failed) return;
        erase_all(image);
    }
    throw std::filesystem::filesystem_error{"cannot copy a store", store, failed};
}
/// Changes one byte of a file, in the middle; it may be read-only.
inline void flip_a_byte(const std::filesystem::path& path) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    std::string bytes = read(path);
    bytes[bytes.size() / 2] ^= 1;
    write(path, bytes);
}

[[nodiscard]] inline std::vector<std::int64_t> steps_of(const auto& checkpoint) {
    std::vector<std::int64_t> steps;
    for (const cairn::Version& version : checkpoint.versions()) steps.push_back(version.step());
    return steps;
}
[[nodiscard]] inline std::vector<std::string> labels_of(const auto& checkpoint) {
    std::vector<std::string> labels;
    for (const cairn::Version& version : checkpoint.versions()) labels.push_back(version.label());
    return labels;
}

using Steps = std::vector<std::int64_t>;
using Labels = std::vector<std::string>;

/// What a call throws; fails the test's own way (an error of no code) if it throws nothing.
[[nodiscard]] cairn::error error_of(auto&& call) {
    try {
        call();
    } catch (const cairn::error& failure) {
        return failure;
    }
    return {cairn::errc::unsupported, "nothing was thrown", "", ""};
}

/// What is written to stderr while it lives.
class StderrCapture {
  public:
    StderrCapture() {
        std::fflush(stderr);
        const std::string path = (dir_ / "stderr").string();
        if (std::FILE* file = std::fopen(path.c_str(), "w"); file != nullptr) {
            (void)::dup2(::fileno(file), 2);
            (void)std::fclose(file);
        }
    }
    ~StderrCapture() { (void)text(); }
    StderrCapture(const StderrCapture&) = delete;
    StderrCapture& operator=(const StderrCapture&) = delete;

    /// Ends the capture.
    [[nodiscard]] std::string text() {
        if (was_ >= 0) {
            std::fflush(stderr);
            (void)::dup2(was_, 2);
            (void)::close(std::exchange(was_, -1));
        }
        return read(dir_ / "stderr");
    }

  private:
    TempDir dir_;
    int was_ = ::dup(2);
};

[[nodiscard]] inline std::size_t count_of(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size()))
        ++count;
    return count;
}

}  // namespace cairn_test
