// SPDX-License-Identifier: MIT
#include <cairn/store/safetensors_file.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace safetensors_file_test {

using cairn::Dtype;
using cairn::errc;
using cairn::Shape;
using cairn::TensorView;
using cairn::safetensors::MappedFile;
using cairn_test::TempDir;

namespace {

constexpr bool little = std::endian::native == std::endian::little;

std::span<const std::byte> as_bytes(const auto& values) { return std::as_bytes(std::span{values}); }

void put(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

}  // namespace

TEST_CASE("a mapped safetensors file shows what was saved, in place", "[store][safetensors]") {
    const TempDir folder;
    const std::vector<float> w{1, 2, 3, 4, 5, 6};
    const std::vector<std::uint8_t> flags{0, 1, 1};
    cairn::safetensors::save(folder / "m.safetensors",
                             std::vector<TensorView>{{"w", Dtype::F32, {2, 3}, as_bytes(w)},
                                                     {"flags", Dtype::BOOL, {3}, as_bytes(flags)},
                                                     {"half", Dtype::F16, {3}, as_bytes(w).first(6)},
                                                     {"none", Dtype::F64, {0, 4}, {}}},
                             {{"format", "pt"}});
    MappedFile file{folder / "m.safetensors"};
    MappedFile moved = std::move(file);  // the views move along
    REQUIRE(moved.tensors().size() == 4);
    CHECK(moved.tensors()[0].name == "flags");
    CHECK(moved.metadata().at("format") == "pt");
    REQUIRE(moved.find("w") != nullptr);
    CHECK(moved.find("w")->shape == Shape{2, 3});
    CHECK(moved.find("v") == nullptr);
    if (little) {
        const auto values = moved.values<float>("w");
        CHECK(std::vector<float>(values.begin(), values.end()) == w);
        CHECK(reinterpret_cast<const std::byte*>(values.data()) == moved.find("w")->bytes.data());
        CHECK(moved.values<double>("none").empty());
    } else {
        CHECK(moved.try_values<float>("w").error().code() == errc::unsupported);
    }
    CHECK(moved.values<bool>("flags")[2]);
    CHECK(moved.try_values<float>("v").error().code() == errc::not_found);
    CHECK(moved.try_values<double>("w").error().code() == errc::mismatch);
    CHECK(moved.try_values<std::uint16_t>("half").error().code() == errc::mismatch);
}

TEST_CASE("a mapped safetensors file of another writer is refused or read for what it is",
          "[store][safetensors]") {
    const TempDir folder;
    CHECK(MappedFile::try_open(folder / "none").error().code() == errc::not_found);
    put(folder / "empty", "");
    put(folder / "short", "1234567");
    for (const char* name : {"empty", "short"}) {
        const auto file = MappedFile::try_open(folder / name);
        REQUIRE_FALSE(file);
        CHECK(file.error().code() == errc::corrupt);
        CHECK(file.error().path() == (folder / name).string());
    }
    put(folder / "bools", cairn_test::safetensors_file(
                              R"({"b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\x01\x02"));
    CHECK(MappedFile{folder / "bools"}.try_values<bool>("b").error().code() == errc::corrupt);

    // Nothing says that the data must be aligned.
    put(folder / "odd",
        cairn_test::safetensors_file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                     R"("w":{"dtype":"F64","shape":[],"data_offsets":[1,9]}})",
                                     "123456789"));
    const MappedFile odd{folder / "odd"};
    CHECK(odd.try_values<double>("w").error().code() == errc::unsupported);
    CHECK(odd.find("w")->bytes.size() == 8);
}

TEST_CASE("safetensors that cannot be saved leave the old file whole", "[store][safetensors]") {
    const TempDir folder;
    const std::vector<float> w{1, 2};
    const auto path = folder / "m.safetensors";
    const std::vector<TensorView> good{{"w", Dtype::F32, {2}, as_bytes(w)}};
    cairn::safetensors::save(path, good);
    const std::vector<TensorView> twice{good[0], good[0]};
    CHECK(cairn::safetensors::try_save(path, twice).error().code() == errc::invalid_argument);
    CHECK(cairn::safetensors::try_save(path, good, {{"k", "\xff"}}).error().code() == errc::invalid_argument);
    CHECK(MappedFile{path}.tensors().size() == 1);
    CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

#if !defined(_WIN32)
TEST_CASE("a tensor of 5 GiB is opened without being read", "[store][safetensors]") {
    const TempDir folder;
    constexpr std::uint64_t size = std::uint64_t{5} << 30U;
    const std::string header = cairn_test::safetensors_file(
        R"({"w":{"dtype":"U8","shape":[5,1073741824],"data_offsets":[0,5368709120]}})");
    put(folder / "large", header);
    std::filesystem::resize_file(folder / "large", header.size() + size);  // a hole: it takes no room
    std::fstream{folder / "large", std::ios::in | std::ios::out | std::ios::binary}
        .seekp(static_cast<std::streamoff>(header.size() + size - 1))
        .put('x');
    const auto file = MappedFile::try_open(folder / "large");
    if constexpr (sizeof(std::size_t) < 8) {
        CHECK_FALSE(file);
    } else {
        REQUIRE(file);
        const auto values = file->values<std::uint8_t>("w");
        REQUIRE(values.size() == size);
        CHECK(values.back() == 'x');

        // And written: the sink is handed the very bytes.
        std::uint64_t taken = 0;
        const std::byte* last = nullptr;
        const auto sink = [&](std::span<const std::byte> bytes) -> cairn::result<> {
            taken += bytes.size();
            last = &bytes.back();
            return {};
        };
        REQUIRE(cairn::safetensors::write(file->tensors(), {}, sink));
        CHECK(taken > size);
        CHECK((taken - size) % 8 == 0);
        CHECK(last == &file->find("w")->bytes.back());
    }
}
#endif

}  // namespace safetensors_file_test
