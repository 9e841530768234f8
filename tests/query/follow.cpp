// SPDX-License-Identifier: MIT
// Rows as they come: each of them once, in the order of its thread.
#include <cairn/cairn.hpp>
#include <cairn/query/follow.hpp>
#include <cairn/run/detail/ring_chain.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/ring_file.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace follow_test {

using namespace cairn_test;
using namespace cairn::literals;

namespace {

cairn::Run start(const TempDir& dir, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "p", .id = "r", .dir = dir.path(), .resume = resume, .quiet = true});
}
std::filesystem::path folder(const TempDir& dir) { return dir / "projects/p/runs/r"; }
/// Changes a byte of a file.
void spoil(const std::filesystem::path& path, std::uintmax_t at) {
    std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
    file.seekp(static_cast<std::streamoff>(at)).put('?');
}

/// The numbers that each worker logged, as they were seen.
class Seen {
  public:
    void operator()(const cairn::detail::StoredRow& row) {
        std::int64_t worker = -1, number = -1;
        for (const cairn::NamedValue& named : row.values) {
            if (named.name == "worker") worker = static_cast<std::int64_t>(named.value.number());
            if (named.name == "n") number = static_cast<std::int64_t>(named.value.number());
        }
        if (worker < 0) return;
        std::int64_t& last = last_.try_emplace(worker, -1).first->second;
        if (number != last + 1) ++wrong_;
        last = number;
    }
    [[nodiscard]] std::int64_t count(std::int64_t worker) const {
        const auto found = last_.find(worker);
        return found != last_.end() ? found->second + 1 : 0;
    }
    [[nodiscard]] int wrong() const { return wrong_; }

  private:
    std::map<std::int64_t, std::int64_t> last_;
    int wrong_ = 0;
};

}  // namespace

