// SPDX-License-Identifier: MIT
#pragma once
// A metric of one run's folder as a series.

#include <cairn/query/detail/read_series.hpp>

#include <filesystem>
#include <string_view>

namespace cairn_test {

inline cairn::result<cairn::Series> read_series(const std::filesystem::path& run_dir,
                                                std::string_view metric) {
    cairn::detail::SeriesReader reader{metric};
    if (auto read = reader.add(run_dir); !read) return read.error();
    return reader.take();
}

}  // namespace cairn_test
