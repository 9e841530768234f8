// SPDX-License-Identifier: MIT
// What is written for TensorBoard, byte by byte and read again; tests/mirror/tensorboard.py reads it with
// TensorBoard itself. And event files of anybody, damaged in every way.
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/import_tensorboard.hpp>

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tensorboard_test {

using namespace cairn::literals;
using namespace cairn::detail;
using cairn_test::read_bytes;
using cairn_test::write_bytes;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

struct Heard {
    double seconds = 0;
    std::int64_t step = 0;
    std::string tag, text;
    double number = 0;
};
std::vector<Heard> hear(std::span<const std::byte> event) {
    std::vector<Heard> all;
    CHECK(read_event(event, [&](double seconds, std::int64_t step, const EventValue& value) {
        all.push_back({seconds, step, std::string{value.tag}, std::string{value.text}, value.number});
    }));
    return all;
}
/// A record of an event.
std::string record(std::string_view event) {
    std::vector<std::byte> out;
    ByteWriter writer{out};
    writer.fixed(std::uint64_t{event.size()});
    writer.fixed(masked_crc(out));
    writer.text(event);
    writer.fixed(masked_crc(as_bytes(event)));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}
/// A scalar as programs of TensorFlow 1 and PyTorch write it.
std::string scalar(double seconds, std::int64_t step, std::string_view tag, float number) {
    std::vector<std::byte> value, summary, event;
    ProtoWriter{value}.text(1, tag);
    ByteWriter{value}.byte(2U << 3U | 5U);
    ByteWriter{value}.fixed(std::bit_cast<std::uint32_t>(number));
    ProtoWriter{summary}.message(1, value);
    ProtoWriter{event}.number(1, seconds);
    ProtoWriter{event}.varint(2, static_cast<std::uint64_t>(step));
    ProtoWriter{event}.message(5, summary);
    return record({reinterpret_cast<const char*>(event.data()), event.size()});
}
const std::string version = record(std::string_view{"\x09\x00\x00\x80\x38\x99\xd6\xd7\x41\x1a\x0d"
                                                    "brain.Event:2",
                                                    24});

fs::path only_file(const fs::path& root) {
    fs::path found;
    for (const auto& entry : fs::recursive_directory_iterator{root}) {
        if (!entry.is_regular_file()) continue;
        CHECK(found.empty());
        found = entry.path();
    }
    return found;
}

}  // namespace

TEST_CASE("a checksum of an event file is masked as others mask it", "[mirror][tensorboard]") {
    CHECK(get<std::uint32_t>(as_bytes(version).data() + 8) == 0x224b7fa3);
    CHECK(get<std::uint32_t>(as_bytes(version).data() + 36) == 0xab364b12);
    CHECK(masked_crc(as_bytes("\x1a\x11"
                              "CRC test, one two")) == 0x5794d08a);
}

