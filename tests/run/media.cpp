// SPDX-License-Identifier: MIT
// Rich values beside rows: kept at the row's step, written by the run's own thread, counted when they are
// lost.
#include <cairn/media/histogram.hpp>
#include <cairn/media/text.hpp>
#include <cairn/store/media_file.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <limits>
#include <memory>
#include <set>
#include <thread>
#include <stdexcept>
#include <string>
#include <vector>

namespace media_test {

using namespace cairn_test;
using namespace cairn::literals;
using namespace std::chrono_literals;

namespace {

/// One of one's own, that tells when it is encoded.
struct Own {
    std::string text;
    std::atomic<int>* encoded = nullptr;
    std::size_t size = 10;

    [[nodiscard]] std::size_t memory() const { return size; }
    [[nodiscard]] cairn::Media encode() const {
        if (encoded != nullptr) ++*encoded;
        if (text == "throws") throw std::runtime_error("out of ink");
        return {"blob", "text/plain", text};
    }
};

struct Slow {
    int milliseconds;
    [[nodiscard]] std::size_t memory() const { return 10; }
    [[nodiscard]] cairn::Media encode() const {
        cairn::detail::os::sys::sleep_ns(milliseconds * 1'000'000);
        return {"blob", "text/plain", "slow"};
    }
};
struct Blocked {
    std::atomic<bool>* go;
    std::atomic<bool>* is_over;
    std::atomic<bool>* has_begun = nullptr;
    [[nodiscard]] std::size_t memory() const { return 10; }
    [[nodiscard]] cairn::Media encode() const {
        if (has_begun != nullptr) *has_begun = true;
        while (!*go) cairn::detail::os::sys::sleep_ns(1'000'000);
        *is_over = true;
        return {"blob", "text/plain", "late"};
    }
};
constexpr std::size_t half_of_memory = std::numeric_limits<std::size_t>::max() / 2;

struct Ending {
    cairn::Run* run;
    std::atomic<bool>* ended;
    std::atomic<bool>* is_over;
    [[nodiscard]] std::size_t memory() const { return 10; }
    [[nodiscard]] cairn::Media encode() const {
        (void)run->finish();
        *ended = true;
        cairn::detail::os::sys::sleep_ns(50'000'000);
        *is_over = true;
        return {"blob", "text/plain", "last"};
    }
};

struct MediaRead {
    nlohmann::json about;
    std::string value;
};
std::vector<MediaRead> media_in(const std::filesystem::path& run_dir) {
    std::vector<MediaRead> out;
    auto reader = cairn::detail::MediaReader::open(run_dir / cairn::detail::media_file).value();
    cairn::detail::MediaEntry entry;
    while (reader.next(entry).value())
        out.push_back({nlohmann::json::parse(entry.text), reader.read(entry).value()});
    return out;
}

cairn::Run start(const TempDir& dir, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init(
        {.id = "r", .dir = dir.path(), .resume = resume, .quiet = true, .on_error = [](const auto&) {}});
}

}  // namespace

TEST_CASE("media: a rich value is kept at the step of its row, which has the numbers", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    const std::vector<float> weights{1, 2, 3};
    const auto row =
        run.log(cairn::step(7), "loss"_m = 0.5, "weights"_m = cairn::Histogram{weights}, "lr"_m = 0.1);
    static_assert(decltype(row)::size() == 2);
    CHECK(row["loss"_m] == 0.5);
    CHECK(row["lr"_m] == 0.1);
    run.log("note"_m = cairn::Text{"first"});  // steps of this thread's own count
    run.log("later", cairn::Text{"second"});
    run.log(std::string{"later"}, cairn::Text{"third"}, {.step = -3});
    REQUIRE(run.finish());
    CHECK(run.health().media_written == 4);
    CHECK(run.health().ok());
    const auto kept = media_in(run.dir());
    REQUIRE(kept.size() == 4);
    CHECK(kept[0].about["metric"] == "weights");
    CHECK(kept[0].about["kind"] == "histogram");
    CHECK(kept[0].about["step"] == 7);
    CHECK(kept[1].value == "first");
    CHECK(kept[2].about["step"].get<int>() == kept[1].about["step"].get<int>() + 1);
    CHECK(kept[3].about["step"] == -3);
    const auto rows = rows_of(run.dir());
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].number("loss") == 0.5);
    CHECK(kept[0].about["time_ns"] == row.time_ns());
}

