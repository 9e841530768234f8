// SPDX-License-Identifier: MIT
// A file of rich values, as its readers find it and as its writer goes on with it: the checksums of its heads
// are made right first, or no input would come past them. What was read before is read after the writer.
#include <cairn/query/media.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace cairn::detail;

namespace {

std::string read_all(const std::filesystem::path& dir) {
    cairn::MediaList list{dir};
    if (!list.refresh()) return "error";
    std::string out;
    for (const cairn::RecordedMedia& one : list.all()) {
        const auto bytes = list.bytes_of(one);
        out += one.metric + ' ' + std::to_string(one.at) + ' ' + (bytes ? *bytes : "damaged") + '\n';
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::filesystem::path dir = [] {
        auto made = std::filesystem::temp_directory_path() / ("cairn-fuzz-" + std::to_string(::getpid()));
        std::filesystem::create_directories(made);
        return made;
    }();
    std::vector<std::byte> file(media_header_bytes);
    std::memcpy(file.data(), media_magic.data(), media_magic.size());
    put(file.data() + media_magic.size(), media_version);
    const auto input = std::as_bytes(std::span{data, size});
    file.insert(file.end(), input.begin(), input.end());
    const std::span<std::byte> bytes{file};
    for (std::size_t at = media_header_bytes; at + media_head_bytes <= file.size(); at += 8) {
        if (std::memcmp(file.data() + at, media_entry_magic.data(), media_entry_magic.size()) != 0) continue;
        const std::size_t text = padded(get<std::uint32_t>(file.data() + at + 8));
        if (text > file.size() - at - media_head_bytes) continue;
        put(file.data() + at + 4, cairn::crc32c(bytes.subspan(at + 8, media_head_bytes - 8 + text)));
    }
    std::ofstream{dir / media_file, std::ios::binary}.write(reinterpret_cast<const char*>(file.data()),
                                                            static_cast<std::streamsize>(file.size()));
    const std::string before = read_all(dir);
    auto writer = MediaWriter::open(dir / media_file);
    const std::string text = R"({"metric":"m","step":1,"time_ns":2,"kind":"k","type":"t"})";
    if (!writer || !writer->append(text, bytes_of(text))) std::abort();
    const std::string after = read_all(dir);
    if (!after.starts_with(before) || after == before) std::abort();
    return 0;
}
