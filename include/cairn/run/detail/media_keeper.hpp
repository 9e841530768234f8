// SPDX-License-Identifier: MIT
#pragma once
// Where a run's rich values go: encoded and written on the thread that writes checkpoints, in order.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/saver.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/media_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Threads: any.
template <class T = void>
class BasicMediaKeeper {
    using Json = Deferred<nlohmann::json, T>;

  public:
    /// Memory that values which wait may have in all.
    static constexpr std::size_t most_waiting = std::size_t{256} << 20U;
    /// What one takes that has nothing in it: its place in the queue, its name, the call of its encode().
    static constexpr std::size_t least_memory = 512;

    /// The file is made with the first value.
    explicit BasicMediaKeeper(std::filesystem::path file) : path_{std::move(file)} {}

    /// Hands a value to the saver; `core` hears if it comes to nothing. Fails: busy, if those that wait have
    /// all the memory they may, or there is no thread.
    result<void> take(const std::shared_ptr<RunCore>& core, const MediaPlace& place, std::size_t own_memory,
                      std::function<Media()> encode) {
        const std::size_t memory = std::max(own_memory, least_memory);
        const std::size_t before = waiting_.fetch_add(memory, std::memory_order_relaxed);
        if (before != 0 && (memory > most_waiting || before > most_waiting - memory)) {
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            return error{errc::busy, "images, tables and the like come faster than they can be written",
                         place.metric, "log them less often"};
        }
        const auto work = [this, core, place, memory, encode = std::move(encode)] {
            auto written = write(place, encode);
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            pending_.fetch_sub(1, std::memory_order_relaxed);
            if (!written && !is_closed()) core->note_lost_media(written.error());
        };
        pending_.fetch_add(1, std::memory_order_relaxed);
        const auto posted = core->saver().post(place.metric + " of step " + std::to_string(place.step), work);
        if (posted) return {};
        waiting_.fetch_sub(memory, std::memory_order_relaxed);
        pending_.fetch_sub(1, std::memory_order_relaxed);
        return posted.error();
    }
    /// Makes durable what is written, and writes no more: the run may have another writer soon. Returns how
    /// many values were still to be written. Fails: io.
    result<std::uint64_t> close() {
        const std::scoped_lock lock{mutex_};
        is_closed_ = true;
        if (file_) {
            if (auto synced = file_->sync(); !synced) return synced.error();
            file_.reset();
        }
        return pending_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }

  private:
    [[nodiscard]] bool is_closed() {
        const std::scoped_lock lock{mutex_};
        return is_closed_;
    }
    result<void> write(const MediaPlace& place, const std::function<Media()>& encode) noexcept {
        const auto failed = [&](const char* why) {
            return error{errc::invalid_argument, std::string{"a rich value could not be encoded: "} + why,
                         place.metric, "see what its encode() needs"};
        };
        try {
            if (is_closed()) return error{errc::busy, "the run has ended", place.metric, "finish it later"};
            const Media media = encode();
            const Json about = {{"metric", place.metric}, {"step", place.step}, {"time_ns", place.time_ns},
                                {"kind", media.kind},     {"type", media.type}, {"about", media.about}};
            const std::string text = about.dump(-1, ' ', false, Json::error_handler_t::replace);
            if (json_depth(text) > most_json_depth) return failed("its description is nested too deep");
            const std::scoped_lock lock{mutex_};
            if (is_closed_) return error{errc::busy, "the run has ended", place.metric, "finish it later"};
            if (!file_) {
                auto opened = BasicMediaWriter<T>::open(path_);
                if (!opened) return opened.error();
                file_.emplace(std::move(*opened));
            }
            auto done = file_->append(text, bytes_of(media.bytes));
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
    std::mutex mutex_;
    std::optional<BasicMediaWriter<T>> file_;
    bool is_closed_ = false;
    std::atomic<std::size_t> waiting_{0};  // bytes of memory
    std::atomic<std::uint64_t> written_{0}, pending_{0};
};
using MediaKeeper = BasicMediaKeeper<>;

}  // namespace CAIRN_NAMESPACE::detail