TEST_CASE("media: who goes on with a run adds to them", "[run][media]") {
    const TempDir dir;
    {
        auto run = start(dir);
        run.log("note"_m = cairn::Text{"one"});
    }
    auto run = start(dir, cairn::Resume::must);
    run.log("note"_m = cairn::Text{"two"});
    REQUIRE(run.finish());
    const auto kept = media_in(run.dir());
    REQUIRE(kept.size() == 2);
    CHECK(kept[1].value == "two");
}

TEST_CASE("media: what cannot be encoded is counted and told, the others are kept", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    run.log("bad"_m = Own{"throws"});
    run.log("good"_m = Own{"fine"});
    (void)run.finish();
    const auto health = run.health();
    CHECK(health.media_lost == 1);
    CHECK(health.media_written == 1);
    CHECK_FALSE(health.ok());
    REQUIRE(health.errors.size() == 1);
    CHECK(health.errors[0].find("out of ink") != std::string::npos);
    CHECK(media_in(run.dir()).at(0).value == "fine");
}

TEST_CASE("media: what waits has a bound of memory, and what is beyond it is told", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::atomic<int> encoded{0};
    std::atomic<bool> go{false}, is_over{false};
    run.log("first"_m = Blocked{&go, &is_over});
    run.log("huge"_m = Own{"x", &encoded, half_of_memory});
    run.log("small"_m = Own{"y", &encoded});
    go = true;
    CHECK_FALSE(run.finish());
    CHECK(encoded == 1);
    CHECK(run.health().media_lost == 1);
    CHECK(run.health().media_written == 2);
}

TEST_CASE("media: what waits has its place in memory, however small it is", "[run][media]") {
    using Keeper = cairn::detail::MediaKeeper;
    const TempDir dir;
    auto run = start(dir);
    std::atomic<int> encoded{0};
    std::atomic<bool> go{false}, is_over{false};
    run.log("first"_m = Blocked{&go, &is_over});
    run.log("large"_m = Own{"x", &encoded, Keeper::most_waiting - 2 * Keeper::least_memory});
    run.log("fits"_m = Own{"y", &encoded, 0});
    run.log("does_not"_m = Own{"z", &encoded, 0});
    go = true;
    CHECK_FALSE(run.finish());
    CHECK(encoded == 2);
    CHECK(run.health().media_lost == 1);
}

TEST_CASE("media: what the end did not wait for is not encoded", "[run][media]") {
    const TempDir dir;
    std::atomic<int> encoded{0};
    std::atomic<bool> go{false}, is_over{false}, has_begun{false};
    {
        auto run = start(dir);
        run.log("first"_m = Blocked{&go, &is_over, &has_begun});
        run.log("behind"_m = Own{"x", &encoded});
        while (!has_begun) cairn::detail::os::sys::sleep_ns(1'000'000);
        CHECK_FALSE(run.finish(50ms));
        go = true;
        while (!is_over) cairn::detail::os::sys::sleep_ns(1'000'000);
    }
    cairn::detail::os::sys::sleep_ns(20'000'000);  // the saver goes on, and has nobody
    CHECK(encoded == 0);
}

TEST_CASE("media: a disk that takes nothing loses them with a word, and not the rows", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::filesystem::create_directory(run.dir() / cairn::detail::media_file);  // no file can be made there
    run.log("loss"_m = 1.0, "note"_m = cairn::Text{"one"});
    CHECK_FALSE(run.finish());
    CHECK(run.health().media_lost == 1);
    CHECK(rows_of(run.dir()).size() == 1);
}