TEST_CASE("a run that is written for TensorBoard is read again with its steps, times and values",
          "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                     inf = std::numeric_limits<double>::infinity();
    const std::vector<double> values = {1, -0.1, nan, inf, -inf, 1e300, 1e-300, -0.0, 16777217};
    {
        auto run = cairn::init({.project = "p",
                                .id = "r",
                                .config = {{"lr", 0.5}, {"net", {{"deep", true}, {"act", "relu"}}}},
                                .dir = dir / "store",
                                .quiet = true});
        for (std::size_t i = 0; i < values.size(); ++i)
            run.log(cairn::step(static_cast<std::int64_t>(i) - 3), "loss/train"_m = values[i],
                    "note"_m = "hä\n", "n"_m = i);
    }
    const auto run = cairn::open(dir / "store").value().run("p", "r").value();
    cairn::export_tensorboard(run, dir / "out").value();
    cairn::export_tensorboard(run, dir / "out").value();  // it takes the place of the first
    const fs::path file = only_file(dir / "out");
    CHECK(file.parent_path() == dir / "out" / "p" / "r");
    CHECK(file.filename().string().starts_with("events.out.tfevents."));

    auto reader = EventReader::open(file).value();
    std::span<const std::byte> event;
    REQUIRE(reader.next(event).value());
    CHECK(hear(event).empty());
    REQUIRE(reader.next(event).value());  // the config
    const std::string config{reinterpret_cast<const char*>(event.data()), event.size()};
    CHECK(config.find("_hparams_/session_start_info") != std::string::npos);
    CHECK(config.find("net.act") != std::string::npos);
    const auto rows = run.rows().value();
    for (std::size_t i = 0; i < values.size(); ++i) {
        REQUIRE(reader.next(event).value());
        const auto heard = hear(event);
        REQUIRE(heard.size() == 3);
        CHECK(heard[0].tag == "loss/train");
        CHECK(heard[0].step == static_cast<std::int64_t>(i) - 3);
        CHECK(heard[0].seconds == static_cast<double>(rows[i].time_ns()) / 1e9);
        CHECK(std::bit_cast<std::uint64_t>(heard[0].number) ==
              std::bit_cast<std::uint64_t>(double{static_cast<float>(values[i])}));
        CHECK(heard[1].text == "hä\n");
        CHECK(heard[2].number == static_cast<double>(i));
    }
    REQUIRE(reader.next(event).value());  // how it ended
    CHECK(hear(event).empty());
    CHECK_FALSE(reader.next(event).value());

    // And back.
    const auto made = cairn::import_tensorboard(dir / "out", {dir / "store", "q"}).value();
    CHECK(made.damaged.empty());
    REQUIRE(made.runs.size() == 1);
    CHECK(made.runs[0].rows == values.size());
    const auto back = cairn::open(dir / "store").value().run("q", "p-r").value();
    CHECK(back.name() == "p/r");
    CHECK(back.state() == cairn::RunState::finished);
    CHECK(back.created_ns() == rows.front().time_ns());
    CHECK(back.ended_ns() == rows.back().time_ns());
    const auto again = back.rows().value();
    REQUIRE(again.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(again[i].step() == rows[i].step());
        CHECK(again[i].time_ns() == rows[i].time_ns());
        CHECK(again[i].find("note").text() == "hä\n");
        CHECK(std::bit_cast<std::uint64_t>(again[i].find("loss/train").number()) ==
              std::bit_cast<std::uint64_t>(double{static_cast<float>(values[i])}));
    }
}

namespace {

/// The scalars of all files of a run, in their order.
std::vector<Heard> all_heard(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder}) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<Heard> all;
    for (const fs::path& file : files) {
        auto reader = EventReader::open(file).value();
        std::span<const std::byte> event;
        while (reader.next(event).value()) {
            for (Heard& one : hear(event)) all.push_back(std::move(one));
        }
    }
    return all;
}

}  // namespace

TEST_CASE("a run that goes on is mirrored to TensorBoard, each value once, whoever does it",
          "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    const auto start = [&](cairn::Resume resume) {
        return cairn::init({.project = "p",
                            .id = "r",
                            .dir = dir / "store",
                            .resume = resume,
                            .system_seconds = 0,
                            .quiet = true});
    };
    const auto recorded = [&] { return cairn::open(dir / "store").value().run("p", "r").value(); };
    const auto catch_up = [&] {
        auto mirror = cairn::TensorboardMirror::open(recorded(), dir / "out").value();
        return mirror.catch_up(recorded()).value();
    };
    const fs::path folder = dir / "out" / "p" / "r",
                   cursors = dir / "store" / "projects" / "p" / "runs" / "r" / "mirrors";
    int step = 0;
    for (int session = 0; session < 2; ++session) {  // in the same second, too
        auto run = start(session == 0 ? cairn::Resume::never : cairn::Resume::must);
        for (int i = 0; i < 30; ++i, ++step) {
            run.log(cairn::step(step), "loss"_m = step);
            if (i == 10) CHECK_FALSE(catch_up().is_over);
            if (i != 20) continue;
            // It dies before its last word.
            fs::remove_all(dir / "cursors");
            fs::copy(cursors, dir / "cursors");
            (void)catch_up();
            fs::remove_all(cursors);
            fs::copy(dir / "cursors", cursors);
        }
        REQUIRE(run.finish());
        CHECK(catch_up().is_over);
        CHECK(catch_up().rows == 0);
    }
    CHECK(std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}) == 2);
    const auto heard = all_heard(folder);
    REQUIRE(heard.size() == 60);
    for (std::size_t i = 0; i < heard.size(); ++i) CHECK(heard[i].number == static_cast<double>(i));

    // What was removed of the last session is written again, and nothing else.
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder}) files.push_back(entry.path());
    fs::remove(*std::max_element(files.begin(), files.end()));
    CHECK(catch_up().rows == 30);
    CHECK(all_heard(folder).size() == 60);
}

