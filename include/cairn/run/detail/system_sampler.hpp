// SPDX-License-Identifier: MIT
#pragma once
// What the machine does while a run goes on, as metrics under "system/". Their names are W&B's, where it has
// one.

#include <cairn/core/time.hpp>
#include <cairn/core/value.hpp>
#include <cairn/run/detail/gpus.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <forward_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Threads: one at a time. Cost: reads some files of /proc and asks the driver of each GPU, some tenths of a
/// millisecond.
template <class T = void>
class BasicSystemSampler {
  public:
    /// \param seconds  from one sample to the next; the first comes after so many. \param store  of whose
    /// disk it
    ///                 tells how full it is.
    BasicSystemSampler(double seconds, std::filesystem::path store)
        : every_ns_{static_cast<std::int64_t>(seconds * 1e9)}, next_ns_{steady_ns() + every_ns_},
          store_{std::move(store)} {}

    /// Takes note of how it is before: what is counted is counted from here on.
    void begin() {
        group_ = folder_of(os::memory_group());
        first_ = before_ = os::usage(group_);
        before_ns_ = steady_ns();
    }

    /// Whether it is time; the next time is then a whole interval away.
    [[nodiscard]] bool is_due(std::int64_t now_ns) noexcept {
        if (now_ns < next_ns_) return false;
        next_ns_ += (now_ns - next_ns_) / every_ns_ * every_ns_ + every_ns_;
        return true;
    }

    /// What there is to say now; shares are those since the time before. Good until the next call.
    [[nodiscard]] const std::vector<NamedValue>& values() {
        values_.clear();
        const os::Usage now = os::usage(group_);
        const std::int64_t now_ns = steady_ns();
        const double seconds = static_cast<double>(std::max<std::int64_t>(now_ns - before_ns_, 1)) / 1e9;
        const double processors = std::max(1U, std::thread::hardware_concurrency());
        constexpr double mib = 1024.0 * 1024.0, gib = 1024 * mib, percent = 100;
        add("system/cpu", grown(now.process_cpu_s, before_.process_cpu_s), percent / seconds / processors);
        if (const auto time = grown(now.machine_time, before_.machine_time); time && *time > 0)
            add("system/cpu.host", grown(now.machine_busy, before_.machine_busy), percent / *time);
        add("system/proc.cpu.threads", now.process_threads);
        add("system/proc.memory.rssMB", now.process_memory, 1 / mib);
        add("system/proc.memory.availableMB", now.memory_available, 1 / mib);
        if (now.memory_total && *now.memory_total > 0) {
            add("system/proc.memory.percent", now.process_memory, percent / *now.memory_total);
            if (now.memory_available)
                add("system/memory_percent", *now.memory_total - *now.memory_available,
                    percent / *now.memory_total);
        }
        add("system/proc.disk.in", grown(now.process_read, first_.process_read), 1 / mib);
        add("system/proc.disk.out", grown(now.process_written, first_.process_written), 1 / mib);
        add("system/network.recv", grown(now.received, first_.received));
        add("system/network.sent", grown(now.sent, first_.sent));
        std::error_code failed;
        if (const auto space = std::filesystem::space(store_, failed); !failed && space.capacity != 0) {
            // What is kept for the administrator is gone for the user, too.
            add("system/disk.store.usagePercent", static_cast<double>(space.capacity - space.available),
                percent / static_cast<double>(space.capacity));
            add("system/disk.store.usageGB", static_cast<double>(space.capacity - space.free), 1 / gib);
        }
        gpus_.each(
            [&](unsigned index, std::string_view what, double value) { add(gpu_name(index, what), value); });
        before_ = now;
        before_ns_ = now_ns;
        return values_;
    }

  private:
    /// Where the numbers of the group lie, beside the file that counts who was killed.
    [[nodiscard]] static std::string folder_of(const std::string& file) {
        const std::size_t end = file.rfind('/');
        return end == std::string::npos ? std::string{} : file.substr(0, end);
    }
    [[nodiscard]] static std::optional<double> grown(std::optional<double> now,
                                                     std::optional<double> before) {
        return now && before ? std::optional{std::max(0.0, *now - *before)} : std::nullopt;
    }
    void add(std::string_view name, std::optional<double> value, double unit = 1) {
        if (value) values_.push_back({name, *value * unit});
    }
    /// "system/gpu.0.temp", kept as long as this.
    [[nodiscard]] std::string_view gpu_name(unsigned index, std::string_view what) {
        std::string name = "system/gpu." + std::to_string(index) + ".";
        name += what;
        for (const std::string& known : names_) {
            if (known == name) return known;
        }
        return names_.emplace_front(std::move(name));
    }

    std::int64_t every_ns_, next_ns_;
    std::filesystem::path store_;
    std::string group_;
    os::Usage first_, before_;
    std::int64_t before_ns_ = 0;
    BasicGpuProbe<T> gpus_;
    std::forward_list<std::string> names_;
    std::vector<NamedValue> values_;
};

}  // namespace CAIRN_NAMESPACE::detail
