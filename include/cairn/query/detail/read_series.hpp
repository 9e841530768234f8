// SPDX-License-Identifier: MIT
#pragma once
// Metrics of a run as series: by the index of its history where there is one, from the frames that it does
// not cover, and from what the rings still hold.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/query/series.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/index_entry.hpp>
#include <cairn/store/metric_block.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/row_assembler.hpp>
#include <cairn/store/packed_frame.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/series_node.hpp>
#include <cairn/store/stored_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Histories of packed rows, one of them open: there may be thousands of ranks.
class OpenHistory {
  public:
    /// Goes on with another history, which lies there.
    void open(std::filesystem::path path, os::File history) {
        paths_.push_back(std::move(path));
        history_ = std::move(history);
        opened_ = paths_.size() - 1;
    }
    /// The number of the one that was opened last.
    [[nodiscard]] std::size_t last() const noexcept { return paths_.size() - 1; }
    /// The one that was opened last, until another one is read.
    [[nodiscard]] const os::File& file() const noexcept { return history_; }

    /// Reads a frame. False if it is damaged or gone.
    bool read(std::size_t number, const FramePlace& place, std::vector<std::byte>& bytes, Frame& frame) {
        if (number != opened_) {
            auto history = os::File::open_read(paths_[number]);
            if (!history) return false;
            history_ = std::move(*history);
            opened_ = number;
        }
        bytes.resize(place.bytes);
        const auto read = history_.read_at(place.at, writable_bytes_of(bytes));
        if (!read || *read != place.bytes) return false;
        FrameReader frames{bytes, 0};
        return frames.next(frame) && frames.whole_bytes() == bytes.size() &&
               frame_crc(bytes.data()) == place.crc;
    }

  private:
    std::vector<std::filesystem::path> paths_;
    std::size_t opened_ = 0;
    os::File history_;  // that of paths_[opened_]
};

/// One metric in the frames of packed rows of histories, which are read when their values are needed.
class MetricFrames {
  public:
    MetricFrames(std::string metric, std::shared_ptr<OpenHistory> histories)
        : metric_{std::move(metric)}, histories_{std::move(histories)} {}

    /// A frame of the history that was opened last. Returns its number.
    std::size_t add(const FramePlace& place) {
        places_.emplace_back(histories_->last(), place);
        return places_.size() - 1;
    }

    /// The values of a frame, good until the next call; nothing if it is damaged or gone.
    [[nodiscard]] std::optional<SeriesValues> load(std::size_t number) {
        const auto& [of, place] = places_[number];
        Frame frame;
        if (!histories_->read(of, place, bytes_, frame)) return std::nullopt;
        return values_of(frame);
    }
    /// The same for a frame that is at hand.
    [[nodiscard]] std::optional<SeriesValues> values_of(const Frame& frame) {
        std::optional<std::uint32_t> wanted;
        const auto block = block_of(frame, [&](std::uint32_t metric, std::string_view name) {
            if (name == metric_) wanted = metric;
        });
        if (block.empty()) return std::nullopt;
        return wanted ? reader_.read(block, *wanted) : SeriesValues{};
    }

  private:
    std::string metric_;
    std::shared_ptr<OpenHistory> histories_;
    std::vector<std::pair<std::size_t, FramePlace>> places_;  // in which history, and where
    std::vector<std::byte> bytes_;
    MetricReader reader_;
};

/// Reads metrics of a run, from the folder of each rank that has them: those that are wanted as series, or of
/// every metric what is known of all its numbers together.
class SeriesReader {
    struct Wanted {
        std::shared_ptr<MetricFrames> frames;
        Series series;
    };
    struct Known {
        SeriesNode node{};  // of all its numbers
        Wanted* wanted = nullptr;
    };
    using KnownMetrics = std::map<std::string, Known, std::less<>>;

  public:
    /// What is not wanted is passed over; if nothing is, all of it is summed up.
    explicit SeriesReader(std::span<const std::string> wanted = {}) {
        for (const std::string& metric : wanted) {
            auto frames = std::make_shared<MetricFrames>(metric, histories_);
            const auto load = [frames](std::size_t number) { return frames->load(number); };
            wanted_.push_back({std::move(frames), Series{load}});
        }
        for (std::size_t i = 0; i < wanted.size(); ++i) known_[wanted[i]].wanted = &wanted_[i];
    }

    /// Of no metric, but of what stands between the rows: calls `hear(StoredRow)` for each event, in the
    /// order of its thread; for rows too, where they lie beside. Frames without events are not decoded, nor
    /// read where an index covers them.
    explicit SeriesReader(std::function<void(const StoredRow&)> hear) : hear_{std::move(hear)} {}

