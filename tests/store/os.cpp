// SPDX-License-Identifier: MIT
#include <cairn/store/os.hpp>

#include "support.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <set>
#include <thread>

#if CAIRN_TEST_FORK
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#endif

namespace os_test {

using namespace cairn_test;
using cairn::errc;
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer) || __has_feature(address_sanitizer)
#define CAIRN_TEST_UNDER_UBSAN
#endif
#endif

namespace os = cairn::detail::os;
namespace fs = std::filesystem;

TEST_CASE("file: what is written is read back, in pieces, at places and whole", "[store][os]") {
    const TempDir dir;
    auto file = os::File::create_new(dir / "f").value();
    file.write_text("hello ").value();
    file.write_text("world").value();
    file.write_at(0, bytes_of("J")).value();
    CHECK(file.size().value() == 11);
    std::array<std::byte, 4> some{};
    CHECK(file.read_at(7, some).value() == 4);
    CHECK(file.read_at(9, some).value() == 2);
    CHECK(file.read_at(50, some).value() == 0);
    file.sync().value();
    file.close().value();
    CHECK(!file.is_open());
    CHECK(os::File::open_read(dir / "f").value().read_all(11).value() == "Jello world");

    auto again = os::File::open_read_write(dir / "f").value();
    CHECK(again.read_all(100).value() == "Jello world");
    again.truncate(5).value();
    CHECK(slurp(dir / "f") == "Jello");
}

TEST_CASE("file: each failure has a code, the path and advice", "[store][os]") {
    const TempDir dir;
    spit(dir / "f", "12345");
    CHECK(code_of(os::File::open_read(dir / "none")) == errc::not_found);
    CHECK(code_of(os::File::open_read(dir / "f" / "below")) == errc::not_found);
    CHECK(code_of(os::File::create_new(dir / "f")) == errc::already_exists);
    CHECK(code_of(os::File::open_read(dir.path())) == errc::invalid_argument);
    CHECK(code_of(os::File::open_read_write(dir.path())) == errc::invalid_argument);
    CHECK(code_of(os::File::open_read(dir / "f").value().read_all(4)) == errc::corrupt);
    CHECK(code_of(os::File::create_new(dir / std::string(300, 'x'))) == errc::invalid_argument);
    const auto failure = os::File::open_read(dir / "none").error();
    CHECK(failure.path() == (dir / "none").string());
    CHECK(failure.advice().find("path") != std::string::npos);
}

#if CAIRN_TEST_FORK
TEST_CASE("file: a full disk is no_space with advice to free some", "[store][os]") {
    if (!fs::exists("/dev/full")) return;
    auto file = os::File::open_read_write("/dev/full").value();
    auto written = file.write_text("x");
    CHECK(code_of(written) == errc::no_space);
    CHECK(written.error().advice().find("CAIRN_DIR") != std::string::npos);
}

TEST_CASE("file: too many open files is said so", "[store][os]") {
    CHECK(os::failure_of(EMFILE, "create", "f").advice().find("ulimit -n") != std::string::npos);
#if defined(CAIRN_TEST_UNDER_UBSAN)
    WARN("not provoked: this sanitizer opens pipes itself to look at an object");
#else
    const TempDir dir;
    CHECK(in_child([&] {
              const rlimit few{3, 3};
              ::setrlimit(RLIMIT_NOFILE, &few);
              const auto file = os::File::create_new(dir / "f");
              return !file && file.error().advice().find("ulimit -n") != std::string::npos ? 0 : 1;
          }) == 0);
#endif
}

TEST_CASE("file: a write over the file size limit is an error and no signal's death", "[store][os]") {
    const TempDir dir;
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              auto file = os::File::create_new(dir / "f").value();
              const auto written = file.write_text(std::string(2000, 'x'));  // 1000 go, then none
              return !written && written.error().code() == errc::no_space ? 0 : 1;
          }) == 0);
    CHECK(fs::file_size(dir / "f") == 1000);
}

