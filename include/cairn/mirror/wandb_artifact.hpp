// SPDX-License-Identifier: MIT
#pragma once
// Versions of artifacts, as W&B's client keeps them until it can send them. Costs nlohmann/json.

#include <cairn/core/base64.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/md5.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::wandb {

/// Fails as the disk does.
[[nodiscard]] inline result<std::array<std::byte, 16>> md5_of_file(const os::Path& path) {
    auto file = os::File::open_read(path);
    if (!file) return file.error();
    Md5 md5;
    std::vector<std::byte> piece(std::size_t{1} << 20U);
    while (true) {
        const auto got = file->read_some(piece);
        if (!got) return got.error();
        if (*got == 0) return md5.digest();
        md5.update(std::span{piece}.first(*got));
    }
}
/// By which W&B's server knows one that comes twice: 128 letters and digits, which the client draws by lot.
/// Here they follow from what it is of, so that whoever writes it again writes the same.
[[nodiscard]] inline std::string client_id(const std::string& of) {
    return sha256(bytes_of("1 " + of)).hex() + sha256(bytes_of("2 " + of)).hex();
}

/// Puts a version's files below `staging`: links to the store's objects, which are never written again, where
/// that can be, and copies elsewhere. Fails: not_found, corrupt; as the disk does.
inline result<void> stage(const Store& store, const ArtifactStore& artifact, const Manifest& version,
                          const os::Path& staging) {
    const auto can_link = [&](const FileEntry& file) {
        if (!file.is_stored()) return true;
        const os::Path path = staging / os::path_of(file.path);
        if (!file.pieces.empty() || !os::make_dirs(path.parent_path())) return false;
        (void)os::remove_file(path);  // of one that got no further than this
        return os::hard_link(store.object_path(file.digest), path).has_value();
    };
    if (std::all_of(version.files.begin(), version.files.end(), can_link)) return artifact.verify(version);
    return artifact.download(version, staging);
}

/// A version that is called "model:v3", as one that is to be sent: its files are staged below `to`, since
/// W&B's client deletes them when it has sent them. Fails: not_found, if the version is gone; corrupt; as the
/// disk does.
[[nodiscard]] inline result<Message> artifact_record(const RecordedRun& run, const Store& store,
                                                     const std::string& called, std::string_view run_id,
                                                     const os::Path& to) {
    const auto leased = lease_version(store, run.project(), called);
    if (!leased) return leased.error();
    const Manifest& version = leased->manifest;
    const std::string& name = leased->artifact.name();
    // Not by what it is called: a record that is not ours may have any text there.
    const os::Path staging = to / os::path_of(name + "-" + version.label());
    if (auto staged = stage(store, leased->artifact, version, staging); !staged) return staged.error();

    auto files = version.files;
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    Message manifest;
    ProtoWriter{manifest}.varint(1, 1);
    ProtoWriter{manifest}.text(2, "wandb-storage-policy-v1");
    put_pair(manifest, 3, "storageLayout", "\"V2\"", 2);
    Md5 digest;
    digest.update(bytes_of(std::string_view{"wandb-artifact-manifest-v1\n"}));
    for (const FileEntry& file : files) {
        Message entry;
        std::string known_by = file.reference;  // of something that is elsewhere
        put_text(entry, 1, file.path);
        const os::Path copy = staging / os::path_of(file.path);
        if (file.is_stored()) {
            const auto md5 = md5_of_file(copy);
            if (!md5) return md5.error();
            known_by = to_base64({reinterpret_cast<const char*>(md5->data()), md5->size()});
        }
        put_text(entry, 2, known_by);
        put_text(entry, 3, file.reference);
        put_number(entry, 4, static_cast<std::int64_t>(file.size));
        if (file.is_stored()) put_text(entry, 6, copy.string());
        ProtoWriter{manifest}.message(4, entry);
        digest.update(bytes_of(file.path + ":" + known_by + "\n"));
    }
    nlohmann::json metadata = version.metadata.is_object() ? version.metadata : nlohmann::json::object();
    if (version.metrics.is_object() && !version.metrics.empty()) metadata["metrics"] = version.metrics;
    if (version.step) metadata["step"] = *version.step;
    metadata["cairn_version"] = version.label();

    Message out;
    ProtoWriter record{out};
    record.text(1, run_id);
    put_text(out, 2, run.project());
    put_text(out, 4, version.type);
    put_text(out, 5, name);
    put_text(out, 6, hex_of(digest.digest()));
    put_text(out, 7, version.description);
    put_text(out, 8, json_text(metadata));
    record.varint(10, 1);
    for (const std::string& alias : leased->own_aliases()) put_text(out, 11, alias);
    put_text(out, 11, "latest");
    record.message(12, manifest);
    record.varint(14, 1);
    put_text(out, 15, client_id(run.project() + "/" + name + ":" + version.label()));
    put_text(out, 16, client_id(run.project() + "/" + name));
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::wandb
