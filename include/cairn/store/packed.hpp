// SPDX-License-Identifier: MIT
#pragma once
// Columns of numbers in few bytes, without loss. A column is turned into integers; what is packed is these,
// their differences or the differences of those, whichever takes least: each as the distance from a base in
// as many bits as nearly all need (frame of reference), the others beside them.
//
//   integers  u8 order (0 to 2) · u8 bits each (0 to 64) · varint exceptions
//             · order × zigzag varint: the values that the differences begin with
//             · zigzag varint base · exceptions × (varint distance from the one before · varint of 64 bits)
//             · the others' bits, lowest first, to the end of a byte
//   numbers   u8 form · [u8 decimals] · integers · [varint count · count × (varint distance · u64 bits)]
//
// After "The FastLanes Compression Layout" (Afroozeh, Boncz, 2023) and "ALP: Adaptive Lossless floating-Point
// Compression" (Afroozeh, Kuffo, Boncz, 2023), without their layouts for wide registers.

#include <cairn/core/bytes.hpp>
#include <cairn/core/deferred.hpp>
#include <cairn/store/byte_stream.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The bits that a value needs.
[[nodiscard]] constexpr unsigned bits_of(std::uint64_t value) noexcept {
    return 64U - static_cast<unsigned>(std::countl_zero(value));
}
[[nodiscard]] constexpr std::uint64_t low_bits(unsigned bits) noexcept {
    return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// How numbers became integers.
enum class Form : std::uint8_t {
    decimal,  ///< as so many units of a power of ten
    single,   ///< by the bits of a float, which holds each of them
    full      ///< by their own bits
};
inline constexpr unsigned most_decimals = 15;
inline constexpr std::array<double, most_decimals + 1> powers_of_ten = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// The bits of a floating-point number as an integer that is the greater the greater the number is; its own
/// inverse.
template <class Bits>
[[nodiscard]] constexpr Bits in_order(Bits bits) noexcept {
    return bits < 0 ? bits ^ std::numeric_limits<Bits>::max() : bits;
}

/// So many units of 10^-decimals. The division is IEEE 754's everywhere, since writer and reader must come to
/// the same bits: also in a program built with -ffast-math, which may else multiply by a rounded reciprocal,
/// and on i686, whose x87 would round twice.
#if defined(__i386__) && defined(__GNUC__) && !defined(__clang__)
[[gnu::target("sse2,fpmath=sse")]]
#endif
[[nodiscard]] inline double
from_units(std::int64_t count, unsigned decimals) noexcept {
    const volatile double divisor = powers_of_ten[decimals];
    return static_cast<double>(count) / divisor;
}
/// The bits of a number, and a number of these bits. Not by value: x87 makes a quiet NaN of a signalling one
/// that it loads.
[[nodiscard]] inline std::uint64_t bits_in(const double& number) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}
inline void set_bits(double& to, std::uint64_t bits) noexcept { std::memcpy(&to, &bits, sizeof bits); }

/// `value` as a count of units of 10^-decimals, if that gives it back bit for bit.
[[nodiscard]] inline std::optional<std::int64_t> to_units(const double& value, unsigned decimals) noexcept {
    const double scaled = value * powers_of_ten[decimals];
    if (!(std::fabs(scaled) < 9007199254740992.0)) return std::nullopt;  // 2^53; and NaN
    const std::int64_t count = std::llrint(scaled);
    if (bits_in(from_units(count, decimals)) != bits_in(value)) return std::nullopt;
    return count;
}
/// Whether a float holds it bit for bit, and not as a denormal, which some programs take for 0.
[[nodiscard]] inline bool is_single(const double& value) noexcept {
    const auto single = static_cast<float>(value);
    const auto bits = std::bit_cast<std::uint32_t>(single);
    return bits_in(static_cast<double>(single)) == bits_in(value) &&
           ((bits & 0x7f800000U) != 0 || bits << 1U == 0);
}

