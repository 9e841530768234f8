// SPDX-License-Identifier: MIT
#pragma once
// A copy of what a checkpoint saves, so that training can go on while it is written.

#include <cairn/core/copy.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/encode.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Files in memory. The memory is kept from one version to the next: touching it the first time costs several
/// times the copy.
template <class = void>
class BasicSnapshot {
  public:
    /// Appends to a file; the pieces of a file follow one another. False if there is no memory for it.
    [[nodiscard]] bool write(std::string_view file, std::span<const std::byte> bytes) {
        if (files_.empty() || files_.back().name != file) files_.push_back({std::string{file}});
        files_.back().bytes += bytes.size();
        bytes_ += bytes.size();
        while (!bytes.empty()) {
            if (block_ == blocks_.size() && !grow(bytes.size())) return false;
            Block& block = blocks_[block_];
            const std::size_t count = std::min(bytes.size(), block.size - block.used);
            copy_past_cache(block.bytes.get() + block.used, bytes.data(), count);
            block.used += count;
            bytes = bytes.subspan(count);
            if (block.used == block.size) ++block_;
        }
        return true;
    }

    /// How many bytes the files have together.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

    /// Gives the files on, in the order in which they came. Fails: as `emit` does.
    [[nodiscard]] result<void> read(Emit put) const {
        std::size_t block = 0, at = 0;
        for (const File& file : files_) {
            std::uint64_t left = file.bytes;
            do {  // an empty file is one, too
                if (left != 0 && at == blocks_[block].used) ++block, at = 0;
                const std::size_t count =
                    left == 0
                        ? 0
                        : static_cast<std::size_t>(std::min<std::uint64_t>(left, blocks_[block].used - at));
                const auto piece = left == 0
                                       ? std::span<const std::byte>{}
                                       : std::span<const std::byte>{blocks_[block].bytes.get() + at, count};
                if (auto taken = put(file.name, piece); !taken) return taken;
                at += count;
                left -= count;
            } while (left != 0);
        }
        return {};
    }

    /// Forgets the files and keeps their memory.
    void clear() noexcept {
        files_.clear();
        for (Block& block : blocks_) block.used = 0;
        block_ = 0;
        bytes_ = 0;
    }
    /// Gives the memory back, too.
    void release() noexcept {
        clear();
        blocks_.clear();
    }

  private:
    struct File {
        std::string name;
        std::uint64_t bytes = 0;
    };
    struct Block {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0, used = 0;
    };

    /// Adds a block for at least so many bytes. Blocks grow with what there is, so that they are few and the
    /// last one wastes little.
    [[nodiscard]] bool grow(std::size_t bytes) {
        constexpr std::uint64_t least = std::uint64_t{64} << 10U;
        const auto size = static_cast<std::size_t>(std::max<std::uint64_t>({bytes, least, bytes_ / 16}));
        std::unique_ptr<std::byte[]> memory{new (std::nothrow) std::byte[size]};
        if (!memory) return false;
        blocks_.push_back({std::move(memory), size});
        return true;
    }

    std::vector<File> files_;
    std::vector<Block> blocks_;
    std::size_t block_ = 0;  // that is being filled
    std::uint64_t bytes_ = 0;
};
using Snapshot = BasicSnapshot<>;

}  // namespace CAIRN_NAMESPACE::detail
