// SPDX-License-Identifier: MIT
#pragma once
// A metric of a run as a series: by the index of its history where there is one, from the frames that it does
// not cover, and from what the rings still hold.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/query/series.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/row_assembler.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/series_node.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The frames of a history that hold packed rows with one metric.
class MetricFrames {
  public:
    MetricFrames(os::File file, std::string metric) : file_{std::move(file)}, metric_{std::move(metric)} {}

    std::size_t add(const FramePlace& place) {
        places_.push_back(place);
        return places_.size() - 1;
    }

    /// Calls `f(step, ms, value)` for the values of a frame; false if it is damaged or gone.
    bool load(std::size_t n, FunctionRef<void(std::int64_t, std::int64_t, double)> f) {
        const FramePlace& place = places_[n];
        bytes_.resize(place.bytes);
        const auto read = file_.read_at(place.at, writable_bytes_of(bytes_));
        if (!read || *read != place.bytes) return false;
        FrameReader frames{bytes_, 0};
        Frame frame;
        if (!frames.next(frame) || frames.whole_bytes() != bytes_.size()) return false;
        return read_values(frame, f);
    }
    /// The same for a frame that is at hand.
    template <class F>
    bool read_values(const Frame& frame, F&& f) {
        std::optional<std::uint32_t> wanted;
        const auto block = block_of(frame.payload, [&](std::uint32_t metric, std::string_view name) {
            if (name == metric_) wanted = metric;
        });
        if (block.empty()) return false;
        return !wanted || reader_.read_metric(block, *wanted, f);
    }

  private:
    os::File file_;
    std::string metric_;
    std::vector<FramePlace> places_;
    std::vector<std::byte> bytes_;
    BlockReader reader_;
};

/// A series, and which metrics there are.
struct ReadSeries {
    Series series;
    std::set<std::string, std::less<>> names;
};

/// Fails as `read_history` does.
inline result<ReadSeries> read_series(const std::filesystem::path& run_dir, std::string_view metric) {
    HistoryReport report;
    // Rings first: what leaves them while we read is in the history when we come to it. The index before the
    // history: what it does not have yet is found there.
    std::vector<RingRest> rings = copy_rings(run_dir, report);
    ReadSeries out;
    RowAssembler assembler;
    std::map<std::uint32_t, std::uint64_t> done;  // ring -> position up to which its rows were seen
    const auto add_row = [&](std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
        for (const NamedValue& named : values) {
            if (out.names.find(named.name) == out.names.end()) out.names.emplace(named.name);
            if (named.name == metric && !named.value.is_text())
                out.series.add(step, time_ns, named.value.number());
        }
    };
    auto index = read_file(run_dir / index_file, max_history_bytes);
    auto file = os::File::open_read(run_dir / history_file);
    if (!file && file.error().code() != errc::not_found) return file.error();
    if (file) {
        auto size = file->size();
        if (!size) return size.error();
        std::byte header[history_header_bytes];
        const auto head = file->read_at(0, header);
        if (!head) return head.error();
        if (*size != 0) {
            if (auto is_ours = check_history(std::span{header}.first(*head), run_dir / history_file);
                !is_ours)
                return is_ours.error();
        }
        auto again = os::File::open_read(run_dir / history_file);
        if (!again) return again.error();
        const auto frames = std::make_shared<MetricFrames>(std::move(*again), std::string{metric});
        out.series = Series{[frames](std::size_t n, FunctionRef<void(std::int64_t, std::int64_t, double)> f) {
            return frames->load(n, f);
        }};
        const auto add_frame = [&](const Frame& frame, const FramePlace& place) {
            std::uint64_t& position = done[frame.ring];
            if (frame.to <= position) return;
            position = frame.to;
            if (frame.kind == FrameKind::records) {
                assembler.feed(frame, report, add_row);
                return;
            }
            (void)block_of(frame.payload, [&](std::uint32_t id, std::string_view name) {
                assembler.define(frame.ring, id, name);
                out.names.emplace(name);
            });
            SeriesNode node;
            const auto one = [&](std::int64_t step, std::int64_t ms, double value) {
                node.add(step, ms, value);
            };
            if (frames->read_values(frame, one) && node.count() != 0)
                out.series.add_stored(frames->add(place), node);
        };
        std::vector<std::byte> bytes;
        // What no index entry covers.
        const auto scan = [&](std::uint64_t from, std::uint64_t to) -> result<void> {
            if (to <= from) return {};
            bytes.resize(static_cast<std::size_t>(to - from));
            const auto read = file->read_at(from, writable_bytes_of(bytes));
            if (!read) return read.error();
            FrameReader reader{std::span<const std::byte>{bytes}.first(*read), 0};
            for (Frame frame; reader.next(frame);) {
                const auto whole = frame_header_bytes + frame.payload.size();
                const std::size_t at = reader.whole_bytes() - whole;
                add_frame(frame, {from + at, static_cast<std::uint32_t>(whole),
                                  get<std::uint32_t>(bytes.data() + at + 8), frame.ring, frame.to});
            }
            return {};
        };
        std::uint64_t covered = history_header_bytes;
        if (index) {
            IndexReader entries{bytes_of(*index)};
            for (std::span<const std::byte> payload; entries.next(payload);) {
                FramePlace place;
                std::optional<SeriesNode> node;
                std::vector<std::pair<std::uint32_t, std::string_view>> named;
                const bool is_whole = read_index_entry(
                    payload, place, [&](std::uint32_t id, std::string_view name, const SeriesNode& of) {
                        named.emplace_back(id, name);
                        if (name == metric) node = of;
                    });
                if (!is_whole || place.at < covered || place.at + place.bytes > *size) break;
                if (auto scanned = scan(covered, place.at); !scanned) return scanned.error();
                covered = place.at + place.bytes;
                std::uint64_t& position = done[place.ring];
                if (place.to <= position) continue;
                position = place.to;
                for (const auto& [id, name] : named) {
                    assembler.define(place.ring, id, name);
                    if (out.names.find(name) == out.names.end()) out.names.emplace(name);
                }
                if (node) out.series.add_stored(frames->add(place), *node);
            }
        }
        if (auto scanned = scan(covered, *size); !scanned) return scanned.error();
    }
    for (RingRest& ring : rings) {
        if (drop_seen(ring, done[ring.id])) assembler.feed(ring.id, bytes_of(ring.bytes), report, add_row);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
