// SPDX-License-Identifier: MIT
// What is written for W&B, record by record; tests/mirror/wandb/ has it read, uploaded and shown by W&B
// itself.
#include <cairn/mirror/live_mirror.hpp>
#include <cairn/mirror/wandb.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/histogram.hpp>
#include <cairn/media/scores.hpp>
#include <cairn/media/table.hpp>
#include <cairn/media/text.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wandb_test {

using namespace cairn::literals;
using namespace cairn::detail;
using cairn_test::read_bytes;
using cairn_test::TempDir;
using cairn_test::write_bytes;
using wandb::Kind;
namespace fs = std::filesystem;

namespace {

struct Model {
    std::vector<float> weight{1, 2, 3};
    void describe(auto& fields) { fields("weight", weight); }
};

/// The records of a file, read by the rules of its framing.
std::vector<std::vector<std::byte>> records_in(std::string_view file) {
    std::vector<std::vector<std::byte>> all;
    const auto bytes = bytes_of(file);
    REQUIRE(file.substr(0, 7) == std::string_view{":W&B\xe1\xbe\0", 7});
    std::vector<std::byte> record;
    for (std::size_t at = 7; at < bytes.size();) {
        const std::size_t room = 32768 - at % 32768;
        if (room < 7) {
            at += room;
            continue;
        }
        const std::size_t size = get<std::uint16_t>(bytes.data() + at + 4);
        const auto type = std::to_integer<unsigned>(bytes[at + 6]);
        REQUIRE(at + 7 + size <= bytes.size());
        REQUIRE(7 + size <= room);
        Crc32 crc;
        crc.update(bytes.subspan(at + 6, size + 1));
        REQUIRE(get<std::uint32_t>(bytes.data() + at) == crc.value());
        const bool is_begin = type == 1 || type == 2;
        REQUIRE(is_begin == record.empty());
        record.insert(record.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + 7),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at + 7 + size));
        at += 7 + size;
        if (type != 1 && type != 4) {
            if (record.empty()) record.reserve(1);  // a first part of no bytes
            continue;
        }
        all.push_back(std::exchange(record, {}));
    }
    return all;
}

struct Said {
    std::uint64_t number = 0;
    Kind kind{};
    std::vector<std::byte> what;

    /// Items: "a/b" of a nested key, and the JSON.
    [[nodiscard]] std::map<std::string, std::string> items(std::uint64_t field = 1) const {
        std::map<std::string, std::string> out;
        REQUIRE(each_field(what, [&](const ProtoField& one) {
            if (one.number != field || one.wire != 2) return;
            std::string key, json;
            REQUIRE(each_field(one.bytes, [&](const ProtoField& part) {
                if (part.number == 16)
                    json = part.text();
                else
                    key += (key.empty() ? "" : "|") + std::string{part.text()};
            }));
            REQUIRE(out.emplace(key, json).second);
        }));
        return out;
    }
    [[nodiscard]] std::vector<std::string> texts(std::uint64_t field) const {
        std::vector<std::string> out;
        REQUIRE(each_field(what, [&](const ProtoField& one) {
            if (one.number == field && one.wire == 2) out.emplace_back(one.text());
        }));
        return out;
    }
    [[nodiscard]] std::string text(std::uint64_t field) const {
        const auto all = texts(field);
        return all.empty() ? std::string{} : all.front();
    }
    [[nodiscard]] std::uint64_t value(std::uint64_t field) const {
        std::uint64_t out = 0;
        REQUIRE(each_field(what, [&](const ProtoField& one) {
            if (one.number == field && one.wire == 0) out = one.value;
        }));
        return out;
    }
};
/// What a folder of W&B's says. Its records are counted from 1, and the run is said before all that needs it.
std::vector<Said> said_in(const fs::path& folder) {
    std::vector<Said> all;
    for (const auto& entry : fs::directory_iterator{folder}) {
        if (entry.path().extension() != ".wandb") continue;
        for (const auto& record : records_in(read_bytes(entry.path()))) {
            Said one;
            REQUIRE(each_field(record, [&](const ProtoField& field) {
                if (field.number == 1)
                    one.number = field.value;
                else {
                    one.kind = static_cast<Kind>(field.number);
                    one.what.assign(field.bytes.begin(), field.bytes.end());
                }
            }));
            REQUIRE(one.number == all.size() + 1);
            all.push_back(std::move(one));
        }
    }
    REQUIRE(all.size() > 2);
    CHECK(all[0].kind == Kind::header);
    CHECK(all[1].kind == Kind::run);
    return all;
}
std::vector<Said> of_kind(const std::vector<Said>& all, Kind kind) {
    std::vector<Said> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out),
                 [&](const Said& one) { return one.kind == kind; });
    return out;
}
/// The rows, each as its own values: without W&B's own.
std::vector<std::map<std::string, std::string>> rows_in(const std::vector<Said>& all) {
    std::vector<std::map<std::string, std::string>> out;
    for (const Said& row : of_kind(all, Kind::history)) {
        out.push_back(row.items());
        CHECK(out.back().erase("_timestamp") == 1);
        CHECK(out.back().erase("_runtime") == 1);
    }
    return out;
}

