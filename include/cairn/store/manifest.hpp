// SPDX-License-Identifier: MIT
#pragma once
// The manifest of a version: what it holds and where it came from. A version without one does not exist.
// Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/json_field.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// An object of the store.
struct ObjectEntry {
    std::string digest;      ///< SHA-256 as 64 hexadecimal digits
    std::uint64_t size = 0;  ///< bytes
};

/// One file of a version: an object of the store, several one after another, or a reference to something
/// outside it.
struct FileEntry {
    std::string path;                   ///< relative, with '/'
    std::uint64_t size = 0;             ///< bytes; 0 for a reference
    std::string digest{};               ///< SHA-256 as 64 hexadecimal digits; empty for pieces and references
    std::string reference{};            ///< a URI; empty for a stored file
    std::vector<ObjectEntry> pieces{};  ///< what the file is made of; empty if it is one object

    /// Whether the store has its bytes.
    [[nodiscard]] bool is_stored() const noexcept { return reference.empty(); }
    /// The objects that it is made of, in their order.
    [[nodiscard]] std::vector<ObjectEntry> objects() const {
        if (!is_stored() || !pieces.empty()) return pieces;
        return {{digest, size}};
    }
};

namespace detail {

/// Success if `path` names something below the folder it is read in, on every system.
template <class Json = nlohmann::json>
[[nodiscard]] result<void> check_relative_path(std::string_view path) {
    const auto bad = [&](const char* why) {
        return error{errc::invalid_name, std::string{"a file's path inside an artifact "} + why,
                     suggest_name(path), "use a relative path like \"data/train.csv\""};
    };
    if (path.empty()) return bad("is empty");
    if (path.size() > 1024) return bad("is longer than 1024 bytes");
    for (const char c : path) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad("has a control character");
        if (c == '\\' || c == ':') return bad("has a backslash or a colon");
    }
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t to = std::min(path.find('/', from), path.size());
        const std::string_view component = path.substr(from, to - from);
        if (component.empty()) return bad("is absolute or has an empty component");
        if (component == "." || component == "..") return bad("has a component . or ..");
        if (component.size() > 255) return bad("has a component longer than 255 bytes");
#if defined(_WIN32)
        if (!windows_problem(component).empty()) return bad("has a component that Windows takes for another");
#endif
        from = to + 1;
    }
    // JSON holds UTF-8 only. Its writer knows what that is: what it would replace is what it would leave out.
    using handler = typename Json::error_handler_t;
    const Json text = std::string{path};
    if (text.dump(-1, ' ', false, handler::replace) != text.dump(-1, ' ', false, handler::ignore))
        return bad("is no UTF-8");
    return {};
}

}  // namespace detail

/// A number as JSON keeps it: JSON has no NaN and no infinity, so these are the words that JavaScript uses.
template <class Json = nlohmann::json>
[[nodiscard]] Json metric_to_json(const double& x) {
    if (detail::is_nan(x)) return "NaN";
    if (!detail::is_finite(x)) return x > 0 ? "Infinity" : "-Infinity";
    return x;
}
/// The number that `metric_to_json` wrote; nothing for any other value.
template <class Json = nlohmann::json>
[[nodiscard]] std::optional<double> metric_from_json(const std::type_identity_t<Json>& value) {
    if (value.is_number()) return value.template get<double>();
    if (!value.is_string()) return std::nullopt;
    const auto& word = value.template get_ref<const std::string&>();
    if (word == "NaN") return detail::not_a_number;
    if (word == "Infinity") return detail::infinity;
    if (word == "-Infinity") return detail::minus_infinity;
    return std::nullopt;
}

/// All that is known of a version.
struct Manifest {
    static constexpr std::uint64_t format = 1;  ///< the version of the format on disk

    /// Names, and the id of the run that made the version; the description is free text.
    std::string project{}, artifact{}, type{}, run{}, description{};
    std::uint64_t version = 0;           ///< its number; `v3` is 3
    std::int64_t created_ns = 0;         ///< nanoseconds since the Unix epoch
    std::optional<std::int64_t> step{};  ///< of the row that was saved; none if it is no checkpoint
    nlohmann::json metadata{};           ///< null is written as {}
    nlohmann::json metrics{};            ///< the same; of the row that was saved; see `metric_to_json`
    std::vector<FileEntry> files{};      ///< what it holds, in the order it was added

