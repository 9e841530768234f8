// SPDX-License-Identifier: MIT
#pragma once
// Which number stands for a metric's name, as far as one thread has used it.

#include <cairn/core/metric.hpp>
#include <cairn/core/short_text.hpp>
#include <cairn/store/record.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The part of the table that one thread has used: names in a small open-addressed table without locks, and
/// in front of it literals, each at one of two places that the compiler knows.
template <class = void>
class BasicMetricCache {
  public:
    /// The number of a metric this thread has used before; `unknown` otherwise.
    static constexpr std::uint32_t unknown = 0xffffffffU;

    [[nodiscard]] std::uint32_t find(std::uint64_t hash, std::string_view name) const noexcept {
        return slots_[place_of(hash, name)].id;
    }
    /// Whether the thread has used it before; then its number. Names follow one another as they did before,
    /// mostly: then none is hashed.
    [[nodiscard]] bool knows(std::string_view name, std::uint32_t& id) noexcept {
        if (name.size() > max_metric_name_bytes) name.remove_suffix(name.size() - max_metric_name_bytes);
        std::uint32_t at = slots_[latest_].next;
        if (slots_[at].id == unknown || !is_same_text(slots_[at].name, name)) {
            at = place_of(hash_name(name), name);
            if (slots_[at].id == unknown) return false;
            slots_[latest_].next = at;
        }
        latest_ = at;
        id = slots_[at].id;
        return true;
    }
    /// The same of a literal, if `keep` had a place for it. By its hash of 64 bits alone: its text was
    /// compared when it was kept, and no other literal of a program has the same.
    template <MetricName Name>
    [[nodiscard]] CAIRN_INLINE bool knows(Name, std::uint32_t& id) const noexcept {
        const Literal& first = literals_[slot(Name::hash)];
        const Literal& second = literals_[second_slot(Name::hash)];
        if (Name::hash == no_hash) return false;
        if (first.hash == Name::hash) [[likely]]
            id = first.id;
        else if (second.hash == Name::hash)
            id = second.id;
        else
            return false;
        return true;
    }
    /// Remembers a literal whose number is known, at one of its two places.
    void keep(std::uint64_t hash, std::uint32_t id) noexcept {
        for (const std::size_t i : {slot(hash), second_slot(hash)}) {
            if (hash == no_hash || (literals_[i].hash != no_hash && literals_[i].hash != hash)) continue;
            literals_[i] = {hash, id};
            return;
        }
    }

    void insert(std::uint64_t hash, std::string_view kept, std::uint32_t id) {
        if ((count_ + 1) * 2 > slots_.size()) grow();
        place({hash, kept, id, 0});
        ++count_;
    }

  private:
    struct Literal {
        std::uint64_t hash = no_hash;
        std::uint32_t id = unknown;
    };
    struct Entry {
        std::uint64_t hash = 0;
        std::string_view name{};
        std::uint32_t id = unknown;
        std::uint32_t next = 0;  // where the name stood that followed it
    };
    static constexpr std::size_t literal_slots = 128;
    static constexpr std::uint64_t no_hash = 0;  // a literal that has it is found by its text

    [[nodiscard]] static constexpr std::size_t slot(std::uint64_t hash) noexcept {
        return static_cast<std::size_t>(hash % literal_slots);
    }
    [[nodiscard]] static constexpr std::size_t second_slot(std::uint64_t hash) noexcept {
        return slot(hash / literal_slots);
    }
    /// Where the name stands; if it does not, where it would.
    [[nodiscard]] std::uint32_t place_of(std::uint64_t hash, std::string_view name) const noexcept {
        for (std::size_t i = static_cast<std::size_t>(hash) & mask_;; i = (i + 1) & mask_) {
            const Entry& entry = slots_[i];
            if (entry.id == unknown || (entry.hash == hash && is_same_text(entry.name, name)))
                return static_cast<std::uint32_t>(i);
        }
    }
    void place(const Entry& entry) { slots_[place_of(entry.hash, entry.name)] = entry; }
    void grow() {
        std::vector<Entry> old(slots_.size() * 2);
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Entry& entry : old) {
            if (entry.id != unknown) place(entry);
        }
    }

    std::array<Literal, literal_slots> literals_{};
    std::vector<Entry> slots_ = std::vector<Entry>(64);
    std::size_t mask_ = 63;
    std::size_t count_ = 0;
    std::uint32_t latest_ = 0;  // where the name stands that was asked for last
};
using MetricCache = BasicMetricCache<>;

}  // namespace CAIRN_NAMESPACE::detail
