// SPDX-License-Identifier: MIT
// A history, its index and a ring file that are cut at any byte, or have one wrong bit at any byte: a reader
// and a query give rows that were logged, in their order, and say that others are missing.
#include <cairn/query/detail/read_series.hpp>

#include "support/read_series.hpp"
#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace damage_test {

using namespace cairn_test;
using cairn::Value;
using cairn::detail::HistoryReport;
using cairn::detail::RecordKind;

namespace {

constexpr std::int64_t ms = cairn::detail::ns_per_ms;
constexpr std::size_t capacity = 2048;  // of the ring file: less to cut
constexpr const char* metric = "x";

/// Packed frames of two rings, a row of two records between them, an event, and a rest in a ring file.
std::vector<OwnedRow> write_sample(const std::filesystem::path& dir) {
    SmallRun run{dir};
    const auto row = [&](std::uint32_t ring, std::int64_t step, std::vector<OwnedValue> values) {
        run.log({ring, RecordKind::row, step, step * 12 * ms, std::move(values)});
    };
    for (int i = 0; i < 9; ++i) row(0, i, {{metric, Value{0.1 * i}}, {"note", Value{std::string(3, 'a')}}});
    row(0, 4, {{"n", Value{~std::uint64_t{0}}}});
    run.write(0);
    for (int i = 0; i < 5; ++i) row(1, 100 + i, {{metric, Value{i % 2 == 0 ? NAN : 1e300 / 3}}});
    run.write(1);
    run.log({1, RecordKind::row, 105, 7 * ms, {{metric, Value{8}}, {"n", Value{2}}, {"ok", Value{true}}}}, 2);
    run.log({0, RecordKind::event, 9, 9 * ms, {{"kind", Value{"noted"}}, {metric, Value{5.5}}}});
    row(0, 10, {{metric, Value{-0.0}}});
    run.write(1);
    run.write(0);
    for (int i = 0; i < 4; ++i) row(0, 11 + i, {{metric, Value{1.0F / 3 * static_cast<float>(i)}}});
    run.write(0);
    for (int i = 0; i < 3; ++i) row(0, 20 + i, {{metric, Value{i}}, {"late", Value{0.5}}});
    run.leave(0, capacity);
    return run.rows();
}

/// All of `part` is in `whole`, in its order.
template <class T, class Same = std::equal_to<>>
bool is_part_of(const std::vector<T>& part, const std::vector<T>& whole, Same same = {}) {
    auto at = whole.begin();
    for (const T& each : part) {
        at = std::find_if(at, whole.end(), [&](const T& candidate) { return same(each, candidate); });
        if (at == whole.end()) return false;
        ++at;
    }
    return true;
}
/// What is left of a row in a ring when the frame that had a name of it is gone.
bool is_rest_of(const OwnedRow& rest, const OwnedRow& row) {
    return rest.ring == row.ring && rest.kind == row.kind && rest.step == row.step &&
           rest.time_ns == row.time_ns && is_part_of(rest.values, row.values);
}

struct RowsRead {
    std::vector<OwnedRow> rows{};
    std::optional<cairn::errc> error{};
    bool is_noticed = false;  ///< that something is missing or damaged
};
struct SeriesRead {
    std::vector<OwnedPoint> points{};
    std::vector<cairn::Bucket> buckets{};
    std::optional<cairn::errc> error{};
    bool is_noticed = false;
};
RowsRead read_rows(const std::filesystem::path& dir) {
    RowsRead read;
    const auto report = cairn::detail::read_history(dir, keep_rows(read.rows));
    if (!report)
        read.error = report.error().code();
    else
        read.is_noticed = report->damaged != 0 || !report->unread.empty();
    return read;
}
SeriesRead read_series(const std::filesystem::path& dir) {
    SeriesRead read;
    const auto series = cairn_test::read_series(dir, metric);
    if (!series) {
        read.error = series.error().code();
        return read;
    }
    if (series->size() != 0) read.buckets = series->buckets(5);
    for (const auto& point : series->points())
        read.points.push_back({point.step, point.time_ns / ms, std::bit_cast<std::uint64_t>(point.value)});
    read.is_noticed = series->damaged() != 0 || series->unread() != 0;
    return read;
}

/// A folder, and what its readers see while nothing is wrong.
struct Sample {
    Sample() : all{write_sample(dir.path())}, points{points_of(all, metric)} {
        REQUIRE(all.size() == 25);
        REQUIRE(read_rows(dir.path()).rows == all);
        const SeriesRead series = read_series(dir.path());
        REQUIRE(series.points == points);
        REQUIRE_FALSE((series.is_noticed || read_rows(dir.path()).is_noticed));
        for (const OwnedPoint& point : points) values.push_back(std::bit_cast<double>(point.bits));
    }
    /// The extremes of buckets are values that were logged, though some be read from the index alone.
    [[nodiscard]] bool are_ours(const std::vector<cairn::Bucket>& buckets) const {
        std::uint64_t count = 0;
        const auto is_ours = [&](double value) {
            return std::isnan(value) || std::find(values.begin(), values.end(), value) != values.end();
        };
        for (const cairn::Bucket& bucket : buckets) {
            count += bucket.finite + bucket.not_finite;
            if (!is_ours(bucket.min) || !is_ours(bucket.max) || !is_ours(bucket.last)) return false;
        }
        return count <= points.size();
    }
    void check_rows(const RowsRead& read) const {
        if (read.error) {
            CHECK((*read.error == cairn::errc::corrupt || *read.error == cairn::errc::unsupported));
        } else {
            CHECK(is_part_of(read.rows, all));
            CHECK((read.is_noticed || read.rows == all));
        }
    }
    void check_series(const SeriesRead& read) const {
        if (read.error) {
            CHECK((*read.error == cairn::errc::corrupt || *read.error == cairn::errc::unsupported));
        } else {
            CHECK(is_part_of(read.points, points));
            CHECK((read.is_noticed || read.points == points));
            CHECK(are_ours(read.buckets));
        }
    }

