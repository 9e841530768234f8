// SPDX-License-Identifier: MIT
#pragma once
// A fresh folder for one test, removed when the test ends.

#include <filesystem>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace cairn_test {

#if defined(_WIN32)
inline constexpr bool has_symlinks = false;  // Wine makes none, nor does Windows for everybody
#else
inline constexpr bool has_symlinks = true;
#endif

/// Removes a file or a tree, though it be read-only, which Windows would keep.
inline void erase_all(const std::filesystem::path& path) {
#if defined(_WIN32)
    // One by one: libstdc++ 12's `remove_all` tries for ever where somebody has a file open.
    std::error_code ignored;
    std::vector<std::filesystem::path> all{path};
    for (const auto& inside : std::filesystem::recursive_directory_iterator{path, ignored})
        all.push_back(inside.path());
    for (auto at = all.rbegin(); at != all.rend(); ++at) {
        std::filesystem::permissions(*at, std::filesystem::perms::owner_write,
                                     std::filesystem::perm_options::add, ignored);
        std::filesystem::remove(*at, ignored);
    }
#else
    std::filesystem::remove_all(path);
#endif
}

class TempDir {
  public:
    TempDir() {
        std::random_device random;
        do {
            path_ = std::filesystem::temp_directory_path() /
                    ("cairn-test-" + std::to_string(random()) + std::to_string(random()));
        } while (!std::filesystem::create_directory(path_));
    }
    ~TempDir() {
        try {
            erase_all(path_);
        } catch (const std::filesystem::filesystem_error&) {
            // another's file is in the way; the system clears its temporaries
        }
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

}  // namespace cairn_test
