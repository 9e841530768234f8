// SPDX-License-Identifier: MIT
// A history file, as its readers find it and as the run's writer recovers it: its checksums are made right
// first, or no input would come past them. What was recovered has the rows that were read.
#include <cairn/store/history.hpp>

#include "rows.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using namespace cairn::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::filesystem::path dir = folder_of_this_process();
    std::vector<std::byte> file(history_header_bytes);
    std::memcpy(file.data(), history_magic.data(), history_magic.size());
    put(file.data() + history_magic.size(), history_version);
    const auto input = std::as_bytes(std::span{data, size});
    file.insert(file.end(), input.begin(), input.end());
    for (std::size_t at = history_header_bytes; at + frame_header_bytes <= file.size();) {
        constexpr FrameKind kinds[] = {FrameKind::records, FrameKind::packed, FrameKind::whole_names};
        put(file.data() + at,
            static_cast<std::uint32_t>(kinds[get<std::uint8_t>(file.data() + at) % std::size(kinds)]));
        const std::size_t left = file.size() - at - frame_header_bytes;
        const std::size_t bytes =
            std::min<std::size_t>(get<std::uint16_t>(file.data() + at + 4) & ~7U, left & ~std::size_t{7});
        put(file.data() + at + 4, static_cast<std::uint32_t>(bytes));
        put(file.data() + at + 8,
            cairn::crc32c(std::span{file}.subspan(at + 12, frame_header_bytes - 12 + bytes)));
        at += frame_header_bytes + bytes;
    }
    std::ofstream{dir / history_file, std::ios::binary}.write(reinterpret_cast<const char*>(file.data()),
                                                              static_cast<std::streamsize>(file.size()));
    const std::string rows = rows_of(dir, false);
    if (rows_of(dir, true) != rows || rows_of(dir, false) != rows) std::abort();
    return 0;
}