TEST_CASE("a metric whose name is no UTF-8 spoils no event file", "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir / "store", .quiet = true});
        run.log({{"l\xf6ss", 1.0}});
        run.log({{"l\xf6ss", 2.0}});
    }
    cairn::export_tensorboard(cairn::open(dir / "store").value().run("p", "r").value(), dir / "out").value();
    const std::string bytes = read_bytes(only_file(dir / "out"));
    CHECK(bytes.find("l\xf6ss") == std::string::npos);
    CHECK(bytes.find("l\xef\xbf\xbdss") != bytes.rfind("l\xef\xbf\xbdss"));
}

TEST_CASE("each folder of event files is a run, and values of one step are one row",
          "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    fs::create_directories(dir / "logs/.odd/train");
    write_bytes(dir / "logs/events.out.tfevents.2", version + scalar(200.5, 2, "a", 3));
    write_bytes(dir / "logs/events.out.tfevents.1", version + scalar(100.25, 1, "a", 1) +
                                                        scalar(100.25, 1, "b", 2) +
                                                        scalar(100.25, 1, "a", 4) + scalar(100.5, 1, "b", 5));
    write_bytes(dir / "logs/.odd/train/x.tfevents.y",
                version + scalar(std::nan(""), -7, "c", 0.5F) + scalar(1e300, 1, "c", 1));
    write_bytes(dir / "logs/notes.txt", "mine");
    const auto made = cairn::import_tensorboard(dir / "logs", {dir / "store", "p"}).value();
    CHECK(made.damaged.empty());
    REQUIRE(made.runs.size() == 2);
    CHECK(made.runs[0].id == "logs");
    CHECK(made.runs[1].id == "-odd-train");
    const auto store = cairn::open(dir / "store").value();
    const auto rows = store.run("p", "logs").value().rows().value();
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].time_ns() == 100'250'000'000);
    CHECK(rows[0].size() == 2);
    CHECK(rows[1].find("a").number() == 4);
    CHECK(rows[2].time_ns() == 100'500'000'000);
    CHECK(rows[3].step() == 2);
    CHECK(store.run("p", "logs").value().created_ns() == 100'250'000'000);
    CHECK(store.run("p", "-odd-train").value().rows().value()[0].step() == -7);
    // A second time it is there.
    try {
        (void)cairn::import_tensorboard(dir / "logs", {dir / "store", "p"});
        FAIL("it was imported twice");
    } catch (const cairn::error& failure) {
        CHECK(failure.code() == cairn::errc::already_exists);
    }
    fs::create_directories(dir / "none");
    CHECK(cairn::import_tensorboard(dir / "none", {dir / "store", "p"}).error().code() ==
          cairn::errc::not_found);
    CHECK(cairn::import_tensorboard(dir / "nowhere", {dir / "store", "p"}).error().code() ==
          cairn::errc::not_found);
}

TEST_CASE("of an event file that is damaged what lies before the damage is read", "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    const std::string first = version + scalar(1, 1, "a", 1), second = scalar(2, 2, "a", 2);
    const fs::path file = dir / "f.tfevents";
    const auto read = [&](const std::string& bytes) {
        write_bytes(file, bytes);
        auto reader = EventReader::open(file).value();
        std::span<const std::byte> event;
        std::size_t heard = 0;
        auto more = reader.next(event);
        for (; more && *more; more = reader.next(event)) heard += hear(event).size();
        return std::pair{heard, more ? cairn::errc{} : more.error().code()};
    };
    using Read = std::pair<std::size_t, cairn::errc>;
    CHECK(read(first + second) == Read{2, cairn::errc{}});
    CHECK(read("") == Read{0, cairn::errc{}});
    for (std::size_t cut = 1; cut < second.size(); ++cut)
        CHECK(read(first + second.substr(0, cut)) == Read{1, cairn::errc::corrupt});
    for (std::size_t at = 0; at < second.size() * 8; ++at) {
        std::string wrong = second;
        wrong[at / 8] = static_cast<char>(wrong[at / 8] ^ (1 << at % 8));
        CHECK(read(first + wrong + second) == Read{1, cairn::errc::corrupt});
    }
    // A length that is a lie, with a checksum that is right.
    for (const std::uint64_t length :
         {std::uint64_t{100}, std::uint64_t{1} << 40U, ~std::uint64_t{0}, ~std::uint64_t{3}}) {
        std::vector<std::byte> head;
        ByteWriter{head}.fixed(length);
        ByteWriter{head}.fixed(masked_crc(head));
        CHECK(read(first + std::string{reinterpret_cast<const char*>(head.data()), head.size()} + second) ==
              Read{1, cairn::errc::corrupt});
    }
    // An event that is far too large is passed over.
    CHECK(read(first + record(std::string((std::size_t{16} << 20U) + 1, '\0')) + second) ==
          Read{2, cairn::errc{}});
    // And what is told, with the file.
    write_bytes(file, first + second.substr(0, 20));
    const auto made = cairn::import_tensorboard(dir.path(), {dir / "store", "p"}).value();
    REQUIRE(made.damaged.size() == 1);
    CHECK(made.damaged[0].path() == file.string());
    CHECK(made.runs.at(0).rows == 1);
}

TEST_CASE("an event of any bytes is read or refused", "[mirror][tensorboard]") {
    const std::string whole = scalar(1, 1, "a", 1);
    const std::string event = whole.substr(12, whole.size() - 16);
    const auto read = [](std::string_view bytes) {
        return read_event(as_bytes(bytes), [](double, std::int64_t, const EventValue&) {});
    };
    CHECK(read(event));
    CHECK(read(""));
    CHECK_FALSE(read(event.substr(0, event.size() - 1)));
    for (std::size_t at = 0; at < event.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string other = event;
            other[at] = static_cast<char>(byte);
            (void)read(other);
        }
    }
}

