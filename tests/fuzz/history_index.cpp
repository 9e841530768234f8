// SPDX-License-Identifier: MIT
// Entries of a history's index: what is read is written and read again as it was.
#include <cairn/store/history_index.hpp>
#include <cairn/store/index_entry.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace cairn::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    struct Named {
        std::uint32_t metric;
        std::string name;
        SeriesNode node;
    };
    std::vector<Named> all;
    FramePlace frame;
    const auto keep = [&](std::uint32_t metric, std::string_view name, const SeriesNode& node) {
        all.push_back({metric, std::string{name}, node});
    };
    const bool is_read = read_index_entry(std::as_bytes(std::span{data, size}), frame, keep);
    if (!is_read) return 0;
    IndexEntry entry;
    entry.begin(frame, all.size());
    for (const Named& named : all) entry.add(named.metric, named.name, named.node);
    std::size_t at = 0;
    FramePlace again;
    const bool is_same = read_index_entry(
        entry.payload(), again, [&](std::uint32_t metric, std::string_view name, const SeriesNode& node) {
            const Named& before = all[at++];
            if (metric != before.metric || name != before.name || node.max_step != before.node.max_step ||
                node.min_ms != before.node.min_ms || node.count() != before.node.count())
                std::abort();
        });
    if (!is_same || at != all.size() || again.to != frame.to) std::abort();
    return 0;
}
