// SPDX-License-Identifier: MIT
// Runs of W&B's client, read. The records of W&B's own client are read in wandb/check.py.
#include <cairn/mirror/import_wandb.hpp>
#include <cairn/mirror/wandb.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/histogram.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wandb_import_test {

using namespace cairn::literals;
using cairn::detail::bytes_of;
using cairn::detail::WandbLogReader;
using cairn::detail::WandbLogWriter;
using cairn_test::TempDir;
using cairn_test::write_bytes;

namespace {

namespace fs = std::filesystem;
namespace wandb = cairn::detail::wandb;

/// A whole run as W&B's own client has written it: a header, the run, config, a definition, a summary, two
/// rows, a sample, output, files and the end.
std::string small_log() {
    constexpr std::string_view hex =
        "3a572642e1be009eafe4fd1d00010801aa01180a160a0c637070747261636b20302e311206302e37302e309f21b01b4e"
        "000108028a01490a0861626331323334351a0464656d6f221b0a0a0a026c72820103302e310a0d0a065f77616e646282"
        "01027b7d420568656c6c6f520274316a01688a010b0880e2cfaa061080e59a770202041d0f000108032a0b0a090a0262"
        "73820102333257e898571e00010804621a0a0776616c2f616363220565706f63683204080118013a0210010f40303e1f"
        "000108051a1b0a0c12046c6f7373820103302e350a0b12055f73746570820101307a76421f5100010806124d0a0c1204"
        "6c6f7373820103302e350a0b12055f73746570820101300a1012085f72756e74696d65820103302e350a1c120a5f7469"
        "6d657374616d7082010d313730303030303030302e373512008605c9d42300010807121f0a0c12046c6f73738201034e"
        "614e0a0b12055f737465708201013112020801fd85525a1a000108083a1612060881e2cfaa061a0c0a03637075820104"
        "31322e355a42d82613000108096a0f080112060881e2cfaa061a0368690ae4d5e7aa1f0001080a321b0a190a176d6564"
        "69612f696d616765732f785f305f61612e706e6755d59244070001080b9201021002";
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    return out;
}

struct Made {
    TempDir dir;
    cairn::WandbImport what;