cairn::Run start(const TempDir& dir, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "demo",
                        .id = "r",
                        .dir = dir.path() / "store",
                        .resume = resume,
                        .system_seconds = 0,
                        .quiet = true});
}
cairn::RecordedRun recorded(const TempDir& dir) {
    return cairn::open(dir.path() / "store").value().run("demo", "r").value();
}
cairn::WandbMirror mirror_of(const TempDir& dir) {
    const auto store = cairn::open(dir.path() / "store").value();
    return cairn::WandbMirror::open(store, recorded(dir), {.dir = dir.path() / "w"}).value();
}
/// All of a run that has ended, in its folder.
fs::path mirrored(const TempDir& dir) {
    auto mirror = mirror_of(dir);
    const auto report = mirror.catch_up(recorded(dir)).value();
    CHECK(report.is_over);
    CHECK(report.left_out.empty());
    return mirror.folder();
}
std::string hex_of(const auto& bytes) { return cairn::detail::hex_of(bytes); }

}  // namespace

TEST_CASE("wandb: frames are those of W&B's own writer", "[mirror][wandb]") {
    // The digests are of files that the client's own code wrote of the same records.
    struct Vector {
        std::vector<std::size_t> sizes;
        std::string sha256;
    };
    const std::vector<Vector> all = {
        {{0}, "40370918f81d838a9fb697579b0c6f1664abaf5f07bd28da3d436ee59954a524"},
        {{5}, "fca3614de88aa39c965c23235f6c7ce566213b34efbcccf68021a0c023235d60"},
        {{0, 5}, "39891ad1d1527907520f5770665c4ed83531da72d3c956a4f723cc5ffb071e67"},
        {{32754, 5}, "f2b21501e4c783caf31f9408c9d3d3c37d1b50a551e439d791eeba46333c6236"},
        {{32753, 5}, "7972e1dc233189b59f99ac9e02aa8c6dde5f74bc6e3059d0fdc62e703a34ede0"},
        {{32748, 5}, "5159651178ed89abd63b69ee16534b7884284be56cd63b1deddfd0483489afcc"},
        {{32747, 5}, "e7cfdf81aca2cea608c238f8ffc9a8c71ff82e507e2f6f6e820f4e0a29d8faf8"},
        {{32746, 5}, "5da18dd370069e2dcd2585831e4b8047be0723f9d4426e3d20041686531959b9"},
        {{100000}, "953275f1c5d0d7a6ceef23763003c587582d519b30c9f54d9b2efc5594bbf9d5"},
        {{70000, 0, 40000}, "5307f5b238f6d695eab48b2d28635b8690a7e280b5a9464309b04fb0ce539f91"}};
    const bool flush = GENERATE(false, true);
    for (const Vector& vector : all) {
        const TempDir dir;
        auto log = WandbLogWriter::create(dir / "x.wandb").value();
        for (std::size_t i = 0; i < vector.sizes.size(); ++i) {
            const std::string record(vector.sizes[i], static_cast<char>('a' + i));
            REQUIRE(log.append(bytes_of(record)));
            if (flush) REQUIRE(log.flush());
        }
        REQUIRE(log.flush());
        CHECK(cairn::sha256(bytes_of(read_bytes(dir / "x.wandb"))).hex() == vector.sha256);
    }
}

TEST_CASE("wandb: who goes on with a file cuts off what was not counted", "[mirror][wandb]") {
    const TempDir dir;
    std::uint64_t bytes = 0;
    {
        auto log = WandbLogWriter::create(dir / "x").value();
        REQUIRE(log.append(bytes_of(std::string_view{"one"})));
        REQUIRE(log.flush());
        bytes = log.bytes();
        REQUIRE(log.append(bytes_of(std::string(100000, 'x'))));
        REQUIRE(log.flush());
    }
    {
        auto log = WandbLogWriter::go_on(dir / "x", bytes).value();
        REQUIRE(log.append(bytes_of(std::string_view{"two"})));
        REQUIRE(log.flush());
    }
    const auto records = records_in(read_bytes(dir / "x"));
    REQUIRE(records.size() == 2);
    CHECK(records[1].size() == 3);
    CHECK(WandbLogWriter::go_on(dir / "x", 1000).error().code() == cairn::errc::corrupt);
}