    /// SHA-256 over the files' paths, sizes and digests: equal for equal content.
    template <class Json = nlohmann::json>
    [[nodiscard]] std::string content_digest() const {
        std::vector<const FileEntry*> sorted;
        sorted.reserve(files.size());
        for (const FileEntry& file : files) sorted.push_back(&file);
        std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->path < b->path; });
        Json all = Json::array();
        for (const FileEntry* file : sorted) {
            all.push_back({file->path, file->size, file->digest, file->reference});
            for (const ObjectEntry& piece : file->pieces) all.back().push_back(piece.digest);
        }
        const std::string text = all.dump(-1, ' ', true, Json::error_handler_t::replace);
        return sha256(detail::bytes_of(text)).hex();
    }
    /// The size of all files together, in bytes; what versions share is counted in full.
    [[nodiscard]] std::uint64_t logical_size() const noexcept {
        std::uint64_t size = 0;
        for (const FileEntry& file : files) size += file.size;
        return size;
    }
    /// The file at `path`; null if there is none.
    [[nodiscard]] const FileEntry* find(std::string_view path) const noexcept {
        for (const FileEntry& file : files) {
            if (file.path == path) return &file;
        }
        return nullptr;
    }
    /// "v3".
    [[nodiscard]] std::string label() const { return detail::version_label(version); }
};

namespace detail {

inline constexpr std::size_t max_manifest_bytes = std::size_t{256} << 20U;
inline constexpr std::size_t max_manifest_depth = 64;
inline constexpr std::string_view checksum_key = "\"checksum\": \"";
inline constexpr std::size_t digest_digits = 64;

/// Where the checksum's digits lie in a manifest's text; the name of the artifact, the one field before it,
/// holds no '"'.
template <class = void>
[[nodiscard]] std::size_t checksum_at(std::string_view text) noexcept {
    const std::size_t at = text.find(checksum_key);
    if (at == std::string_view::npos || text.size() - at < checksum_key.size() + digest_digits)
        return std::string::npos;
    return at + checksum_key.size();
}
/// SHA-256 of a text in which the 64 digits from `at` on count as zeros: over bytes, so that nothing but the
/// very text that was written is accepted, and any tool can check it without our JSON writer.
template <class = void>
[[nodiscard]] std::string checksum_of(std::string_view text, std::size_t at) {
    Sha256 hash;
    const std::string zeros(digest_digits, '0');
    for (const std::string_view part :
         {text.substr(0, at), std::string_view{zeros}, text.substr(at + digest_digits)}) {
        hash.update(bytes_of(part));
    }
    return hash.finish().hex();
}

/// Whether objects and arrays lie in each other no deeper than `depth`.
template <class Json = nlohmann::json>
[[nodiscard]] bool is_shallow(const Json& value, int depth) {
    if (!value.is_structured()) return true;
    return depth > 0 && std::all_of(value.begin(), value.end(),
                                    [&](const Json& inner) { return is_shallow(inner, depth - 1); });
}

/// Whether the pieces of a file are objects, and together as long as it is.
template <class = void>
[[nodiscard]] bool are_whole(const FileEntry& file) {
    std::uint64_t left = file.size;
    for (const ObjectEntry& piece : file.pieces) {
        if (!Digest::from_hex(piece.digest) || piece.size > left) return false;
        left -= piece.size;
    }
    return left == 0 && !file.pieces.empty();
}

/// The paths of a version: each once, none of them a folder of another.
template <class String = std::string>
class PathSet {
  public:
    result<void> add(const String& path) {
        if (auto checked = check_relative_path(path); !checked) return checked;
        bool clash = !paths_.insert(path).second || folders_.count(path) != 0;
        for (std::size_t to = path.find('/'); to != String::npos; to = path.find('/', to + 1)) {
            folders_.insert(path.substr(0, to));
            clash = clash || paths_.count(path.substr(0, to)) != 0;
        }
        if (!clash) return {};
        return error{errc::invalid_argument,
                     "two files of the artifact have one path, or one is the folder of another", path,
                     "give each file a path of its own"};
    }

  private:
    std::set<String> paths_, folders_;
};

}  // namespace detail