TEST_CASE("follow: each row once and in order, while threads write", "[query][follow]") {
    const TempDir dir;
    auto run = start(dir);
    cairn::RowFollower rows{folder(dir)};
    Seen seen;
    std::atomic<int> at_work = 3, looks = 0;
    std::vector<std::thread> threads;
    for (int worker = 0; worker < 3; ++worker) {
        threads.emplace_back([&run, &at_work, &looks, worker] {
            std::vector<std::string> names;
            for (int k = 0; k < 300; ++k) names.push_back("wide/" + std::to_string(k));
            for (int n = 0; n < 30'000; ++n) {
                if (n % 10'000 == 5000) {  // somebody looks meanwhile, however slow that is
                    for (const int before = looks; looks == before;) std::this_thread::yield();
                }
                if (n % 1000 != 999) {
                    run.log(cairn::step(n), "worker"_m = worker, "n"_m = n);
                    continue;
                }
                std::vector<cairn::NamedValue> values{{"worker", worker}, {"n", n}};
                for (const std::string& name : names) values.push_back({name, n});
                run.log(std::span<const cairn::NamedValue>{values}, {.step = n});
            }
            --at_work;
        });
    }
    while (at_work != 0) {
        REQUIRE(rows.next(seen));
        ++looks;
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(run.finish());
    REQUIRE(rows.next(seen));
    CHECK(run.health().rows_dropped == 0);
    CHECK(looks > 2);
    CHECK(seen.wrong() == 0);
    for (int worker = 0; worker < 3; ++worker) CHECK(seen.count(worker) == 30'000);
    int more = 0;
    REQUIRE(rows.next([&](const cairn::detail::StoredRow&) { ++more; }));
    CHECK(more == 0);
}

namespace {

/// A thread that logs, and a collector that writes when it is told to.
class Writer {
  public:
    explicit Writer(const std::filesystem::path& dir)
        : lock_{cairn::detail::os::Lock::try_acquire(dir / "lock").value()},
          history_{cairn::detail::HistoryWriter::open(dir / cairn::detail::history_file, 0).value()},
          chain_{cairn::detail::os::Mapping::create_shared(dir / "journal/1.ring",
                                                           cairn::detail::ring_file_bytes)
                     .value(),
                 1, spares_} {
        make_room(cairn::detail::name_record_size("worker") + cairn::detail::name_record_size("n"));
        for (const auto& [number, name] : {std::pair{0U, "worker"}, {1U, "n"}}) {
            cairn::detail::put_name(ring_.end(), number, name);
            ring_.commit(cairn::detail::name_record_size(name));
        }
    }
    void log(std::int64_t n) {
        constexpr std::size_t bytes = cairn::detail::row_header_bytes + 2 * cairn::detail::cell_bytes;
        make_room(bytes);
        std::byte* const to =
            cairn::detail::put_row_header(ring_.end(), bytes, cairn::detail::RecordKind::row, 0, 2, n, n);
        cairn::detail::put_cell(cairn::detail::put_cell(to, 0, 0), 1, n);
        ring_.commit(bytes);
    }
    /// As the thread does when its collector has caught up.
    void return_home() { chain_.return_home(ring_); }
    /// Writes a piece of what is logged into the history; false if there is none.
    bool write() {
        const auto piece = chain_.readable(seen_);
        if (piece.bytes.empty()) return false;
        const std::uint64_t to = piece.from + piece.bytes.size();
        REQUIRE(history_.append({cairn::detail::FrameKind::records, 1, seen_, to, piece.bytes}));
        chain_.release(seen_ = to);
        return true;
    }
    [[nodiscard]] bool is_in_memory() const { return is_in_memory_; }
    void die() { lock_.release(); }

  private:
    void make_room(std::size_t bytes) {
        if (ring_.has_room(bytes) || ring_.advance(bytes)) return;
        REQUIRE(chain_.extend(ring_));
        is_in_memory_ = true;
        REQUIRE(ring_.advance(bytes));
    }

    cairn::detail::os::Lock lock_;
    cairn::detail::HistoryWriter history_;
    cairn::detail::SpareRings spares_;
    cairn::detail::RingChain chain_;
    cairn::detail::Ring ring_ = chain_.own();
    std::uint64_t seen_ = 0;
    bool is_in_memory_ = false;
};

}  // namespace

TEST_CASE("follow: rows in plain memory come before those that their thread logged after them",
          "[query][follow]") {
    const TempDir dir;
    std::filesystem::create_directories(dir / "journal");
    Writer writer{dir.path()};
    std::int64_t n = 0;
    while (!writer.is_in_memory()) writer.log(n++);
    const std::int64_t in_file = n - 1;
    while (n < in_file + 100) writer.log(n++);
    cairn::RowFollower rows{dir.path()};
    Seen seen;
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == in_file);
    REQUIRE(writer.write());
    writer.return_home();
    for (int i = 0; i < 10; ++i) writer.log(n++);

    SECTION("while they wait to be written") {
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == in_file);
        const auto read = cairn::detail::read_history(dir.path(), [](const cairn::detail::StoredRow&) {});
        REQUIRE(read);
        CHECK(read->rows == static_cast<std::uint64_t>(in_file));
        CHECK(read->damaged == 0);
        REQUIRE(writer.write());
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == n);
        for (int i = 0; i < 10; ++i) writer.log(n++);
        while (writer.write()) {
        }
        REQUIRE(rows.next(seen));
        CHECK(seen.wrong() == 0);
        CHECK(seen.count(0) == n);
    }
    SECTION("unless a kill has taken them") {
        writer.die();
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == n);
        CHECK(seen.wrong() == 1);  // the gap
        const auto read = cairn::detail::recover_history(dir.path(), [](const cairn::detail::StoredRow&) {});
        REQUIRE(read);
        CHECK(read->damaged == 1);
        int more = 0;
        REQUIRE(rows.next([&](const cairn::detail::StoredRow&) { ++more; }));
        CHECK(more == 0);
    }
}