/// Packs columns of up to 65,536 values; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicPacker {
    using Unsigned = Deferred<std::uint64_t, T>;
    using Integer = Deferred<std::int64_t, T>;
    using Number = Deferred<double, T>;
    using Bytes = std::vector<Deferred<std::byte, T>>;

  public:
    static constexpr std::size_t most = 65536;

    /// Appends integers. Cost: 3 to 6 ns a value.
    void pack(std::span<const Integer> values, Bytes& to) {
        values_.assign(values.begin(), values.end());
        write(plan(), to);
    }

    /// Appends numbers, bit for bit.
    void pack(std::span<const Number> values, Bytes& to) {
        ByteWriter out{to};
        if (const auto decimals = try_decimals(values)) {
            out.byte(static_cast<std::uint64_t>(Form::decimal));
            out.byte(*decimals);
            pack(std::span<const Integer>{integers_}, to);
            out.varint(strangers_.size());
            std::size_t before = 0;
            for (const std::size_t at : strangers_) {
                out.varint(at - before);
                out.fixed(bits_in(values[at]));
                before = at;
            }
            return;
        }
        const bool single = std::all_of(values.begin(), values.end(), is_single);
        out.byte(static_cast<std::uint64_t>(single ? Form::single : Form::full));
        integers_.resize(values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            integers_[i] = single ? in_order(std::bit_cast<std::int32_t>(static_cast<float>(values[i])))
                                  : in_order(static_cast<std::int64_t>(bits_in(values[i])));
        pack(std::span<const Integer>{integers_}, to);
    }

  private:
    struct Plan {
        unsigned order = 0, bits = 64;
        std::uint64_t base = 0, cost = std::numeric_limits<std::uint64_t>::max();
        std::size_t exceptions = 0;
    };
    static constexpr std::uint64_t exception_bits = 80;  // about what one takes
    static constexpr std::uint64_t first_bits = 64;  // about what a value takes that differences begin with
    static constexpr std::size_t sample = 64, few = 16;

    /// With how many decimals nearly all values can be written, if there is such a number: then they are in
    /// `integers_`, as that many units, and the places of the others in `strangers_`.
    [[nodiscard]] std::optional<unsigned> try_decimals(std::span<const Number> values) {
        unsigned decimals = 0;
        const std::size_t stride = std::max<std::size_t>(1, values.size() / 32);
        const std::size_t looks = (values.size() + stride - 1) / stride;
        std::size_t failed = 0;
        for (std::size_t i = 0; i < values.size(); i += stride) {
            unsigned needed = decimals;
            while (needed < most_decimals && !to_units(values[i], needed)) ++needed;
            if (to_units(values[i], needed))
                decimals = needed;
            else if (++failed * 8 > looks)
                return std::nullopt;
        }
        integers_.resize(values.size());
        strangers_.clear();
        std::int64_t last = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (const auto count = to_units(values[i], decimals))
                last = *count;
            else
                strangers_.push_back(i);
            integers_[i] = last;  // a stranger costs no bits here
        }
        if (strangers_.size() * 8 > values.size()) return std::nullopt;
        return decimals;
    }

    /// Which differences take least is tried on some stretches, how to pack those on all.
    [[nodiscard]] Plan plan() {
        const std::span<const Unsigned> all{values_};
        unsigned order = 0;
        if (all.size() > 2) {
            const std::size_t stretches = all.size() > sample ? 4 : 1;
            const std::size_t size = std::min(all.size(), sample) / stretches;
            std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
            for (unsigned tried = 0; tried < 3; ++tried) {
                trial_.clear();
                for (std::size_t n = 0; n < stretches; ++n) {
                    const std::size_t from = stretches == 1 ? 0 : n * (all.size() - size) / (stretches - 1);
                    for (std::size_t i = from + 2; i < from + size; ++i)
                        trial_.push_back(difference(all, i, tried));
                }
                const std::uint64_t cost =
                    plan_for(trial_, 0, few).cost + first_bits * tried * trial_.size() / all.size();
                if (cost < least) {
                    least = cost;
                    order = tried;
                }
            }
        }
        for (unsigned k = 1; k <= order; ++k) differences(values_, k);
        const std::span<const Unsigned> rest = all.subspan(order);
        const Plan sampled = plan_by_sample(rest, order);
        return sampled.bits < 64 ? sampled : plan_for(rest, order, sample);
    }
    /// What is best for some of many, if all take about as much as these let expect; else 64 bits each.
    [[nodiscard]] Plan plan_by_sample(std::span<const Unsigned> values, unsigned order) {
        constexpr std::size_t some = 128;
        if (values.size() < 4 * some) return {};
        take_some(values, some, trial_);
        Plan plan = plan_for(trial_, order, sample);
        if (plan.bits == 0) return {};
        const std::uint64_t head = first_bits * order, mask = low_bits(plan.bits);
        const std::uint64_t expected = head + (plan.cost - head) * values.size() / trial_.size();
        plan.exceptions = 0;
        for (const std::uint64_t value : values) plan.exceptions += value - plan.base > mask ? 1U : 0U;
        plan.cost = head + plan.bits * values.size() + plan.exceptions * exception_bits;
        return plan.cost <= expected + expected / 32 ? plan : Plan{};
    }
    /// About so many of the values, each from anywhere in its stretch: of what repeats, the first of each
    /// would be all the same.
    static void take_some(std::span<const Unsigned> values, std::size_t about, std::vector<Unsigned>& to) {
        const std::size_t stretch = std::max<std::size_t>(1, values.size() / about);
        std::uint64_t random = 0;
        to.clear();
        for (std::size_t i = 0; i + stretch <= values.size(); i += stretch) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            to.push_back(values[i + static_cast<std::size_t>(((random >> 32U) * stretch) >> 32U)]);
        }
    }
    [[nodiscard]] static std::uint64_t difference(std::span<const Unsigned> of, std::size_t i,
                                                  unsigned order) noexcept {
        if (order == 0) return of[i];
        return order == 1 ? of[i] - of[i - 1] : of[i] - 2 * of[i - 1] + of[i - 2];
    }
    /// From the differences of one order to those of the next; the values that they begin with stay.
    static void differences(std::vector<Unsigned>& values, unsigned order) noexcept {
        for (std::size_t i = values.size(); i-- > order;) values[i] -= values[i - 1];
    }

    /// The median is that of about `looked_at` values.
    [[nodiscard]] Plan plan_for(std::span<const Unsigned> values, unsigned order, std::size_t looked_at) {
        const std::uint64_t head = first_bits * order;
        if (values.empty()) return {order, 0, 0, head};
        const auto less = [](std::uint64_t a, std::uint64_t b) {
            return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
        };
        std::uint64_t least = values.front(), greatest = least;
        // As the differences of regular steps; others are told by their first values.
        if (std::all_of(values.begin(), values.end(), [&](std::uint64_t value) { return value == least; }))
            return {order, 0, least, head};
        for (const std::uint64_t value : values) {  // half the time of std::minmax_element
            least = std::min(least, value, less);
            greatest = std::max(greatest, value, less);
        }
        const unsigned all = bits_of(greatest - least);
        Plan plan{order, all, least, head + std::uint64_t{all} * values.size()};
        // Around about the median, with exceptions on both sides.
        take_some(values, looked_at, some_);
        const auto middle = some_.begin() + static_cast<std::ptrdiff_t>(some_.size() / 2);
        std::nth_element(some_.begin(), middle, some_.end(), less);
        const std::uint64_t median = *middle;
        // So many bits, at least. Two counts in turns: one would wait for itself, mostly.
        std::array<std::array<std::uint32_t, 66>, 2> needing{};
        std::size_t turn = 0;
        for (const std::uint64_t value : values) {
            const std::uint64_t distance = value - median;
            // In `bits` lie the distances from -2^(bits-1) to 2^(bits-1) - 1.
            const bool is_below = static_cast<std::int64_t>(distance) < 0;
            ++needing[turn][bits_of(is_below ? ~distance : distance) + 1];
            turn ^= 1U;
        }
        std::size_t exceptions = values.size();
        for (unsigned bits = 1; bits < all; ++bits) {
            exceptions -= needing[0][bits] + needing[1][bits];
            const std::uint64_t cost =
                head + std::uint64_t{bits} * values.size() + exceptions * exception_bits;
            if (cost < plan.cost)
                plan = {order, bits, median - (std::uint64_t{1} << (bits - 1)), cost, exceptions};
        }
        return plan;
    }

    void write(const Plan& plan, Bytes& to) {
        const std::span<const Unsigned> values{values_}, packed = values.subspan(plan.order);
        const std::uint64_t mask = low_bits(plan.bits);
        exceptions_.clear();
        for (std::size_t i = 0; exceptions_.size() < plan.exceptions; ++i) {
            if (packed[i] - plan.base > mask) exceptions_.push_back(i);
        }
        ByteWriter out{to};
        out.byte(plan.order);
        out.byte(plan.bits);
        out.varint(exceptions_.size());
        for (const std::uint64_t first : values.first(plan.order))
            out.signed_varint(static_cast<std::int64_t>(first));
        out.signed_varint(static_cast<std::int64_t>(plan.base));
        std::size_t before = 0;
        for (const std::size_t at : exceptions_) {
            out.varint(at - before);
            out.signed_varint(static_cast<std::int64_t>(packed[at]));
            before = at;
        }
        if (plan.bits == 0) return;
        const std::size_t at = to.size(), bytes = (packed.size() * plan.bits + 7) / 8;
        to.resize(at + bytes + sizeof(std::uint64_t));  // the last word is written whole
        std::byte* word = to.data() + at;
        std::uint64_t pending = 0;
        unsigned filled = 0;
        for (const std::uint64_t value : packed) {
            const std::uint64_t bits = (value - plan.base) & mask;
            pending |= bits << filled;
            filled += plan.bits;
            if (filled < 64) continue;
            put(word, pending);
            word += sizeof pending;
            filled -= 64;
            pending = filled == 0 ? 0 : bits >> (plan.bits - filled);
        }
        put(word, pending);
        to.resize(at + bytes);
    }

    std::vector<Unsigned> values_, trial_, some_;
    std::vector<Deferred<std::size_t, T>> exceptions_, strangers_;
    std::vector<Integer> integers_;
};
using Packer = BasicPacker<>;