TEST_CASE("wandb: MD5 of known texts", "[mirror][wandb]") {
    const auto md5 = [](std::string_view text) {
        Md5 out;
        out.update(bytes_of(text));
        return hex_of(out.digest());
    };
    CHECK(md5("") == "d41d8cd98f00b204e9800998ecf8427e");  // RFC 1321, appendix 5
    CHECK(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
    CHECK(md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
          "57edf4a22be3c955ac49da2e2107b67a");
    CHECK(md5(std::string(55, 'x')) != md5(std::string(56, 'x')));
}

TEST_CASE("wandb: a finished run, from its head to its end", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "demo",
                                .name = "a name",
                                .id = "r",
                                .config = {{"lr", 0.5}, {"net", {{"width", 64}}}},
                                .tags = {"one", "t\xc3\xa4g"},
                                .notes = "n\xffte",
                                .group = "g",
                                .job_type = "train",
                                .dir = dir.path() / "store",
                                .system_seconds = 0,
                                .quiet = true});
        run.define_metric("loss", {.goal = cairn::minimize, .step_metric = "epoch"});
        constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                         infinity = std::numeric_limits<double>::infinity();
        run.log(cairn::step(-4), "loss"_m = 0.1, "on"_m = true,
                "n"_m = std::numeric_limits<std::uint64_t>::max());
        run.log(cairn::step(-4), "late"_m = -0.0);
        run.log(cairn::step(-4), "late"_m = 2.0);  // the same once more: a row of its own
        run.log(cairn::step(1), "loss"_m = nan, "up"_m = infinity, "down"_m = -infinity, "_step"_m = 7);
        run.log({{"b\xff", "a \"text\"\n"}}, {.step = 2});
        run.set_summary("best", {{"loss", 0.1}});
        run.alert("a title", {.text = "more", .level = cairn::AlertLevel::warn});
        REQUIRE(run.finish());
    }
    const fs::path folder = mirrored(dir);
    CHECK(folder.filename().string().starts_with("offline-run-20"));
    CHECK(folder.filename().string().ends_with("-r"));
    CHECK(fs::is_directory(folder / "files"));
    CHECK(fs::exists(folder / "run-r.wandb"));
    const auto all = said_in(folder);

    const Said& about = all[1];
    CHECK(about.text(1) == "r");
    CHECK(about.text(3) == "demo");
    CHECK(about.text(6) == "g");
    CHECK(about.text(7) == "train");
    CHECK(about.text(8) == "a name");
    CHECK(about.text(9) == "n\xef\xbf\xbdte");
    CHECK(about.texts(10) == std::vector<std::string>{"one", "t\xc3\xa4g"});
    const auto config = Said{.kind = Kind::config,
                             .what =
                                 [&] {
                                     const std::string text = about.text(4);
                                     const auto bytes = bytes_of(text);
                                     return std::vector<std::byte>{bytes.begin(), bytes.end()};
                                 }()}
                            .items();
    CHECK(config ==
          std::map<std::string, std::string>{{"_wandb", "{}"}, {"lr", "0.5"}, {"net", "{\"width\":64}"}});

    const auto rows = rows_in(all);
    REQUIRE(rows.size() == 4);
    CHECK(rows[0] == std::map<std::string, std::string>{{"_step", "-4"},
                                                        {"loss", "0.1"},
                                                        {"on", "true"},
                                                        {"n", "18446744073709551615"},
                                                        {"late", "-0.0"}});
    CHECK(rows[1] == std::map<std::string, std::string>{{"_step", "-4"}, {"late", "2"}});
    CHECK(rows[2] == std::map<std::string, std::string>{{"_step", "1"},
                                                        {"loss", "NaN"},
                                                        {"up", "Infinity"},
                                                        {"down", "-Infinity"},
                                                        {"cairn/_step", "7"}});
    CHECK(rows[3] ==
          std::map<std::string, std::string>{{"_step", "2"}, {"b\xef\xbf\xbd", "\"a \\\"text\\\"\\n\""}});

    const auto summaries = of_kind(all, Kind::summary);
    REQUIRE(summaries.size() == 1);
    auto summary = summaries[0].items();
    CHECK(summary["loss"] == "NaN");
    CHECK(summary["late"] == "2");
    CHECK(summary["_step"] == "2");
    CHECK(summary["best"] == "{\"loss\":0.1}");
    CHECK(summary.contains("_wandb|runtime"));

    const auto metrics = of_kind(all, Kind::metric);
    REQUIRE(metrics.size() == 1);
    CHECK(metrics[0].text(1) == "loss");
    CHECK(metrics[0].text(4) == "epoch");
    CHECK(metrics[0].value(8) == 1);
    const auto alerts = of_kind(all, Kind::alert);
    REQUIRE(alerts.size() == 1);
    CHECK(alerts[0].text(1) == "a title");
    CHECK(alerts[0].text(2) == "more");
    CHECK(alerts[0].text(3) == "WARN");
    REQUIRE(of_kind(all, Kind::environment).size() == 1);
    CHECK_FALSE(of_kind(all, Kind::environment)[0].text(12).empty());
    REQUIRE(all.size() >= 2);
    CHECK(all[all.size() - 2].kind == Kind::exit);
    CHECK(all[all.size() - 2].value(1) == 0);
    CHECK(all.back().kind == Kind::final);

    // Once more: nothing is added.
    const std::string before = read_bytes(folder / "run-r.wandb");
    CHECK(mirrored(dir) == folder);
    CHECK(read_bytes(folder / "run-r.wandb") == before);
}