TEST_CASE("follow: what cannot be read is told once, and what cannot be read now is read the next time",
          "[query][follow]") {
    const TempDir dir;
    std::filesystem::create_directories(dir / "journal");
    Writer writer{dir.path()};
    std::int64_t n = 0;
    while (n < 10) writer.log(n++);
    cairn::RowFollower rows{dir.path()};
    Seen seen;

    SECTION("a ring that is not to be had") {
        std::filesystem::create_directories(dir / "journal/2.ring");
        CHECK(!rows.next(seen));
        CHECK(seen.count(0) == n);  // what else there is was read
        std::filesystem::remove(dir / "journal/2.ring");
        writer.log(n++);
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == n);
        CHECK(rows.losses(false).empty());
    }
    SECTION("a ring that is none") {
        std::ofstream{dir / "journal/2.ring"} << std::string(8192, '?');
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == n);
        const std::vector<cairn::error> lost = rows.losses(false);
        REQUIRE(lost.size() == 1);
        CHECK(lost.front().code() == cairn::errc::corrupt);
        CHECK(lost.front().path() == (dir / "journal" / "2.ring").string());
        REQUIRE(rows.next(seen));
        CHECK(rows.losses(false).empty());
    }
    SECTION("a stretch of the history") {
        REQUIRE(writer.write());
        const auto at = std::filesystem::file_size(dir / cairn::detail::history_file) + 40;
        for (int stretch = 0; stretch < 2; ++stretch) {
            for (int i = 0; i < 10; ++i) writer.log(n++);
            REQUIRE(writer.write());
        }
        spoil(dir / cairn::detail::history_file, at);
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == n);
        CHECK(seen.wrong() == 1);
        const std::vector<cairn::error> lost = rows.losses(false);
        REQUIRE(lost.size() == 1);
        CHECK(lost.front().code() == cairn::errc::corrupt);
        REQUIRE(rows.next(seen));
        CHECK(rows.losses(false).empty());
    }
    SECTION("the last frame, which a writer may be at, or nobody any more") {
        REQUIRE(writer.write());
        const auto at = std::filesystem::file_size(dir / cairn::detail::history_file) - 8;
        spoil(dir / cairn::detail::history_file, at);
        REQUIRE(rows.next(seen));
        CHECK(seen.count(0) == 0);
        CHECK(rows.losses(false).empty());
        CHECK(rows.losses(true).size() == 1);
        CHECK(rows.losses(true).empty());
    }
}

TEST_CASE("follow: a stretch that is missing is told once, though it is seen from two sides",
          "[query][follow]") {
    const TempDir dir;
    auto history = cairn::detail::HistoryWriter::open(dir / cairn::detail::history_file, 0).value();
    std::byte nothing[8];
    cairn::detail::put_record(nothing, sizeof nothing, cairn::detail::RecordKind::padding);
    const auto append = [&](std::uint32_t ring, std::uint64_t from) {
        REQUIRE(history.append({cairn::detail::FrameKind::records, ring, from, from + 8, nothing}));
    };
    append(1, 0);
    const auto at = std::filesystem::file_size(dir / cairn::detail::history_file);
    append(1, 8);
    append(2, 0);
    spoil(dir / cairn::detail::history_file, at);
    cairn::RowFollower rows{dir.path()};
    const auto pass_over = [](const cairn::detail::StoredRow&) {};
    REQUIRE(rows.next(pass_over));
    CHECK(rows.losses(false).size() == 1);
    append(1, 16);
    REQUIRE(rows.next(pass_over));
    CHECK(rows.losses(false).empty());
}

#if CAIRN_TEST_FORK
TEST_CASE("follow: over a kill and the session that goes on after it", "[query][follow]") {
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    const ::pid_t child = start_child([&] {
        auto run = start(dir);
        for (int n = 0; n < 5000; ++n) run.log(cairn::step(n), "worker"_m = 0, "n"_m = n);
        std::ofstream{dir / "written"};
        for (;;) ::pause();
        return 0;
    });
    while (!std::filesystem::exists(dir / "written")) std::this_thread::yield();
    cairn::RowFollower rows{folder(dir)};
    Seen seen;
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 5000);
    ::kill(child, SIGKILL);
    REQUIRE(wait_for(child) == -SIGKILL);
    REQUIRE(rows.next(seen));
    auto run = start(dir, cairn::Resume::must);  // moves what the rings held into the history
    for (int n = 5000; n < 6000; ++n) run.log(cairn::step(n), "worker"_m = 0, "n"_m = n);
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 6000);
    REQUIRE(run.finish());
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 6000);
    CHECK(seen.wrong() == 0);
}
#endif

TEST_CASE("follow: nothing yet is no failure, and what is no history is one", "[query][follow]") {
    const TempDir dir;
    cairn::RowFollower rows{folder(dir)};
    REQUIRE(rows.next([](const cairn::detail::StoredRow&) { FAIL("there is no row"); }));
    std::filesystem::create_directories(folder(dir));
    std::ofstream{folder(dir) / "history.cairn"} << "this is no history of ours at all";
    CHECK(!rows.next([](const cairn::detail::StoredRow&) { FAIL("there is no row"); }));
}

}  // namespace follow_test