/// Reads as many integers as `values` has room for. False if the bytes are damaged; what `values` holds then
/// is of no use. Cost: about 1 ns a value.
template <class = void>
[[nodiscard]] bool unpack(ByteReader& from, std::span<std::int64_t> values) noexcept {
    const std::uint64_t order = from.byte(), bits = from.byte(), exceptions = from.varint();
    if (!from.ok() || order > 2 || order > values.size() || bits > 64 || exceptions > values.size())
        return false;
    for (std::size_t i = 0; i < order; ++i) values[i] = from.signed_varint();
    const auto base = static_cast<std::uint64_t>(from.signed_varint());
    const std::span<std::int64_t> packed = values.subspan(static_cast<std::size_t>(order));
    ByteReader patches = from;
    for (std::uint64_t i = 0; i < exceptions; ++i) {
        (void)from.varint();
        (void)from.varint();
    }
    const std::span<const std::byte> data =
        from.bytes(static_cast<std::size_t>((packed.size() * bits + 7) / 8));
    if (!from.ok()) return false;
    const std::uint64_t mask = low_bits(static_cast<unsigned>(bits));
    // What can be loaded as a word at once, and what lies at the end.
    const auto read_by = [&](auto&& bits_at) {
        std::byte tail[32] = {};
        const std::size_t safe = data.size() < 9 ? 0
                                                 : static_cast<std::size_t>(std::min<std::uint64_t>(
                                                       packed.size(), (data.size() - 9) * 8 / bits + 1));
        for (std::size_t i = 0; i < safe; ++i)
            packed[i] = static_cast<std::int64_t>(base + bits_at(data.data(), i * bits));
        const std::size_t from_byte = static_cast<std::size_t>(safe * bits / 8);
        std::memcpy(tail, data.data() + from_byte, data.size() - from_byte);
        for (std::size_t i = safe; i < packed.size(); ++i)
            packed[i] = static_cast<std::int64_t>(base + bits_at(tail, i * bits - from_byte * 8));
    };
    const auto word_at = [](const std::byte* at, std::uint64_t bit) {
        return get<std::uint64_t>(at + bit / 8) >> (bit % 8);
    };
    std::uint64_t sums = order;
    if (bits == 0 && order != 0 && exceptions == 0) {  // each is as much greater than the one before
        auto value = static_cast<std::uint64_t>(values[static_cast<std::size_t>(order - 1)]);
        for (std::int64_t& next : packed) next = static_cast<std::int64_t>(value += base);
        --sums;
    } else if (bits == 0 || packed.empty()) {
        std::fill(packed.begin(), packed.end(), static_cast<std::int64_t>(base));
    } else if (bits <= 57) {
        read_by([&](const std::byte* at, std::uint64_t bit) { return word_at(at, bit) & mask; });
    } else {
        read_by([&](const std::byte* at, std::uint64_t bit) {
            const std::uint64_t high = std::to_integer<std::uint64_t>(at[bit / 8 + 8]);
            return (word_at(at, bit) | (bit % 8 == 0 ? 0 : high << (64 - bit % 8))) & mask;
        });
    }
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < exceptions; ++i) {
        at += patches.varint();
        if (at >= packed.size()) return false;
        packed[static_cast<std::size_t>(at)] = patches.signed_varint();
    }
    for (; sums > 0; --sums) {
        auto sum = static_cast<std::uint64_t>(values[static_cast<std::size_t>(sums - 1)]);
        for (std::int64_t& value : values.subspan(static_cast<std::size_t>(sums)))
            value = static_cast<std::int64_t>(sum += static_cast<std::uint64_t>(value));
    }
    return true;
}