    explicit Made(const fs::path& from) { what = cairn::import_wandb(from, {.dir = dir.path()}).value(); }
    [[nodiscard]] cairn::RecordedRun run(const std::string& id) const {
        return cairn::open(dir.path()).value().find(id).value();
    }
};

/// A file of a run of this id, and what `more(records)` adds.
void write_log(const fs::path& path, const std::string& id, const auto& more) {
    wandb::Records records{WandbLogWriter::create(path).value()};
    wandb::Message run;
    wandb::put_text(run, 1, id);
    REQUIRE(records.put(wandb::Kind::run, run));
    more(records);
    REQUIRE(records.flush());
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The rows of a run, each value as W&B's JSON has it.
std::vector<std::string> rows_of(const cairn::RecordedRun& run) {
    std::vector<std::string> out;
    const auto rows = run.rows().value();
    for (const cairn::DynamicRow& row : rows) {
        if (row.size() == 0) continue;  // of rich values alone
        std::string text = std::to_string(row.step()) + " " + std::to_string(row.time_ns() / 1'000'000);
        std::map<std::string, std::string> values;
        row.for_each([&](std::string_view name, const cairn::Value& value) {
            values[std::string{name}] = cairn::detail::wandb::value_text(value);
        });
        for (const auto& [name, value] : values) text += " " + name + "=" + value;
        out.push_back(text);
    }
    return out;
}

}  // namespace

TEST_CASE("W&B's own records become a run", "[mirror][wandb][import]") {
    const TempDir from;
    fs::create_directories(from / "offline-run-20231114_221320-abc12345");
    write_bytes(from / "offline-run-20231114_221320-abc12345/run-abc12345.wandb", small_log());
    const Made made{from.path()};
    CHECK(made.what.damaged.empty());
    CHECK(made.what.left_out.empty());
    REQUIRE(made.what.runs.size() == 1);
    CHECK(made.what.runs[0].project == "demo");
    CHECK(made.what.runs[0].rows == 2);
    const auto run = made.run("abc12345");
    CHECK(run.name() == "hello");
    CHECK(run.config() == nlohmann::json{{"lr", 0.1}, {"bs", 32}});
    CHECK(run.about()["tags"] == nlohmann::json::array({"t1"}));
    CHECK(run.state() == cairn::RunState::finished);
    CHECK(rows_of(run) == std::vector<std::string>{"0 1700000000750 loss=0.5", "1 1700000000750 loss=NaN"});
    CHECK(run.last_lines(10).value() == std::vector<std::string>{"hi"});
}

TEST_CASE("a run that was mirrored to W&B comes back from there", "[mirror][wandb][import]") {
    const TempDir dir;
    const auto start = [&](cairn::Resume resume) {
        return cairn::init({.project = "demo",
                            .name = "a name",
                            .id = "r",
                            .config = {{"lr", 1e-3}, {"net", {{"width", 64}, {"deep", true}}}},
                            .tags = {"cpp"},
                            .notes = "n",
                            .group = "g",
                            .job_type = "train",
                            .dir = dir / "store",
                            .resume = resume,
                            .system_seconds = 0,
                            .quiet = true});
    };
    const auto mirror = [&] {
        const auto store = cairn::open(dir / "store").value();
        const auto run = store.run("demo", "r").value();
        auto to = cairn::WandbMirror::open(store, run, {.dir = dir / "w"}).value();
        REQUIRE(to.catch_up(run));
    };
    {
        auto run = start(cairn::Resume::never);
        run.log(cairn::step(0), "loss"_m = 0.1, "deep.er"_m = 7, "on"_m = true, "note"_m = "a \"text\"");
        run.log(cairn::step(1), "up"_m = std::numeric_limits<double>::infinity(),
                "many"_m = std::numeric_limits<std::int64_t>::max(), "tiny"_m = 5e-324);
        REQUIRE(run.fail("no more"));
    }
    mirror();
    {
        auto run = start(cairn::Resume::must);
        run.log(cairn::step(2), "loss"_m = 0.05);
        run.log(cairn::step(3), "w"_m = cairn::Histogram{std::vector<double>{1, 2, 3}});
        run.log(cairn::step(4), "w"_m = cairn::Histogram{std::vector<double>{1, 2, 3}});
        REQUIRE(run.finish());
    }
    mirror();
    const auto there = cairn::open(dir / "store").value().run("demo", "r").value();

    const Made made{dir / "w" / "wandb"};
    REQUIRE(made.what.runs.size() == 1);
    CHECK(made.what.damaged.empty());
    REQUIRE(made.what.left_out.size() == 1);
    CHECK(made.what.left_out[0].path() == "w");
    const auto run = made.run("r");
    CHECK(rows_of(run) == rows_of(there));
    CHECK(run.config() == there.config());
    CHECK(run.name() == "a name");
    for (const char* key : {"tags", "notes", "group", "job_type"})
        CHECK(run.about()[key] == there.about()[key]);
    CHECK(run.state() == cairn::RunState::finished);

    // The first session alone.
    std::vector<fs::path> sessions;
    for (const auto& one : fs::directory_iterator{dir / "w" / "wandb"}) {
        if (one.is_directory() && !one.is_symlink()) sessions.push_back(one.path());
    }
    REQUIRE(sessions.size() == 2);
    const Made first{std::min(sessions[0], sessions[1])};
    CHECK(first.run("r").state() == cairn::RunState::failed);
    CHECK(first.what.runs[0].rows == 2);
}

TEST_CASE("records of W&B are read back in the sizes in which they were written", "[mirror][wandb][import]") {
    for (const auto& sizes : std::vector<std::vector<std::size_t>>{{0},
                                                                   {5},
                                                                   {0, 5},
                                                                   {32754, 5},
                                                                   {32753, 5},
                                                                   {32748, 5},
                                                                   {32747, 5},
                                                                   {32746, 5},
                                                                   {100000},
                                                                   {70000, 0, 40000}}) {
        const TempDir dir;
        {
            auto log = WandbLogWriter::create(dir / "x.wandb").value();
            for (std::size_t i = 0; i < sizes.size(); ++i)
                REQUIRE(log.append(bytes_of(std::string(sizes[i], static_cast<char>('a' + i)))));
            REQUIRE(log.flush());
        }
        auto log = WandbLogReader::open(dir / "x.wandb").value();
        std::span<const std::byte> record;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            REQUIRE(log.next(record).value());
            const std::string text{reinterpret_cast<const char*>(record.data()), record.size()};
            CHECK(text == std::string(sizes[i], static_cast<char>('a' + i)));
        }
        CHECK_FALSE(log.next(record).value());
    }
}