    /// Appends what a rank has. Fails as `read_history` does.
    result<void> add(std::filesystem::path run_dir) {
        run_dir_ = std::move(run_dir);
        report_ = {};
        assembler_ = {};
        positions_ = {};
        of_ring_.clear();
        gaps_ = 0;
        is_read_twice_ = false;
        // Rings first: what leaves them while we read is in the history when we come to it. The index before
        // the history: what it does not have yet is found there.
        std::vector<RingRest> rings = copy_rings(run_dir_, report_);
        const auto index = read_file(run_dir_ / index_file, max_history_bytes);
        auto history = os::File::open_read(run_dir_ / history_file);
        if (!history && history.error().code() != errc::not_found) return history.error();
        if (history) {
            histories_->open(run_dir_ / history_file, std::move(*history));
            if (auto done = read_frames(index ? bytes_of(*index) : std::span<const std::byte>{}, rings);
                !done)
                return done;
        }
        for (RingRest& ring : rings) {
            if (positions_.take(ring))
                take_records({FrameKind::records, ring.id, 0, 0, bytes_of(ring.bytes)});
        }
        for (Wanted& one : wanted_)
            one.series.add_damage(report_.damaged + report_.unread.size() +
                                  std::max(gaps_, positions_.missing()));
        return {};
    }

    /// What was added so far of the wanted one of this number. Once. All series of one reader are used by one
    /// thread at a time.
    [[nodiscard]] Series take(std::size_t number = 0) { return std::move(wanted_[number].series); }
    /// Calls `f(name, SeriesNode)` for each metric that has numbers. Requires that none is wanted.
    template <class F>
    void for_each_metric(F&& f) const {
        for (const auto& [name, known] : known_) {
            if (known.node.count() != 0) f(name, known.node);
        }
    }

  private:
    struct Hear {
        const std::function<void(const StoredRow&)>* hear;
        std::string_view wanted = event_kind_cell;
        void operator()(const StoredRow& row) const { (*hear)(row); }
    };
    struct Part {
        KnownMetrics::value_type* metric = nullptr;
        SeriesNode node{};  ///< of it in a frame
    };

    result<void> read_frames(std::span<const std::byte> index, const std::vector<RingRest>& rings) {
        const auto size = histories_->file().size();
        if (!size) return size.error();
        if (*size == 0) return {};
        end_ = *size;
        std::byte header[history_header_bytes];
        const auto head = histories_->file().read_at(0, header);
        if (!head) return head.error();
        if (auto ours = check_history(std::span{header}.first(*head), run_dir_ / history_file); !ours)
            return ours;

        std::vector<std::span<const std::byte>> entries;
        IndexReader walk{index};
        for (std::span<const std::byte> payload; walk.next(payload);) entries.push_back(payload);
        if (!entries.empty() && !is_of_this_history(entries.back())) entries.clear();
        std::uint64_t covered = history_header_bytes;
        std::vector<Part> of_entry;
        for (const std::span<const std::byte> payload : entries) {
            FramePlace place;
            of_entry.clear();
            const bool is_whole = read_index_entry(
                payload, place, [&](std::uint32_t id, std::string_view name, const SeriesNode& node) {
                    if (auto* metric = known_as(place.ring, id, name); is_needed(*metric))
                        of_entry.push_back({metric, node});
                });
            if (!is_whole || place.at < covered || place.bytes > *size || place.at > *size - place.bytes)
                break;
            if (auto scanned = scan(covered, place.at); !scanned) return scanned;
            covered = place.at + place.bytes;
            if (!positions_.take(place.ring, place.from, place.to)) continue;
            take_packed(place, of_entry);
            if (hear_) hear_events(place, of_entry);
        }
        return scan(covered, *size, rings);
    }

    /// Whether the last entry of an index tells of a frame that is there: the tail of a history may have been
    /// cut since.
    [[nodiscard]] bool is_of_this_history(std::span<const std::byte> last) const {
        FramePlace place;
        if (!read_index_entry(last, place)) return false;
        std::byte head[frame_header_bytes] = {};
        const auto read = histories_->file().read_at(place.at, head);
        const Frame frame = frame_head(head);
        return read && *read == sizeof head && frame_crc(head) == place.crc && frame.ring == place.ring &&
               frame.to == place.to;
    }

