// SPDX-License-Identifier: MIT
#include <cairn/store/metric_block.hpp>
#include <cairn/store/packed.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace packed_test {

using namespace cairn::detail;

namespace {

using Bytes = std::vector<std::byte>;

template <class T>
Bytes packed(const std::vector<T>& values) {
    Bytes bytes;
    Packer packer;
    packer.pack(std::span<const T>{values}, bytes);
    return bytes;
}
bool read(ByteReader& from, std::vector<std::int64_t>& values) { return unpack(from, std::span{values}); }
bool read(ByteReader& from, std::vector<double>& values) {
    std::vector<std::int64_t> integers;
    return unpack(from, values, integers);
}
/// Whether every bit comes back, and no byte is left over.
template <class T>
bool comes_back(const std::vector<T>& values) {
    const Bytes bytes = packed(values);
    ByteReader from{bytes};
    std::vector<T> back(values.size());
    return read(from, back) && from.rest().empty() &&
           (values.empty() || std::memcmp(back.data(), values.data(), values.size() * sizeof(T)) == 0);
}
std::size_t below(std::mt19937_64& random, std::size_t limit) {
    return static_cast<std::size_t>(random() % limit);
}
double bits(std::uint64_t of) {
    double value = 0;
    std::memcpy(&value, &of, sizeof value);
    return value;
}
std::vector<double> noisy(std::size_t count, bool single) {
    std::mt19937_64 random{1};
    std::normal_distribution<double> gauss;
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double at = static_cast<double>(i) / static_cast<double>(count);
        values[i] = (0.05 + 2.3 * std::exp(-6 * at)) * (1 + 0.05 * gauss(random));
        if (single) values[i] = static_cast<float>(values[i]);
    }
    return values;
}
double bytes_per_value(const std::vector<double>& values) {
    return static_cast<double>(packed(values).size()) / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("packed integers come back, whatever they are", "[store][packed]") {
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = ~least;
    CHECK(comes_back(std::vector<std::int64_t>{}));
    CHECK(comes_back(std::vector<std::int64_t>{5}));
    CHECK(comes_back(std::vector<std::int64_t>{least, most}));
    CHECK(comes_back(std::vector<std::int64_t>{most, least, 0, least, most, most, -1, 1}));
    std::mt19937_64 random{2};
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::int64_t> values(below(random, 300));
        const std::uint64_t kind = random() % 4, mask = low_bits(static_cast<unsigned>(random() % 65));
        std::uint64_t base = random();
        for (std::int64_t& value : values) {
            value = static_cast<std::int64_t>(base + (random() & mask));
            if (kind == 1 && random() % 20 == 0) value = static_cast<std::int64_t>(random());
            if (kind == 2) base += 3;
            if (kind == 3) base *= 3;
        }
        INFO("round " << round);
        REQUIRE(comes_back(values));
    }
}

TEST_CASE("packed numbers come back bit for bit, NaNs and all", "[store][packed]") {
    const std::vector<double> odd = {0.0,
                                     -0.0,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     bits(0x7ff0000000000001),  // signalling
                                     bits(0xfff8dead00000001),
                                     5e-324,
                                     -5e-324,
                                     std::numeric_limits<double>::min(),
                                     std::numeric_limits<double>::max(),
                                     1e-45F,  // a denormal float
                                     std::numeric_limits<float>::min(),
                                     std::numeric_limits<float>::max(),
                                     0.1,
                                     1.0 / 3,
                                     9007199254740993.0,
                                     1e15,
                                     -1};
    CHECK(comes_back(odd));
    for (const double value : odd) CHECK(comes_back(std::vector<double>(100, value)));
    std::mt19937_64 random{3};
    std::normal_distribution<double> gauss;
    for (int round = 0; round < 3000; ++round) {
        std::vector<double> values(below(random, 300));
        const std::uint64_t kind = random() % 7;
        for (double& value : values) {
            switch (kind) {
                case 0: value = bits(random()); break;
                case 1: value = static_cast<float>(gauss(random)); break;
                case 2: value = std::round(gauss(random) * 1000) / 1000; break;
                case 3: value = odd[below(random, odd.size())]; break;
                case 4: value = static_cast<double>(random() % 1000); break;
                case 5: value = static_cast<double>(random() % 10'000'000) / 1e5; break;
                default: value = gauss(random);
            }
            if (random() % 50 == 0) value = odd[below(random, odd.size())];
        }
        INFO("round " << round);
        REQUIRE(comes_back(values));
    }
}

