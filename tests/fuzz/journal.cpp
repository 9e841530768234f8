// SPDX-License-Identifier: MIT
// A ring file that a kill has left, as readers find it and as the run's next writer folds it into the
// history. What makes a file a ring is put right first, or no input would come past it. The input: the
// logarithm of the ring's size, its head and tail, whether memory comes before it, what it holds. What was
// folded in has the rows that were read.
#include <cairn/store/history.hpp>

#include "rows.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace cairn::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::filesystem::path dir = folder_of_this_process();
    std::filesystem::create_directories(dir / journal_folder);
    std::array<std::uint8_t, 18> head{};
    std::memcpy(head.data(), data, std::min(size, head.size()));
    const auto capacity = std::size_t{1} << (head[0] % 17U);  // what an input can fill
    std::vector<std::byte> file(ring_header_bytes + capacity);
    put(file.data() + offsetof(RingHeader, version), RingHeader::current_version);
    put(file.data() + offsetof(RingHeader, byte_order), RingHeader::expected_byte_order);
    put(file.data() + offsetof(RingHeader, capacity), std::uint64_t{capacity});
    put(file.data() + offsetof(RingHeader, id), std::uint32_t{1});
    std::memcpy(file.data(), RingHeader::expected_magic, sizeof RingHeader::expected_magic);
    std::memcpy(file.data() + offsetof(RingHeader, head), head.data() + 1, 8);
    std::memcpy(file.data() + offsetof(RingHeader, tail), head.data() + 9, 8);
    file[offsetof(RingHeader, after_memory)] = std::byte{head[17]};
    if (size > head.size()) {
        std::memcpy(file.data() + ring_header_bytes, data + head.size(),
                    std::min(size - head.size(), capacity));
    }
    for (const auto& entry : std::filesystem::directory_iterator{dir / journal_folder})
        std::filesystem::remove(entry.path());
    std::filesystem::remove(dir / history_file);
    std::ofstream{dir / journal_folder / ring_file_name(1), std::ios::binary}.write(
        reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    const std::string rows = rows_of(dir, false);
    if (rows_of(dir, true) != rows || rows_of(dir, false) != rows) std::abort();
    return 0;
}
