// SPDX-License-Identifier: MIT
#pragma once
// A metric of one run's folder as a series.

#include <cairn/query/detail/read_series.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cairn_test {

inline cairn::result<cairn::Series> read_series(const std::filesystem::path& run_dir,
                                                std::string_view metric) {
    const std::string name{metric};
    cairn::detail::SeriesReader reader{std::span{&name, 1}};
    if (auto read = reader.add(run_dir); !read) return read.error();
    return reader.take();
}

}  // namespace cairn_test
