// SPDX-License-Identifier: MIT
#pragma once
// Whole small files: written so that a reader, a kill or a full disk never sees half of one.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/os.hpp>

#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace CAIRN_NAMESPACE {

/// What a write has to outlive when it has returned.
enum class Durability : unsigned char {
    process_crash,  ///< any death of the process; costs nothing beyond the write, because the system has the
                    ///< bytes
    power_loss,     ///< the machine's death too: waits for the disk, 1 to 30 ms for each file and each folder
};

namespace detail {

/// Makes a folder and those above it; each new name is synced into the folder that holds it, if it has to be.
template <class = void>
result<void> make_dirs_durably(const os::Path& path, Durability durability) {
    if (durability == Durability::process_crash) return os::make_dirs(path);
    const auto there = os::status(path);
    if (!there) return there.error();
    const os::Path above = path.parent_path();
    if (there->is_dir || path == above) return {};
    if (!above.empty()) {
        if (auto made = make_dirs_durably(above, durability); !made) return made;
    }
    if (auto made = os::make_dirs(path); !made) return made;
    return os::sync_dir(above.empty() ? os::Path{"."} : above);
}

/// Tells the machines, containers and restarts apart whose processes write into one store: 8 hexadecimal
/// digits.
template <class = void>
[[nodiscard]] std::string machine_key(const os::Process& self) {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const std::string& part : {self.host, self.boot, self.space}) {
        for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    std::string out(8, '0');
    for (char& c : out) c = "0123456789abcdef"[hash & 15U], hash >>= 4U;
    return out;
}

/// A name that no process has used: <pid>-<counter>-<machine><random>. Says who made it; see
/// `is_abandoned_temp`.
template <class = void>
[[nodiscard]] std::string temp_name() {
    static std::atomic<std::uint64_t> counter{0};
    return std::to_string(os::pid()) + '-' + std::to_string(counter.fetch_add(1, std::memory_order_relaxed)) +
           '-' + machine_key(os::this_process()) + os::random_hex(8);
}

/// Whether `name` was made by `temp_name` and its maker is dead: at once if it was on this machine; otherwise
/// a day after the last write (0 for `modified_ns`: not known), since nobody here can tell.
template <class = void>
[[nodiscard]] bool is_abandoned_temp(std::string_view name, std::int64_t modified_ns) {
    std::uint64_t pid = 0;
    std::uint64_t counter = 0;
    const char* const end = name.data() + name.size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
    const auto first = std::from_chars(name.data(), end, pid);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return false;
    const auto second = std::from_chars(first.ptr + 1, end, counter);
    if (second.ec != std::errc{} || second.ptr == end || *second.ptr != '-') return false;
    const std::string_view token{second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1)};
    if (token.size() != 16 || token.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return false;
    os::Process maker = os::this_process();
    if (token.substr(0, 8) != machine_key(maker)) {
        constexpr std::int64_t day_ns = 86'400'000'000'000;
        return modified_ns != 0 && wall_ns() - modified_ns > day_ns;
    }
    maker.pid = pid;
    maker.start = 0;  // a number that was given out again only keeps the file for longer
    return os::liveness(maker) == os::Liveness::dead;
}

/// A temporary file's or folder's name, which is removed with this object unless it was kept. A forked
/// child's copy removes nothing.
template <class = void>
class BasicTempPath {
  public:
    BasicTempPath() = default;
    explicit BasicTempPath(os::Path path) : path_{std::move(path)}, owner_{os::pid()} {}
    BasicTempPath(BasicTempPath&& other) noexcept
        : path_{std::move(other.path_)}, owner_{std::exchange(other.owner_, 0)} {}
    BasicTempPath& operator=(BasicTempPath&& other) noexcept {
        std::swap(path_, other.path_);  // what it had goes with the other
        std::swap(owner_, other.owner_);
        return *this;
    }
    ~BasicTempPath() { remove(); }

    [[nodiscard]] const os::Path& path() const noexcept { return path_; }
    /// It was moved to where it belongs.
    void keep() noexcept { owner_ = 0; }
    void remove() noexcept {
        if (owner_ != 0 && owner_ == os::pid())
            (void)os::remove_tree(path_.parent_path(), path_.filename().string());
        owner_ = 0;
    }

