// SPDX-License-Identifier: MIT
#include <cairn/store/history_index.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace history_index_test {

using namespace cairn::detail;
using cairn_test::TempDir;

namespace {

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

SeriesNode node_of(const std::vector<std::pair<std::int64_t, double>>& values) {
    SeriesNode node;
    for (const auto& [step, value] : values) node.add(step, step / 4'000'000, value);
    return node;
}
bool same(const SeriesNode& a, const SeriesNode& b) {
    const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
    return a.finite == b.finite && a.nans == b.nans && a.infinities == b.infinities &&
           a.restarts == b.restarts && a.first_step == b.first_step && a.last_step == b.last_step &&
           a.min_step == b.min_step && a.max_step == b.max_step && a.min_ms == b.min_ms &&
           a.max_ms == b.max_ms && bits(a.min) == bits(b.min) && bits(a.max) == bits(b.max) &&
           bits(a.last) == bits(b.last);
}

struct Entry {
    FramePlace place;
    std::vector<std::pair<std::string, SeriesNode>> nodes;
};
const std::vector<Entry>& sample() {
    static const std::vector<Entry> entries{
        {{16, 100, 7, 0, 0, 90},
         {{"loss", node_of({{0, 1.5}, {1, -0.0}, {1, 5e-324}})}, {"note", SeriesNode{}}}},
        {{116, 200, 8, 3, 0, 1}, {{"x", node_of({{least, -1}, {most, 1}, {0, std::nan("")}})}}},
        {{400, 8, 9, 0, 90, ~std::uint64_t{0}},
         {{"", node_of({{-5, std::numeric_limits<double>::infinity()}})}}}};
    return entries;
}
void write_sample(const std::filesystem::path& path) {
    auto writer = IndexWriter::open(path, 10'000).value();
    IndexEntry entry;
    for (const Entry& each : sample()) {
        entry.begin(each.place, each.nodes.size());
        std::uint32_t metric = 4;
        for (const auto& [name, node] : each.nodes) entry.add(metric++, name, node);
        writer.append(entry).value();
    }
}
std::string read_text(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
/// How many entries of the sample a file begins with; all that it gives must be of the sample.
std::size_t entries_in(std::string_view file) {
    IndexReader reader{std::as_bytes(std::span{file})};
    std::size_t count = 0;
    for (std::span<const std::byte> payload; reader.next(payload); ++count) {
        REQUIRE(count < sample().size());
        const Entry& expected = sample()[count];
        FramePlace place;
        std::size_t at = 0;
        REQUIRE(read_index_entry(payload, place,
                                 [&](std::uint32_t metric, std::string_view name, const SeriesNode& node) {
                                     REQUIRE(at < expected.nodes.size());
                                     CHECK(metric == 4 + at);
                                     CHECK(name == expected.nodes[at].first);
                                     CHECK(same(node, expected.nodes[at].second));
                                     ++at;
                                 }));
        CHECK(at == expected.nodes.size());
        CHECK((place.at == expected.place.at && place.bytes == expected.place.bytes &&
               place.crc == expected.place.crc && place.ring == expected.place.ring &&
               place.to == expected.place.to));
    }
    return count;
}

}  // namespace

TEST_CASE("an index gives back what was written, of every kind of value", "[store][history_index]") {
    const TempDir dir;
    write_sample(dir / "index");
    CHECK(entries_in(read_text(dir / "index")) == 3);
}

TEST_CASE("of an index those metrics are read that are wanted, whatever lies between",
          "[store][history_index]") {
    const TempDir dir;
    write_sample(dir / "index");
    const std::string file = read_text(dir / "index");
    for (const std::string_view wanted : {"loss", "note", "x", "", "none"}) {
        INFO(wanted);
        IndexReader reader{std::as_bytes(std::span{file})};
        std::size_t at = 0;
        for (std::span<const std::byte> payload; reader.next(payload); ++at) {
            std::vector<std::pair<std::string, SeriesNode>> read, expected;
            for (const auto& one : sample()[at].nodes) {
                if (one.first == wanted) expected.push_back(one);
            }
            const auto wants = [&](std::uint32_t, std::string_view name) { return name == wanted; };
            const auto keep = [&](std::uint32_t, std::string_view name, const SeriesNode& node) {
                read.emplace_back(name, node);
            };
            FramePlace place;
            REQUIRE(read_index_entry(payload, place, wants, keep));
            CHECK(place.at == sample()[at].place.at);
            REQUIRE(read.size() == expected.size());
            for (std::size_t i = 0; i < read.size(); ++i) CHECK(same(read[i].second, expected[i].second));
            for (std::size_t size = 0; size < payload.size(); ++size)
                CHECK_FALSE(read_index_entry(payload.first(size), place, wants, keep));
        }
        CHECK(at == sample().size());
    }
}

TEST_CASE("an index that is cut or damaged at any byte gives its first entries, never others",
          "[store][history_index]") {
    const TempDir dir;
    write_sample(dir / "index");
    const std::string whole = read_text(dir / "index");
    std::size_t before = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::size_t count = entries_in(std::string_view{whole}.substr(0, size));
        CHECK((count >= before && count < 3));
        before = count;
    }
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string damaged = whole;
        damaged[bit / 8] =
            static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
        // The last word of the header means nothing.
        if (bit / 8 < 12 || bit / 8 >= index_header_bytes) CHECK(entries_in(damaged) < 3);
    }
}

TEST_CASE("an index is opened without what the history has no more", "[store][history_index]") {
    const TempDir dir;
    write_sample(dir / "index");
    const std::string whole = read_text(dir / "index");
    const auto kept = [&](std::uint64_t history_bytes) {
        std::ofstream{dir / "index", std::ios::binary} << whole;
        REQUIRE(IndexWriter::open(dir / "index", history_bytes));
        return entries_in(read_text(dir / "index"));
    };
    CHECK(kept(408) == 3);
    CHECK(kept(407) == 2);
    CHECK(kept(316) == 2);
    CHECK(kept(16) == 0);
    std::ofstream{dir / "index", std::ios::binary} << "something else entirely";
    REQUIRE(IndexWriter::open(dir / "index", 408));
    CHECK(std::filesystem::file_size(dir / "index") == index_header_bytes);
}

TEST_CASE("nodes that are merged are as one of all values", "[store][history_index]") {
    const std::vector<std::pair<std::int64_t, double>> values{
        {3, 1}, {4, std::nan("")}, {2, -7}, {2, std::numeric_limits<double>::infinity()},
        {9, 4}, {1, std::nan("")}};
    for (std::size_t cut = 0; cut <= values.size(); ++cut) {
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(cut);
        SeriesNode node = node_of({values.begin(), middle});
        node.merge(node_of({middle, values.end()}));
        CHECK(same(node, node_of(values)));
    }
}

}  // namespace history_index_test
