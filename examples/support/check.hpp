// SPDX-License-Identifier: MIT
#pragma once
// How an example ends: it looks up which versions the store holds now, says so, and fails if they are not the
// expected ones.

#include <cairn/cairn.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace example {

/// Whether the versions that the store holds, of this run and this name, are the expected ones, each with its
/// model. `word_of(version)` is what they are compared by.
[[nodiscard]] bool compare_versions(cairn::Run& run, const std::string& name,
                                    const std::vector<std::string>& expected, auto word_of) {
    const auto stored = run.checkpoint<cairn::Manual>(name);  // a second look, which reads what is on disk
    std::vector<std::string> found;
    bool whole = true;
    for (const cairn::Version& version : stored.versions()) {
        found.push_back(word_of(version));
        whole = whole && std::filesystem::exists(version.path / "model.safetensors");
    }
    const auto print = [](std::FILE* out, const std::string& what, const std::vector<std::string>& words) {
        std::fprintf(out, "%s:", what.c_str());
        for (const std::string& word : words) std::fprintf(out, " %s", word.c_str());
        std::fputs(words.empty() ? " none\n" : "\n", out);
    };
    print(stdout, name + " has the versions", found);
    if (found == expected && whole) return true;
    print(stderr, "error: " + name + " should have, with a model in each, exactly the versions", expected);
    return false;
}

/// The versions of a checkpoint are those of exactly these steps, oldest first.
[[nodiscard]] inline bool has_versions(cairn::Run& run, const std::string& name,
                                       const std::vector<int>& steps) {
    const auto word = [](auto step) { return "step " + std::to_string(step); };
    std::vector<std::string> expected;
    expected.reserve(steps.size());
    for (const int step : steps) expected.push_back(word(step));
    return compare_versions(run, name, expected,
                            [&](const cairn::Version& version) { return word(version.step()); });
}

/// The versions of an artifact are exactly these, oldest first.
[[nodiscard]] inline bool has_versions_named(cairn::Run& run, const std::string& name,
                                             const std::vector<std::string>& labels) {
    return compare_versions(run, name, labels, [](const cairn::Version& version) { return version.label(); });
}

/// Whether a claim holds; if not, says so.
[[nodiscard]] inline bool check(bool holds, const char* claim) {
    if (!holds) std::fprintf(stderr, "error: this should be so: %s\n", claim);
    return holds;
}

}  // namespace example
