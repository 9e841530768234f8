// SPDX-License-Identifier: MIT
#pragma once
// What the tests of runs share: rows read back, JSON files, child processes.

#include <cairn/run/init.hpp>
#include <cairn/store/history.hpp>

#include "support/child.hpp"
#include "support/env.hpp"
#include "support/run_files.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if CAIRN_TEST_FORK
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace cairn_test {

using Kind = cairn::Value::Kind;

/// A value that owns its text.
struct Stored {
    Kind kind = Kind::none;
    double number = 0;
    std::uint64_t bits = 0;
    std::string text;
};
struct Logged {
    std::int64_t step = 0;
    std::int64_t time_ns = 0;
    std::map<std::string, Stored, std::less<>> values;

    [[nodiscard]] double number(std::string_view name) const { return values.at(std::string{name}).number; }
    [[nodiscard]] std::string text(std::string_view name) const { return values.at(std::string{name}).text; }
};

/// All rows of a run's folder, as its readers see them. Throws what reading fails with.
inline std::vector<Logged> rows_of(const std::filesystem::path& run_dir,
                                   cairn::detail::HistoryReport* report = nullptr) {
    std::vector<Logged> rows;
    auto read = cairn::detail::read_history(
        run_dir, [&](std::int64_t step, std::int64_t time_ns, std::span<const cairn::NamedValue> values) {
            Logged& row = rows.emplace_back(Logged{step, time_ns, {}});
            for (const cairn::NamedValue& v : values) {
                const Kind kind = v.value.kind();
                row.values[std::string{v.name}] = {
                    kind, v.value.number(), kind == Kind::number || kind == Kind::text ? 0 : v.value.bits(),
                    std::string{v.value.text()}};
            }
        });
    if (report != nullptr && read) *report = *read;
    (void)std::move(read).value();
    return rows;
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

inline std::string text_of(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// How many files of a folder have this ending.
inline std::size_t count_files(const std::filesystem::path& dir, std::string_view ending = "") {
    std::size_t n = 0;
    if (!std::filesystem::exists(dir)) return 0;
    for (const auto& entry : std::filesystem::directory_iterator{dir}) {
        n += entry.path().string().ends_with(ending) ? 1U : 0U;
    }
    return n;
}

/// The error's code and text; an empty optional if nothing was thrown.
template <class F>
std::optional<cairn::error> error_of(F&& f) {
    try {
        f();
    } catch (const cairn::error& e) {
        return e;
    }
    return std::nullopt;
}

}  // namespace cairn_test
