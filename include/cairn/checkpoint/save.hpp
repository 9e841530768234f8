// SPDX-License-Identifier: MIT
#pragma once
// `cairn::save` and `cairn::load`: parts to and from a path of one's own, with or without a run. What
// torch.save is in Python. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/decode.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/model/part.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/os.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

inline constexpr std::uint64_t max_part_bytes = std::uint64_t{1} << 44U;

/// The encodings a part may have had when it was saved.
inline constexpr std::string_view part_extensions[] = {".safetensors", ".json", ".cbor", ".bin"};

/// Writes the files of parts where `place(file)` says.
template <class Place, class... Parts>
result<void> save_parts(Place&& place, const Parts&... parts) {
    PathBatch batch;
    const auto put = [&](std::string_view file, std::span<const std::byte> bytes) {
        return batch.write(place(file), bytes);
    };
    if (auto done = encode_all(put, parts...); !done) return done;
    const auto placed = batch.place();
    return placed ? result<void>{} : result<void>{placed.error()};
}

}  // namespace detail

/// Saves parts to a path: one part is the file `path` itself (a model that describes itself: safetensors),
/// several are files of their own names in the folder `path`. Each file is written beside its place, synced
/// and renamed: the old one stays whole on any failure. Throws `cairn::error`; `try_save` returns it. Needs
/// no run and no store.
template <class... Parts>
    requires(sizeof...(Parts) > 0)
result<void> try_save(const std::filesystem::path& path, const Parts&... parts) {
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return {};
    } else if constexpr (sizeof...(Parts) == 1) {
        return detail::save_parts([&](std::string_view) { return path; }, parts...);
    } else {
        auto saved = detail::save_parts(
            [&](std::string_view file) { return path / detail::os::path_of(file); }, parts...);
        if (!saved) return saved;
        // A part that was JSON before may be CBOR now: its older file must not be what is loaded.
        const auto drop_stale = [&](std::string_view name) {
            const std::filesystem::path json = path / (std::string{name} + ".json");
            const std::filesystem::path cbor = path / (std::string{name} + ".cbor");
            const auto a = detail::os::status(json), b = detail::os::status(cbor);
            if (a && b && a->exists && b->exists)
                (void)detail::os::remove_file(a->modified_ns < b->modified_ns ? json : cbor);
        };
        (drop_stale(parts.name()), ...);
        return saved;
    }
}
/// `try_save` that throws `cairn::error`.
template <class... Parts>
void save(const std::filesystem::path& path, const Parts&... parts) {
    try_save(path, parts...).value();
}

/// Loads what `save` wrote, also without a run: for inference. Throws `errc::not_found`, `errc::corrupt`, or
/// `errc::mismatch` with the names, shapes and types that do not fit; then no part was changed.
template <class... Parts>
    requires(sizeof...(Parts) > 0)
result<void> try_load(const std::filesystem::path& path, const Parts&... parts) {
    std::map<std::string, std::string, std::less<>> files;
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return {};
    } else if constexpr (sizeof...(Parts) == 1) {
        auto bytes = detail::read_file(path, detail::max_part_bytes);
        if (!bytes) return bytes.error();
        // The file's own name says nothing of how it was written: it is what the part's type reads.
        std::optional<std::span<const std::byte>> whole = detail::bytes_of(*bytes);
        const bool is_json = nlohmann::json::accept(*bytes);
        return detail::decode(
            [&](std::string_view file) -> std::optional<std::span<const std::byte>> {
                if (file.ends_with(".json") && !is_json) return std::nullopt;
                return whole;
            },
            parts...);
    } else {
        for (const std::string_view name : {parts.name()...}) {
            for (const std::string_view extension : detail::part_extensions) {
                std::string file = std::string{name} + std::string{extension};
                auto bytes = detail::read_file(path / detail::os::path_of(file), detail::max_part_bytes);
                if (bytes) {
                    files.emplace(std::move(file), std::move(*bytes));
                } else if (bytes.error().code() != errc::not_found) {
                    return bytes.error();
                }
            }
        }
        return detail::decode(
            [&](std::string_view file) -> std::optional<std::span<const std::byte>> {
                const auto found = files.find(file);
                if (found == files.end()) return std::nullopt;
                return detail::bytes_of(found->second);
            },
            parts...);
    }
}
/// `try_load` that throws `cairn::error`.
template <class... Parts>
void load(const std::filesystem::path& path, const Parts&... parts) {
    try_load(path, parts...).value();
}

}  // namespace CAIRN_NAMESPACE