  private:
    os::Path path_;
    std::uint64_t owner_ = 0;
};
using TempPath = BasicTempPath<>;

[[nodiscard]] inline os::Path folder_of(const os::Path& path) {
    return path.has_parent_path() ? path.parent_path() : os::Path{"."};
}
/// Calls `f(folder)`, which makes a temporary there and renames it to `path`: with `temp_dir`, and where that
/// is none or another file system, with the folder of `path`.
template <class F>
result<void> with_temp_dir(const os::Path& path, const os::Path& temp_dir, F&& f) {
    if (!temp_dir.empty()) {
        auto done = f(temp_dir);
        if (done || done.error().code() != errc::unsupported) return done;
    }
    return f(folder_of(path));
}

/// What becomes of a file that is there already.
enum class Existing : unsigned char { replace, refuse };

template <class = void>
result<void> write_via_temp(const os::Path& path, std::string_view bytes, Durability durability,
                            const os::Path& temp_dir, Existing existing) {
    const TempPath temp{temp_dir / ("." + temp_name())};
    auto file = os::File::create_new(temp.path());
    if (!file) return file.error();
    if (auto written = file->write_text(bytes); !written) return written;
    if (durability == Durability::power_loss) {
        if (auto synced = file->sync(); !synced) return synced;
    }
    if (auto closed = file->close(); !closed) return closed;
    if (existing == Existing::replace) return os::rename_replace(temp.path(), path);
    // A link is the one step that names a file only if the name is free, whether or not locks work here.
    auto linked = os::hard_link(temp.path(), path);
    if (linked || linked.error().code() == errc::already_exists || linked.error().code() == errc::no_space) {
        return linked;
    }
    const auto there = os::status(path, os::Links::refuse);
    if (!there) return there.error();
    if (there->exists) return os::failure_of(EEXIST, "create", path);
    return os::rename_replace(temp.path(), path);
}

template <class = void>
result<void> write_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                              const os::Path& temp_dir, Existing existing) {
    auto written = with_temp_dir(path, temp_dir, [&](const os::Path& folder) {
        return write_via_temp(path, bytes, durability, folder, existing);
    });
    if (!written) return written;
    if (durability == Durability::power_loss) return os::sync_dir(folder_of(path));
    return {};
}

/// Writes a file whole: readers see the old bytes or the new ones, and after a failure the old ones. Its
/// temporary lies in `temp_dir` (on the same file system), or beside it. Fails: as the system does; what is
/// at `path` is then what was there, except when the folder's sync fails after the file was replaced.
template <class = void>
result<void> write_file_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                                   const os::Path& temp_dir = {}) {
    return write_atomically(path, bytes, durability, temp_dir, Existing::replace);
}

/// The same for a file that must not be there yet. Fails: already_exists; of two writers exactly one
/// succeeds.
template <class = void>
result<void> write_new_file_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                                       const os::Path& temp_dir = {}) {
    return write_atomically(path, bytes, durability, temp_dir, Existing::refuse);
}

/// A whole file. Fails: not_found; corrupt if it is longer than `max_bytes`; invalid_argument if it is no
/// regular file.
template <class = void>
result<std::string> read_file(const os::Path& path, std::uint64_t max_bytes,
                              os::Links links = os::Links::follow) {
    auto file = os::File::open_read(path, links);
    if (!file) return file.error();
    return file->read_all(max_bytes);
}

/// Calls `f(name)` for the temporaries in `folder` whose makers are dead.
template <class F>
void for_each_abandoned_temp(const os::Path& folder, F&& f) {
    const auto names = os::list_dir(folder);
    if (!names) return;
    for (const std::string& name : *names) {
        const auto there = os::status(folder / name, os::Links::refuse);
        std::string_view made = name;
        if (made.starts_with('.')) made.remove_prefix(1);
        if (there && is_abandoned_temp(made, there->modified_ns)) f(name);
    }
}

/// Removes them. What cannot be removed stays.
template <class = void>
void remove_abandoned_temps(const os::Path& folder) {
    for_each_abandoned_temp(folder, [&](const std::string& name) { (void)os::remove_tree(folder, name); });
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
