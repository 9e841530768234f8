// SPDX-License-Identifier: MIT
#include <cairn/store/history_index.hpp>
#include <cairn/store/index_entry.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
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

TEST_CASE("an entry that ends anywhere is damaged", "[store][history_index]") {
    const TempDir dir;
    write_sample(dir / "index");
    const std::string file = read_text(dir / "index");
    IndexReader reader{std::as_bytes(std::span{file})};
    std::size_t entries = 0;
    for (std::span<const std::byte> payload; reader.next(payload); ++entries) {
        FramePlace place;
        const auto nothing = [](std::uint32_t, std::string_view, const SeriesNode&) {};
        CHECK(read_index_entry(payload, place, nothing));
        for (std::size_t size = 0; size < payload.size(); ++size)
            CHECK_FALSE(read_index_entry(payload.first(size), place, nothing));
    }
    CHECK(entries == sample().size());
}

TEST_CASE("a node is what it was whatever it has, and whatever stands before it", "[store][history_index]") {
    constexpr double inf = std::numeric_limits<double>::infinity();
    std::mt19937_64 random{3};
    const auto any_of = [&](auto... values) {
        const std::common_type_t<decltype(values)...> all[] = {values...};
        return all[random() % sizeof...(values)];
    };
    for (int round = 0; round < 500; ++round) {
        INFO("round " << round);
        std::vector<std::tuple<std::uint32_t, std::string, SeriesNode>> nodes;
        std::uint64_t metric = random() % 3;
        for (; nodes.size() < random() % 20 && metric <= most_metrics;
             metric += any_of(1U, 2U, 300U, 1U << 31U)) {
            SeriesNode node;
            std::int64_t step = any_of(std::int64_t{0}, std::int64_t{7}, least, most - 3);
            const std::int64_t ms = any_of(std::int64_t{1'700'000'000'000}, -most_ms, most_ms - 9);
            for (std::uint64_t n = any_of(0U, 1U, 1U, 2U, 3U); n != 0; --n) {
                const double value = any_of(0.5, 0.1, -0.0, 1e300, 5e-324, 1e-45, std::nan(""), inf, -inf);
                node.add(step, ms + static_cast<std::int64_t>(random() % 9), value);
                step += step == least ? any_of(1, 0) : any_of(1, 1, 0, -1);
            }
            std::string name = any_of("", "loss", "layer1/weight", "layer1/bias", "layer10/weight");
            name.resize(any_of(name.size(), name.size(), max_metric_name_bytes), 'x');
            nodes.emplace_back(static_cast<std::uint32_t>(metric), std::move(name), node);
        }
        IndexEntry entry;
        const FramePlace place{random(), 3, 4, 5, 6, random()};
        entry.begin(place, nodes.size());
        for (const auto& [number, name, node] : nodes) entry.add(number, name, node);
        FramePlace again;
        std::size_t at = 0;
        REQUIRE(read_index_entry(entry.payload(), again,
                                 [&](std::uint32_t number, std::string_view name, const SeriesNode& node) {
                                     REQUIRE(at < nodes.size());
                                     CHECK(number == std::get<0>(nodes[at]));
                                     CHECK(name == std::get<1>(nodes[at]));
                                     CHECK(same(node, std::get<2>(nodes[at])));
                                     ++at;
                                 }));
        CHECK(at == nodes.size());
        CHECK((again.at == place.at && again.to == place.to));
    }
}

TEST_CASE("a node that has no value and says more is damaged", "[store][history_index]") {
    for (const std::uint64_t finite : {0U, 2U}) {
        std::vector<std::byte> payload;
        ByteWriter out{payload};
        for (const int place : {0, 1}) out.fixed(static_cast<std::uint64_t>(place));  // at; bytes, checksum
        out.fixed(std::uint32_t{0});
        for (const int position : {0, 1}) out.fixed(static_cast<std::uint64_t>(position));
        out.varint(1);
        for (const unsigned name : {0U, 0U, 1U}) out.varint(name);
        out.text("x");
        out.byte(NodeForm::many);
        for (const std::uint64_t count : {finite, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}})
            out.varint(count);
        for (int varint = 0; varint < 6; ++varint) out.varint(0);
        for (int value = 0; value < 3; ++value) out.fixed(std::uint64_t{0});
        FramePlace place;
        std::uint64_t seen = 0;
        const bool is_whole =
            read_index_entry(payload, place, [&](std::uint32_t, std::string_view, const SeriesNode& node) {
                seen += node.count();
            });
        CHECK(is_whole == (finite != 0));
        CHECK(seen == finite);
    }
}

TEST_CASE("names that share everything have a bound all the same", "[store][history_index]") {
    const std::string name(max_metric_name_bytes, 'x');
    const auto is_read = [&](std::uint32_t count) {
        IndexEntry entry;
        entry.begin({16, 100, 7, 0, 0, 90}, count);
        for (std::uint32_t i = 0; i < count; ++i) entry.add(i, name, SeriesNode{});
        FramePlace place;
        return read_index_entry(entry.payload(), place);
    };
    CHECK(is_read(max_frame_bytes / max_metric_name_bytes));
    CHECK_FALSE(is_read(max_frame_bytes / max_metric_name_bytes + 1));
}

TEST_CASE("of a thousand metrics with a value each an index takes some bytes each",
          "[store][history_index]") {
    IndexEntry entry;
    entry.begin({16, 100, 7, 0, 0, 90}, 1000);
    const std::size_t before = entry.payload().size();
    for (std::uint32_t i = 0; i < 1000; ++i) {
        SeriesNode node;
        node.add(i / 100, 1'700'000'000'000 + i, 0.1 * i);
        entry.add(i, "layer" + std::to_string(i / 10) + "/weight" + std::to_string(i % 10), node);
    }
    CHECK(entry.payload().size() - before < 1000 * 17);
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
    std::string older = whole;
    older[8] = 1;
    CHECK_FALSE(IndexReader{std::as_bytes(std::span{older})}.is_valid());
    std::ofstream{dir / "index", std::ios::binary} << older;
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
