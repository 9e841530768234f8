// SPDX-License-Identifier: MIT
#pragma once
// Failures and deaths at every call into the operating system. All calls that touch files are made in
// store/detail/os_sys_posix.hpp; this program is linked with `--wrap` for each of them (see CMakeLists.txt),
// so the library is tested as it is.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cairn_test {

/// What happens at one call.
enum class Fault : unsigned char {
    none,
    kill,     ///< SIGKILL before the call
    fail,     ///< the call fails once
    fail_on,  ///< it fails, and so do all later ones that take the same thing (room, descriptors, the right
              ///< to write)
    short_write,  ///< a write takes half
};

struct FaultPlan {
    Fault fault = Fault::none;
    std::uint64_t at = 0;  ///< the call, counted from 0 among those that the fault can hit
    int number = 0;        ///< the errno
};

/// Begins to count the calls of this thread, and makes one of them fail.
void arm(const FaultPlan& plan) noexcept;
/// Ends that. Whether the fault came.
bool disarm() noexcept;

/// One change to the files, as it was made; what a disk may have kept of it is for `PowerLoss` to say. Files
/// and folders are told by number.
struct FileEvent {
    enum class Kind : unsigned char { create, make_dir, link, rename, remove, write, truncate, sync };
    Kind kind{};
    std::uint64_t node = 0;              ///< what it happens to
    std::uint64_t folder = 0, from = 0;  ///< where the name is made or removed; of `rename`, where it was
    std::string name{}, old_name{};
    std::uint64_t at = 0;  ///< of `write`, the offset; of `truncate`, the size
    std::string bytes{};
};

/// Whether all calls of this process wait, as on a disk that does not answer.
void hang(bool whether) noexcept;

/// As a system whose locks are of whole files (`flock`) and of no part of them, while it is there. The first
/// so many of this thread's that would be taken meet another who only looks.
class WholeFileLocks {
  public:
    explicit WholeFileLocks(int met) noexcept;
    ~WholeFileLocks();
    WholeFileLocks(const WholeFileLocks&) = delete;
    WholeFileLocks& operator=(const WholeFileLocks&) = delete;
};

/// What others do in between: is called once, before this thread next opens a file whose path ends so.
void before_opening(std::string end, std::function<void()> then);

/// Begins to record the changes that this thread makes.
void record_events() noexcept;
/// Ends that.
std::vector<FileEvent> take_events();

}  // namespace cairn_test
