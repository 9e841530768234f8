// SPDX-License-Identifier: MIT
#pragma once
// Where a run's rich values go: encoded and written on the thread that writes checkpoints, in order.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/store/media_file.hpp>

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Threads: `take` and the counters any; the file belongs to the saver's thread.
template <class T = void>
class BasicMediaKeeper {
    using Json = Deferred<nlohmann::json, T>;

  public:
    /// Memory that values which wait may have in all.
    static constexpr std::size_t most_waiting = std::size_t{256} << 20U;

    /// The file is made with the first value.
    explicit BasicMediaKeeper(std::filesystem::path file) : path_{std::move(file)} {}

    /// Hands a value to the saver; `core` hears if it comes to nothing. Fails: busy, if those that wait have
    /// all the memory they may, or there is no thread.
    result<void> take(const std::shared_ptr<RunCore>& core, const MediaPlace& place, std::size_t memory,
                      std::function<Media()> encode) {
        if (waiting_.fetch_add(memory, std::memory_order_relaxed) + memory > most_waiting) {
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            return error{errc::busy, "images, tables and the like come faster than they can be written",
                         place.metric, "log them less often"};
        }
        const auto work = [this, core, place, memory, encode = std::move(encode)] {
            auto written = write(place, encode);
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            core->saver().moved();
            if (!written) core->note_lost_media(written.error());
        };
        const auto posted = core->saver().post(place.metric + " of step " + std::to_string(place.step), work);
        if (posted) return {};
        waiting_.fetch_sub(memory, std::memory_order_relaxed);
        return posted.error();
    }
    /// After the saver has done all: makes it durable. Fails: io.
    result<void> sync() { return file_ ? file_->sync() : result<void>{}; }

    [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }

  private:
    result<void> write(const MediaPlace& place, const std::function<Media()>& encode) noexcept {
        const auto failed = [&](const char* why) {
            return error{errc::invalid_argument, std::string{"a rich value could not be encoded: "} + why,
                         place.metric, "see what its encode() needs"};
        };
        try {
            const Media media = encode();
            const Json about = {{"metric", place.metric}, {"step", place.step}, {"time_ns", place.time_ns},
                                {"kind", media.kind},     {"type", media.type}, {"about", media.about}};
            if (!file_) {
                auto opened = BasicMediaWriter<T>::open(path_);
                if (!opened) return opened.error();
                file_.emplace(std::move(*opened));
            }
            auto done = file_->append(about.dump(-1, ' ', false, Json::error_handler_t::replace),
                                      bytes_of(media.bytes));
            if (done) written_.fetch_add(1, std::memory_order_relaxed);
            return done;
        } catch (const error& e) {
            return e;
        } catch (const std::exception& e) {
            return failed(e.what());
        } catch (...) {
            return failed("it threw something that is no std::exception");
        }
    }

    std::filesystem::path path_;
    std::optional<BasicMediaWriter<T>> file_;
    std::atomic<std::size_t> waiting_{0};  // bytes of memory
    std::atomic<std::uint64_t> written_{0};
};
using MediaKeeper = BasicMediaKeeper<>;

}  // namespace CAIRN_NAMESPACE::detail
