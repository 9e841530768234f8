// SPDX-License-Identifier: MIT
#include <cairn/store/share.hpp>

#include <cairn/model/safetensors.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/garbage.hpp>
#include <cairn/store/verify.hpp>

#include "support.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace share_test {

using namespace cairn_test;
using cairn::errc;
using cairn::detail::TensorCuts;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

/// A safetensors file of float tensors that have so many elements and this value.
struct Tensor {
    std::string name;
    std::size_t elements;
    float value;
};
[[nodiscard]] std::string file_of(const std::vector<Tensor>& tensors) {
    std::vector<std::vector<float>> data;
    std::vector<cairn::TensorView> views;
    for (const Tensor& tensor : tensors) data.emplace_back(tensor.elements, tensor.value);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        views.push_back({tensors[i].name, cairn::Dtype::F32, cairn::Shape{{tensors[i].elements}},
                         std::as_bytes(std::span{data[i]})});
    }
    std::string file;
    REQUIRE(
        cairn::safetensors::write(views, {}, [&](std::span<const std::byte> bytes) -> cairn::result<void> {
            file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        }));
    return file;
}

/// The lengths of the parts that a file is cut into, handed over in pieces of random sizes.
[[nodiscard]] std::vector<std::size_t> cut(const std::string& file, std::uint32_t seed,
                                           std::string_view name = "m.safetensors") {
    std::mt19937 random{seed};
    TensorCuts cuts{name};
    std::vector<std::size_t> parts{0};
    std::span<const std::byte> rest = std::as_bytes(std::span{file});
    while (!rest.empty()) {
        auto piece = rest.first(std::min<std::size_t>(rest.size(), 1 + random() % (mib / 3)));
        rest = rest.subspan(piece.size());
        while (!piece.empty()) {
            const std::size_t count = cuts.take(piece);
            REQUIRE(count != 0);
            parts.back() += count;
            piece = piece.subspan(count);
            if (cuts.is_due()) parts.push_back(0);
        }
    }
    if (parts.back() == 0) parts.pop_back();
    return parts;
}

/// Commits a version of one file that shares its tensors.
cairn::Manifest commit_file(const cairn::ArtifactStore& artifact, const std::string& file) {
    cairn::detail::ObjectBatch batch{cairn::share::tensors};
    REQUIRE(batch.write(artifact.store(), "m.safetensors", std::as_bytes(std::span{file})));
    REQUIRE(batch.write(artifact.store(), "note.bin", std::as_bytes(std::span{std::string_view{"note"}})));
    return artifact.commit({}, batch.finish().value()).value().manifest;
}

std::uint64_t object_bytes(const cairn::Store& store) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{store.root() / "objects"}) {
        if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
}

}  // namespace

TEST_CASE("share: a safetensors file is cut around its large tensors, however it comes", "[store][share]") {
    const std::size_t large = mib / 4;  // elements
    const std::string file = file_of({{"a", 10, 1},
                                      {"b", 10, 1},
                                      {"c", large, 2},
                                      {"d", 2 * large, 3},
                                      {"e", large / 2, 4},
                                      {"f", large / 2, 4},
                                      {"g", 7, 5}});
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        const auto parts = cut(file, seed);
        REQUIRE(parts.size() == 6);
        CHECK(parts[1] == 80);       // a and b
        CHECK(parts[2] == mib);      // c
        CHECK(parts[3] == 2 * mib);  // d
        CHECK(parts[4] == mib);      // e and f
        CHECK(parts[5] == 28);       // g
    }
    CHECK(cut(file, 1, "m.bin").size() == 1);
    CHECK(cut(file_of({{"empty", 0, 0}, {"also", 0, 0}}), 1).size() == 1);  // the header alone
}

TEST_CASE("share: what is no safetensors file is not cut", "[store][share]") {
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        std::string junk(random() % 4000, '\0');
        for (char& c : junk) c = static_cast<char>(random());
        if (round % 2 == 0 && junk.size() > 8) {
            const std::uint64_t length = random() % 5000;
            for (std::size_t i = 0; i < 8; ++i) junk[i] = static_cast<char>(length >> (8 * i));
        }
        std::size_t sum = 0;
        for (const std::size_t part : cut(junk, static_cast<std::uint32_t>(random()))) sum += part;
        CHECK(sum == junk.size());
    }
    // The tensors of a header that lies reach beyond the file, and over one another.
    for (
        const std::string_view header :
        {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16777216]}})",
         R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,18446744073709551615]}})",
         R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[8,4]}})",
         R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})"}) {
        std::string file(8, '\0');
        file[0] = static_cast<char>(header.size());
        file += header;
        file += "data";
        std::size_t sum = 0;
        for (const std::size_t part : cut(file, 3)) sum += part;
        CHECK(sum == file.size());
    }
}