TEST_CASE("wandb: a tag that is too long is cut between two characters", "[mirror][wandb]") {
    const std::string long_ = std::string(63, 'x') + "\xc3\xa4 and more";
    CHECK(wandb::tag_text(long_) == std::string(63, 'x'));
    CHECK(wandb::tag_text(std::string(62, 'x') + "\xc3\xa4 and more") == std::string(62, 'x') + "\xc3\xa4");
    CHECK(wandb::tag_text("t\xff") == "t\xef\xbf\xbd");
    CHECK(wandb::tag_text(std::string(64, 'x')) == std::string(64, 'x'));
}

TEST_CASE("wandb: how a run ended", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        run.log("loss"_m = 1.0);
        (void)run.fail("out of luck");
    }
    const auto all = said_in(mirrored(dir));
    const auto ends = of_kind(all, Kind::exit);
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].value(1) == 1);
}

TEST_CASE("wandb: a run that goes on is said as it comes, whoever says it", "[mirror][wandb]") {
    const TempDir dir;
    const bool anew = GENERATE(false, true);  // another process each time
    auto run = start(dir);
    run.log({{"first", 1}}, {.step = -1});
    std::optional<cairn::WandbMirror> mirror{mirror_of(dir)};
    const auto name_of = [](int i) { return i % 2 == 0 ? "loss" : "acc"; };
    for (int i = 0; i < 200; ++i) {
        run.log({{name_of(i), i}}, {.step = i / 2});
        if (i % 7 != 0) continue;
        if (anew) {
            mirror.reset();
            mirror.emplace(mirror_of(dir));
        }
        const auto report = mirror->catch_up(recorded(dir)).value();
        CHECK_FALSE(report.is_over);
        // The row that may still get values waits.
        CHECK(rows_in(said_in(mirror->folder())).size() == static_cast<std::size_t>(i / 2 + 1));
    }
    REQUIRE(run.finish());
    if (anew) {
        mirror.reset();
        mirror.emplace(mirror_of(dir));
    }
    CHECK(mirror->catch_up(recorded(dir)).value().is_over);
    const auto all = said_in(mirror->folder());
    auto rows = rows_in(all);
    REQUIRE(rows.size() == 101);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(rows[i + 1] == std::map<std::string, std::string>{{"_step", std::to_string(i)},
                                                                {"loss", std::to_string(2 * i)},
                                                                {"acc", std::to_string(2 * i + 1)}});
    }
    CHECK(of_kind(all, Kind::run).size() == 1);
    CHECK(of_kind(all, Kind::exit).size() == 1);
}

TEST_CASE("wandb: what was written and not counted is written again in its place", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        for (int i = 0; i < 50; ++i)
            run.log(cairn::step(i), "loss"_m = i,
                    "note"_m = cairn::Text{std::string{"t"}.append(std::to_string(i))});
        (void)mirror_of(dir).catch_up(recorded(dir)).value();
        for (int i = 50; i < 100; ++i) run.log(cairn::step(i), "loss"_m = i);
        const fs::path cursors = run.dir() / "mirrors";
        fs::copy(cursors, dir / "cursors");
        (void)mirror_of(dir).catch_up(recorded(dir)).value();
        // As if the process had died before its last word.
        fs::remove_all(cursors);
        fs::copy(dir / "cursors", cursors);
    }
    // A text that was written after its row was handed on has a row of its own.
    std::vector<std::string> losses, notes;
    for (const auto& row : rows_in(said_in(mirrored(dir)))) {
        if (const auto loss = row.find("loss"); loss != row.end()) losses.push_back(loss->second);
        const auto note = row.find("note");
        if (note == row.end()) continue;
        CHECK(note->second == "\"t" + row.at("_step") + "\"");
        notes.push_back(note->second);
    }
    REQUIRE(losses.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) CHECK(losses[i] == std::to_string(i));
    CHECK(std::set(notes.begin(), notes.end()).size() == 50);
    CHECK(notes.size() == 50);
}