TEST_CASE("numbers of every class come back, alone and among those of every other", "[store][packed]") {
    std::mt19937_64 random{7};
    constexpr std::uint64_t mantissa = low_bits(52), quiet = std::uint64_t{1} << 51U,
                            inf = 0x7ff0000000000000;
    const auto number = [](double of) { return std::bit_cast<std::uint64_t>(of); };
    const std::vector<std::function<std::uint64_t()>> classes = {
        [&] { return std::uint64_t{0}; },
        [&] { return random() & mantissa; },  // denormal
        [&] { return std::uint64_t{1}; },     // the least of them
        [&] { return inf - 1; },              // the greatest number
        [&] { return inf; },
        [&] { return inf | quiet | (random() & mantissa); },             // NaNs that are quiet
        [&] { return inf | 1 | (random() & (quiet - 1)); },              // and signalling
        [&] { return inf | std::uint64_t{1} << (29 + random() % 22); },  // and with bits that a float has
        [&] { return number(static_cast<float>(random() % 100'000) / 7); },
        [&] { return number(static_cast<double>(random() >> 12U) * 0x1p-190); },  // denormal for a float
        [&] { return number(static_cast<double>(random() % 100'000) / 1000); },
        [&] { return number(static_cast<double>(random() >> 11U)); },
        [&] { return number(static_cast<double>(random() | ~low_bits(63))); },
        [&] { return random(); },
    };
    std::size_t wrong = 0;
    std::vector<double> values;
    for (const auto& usual : classes) {
        for (const auto& rare : classes) {
            for (const std::size_t size : {1U, 2U, 3U, 8U, 63U, 64U, 65U, 200U}) {
                for (const std::size_t every : {2U, 16U, 199U}) {
                    values.assign(size, 0);
                    for (std::size_t i = 0; i < size; ++i) {
                        std::uint64_t of = i % every == size % every ? rare() : usual();
                        if (random() % 2 == 0) of ^= ~low_bits(63);
                        std::memcpy(&values[i], &of, sizeof of);
                    }
                    const Bytes bytes = packed(values);
                    ByteReader from{bytes};
                    wrong += comes_back(values) && skip_numbers(from, size) && from.rest().empty() ? 0U : 1U;
                }
            }
        }
    }
    // Every exponent.
    for (std::uint64_t top = 0; top < 4096; ++top) {
        for (const std::uint64_t low : {std::uint64_t{0}, std::uint64_t{1}, mantissa, quiet}) {
            values.assign(static_cast<std::size_t>(1 + top % 3), 0.25);
            const std::uint64_t of = top << 52U | low;
            std::memcpy(&values[0], &of, sizeof of);
            wrong += comes_back(values) ? 0U : 1U;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("integers of every width come back, with the extremes at every place", "[store][packed]") {
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = ~least;
    std::mt19937_64 random{8};
    std::size_t wrong = 0;
    for (unsigned width = 0; width <= 64; ++width) {
        for (const std::int64_t base : {std::int64_t{0}, std::int64_t{-1}, least, most}) {
            for (const std::size_t size : {1U, 2U, 3U, 9U, 64U, 129U}) {
                for (unsigned order = 0; order < 3; ++order) {
                    std::vector<std::int64_t> values(size);
                    for (std::int64_t& value : values)
                        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(base) +
                                                          (random() & low_bits(width)));
                    for (unsigned k = 0; k < order; ++k) {
                        for (std::size_t i = 1; i < size; ++i)
                            values[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(values[i]) +
                                                                  static_cast<std::uint64_t>(values[i - 1]));
                    }
                    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
                        for (const std::int64_t extreme : {values[at], least, most}) {
                            const std::int64_t before = std::exchange(values[at], extreme);
                            const Bytes bytes = packed(values);
                            ByteReader from{bytes};
                            wrong += comes_back(values) && skip_integers(from, size) && from.rest().empty()
                                         ? 0U
                                         : 1U;
                            values[at] = before;
                        }
                    }
                }
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a regular series with an exception, as another writer may have it", "[store][packed]") {
    Bytes bytes;
    ByteWriter out{bytes};
    out.byte(1);  // differences
    out.byte(0);  // no bits: all are the base
    out.varint(1);
    out.signed_varint(10);
    out.signed_varint(3);
    out.varint(1);  // but the second
    out.signed_varint(100);
    ByteReader from{bytes};
    std::vector<std::int64_t> values(4);
    REQUIRE(read(from, values));
    CHECK(values == std::vector<std::int64_t>{10, 13, 113, 116});
    CHECK(from.rest().empty());
}

TEST_CASE("units of a power of ten are the nearest number, on every machine", "[store][packed]") {
    std::mt19937_64 random{6};
    for (int round = 0; round < 20'000; ++round) {
        const auto count = static_cast<std::int64_t>(random() >> (11U + random() % 50));
        const auto decimals = static_cast<unsigned>(random() % (most_decimals + 1));
        const std::string text = std::to_string(count) + "e-" + std::to_string(decimals);
        INFO(text);
        REQUIRE(from_units(count, decimals) == std::strtod(text.c_str(), nullptr));
    }
}

TEST_CASE("what is regular takes next to nothing, noise little more than its own bits", "[store][packed]") {
    constexpr std::size_t count = 1024;
    std::vector<double> constant(count, 0.1), cosine(count), decimals(count), spike(count);
    std::vector<std::int64_t> steps(count);
    std::mt19937_64 random{4};
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = static_cast<double>(i);
        steps[i] = static_cast<std::int64_t>(7 * i);
        cosine[i] = 5e-4 * (1 + std::cos(at * 3e-6));
        decimals[i] = static_cast<double>(random() % 1000) / 1000;
        spike[i] = i == 500 ? 1e300 : static_cast<double>(random() % 16);
    }
    CHECK(packed(steps).size() < 16);
    CHECK(packed(constant).size() < 16);
    CHECK(bytes_per_value(cosine) < 1.3);
    CHECK(bytes_per_value(decimals) < 1.3);
    CHECK(bytes_per_value(spike) < 0.6);  // one value out of all measure costs no other
    CHECK(bytes_per_value(noisy(count, true)) < 2.95);
    CHECK(bytes_per_value(noisy(count, false)) < 6.65);
}

TEST_CASE("packed bytes that are cut are refused, and changed ones do no harm", "[store][packed]") {
    std::vector<double> values = noisy(200, false);
    values[5] = NAN;
    std::vector<double> decimals(200, 0.25);
    decimals[7] = 1.0 / 3;
    std::mt19937_64 random{5};
    for (const auto& column : {values, decimals}) {
        const Bytes bytes = packed(column);
        std::vector<double> back(column.size());
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const Bytes cut{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
            ByteReader from{cut};
            INFO(size);
            REQUIRE_FALSE(read(from, back));
        }
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                Bytes changed = bytes;
                changed[at] ^= static_cast<std::byte>(1U << static_cast<unsigned>(bit));
                ByteReader from{changed};
                (void)read(from, back);  // the sanitizers look on
            }
        }
        for (int round = 0; round < 2000; ++round) {
            Bytes noise(below(random, 200));
            for (std::byte& one : noise) one = static_cast<std::byte>(random() & 0xffU);
            ByteReader from{noise};
            (void)read(from, back);
        }
    }
}

TEST_CASE("packed: what repeats costs no more than what does not", "[store][packed]") {
    // One of so many values is far away, or all but one are: a sample of each such would show only these.
    for (std::size_t period = 4; period < 64; ++period) {
        for (const bool mostly_far : {false, true}) {
            std::mt19937_64 random{period};
            std::vector<std::int64_t> values(4096);
            for (std::size_t i = 0; i < values.size(); ++i) {
                const bool is_far = (i % period == 0) != mostly_far;
                values[i] = static_cast<std::int64_t>(is_far ? random() >> 24U : random() >> 54U);
            }
            CHECK(comes_back(values));
            std::vector<std::int64_t> mixed = values;
            std::shuffle(mixed.begin(), mixed.end(), random);
            CHECK(packed(values).size() <= packed(mixed).size() * 11 / 10);
            CHECK(packed(values).size() <= values.size() * 41 / 8);  // 40 bits hold each
        }
    }
}

TEST_CASE("packed: a column that its sample does not tell of is looked at whole", "[store][packed]") {
    std::mt19937_64 random{1};
    std::vector<std::int64_t> values(4096);
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(random() >> 24U);
    constexpr std::size_t stretch = 4096 / 128;
    std::uint64_t place = 0;  // as the sample is taken
    for (std::size_t i = 0; i < values.size(); i += stretch) {
        place = place * 6364136223846793005U + 1442695040888963407U;
        values[i + static_cast<std::size_t>(((place >> 32U) * stretch) >> 32U)] =
            static_cast<std::int64_t>(i / stretch % 8);
    }
    CHECK(comes_back(values));
    CHECK(packed(values).size() <= values.size() * 41 / 8);
}

}  // namespace packed_test
