// SPDX-License-Identifier: MIT
#pragma once
// A run that is made of what another program recorded. Whoever includes it compiles all that records a run.

#include <cairn/core/bytes.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/time.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/append_file.hpp>
#include <cairn/run/init.hpp>
#include <cairn/run/options.hpp>
#include <cairn/run/run.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>
#include <cairn/store/series_node.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Where runs are imported to.
struct ImportOptions {
    std::filesystem::path dir = {};  ///< the store; default as for `init`
    std::string project = {};        ///< default as for `init`
};

/// A run that was made.
struct ImportedRun {
    std::string project;     ///< it belongs to
    std::string id;          ///< made of what it was called; that is its name
    std::uint64_t rows = 0;  ///< that it has
};

namespace detail {

/// A name as people gave it, made one that a run's id can have.
[[nodiscard]] inline std::string id_from(std::string_view name) {
    std::string id;
    for (const char c : name.substr(0, 128)) {
        const bool is_allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                c == '_' || c == '-' || (c == '.' && !id.empty());
        id += is_allowed ? c : '-';
    }
    return name_problem(id).empty() ? id : "run-" + id.substr(0, 100);
}

/// Nanoseconds since the Unix epoch, of seconds as another program has them: to the millisecond, and as near
/// to what they say as a run can have; NaN is 0.
[[nodiscard]] inline std::int64_t ns_from_seconds(const double& seconds) noexcept {
    constexpr double most_seconds = static_cast<double>(most_ms) / 1000;
    const double known = is_nan(seconds) ? 0 : std::clamp(seconds, -most_seconds, most_seconds);
    return std::clamp<std::int64_t>(std::llround(known * 1000), -most_ms, most_ms) * ns_per_ms;
}

/// Writes rows with times of their own. Waits for the disk, so that no row is dropped, and none takes memory.
class RunImport {
  public:
    /// A new run, of what is said of it; without an id it gets one of its name. Throws as `init` does:
    /// already_exists, if one was made of it before.
    RunImport(const ImportOptions& to, Options about) : run_{init(of_another(to, std::move(about)))} {
        if (run_.disabled())
            raise({errc::invalid_argument, "nothing is recorded", run_.name(),
                   "unset CAIRN_MODE, or set it to online"});
    }

    /// Fails, io, if the disk takes no more.
    result<void> add(std::int64_t step, std::int64_t time_ns, std::span<const NamedValue> values) {
        const DynamicRow row{step, time_ns, values.data(), values.size()};
        run_.core()->append(row);
        first_ns_ = rows_ == 0 ? time_ns : std::min(first_ns_, time_ns);
        last_ns_ = rows_ == 0 ? time_ns : std::max(last_ns_, time_ns);
        ++rows_;
        for (const NamedValue& value : values) bytes_ += 64 + value.name.size() + value.value.text().size();
        if (bytes_ < most_bytes) return {};
        bytes_ = 0;
        return wait();
    }

    /// What its program printed. Fails as the disk does.
    result<void> add_output(std::string_view text) {
        if (!output_) {
            auto file = AppendFile::create(run_.dir() / output_file);
            if (!file) return file.error();
            output_.emplace(std::move(*file));
        }
        ByteWriter{output_->buffer()}.text(text);
        return output_->settle();
    }

    /// Ends it, as failed if there is a reason; its times are those of its rows. Fails as the disk does.
    result<ImportedRun> finish(const std::string& why_failed = {}) {
        const ImportedRun made{run_.core()->options().project, run_.id(), rows_};
        const Store store = run_.core()->store();
        if (output_) {
            if (auto closed = output_->close(); !closed) return closed.error();
        }
        if (auto ended = why_failed.empty() ? run_.finish() : run_.fail(why_failed); !ended)
            return ended.error();
        if (run_.health().rows_dropped != 0) return dropped();
        if (rows_ == 0) return made;
        auto folder = RunFolder::open_writer(store, made.project, made.id);
        if (!folder) return folder.error();
        auto about = folder->read_run();
        if (!about) return about.error();
        (*about)["created_ns"] = (*about)["started_ns"] = first_ns_;
        (*about)["ended_ns"] = last_ns_;
        if (auto written = folder->write_json("run.json", *about); !written) return written.error();
        return made;
    }
    /// Ends it as failed.
    void fail(const error& why) { (void)run_.fail(why.what()); }

  private:
    [[nodiscard]] static Options of_another(const ImportOptions& to, Options about) {
        if (about.id.empty()) about.id = id_from(about.name);
        about.project = to.project;
        about.dir = to.dir;
        about.resume = Resume::never;
        about.rank = 0;
        about.system_seconds = 0;  // it was another machine
        about.environment = false;
        about.quiet = true;
        about.durability = Durability::process_crash;
        return about;
    }

    static constexpr std::size_t most_bytes = std::size_t{512} << 10U;  // half of what a ring has

    /// Until the collector has seen all: then the ring has room.
    result<void> wait() {
        constexpr std::int64_t patience_ns = 10'000'000'000;
        std::uint64_t seen = 0;
        for (std::int64_t since = steady_ns(); steady_ns() - since < patience_ns;) {
            const Health health = run_.health();
            if (health.rows_dropped != 0) return dropped();
            if (health.rows_collected >= rows_) return {};
            if (health.rows_collected != seen) since = steady_ns();
            seen = health.rows_collected;
            os::sys::sleep_ns(500'000);
        }
        return dropped();
    }
    [[nodiscard]] error dropped() const {
        const Health health = run_.health();
        return {errc::io,
                "rows could not be written: " + (health.errors.empty() ? "" : health.errors.front()),
                run_.dir().string(), "make room, remove the run and import it again"};
    }

    Run run_;
    std::uint64_t rows_ = 0;
    std::size_t bytes_ = 0;  // since the last wait, about
    std::int64_t first_ns_ = 0, last_ns_ = 0;
    std::optional<AppendFile> output_;
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
