// SPDX-License-Identifier: MIT
// The second promise: a row whose log() has returned survives SIGKILL, once and in order. Which rows, is
// drawn from a seed: CAIRN_TEST_SEED, and CAIRN_TEST_KILLS says how many runs are killed.
#include <cairn/query/detail/read_series.hpp>

#include "run/support.hpp"

#include "support/read_series.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/mman.h>

namespace kill_test {

using namespace cairn::literals;
using namespace cairn_test;

namespace {

constexpr int most_sessions = 3;           // of one run, each of them killed
constexpr int workers_of_a_session = 100;  // threads that come and go
constexpr int workers = most_sessions * workers_of_a_session;

// What the children have logged so far, told to the parent through memory that outlives them.
struct Progress {
    std::array<std::atomic<std::int64_t>, workers> returned{};          // calls of log(), of each worker
    std::array<std::atomic<std::int64_t>, most_sessions> first_step{};  // of the session
    std::atomic<bool> logging{false};
};

// Random numbers that cost less to begin than a row to log.
struct Dice {
    std::uint64_t state = 0;

    std::uint64_t operator()() noexcept {  // splitmix64
        state += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31U);
    }
    std::size_t below(std::size_t limit) noexcept { return static_cast<std::size_t>((*this)() % limit); }
};

struct Drawn {
    std::string name;
    Kind kind = Kind::none;
    std::uint64_t bits = 0;  // a number's too
    std::string text;