TEST_CASE("wandb: a folder that was lost is written again", "[mirror][wandb]") {
    const TempDir dir;
    const int damage = GENERATE(0, 1, 2);
    auto run = start(dir);
    for (int i = 0; i < 50; ++i) run.log(cairn::step(i), "loss"_m = i);
    fs::path folder;
    {
        auto mirror = mirror_of(dir);
        (void)mirror.catch_up(recorded(dir)).value();
        folder = mirror.folder();
    }
    if (damage == 0) fs::remove_all(folder);
    if (damage == 1) fs::resize_file(folder / "run-r.wandb", 20);
    if (damage == 2) {
        for (const auto& entry : fs::directory_iterator{run.dir() / "mirrors"}) {
            if (entry.path().extension() == ".json")
                write_bytes(entry.path(), "{\"format\": 1, \"bytes\": \"many\"}");
        }
    }
    REQUIRE(run.finish());
    CHECK(rows_in(said_in(mirrored(dir))).size() == 50);
}

TEST_CASE("wandb: a folder that W&B's client has removed is not written again unasked", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        run.log("loss"_m = 1);
        REQUIRE(run.finish());
    }
    fs::remove_all(mirrored(dir));
    auto mirror = mirror_of(dir);
    const auto refused = mirror.catch_up(recorded(dir));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == cairn::errc::not_found);
    for (const auto& entry : fs::directory_iterator{recorded(dir).dir() / "mirrors"}) {
        if (entry.path().extension() != ".json") continue;
        CHECK(refused.error().advice().find(entry.path().string()) != std::string::npos);
        fs::remove(entry.path());
    }
    CHECK(rows_in(said_in(mirrored(dir))).size() == 1);
}

TEST_CASE("wandb: each session of a run has a folder, even of the same second, and each rank is a run",
          "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        auto other = cairn::init({.project = "demo",
                                  .id = "r",
                                  .dir = dir.path() / "store",
                                  .rank = 1,
                                  .system_seconds = 0,
                                  .quiet = true});
        run.log(cairn::step(1), "loss"_m = 1.0);
        other.log(cairn::step(1), "loss"_m = 10.0);
        REQUIRE(other.finish());
        REQUIRE(run.finish());
    }
    const fs::path first = mirrored(dir);
    fs::path second_rank;
    for (const auto& entry : fs::directory_iterator{first.parent_path()}) {
        if (entry.path().filename().string().ends_with("-r-rank1")) second_rank = entry.path();
    }
    const auto of_rank = said_in(second_rank);
    CHECK(of_rank[1].text(1) == "r-rank1");
    CHECK(of_rank[1].text(6) == "r");
    CHECK(rows_in(of_rank).at(0).at("loss") == "10");
    {
        auto run = start(dir, cairn::Resume::must);
        run.log(cairn::step(2), "loss"_m = 2.0);
        REQUIRE(run.finish());
    }
    const fs::path second = mirrored(dir);
    CHECK(second != first);
    CHECK(rows_in(said_in(first)).size() == 1);
    const auto all = said_in(second);
    CHECK(all[1].value(18) == 1);
    const auto rows = rows_in(all);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].at("loss") == "2");
    // One that is lost while it goes on is written again, and the first is not.
    auto third = start(dir, cairn::Resume::must);
    third.log(cairn::step(3), "loss"_m = 3.0);
    third.log(cairn::step(4), "loss"_m = 4.0);
    const auto again = [&] {
        auto mirror = mirror_of(dir);
        CHECK_FALSE(mirror.catch_up(recorded(dir)).value().is_over);
        CHECK(rows_in(said_in(mirror.folder())).size() == 1);
        return mirror.folder();
    };
    fs::remove_all(again());
    again();
}

