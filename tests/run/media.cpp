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
#include <concepts>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cairn_test;
using namespace cairn::literals;

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
    constexpr std::size_t much = std::size_t{1} << 40U;
    run.log("huge"_m = Own{"x", &encoded, much});
    run.log("small"_m = Own{"y", &encoded});
    (void)run.finish();
    CHECK(encoded == 1);
    CHECK(run.health().media_lost == 1);
    CHECK(run.health().media_written == 1);
}

TEST_CASE("media: a disk that takes nothing loses them with a word, and not the rows", "[run][media]") {
    const TempDir dir;
    auto run = start(dir);
    std::filesystem::create_directory(run.dir() / cairn::detail::media_file);  // no file can be made there
    run.log("loss"_m = 1.0, "note"_m = cairn::Text{"one"});
    (void)run.finish();
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