/// The manifest as it lies on disk, with a checksum over all of it. Text that is no UTF-8 is replaced by
/// marks. Fails: invalid_name for a path it must not hold, invalid_argument for what could not be read again.
template <class Json = nlohmann::json>
[[nodiscard]] result<std::string> to_text(const Manifest& m) {
    detail::PathSet<typename Json::string_t> paths;
    Json files = Json::array();
    for (const FileEntry& file : m.files) {
        if (auto added = paths.add(file.path); !added) return added.error();
        Json entry = {{"path", file.path}};
        if (!file.reference.empty() && file.digest.empty()) {
            entry["reference"] = file.reference;
        } else if (file.reference.empty() && Digest::from_hex(file.digest) && file.pieces.empty()) {
            entry.update({{"size", file.size}, {"digest", file.digest}});
        } else if (file.reference.empty() && file.digest.empty() && detail::are_whole(file)) {
            Json pieces = Json::array();
            for (const ObjectEntry& piece : file.pieces) pieces.push_back({piece.digest, piece.size});
            entry.update({{"size", file.size}, {"pieces", std::move(pieces)}});
        } else {
            return error{errc::invalid_argument,
                         "a file of the artifact has neither a digest nor a reference, or both", file.path,
                         "give it a SHA-256 of 64 lower-case hexadecimal digits, or a reference"};
        }
        files.push_back(std::move(entry));
    }
    if (!detail::is_shallow(m.metadata, detail::max_manifest_depth - 2) ||
        !(m.metrics.is_object() || m.metrics.is_null()) || !detail::is_shallow(m.metrics, 1)) {
        return error{errc::invalid_argument,
                     "the metadata of the artifact is nested too deeply, or the metrics are no numbers",
                     m.artifact,
                     "keep metadata below 60 levels; keep large structures in a file of the artifact"};
    }
    const Json out = {{"format", Manifest::format},
                      {"checksum", std::string(detail::digest_digits, '0')},
                      {"project", m.project},
                      {"artifact", m.artifact},
                      {"type", m.type},
                      {"run", m.run},
                      {"description", m.description},
                      {"version", m.version},
                      {"created_ns", m.created_ns},
                      {"step", m.step ? Json(*m.step) : Json()},
                      {"metadata", m.metadata.is_null() ? Json::object() : m.metadata},
                      {"metrics", m.metrics.is_null() ? Json::object() : m.metrics},
                      {"files", std::move(files)}};
    std::string text = out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    const std::size_t at = detail::checksum_at(text);
    if (at == std::string::npos || text.size() > detail::max_manifest_bytes) {
        return error{errc::invalid_argument, "the manifest of the artifact would be too long", m.artifact,
                     "pack the files into fewer ones, or keep large metadata in a file of the artifact"};
    }
    return text.replace(at, detail::digest_digits, detail::checksum_of(text, at));
}

namespace detail {

template <class Json>
[[nodiscard]] bool read_pieces(const Json& entry, FileEntry& file) {
    Json pieces;
    if (!get_field(entry, "pieces", pieces) || !pieces.is_array()) return false;
    for (const Json& piece : pieces) {
        if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number_unsigned())
            return false;
        file.pieces.push_back({piece[0].template get<std::string>(), piece[1].template get<std::uint64_t>()});
    }
    return are_whole(file);
}

template <class Json = nlohmann::json>
[[nodiscard]] bool read_manifest(const Json& in, Manifest& m) {
    Json step, files;
    if (!get_field(in, "project", m.project) || !get_field(in, "artifact", m.artifact) ||
        !get_field(in, "type", m.type) || !get_field(in, "run", m.run) ||
        !get_field(in, "description", m.description) || !get_field(in, "version", m.version) ||
        !get_field(in, "created_ns", m.created_ns) || !get_field(in, "step", step) ||
        !get_field(in, "metadata", m.metadata) || !get_field(in, "metrics", m.metrics) ||
        !get_field(in, "files", files) || !m.metrics.is_object() || !files.is_array()) {
        return false;
    }
    if (step.is_number_integer())
        m.step = step.template get<std::int64_t>();
    else if (!step.is_null())
        return false;
    PathSet<typename Json::string_t> paths;
    for (const Json& entry : files) {
        FileEntry file{};
        if (!entry.is_object() || !get_field(entry, "path", file.path) || !paths.add(file.path)) return false;
        if (!get_field(entry, "reference", file.reference)) {
            if (!get_field(entry, "size", file.size)) return false;
            if (get_field(entry, "digest", file.digest) ? !Digest::from_hex(file.digest)
                                                        : !read_pieces(entry, file))
                return false;
        }
        m.files.push_back(std::move(file));
    }
    return true;
}

}  // namespace detail

/// A manifest from its text. Fails: corrupt, if a single bit is not as it was written; unsupported, if it is
/// from a newer version (whose checksum is made in the same way).
template <class Json = nlohmann::json>
[[nodiscard]] result<Manifest> parse_manifest(std::string_view text, const std::string& path) {
    const error corrupt{errc::corrupt, "the manifest of this version is damaged", path,
                        "use another version, or restore the file from a copy of the store"};
    const std::size_t at = detail::checksum_at(text);
    if (at == std::string::npos || text.size() > detail::max_manifest_bytes) return corrupt;
    if (detail::checksum_of(text, at) != text.substr(at, detail::digest_digits)) return corrupt;
    // A checksum is no signature: from here on, whoever made the file may have meant harm.
    if (detail::json_depth(text) > detail::max_manifest_depth) return corrupt;
    const Json in = Json::parse(text, nullptr, false);
    std::uint64_t format = 0;
    if (!in.is_object() || !detail::get_field(in, "format", format) || format == 0) return corrupt;
    if (format > Manifest::format) {
        return error{errc::unsupported, "the manifest was written by a newer version of cairn", path,
                     "read it with that version"};
    }
    Manifest manifest;
    if (!detail::read_manifest(in, manifest)) return corrupt;
    return manifest;
}

}  // namespace CAIRN_NAMESPACE
