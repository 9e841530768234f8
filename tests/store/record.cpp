// SPDX-License-Identifier: MIT
#include <cairn/store/record.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace record_test {

using namespace cairn::detail;
using cairn::Value;

namespace {

using Bytes = std::vector<std::byte>;

Bytes row_of(const std::vector<Value>& values) {
    std::size_t bytes = row_header_bytes;
    for (const Value& v : values) bytes += cell_size(v);
    Bytes out(bytes, std::byte{0xee});
    std::byte* to = put_row_header(out.data(), bytes, RecordKind::row, 0, values.size(), -5, 77'654'321);
    std::uint32_t id = 0;
    for (const Value& v : values) to = put_cell(to, id++, v);
    REQUIRE(to == out.data() + out.size());
    return out;
}

std::span<const std::byte> body_of(const Bytes& record) {
    return std::span{record}.subspan(record_header_bytes);
}

}  // namespace

TEST_CASE("a row record gives back step, time and every kind of value", "[store][record]") {
    const std::string long_text(max_text_bytes, 'x');
    const std::vector<Value> values{
        Value{0.1}, Value{std::int64_t{-1}}, Value{~std::uint64_t{0}}, Value{true},        Value{"odd"},
        Value{""},  Value{"12345678"},       Value{long_text},         Value{std::nan("")}};
    const Bytes record = row_of(values);
    CHECK(record.size() % 8 == 0);
    RecordReader reader{record};
    RecordReader::Record read;
    REQUIRE(reader.next(read));
    CHECK(read.kind == RecordKind::row);
    std::int64_t step = 0, time_ns = 0;
    std::vector<Cell> cells;
    REQUIRE(read_row(read.body, step, time_ns, cells));
    CHECK((step == -5 && time_ns == 77'000'000));
    REQUIRE(cells.size() == values.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        CHECK(cells[i].metric == i);
        CHECK(cells[i].value.kind() == values[i].kind());
        CHECK(cells[i].value.text() == values[i].text());
        if (i < 4) CHECK(cells[i].value.number() == values[i].number());
    }
    CHECK(cells[2].value.bits() == ~std::uint64_t{0});
    CHECK(std::isnan(cells[8].value.number()));
    CHECK_FALSE(reader.next(read));
    CHECK_FALSE(reader.damaged());
}

TEST_CASE("padding is zeros, whatever lay there before", "[store][record]") {
    const Bytes record = row_of({Value{"abc"}});
    for (std::size_t i = record.size() - 5; i < record.size(); ++i) CHECK(record[i] == std::byte{0});
}

TEST_CASE("the bytes of a record are the format's, on any machine", "[store][record]") {
    Bytes name(name_record_size("loss"));
    put_name(name.data(), 0x01020304, "loss");
    const unsigned char expected[] = {24, 0, 0, 0, 2,   0,   0,   0,   4, 3, 2, 1,
                                      4,  0, 0, 0, 'l', 'o', 's', 's', 0, 0, 0, 0};
    CHECK(name.size() == sizeof expected);
    CHECK(std::memcmp(name.data(), expected, sizeof expected) == 0);
    std::uint32_t id = 0;
    std::string_view text;
    REQUIRE(read_name(body_of(name), id, text));
    CHECK((id == 0x01020304 && text == "loss"));
}

TEST_CASE("records of impossible lengths end the reading and are noticed", "[store][record]") {
    for (const std::uint32_t length : {0U, 1U, 7U, 12U, 40U, 0x7fffffffU, 0xfffffff8U, 0xffffffffU}) {
        Bytes bytes(32);
        put(bytes.data(), length);
        RecordReader reader{bytes};
        RecordReader::Record record;
        CHECK_FALSE(reader.next(record));
        CHECK(reader.damaged());
        CHECK_FALSE(reader.next(record));
    }
    Bytes unknown(16);
    put_record(unknown.data(), 16, static_cast<RecordKind>(5));
    RecordReader reader{unknown};
    RecordReader::Record record;
    CHECK_FALSE(reader.next(record));
    CHECK(reader.damaged());
}

TEST_CASE("less than a record's header ends the reading and is noticed", "[store][record]") {
    const Bytes bytes(GENERATE(range(std::size_t{1}, record_header_bytes)));
    RecordReader reader{bytes};
    RecordReader::Record record;
    CHECK_FALSE(reader.next(record));
    CHECK(reader.damaged());
}

TEST_CASE("a row whose counts or lengths lie is read as far as it is true", "[store][record]") {
    const auto read = [](const Bytes& record) {
        std::int64_t step = 0, time_ns = 0;
        std::vector<Cell> cells;
        const bool whole = read_row(body_of(record), step, time_ns, cells);
        return std::pair{whole, cells.size()};
    };
    const Bytes good = row_of({Value{1.0}, Value{"text"}, Value{2}});
    CHECK(read(good) == std::pair{true, std::size_t{3}});
    Bytes bad = good;
    put(bad.data() + 8, ~std::uint64_t{0});  // the number of cells
    CHECK(read(bad) == std::pair{false, std::size_t{3}});
    for (const std::uint64_t length :
         {std::uint64_t{25}, std::uint64_t{1} << 32U, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
        bad = good;
        put(bad.data() + row_header_bytes + 16 + 8, length);  // of the text
        CHECK(read(bad) == std::pair{false, std::size_t{1}});
    }
    bad = good;
    bad[row_header_bytes + 4] = std::byte{9};  // the first value's kind
    CHECK(read(bad) == std::pair{false, std::size_t{0}});
    for (std::size_t size = record_header_bytes; size < good.size(); ++size) {
        CHECK_FALSE(read(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).first);
    }
}

TEST_CASE("a name that is longer than its record or than names may be is refused", "[store][record]") {
    Bytes name(name_record_size("loss"));
    put_name(name.data(), 1, "loss");
    std::uint32_t id = 0;
    std::string_view text;
    for (const std::uint32_t length : {9U, 513U, 0xffffffffU}) {
        put(name.data() + 12, length);
        CHECK_FALSE(read_name(body_of(name), id, text));
    }
    CHECK_FALSE(read_name({}, id, text));
}

}  // namespace record_test