TEST_CASE("file: a pipe in a file's place is refused and not waited for", "[store][os]") {
    const TempDir dir;
    REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
    CHECK(code_of(os::File::open_read(dir / "pipe")) == errc::invalid_argument);
}
#endif

#if !defined(_WIN32)  // links and paths as other systems have them
TEST_CASE("file: a link is followed or refused as asked", "[store][os]") {
    const TempDir dir;
    spit(dir / "f", "x");
    fs::create_symlink("f", dir / "link");
    CHECK(os::File::open_read(dir / "link").has_value());
    CHECK(code_of(os::File::open_read(dir / "link", os::Links::refuse)) == errc::invalid_argument);
    CHECK(os::status(dir / "link")->is_file);
    CHECK(os::status(dir / "link", os::Links::refuse)->is_link);
    CHECK(os::File::open_read_write(dir / "link", os::Links::follow).has_value());
}
#endif

TEST_CASE("file: what is written goes through no link", "[store][os]") {
    if (!has_symlinks) {
        WARN("not here: there are no symbolic links");
        return;
    }
    const TempDir dir;
    spit(dir / "f", "x");
    fs::create_symlink("f", dir / "link");
    fs::create_symlink("nowhere", dir / "dangling");
    for (const char* name : {"link", "dangling"}) {
        CAPTURE(name);
        CHECK(code_of(os::File::open_read_write(dir / name)) == errc::invalid_argument);
        CHECK(code_of(os::File::open_append(dir / name)) == errc::invalid_argument);
    }
    CHECK(slurp(dir / "f") == "x");
    CHECK(!fs::exists(dir / "nowhere"));
}

