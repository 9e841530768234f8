// SPDX-License-Identifier: MIT
#pragma once
// Which number stands for a metric's name, as far as one thread has used it.

#include <cairn/config.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The part of the table that one thread has used: a small open-addressed table without locks.
template <class = void>
class BasicMetricCache {
  public:
    /// The number of a metric this thread has used before; `unknown` otherwise.
    static constexpr std::uint32_t unknown = 0xffffffffU;

    [[nodiscard]] std::uint32_t find(std::uint64_t hash, std::string_view name) const noexcept {
        for (std::size_t i = static_cast<std::size_t>(hash) & mask_;; i = (i + 1) & mask_) {
            const Entry& entry = slots_[i];
            if (entry.id == unknown) return unknown;
            // A literal keeps its address, so its characters are compared only once.
            if (entry.hash == hash && (entry.literal == name.data() || entry.name == name)) return entry.id;
        }
    }

    /// The same for a literal, which is nearly always found at once: by its address.
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, const char* literal,
                                     std::string_view name) const noexcept {
        const Entry& first = slots_[static_cast<std::size_t>(hash) & mask_];
        return first.literal == literal ? first.id : search(hash, name);
    }

    void insert(std::uint64_t hash, const char* literal, std::string_view kept, std::uint32_t id) {
        if ((count_ + 1) * 2 > slots_.size()) grow();
        place({hash, literal, kept, id});
        ++count_;
    }

  private:
    struct Entry {
        std::uint64_t hash = 0;
        const char* literal = nullptr;
        std::string_view name{};
        std::uint32_t id = unknown;
    };

    CAIRN_COLD [[nodiscard]] std::uint32_t search(std::uint64_t hash, std::string_view name) const noexcept {
        return find(hash, name);
    }
    void place(const Entry& entry) {
        std::size_t i = static_cast<std::size_t>(entry.hash) & mask_;
        while (slots_[i].id != unknown) i = (i + 1) & mask_;
        slots_[i] = entry;
    }
    void grow() {
        std::vector<Entry> old(slots_.size() * 2);
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Entry& entry : old) {
            if (entry.id != unknown) place(entry);
        }
    }

    std::vector<Entry> slots_ = std::vector<Entry>(64);
    std::size_t mask_ = 63;
    std::size_t count_ = 0;
};
using MetricCache = BasicMetricCache<>;

}  // namespace CAIRN_NAMESPACE::detail