TEST_CASE("media: after the end and in a run that is off nothing is kept or encoded", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    REQUIRE(run.finish());
    std::atomic<int> encoded{0};
    run.log("late"_m = Own{"x", &encoded});
    CHECK(encoded == 0);
    CHECK(run.health().media_lost == 1);
    cairn::Run off;
    const auto row = off.log("loss"_m = 1.0, "note"_m = Own{"x", &encoded});
    off.log("note", Own{"x", &encoded});
    CHECK(row["loss"_m] == 1.0);
    CHECK(encoded == 0);
}

TEST_CASE("media: a value larger than all that may wait is taken if nothing waits", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::atomic<int> encoded{0};
    run.log("huge"_m = Own{"x", &encoded, half_of_memory});
    REQUIRE(run.finish());
    CHECK(encoded == 1);
}

TEST_CASE("media: the end does not wait for those that come after it began", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::atomic<bool> stop{false}, begun{false};
    std::thread logger{[&] {
        while (!stop) {
            run.log("note"_m = Slow{1});  // ten times as fast as they are encoded
            begun = true;
            cairn::detail::os::sys::sleep_ns(100'000);
        }
    }};
    while (!begun) cairn::detail::os::sys::sleep_ns(1'000'000);
    (void)run.finish();
    stop = true;
    logger.join();
    CHECK(run.health().media_written > 0);
}

TEST_CASE("media: what an ended run has left over does not touch the next session's", "[run][media]") {
    const TempDir dir;
    std::atomic<bool> go{false}, is_over{false}, has_begun{false};
    {
        auto run = start(dir);
        run.log("note"_m = cairn::Text{"one"});
        run.log("note"_m = Blocked{&go, &is_over, &has_begun});
        run.log("note"_m = cairn::Text{"behind"});
        while (!has_begun) cairn::detail::os::sys::sleep_ns(1'000'000);  // or `finish` drops it too
        CHECK_FALSE(run.finish(50ms));
        CHECK(run.health().media_lost == 2);
    }
    {
        auto run = start(dir, cairn::Resume::must);
        run.log("note"_m = cairn::Text{"two"});
        while (run.health().media_written == 0) cairn::detail::os::sys::sleep_ns(1'000'000);
        go = true;
        while (!is_over) cairn::detail::os::sys::sleep_ns(1'000'000);
        cairn::detail::os::sys::sleep_ns(20'000'000);
        run.log("note"_m = cairn::Text{"three"});
        REQUIRE(run.finish());
    }
    const auto kept = media_in(dir.path() / "projects" / "uncategorized" / "runs" / "r");
    REQUIRE(kept.size() == 3);
    CHECK(kept[0].value == "one");
    CHECK(kept[1].value == "two");
    CHECK(kept[2].value == "three");
}

TEST_CASE("media: a value that ends its own run, whose last handle goes meanwhile", "[run][media]") {
    const TempDir dir;
    std::atomic<bool> is_over{false};
    {
        auto run = std::make_shared<cairn::Run>(start(dir));
        std::atomic<bool> ended{false};
        run->log("note"_m = Ending{run.get(), &ended, &is_over});
        while (!ended) cairn::detail::os::sys::sleep_ns(1'000'000);
    }
    while (!is_over) cairn::detail::os::sys::sleep_ns(1'000'000);
    cairn::detail::os::sys::sleep_ns(20'000'000);
}

TEST_CASE("media: threads that log at once lose none", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&run, t] {
            for (int i = 0; i < 200; ++i)
                run.log(cairn::step(i), "note"_m = cairn::Text{std::to_string(t) + ":" + std::to_string(i)});
        });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(run.finish());
    std::set<std::string> texts;
    for (const auto& one : media_in(run.dir())) texts.insert(one.value);
    CHECK(texts.size() == 800);
}

static_assert(cairn::EncodesMedia<cairn::Histogram> && cairn::EncodesMedia<Own>);
static_assert(!cairn::EncodesMedia<std::string> && !cairn::RichValue<std::vector<float>>);

}  // namespace media_test