TEST_CASE("a tensor is heard if it is one number or one text", "[mirror][tensorboard]") {
    std::vector<std::byte> tensor;  // what was heard of it points into it
    const auto heard = [&](const auto& fill) {
        tensor.clear();
        fill(ProtoWriter{tensor});
        return value_of_tensor(tensor);
    };
    const auto content = [&](std::uint64_t type, std::string_view bytes) {
        return heard([&](ProtoWriter out) {
            out.varint(1, type);
            out.text(4, bytes);
        });
    };
    CHECK(content(1, {"\x00\x00\x80\x3f", 4})->number == 1);
    CHECK(content(2, {"\x00\x00\x00\x00\x00\x00\xf0\x3f", 8})->number == 1);
    CHECK(content(3, {"\xff\xff\xff\xff", 4})->number == -1);
    CHECK(content(9, {"\xfe\xff\xff\xff\xff\xff\xff\xff", 8})->number == -2);
    CHECK_FALSE(content(1, {"\x00\x00\x80\x3f\x00\x00\x80\x3f", 8}));
    CHECK_FALSE(content(1, "\x01"));
    CHECK_FALSE(content(4, "\x01"));
    CHECK(heard([](ProtoWriter out) { out.number(6, 2.5); })->number == 2.5);
    CHECK(heard([](ProtoWriter out) { out.varint(10, 7); })->number == 7);
    CHECK(heard([](ProtoWriter out) { out.text(10, "\x07"); })->number == 7);
    CHECK(heard([](ProtoWriter out) { out.text(8, "hi"); })->text == "hi");
    CHECK_FALSE(heard([](ProtoWriter out) {
        out.text(8, "a");
        out.text(8, "b");
    }));
    CHECK_FALSE(heard([](ProtoWriter) {}));
}

TEST_CASE("a long run is exported and imported without a row lost", "[mirror][tensorboard]") {
    const cairn_test::TempDir dir;
    constexpr int rows = 60'000;
    {
        auto run = cairn::init({.project = "p",
                                .id = "r",
                                .dir = dir / "store",
                                .quiet = true,
                                .durability = cairn::Durability::process_crash});
        for (int i = 0; i < rows; ++i) {
            run.log(cairn::step(i), "x"_m = i, "y"_m = 0.5F * static_cast<float>(i));
            if (i % 1000 == 0)
                while (run.health().rows_collected < static_cast<std::uint64_t>(i))
                    os::sys::sleep_ns(100'000);
        }
    }
    const auto store = cairn::open(dir / "store").value();
    cairn::export_tensorboard(store.run("p", "r").value(), dir / "out").value();
    CHECK(cairn::import_tensorboard(dir / "out", {dir / "store", "q"}).value().runs.at(0).rows == rows);
    const auto back = store.run("q", "p-r").value().rows().value();
    REQUIRE(back.size() == rows);
    for (int i = 0; i < rows; i += 997) CHECK(back[static_cast<std::size_t>(i)].find("x").number() == i);
    CHECK(back.back().step() == rows - 1);
}

}  // namespace tensorboard_test