    TempDir dir;
    std::vector<OwnedRow> all;
    std::vector<OwnedPoint> points;
    std::vector<double> values;
    std::filesystem::path history = dir / cairn::detail::history_file;
    std::filesystem::path index = dir / cairn::detail::index_file;
    std::filesystem::path journal = dir / cairn::detail::journal_folder;
    std::filesystem::path ring_path = journal / "0.ring";
    std::string ring = read_bytes(ring_path);

    /// The byte after this one in the ring file, without those that nothing lies in.
    [[nodiscard]] std::size_t next_of_ring(std::size_t at) const {
        std::uint64_t head = 0;
        std::memcpy(&head, ring.data() + offsetof(cairn::detail::RingHeader, head), sizeof head);
        if (at == sizeof(cairn::detail::RingHeader)) return cairn::detail::ring_header_bytes;
        return at == cairn::detail::ring_header_bytes + static_cast<std::size_t>(head) ? ring.size() - 1
                                                                                       : at + 1;
    }
};

std::string with_wrong_bit(std::string bytes, std::size_t at, unsigned bit) {
    bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << bit));
    return bytes;
}

}  // namespace

TEST_CASE("a history with a wrong bit at any byte lacks the rows of one frame, and says so",
          "[query][damage]") {
    const Sample sample;
    const std::string whole = read_bytes(sample.history);
    const std::string index = read_bytes(sample.index);
    cairn::detail::FrameReader frames{std::as_bytes(std::span{whole})};
    std::size_t at = 0;
    // Of the header; a changed version may be one that is known.
    for (; at < cairn::detail::history_header_bytes; ++at) {
        const unsigned bit = at * 5 % 8;
        INFO("byte " << at << ", bit " << bit);
        write_bytes(sample.history, with_wrong_bit(whole, at, bit));
        const RowsRead read = read_rows(sample.dir.path());
        const SeriesRead series = read_series(sample.dir.path());
        CHECK(read.error == series.error);
        if (at < 8) CHECK(read.error == cairn::errc::corrupt);
        if (at >= 8 && read.error) CHECK(read.error == cairn::errc::unsupported);
        if (!read.error) CHECK((read.rows == sample.all && series.points == sample.points));
    }
    for (cairn::detail::Frame frame; frames.next(frame);) {
        write_bytes(sample.history, whole.substr(0, at) + whole.substr(frames.whole_bytes()));
        std::filesystem::remove(sample.index);
        const RowsRead without = read_rows(sample.dir.path());
        REQUIRE((!without.error && without.rows.size() < sample.all.size()));
        CHECK(is_part_of(without.rows, sample.all));
        const std::vector<OwnedPoint> points = points_of(without.rows, metric);
        for (; at < frames.whole_bytes(); ++at) {
            const unsigned bit = at * 5 % 8;
            INFO("byte " << at << ", bit " << bit);
            write_bytes(sample.history, with_wrong_bit(whole, at, bit));
            const RowsRead read = read_rows(sample.dir.path());
            CHECK((!read.error && read.is_noticed && read.rows == without.rows));
            std::filesystem::remove(sample.index);
            const SeriesRead series = read_series(sample.dir.path());
            CHECK((!series.error && series.is_noticed && series.points == points));
            CHECK(sample.are_ours(series.buckets));
            write_bytes(sample.index, index);
            const SeriesRead by_index = read_series(sample.dir.path());
            // The index knows of the frame's values, and a single one; that the others cannot be read is told
            // when they are asked for.
            CHECK((!by_index.error && is_part_of(points, by_index.points)));
            CHECK(is_part_of(by_index.points, sample.points));
            CHECK((by_index.is_noticed || by_index.points == sample.points));
            CHECK(sample.are_ours(by_index.buckets));
        }
    }
    CHECK(at == whole.size());
}

