// SPDX-License-Identifier: MIT
#pragma once
// Where a run was made: machine, program, compiler, commit.

#include <cairn/core/deferred.hpp>
#include <cairn/store/git_commit.hpp>
#include <cairn/store/os.hpp>
#include <cairn/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

/// What the program was built with, if its build tells: `-DCAIRN_BUILD_FLAGS='"-O3 -march=native"'`.
#if !defined(CAIRN_BUILD_FLAGS)
#define CAIRN_BUILD_FLAGS ""
#endif

namespace CAIRN_NAMESPACE::detail {

/// Whether a name is one of what is to be kept from others: "--api-key", "DB_PASSWORD". Rather one too many.
template <class = void>
[[nodiscard]] bool names_a_secret(std::string_view name) {
    std::string small{name};
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::array<std::string_view, 9> secrets{"key",    "token",      "secret", "pass",  "pwd",
                                                      "bearer", "credential", "auth",   "cookie"};
    return std::any_of(secrets.begin(), secrets.end(),
                       [&](std::string_view secret) { return small.find(secret) != std::string::npos; });
}

/// Where in a word a secret begins that its name stands before ("token=", "\"api_key\": ", "--key:"), or that
/// its own first letters tell; the word's end if there is none.
template <class = void>
[[nodiscard]] std::size_t secret_in(std::string_view word) {
    constexpr std::string_view of_names =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. \"'";
    for (std::size_t at = word.find_first_of("=:"); at != std::string_view::npos;
         at = word.find_first_of("=:", at + 1)) {
        const std::size_t before = word.substr(0, at).find_last_not_of(of_names);
        const std::size_t from = before == std::string_view::npos ? 0 : before + 1;
        if (names_a_secret(word.substr(from, at - from))) return at + 1;
    }
    std::size_t first = word.size();
    for (const std::string_view begins :
         {"hf_", "sk-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "eyJ"}) {
        const std::size_t at = word.find(begins);
        const bool is_begin =
            at == 0 || (at != std::string_view::npos &&
                        std::string_view{"=: \"'"}.find(word[at - 1]) != std::string_view::npos);
        if (is_begin) first = std::min(first, at);
    }
    return first;
}

/// A command line without what is or may be secret: the values of options whose names say so, what stands
/// between
/// "://" and "@", what follows the "?" of an address, and what looks like a token. A secret that nothing
/// tells is not known.
template <class = void>
[[nodiscard]] std::vector<std::string> without_secrets(std::vector<std::string> words) {
    constexpr const char* hidden = "***";
    constexpr std::size_t most_bytes = 16 << 10;
    bool is_value = false;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string& word = words[i];
        if (std::exchange(is_value, false)) {
            word = hidden;
            continue;
        }
        for (std::size_t at = word.find("://"); at != std::string::npos; at = word.find("://", at + 3)) {
            const std::size_t end = std::min(word.find_first_of(" \t\"'", at), word.size());
            if (const std::size_t user = word.rfind('@', end - 1); user != std::string::npos && user > at)
                word.replace(at + 3, user - at - 3, hidden);
            const std::size_t query = word.find('?', at);
            if (query != std::string::npos) word.replace(query + 1, std::string::npos, hidden);
        }
        if (const std::size_t from = i == 0 ? word.size() : secret_in(word); from < word.size())
            word.replace(from, std::string::npos, hidden);
        is_value = i != 0 && word.starts_with('-') && word.find_first_of("=:") == std::string::npos &&
                   names_a_secret(word);
        bytes += word.size();
        if (bytes <= most_bytes) continue;
        words.resize(i + 1);
        word = "...";
    }
    return words;
}

/// Variables that tell of the machine's share and of the other processes: these and no others.
inline constexpr std::array<const char*, 24> told_variables{"CUDA_VISIBLE_DEVICES",
                                                            "OMP_NUM_THREADS",
                                                            "RANK",
                                                            "WORLD_SIZE",
                                                            "LOCAL_RANK",
                                                            "LOCAL_WORLD_SIZE",
                                                            "NODE_RANK",
                                                            "MASTER_ADDR",
                                                            "MASTER_PORT",
                                                            "OMPI_COMM_WORLD_RANK",
                                                            "OMPI_COMM_WORLD_SIZE",
                                                            "OMPI_COMM_WORLD_LOCAL_RANK",
                                                            "PMI_RANK",
                                                            "PMI_SIZE",
                                                            "SLURM_JOB_ID",
                                                            "SLURM_JOB_NAME",
                                                            "SLURM_JOB_PARTITION",
                                                            "SLURM_JOB_NODELIST",
                                                            "SLURM_NNODES",
                                                            "SLURM_NTASKS",
                                                            "SLURM_PROCID",
                                                            "SLURM_LOCALID",
                                                            "SLURM_ARRAY_JOB_ID",
                                                            "SLURM_ARRAY_TASK_ID"};

/// The compiler of the file that opens the run.
[[nodiscard]] inline std::string compiler_name() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC " + std::to_string(_MSC_FULL_VER);
#else
    return {};
#endif
}

/// The first of what stands behind a key in a text of lines "key : value".
template <class = void>
[[nodiscard]] std::string line_after(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return {};
    std::string_view rest = text.substr(at + key.size());
    rest = rest.substr(std::min(rest.find_first_not_of(" \t:"), rest.size()));
    return std::string{rest.substr(0, rest.find('\n'))};
}

/// A commit as a run's record has it.
template <class Json>
[[nodiscard]] Json commit_record(const GitCommit& git) {
    Json out = {{"commit", git.commit}, {"root", os::utf8_of(git.root)}};
    if (!git.branch.empty()) out["branch"] = git.branch;
    return out;
}

/// What is known without asking anybody but the system. Cost: reads some ten small files.
template <class Json = nlohmann::json>
[[nodiscard]] Json environment_of_run() {
    Json out = {{"command", without_secrets(os::command_line())},
                {"host", os::this_process().host},
                {"user", os::user_name()},
                {"os", os::system_name()},
                {"processors", std::thread::hardware_concurrency()},
                {"compiler", compiler_name()},
                {"library", CAIRN_VERSION}};
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::current_path(failed);
    if (!failed) out["folder"] = os::utf8_of(folder);
    if (const std::string_view flags = CAIRN_BUILD_FLAGS; !flags.empty()) out["flags"] = flags;
    if (std::string model = line_after(os::kernel_file("/proc/cpuinfo"), "model name"); !model.empty())
        out["processor"] = std::move(model);
    if (const auto kib = os::numbers_after(os::kernel_file("/proc/meminfo"), "MemTotal:").next())
        out["memory"] = static_cast<std::uint64_t>(*kib) * 1024;
    // An empty folder, which there is where it cannot be told, lies in no tree.
    if (const auto git = git_commit_at(folder)) out["git"] = commit_record<Json>(*git);
    Json& variables = out["variables"] = Json::object();
    for (const char* name : told_variables) {
        if (std::string value = os::sys::environment(name); !value.empty())
            variables[name] = std::move(value);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