TEST_CASE("of W&B's records that are cut or damaged what lies before is read", "[mirror][wandb][import]") {
    const std::string whole = small_log();
    // Where each record ends, as W&B's own reader has it; the second is the run's.
    const std::vector<std::size_t> ends = {7, 43, 128, 150, 187, 225, 313, 355, 388, 414, 452, 466};
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        const TempDir from;
        write_bytes(from / "run-x.wandb", whole.substr(0, cut));
        const Made made{from / "run-x.wandb"};
        CAPTURE(cut);
        const bool is_an_end = std::find(ends.begin(), ends.end(), cut) != ends.end();
        CHECK(made.what.damaged.size() == (is_an_end ? 0U : 1U) + (cut < 128 ? 1U : 0U));
        REQUIRE(made.what.runs.size() == (cut < 128 ? 0U : 1U));
        if (cut < 128) continue;
        CHECK(made.what.runs[0].rows == (cut < 313 ? 0U : cut < 355 ? 1U : 2U));
        CHECK(made.run("abc12345").state() == cairn::RunState::failed);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string bad = whole;
        bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
        const TempDir from;
        write_bytes(from / "run-x.wandb", bad);
        const Made made{from.path()};
        CAPTURE(at);
        REQUIRE_FALSE(made.what.damaged.empty());
        CHECK(made.what.damaged[0].code() == cairn::errc::corrupt);
        CHECK(made.what.runs.size() == (at < 128 ? 0U : 1U));
    }
    // What a power cut leaves: a hole of zeros.
    const TempDir from;
    std::string hole = whole;
    hole.replace(225, 64, 64, '\0');
    write_bytes(from / "run-x.wandb", hole);
    const Made made{from.path()};
    CHECK(made.what.damaged.size() == 1);
    CHECK(made.what.runs[0].rows == 0);
}

TEST_CASE("what is no run of W&B is refused, and a run is imported once", "[mirror][wandb][import]") {
    const TempDir from, to;
    const auto import = [&](const char* project = "") {
        return cairn::import_wandb(from.path(), {to.path(), project});
    };
    CHECK(cairn::import_wandb(from / "nothing", {.dir = to.path()}).error().code() == cairn::errc::not_found);
    CHECK(import().error().code() == cairn::errc::not_found);
    write_bytes(from / "a.wandb", small_log());
    CHECK(import()->runs.size() == 1);
    write_log(from / "b.wandb", "another", [](auto&) {});
    const auto again = import().value();  // a run that has come since is no less welcome
    REQUIRE(again.runs.size() == 1);
    CHECK(again.runs[0].id == "another");
    REQUIRE(again.left_out.size() == 1);
    CHECK(again.left_out[0].code() == cairn::errc::already_exists);
    CHECK(again.left_out[0].path() == "abc12345");
    CHECK(import("elsewhere")->runs.size() == 2);
}

TEST_CASE("runs of W&B are told apart by project and id, their sessions by folder",
          "[mirror][wandb][import]") {
    const TempDir from;
    const auto session = [&](const std::string& folder, const std::string& id, const std::string& project,
                             int step, int code) {
        fs::create_directories(from / folder);
        write_log(from / folder / "run.wandb", id, [&](wandb::Records& records) {
            wandb::Message run, row, end;
            wandb::put_text(run, 1, id);
            wandb::put_text(run, 3, project);
            wandb::put_text(run, 8, folder);
            REQUIRE(records.put(wandb::Kind::run, run));
            wandb::put_item(row, {"_step"}, std::to_string(step));
            wandb::put_item(row, {"v"}, "1");
            REQUIRE(records.put(wandb::Kind::history, row));
            wandb::put_number(end, 1, code);
            REQUIRE(records.put(wandb::Kind::exit, end));
        });
    };
    session("run-20240101_000000-a", "a", "p", 0, 1);
    session("offline-run-20240201_000000-a", "a", "p", 1, 0);
    session("backup/offline-run-20240201_000000-a", "a", "p", 1, 0);
    session("offline-run-20240101_000000-b", "a", "q", 2, 0);
    session("offline-run-20240101_000000-c", "a b", "p", 3, 0);
    session("offline-run-20240101_000000-d", "a-b", "p", 4, 0);
    session("offline-run-20240101_000000-e", "../x", "", 5, 0);
    const Made made{from.path()};
    CHECK(made.what.damaged.empty());
    REQUIRE(made.what.left_out.size() == 1);
    CHECK(has(made.what.left_out[0].what(), "two files have the same session"));
    CHECK(made.what.runs.size() == 5);
    const auto store = cairn::open(made.dir.path()).value();
    const auto run = store.run("p", "a").value();
    CHECK(has(run.name(), "20240201"));
    CHECK(run.state() == cairn::RunState::finished);
    CHECK(rows_of(run) == std::vector<std::string>{"0 0 v=1", "1 0 v=1"});
    CHECK(rows_of(store.run("q", "a").value()) == std::vector<std::string>{"2 0 v=1"});
    CHECK(rows_of(store.run("p", "a-b").value()) == std::vector<std::string>{"4 0 v=1"});
    CHECK(made.what.runs[0].project == "uncategorized");
}

