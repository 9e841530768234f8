// SPDX-License-Identifier: MIT
#pragma once
// Who this process is, so that another, later, can tell whether it still lives; and randomness for ids.

#include <cairn/core/bytes.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/detail/os_error.hpp>
#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail::os {

/// A process, told apart from every other that has or had its number. Parts that a system does not give are
/// empty.
struct Process {
    std::uint64_t pid = 0;
    std::uint64_t start = 0;  ///< when it began, in the system's own unit, since the machine did
    std::string boot;         ///< this running of the machine
    std::string space;        ///< which numbering of processes (containers have their own)
    std::string host;         ///< for people
};

/// `unknown`: it is or was on another machine or in another container.
enum class Liveness : unsigned char { dead, alive, unknown };

[[nodiscard]] inline std::uint64_t pid() noexcept { return sys::getpid(); }

/// The user's name, or nothing; from the environment, because asking the system can take a network and
/// seconds.
template <class = void>
[[nodiscard]] std::string user_name() {
    for (const char* variable : {"USER", "LOGNAME", "USERNAME"}) {
        if (std::string value = sys::environment(variable); !value.empty()) return value;
    }
    return {};
}

using sys::system_name;
/// The words that the program was called with; none where the system does not tell them in a file.
template <class = void>
[[nodiscard]] std::vector<std::string> command_line() {
    std::vector<std::string> words;
    const std::string text = kernel_file("/proc/self/cmdline");
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        words.emplace_back(rest.substr(0, end));
        rest = rest.substr(std::min(end + 1, rest.size()));
    }
    return words;
}

using sys::ProcessTime;

/// Nothing where the system does not tell, or there is no such process.
template <class = void>
[[nodiscard]] std::optional<ProcessTime> process_time(std::uint64_t pid) {
#if defined(_WIN32)
    ProcessTime out;
    return sys::process_time(pid, out) == 0 ? std::optional{out} : std::nullopt;
#else
    // Of its first thread, which began when it did: qemu-user makes up what the process is told of itself.
    const std::string number = std::to_string(pid);
    const std::string text = kernel_file("/proc/" + number + "/task/" + number + "/stat");
    // pid (name) state …: the name may hold blanks and brackets, so count from its last one; the start is
    // field 22.
    std::size_t at = text.rfind(") ");
    if (at == std::string::npos || at + 2 >= text.size()) return std::nullopt;
    ProcessTime out;
    const char state = text[at + 2];
    out.ended = state == 'Z' || state == 'X';
    for (int field = 2; field < 22; ++field) {
        at = text.find(' ', at + 1);
        if (at == std::string::npos) return std::nullopt;
    }
    const char* const begin = text.data() + at + 1;
    if (std::from_chars(begin, text.data() + text.size(), out.start).ec != std::errc{}) return std::nullopt;
    return out;
#endif
}

template <class = void>
[[nodiscard]] Process this_process() {
    Process out;
    out.pid = pid();
    if (const auto time = process_time(out.pid)) out.start = time->start;
#if !defined(_WIN32)  // there is no /proc, and whoever made a folder of that name could say anything
    const std::string boot = kernel_file("/proc/sys/kernel/random/boot_id");
    out.boot = boot.substr(0, boot.find('\n'));
    std::array<char, 64> space{};
    if (const auto n = sys::readlink("/proc/self/ns/pid", space.data(), space.size()); n > 0) {
        out.space.assign(space.data(), static_cast<std::size_t>(n));
    }
#endif
    out.host = sys::host_name();
    return out;
}

/// Whether `process` still runs. Cost: reads one file in /proc.
template <class = void>
[[nodiscard]] Liveness liveness(const Process& process) {
    const Process self = this_process();
    if (process.boot != self.boot && process.host == self.host)
        return Liveness::dead;  // the machine was restarted
    if (process.boot != self.boot || process.space != self.space || process.pid == 0)
        return Liveness::unknown;
    if (self.boot.empty() && process.host != self.host) return Liveness::unknown;
    if (sys::exists(process.pid) != 0 && errno == ESRCH) return Liveness::dead;
    if (const auto time = process_time(process.pid)) {
        const bool other =
            process.start != 0 && time->start != process.start;  // its number was given out again
        return other || time->ended ? Liveness::dead : Liveness::alive;
    }
    return Liveness::alive;
}

/// Fills `to` with bytes that nobody can guess.
template <class = void>
void random_bytes(std::span<std::byte> to) noexcept {
    while (!to.empty()) {
        const std::size_t n = std::min<std::size_t>(to.size(), 256);
        // Fails only on kernels without it; then an id has to differ, not to be secret.
        if (sys::getentropy(to.data(), n) != 0) {
            std::uint64_t x = pid() * 0x9e3779b97f4a7c15U ^ reinterpret_cast<std::uintptr_t>(to.data());
            x ^= static_cast<std::uint64_t>(wall_ns()) ^ static_cast<std::uint64_t>(steady_ns()) << 20U;
            for (std::size_t i = 0; i < n; ++i) {  // splitmix64
                std::uint64_t z = x += 0x9e3779b97f4a7c15U;
                z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
                z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
                to[i] = static_cast<std::byte>(z >> 56U);
            }
        }
        to = to.subspan(n);
    }
}

/// `digits` random hexadecimal digits.
template <class = void>
[[nodiscard]] std::string random_hex(std::size_t digits) {
    std::string out(digits, '0');
    random_bytes(writable_bytes_of(out));
    for (char& c : out) c = "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::os
