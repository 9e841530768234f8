// SPDX-License-Identifier: MIT
#pragma once
// Where a run was made: machine, program, compiler, commit. No secret is among it.

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
#include <vector>

/// What the program was built with, if its build tells: `-DCAIRN_BUILD_FLAGS='"-O3 -march=native"'`.
#if !defined(CAIRN_BUILD_FLAGS)
#define CAIRN_BUILD_FLAGS ""
#endif

namespace CAIRN_NAMESPACE::detail {

/// Whether a word names what is to be kept from others: "--api-key", "DB_PASSWORD".
template <class = void>
[[nodiscard]] bool names_a_secret(std::string_view word) {
    std::string small{word};
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::array<std::string_view, 8> secrets{"key",        "token",      "secret", "passw",
                                                      "passphrase", "credential", "auth",   "cookie"};
    return std::any_of(secrets.begin(), secrets.end(),
                       [&](std::string_view secret) { return small.find(secret) != std::string::npos; });
}

/// A command line without the values of options that name a secret, and without a password in an address.
template <class = void>
[[nodiscard]] std::vector<std::string> without_secrets(std::vector<std::string> words) {
    constexpr const char* hidden = "***";
    bool is_value = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string& word = words[i];
        const bool is_option = word.starts_with('-');
        if (is_value && !is_option) {
            word = hidden;
            is_value = false;
            continue;
        }
        const std::size_t equals = word.find('=');
        const bool is_secret = i != 0 && names_a_secret(std::string_view{word}.substr(0, equals));
        if (is_secret && equals != std::string::npos) word = word.substr(0, equals + 1) + hidden;
        is_value = is_secret && is_option && equals == std::string::npos;
        const std::size_t scheme = word.find("://"), at = word.find('@', scheme);
        if (scheme != std::string::npos && at != std::string::npos && word.find('/', scheme + 3) > at)
            word.replace(scheme + 3, at - scheme - 3, hidden);
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
    if (!failed) out["folder"] = folder.string();
    if (const std::string_view flags = CAIRN_BUILD_FLAGS; !flags.empty()) out["flags"] = flags;
    if (std::string model = line_after(os::kernel_file("/proc/cpuinfo"), "model name"); !model.empty())
        out["processor"] = std::move(model);
    if (const auto kib = os::numbers_after(os::kernel_file("/proc/meminfo"), "MemTotal:").next())
        out["memory"] = static_cast<std::uint64_t>(*kib) * 1024;
    if (!failed) {
        if (const auto git = git_commit_at(folder)) {
            out["git"] = {{"commit", git->commit}, {"root", git->root.string()}};
            if (!git->branch.empty()) out["git"]["branch"] = git->branch;
        }
    }
    Json& variables = out["variables"] = Json::object();
    for (const char* name : told_variables) {
        if (std::string value = os::sys::environment(name); !value.empty())
            variables[name] = std::move(value);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
