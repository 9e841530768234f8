// SPDX-License-Identifier: MIT
#pragma once
// The history of a run as its threads and its collector write it, with rows, times and frames that a test
// chooses; and all its rows as a reader sees them.

#include <cairn/run/detail/intake.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/history_index.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn_test {

/// A value that owns what it has; a number by its bits, so that it equals itself.
struct OwnedValue {
    std::string name;
    cairn::Value::Kind kind = cairn::Value::Kind::none;
    std::uint64_t bits = 0;
    std::string text;

    OwnedValue(std::string_view of, const cairn::Value& value)
        : name{of}, kind{value.kind()}, text{value.text()} {
        if (kind == cairn::Value::Kind::number)
            bits = std::bit_cast<std::uint64_t>(value.number());
        else if (kind != cairn::Value::Kind::text)
            bits = value.bits();
    }
    [[nodiscard]] cairn::Value value() const {
        if (kind == cairn::Value::Kind::text) return cairn::Value{text};
        if (kind == cairn::Value::Kind::number) return cairn::Value{std::bit_cast<double>(bits)};
        return cairn::Value::from_integer_bits(kind, bits);
    }
    bool operator==(const OwnedValue&) const = default;
};

struct OwnedRow {
    std::uint32_t ring = 0;
    cairn::detail::RecordKind kind = cairn::detail::RecordKind::row;
    std::int64_t step = 0, time_ns = 0;
    std::vector<OwnedValue> values{};
    bool operator==(const OwnedRow&) const = default;
};

/// For `read_history` and `recover_history`: keeps what they call it with.
inline auto keep_rows(std::vector<OwnedRow>& rows) {
    return [&rows](const cairn::detail::StoredRow& stored) {
        OwnedRow& row = rows.emplace_back(OwnedRow{stored.ring, stored.kind, stored.step, stored.time_ns});
        for (const cairn::NamedValue& named : stored.values) row.values.emplace_back(named.name, named.value);
    };
}

/// Values of one metric: what a series has.
struct OwnedPoint {
    std::int64_t step = 0, ms = 0;
    std::uint64_t bits = 0;
    bool operator==(const OwnedPoint&) const = default;
};
inline std::vector<OwnedPoint> points_of(const std::vector<OwnedRow>& rows, std::string_view metric) {
    std::vector<OwnedPoint> points;
    for (const OwnedRow& row : rows) {
        for (const OwnedValue& value : row.values) {
            if (row.kind == cairn::detail::RecordKind::row && value.name == metric &&
                value.kind != cairn::Value::Kind::text)
                points.push_back({row.step, row.time_ns / cairn::detail::ns_per_ms,
                                  std::bit_cast<std::uint64_t>(value.value().number())});
        }
    }
    return points;
}

inline std::string read_bytes(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream{path, std::ios::binary} << bytes;
}

/// Writes a folder that has a history, its index and ring files, as a run's folder does.
class SmallRun {
  public:
    explicit SmallRun(std::filesystem::path dir)
        : dir_{std::move(dir)},
          history_{cairn::detail::HistoryWriter::open(dir_ / cairn::detail::history_file, 0).value()},
          index_{cairn::detail::IndexWriter::open(dir_ / cairn::detail::index_file, 0).value()} {}

    /// Logs a row, which becomes several records if it has more cells than `at_once`.
    void log(OwnedRow row, std::size_t at_once = 1000) {
        using namespace cairn::detail;
        Thread& thread = thread_of(row.ring);
        std::vector<std::uint32_t> metrics;
        for (const OwnedValue& value : row.values) metrics.push_back(number_of(thread, value.name));
        std::size_t from = 0;
        do {
            const std::size_t to = std::min(row.values.size(), from + at_once);
            std::size_t bytes = row_header_bytes;
            for (std::size_t i = from; i < to; ++i) bytes += cell_size(row.values[i].value());
            const unsigned flags =
                (to < row.values.size() ? row_continues : 0U) | (from > 0 ? row_is_continued : 0U);
            std::byte* at =
                put_row_header(reserve(thread, bytes), bytes, row.kind, static_cast<std::uint8_t>(flags),
                               to - from, row.step, row.time_ns);
            for (std::size_t i = from; i < to; ++i) at = put_cell(at, metrics[i], row.values[i].value());
            thread.ring.commit(bytes);
            from = to;
        } while (from < row.values.size());
        thread.waiting.push_back(std::move(row));
    }