TEST_CASE("a history that is cut at any byte gives its first rows, and those of the rings",
          "[query][damage]") {
    const Sample sample;
    const std::string whole = read_bytes(sample.history);
    const std::string index = read_bytes(sample.index);
    const bool with_rings = GENERATE(true, false);
    if (!with_rings) std::filesystem::remove_all(sample.journal);
    std::size_t before = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("cut to " << size);
        write_bytes(sample.history, whole.substr(0, size));
        write_bytes(sample.index, index);
        const SeriesRead by_index = read_series(sample.dir.path());
        std::filesystem::remove(sample.index);
        const SeriesRead series = read_series(sample.dir.path());
        const RowsRead read = read_rows(sample.dir.path());
        CHECK(read.error.has_value() == (size > 0 && size < cairn::detail::history_header_bytes));
        CHECK((read.error == series.error && read.error == by_index.error));
        CHECK((series.points == points_of(read.rows, metric) && by_index.points == series.points));
        if (with_rings) {
            // What the rings have later tells that something is missing.
            CHECK((read.error || (read.is_noticed && is_part_of(read.rows, sample.all, is_rest_of))));
            sample.check_series(series);
            sample.check_series(by_index);
        } else {
            REQUIRE(read.rows.size() <= sample.all.size());
            CHECK(std::equal(read.rows.begin(), read.rows.end(), sample.all.begin()));
        }
        CHECK((read.error || read.rows.size() >= before));
        before = std::max(before, read.rows.size());
    }
}

