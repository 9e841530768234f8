// SPDX-License-Identifier: MIT
#pragma once
// Artifacts in S3, and in what speaks as it does: brought there, listed and read. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/cursor_file.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/s3_client.hpp>
#include <cairn/mirror/s3_shelf.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail::s3 {

/// How far a run has been mirrored.
struct Cursor {
    int format = 1;                     ///< of this record
    std::set<std::string> artifacts{};  ///< versions that were handed on, as "model:v3"
    nlohmann::json unsaid{};            ///< what was left out, as `LeftOut` keeps it

    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cursor, format, artifacts, unsaid)
};

}  // namespace detail::s3

/// Brings what a run has made to S3, while the run goes on or afterwards: each object once, also if it comes
/// from several runs and machines, and then the version, in one step. It is laid out there as a store is; who
/// copies all of it down has one. Nothing is ever removed there. How far it got stands in the run's folder,
/// below `mirrors/`. Threads: one at a time.
class S3Mirror : detail::KeptCursor<detail::s3::Cursor> {
  public:
    /// Of a run in this store. Asks for nothing yet. Fails: invalid_argument, if that is no place;
    /// permission, without keys, or where the run's folder cannot be written; unsupported, for https without
    /// TLS; busy, if another mirrors the run to it.
    static result<S3Mirror> open(const StoreReader& store, const RecordedRun& run, S3 where) {
        auto shelf = detail::s3::Shelf::open(std::move(where));
        if (!shelf) return shelf.error();
        auto kept = KeptCursor::open(run.dir(), "s3", shelf->target());
        if (!kept) return kept.error();
        return S3Mirror{std::move(*kept), store, std::move(*shelf)};
    }

    /// Brings what is new. A large object goes in parts, several at once; what was broken off is gone on
    /// with. A request that is not taken is sent again, five times in some ten seconds. Fails: io, if it is
    /// not taken then; permission; invalid_argument, without the bucket or in the wrong region.
    result<MirrorReport> catch_up(const RecordedRun& run) {
        if (auto made = is_made_ ? result<void>{} : shelf_.make(); !made) return made.error();
        is_made_ = true;
        const auto send = [&](const detail::LeasedVersion& one) -> result<bool> {
            const auto sent = send_version(one);
            if (sent) return true;
            const bool is_its_own =
                sent.error().code() == errc::mismatch || sent.error().code() == errc::corrupt;
            if (!is_its_own) return sent.error();
            left_out_.add(sent.error());  // the others go on
            return false;
        };
        const auto taken =
            detail::hand_on_versions(store_, run, cursor_.artifacts, left_out_, send, [&] { return save(); });
        if (!taken) return taken.error();
        MirrorReport report{0, run.state() != RunState::running, left_out_.all(), *taken};
        if (auto saved = save(); !saved) return saved.error();
        forget_left_out();
        return report;
    }
    /// "s3://bucket/prefix".
    [[nodiscard]] std::string address() const { return shelf_.address(); }

  private:
    S3Mirror(KeptCursor kept, StoreReader store, detail::s3::Shelf shelf)
        : KeptCursor{std::move(kept)}, store_{std::move(store)}, shelf_{std::move(shelf)} {}

    /// First all that it holds, then the version itself, then what names it.
    result<void> send_version(const detail::LeasedVersion& one) {
        for (const FileEntry& file : one.manifest.files) {
            for (const ObjectEntry& object : file.objects()) {
                if (auto sent = shelf_.send(object, store_.store()); !sent) return sent;
            }
        }
        const auto number = shelf_.commit(one.manifest);
        if (!number) return number.error();
        return shelf_.point(one.manifest.project, one.manifest.artifact, one.own_aliases(), *number);
    }

    StoreReader store_;
    detail::s3::Shelf shelf_;
    bool is_made_ = false;
};
static_assert(Mirror<S3Mirror>);

