// SPDX-License-Identifier: MIT
// The file of rich values: what is whole is found, whatever stands around it.
#include <cairn/store/media_file.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace media_file_test {

using namespace cairn_test;
using namespace cairn::detail;

namespace {

using Kept = std::vector<std::pair<std::string, std::string>>;  // text, value

Kept read_all(const std::filesystem::path& path, std::size_t* gaps = nullptr) {
    Kept out;
    auto reader = MediaReader::open(path).value();
    MediaEntry entry;
    while (reader.next(entry).value()) {
        const auto value = reader.read(entry);
        out.emplace_back(entry.text, value ? *value : "damaged");
        CHECK(reader.entry_at(entry.at).value().text == entry.text);
        reader.go_on_from(entry.value + padded(static_cast<std::size_t>(entry.bytes)));
    }
    if (gaps != nullptr) *gaps = reader.gaps();
    return out;
}
std::string content_of(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
void put_content(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
}
void append(MediaWriter& writer, const std::string& text, const std::string& value) {
    REQUIRE(writer.append(text, bytes_of(value)));
}
const Kept three{{"{\"a\":1}", "first"}, {"{}", ""}, {"{\"b\":22222}", std::string(1000, 'x')}};

std::filesystem::path written(const TempDir& dir) {
    const auto path = dir.path() / media_file;
    auto writer = MediaWriter::open(path).value();
    for (const auto& [text, value] : three) append(writer, text, value);
    CHECK(writer.bytes() == std::filesystem::file_size(path));
    return path;
}

}  // namespace

TEST_CASE("media file: what is appended is read, also by who opens it again", "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    CHECK(read_all(path) == three);
    auto writer = MediaWriter::open(path).value();
    append(writer, "{\"c\":3}", "more");
    const Kept all = read_all(path);
    REQUIRE(all.size() == 4);
    CHECK(all[3].second == "more");
}

TEST_CASE("media file: cut off at any byte, what is before is whole, and a writer goes on",
          "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    const std::string whole = content_of(path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        put_content(path, whole.substr(0, size));
        if (size != 0 && size < media_header_bytes) {
            CHECK(MediaReader::open(path).error().code() == cairn::errc::corrupt);
            continue;
        }
        const Kept left = read_all(path);
        REQUIRE(left.size() < 3);
        CHECK(left == Kept(three.begin(), three.begin() + static_cast<std::ptrdiff_t>(left.size())));
        auto writer = MediaWriter::open(path).value();
        append(writer, "{\"n\":1}", "new");
        const Kept after = read_all(path);
        REQUIRE(after.size() == left.size() + 1);
        CHECK(after.back().second == "new");
    }
}

TEST_CASE("media file: a changed byte loses one entry at most, and is told", "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    const std::string whole = content_of(path);
    for (std::size_t at = media_header_bytes; at < whole.size(); ++at) {
        CAPTURE(at);
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x41);
        put_content(path, changed);
        std::size_t gaps = 0;
        const Kept left = read_all(path, &gaps);
        std::size_t sound = 0;
        for (const auto& one : left) {
            const bool is_one = std::find(three.begin(), three.end(), one) != three.end();
            CHECK((is_one || one.second == "damaged"));
            sound += is_one ? 1U : 0U;
        }
        CHECK(sound >= 2);
    }
}

TEST_CASE("media file: behind damage the next entry is found, however far it is", "[store][media]") {
    const TempDir dir;
    const auto path = dir.path() / media_file;
    const Kept all{{"{\"a\":0}", std::string(100'000, 'a')},
                   {"{\"b\":0}", "b"},
                   {"{\"c\":0}", "c"},
                   {"{\"d\":0}", std::string(200'000, 'd')},
                   {"{\"e\":0}", std::string(70'000, 'e')},
                   {"{\"f\":0}", "f"}};
    auto writer = MediaWriter::open(path).value();
    for (const auto& [text, value] : all) append(writer, text, value);
    std::string bytes = content_of(path);
    for (const char* text : {"{\"a\"", "{\"b\"", "{\"d\""}) bytes.at(bytes.find(text)) = '!';
    put_content(path, bytes);
    std::size_t gaps = 0;
    CHECK(read_all(path, &gaps) == Kept{all[2], all[4], all[5]});
    CHECK(gaps == 2);
}

TEST_CASE("media file: no size that the file does not have is believed", "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    std::string bytes = content_of(path);
    for (const auto& [at, value] :
         std::vector<std::pair<std::size_t, std::uint64_t>>{{24, ~std::uint64_t{0}},
                                                            {24, std::uint64_t{1} << 40U},
                                                            {32, ~std::uint64_t{0}},
                                                            {32, most_media_bytes}}) {
        std::string hostile = bytes;
        put(reinterpret_cast<std::byte*>(hostile.data()) + at, value);
        put(reinterpret_cast<std::byte*>(hostile.data()) + media_header_bytes + 4,
            cairn::crc32c(std::as_bytes(std::span{hostile}).subspan(media_header_bytes + 8, 24)));
        put_content(path, hostile);
        CHECK(read_all(path).size() == 2);
    }
    auto reader = MediaReader::open(path).value();
    for (const std::uint64_t at :
         {std::uint64_t{0}, std::uint64_t{17}, std::uint64_t{24}, ~std::uint64_t{0} - 7})
        CHECK(reader.entry_at(at).error().code() == cairn::errc::not_found);
    auto writer = MediaWriter::open(path).value();
    const std::string text(most_media_text + 1, ' ');
    CHECK(writer.append(text, {}).error().code() == cairn::errc::invalid_argument);
}

TEST_CASE("media file: another file and a newer version are refused", "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    std::string bytes = content_of(path);
    bytes[8] = 2;
    put_content(path, bytes);
    CHECK(MediaReader::open(path).error().code() == cairn::errc::unsupported);
    CHECK(MediaWriter::open(path).error().code() == cairn::errc::unsupported);
    put_content(path, "something else that is long enough");
    CHECK(MediaReader::open(path).error().code() == cairn::errc::corrupt);
    CHECK(MediaWriter::open(path).error().code() == cairn::errc::corrupt);
    CHECK(content_of(path) == "something else that is long enough");
}

TEST_CASE("media file: an entry that was longer than the file does not come up when it grows",
          "[store][media]") {
    const TempDir dir;
    const auto path = written(dir);
    std::string bytes = content_of(path);
    put(reinterpret_cast<std::byte*>(bytes.data()) + media_header_bytes + 16, std::uint64_t{bytes.size()});
    put(reinterpret_cast<std::byte*>(bytes.data()) + media_header_bytes + 4,
        cairn::crc32c(std::as_bytes(std::span{bytes}).subspan(media_header_bytes + 8, 24)));
    put_content(path, bytes);
    const Kept before = read_all(path);
    REQUIRE(before == Kept(three.begin() + 1, three.end()));
    {
        auto writer = MediaWriter::open(path).value();
        append(writer, "{\"c\":3}", std::string(10'000, 'y'));
    }
    const Kept after = read_all(path);
    REQUIRE(after.size() == 3);
    CHECK(after[0] == three[1]);
    CHECK(after[1] == three[2]);
}

}  // namespace media_file_test