#if CAIRN_TEST_FORK
TEST_CASE("file: handles are not inherited by a program that is executed", "[store][os]") {
    const TempDir dir;
    const auto file = os::File::create_new(dir / "f").value();
    os::LockedFile locked{os::File::open_read_write(dir / "l").value()};  // as a lock opens it
    CHECK((::fcntl(file.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(locked.file().native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
}
#endif

TEST_CASE("file: moving keeps one owner of the handle", "[store][os]") {
    const TempDir dir;
    auto a = os::File::create_new(dir / "a").value();
    auto b = os::File::create_new(dir / "b").value();
    const os::Handle handle = a.native_handle();
    b = std::move(a);
    CHECK(b.native_handle() == handle);
    b.write_text("x").value();
    CHECK(slurp(dir / "a") == "x");
}

#if CAIRN_TEST_FORK
TEST_CASE("file: a file in /proc, which says it is empty, is read whole", "[store][os]") {
    if (!fs::exists("/proc/self/status")) return;
    CHECK(os::File::open_read("/proc/self/status").value().read_all(1 << 20).value().size() > 100);
}

TEST_CASE("folders: made with those above, again without harm, not below a file", "[store][os]") {
    const TempDir dir;
    os::make_dirs(dir / "a/b/c").value();
    os::make_dirs(dir / "a/b/c").value();
    CHECK(fs::is_directory(dir / "a/b/c"));
    CHECK(code_of(os::make_dir(dir / "a")) == errc::already_exists);
    spit(dir / "f", "");
    CHECK(code_of(os::make_dirs(dir / "f")) == errc::not_found);
    CHECK(code_of(os::make_dirs(dir / "f/x/y")) == errc::not_found);
    if (fs::exists("/proc/self")) CHECK(!os::make_dirs("/proc/cairn/x"));
    fs::create_directory_symlink("a", dir / "link");
    os::make_dirs(dir / "link/d").value();  // a link to a folder is one
    CHECK(fs::is_directory(dir / "a/d"));
}
#endif

TEST_CASE("folders: listed in order and one that is missing is not_found", "[store][os]") {
    const TempDir dir;
    for (const char* name : {"b", "a", ".c"}) spit(dir / name, "");
    CHECK(os::list_dir(dir.path()).value() == std::vector<std::string>{".c", "a", "b"});
    CHECK(code_of(os::list_dir(dir / "none")) == errc::not_found);
    CHECK(code_of(os::list_dir(dir / "a")) == errc::not_found);
}

TEST_CASE("names: rename replaces, a hard link does not, removal needs a file", "[store][os]") {
    const TempDir dir;
    spit(dir / "a", "a");
    spit(dir / "b", "b");
    CHECK(code_of(os::hard_link(dir / "a", dir / "b")) == errc::already_exists);
    os::hard_link(dir / "a", dir / "c").value();
    CHECK(os::status(dir / "a")->nlink == 2);
    os::rename_replace(dir / "a", dir / "b").value();
    CHECK(slurp(dir / "b") == "a");
    CHECK(code_of(os::rename_replace(dir / "a", dir / "b")) == errc::not_found);
    os::remove_file(dir / "b").value();
    CHECK(code_of(os::remove_file(dir / "b")) == errc::not_found);
    os::File::open_read(dir / "c").value().set_read_only().value();
    CHECK((fs::status(dir / "c").permissions() & fs::perms::owner_write) == fs::perms::none);
    os::sync_dir(dir.path()).value();
    CHECK(code_of(os::sync_dir(dir / "none")) == errc::not_found);
    CHECK(!os::status(dir / "none")->exists);
    CHECK(!os::status(dir / "c/below")->exists);
}

#if CAIRN_TEST_FORK
TEST_CASE("copy_file copies to a new file, and leaves none when it fails", "[store][os]") {
    const TempDir dir;
    const std::string text(3'000'000, 'q');
    spit(dir / "a", text);
    os::copy_file(dir / "a", dir / "b").value();
    CHECK(slurp(dir / "b") == text);
    CHECK(code_of(os::copy_file(dir / "a", dir / "b")) == errc::already_exists);
    CHECK(code_of(os::copy_file(dir / "none", dir / "c")) == errc::not_found);
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              return os::copy_file(dir / "a", dir / "c").has_value() ? 1 : 0;
          }) == 0);
    CHECK(!fs::exists(dir / "c"));
}

TEST_CASE("remove_tree removes all below a name, and links but not what they name", "[store][os]") {
    const TempDir dir;
    fs::create_directories(dir / "root/t/a/b");
    fs::create_directories(dir / "outside/kept");
    spit(dir / "outside/kept/f", "x");
    spit(dir / "root/t/a/f", "x");
    spit(dir / "root/beside", "x");
    fs::create_directory_symlink(dir / "outside", dir / "root/t/a/b/link");
    fs::create_directory_symlink(dir / "outside", dir / "root/link");
    os::remove_tree(dir / "root", "t").value();
    CHECK(!fs::exists(dir / "root/t"));
    CHECK(fs::exists(dir / "root/beside"));
    CHECK(fs::exists(dir / "outside/kept/f"));
    os::remove_tree(dir / "root", "t").value();  // gone already
    os::remove_tree(dir / "none", "t").value();

    CHECK(!os::remove_tree(dir / "root", "link/kept"));  // would go through a link
    CHECK(!os::remove_file_inside(dir / "root", "link/kept/f"));
    CHECK(!os::remove_empty_dir_inside(dir / "root", "link/kept"));
    CHECK(fs::exists(dir / "outside/kept/f"));
    os::remove_tree(dir / "root", "link").value();  // the link itself
    CHECK(!fs::exists(fs::symlink_status(dir / "root/link")));
    CHECK(fs::exists(dir / "outside/kept/f"));
}
#endif

TEST_CASE("remove_tree refuses a path that could leave its root", "[store][os]") {
    const TempDir dir;
    fs::create_directories(dir / "root/a");
    spit(dir / "f", "x");
    for (const char* bad : {"", "/", ".", "..", "../f", "a/../../f", "/etc", "a//b", "a/", "./a", "a/."}) {
        INFO(bad);
        CHECK(code_of(os::remove_tree(dir / "root", bad)) == errc::invalid_argument);
    }
    CHECK(code_of(os::remove_tree(dir / "root", std::string_view{"a\0b", 3})) == errc::invalid_argument);
    CHECK(fs::exists(dir / "f"));
    CHECK(fs::exists(dir / "root/a"));
}

TEST_CASE("remove_inside removes a file or an empty folder and no more", "[store][os]") {
    const TempDir dir;
    fs::create_directories(dir / "root/a/b");
    spit(dir / "root/a/f", "x");
    CHECK(!os::remove_file_inside(dir / "root", "a/b"));
    CHECK(code_of(os::remove_empty_dir_inside(dir / "root", "a")) == errc::already_exists);
    os::remove_file_inside(dir / "root", "a/f").value();
    os::remove_empty_dir_inside(dir / "root", "a/b").value();
    os::remove_empty_dir_inside(dir / "root", "a").value();
    os::remove_file_inside(dir / "root", "a/f").value();
    CHECK(fs::is_empty(dir / "root"));
}

#if !defined(_WIN32)  // links and paths as other systems have them
TEST_CASE("remove_tree stops at a depth that would use up handles", "[store][os]") {
    const TempDir dir;
    fs::path deep = dir / "root";
    for (int i = 0; i < 200; ++i) deep /= "d";
    fs::create_directories(deep);
    CHECK(code_of(os::remove_tree(dir / "root", "d")) == errc::unsupported);
    CHECK(fs::exists(deep));
}
#endif

#if CAIRN_TEST_FORK
TEST_CASE("lock: a second one is busy, in this process and in another, until it goes", "[store][os][lock]") {
    const TempDir dir;
    const fs::path path = dir / "lock";
    CHECK_FALSE(os::Lock::is_held(path).value());
    CHECK_FALSE(fs::exists(path));  // looking makes no file
    {
        auto lock = os::Lock::try_acquire(path).value();
        CHECK(code_of(os::Lock::try_acquire(path)) == errc::busy);
        CHECK(os::Lock::is_held(path).value());
        CHECK(in_child([&] { return os::Lock::try_acquire(path) ? 1 : 0; }) == 0);
        CHECK(in_child([&] { return os::Lock::is_held(path).value() ? 0 : 1; }) == 0);
        (void)slurp(path);  // opening and closing the file beside it drops nothing
        CHECK(code_of(os::Lock::try_acquire(path)) == errc::busy);
        const auto moved = std::move(lock);
        CHECK(code_of(os::Lock::try_acquire(path)) == errc::busy);
    }
    CHECK_FALSE(os::Lock::is_held(path).value());
    CHECK(os::Lock::try_acquire(path).has_value());
    CHECK(code_of(os::Lock::try_acquire(dir / "none/lock")) == errc::not_found);
}

TEST_CASE("lock: waits until its deadline, and no longer than the holder", "[store][os][lock]") {
    const TempDir dir;
    const fs::path path = dir / "lock";
    auto held = os::Lock::try_acquire(path).value();
    CHECK(code_of(os::Lock::acquire(path, 30)) == errc::busy);
    const pid_t child = start_child([&] {
        held.close_in_child();
        return os::Lock::acquire(path, 20'000) ? 0 : 1;
    });
    ::usleep(20'000);
    held.release();
    CHECK(wait_for(child) == 0);
}

TEST_CASE("lock: the kernel drops it when its holder is killed", "[store][os][lock]") {
    const TempDir dir;
    const fs::path path = dir / "lock";
    const pid_t child = start_child([&] {
        const auto lock = os::Lock::try_acquire(path).value();
        spit(dir / "ready", "");
        ::pause();
        return 0;
    });
    while (!fs::exists(dir / "ready")) ::usleep(1000);
    CHECK(os::Lock::is_held(path).value());
    ::kill(child, SIGKILL);
    CHECK(wait_for(child) == -SIGKILL);
    CHECK(os::Lock::try_acquire(path).has_value());
}

TEST_CASE("lock: a forked child neither drops the parent's lock nor keeps it", "[store][os][lock]") {
    const TempDir dir;
    const fs::path path = dir / "lock";
    auto lock = std::make_unique<os::Lock>(os::Lock::try_acquire(path).value());
    CHECK(in_child([&] {
              lock.reset();  // the destructor in the child must not unlock
              return 0;
          }) == 0);
    CHECK(os::Lock::is_held(path).value());
    CHECK(in_child([&] {
              lock->close_in_child();
              return 0;
          }) == 0);
    CHECK(os::Lock::is_held(path).value());

    const pid_t child = start_child([] {  // shares the lock, and lives on
        ::pause();
        return 0;
    });
    lock.reset();
    CHECK_FALSE(os::Lock::is_held(path).value());
    ::kill(child, SIGKILL);
    (void)wait_for(child);
}
#endif

TEST_CASE("lock: its note is replaced whole", "[store][os][lock]") {
    const TempDir dir;
    auto lock = os::Lock::try_acquire(dir / "lock").value();
    lock.write_note("a long note").value();
    lock.write_note("short").value();
    CHECK(slurp(dir / "lock") == "short");
}

#if CAIRN_TEST_FORK
TEST_CASE("mapping: what is written is in the file, even after a kill", "[store][os][mapping]") {
    const TempDir dir;
    const pid_t child = start_child([&] {
        const auto mapping = os::Mapping::create_shared(dir / "m", 10'000).value();
        mapping.writable()[9'999] = std::byte{'z'};
        ::kill(::getpid(), SIGKILL);
        return 0;
    });
    CHECK(wait_for(child) == -SIGKILL);
    const auto mapping = os::Mapping::open_read(dir / "m").value();
    CHECK(mapping.size() == 10'000);
    CHECK(mapping.bytes()[9'999] == std::byte{'z'});
    CHECK(mapping.bytes()[0] == std::byte{0});
    CHECK(mapping.writable().empty());
    CHECK(mapping.has_file());
}

TEST_CASE("mapping: failures leave no file, and an empty file is an empty mapping", "[store][os][mapping]") {
    const TempDir dir;
    spit(dir / "m", "");
    CHECK(code_of(os::Mapping::create_shared(dir / "m", 4096)) == errc::already_exists);
    CHECK(os::Mapping::open_read(dir / "m").value().bytes().empty());
    CHECK(code_of(os::Mapping::open_read(dir / "none")) == errc::not_found);
    CHECK(!fs::exists(dir / "none"));
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              const auto mapping = os::Mapping::create_shared(dir / "big", 100'000);
              return !mapping && mapping.error().code() == errc::no_space ? 0 : 1;
          }) == 0);
    CHECK(!fs::exists(dir / "big"));
    auto memory = os::Mapping::anonymous(4096).value();
    memory.writable()[0] = std::byte{1};
    CHECK_FALSE(memory.has_file());
    memory.unmap();
    CHECK(memory.size() == 0);
}

TEST_CASE("mapping: a full disk is an error when it is made, and no SIGBUS later", "[store][os][mapping]") {
    const TempDir dir;
    fs::create_directory(dir / "disk");
    // Needs the right to mount; 77 stands for a machine where this cannot be tried.
    const int code = in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0) return 77;
        if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
        if (::mount("tmpfs", (dir / "disk").c_str(), "tmpfs", 0, "size=1m") != 0) return 77;
        const auto mapping = os::Mapping::create_shared(dir / "disk/m", 2U << 20U);
        if (mapping || mapping.error().code() != errc::no_space) return 1;
        if (fs::exists(dir / "disk/m")) return 2;
        const auto fits = os::Mapping::create_shared(dir / "disk/m", 512U << 10U);
        if (!fits) return 3;
        for (std::byte& b : fits->writable()) b = std::byte{1};
        return 0;
    });
    CAPTURE(code);
    CHECK((code == 0 || code == 77));
}

TEST_CASE("process: this one is alive, a dead one is not, and another machine's is unknown", "[store][os]") {
    const os::Process self = os::this_process();
    CHECK(self.pid == static_cast<std::uint64_t>(::getpid()));
    CHECK(os::liveness(self) == os::Liveness::alive);
    CHECK(!self.host.empty());

    const TempDir dir;
    const pid_t child = start_child([] { return 0; });
    os::Process other = self;
    other.pid = static_cast<std::uint64_t>(child);
    other.start = 0;
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    if (fs::exists("/proc/self/stat"))
        CHECK(os::liveness(other) == os::Liveness::dead);  // nobody waited for it yet
    (void)wait_for(child);
    CHECK(os::liveness(other) == os::Liveness::dead);

    if (self.start != 0) {
        os::Process earlier = self;
        earlier.start -= 1;
        CHECK(os::liveness(earlier) == os::Liveness::dead);  // the number was given out again
        os::Process before = self;
        before.boot = "another";
        CHECK(os::liveness(before) == os::Liveness::dead);  // the machine was restarted
        before.host += "-other";
        CHECK(os::liveness(before) == os::Liveness::unknown);
        os::Process contained = self;
        contained.space = "another";
        CHECK(os::liveness(contained) == os::Liveness::unknown);
    }
    CHECK(os::liveness({}) != os::Liveness::alive);
}

TEST_CASE("process: a name with blanks and brackets does not hide its start", "[store][os]") {
    if (!fs::exists("/proc/self/comm")) return;
    CHECK(in_child([] {
              const auto before = os::process_time(os::pid());
              std::ofstream{"/proc/self/comm"} << "a) R 1 (b";
              const auto after = os::process_time(os::pid());
              return before && after && before->start == after->start && before->start != 0 ? 0 : 1;
          }) == 0);
}
#endif

namespace {

/// Counts the threads that ended with one, and what they had in it.
struct Own {
    int value = 0;
    bool ended = false;
    static inline std::atomic<int> ends = 0, sum = 0;
    static void end(Own& own) {
        own.ended = true;
        ++ends;
        sum += own.value;
    }
};
using OwnData = os::ThreadData<Own>;

}  // namespace

TEST_CASE("thread data: each thread has its own until it ends, and the end is told", "[store][os]") {
    OwnData::get().value = 100;
    constexpr int threads = 20;
    std::atomic<int> wrong = 0;
    for (int i = 1; i <= threads; ++i) {
        std::thread{[&, i] {
            wrong += OwnData::get().value != 0;
            OwnData::get().value = i;
            OwnData::end_with_thread();
            OwnData::end_with_thread();
            wrong += OwnData::get().value != i || OwnData::get().ended;
        }}.join();
    }
    CHECK(wrong == 0);
    CHECK(Own::ends == threads);
    CHECK(Own::sum == threads * (threads + 1) / 2);
    CHECK(OwnData::get().value == 100);
}

TEST_CASE("random: ids differ and use all digits", "[store][os]") {
    std::set<std::string> ids;
    std::set<char> digits;
    for (int i = 0; i < 200; ++i) {
        const std::string id = os::random_hex(16);
        CHECK(id.size() == 16);
        digits.insert(id.begin(), id.end());
        ids.insert(id);
    }
    CHECK(ids.size() == 200);
    CHECK(digits.size() == 16);
    std::vector<std::byte> many(1000);
    os::random_bytes(many);
    CHECK(std::set<std::byte>(many.begin(), many.end()).size() > 200);
}

TEST_CASE("errors: every number of the system that can be met has its own meaning", "[store][os]") {
    CHECK(os::meaning(ENOSPC).code == errc::no_space);
#if defined(EDQUOT)
    CHECK(os::meaning(EDQUOT).code == errc::no_space);
#endif
    CHECK(os::meaning(EROFS).code == errc::permission);
    CHECK(os::meaning(EACCES).code == errc::permission);
    CHECK(os::meaning(ENOLCK).code == errc::unsupported);
    CHECK(os::meaning(EIO).code == errc::io);
    CHECK(os::meaning(12345).code == errc::io);
    for (int number = 1; number < 140; ++number) CHECK(!os::meaning(number).advice.empty());
}

}  // namespace os_test