/// The artifacts that were brought to S3. Threads: one at a time.
class S3Store {
  public:
    /// Fails: not_found, if no store is there; permission; unsupported; as `S3Mirror::open`.
    static result<S3Store> open(S3 where) {
        auto shelf = detail::s3::Shelf::open(std::move(where));
        if (!shelf) return shelf.error();
        if (auto checked = shelf->check(); !checked) return checked.error();
        return S3Store{std::move(*shelf)};
    }

    /// Names. Fails: io, permission.
    result<std::vector<std::string>> projects() { return shelf_.projects(); }
    /// Names of those of a project. Fails: io, permission.
    result<std::vector<std::string>> artifacts(const std::string& project) {
        return shelf_.artifacts(project);
    }
    /// All versions of an artifact. Cost: a request for each.
    result<Listing> versions(const std::string& project, const std::string& artifact) {
        const auto numbers = shelf_.versions(project, artifact);
        if (!numbers) return numbers.error();
        Listing listing;
        for (const std::uint64_t number : *numbers) {
            auto manifest = shelf_.manifest(project, artifact, number);
            if (manifest)
                listing.versions.push_back(std::move(*manifest));
            else if (manifest.error().code() == errc::corrupt)
                listing.damaged.push_back(manifest.error());
            else
                return manifest.error();
        }
        return listing;
    }
    /// The aliases of an artifact, and what they name; "latest" is not among them.
    result<std::map<std::string, std::uint64_t>> aliases(const std::string& project,
                                                         const std::string& artifact) {
        return shelf_.aliases(project, artifact);
    }
    /// The version that "v3", "latest" or an alias names. Fails: not_found, corrupt.
    result<Manifest> resolve(const std::string& project, const std::string& artifact,
                             const std::string& label) {
        const auto missing = [&] {
            return error{errc::not_found,
                         "there is no " + artifact + ":" + label + " in the project " + project,
                         shelf_.address(), "see which there are with: cairn s3 ls"};
        };
        auto number = detail::parse_version_label(label);
        if (label == "latest") {
            const auto numbers = shelf_.versions(project, artifact);
            if (!numbers) return numbers.error();
            if (!numbers->empty()) number = numbers->back();
        } else if (!number) {
            const auto known = shelf_.aliases(project, artifact);
            if (!known) return known.error();
            if (const auto named = known->find(label); named != known->end()) number = named->second;
        }
        if (!number) return missing();
        auto found = shelf_.manifest(project, artifact, *number);
        return !found && found.error().code() == errc::not_found ? missing() : std::move(found);
    }
    /// Copies every file of a version below `to`, and nothing outside of it; links there are not followed.
    /// References are passed over. Fails: corrupt, if a digest is wrong, and then nothing was placed;
    /// not_found; no_space and the like. Cost: its bytes twice on that disk, for as long as it takes.
    result<void> download(const Manifest& version, const std::filesystem::path& to) {
        if (auto made = detail::os::make_dirs(to); !made) return made;
        const detail::TempPath temp{to / ("." + detail::temp_name())};
        const auto objects = Store::open(temp.path(), Durability::process_crash);
        if (!objects) return objects.error();
        for (const FileEntry& file : version.files) {
            for (const ObjectEntry& object : file.objects()) {
                if (auto fetched = shelf_.fetch(object, *objects); !fetched) return fetched;
            }
        }
        return detail::download_files(*objects, version, to);
    }
    /// "s3://bucket/prefix".
    [[nodiscard]] std::string address() const { return shelf_.address(); }

  private:
    explicit S3Store(detail::s3::Shelf shelf) : shelf_{std::move(shelf)} {}

    detail::s3::Shelf shelf_;
};

/// `cairn::open(cairn::S3{"s3://bucket/prefix"})`. Fails as `S3Store::open`.
[[nodiscard]] inline result<S3Store> open(S3 where) { return S3Store::open(std::move(where)); }

}  // namespace CAIRN_NAMESPACE