TEST_CASE("wandb: rich values are files and items of their row", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        const std::vector<double> weights{1, 2, 3, 3};
        run.log(cairn::step(3), "loss"_m = 1.0, "net/w"_m = cairn::Histogram{weights});
        run.log(cairn::step(4), "conf"_m = cairn::confusion_matrix(std::vector{0, 1, 1}, std::vector{0, 1, 0},
                                                                   {"cat", "dog"}));
        cairn::Table table{{"a", "b"}};
        table.add_row({1, "x"});
        run.log(cairn::step(5), "../t"_m = table,
                "note"_m = cairn::Text{"h\xff"
                                       "llo"});
        REQUIRE(run.finish());
    }
    const fs::path folder = mirrored(dir);
    const auto all = said_in(folder);
    const auto rows = rows_in(all);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].at("loss") == "1");
    CHECK(rows[0].at("net/w|_type") == "\"histogram\"");
    const auto bins = nlohmann::json::parse(rows[0].at("net/w|bins")),
               counts = nlohmann::json::parse(rows[0].at("net/w|values"));
    CHECK(bins.size() == counts.size() + 1);
    CHECK(bins.front() == 1.0);
    CHECK(bins.back() == 3.0);
    CHECK(rows[1].at("conf_table|_type") == "\"table-file\"");
    CHECK(rows[1].at("conf_table|nrows") == "4");
    CHECK(rows[2].at("note") == "\"h\xef\xbf\xbdllo\"");
    const std::string path = nlohmann::json::parse(rows[2].at("../t|path"));
    CHECK(path.find("..") == std::string::npos);
    const std::string file = read_bytes(folder / "files" / path);
    CHECK(nlohmann::json::parse(file) ==
          nlohmann::json::parse(R"({"columns": ["a", "b"], "data": [[1, "x"]]})"));
    CHECK(rows[2].at("../t|sha256") == "\"" + cairn::sha256(bytes_of(file)).hex() + "\"");
    CHECK(of_kind(all, Kind::files).size() == 2);
    const auto charts = of_kind(all, Kind::config);
    REQUIRE(charts.size() == 1);
    CHECK(charts[0].items().begin()->first == "_wandb|visualize|conf");
    const auto chart = nlohmann::json::parse(charts[0].items().begin()->second);
    CHECK(chart["panel_config"]["panelDefId"] == "wandb/confusion_matrix/v1");
    CHECK(chart["panel_config"]["userQuery"]["queryFields"][0]["fields"][3]["args"][0]["value"] ==
          "conf_table");
}

TEST_CASE("wandb: a row has each metric once", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = start(dir);
        run.log(cairn::step(1), "loss"_m = 1, "note"_m = cairn::Text{"one"});
        run.log(cairn::step(1), "note"_m = cairn::Text{"two"});
        run.log(cairn::step(1), "both"_m = 3);
        run.log(cairn::step(1), "both"_m = cairn::Text{"three"});
        REQUIRE(run.finish());
    }
    const auto rows = rows_in(said_in(mirrored(dir)));  // `items` refuses a key that comes twice
    std::multiset<std::string> said;
    for (const auto& row : rows) {
        for (const auto& [key, value] : row) said.insert(key + "=" + value);
        CHECK(row.at("_step") == "1");
    }
    for (const char* one : {"loss=1", "note=\"one\"", "note=\"two\"", "both=3", "both=\"three\""})
        CHECK(said.count(one) == 1);
}

TEST_CASE("wandb: a row that its client would not send, for its size, is several of one step",
          "[mirror][wandb]") {
    const TempDir dir;
    const std::size_t count = 6000;
    {
        auto run = start(dir);
        std::vector<std::string> names;
        std::vector<cairn::NamedValue> values;
        for (std::size_t i = 0; i < count; ++i) names.push_back(std::string(500, 'm') + std::to_string(i));
        for (const std::string& name : names) values.push_back({name, cairn::Value{0.5}});
        run.log(values, {.step = 7});
        REQUIRE(run.finish());
    }
    const auto rows = rows_in(said_in(mirrored(dir)));
    CHECK(rows.size() == 2);
    std::set<std::string> seen;
    for (const auto& row : rows) {
        CHECK(row.at("_step") == "7");
        std::size_t bytes = 0;
        for (const auto& [key, value] : row) {
            if (key != "_step") CHECK(seen.insert(key).second);
            bytes += key.size() + value.size();
        }
        CHECK(bytes * 6 < 10'383'360);
    }
    CHECK(seen.size() == count);
}

TEST_CASE("wandb: versions are staged, with the digests of W&B", "[mirror][wandb]") {
    const TempDir dir;
    write_bytes(dir / "a.txt", "hello");
    write_bytes(dir / "b.bin", std::string{"\0\1\2", 3});
    write_bytes(dir / "z.txt", "");
    {
        auto run = start(dir);
        cairn::Artifact data{"data", "dataset"};
        data.add_file(dir / "a.txt", "a.txt");
        data.add_file(dir / "b.bin", "dir/b.bin");
        data.add_file(dir / "z.txt", "z.txt");
        (void)run.log_artifact(data, {"golden"});
        REQUIRE(run.finish());
    }
    const fs::path folder = mirrored(dir);
    const auto artifacts = of_kind(said_in(folder), Kind::artifact);
    REQUIRE(artifacts.size() == 1);
    CHECK(artifacts[0].text(4) == "dataset");
    CHECK(artifacts[0].text(5) == "data");
    CHECK(artifacts[0].text(6) ==
          "1c6c4686c815c2cd4b082f000a4e38c6");  // as W&B's client has it of these files
    CHECK(artifacts[0].texts(11) == std::vector<std::string>{"golden", "latest"});
    CHECK(artifacts[0].value(14) == 1);
    CHECK(artifacts[0].text(15).size() == 128);
    CHECK(read_bytes(folder / "staging" / "data-v0" / "dir" / "b.bin") == std::string("\0\1\2", 3));
}