    [[nodiscard]] cairn::Value value() const {
        if (kind == Kind::text) return cairn::Value{text};
        if (kind == Kind::number) return cairn::Value{std::bit_cast<double>(bits)};
        return cairn::Value::from_integer_bits(kind, bits);
    }
    [[nodiscard]] bool is(const cairn::NamedValue& read) const {
        if (read.name != name || read.value.kind() != kind) return false;
        if (kind == Kind::text)
            return read.value.text() == std::string_view{text}.substr(0, cairn::detail::max_text_bytes);
        return bits ==
               (kind == Kind::number ? std::bit_cast<std::uint64_t>(read.value.number()) : read.value.bits());
    }
};
struct DrawnRow {
    std::int64_t step = 0;
    std::size_t shape = 0;  // 0, 1: dynamic; 2, 3: typed
    std::vector<Drawn> values;
};

std::uint64_t draw_number(Dice& dice) {
    const std::uint64_t any = dice();
    switch (dice.below(8)) {
        case 0: return any | 0x7ff8000000000000;                         // a NaN
        case 1: return 0x7ff0000000000000 | (any & 0x8000000000000000);  // infinite
        case 2: return any & 0x8000000000000000;                         // zero
        case 3: return any & 0x800fffffffffffff;                         // denormal
        case 4: return std::bit_cast<std::uint64_t>(std::ldexp(static_cast<double>(any), -70));
        case 5: return std::bit_cast<std::uint64_t>(static_cast<double>(any % 1000) / 100);
        default: return std::bit_cast<std::uint64_t>(double{static_cast<float>(any % 10'000) / 7});
    }
}
std::string draw_text(Dice& dice) {
    // All lengths, so that records of all sizes meet the ring's end; some are longer than is kept.
    std::string text(dice.below(dice.below(50) == 0 ? 1200 : 70), 'x');
    for (char& letter : text) letter = static_cast<char>(dice.below(128));
    return text;
}
Drawn draw_value(Dice& dice, std::string name) {
    switch (dice.below(8)) {
        case 0: return {std::move(name), Kind::text, 0, draw_text(dice)};
        case 1: return {std::move(name), Kind::integer, dice() << dice.below(64), {}};
        case 2: return {std::move(name), Kind::natural, dice() >> dice.below(64), {}};
        case 3: return {std::move(name), Kind::boolean, dice() % 2, {}};
        default: return {std::move(name), Kind::number, draw_number(dice), {}};
    }
}

// Workers that give no step have the number of their row for one.
bool counts_itself(int worker) { return worker % 3 == 0; }

// The n-th row of a worker, for the child to log and for the parent to compare.
DrawnRow draw_row(std::uint64_t seed, int worker, std::int64_t n) {
    const auto number = static_cast<std::uint64_t>(n), of = static_cast<std::uint64_t>(worker);
    Dice dice{(seed * workers + of) * 0x9e3779b97f4a7c15 + number * 0xd1342543de82ef95};
    DrawnRow row;
    row.step = n;
    const auto back = static_cast<std::int64_t>(dice.below(100));
    switch (counts_itself(worker) ? 0 : dice.below(16)) {
        case 1: row.step = n / 2; break;
        case 2: row.step = n - back; break;
        case 3: row.step = (back - 50) << 34U; break;
        default: break;
    }
    row.shape = dice.below(4);
    row.values = {{"worker", Kind::integer, of, {}}, {"n", Kind::integer, number, {}}};
    if (row.shape == 2) {
        row.values.push_back({"loss", Kind::number, draw_number(dice), {}});
    } else if (row.shape == 3) {
        row.values.push_back({"note", Kind::text, 0, draw_text(dice)});
        row.values.push_back({"ok", Kind::boolean, dice() % 2, {}});
        const float rate = std::ldexp(static_cast<float>(dice.below(1000)), -20);
        row.values.push_back({"rate", Kind::number, std::bit_cast<std::uint64_t>(double{rate}), {}});
        row.values.push_back({"seen", Kind::natural, dice(), {}});
    } else if (dice.below(400) == 0) {  // several records
        for (int i = 0; i < 1500; ++i) row.values.push_back(draw_value(dice, "wide/" + std::to_string(i)));
    } else {
        const std::size_t count = dice.below(dice.below(50) == 0 ? 90 : 7), first = dice.below(200);
        for (std::size_t i = 0; i < count; ++i)  // 7 has no divisor in common with 200: no name twice
            row.values.push_back(draw_value(dice, "m" + std::to_string((first + 7 * i) % 200)));
    }
    return row;
}

void log_row(cairn::Run& run, int worker, std::int64_t n, const DrawnRow& row) {
    const auto number = [&](std::size_t i) { return std::bit_cast<double>(row.values[i].bits); };
    const auto typed = [&](auto... fields) {
        if (counts_itself(worker))
            run.log("worker"_m = worker, "n"_m = n, fields...);
        else
            run.log(cairn::step(row.step), "worker"_m = worker, "n"_m = n, fields...);
    };
    if (row.shape == 2) return typed("loss"_m = number(2));
    if (row.shape == 3) {
        return typed("note"_m = std::string_view{row.values[2].text}, "ok"_m = row.values[3].bits != 0,
                     "rate"_m = static_cast<float>(number(4)), "seen"_m = row.values[5].bits);
    }
    std::vector<cairn::NamedValue> values;
    for (const Drawn& drawn : row.values) values.push_back({drawn.name, drawn.value()});
    cairn::LogOptions options;
    if (!counts_itself(worker)) options.step = row.step;
    run.log(std::span<const cairn::NamedValue>{values}, options);
}

// Waits while the collector is behind: a ring that is full would drop rows, which is another promise.
void wait_for_collector(const cairn::Run& run) {
    for (;;) {
        const cairn::Health health = run.health();
        if (health.rows_dropped != 0) std::abort();
        if (health.rows_logged < health.rows_collected + 500) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

void work(cairn::Run& run, std::uint64_t seed, int worker, Progress& progress) {
    Dice dice{seed + static_cast<std::uint64_t>(worker)};
    const auto rows = static_cast<std::int64_t>(1 + dice.below(dice.below(4) == 0 ? 10 : 5000));
    const std::int64_t in_a_row = std::int64_t{1} << dice.below(10);
    const std::chrono::microseconds pause{dice.below(1500)};
    for (std::int64_t n = 0; n < rows; ++n) {
        const DrawnRow row = draw_row(seed, worker, n);
        log_row(run, worker, n, row);
        progress.returned[static_cast<std::size_t>(worker)].store(n + 1, std::memory_order_release);
        progress.logging.store(true, std::memory_order_release);
        if (n % 64 == 63) wait_for_collector(run);
        if (n % in_a_row == in_a_row - 1) std::this_thread::sleep_for(pause);
    }
}

cairn::Run open_run(const std::filesystem::path& store, const std::string& id) {
    return cairn::init(
        {.project = "p", .id = id, .dir = store, .resume = cairn::Resume::allow, .quiet = true});
}

int train(const std::filesystem::path& store, const std::string& id, std::uint64_t seed, int session,
          Progress& progress) {
    auto run = open_run(store, id);
    progress.first_step[static_cast<std::size_t>(session)] = run.first_step();
    std::atomic<int> next{0};
    std::vector<std::thread> slots;
    for (std::size_t count = 1 + Dice{seed}.below(5); count > 0; --count) {
        slots.emplace_back([&] {
            for (int i = next++; i < workers_of_a_session; i = next++) {
                // A thread of its own, which hands its ring on to another.
                std::thread{[&, i] { work(run, seed, session * workers_of_a_session + i, progress); }}.join();
            }
            for (;;) std::this_thread::sleep_for(std::chrono::seconds{1});
        });
    }
    for (std::thread& slot : slots) slot.join();
    return 1;  // was meant to be killed
}

using Counts = std::array<std::int64_t, workers>;
struct Point {
    std::int64_t step = 0;
    std::uint64_t bits = 0;
    bool operator==(const Point&) const = default;
};
struct RowsRead {
    Counts count{};  // of each worker's rows
    std::size_t rows = 0, of_others = 0;
    std::int64_t greatest = -1;  // step
    std::vector<Point> n, m7;    // the values of two metrics
    cairn::detail::HistoryReport report;
};

// Reads a run, whose rows must be those that were drawn, each worker's without a gap or a repetition.
RowsRead check_rows(const std::filesystem::path& run_dir, std::uint64_t seed, const Progress& progress) {
    RowsRead read;
    std::string wrong;
    const auto keep = [](std::vector<Point>& points, std::int64_t step, const cairn::Value& value) {
        if (!value.is_text()) points.push_back({step, std::bit_cast<std::uint64_t>(value.number())});
    };
    auto report = cairn::detail::read_history(
        run_dir, [&](std::int64_t step, std::int64_t, std::span<const cairn::NamedValue> values) {
            read.greatest = std::max(read.greatest, step);
            if (values.size() < 2 || values[0].name != "worker") {
                ++read.of_others;
                return;
            }
            ++read.rows;
            for (const cairn::NamedValue& value : values) {
                if (value.name == "n") keep(read.n, step, value.value);
                if (value.name == "m7") keep(read.m7, step, value.value);
            }
            const auto worker = static_cast<int>(values[0].value.number());
            const auto n = static_cast<std::int64_t>(values[1].value.number());
            if (worker < 0 || worker >= workers) {
                wrong = "no such worker";
                return;
            }
            auto& next = read.count[static_cast<std::size_t>(worker)];
            DrawnRow drawn = draw_row(seed, worker, n);
            if (counts_itself(worker))
                drawn.step += progress.first_step[static_cast<std::size_t>(worker / workers_of_a_session)];
            const bool is_right =
                n == next && step == drawn.step &&
                std::equal(values.begin(), values.end(), drawn.values.begin(), drawn.values.end(),
                           [](const auto& value, const Drawn& of) { return of.is(value); });
            if (!is_right && wrong.empty()) {
                wrong = "worker " + std::to_string(worker) + ": row " + std::to_string(n) + " where " +
                        std::to_string(next) + " comes next";
            }
            next = n + 1;
        });
    read.report = std::move(report).value();
    CHECK(wrong.empty());
    if (!wrong.empty()) WARN(wrong);
    CHECK((read.report.damaged == 0 && read.report.unread.empty()));
    return read;
}

// A query has the same.
void check_series(const std::filesystem::path& run_dir, std::string_view metric,
                  const std::vector<Point>& expected) {
    const auto series = cairn_test::read_series(run_dir, metric).value();
    std::vector<Point> points;
    for (const auto& point : series.points())
        points.push_back({point.step, std::bit_cast<std::uint64_t>(point.value)});
    CHECK(points == expected);
    CHECK((series.damaged() == 0 && series.unread() == 0));
}

}  // namespace

TEST_CASE("a run killed at a random moment keeps every row whose log returned, once and in order",
          "[run][kill]") {
    const unsigned first_seed = number_from_env("CAIRN_TEST_SEED", std::random_device{}());
    const unsigned rounds = number_from_env("CAIRN_TEST_KILLS", 25);
    std::printf("kill test: CAIRN_TEST_SEED=%u\n", first_seed);
    const TempDir dir;
    auto* const memory =
        ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);

    std::uint64_t kept = 0, folded = 0, written = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        const std::uint64_t seed = first_seed + round;
        Dice dice{seed};
        auto& progress = *new (memory) Progress{};
        const std::string id = std::to_string(round);
        const std::filesystem::path run_dir = dir / "projects/p/runs" / id;
        RowsRead read;
        bool exists = false;
        const int sessions = 1 + static_cast<int>(dice.below(most_sessions));
        for (int session = 0; session < sessions; ++session) {
            INFO("again with CAIRN_TEST_KILLS=1 CAIRN_TEST_SEED=" << seed << "; session " << session);
            progress.logging = false;
            const ::pid_t child = start_child([&] { return train(dir.path(), id, seed, session, progress); });
            // From the very start on, so that `init` is hit too, which may recover what a kill left; or once
            // rows come.
            if (dice.below(3) != 0) {
                while (!progress.logging.load(std::memory_order_acquire)) std::this_thread::yield();
            }
            std::this_thread::sleep_for(
                std::chrono::microseconds{dice.below(dice.below(4) == 0 ? 120'000 : 25'000)});
            if (dice.below(3) == 0 && std::filesystem::exists(run_dir / "run.json")) {
                // A reader beside the writer.
                Counts before{};
                for (std::size_t i = 0; i < workers; ++i) before[i] = progress.returned[i];
                const RowsRead seen = check_rows(run_dir, seed, progress);
                for (std::size_t i = 0; i < workers; ++i) {
                    if (seen.count[i] < before[i]) CHECK(seen.count[i] >= before[i]);
                }
            }
            REQUIRE(::kill(child, SIGKILL) == 0);
            REQUIRE(wait_for(child) == -SIGKILL);

            exists = std::filesystem::exists(run_dir / "run.json");
            const Counts before = read.count;
            read = check_rows(run_dir, seed, progress);
            for (std::size_t i = 0; i < workers; ++i) {
                const std::int64_t returned = progress.returned[i];
                const bool is_of_now = i / workers_of_a_session == static_cast<std::size_t>(session);
                INFO("worker " << i << ": " << returned << " returned, " << read.count[i] << " read");
                // The one that was under way may be there.
                const bool is_right = is_of_now ? read.count[i] == returned || read.count[i] == returned + 1
                                                : read.count[i] == before[i];
                if (!is_right) CHECK(is_right);
            }
            check_series(run_dir, "n", read.n);
            check_series(run_dir, "m7", read.m7);
            if (exists) CHECK(state_of(dir.path(), "p", id) == "crashed");
            folded += read.report.folded;
            written += read.rows - read.report.folded;
        }
        kept += read.rows;

        INFO("again with CAIRN_TEST_KILLS=1 CAIRN_TEST_SEED=" << seed << "; after " << sessions);
        const int begun = exists ? json_of(run_dir / "run.json")["sessions"].get<int>() : 0;
        // Twice: the second finds no ring that would tell which numbers were given.
        for (int again = 1; again <= 2; ++again) {
            const int resumed = in_child([&] {
                auto run = open_run(dir.path(), id);
                if (run.resumed() != (exists || again == 2)) return 1;
                if (run.first_step() != read.greatest + again) return 2;
                // Not a typed row: clang 14 crashes of one just here.
                if (run.log({{"after", again}}).step() != read.greatest + again) return 3;
                return run.finish() ? 0 : 4;
            });
            CHECK(resumed == 0);
        }
        const RowsRead after = check_rows(run_dir, seed, progress);
        CHECK((after.rows == read.rows && after.of_others == 2 && after.count == read.count));
        CHECK(after.greatest == read.greatest + 2);
        CHECK((after.report.folded == 0 && after.report.torn_bytes == 0));
        check_series(run_dir, "n", after.n);
        check_series(run_dir, "m7", after.m7);
        CHECK(count_files(run_dir / "journal") == 0);
        CHECK(state_of(dir.path(), "p", id) == "finished");
        CHECK(json_of(run_dir / "run.json")["sessions"] == begun + 2);
        if (exists && read.rows > 0)
            CHECK(json_of(run_dir / "summary.json")["metrics"]["n"]["count"] == read.rows);
        std::filesystem::remove_all(run_dir);
    }
    CHECK(kept > 0);
    // Otherwise no kill came before the collector, or none after it, and little was tested.
    CHECK(folded > 0);
    if (rounds >= 25) CHECK(written > 0);
    ::munmap(memory, sizeof(Progress));
}

TEST_CASE("a run whose crash left a ring that cannot be read is not resumed over it", "[run][kill]") {
    const TempDir dir;
    const std::filesystem::path run_dir = dir / "projects/p/runs/r";
    const std::filesystem::path ring = run_dir / "journal/0.ring";
    // The collector is given time to fall asleep, so that the rows are in the ring alone.
    const int killed = in_child([&] {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        for (int i = 0; i < 50; ++i) run.log(cairn::step(i), "loss"_m = i);
        return ::raise(SIGKILL);
    });
    REQUIRE(killed == -SIGKILL);
    REQUIRE(std::filesystem::exists(ring));
    const auto resume = [&] {
        return cairn::init(
            {.project = "p", .id = "r", .dir = dir.path(), .resume = cairn::Resume::allow, .quiet = true});
    };

    SECTION("for another user, who may not read it") {
        for (const auto& entry : std::filesystem::recursive_directory_iterator{dir.path()})
            std::filesystem::permissions(entry.path(), std::filesystem::perms::all);
        std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
        std::filesystem::permissions(ring, std::filesystem::perms::none);
        const int code = in_child([&] {
            if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 98;
            const auto e = error_of([&] { (void)resume(); });
            return e && e->code() == cairn::errc::permission ? 0 : 1;
        });
        CHECK(code == 0);
        std::filesystem::permissions(ring, std::filesystem::perms::owner_all);
        CHECK(resume().first_step() == 50);
    }
    SECTION("when it is cut, it is kept and the run says so") {
        std::filesystem::resize_file(ring, 60'000);
        auto run = resume();
        CHECK_FALSE(run.health().ok());
        REQUIRE(run.health().errors.size() == 1);
        CHECK(run.health().errors[0].find("0.ring") != std::string::npos);
        CHECK(std::filesystem::file_size(ring.string() + ".damaged") == 60'000);
        run.log("loss"_m = 1);
        REQUIRE(run.finish());
        CHECK(rows_of(run_dir).size() == 1);
    }
}

}  // namespace kill_test
