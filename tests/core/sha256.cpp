// SPDX-License-Identifier: MIT
#include <cairn/core/sha256.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sha256_test {

namespace {

std::string hash_text(std::string_view text) {
    return cairn::sha256(std::as_bytes(std::span{text.data(), text.size()})).hex();
}

std::vector<std::byte> noise(std::size_t size) {
    std::mt19937 random{42};
    std::vector<std::byte> out(size);
    for (std::byte& b : out) b = static_cast<std::byte>(random() & 0xffU);
    return out;
}

/// The textbook way: pad a copy, then compress with the portable function alone.
cairn::Digest reference(std::vector<std::byte> data) {
    const std::uint64_t bits = data.size() * 8;
    data.push_back(std::byte{0x80});
    while (data.size() % 64 != 56) data.push_back(std::byte{0});
    for (unsigned i = 0; i < 8; ++i) data.push_back(static_cast<std::byte>(bits >> (56 - 8 * i)));
    cairn::detail::Sha256State state;
    cairn::detail::sha256_blocks_portable(state, data.data(), data.size() / 64);
    cairn::Digest out;
    for (std::size_t i = 0; i < 32; ++i)
        out.bytes[i] = static_cast<std::byte>(state.word[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

}  // namespace

TEST_CASE("sha256 of the NIST vectors is theirs", "[core][sha256]") {
    CHECK(hash_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(
        hash_text(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
            "mnopqrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    CHECK(hash_text(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 in the engine of this processor equals the portable one at every length",
          "[core][sha256]") {
    const cairn::detail::Sha256Engine engine = cairn::detail::sha256_engine();
    WARN("SHA-256 engine: " << engine.name);
    const std::vector<std::byte> data = noise(300);
    for (std::size_t size = 0; size <= data.size(); ++size) {
        INFO("size " << size);
        const std::vector<std::byte> part(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
        REQUIRE(cairn::sha256(part) == reference(part));
    }
    cairn::detail::Sha256State fast;
    cairn::detail::Sha256State slow;
    const std::vector<std::byte> blocks = noise(64 * 33 + 1);
    engine.blocks(fast, blocks.data() + 1, 33);  // not aligned
    cairn::detail::sha256_blocks_portable(slow, blocks.data() + 1, 33);
    for (std::size_t i = 0; i < 8; ++i) CHECK(fast.word[i] == slow.word[i]);
}

TEST_CASE("sha256 does not depend on how its input is split", "[core][sha256]") {
    const std::vector<std::byte> data = noise(5000);
    const cairn::Digest whole = reference(data);
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        cairn::Sha256 hash;
        std::span<const std::byte> rest{data};
        while (!rest.empty()) {
            const std::size_t size = std::min<std::size_t>(rest.size(), random() % 200);
            hash.update(rest.first(size));
            rest = rest.subspan(size);
        }
        REQUIRE(hash.finish() == whole);
        hash.update(data);  // a finished hash starts anew
        REQUIRE(hash.finish() == whole);
    }
}

TEST_CASE("a digest survives its hexadecimal text and refuses any other", "[core][sha256]") {
    const cairn::Digest digest = cairn::sha256(noise(10));
    const std::string text = digest.hex();
    CHECK(cairn::Digest::from_hex(text) == digest);
    CHECK_FALSE(cairn::Digest::from_hex(text.substr(1)));
    CHECK_FALSE(cairn::Digest::from_hex(text + "0"));
    CHECK_FALSE(cairn::Digest::from_hex(text.substr(1).insert(0, 1, 'G')));
    CHECK_FALSE(cairn::Digest::from_hex(text.substr(1).insert(0, 1, 'A')));
    CHECK_FALSE(cairn::Digest::from_hex(""));
}

}  // namespace sha256_test