    /// Writes what a thread has logged to the history and the index, as the collector does.
    void write(std::uint32_t ring) {
        Thread& thread = thread_of(ring);
        for (thread.intake.look(thread.ring, board_); thread.intake.waiting() != 0;
             thread.intake.look(thread.ring, board_)) {
            const auto place = history_.append(thread.intake.frame(ring, board_)).value();
            thread.ring.release(thread.intake.written());
            if (thread.intake.nodes().empty()) continue;
            entry_.begin(place, thread.intake.nodes().size());
            for (const auto& [metric, node] : thread.intake.nodes())
                entry_.add(metric, board_.name_of(metric), node);
            index_.append(entry_).value();
        }
        move_to(rows_, thread.waiting);
    }
    /// Writes it as the records that lie in the ring: all that the first version knew.
    void write_records(std::uint32_t ring) {
        Thread& thread = thread_of(ring);
        const auto piece = thread.ring.readable();
        const std::uint64_t to = piece.from + piece.bytes.size();
        history_.append({cairn::detail::FrameKind::records, ring, piece.from, to, piece.bytes}).value();
        thread.ring.release(to);
        move_to(rows_, thread.waiting);
    }
    /// Leaves the rest in a ring file of this capacity, as a process that was killed does.
    void leave(std::uint32_t ring, std::size_t capacity = cairn::detail::ring_capacity) {
        using namespace cairn::detail;
        Thread& thread = thread_of(ring);
        if (thread.ring.readable().from + thread.ring.readable().bytes.size() > capacity)
            throw std::logic_error{"more than the ring holds"};
        const std::uint64_t told = capacity;
        std::memcpy(thread.memory[0].bytes + offsetof(RingHeader, capacity), &told, sizeof told);
        std::filesystem::create_directories(dir_ / journal_folder);
        write_bytes(dir_ / journal_folder / ring_file_name(ring),
                    {reinterpret_cast<const char*>(thread.memory[0].bytes), ring_header_bytes + capacity});
        move_to(rows_, thread.waiting);
    }

    /// All rows, in the order of their frames, and of the rings after those.
    [[nodiscard]] const std::vector<OwnedRow>& rows() const noexcept { return rows_; }

  private:
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    struct Thread {
        std::vector<Line> memory = std::vector<Line>(cairn::detail::ring_file_bytes / sizeof(Line));
        cairn::detail::Ring ring{};
        cairn::detail::Intake intake{};
        std::set<std::string, std::less<>> named{};
        std::vector<OwnedRow> waiting{};
    };

    static void move_to(std::vector<OwnedRow>& rows, std::vector<OwnedRow>& waiting) {
        rows.insert(rows.end(), waiting.begin(), waiting.end());
        waiting.clear();
    }
    Thread& thread_of(std::uint32_t ring) {
        const auto [at, is_new] = threads_.try_emplace(ring);
        if (is_new) at->second.ring = cairn::detail::Ring::create(at->second.memory[0].bytes, ring);
        return at->second;
    }
    static std::byte* reserve(Thread& thread, std::size_t bytes) {
        if (!thread.ring.has_room(bytes) && !thread.ring.advance(bytes))
            throw std::logic_error{"the ring is full"};
        return thread.ring.end();
    }
    /// A thread says the name before it uses it.
    std::uint32_t number_of(Thread& thread, const std::string& name) {
        const auto number =
            numbers_.try_emplace(name, static_cast<std::uint32_t>(numbers_.size())).first->second;
        if (thread.named.insert(name).second) {
            const std::size_t bytes = cairn::detail::name_record_size(name);
            cairn::detail::put_name(reserve(thread, bytes), number, name);
            thread.ring.commit(bytes);
        }
        return number;
    }

    std::filesystem::path dir_;
    cairn::detail::HistoryWriter history_;
    cairn::detail::IndexWriter index_;
    cairn::detail::IndexEntry entry_;
    cairn::detail::MetricBoard board_;
    std::map<std::uint32_t, Thread> threads_;
    std::map<std::string, std::uint32_t, std::less<>> numbers_;
    std::vector<OwnedRow> rows_;
};

}  // namespace cairn_test
