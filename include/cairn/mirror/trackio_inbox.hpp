// SPDX-License-Identifier: MIT
#pragma once
// Trackio's inbox: files that its dashboard takes in, when it runs. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/trackio_media.hpp>
#include <cairn/mirror/trackio_records.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::trackio {

/// Where Trackio keeps all it has: $TRACKIO_DIR, or below $HF_HOME or the cache of the user. Empty, if the
/// environment does not say.
[[nodiscard]] inline os::Path home() {
    const auto below = [](const char* variable, const char* rest) {
        const os::Path value = os::path_of(os::sys::environment(variable));
        return value.empty() || *rest == '\0' ? value : value / rest;
    };
#if defined(_WIN32)
    constexpr const char* own = "USERPROFILE";  // as Python has it
#else
    constexpr const char* own = "HOME";
#endif
    for (os::Path path :
         {below("TRACKIO_DIR", ""), below("HF_HOME", "trackio"),
          below("XDG_CACHE_HOME", "huggingface/trackio"), below(own, ".cache/huggingface/trackio")}) {
        if (!path.empty()) return path;
    }
    return {};
}

/// Its form: lines of JSON in files that come whole, each in a name of its own; the dashboard takes them in
/// the order of their names, and removes them (trackio 0.43, `fragments.py`).
class Inbox {
  public:
    static constexpr std::size_t most_records = 10'000;

    explicit Inbox(os::Path home) : home_{std::move(home)} {}

    [[nodiscard]] result<void> open() const { return {}; }
    result<void> send(const Batch& batch, std::uint64_t number) {
        std::string lines;
        const nlohmann::json* first = nullptr;
        for (const auto* list : {&batch.metrics, &batch.samples, &batch.alerts}) {
            for (const nlohmann::json& record : *list) {
                lines += json_text(record) + "\n";
                if (first == nullptr) first = &record;
            }
        }
        if (first == nullptr) return {};
        char name[32];
        std::snprintf(name, sizeof name, "%020llu.jsonl", static_cast<unsigned long long>(number));
        const os::Path folder = home_ / "inbox" / first->at("run_id").get<std::string>().substr(0, 16);
        return write(folder, name, lines);
    }
    result<void> store(const Place& place, const RowMedia& media, std::int64_t step) {
        return write(home_ / "media" / folder_of(place.project) / place.run_id / std::to_string(step),
                     media.file, media.bytes);
    }
    /// Its folder.
    [[nodiscard]] std::string address() const { return home_.string(); }

  private:
    static result<void> write(const os::Path& folder, const std::string& name, std::string_view bytes) {
        constexpr int attempts = 3;  // the dashboard removes a folder that is empty for a moment
        for (int i = 1;; ++i) {
            if (auto made = os::make_dirs(folder); !made) return made;
            auto written =
                write_file_atomically(folder / os::path_of(name), bytes, Durability::process_crash, folder);
            if (written || written.error().code() != errc::not_found || i == attempts) return written;
        }
    }

    os::Path home_;
};

}  // namespace CAIRN_NAMESPACE::detail::trackio
