// SPDX-License-Identifier: MIT
#include <cairn/store/atomic_file.hpp>

#include "support.hpp"
#include "support/age.hpp"

#include <chrono>
#include <csignal>
#include <memory>

#if CAIRN_TEST_FORK
#include <sys/resource.h>
#endif

namespace atomic_file_test {

using namespace cairn_test;
using cairn::Durability;
using cairn::errc;
namespace detail = cairn::detail;
namespace fs = std::filesystem;

TEST_CASE("write_file_atomically replaces a file whole, in both durabilities", "[store][atomic_file]") {
    const TempDir dir;
    for (const Durability durability : {Durability::process_crash, Durability::power_loss}) {
        detail::write_file_atomically(dir / "f", "old", durability).value();
        detail::write_file_atomically(dir / "f", "new", durability).value();
        CHECK(slurp(dir / "f") == "new");
        CHECK(tree(dir.path()) == std::vector<std::string>{"f"});
    }
}

#if CAIRN_TEST_FORK
TEST_CASE("write_file_atomically that fails leaves the old file and no temporary", "[store][atomic_file]") {
    const TempDir dir;
    spit(dir / "f", "old");
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              const auto done =
                  detail::write_file_atomically(dir / "f", std::string(5000, 'x'), Durability::power_loss);
              return !done && done.error().code() == errc::no_space ? 0 : 1;
          }) == 0);
    CHECK(slurp(dir / "f") == "old");
    fs::create_directories(dir / "folder/in");
    CHECK(!detail::write_file_atomically(dir / "folder", "x", Durability::process_crash));
    CHECK(code_of(detail::write_file_atomically(dir / "none/f", "x", Durability::process_crash)) ==
          errc::not_found);
    CHECK(code_of(detail::write_file_atomically(dir / "f/f", "x", Durability::process_crash)) ==
          errc::not_found);
    CHECK(tree(dir.path()) == std::vector<std::string>{"f"});
}

TEST_CASE("write_new_file_atomically never replaces, and of many writers one succeeds",
          "[store][atomic_file]") {
    const TempDir dir;
    fs::create_directory(dir / "tmp");
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
        children.push_back(start_child([&, i] {
            int won = 0;
            for (int file = 0; file < 50; ++file) {
                const auto written = detail::write_new_file_atomically(
                    dir / std::to_string(file), std::to_string(i), Durability::process_crash, dir / "tmp");
                if (!written && written.error().code() != errc::already_exists) return 99;
                won += written ? 1 : 0;
            }
            return won;
        }));
    }
    int won = 0;
    for (const pid_t child : children) won += wait_for(child);
    CHECK(won == 50);
    CHECK(fs::is_empty(dir / "tmp"));
    CHECK(tree(dir.path()).size() == 50);
}