TEST_CASE("wandb: a record of a stranger writes nothing elsewhere", "[mirror][wandb]") {
    const TempDir dir;
    write_bytes(dir / "a.txt", "hello");
    {
        auto run = start(dir);
        cairn::Artifact data{"data", "dataset"};
        data.add_file(dir / "a.txt", "a.txt");
        (void)run.log_artifact(data);
        REQUIRE(run.finish());
    }
    const fs::path record = recorded(dir).dir() / "run.json";
    auto about = nlohmann::json::parse(read_bytes(record));
    about["logged_artifacts"] = {"data:../../../../out", "../data:v0", "no version", ":", "data:v7", 7};
    write_bytes(record, about.dump());
    write_bytes(dir.path() / "store/projects/demo/artifacts/data/aliases.json",
                R"({"../../../../out": "v0"})");
    auto mirror = mirror_of(dir);
    const auto report = mirror.catch_up(recorded(dir));
    REQUIRE(report);
    CHECK(report->is_over);
    CHECK_FALSE(report->left_out.empty());
    for (const auto& entry : fs::recursive_directory_iterator{dir.path()}) {
        if (entry.path().filename() != "a.txt" || entry.path() == dir / "a.txt") continue;
        CHECK((entry.path().string().starts_with((dir.path() / "store").string()) ||
               entry.path().string().starts_with(mirror.folder().string())));
    }
}

TEST_CASE("wandb: of checkpoints the versions that were kept, when the run has ended", "[mirror][wandb]") {
    const TempDir dir;
    fs::path folder;
    {
        auto run = start(dir);
        Model model;
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", cairn::KeepLast<1>{});
        for (int i = 1; i <= 3; ++i) {
            model.weight[0] = static_cast<float>(i);
            const auto done =
                checkpoint.step(run.log(cairn::step(i), "loss"_m = i), cairn::part("model", model));
            REQUIRE(done.queued());
            auto mirror = mirror_of(dir);
            (void)mirror.catch_up(recorded(dir)).value();
            folder = mirror.folder();
        }
        CHECK_FALSE(fs::exists(folder / "staging"));  // what is not kept has its room back
        REQUIRE(run.finish());
    }
    CHECK(mirrored(dir) == folder);
    const auto artifacts = of_kind(said_in(folder), Kind::artifact);
    REQUIRE(artifacts.size() == 1);
    CHECK(artifacts[0].text(5) == "model");
    CHECK(nlohmann::json::parse(artifacts[0].text(8))["cairn_version"] == "v2");
    CHECK(nlohmann::json::parse(artifacts[0].text(8))["metrics"]["loss"] == 3);
}

TEST_CASE("wandb: output and samples of the machine", "[mirror][wandb]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "demo",
                                .id = "r",
                                .dir = dir.path() / "store",
                                .system_seconds = 0.1,
                                .quiet = true});
        write_bytes(run.dir() / output_file, "one\ntwo\nthr");
        auto mirror = mirror_of(dir);
        (void)mirror.catch_up(recorded(dir)).value();
        const auto lines = of_kind(said_in(mirror.folder()), Kind::output);
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].text(3) == "one\ntwo\n");
        CHECK(lines[0].value(1) == 1);
        run.log("loss"_m = 1.0);
        os::sys::sleep_ns(350'000'000);
        REQUIRE(run.finish());
    }
    const auto all = said_in(mirrored(dir));
    std::string text;
    for (const Said& line : of_kind(all, Kind::output)) text += line.text(3);
    CHECK(text == "one\ntwo\nthr");
    const auto stats = of_kind(all, Kind::stats);
    REQUIRE_FALSE(stats.empty());
    bool has_cpu = false;
    for (const Said& one : stats) {
        REQUIRE(each_field(one.what, [&](const ProtoField& field) {
            if (field.number == 3)
                REQUIRE(each_field(field.bytes, [&](const ProtoField& part) {
                    has_cpu |= part.number == 1 && part.text() == "cpu";
                }));
        }));
    }
    CHECK(has_cpu);
    CHECK(rows_in(all).size() == 1);
}