TEST_CASE("share: a frozen tensor costs its bytes once, and every version is whole", "[store][share]") {
    const TempDir dir;
    const auto store = cairn::Store::open(dir / "store").value();
    const auto artifact = cairn::ArtifactStore::open(store, "p", "model", "model").value();
    const auto model = [](float head) {
        return file_of({{"frozen.0", mib, 1}, {"frozen.1", mib, 2}, {"head", mib / 8, head}});
    };
    const auto first = commit_file(artifact, model(1));
    const std::uint64_t one = object_bytes(store);
    const auto second = commit_file(artifact, model(2));
    CHECK(object_bytes(store) - one == mib / 2);  // the new head
    CHECK(first.content_digest() != second.content_digest());
    CHECK(first.logical_size() == second.logical_size());
    const cairn::FileEntry& file = *second.find("m.safetensors");
    CHECK(file.digest.empty());
    CHECK(file.pieces.size() == 4);
    CHECK(second.find("note.bin")->pieces.empty());
    CHECK(artifact.read(first, "m.safetensors").value() == model(1));
    CHECK(artifact.read(second, "m.safetensors").value() == model(2));
    CHECK(artifact.verify(second));
    REQUIRE(artifact.download(second, dir / "out"));
    CHECK(slurp(dir / "out" / "m.safetensors") == model(2));
    // Shown is only what is one object.
    CHECK(std::filesystem::exists(artifact.plain_path(1) / "note.bin"));
    CHECK_FALSE(std::filesystem::exists(artifact.plain_path(1) / "m.safetensors"));

    // The same again is the same, also to a commit that makes no version of it.
    CHECK(commit_file(artifact, model(2)).content_digest() == second.content_digest());
    CHECK(cairn::verify(store).value().versions == 3);
    CHECK(cairn::collect_garbage(store).value().objects == 0);

    // The head of the first goes with it; what others share stays.
    REQUIRE(artifact.remove(0));
    CHECK(object_bytes(store) == one);
    CHECK(artifact.verify(second));

    const auto piece = store.object_path(file.pieces[1].digest);
    std::filesystem::permissions(piece, std::filesystem::perms::owner_all);
    std::filesystem::resize_file(piece, 5);
    CHECK(artifact.verify(second).error().code() == errc::corrupt);
    CHECK(artifact.read(second, "m.safetensors").error().code() == errc::corrupt);
    CHECK(artifact.download(second, dir / "again").error().code() == errc::corrupt);
    CHECK(cairn::verify(store).value().damaged.size() == 2);
    // The next commit that has it mends it.
    CHECK(artifact.verify(commit_file(artifact, model(3))));
    CHECK(artifact.verify(second));
    cairn_test::erase_all(piece);
    CHECK(artifact.verify(second).error().code() == errc::not_found);
}

TEST_CASE("share: pieces that are not as long as their file are refused", "[store][share]") {
    const std::string digest(64, 'a');
    cairn::Manifest manifest;
    manifest.artifact = "model";
    manifest.files = {{"m", 5, {}, {}, {{digest, 2}, {digest, 3}}}};
    const std::string text = to_text(manifest).value();
    const auto back = cairn::parse_manifest(text, "").value();
    REQUIRE(back.files[0].pieces.size() == 2);
    CHECK(back.files[0].pieces[1].size == 3);
    CHECK(back.content_digest() == manifest.content_digest());
    for (const cairn::FileEntry& bad : std::vector<cairn::FileEntry>{
             {"m", 5, {}, {}, {{digest, 2}}},
             {"m", 5, {}, {}, {{digest, 2}, {digest, 4}}},
             {"m", 5, {}, {}, {{digest, std::uint64_t{1} << 63U}, {digest, (std::uint64_t{1} << 63U) + 5}}},
             {"m", 5, {}, {}, {{"short", 5}}},
             {"m", 5, digest, {}, {{digest, 5}}},
             {"m", 0, {}, {}, {}},
         }) {
        manifest.files = {bad};
        CHECK(to_text(manifest).error().code() == errc::invalid_argument);
    }
}

}  // namespace share_test