TEST_CASE("values of W&B's records that no row has are left out, and that is told once",
          "[mirror][wandb][import]") {
    const TempDir from;
    for (const char* folder : {"offline-run-1", "offline-run-2"}) {
        fs::create_directories(from / folder);
        write_log(from / folder / "run-v.wandb", "v", [&](wandb::Records& records) {
            wandb::Message row;
            const auto put = [&](std::initializer_list<std::string_view> path, std::string_view json) {
                wandb::put_item(row, path, json);
            };
            put({"_step"}, "1.0");
            put({"loss"}, "1.5");
            put({"val", "acc"}, "0.25");
            put({"whole"}, R"({"a":1,"b":{"c":"x"},"n":null,"nan":NaN,"up":-Infinity})");
            put({"quoted"}, R"("NaN \" Infinity")");
            put({"list"}, "[1,2]");
            put({"picture", "_type"}, R"("image-file")");
            put({"picture", "deep", "path"}, R"("media/x.png")");
            put({"sound"}, R"({"_type":"audio-file","path":"y"})");
            put({"broken"}, "{1");
            put({"deep"}, std::string(100'000, '['));
            put({"nothing"}, "null");
            put({"long"}, '"' + std::string(2000, 'x') + '"');
            put({std::string(1000, 'k')}, "1");
            put({"val.acc"}, "0.5");
            put({"\x1b]0;x\n"}, "[]");
            REQUIRE(records.put(wandb::Kind::history, row));
            row.clear();
            put({"_step"}, "18446744073709551615");
            put({"loss"}, "2");
            REQUIRE(records.put(wandb::Kind::history, row));
        });
    }
    const Made made{from.path()};
    CHECK(made.what.damaged.empty());
    std::vector<std::string> names;
    for (const cairn::error& one : made.what.left_out) names.push_back(one.path());
    CHECK(names == std::vector<std::string>{"list", "picture", "sound", "broken", "deep", "long",
                                            std::string(128, 'k'), "val.acc", "?]0;x?", "_step"});
    const std::string first =
        "1 0 long=\"" + std::string(1024, 'x') +
        "\" loss=1.5 quoted=\"NaN \\\" Infinity\" val.acc=0.25 whole.a=1 whole.b.c=\"x\" "
        "whole.nan=NaN whole.up=-Infinity";
    CHECK(rows_of(made.run("v")) == std::vector<std::string>{first, "1 0 loss=2", first, "1 0 loss=2"});
    CHECK(made.run("v").state() == cairn::RunState::failed);
}

TEST_CASE("a value of W&B with a long name takes no memory for each of its parts",
          "[mirror][wandb][import]") {
    const TempDir from;
    write_log(from / "run-v.wandb", "v", [](wandb::Records& records) {
        std::string many = "{";
        for (int i = 0; i < 20'000; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
        wandb::Message row;
        wandb::put_item(row, {std::string(100'000, 'k')}, many + "}");
        REQUIRE(records.put(wandb::Kind::history, row));
    });
    const Made made{from.path()};
    CHECK(made.what.left_out.size() == 1);
    CHECK(made.what.runs[0].rows == 0);
}

TEST_CASE("a config of W&B: NaN, what is removed, what is damaged or nested too deep",
          "[mirror][wandb][import]") {
    const TempDir from;
    write_log(from / "run-v.wandb", "v", [](wandb::Records& records) {
        const auto put = [&](const wandb::Message& config) {
            REQUIRE(records.put(wandb::Kind::config, config));
        };
        wandb::Message good, bad, deep, removed, end;
        wandb::put_item(good, {"list"}, "[1,Infinity]");
        wandb::put_item(good, {"net"}, R"({"lr":0.1,"w":NaN,"old":1})");
        wandb::put_item(good, {"text"}, "\"a \xff\"");
        wandb::put_item(good, {"number"}, "1");
        put(good);
        bad.push_back(std::byte{0xff});
        put(bad);
        wandb::Message item;
        for (int i = 0; i < 600; ++i) cairn::detail::ProtoWriter{item}.text(2, "k");
        cairn::detail::ProtoWriter{item}.text(16, std::string(600, '[') + std::string(600, ']'));
        cairn::detail::ProtoWriter{deep}.message(1, item);
        put(deep);
        wandb::put_item(removed, {"net", "old"}, "", 2);
        wandb::put_item(removed, {"number", "x"}, "", 2);
        put(removed);
        REQUIRE(records.put(wandb::Kind::exit, end));
    });
    const Made made{from.path()};
    CHECK(made.what.damaged.size() == 2);
    const auto run = made.run("v");
    CHECK(run.config() == nlohmann::json{{"list", {1, "Infinity"}},
                                         {"net", {{"lr", 0.1}, {"w", "NaN"}}},
                                         {"text", "a \xef\xbf\xbd"},
                                         {"number", 1}});
    CHECK(run.state() == cairn::RunState::finished);  // what follows the damage was read
}

}  // namespace wandb_import_test
