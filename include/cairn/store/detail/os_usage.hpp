// SPDX-License-Identifier: MIT
#pragma once
// What the machine and this process use, as Linux tells it in /proc; of other systems the process's share
// only.

#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace CAIRN_NAMESPACE::detail::os {

/// Counted since the process or the machine began, or as it is now. Empty where the system does not tell.
struct Usage {
    std::optional<double> process_cpu_s{};  ///< on all processors together
    std::optional<double> process_threads{};
    std::optional<double> process_memory{};   ///< bytes that are in memory
    std::optional<double> process_read{};     ///< bytes from disks
    std::optional<double> process_written{};  ///< bytes to disks
    std::optional<double> machine_busy{};     ///< of all processors together; in the unit of `machine_time`
    std::optional<double> machine_time{};
    std::optional<double> memory_total{};      ///< bytes; of the group that the kernel bounds, if it does
    std::optional<double> memory_available{};  ///< bytes
    std::optional<double> received{};          ///< bytes from networks, without the machine's own
    std::optional<double> sent{};              ///< bytes to networks
};

/// The numbers that stand in a text, one after the other. Threads: a value.
class NumbersIn {
  public:
    explicit NumbersIn(std::string_view text) noexcept : rest_{text} {}
    /// The next one; nothing at the end, and where something else stands.
    std::optional<double> next() noexcept {
        const std::size_t from = rest_.find_first_not_of(" \t");
        if (from == std::string_view::npos) return std::nullopt;
        std::uint64_t value = 0;
        const char* const end = rest_.data() + rest_.size();
        const auto read = std::from_chars(rest_.data() + from, end, value);
        if (read.ec != std::errc{}) return std::nullopt;
        rest_ = {read.ptr, static_cast<std::size_t>(end - read.ptr)};
        return static_cast<double>(value);
    }
    void skip(int count) noexcept {
        for (int i = 0; i < count; ++i) (void)next();
    }

  private:
    std::string_view rest_;
};

/// What follows a key in a text of lines.
[[nodiscard]] inline NumbersIn numbers_after(std::string_view text, std::string_view key) noexcept {
    const std::size_t at = text.find(key);
    return NumbersIn{at == std::string_view::npos ? std::string_view{} : text.substr(at + key.size())};
}

/// What a line of /proc/net/dev tells is added to `usage`; the machine's own loop is left out.
inline void add_network(std::string_view line, Usage& usage) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::size_t name = line.find_first_not_of(' ');
    if (line.substr(name, colon - name) == "lo") return;
    NumbersIn numbers{line.substr(colon + 1)};
    const auto received = numbers.next();
    numbers.skip(7);
    const auto sent = numbers.next();
    if (!received || !sent) return;
    usage.received = usage.received.value_or(0) + *received;
    usage.sent = usage.sent.value_or(0) + *sent;
}

/// \param group  the folder of the process's control group, if the kernel bounds its memory; may be empty.
template <class = void>
[[nodiscard]] Usage usage(const std::string& group = {}) {
    Usage out;
    if (const double seconds = sys::process_cpu_seconds(); seconds >= 0) out.process_cpu_s = seconds;
    constexpr double kib = 1024;
    const std::string status = kernel_file("/proc/self/status");
    out.process_threads = numbers_after(status, "\nThreads:").next();
    if (const auto size = numbers_after(status, "\nVmRSS:").next()) out.process_memory = *size * kib;
    const std::string io = kernel_file("/proc/self/io");
    out.process_read = numbers_after(io, "\nread_bytes:").next();
    out.process_written = numbers_after(io, "\nwrite_bytes:").next();

    const std::string processors_used = kernel_file("/proc/stat");
    NumbersIn processors = numbers_after(processors_used, "cpu ");
    double busy = 0, all = 0;
    for (int i = 0; i < 8; ++i) {  // user nice system idle iowait irq softirq steal
        const double ticks = processors.next().value_or(0);
        all += ticks;
        if (i != 3 && i != 4) busy += ticks;
    }
    if (all > 0) out.machine_busy = busy, out.machine_time = all;

    const std::string memory = kernel_file("/proc/meminfo");
    const auto total = numbers_after(memory, "MemTotal:").next();
    const auto available = numbers_after(memory, "MemAvailable:").next();
    if (total && available) out.memory_total = *total * kib, out.memory_available = *available * kib;
    if (!group.empty()) {
        const auto most = NumbersIn{kernel_file(group + "/memory.max")}.next();
        const auto used = NumbersIn{kernel_file(group + "/memory.current")}.next();
        if (most && used && (!total || *most < *total * kib))
            out.memory_total = most, out.memory_available = *most > *used ? *most - *used : 0;
    }

    const std::string network = kernel_file("/proc/net/dev");
    for (std::string_view rest = network; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        add_network(rest.substr(0, end), out);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::os