TEST_CASE("an index that is cut or wrong at any byte changes no answer", "[query][damage]") {
    const Sample sample;
    std::filesystem::remove_all(sample.journal);  // it costs more to read than all else
    const std::string whole = read_bytes(sample.index);
    const SeriesRead expected = read_series(sample.dir.path());
    const auto check = [&](const std::string& index) {
        write_bytes(sample.index, index);
        const SeriesRead read = read_series(sample.dir.path());
        CHECK((!read.error && !read.is_noticed));
        CHECK(read.points == expected.points);
        CHECK(sample.are_ours(read.buckets));
    };
    for (std::size_t at = 0; at < whole.size(); ++at) {
        INFO("byte " << at);
        check(whole.substr(0, at));
        check(with_wrong_bit(whole, at, at * 5 % 8));
    }
}

TEST_CASE("a ring file that is cut at any byte is told, and costs its own rows alone", "[query][damage]") {
    const Sample sample;
    std::vector<OwnedRow> others;
    for (const OwnedRow& row : sample.all) {
        if (row.ring != 0 || row.step < 20) others.push_back(row);
    }
    REQUIRE(others.size() == sample.all.size() - 3);
    for (std::size_t size = 0; size < sample.ring.size(); size = sample.next_of_ring(size)) {
        INFO("cut to " << size);
        write_bytes(sample.ring_path, sample.ring.substr(0, size));
        const RowsRead read = read_rows(sample.dir.path());
        CHECK((!read.error && read.rows == others));
        // A file that has not even its first bytes never became a ring.
        CHECK((read.is_noticed || size == 0));
        if (size % 8 != 0) continue;
        const SeriesRead series = read_series(sample.dir.path());
        CHECK((!series.error && series.points == points_of(others, metric)));
        CHECK((series.is_noticed || size == 0));
    }
}

TEST_CASE("a ring file with a wrong bit anywhere does not touch what is in the history", "[query][damage]") {
    // A ring has no checksums: what lies in it was written a moment ago, and by this machine.
    const Sample sample;
    const auto is_first_of = [](const auto& first, const auto& all) {
        return first.size() <= all.size() && std::equal(first.begin(), first.end(), all.begin());
    };
    const std::vector<OwnedRow> safe{sample.all.begin(), sample.all.end() - 3};
    const std::vector<OwnedPoint> safe_points = points_of(safe, metric);
    for (std::size_t at = 0; at < sample.ring.size(); at = sample.next_of_ring(at)) {
        const unsigned bit = at * 3 % 8;
        INFO("byte " << at << ", bit " << bit);
        write_bytes(sample.ring_path, with_wrong_bit(sample.ring, at, bit));
        const RowsRead read = read_rows(sample.dir.path());
        CHECK((!read.error && is_first_of(safe, read.rows) && read.rows.size() <= sample.all.size()));
        if (at % 8 != 0) continue;
        const SeriesRead series = read_series(sample.dir.path());
        CHECK((!series.error && is_first_of(safe_points, series.points)));
    }
}

TEST_CASE("a run that is recovered with a wrong bit at any byte has the rows that were read before",
          "[query][damage]") {
    const Sample sample;
    const std::string whole = read_bytes(sample.history);
    const std::string index = read_bytes(sample.index);
    // Each recovery waits for the disk: not every byte, but bytes of all kinds.
    for (std::size_t at = cairn::detail::history_header_bytes; at < whole.size(); at += 7) {
        INFO("byte " << at);
        write_bytes(sample.history, with_wrong_bit(whole, at, at % 8));
        write_bytes(sample.index, index);
        write_bytes(sample.ring_path, sample.ring);
        const RowsRead before = read_rows(sample.dir.path());
        std::vector<OwnedRow> recovered;
        REQUIRE(cairn::detail::recover_history(sample.dir.path(), keep_rows(recovered)));
        CHECK(recovered == before.rows);
        const RowsRead after = read_rows(sample.dir.path());
        CHECK(after.rows == before.rows);
        sample.check_rows(after);
        const SeriesRead series = read_series(sample.dir.path());
        sample.check_series(series);
        CHECK(is_part_of(points_of(after.rows, metric), series.points));  // a single one is in the index
    }
}

}  // namespace damage_test
