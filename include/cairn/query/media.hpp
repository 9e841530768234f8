// SPDX-License-Identifier: MIT
#pragma once
// The rich values of a recorded run: images, tables, histograms, texts. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/json_field.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/media_file.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A rich value without its bytes.
struct RecordedMedia {
    std::string metric;        ///< under which it was logged
    std::int64_t step = 0;     ///< of its row
    std::int64_t time_ns = 0;  ///< nanoseconds since the Unix epoch
    std::string kind;          ///< "image", "table", …: how it is shown
    std::string type;          ///< the media type of its bytes
    nlohmann::json about;      ///< width, caption, …
    std::uint64_t bytes = 0;   ///< how many it has
    std::uint64_t at = 0;      ///< where it lies in the run's file; tells it from all others of its rank
};

/// The rich values of one rank of a run, as far as they are written. Threads: one at a time.
class MediaList {
  public:
    /// Of a run's folder, or of a rank's. A run without rich values has an empty list.
    explicit MediaList(const std::filesystem::path& run_dir) : path_{run_dir / detail::media_file} {}

    /// Looks for what was added. Fails: corrupt, unsupported, io. Cost: reads what is said of each new value,
    /// not the values.
    result<void> refresh() {
        auto reader = detail::MediaReader::open(path_);
        if (!reader) {
            *this = MediaList{path_.parent_path()};
            return reader.error().code() == errc::not_found ? result<void>{} : reader.error();
        }
        // What was whole stays: a shorter file is another one.
        if (reader->bytes() < end_) *this = MediaList{path_.parent_path()};
        reader->go_on_from(end_);
        detail::MediaEntry entry;
        auto more = reader->next(entry);
        for (; more && *more; more = reader->next(entry)) {
            auto media = parse(entry);
            if (media)
                all_.push_back(std::move(*media));
            else
                ++damaged_;
        }
        if (!more) return more.error();
        end_ = reader->whole_bytes();
        damaged_ += reader->gaps();
        return {};
    }

    /// `refresh` for who goes on with what can be read: what cannot, each time there is more of it.
    [[nodiscard]] std::vector<error> losses() {
        std::vector<error> all;
        if (auto found = refresh(); !found) all.push_back(found.error());
        if (std::exchange(told_, damaged_) < damaged_) {
            all.emplace_back(errc::corrupt,
                             std::to_string(damaged_) + " stretches of a run's rich values are damaged",
                             path_.string(), "the others can be read");
        }
        return all;
    }

    /// In the order they were written.
    [[nodiscard]] const std::vector<RecordedMedia>& all() const noexcept { return all_; }
    /// Stretches that cannot be read.
    [[nodiscard]] std::size_t damaged() const noexcept { return damaged_; }
    /// The bytes of one. Fails: not_found; corrupt, if they are damaged; io.
    [[nodiscard]] result<std::string> bytes_of(const RecordedMedia& media) const {
        auto reader = detail::MediaReader::open(path_);
        if (!reader) return reader.error();
        const auto entry = reader->entry_at(media.at);
        if (!entry) return entry.error();
        return reader->read(*entry);
    }

  private:
    [[nodiscard]] static std::optional<RecordedMedia> parse(const detail::MediaEntry& entry) {
        if (detail::json_depth(entry.text) > detail::most_json_depth) return std::nullopt;
        nlohmann::json text = nlohmann::json::parse(entry.text, nullptr, false);
        RecordedMedia media;
        const bool is_whole = text.is_object() && detail::get_field(text, "metric", media.metric) &&
                              detail::get_field(text, "step", media.step) &&
                              detail::get_field(text, "time_ns", media.time_ns) &&
                              detail::get_field(text, "kind", media.kind) &&
                              detail::get_field(text, "type", media.type);
        if (!is_whole) return std::nullopt;
        if (auto about = text.find("about"); about != text.end()) media.about = std::move(*about);
        media.bytes = entry.bytes;
        media.at = entry.at;
        return media;
    }

    std::filesystem::path path_;
    std::vector<RecordedMedia> all_;
    std::uint64_t end_ = 0;
    std::size_t damaged_ = 0, told_ = 0;
};

/// The rich values of a run, of its rank 0. Fails: corrupt, unsupported, io.
[[nodiscard]] inline result<MediaList> media_of(const RecordedRun& run) {
    MediaList list{run.dir()};
    if (auto done = list.refresh(); !done) return done.error();
    return list;
}

}  // namespace CAIRN_NAMESPACE
