// SPDX-License-Identifier: MIT
#pragma once
// Copies files that match a pattern into a run's folder. Costs nothing but <filesystem>.

#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Whether a file name matches a pattern of `*` (any characters) and `?` (one character).
[[nodiscard]] constexpr bool matches(std::string_view name, std::string_view pattern) noexcept {
    std::size_t n = 0, p = 0, star = std::string_view::npos, resume = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++resume;  // let the star take one character more
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

/// The files that match `pattern`, sorted; `*` and `?` may stand in any of its components.
template <class = void>
[[nodiscard]] std::vector<std::filesystem::path> matching_files(const std::filesystem::path& pattern) {
    std::vector<std::filesystem::path> found{pattern.root_path()};
    for (const std::filesystem::path& component : pattern.relative_path()) {
        std::vector<std::filesystem::path> next;
        const std::string text = component.string();
        for (const std::filesystem::path& base : found) {
            if (text.find_first_of("*?") == std::string::npos) {
                next.push_back(base / component);
            } else if (auto names = os::list_dir(base.empty() ? "." : base)) {
                for (const std::string& name : *names) {
                    if (matches(name, text)) next.push_back(base / os::path_of(name));
                }
            }
        }
        found = std::move(next);
    }
    std::erase_if(found, [](const std::filesystem::path& path) {
        const auto status = os::status(path);
        return !status || !status->is_file;
    });
    return found;
}

/// Copies the files that match into `dir`, under their file names; a newer copy replaces an older one whole,
/// made in `temp_dir` before.
/// A pattern without `*` and `?` must name a file. The first failure is returned, after all others were
/// tried.
template <class = void>
[[nodiscard]] result<void> save_files(const std::filesystem::path& pattern, const std::filesystem::path& dir,
                                      const os::Path& temp_dir) {
    const auto files = matching_files(pattern);
    const std::string text = pattern.string();
    if (files.empty() && text.find_first_of("*?") == std::string::npos) {
        return error{errc::not_found, "the file to save does not exist", text,
                     "check the path; it is read as it stands"};
    }
    if (files.empty()) return {};
    if (auto made = os::make_dirs(dir); !made) return made;
    result<void> first;
    for (const std::filesystem::path& file : files) {
        const std::filesystem::path to = dir / file.filename();
        keep_first(first, with_temp_dir(to, temp_dir, [&](const os::Path& folder) {
                       const TempPath temp{folder / ("." + temp_name())};
                       const auto copied = os::copy_file(file, temp.path());
                       return copied ? os::rename_replace(temp.path(), to) : copied;
                   }));
    }
    return first;
}

}  // namespace CAIRN_NAMESPACE::detail
