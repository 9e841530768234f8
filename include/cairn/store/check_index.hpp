// SPDX-License-Identifier: MIT
#pragma once
// Whether the index of a history tells what the history has, and an index that does.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/packed_frame.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Makes entries of frames as they lie in a history.
template <class = void>
class BasicIndexMaker {
  public:
    /// The entry of a frame of packed rows. False if there is to be none: the frame is damaged, or has no
    /// metric, as one of rich values alone.
    [[nodiscard]] bool make(const FramePlace& place, const Frame& frame, IndexEntry& entry) {
        names_.clear();
        nodes_.clear();
        const auto block = block_of(frame, [&](std::uint32_t metric, std::string_view name) {
            nodes_.try_emplace(metric);
            names_.emplace_back(metric, name);
        });
        if (block.empty()) return false;
        const bool is_whole = reader_.read(block, [&](RecordKind kind, std::int64_t step,
                                                      std::int64_t time_ns, std::span<const Cell> cells) {
            for (const Cell& cell : cells) {
                if (!has_series(kind) || cell.value.is_text()) continue;
                if (const auto node = nodes_.find(cell.metric); node != nodes_.end())
                    node->second.add(step, time_ns / ns_per_ms, cell.value.number());
            }
        });
        if (!is_whole || names_.empty()) return false;
        entry.begin(place, names_.size());
        for (const auto& [metric, name] : names_) entry.add(metric, name, nodes_[metric]);
        return true;
    }

  private:
    std::vector<std::pair<std::uint32_t, std::string>> names_;
    std::unordered_map<std::uint32_t, SeriesNode> nodes_;
    BlockReader reader_;
};
using IndexMaker = BasicIndexMaker<>;

/// Calls `f(place, entry)` for the entry of each frame of packed rows that is whole.
template <class F>
void for_each_index_entry(std::span<const std::byte> history, F&& f) {
    FrameReader frames{history};
    IndexMaker maker;
    IndexEntry entry;
    for (Frame frame; frames.next(frame);) {
        if (!frame.is_packed()) continue;
        const FramePlace place = frames.place(frame);
        if (maker.make(place, frame, entry)) f(place, std::as_const(entry));
    }
}

/// What an index is worth. Of one that lacks something the rest is used; a wrong one makes wrong curves.
enum class IndexState : unsigned char { whole, lacking, wrong };

/// Compares an index with its history; both whole files, the index as it was read before the history.
template <class = void>
[[nodiscard]] IndexState check_index(std::span<const std::byte> index, std::span<const std::byte> history) {
    std::map<std::uint64_t, std::span<const std::byte>> entries;  // by where the frame lies
    IndexReader reader{index};
    bool is_in_order = true;
    std::uint64_t last = 0;
    for (std::span<const std::byte> payload; reader.next(payload);) {
        const auto at = ByteReader{payload}.template fixed<std::uint64_t>();
        is_in_order = is_in_order && at > last;
        entries.emplace(last = at, payload);
    }
    bool is_whole = reader.is_valid() && reader.position() == index.size();
    for_each_index_entry(history, [&](const FramePlace& place, const IndexEntry& expected) {
        const auto entry = entries.find(place.at);
        if (entry == entries.end()) {
            is_whole = false;
        } else if (std::equal(entry->second.begin(), entry->second.end(), expected.payload().begin(),
                              expected.payload().end())) {
            entries.erase(entry);
        }
    });
    if (!entries.empty() || !is_in_order) return IndexState::wrong;
    return is_whole ? IndexState::whole : IndexState::lacking;
}

/// Replaces the index by one that tells all of the history; it may be lost again. Only for the run's one
/// writer.
template <class = void>
[[nodiscard]] result<void> rebuild_index(const os::Path& run_dir, std::span<const std::byte> history,
                                         const os::Path& temp_dir) {
    const TempPath temp{temp_dir / temp_name()};
    auto writer = IndexWriter::open(temp.path(), history.size());
    if (!writer) return writer.error();
    result<void> done;
    for_each_index_entry(history, [&](const FramePlace&, const IndexEntry& entry) {
        if (done) done = writer->append(entry);
    });
    if (!done) return done;
    writer->close();
    return os::rename_replace(temp.path(), run_dir / index_file);
}

}  // namespace CAIRN_NAMESPACE::detail