    /// Reads the frames that no index covers. `rings`, if given: it is the history's end, which may be torn.
    result<void> scan(std::uint64_t from, std::uint64_t to, const std::vector<RingRest>& rings = {}) {
        if (from >= to) return {};
        if (to - from > std::numeric_limits<std::size_t>::max() / 2) {
            return error{errc::unsupported, "a history without an index is too long for this machine",
                         (run_dir_ / history_file).string(), "read it on one of 64 bits"};
        }
        bytes_.resize(static_cast<std::size_t>(to - from));
        const auto read = histories_->file().read_at(from, writable_bytes_of(bytes_));
        if (!read) return read.error();
        FrameReader reader{bytes_of(bytes_).first(*read), 0};
        std::vector<Part> of_frame;
        for (Frame frame; reader.next(frame);) {
            if (!positions_.take(frame.ring, frame.from, frame.to)) continue;
            if (frame.kind == FrameKind::records) {
                take_records(frame);
                continue;
            }
            of_frame.clear();
            const auto block = block_of(frame, [&](std::uint32_t id, std::string_view name) {
                of_frame.push_back({known_as(frame.ring, id, name), {}});
            });
            if (block.empty() || !sum_up(frame, of_frame))
                ++report_.damaged;
            else
                take_packed(reader.place(frame, from), of_frame);
        }
        gaps_ += reader.gaps();
        if (reader.whole_bytes() == *read || (to == end_ && is_in_a_ring(reader, rings))) return {};
        if (to == end_ && !is_read_twice_) {  // a writer may be at its last frame
            is_read_twice_ = true;
            os::sys::sleep_ns(1'000'000);
            const auto size = histories_->file().size();
            if (!size) return size.error();
            end_ = *size;
            const std::uint64_t whole = from + reader.whole_bytes();
            if (whole < end_) return scan(whole, end_, rings);
        }
        ++gaps_;
        return {};
    }

    /// What a frame has of the metrics that are wanted, or of all. False if it is damaged.
    bool sum_up(const Frame& frame, std::vector<Part>& parts) {
        for (Part& part : parts) {
            const Known& known = part.metric->second;
            if (known.wanted == nullptr) continue;
            const auto values = known.wanted->frames->values_of(frame);
            if (!values) return false;
            part.node.add(*values, 0, values->numbers.size());
        }
        if (wanted_.empty()) take_records(frame);
        return true;
    }
    /// Whether what an index tells of a metric is asked for.
    [[nodiscard]] bool is_needed(const KnownMetrics::value_type& metric) const {
        if (hear_) return metric.first == event_kind_cell;
        return wanted_.empty() || metric.second.wanted != nullptr;
    }
    /// The metric that a ring has numbered so.
    [[nodiscard]] KnownMetrics::value_type* known_as(std::uint32_t ring, std::uint32_t id,
                                                     std::string_view name) {
        KnownMetrics::value_type*& known = of_ring_[std::uint64_t{ring} << 32U | id];
        if (known == nullptr || known->first != name) {
            assembler_.define(ring, id, name);
            known = &entry_of(name);
        }
        return known;
    }
    [[nodiscard]] KnownMetrics::value_type& entry_of(std::string_view name) {
        const auto found = known_.find(name);
        return found != known_.end() ? *found : *known_.try_emplace(std::string{name}).first;
    }
    /// A frame of packed rows, by what is known of it.
    void take_packed(const FramePlace& place, const std::vector<Part>& parts) {
        for (const Part& part : parts) {
            Known& known = part.metric->second;
            known.node.merge(part.node);
            if (known.wanted != nullptr)
                known.wanted->series.add_stored(known.wanted->frames->add(place), part.node);
        }
    }
    /// Those of a frame of which an index tells this.
    void hear_events(const FramePlace& place, const std::vector<Part>& parts) {
        if (parts.empty()) return;  // else it has the cell that tells one
        Frame frame;
        std::vector<std::byte> bytes;
        if (histories_->read(histories_->last(), place, bytes, frame))
            take_records(frame);
        else
            ++report_.damaged;
    }
    void take_records(const Frame& frame) {
        if (hear_) return assembler_.feed(frame, report_, Hear{&hear_});
        assembler_.feed(frame, report_, [&](const StoredRow& row) {
            if (!has_series(row.kind)) return;
            for (const NamedValue& named : row.values) {
                Known& known = entry_of(named.name).second;
                if (named.value.is_text()) continue;
                known.node.add(row.step, row.time_ns / ns_per_ms, named.value.number());
                if (known.wanted != nullptr)
                    known.wanted->series.add(row.step, row.time_ns, named.value.number());
            }
        });
    }

    std::shared_ptr<OpenHistory> histories_ = std::make_shared<OpenHistory>();
    std::vector<Wanted> wanted_;
    std::function<void(const StoredRow&)> hear_;
    KnownMetrics known_;

    // Of the rank at hand.
    std::filesystem::path run_dir_;
    HistoryReport report_;
    RowAssembler assembler_;
    RingPositions positions_;
    std::unordered_map<std::uint64_t, KnownMetrics::value_type*> of_ring_;  // by ring, and the number in it
    std::size_t gaps_ = 0;
    std::uint64_t end_ = 0;         // of the history
    bool is_read_twice_ = false;    // where it is torn
    std::vector<std::byte> bytes_;  // of the stretch at hand
};

}  // namespace CAIRN_NAMESPACE::detail