TEST_CASE("wandb: a name or a config that changes is said again", "[mirror][wandb]") {
    const TempDir dir;
    auto run = start(dir);
    run.log("loss"_m = 1.0);
    auto mirror = mirror_of(dir);
    (void)mirror.catch_up(recorded(dir)).value();
    run.set_notes("better");
    (void)mirror.catch_up(recorded(dir)).value();
    (void)mirror.catch_up(recorded(dir)).value();
    const auto all = said_in(mirror.folder());
    const auto about = of_kind(all, Kind::run);
    REQUIRE(about.size() == 2);
    CHECK(about[1].text(9) == "better");
    CHECK(of_kind(all, Kind::config).size() == 1);
    CHECK(of_kind(all, Kind::environment).size() == 1);
}

TEST_CASE("wandb: one mirror at a time, and what fails goes on from where it was", "[mirror][wandb]") {
    const TempDir dir;
    auto run = start(dir);
    for (int i = 0; i < 10; ++i) run.log(cairn::step(i), "loss"_m = i);
    std::optional<cairn::WandbMirror> mirror{mirror_of(dir)};
    const auto store = cairn::open(dir.path() / "store").value();
    const auto second = cairn::WandbMirror::open(store, recorded(dir), {.dir = dir.path() / "w"});
    REQUIRE_FALSE(second);
    CHECK(second.error().code() == cairn::errc::busy);
    // Elsewhere it may.
    CHECK(cairn::WandbMirror::open(store, recorded(dir), {.dir = dir.path() / "elsewhere"}));

    write_bytes(dir / "w", "not a folder");
    CHECK_FALSE(mirror->catch_up(recorded(dir)));
    CHECK_FALSE(mirror->catch_up(recorded(dir)));
    fs::remove(dir / "w");
    (void)mirror->catch_up(recorded(dir)).value();
    REQUIRE(run.finish());
    CHECK(mirror->catch_up(recorded(dir)).value().is_over);
    CHECK(rows_in(said_in(mirror->folder())).size() == 10);
}

TEST_CASE("wandb: what fails in its midst is said again, once", "[mirror][wandb]") {
    const TempDir dir;
    auto run = start(dir);
    run.log(cairn::step(0), "loss"_m = 0);
    auto mirror = mirror_of(dir);
    (void)mirror.catch_up(recorded(dir)).value();
    const fs::path files = mirror.folder() / "files";
    fs::remove_all(files);
    write_bytes(files, "no folder");
    cairn::Table table{{"a"}};
    for (int i = 1; i < 10; ++i) run.log(cairn::step(i), "loss"_m = i, "table"_m = table);
    REQUIRE(run.finish());
    CHECK_FALSE(mirror.catch_up(recorded(dir)));
    CHECK_FALSE(mirror.catch_up(recorded(dir)));
    fs::remove(files);
    const auto report = mirror.catch_up(recorded(dir)).value();
    CHECK(report.is_over);
    const auto rows = rows_in(said_in(mirror.folder()));
    REQUIRE(rows.size() == 10);
    for (std::size_t i = 1; i < 10; ++i) {
        CHECK(rows[i].at("loss") == std::to_string(i));
        CHECK(rows[i].contains("table|path"));
    }
}

TEST_CASE("wandb: an alert does not overtake a row that waits", "[mirror][wandb]") {
    const TempDir dir;
    auto run = start(dir);
    run.log(cairn::step(1), "loss"_m = 1);
    run.alert("look");
    (void)mirror_of(dir).catch_up(recorded(dir)).value();
    (void)mirror_of(dir).catch_up(recorded(dir)).value();
    REQUIRE(run.finish());
    const auto all = said_in(mirrored(dir));
    CHECK(rows_in(all).size() == 1);
    CHECK(of_kind(all, Kind::alert).size() == 1);
}

TEST_CASE("wandb: a live mirror keeps up without the program", "[mirror][wandb]") {
    const TempDir dir;
    auto run = start(dir);
    const auto store = cairn::open(dir.path() / "store").value();
    {
        cairn::LiveMirror live{store, recorded(dir), mirror_of(dir), 0.01};
        for (int i = 0; i < 100; ++i) {
            run.log(cairn::step(i), "loss"_m = i);
            os::sys::sleep_ns(1'000'000);
        }
        REQUIRE(run.finish());
        REQUIRE(live.finish(std::chrono::seconds{20}));
        CHECK(live.finish(std::chrono::seconds{20}));  // nothing more to do
        const auto health = live.health();
        CHECK(health.is_over);
        CHECK(health.rows == 100);
        CHECK(health.errors.empty());
    }
    CHECK(rows_in(said_in(mirrored(dir))).size() == 100);
}

}  // namespace wandb_test