TEST_CASE("a reader beside a writer sees whole files only", "[store][atomic_file]") {
    const TempDir dir;
    const std::string a(100'000, 'a');
    const std::string b(50'000, 'b');
    spit(dir / "f", a);
    const pid_t writer = start_child([&] {
        for (int i = 0; i < 300; ++i) {
            if (!detail::write_file_atomically(dir / "f", i % 2 == 0 ? b : a, Durability::process_crash))
                return 1;
        }
        return 0;
    });
    int torn = 0;
    for (int i = 0; i < 300; ++i) {
        const std::string text = detail::read_file(dir / "f", 1'000'000).value();
        torn += text == a || text == b ? 0 : 1;
    }
    CHECK(torn == 0);
    CHECK(wait_for(writer) == 0);
}

TEST_CASE("a kill while files are written leaves the old or the new one, and temporaries that go",
          "[store][atomic_file]") {
    const TempDir dir;
    const std::string a(300'000, 'a');
    const std::string b(300'000, 'b');
    spit(dir / "f", a);
    fs::create_directory(dir / "tmp");
    for (int round = 0; round < 20; ++round) {
        const pid_t writer = start_child([&] {
            for (int i = 0;; ++i) {
                (void)detail::write_file_atomically(dir / "f", i % 2 == 0 ? b : a, Durability::process_crash,
                                                    dir / "tmp");
            }
            return 0;
        });
        ::usleep(static_cast<useconds_t>(3000 + round * 137));
        ::kill(writer, SIGKILL);
        (void)wait_for(writer);
        const std::string text = slurp(dir / "f");
        CHECK((text == a || text == b));
    }
    detail::remove_abandoned_temps(dir / "tmp");
    CHECK(fs::is_empty(dir / "tmp"));
}
#endif

TEST_CASE("read_file says what is wrong with the file", "[store][atomic_file]") {
    const TempDir dir;
    spit(dir / "f", std::string_view{"a\0b", 3});
    CHECK(detail::read_file(dir / "f", 3).value() == std::string("a\0b", 3));
    CHECK(code_of(detail::read_file(dir / "f", 2)) == errc::corrupt);
    CHECK(code_of(detail::read_file(dir / "none", 2)) == errc::not_found);
    CHECK(code_of(detail::read_file(dir.path(), 2)) == errc::invalid_argument);
    spit(dir / "empty", "");
    CHECK(detail::read_file(dir / "empty", 0).value().empty());
}

#if CAIRN_TEST_FORK
TEST_CASE("temporaries: those of the living and what is not one of ours stay", "[store][atomic_file]") {
    const TempDir dir;
    const std::string mine = detail::temp_name();
    CHECK(mine != detail::temp_name());
    CHECK(mine.starts_with(std::to_string(detail::os::pid()) + "-"));
    const std::string key = mine.substr(mine.size() - 16, 8);

    const pid_t child = start_child([] { return 0; });
    (void)wait_for(child);
    const std::string dead = std::to_string(child) + "-0-" + key + "00112233";
    const std::string elsewhere =
        std::to_string(child) + "-0-" + (key == "00000000" ? "11111111" : "00000000") + "00112233";
    const std::vector<std::string> foreign = {"notes.txt", "1-2",
                                              "1-2-3",     "x-1-" + key + "00112233",
                                              dead + "0",  std::to_string(child) + "-0-" + key + "0011223X"};
    for (const std::string& name : foreign) spit(dir / name, "");
    spit(dir / mine, "");
    spit(dir / elsewhere, "");
    spit(dir / dead, "");
    fs::create_directory(dir / ("." + dead));
    spit(dir / ("." + dead) / "f", "");
    detail::remove_abandoned_temps(dir.path());
    CHECK(!fs::exists(dir / dead));
    CHECK(!fs::exists(dir / ("." + dead)));
    CHECK(fs::exists(dir / mine));
    CHECK(fs::exists(dir / elsewhere));  // another machine's: who knows
    for (const std::string& name : foreign) CHECK(fs::exists(dir / name));

    make_older(dir / elsewhere, std::chrono::hours{25});
    detail::remove_abandoned_temps(dir.path());
    CHECK(!fs::exists(dir / elsewhere));
    detail::remove_abandoned_temps(dir / "none");
}

TEST_CASE("temporaries: a forked child does not remove its parent's", "[store][atomic_file]") {
    const TempDir dir;
    auto temp = std::make_unique<detail::TempPath>(dir / "t");
    spit(dir / "t", "");
    CHECK(in_child([&] {
              temp.reset();
              return 0;
          }) == 0);
    CHECK(fs::exists(dir / "t"));
    temp.reset();
    CHECK(!fs::exists(dir / "t"));
}

TEST_CASE("make_dirs_durably makes what is missing, in both durabilities", "[store][atomic_file]") {
    const TempDir dir;
    for (const Durability durability : {Durability::process_crash, Durability::power_loss}) {
        detail::make_dirs_durably(dir / "a/b/c", durability).value();
        detail::make_dirs_durably(dir / "a/b/d", durability).value();
        CHECK(fs::is_directory(dir / "a/b/d"));
        spit(dir / "f", "");
        CHECK(code_of(detail::make_dirs_durably(dir / "f/x", durability)) == errc::not_found);
        CHECK(code_of(detail::make_dirs_durably(dir / "f", durability)) == errc::not_found);
        fs::remove_all(dir / "a");
    }
    CHECK(in_child([&] {
              fs::current_path(dir.path());
              return detail::make_dirs_durably("relative/x", Durability::power_loss) ? 0 : 1;
          }) == 0);
    CHECK(fs::is_directory(dir / "relative/x"));
}
#endif

}  // namespace atomic_file_test
