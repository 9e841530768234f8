// SPDX-License-Identifier: MIT
#pragma once
// What the command line says.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace train_text {

inline constexpr const char* usage = "usage: train_text [--steps N] [--seed N] [FILE...]";

struct Arguments {
    bool help = false;
    std::int64_t steps = 4500;
    std::uint32_t seed = 1;
    std::vector<std::filesystem::path> files;
};

/// README and headers of this repository: the working folder's if it is that, else those this program was
/// built from.
[[nodiscard]] inline std::vector<std::filesystem::path> own_sources() {
    namespace fs = std::filesystem;
    const fs::path built_from = fs::path{__FILE__}.parent_path() / ".." / "..";
    for (const fs::path& root : {fs::path{}, built_from}) {
        if (!fs::is_directory(root / "include" / "cairn")) continue;
        std::vector<fs::path> files;
        for (const auto& entry : fs::recursive_directory_iterator{root / "include"}) {
            if (entry.path().extension() == ".hpp") files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
        if (fs::exists(root / "README.md")) files.insert(files.begin(), root / "README.md");
        return files;
    }
    return {};
}

/// What `main` was given. Throws std::invalid_argument with the problem and the usage.
[[nodiscard]] inline Arguments parse(int argc, const char* const* argv) {
    const auto refusal = [](const std::string& problem) {
        return std::invalid_argument{problem + '\n' + usage};
    };
    const auto number = [&](std::string_view text, auto& out) {
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
        if (failure != std::errc{} || end != text.data() + text.size() || out < 1) {
            throw refusal("this is not a positive number: " + std::string{text});
        }
    };

    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if ((word == "--steps" || word == "--seed") && i + 1 == argc)
            throw refusal(std::string{word} + " needs a number");
        if (word == "--help") {
            arguments.help = true;
        } else if (word == "--steps") {
            number(argv[++i], arguments.steps);
        } else if (word == "--seed") {
            number(argv[++i], arguments.seed);
        } else if (word.starts_with("--")) {
            throw refusal("there is no option " + std::string{word});
        } else {
            arguments.files.emplace_back(word);
        }
    }
    if (arguments.files.empty()) arguments.files = own_sources();
    if (arguments.files.empty()) throw refusal("there is no text to learn: name a file");
    return arguments;
}

}  // namespace train_text
