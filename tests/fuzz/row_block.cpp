// SPDX-License-Identifier: MIT
// Blocks of rows: what is read is written and read again as it was.
#include <cairn/store/metric_block.hpp>
#include <cairn/store/row_block.hpp>

#include <cstdlib>
#include <string>

using namespace cairn::detail;

namespace {

/// The rows as text, with all bits of their numbers; empty if the block is damaged.
std::string text_of(std::span<const std::byte> block, BlockWriter* writer = nullptr) {
    std::string text;
    BlockReader reader;
    const bool read = reader.read(
        block, [&](RecordKind kind, std::int64_t step, std::int64_t time_ns, const std::vector<Cell>& cells) {
            text += std::to_string(static_cast<int>(kind)) + ' ' + std::to_string(step) + ' ' +
                    std::to_string(time_ns);
            for (const Cell& cell : cells) {
                const std::uint64_t bits = cell.value.kind() == cairn::Value::Kind::number
                                               ? std::bit_cast<std::uint64_t>(cell.value.number())
                                               : cell.value.bits();
                text += ' ' + std::to_string(cell.metric) + ':' +
                        std::to_string(static_cast<int>(cell.value.kind())) + ':';
                if (cell.value.is_text())
                    text += cell.value.text();
                else
                    text += std::to_string(bits);
            }
            text += '\n';
            if (writer != nullptr) writer->add(kind, step, time_ns, cells);
        });
    return read ? text + "whole" : std::string{};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    BlockWriter writer;
    const std::string text = text_of(std::as_bytes(std::span{data, size}), &writer);
    if (text.empty()) return 0;
    // What is known of a metric is what its values say, read without the other columns.
    writer.summarize([&](std::uint32_t metric, const SeriesNode& node) {
        MetricReader reader;
        SeriesNode seen;
        const auto values = reader.read(std::as_bytes(std::span{data, size}), metric);
        for (std::size_t i = 0; values && i < values->numbers.size(); ++i)
            seen.add(values->steps[i], values->ms[i], values->numbers[i]);
        if (!values || seen.count() != node.count() || seen.max_step != node.max_step ||
            seen.restarts != node.restarts)
            std::abort();
    });
    std::vector<std::byte> again;
    writer.write(again);
    if (text_of(again) != text) std::abort();
    return 0;
}