/// The same for numbers.
template <class = void>
[[nodiscard]] bool unpack(ByteReader& from, std::vector<double>& values,
                          std::vector<std::int64_t>& integers) {
    const std::uint64_t form = from.byte();
    const std::uint64_t decimals = form == static_cast<std::uint64_t>(Form::decimal) ? from.byte() : 0;
    integers.resize(values.size());
    if (decimals > most_decimals || !unpack(from, std::span{integers})) return false;
    switch (static_cast<Form>(form)) {
        case Form::decimal: {
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i] = from_units(integers[i], static_cast<unsigned>(decimals));
            std::uint64_t at = 0;
            for (std::uint64_t left = from.varint(); left > 0; --left) {
                at += from.varint();
                if (!from.ok() || at >= values.size()) return false;
                set_bits(values[static_cast<std::size_t>(at)], from.template fixed<std::uint64_t>());
            }
            return from.ok();
        }
        case Form::single:
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i] = static_cast<double>(
                    std::bit_cast<float>(in_order(static_cast<std::int32_t>(integers[i]))));
            return true;
        case Form::full:
            for (std::size_t i = 0; i < values.size(); ++i)
                set_bits(values[i], static_cast<std::uint64_t>(in_order(integers[i])));
            return true;
    }
    return false;
}

}  // namespace CAIRN_NAMESPACE::detail
