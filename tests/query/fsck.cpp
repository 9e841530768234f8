// SPDX-License-Identifier: MIT
// Each thing that can be broken in a store is broken; a look finds it and changes nothing, a repair mends it
// and loses nothing, and after that a look finds nothing.
#include <cairn/query/fsck.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/text.hpp>
#include <cairn/query/edit_run.hpp>
#include <cairn/query/series.hpp>
#include <cairn/store/garbage.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fsck_test {

using namespace cairn::literals;
using cairn_test::read_bytes;
using cairn_test::write_bytes;
namespace fs = std::filesystem;

namespace {

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

/// A store with a finished run "r" of 3000 rows and versions v0 and v1 of a model, of two parts each.
struct Broken {
    Broken() {
        auto run = cairn::init(
            {.project = "p", .id = "r", .config = {{"lr", 0.5}}, .dir = dir.path(), .quiet = true});
        Model model, other;
        auto checkpoint = run.checkpoint<cairn::EveryN<2000>>("model");
        for (int i = 0; i < 3000; ++i) {
            const auto row = run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1), "epoch"_m = i / 100);
            model.weight[0] = static_cast<float>(i);
            other.weight[1] = static_cast<float>(i) + 0.5F;
            checkpoint.step(row, cairn::part("model", model), cairn::part("other", other));
        }
    }

    [[nodiscard]] cairn::StoreReader reader() const { return cairn::open(dir.path()).value(); }
    [[nodiscard]] cairn::Store store() const { return reader().store(); }
    [[nodiscard]] cairn::ArtifactStore artifact() const {
        return cairn::ArtifactStore::open(store(), "p", "model").value();
    }
    [[nodiscard]] fs::path run_dir() const { return store().run_dir("p", "r"); }
    [[nodiscard]] fs::path artifact_dir() const { return store().artifact_dir("p", "model"); }
    /// The object of the first part of a version.
    [[nodiscard]] fs::path object(std::uint64_t version) const {
        return store().object_path(artifact().get(version).value().files.front().digest);
    }
    [[nodiscard]] cairn::Checkup look() const { return cairn::fsck(reader()).value(); }
    [[nodiscard]] cairn::Checkup repair() const { return cairn::fsck(reader(), cairn::Repair::yes).value(); }
    [[nodiscard]] std::size_t rows() const { return reader().run("p", "r").value().rows().value().size(); }

    /// Every file and its bytes, but for those that locks are on.
    [[nodiscard]] std::map<std::string, std::string> all() const {
        std::map<std::string, std::string> files;
        for (const auto& entry : fs::recursive_directory_iterator{dir.path()}) {
            const std::string name = entry.path().filename().string();
            if (entry.is_regular_file() && name != "lock" && name != "leases")
                files[fs::relative(entry.path(), dir.path()).generic_string()] = read_bytes(entry.path());
        }
        return files;
    }
    /// Looks, which finds damage and changes nothing; repairs, which mends all of it and keeps every byte
    /// that there was, under whatever name; and looks again.
    [[nodiscard]] std::vector<cairn::Finding> mend() const {
        const auto before = all();
        CHECK_FALSE(look().ok());
        CHECK(all() == before);
        const cairn::Checkup repaired = repair();
        for (const cairn::Finding& finding : repaired.findings)
            INFO(finding.what.what() << "\n" << finding.done << finding.not_done);
        CHECK(repaired.ok());
        CHECK(look().findings.empty());
        CHECK_FALSE(repaired.findings.empty());
        return repaired.findings;
    }
    /// Whether some file has these bytes still.
    [[nodiscard]] bool keeps(std::string_view bytes) const {
        const auto files = all();
        return std::any_of(files.begin(), files.end(),
                           [&](const auto& file) { return file.second == bytes; });
    }

    cairn_test::TempDir dir;
};

/// Changes a file that may be read-only, in place: a hard link to it is changed too.
void damage(const fs::path& path, std::size_t at = 0) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 1));
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("fsck finds nothing in a store that is whole", "[query][fsck]") {
    const Broken f;
    const auto found = f.look();
    CHECK(found.ok());
    CHECK(found.findings.empty());
    CHECK(found.versions == 2);
    CHECK(found.objects == 4);
    CHECK(found.runs == 1);
    CHECK(found.rows == 3000);
    CHECK(found.decisions >= 3);  // opened, and two saves
    const auto before = f.all();
    CHECK(f.repair().findings.empty());
    CHECK(f.all() == before);
}

TEST_CASE("fsck takes what the machine did for a part of the history, and indexes it anew",
          "[query][fsck][system]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .system_seconds = 0.1, .quiet = true});
    run.log(cairn::step(1), "loss"_m = 0.5);
    const auto recorded = [&] { return cairn::open(dir.path()).value().find("r").value(); };
    for (int i = 0; i < 1000 && !recorded().series("system/cpu"); ++i)
        cairn::detail::os::sys::sleep_ns(20'000'000);
    REQUIRE(run.finish());
    const auto samples = recorded().series("system/cpu").value().size();
    const auto reader = cairn::open(dir.path()).value();
    CHECK(cairn::fsck(reader).value().findings.empty());
    fs::remove(run.dir() / "history.index");
    CHECK(cairn::fsck(reader, cairn::Repair::yes).value().findings.size() == 1);
    CHECK(cairn::fsck(reader).value().findings.empty());
    CHECK(recorded().series("system/cpu").value().size() == samples);
}

TEST_CASE("fsck rebuilds an object that is lost from the plain path", "[query][fsck]") {
    const Broken f;
    const fs::path object = f.object(0);
    SECTION("it is missing") { cairn_test::erase_all(object); }
    SECTION("it is another file, and damaged") {
        const std::string bytes = read_bytes(object);
        cairn_test::erase_all(object);
        write_bytes(object, "x" + bytes.substr(1));
    }
    const auto findings = f.mend();
    CHECK(has(findings.front().done, "rebuilt it from"));
    CHECK(cairn::verify(f.store()).value().versions == 2);
}

TEST_CASE("fsck sets a version aside whose object is damaged, and nobody gets its number", "[query][fsck]") {
    const Broken f;
    f.artifact().set_alias("good", 0).value();
    f.artifact().set_alias("newest", 1).value();
    const std::string manifest = read_bytes(f.artifact_dir() / "versions/v1.json");
    const auto files = f.artifact().get(1).value().files;
    damage(f.object(1));
    const std::string damaged = read_bytes(f.object(1));
    const auto findings = f.mend();
    CHECK(f.keeps(manifest));
    CHECK(f.keeps(damaged));
    CHECK(f.artifact().resolve("latest").value().version == 0);
    CHECK(f.artifact().aliases().value() == std::map<std::string, std::uint64_t>{{"good", 0}});
    CHECK(std::any_of(findings.begin(), findings.end(),
                      [](const cairn::Finding& finding) { return has(finding.done, "newest (v1)"); }));
    // What is whole of it is kept for whoever can mend it.
    (void)cairn::collect_garbage(f.store()).value();
    CHECK(fs::exists(f.store().object_path(files[1].digest)));
    CHECK(f.artifact().reserve().value().number == 2);
}

TEST_CASE("fsck sets a manifest aside that cannot be read", "[query][fsck]") {
    const Broken f;
    const fs::path path = f.artifact_dir() / "versions/v0.json";
    const std::string cut = read_bytes(path).substr(0, 100);
    write_bytes(path, cut);
    (void)f.mend();
    CHECK(f.keeps(cut));
    CHECK(f.artifact().versions().value() == std::vector<std::uint64_t>{1});
    CHECK_FALSE(fs::exists(f.artifact_dir() / "v0"));
    CHECK(cairn::collect_garbage(f.store()).value().objects <= 2);
}

TEST_CASE("fsck leaves a version that is being read, or of a newer format", "[query][fsck]") {
    const Broken f;
    const fs::path path = f.artifact_dir() / "versions/v0.json";
    const std::string manifest = read_bytes(path);
    SECTION("it is being read") {
        damage(path, 10);
        const auto reading = f.artifact().lease(0).value();
        const auto repaired = f.repair();
        CHECK_FALSE(repaired.ok());
        CHECK(has(repaired.findings.front().not_done, "being read"));
    }
    SECTION("it is of a newer format") {
        std::string newer = manifest;
        const std::size_t at = newer.find("\"format\": 1");
        REQUIRE(at != std::string::npos);
        newer.replace(at, 11, "\"format\": 9");
        const std::size_t sum = cairn::detail::checksum_at(newer);
        newer.replace(sum, cairn::detail::digest_digits, cairn::detail::checksum_of(newer, sum));
        write_bytes(path, newer);
        const auto repaired = f.repair();
        CHECK_FALSE(repaired.ok());
        CHECK(repaired.findings.front().what.code() == cairn::errc::unsupported);
    }
    CHECK(fs::exists(path));
    CHECK_FALSE(fs::exists(f.dir.path() / "damaged"));
}

TEST_CASE("fsck writes the record of an artifact anew", "[query][fsck]") {
    const Broken f;
    const fs::path record = f.artifact_dir() / "artifact.json";
    const std::string before = read_bytes(record);
    SECTION("it is missing") { fs::remove(record); }
    SECTION("it is no JSON") { write_bytes(record, "?"); }
    (void)f.mend();
    CHECK(read_bytes(record) == before);
}

TEST_CASE("fsck links plain files anew, and keeps what lies in their place", "[query][fsck]") {
    const Broken f;
    const fs::path plain = f.artifact_dir() / "v1";
    SECTION("one is missing") { cairn_test::erase_all(plain / "model.safetensors"); }
    SECTION("all are missing") { cairn_test::erase_all(plain); }
    SECTION("one is another") {
        cairn_test::erase_all(plain / "model.safetensors");
        write_bytes(plain / "model.safetensors", "mine");
    }
    const bool is_another = fs::exists(plain / "model.safetensors");
    (void)f.mend();
    CHECK(fs::equivalent(plain / "model.safetensors", f.object(1)));
    CHECK(fs::exists(plain / "other.safetensors"));
    CHECK(f.keeps("mine") == is_another);
}

TEST_CASE("fsck sets aliases aside that cannot be read", "[query][fsck]") {
    const Broken f;
    write_bytes(f.artifact_dir() / "aliases.json", "[1");
    (void)f.mend();
    CHECK(f.keeps("[1"));
    CHECK(f.artifact().aliases().value().empty());
}

TEST_CASE("fsck sets a damaged object aside that no version names", "[query][fsck]") {
    const Broken f;
    const fs::path orphan = f.store().object_path(std::string(64, 'a'));
    fs::create_directories(orphan.parent_path());
    write_bytes(orphan, "no such bytes");
    (void)f.mend();
    CHECK_FALSE(fs::exists(orphan));
    CHECK(f.keeps("no such bytes"));
}

TEST_CASE("fsck cuts a torn history, and keeps what it cuts", "[query][fsck]") {
    const Broken f;
    const fs::path history = f.run_dir() / "history.cairn";
    const std::string whole = read_bytes(history);
    write_bytes(history, whole + std::string(24, '\x7f'));
    (void)f.mend();
    CHECK(read_bytes(history) == whole);
    CHECK(f.keeps(std::string(24, '\x7f')));
    CHECK(f.rows() == 3000);
}

TEST_CASE("fsck cuts nothing outside the store, whatever a link names", "[query][fsck]") {
    if (!cairn_test::has_symlinks) {
        WARN("not here: there are no symbolic links");
        return;
    }
    const Broken f;
    const fs::path history = f.run_dir() / "history.cairn", outside = f.dir / "outside";
    fs::rename(history, outside);
    const std::string torn = read_bytes(outside) + std::string(24, '\x7f');
    write_bytes(outside, torn);
    fs::create_symlink(outside, history);
    const cairn::Checkup mended = f.repair();
    CHECK(!mended.findings.empty());
    CHECK(read_bytes(outside) == torn);
}

TEST_CASE("fsck mends the first bytes of a history", "[query][fsck]") {
    const Broken f;
    const fs::path history = f.run_dir() / "history.cairn";
    const std::string whole = read_bytes(history);
    damage(history, 3);
    const std::string head = read_bytes(history).substr(0, 16);
    (void)f.mend();
    CHECK(read_bytes(history) == whole);
    CHECK(f.keeps(head));
}

TEST_CASE("fsck sets a history aside that is none", "[query][fsck]") {
    const Broken f;
    write_bytes(f.run_dir() / "history.cairn", std::string(4000, 'n'));
    (void)f.mend();
    CHECK(f.keeps(std::string(4000, 'n')));
    CHECK(f.rows() == 0);
}

TEST_CASE("fsck tells of damage in the middle of a history, and changes nothing", "[query][fsck]") {
    const Broken f;
    const fs::path history = f.run_dir() / "history.cairn";
    damage(history, 200);
    fs::remove(f.run_dir() / "history.index");
    (void)f.repair();  // the index
    const auto before = f.all();
    const auto repaired = f.repair();
    CHECK_FALSE(repaired.ok());
    REQUIRE(repaired.findings.size() == 1);
    CHECK(repaired.findings.front().done.empty());
    CHECK(f.all() == before);
}

TEST_CASE("fsck reads every rich value, and cuts one that is torn", "[query][fsck]") {
    const Broken f;
    {
        auto run = cairn::init({.project = "p", .id = "rich", .dir = f.dir.path(), .quiet = true});
        for (const char* text : {"the first", "the second"}) run.log("notes"_m = cairn::Text{text});
    }
    const fs::path media = f.store().run_dir("p", "rich") / "media.cairn";
    const std::string whole = read_bytes(media), torn(40, '\x7f');
    REQUIRE(f.look().findings.empty());

    write_bytes(media, whole + torn);
    CHECK(f.look().ok());  // it harms nothing
    CHECK(f.look().findings.size() == 1);
    CHECK(f.repair().ok());
    CHECK(f.look().findings.empty());
    CHECK(read_bytes(media) == whole);
    CHECK(f.keeps(torn));

    for (const char* part : {"the first", "notes"}) {  // the value, and what is said of it
        damage(media, whole.find(part));
        const auto before = f.all();
        const auto repaired = f.repair();
        CHECK_FALSE(repaired.ok());
        REQUIRE(repaired.findings.size() == 1);
        CHECK(repaired.findings.front().what.code() == cairn::errc::corrupt);
        CHECK(repaired.findings.front().what.path() == media.string());
        CHECK(f.all() == before);
        write_bytes(media, whole);
    }
    write_bytes(media, "none of ours" + whole);
    (void)f.mend();
    CHECK_FALSE(fs::exists(media));
    CHECK(f.keeps("none of ours" + whole));
}

TEST_CASE("fsck makes an index anew that tells what the history has not", "[query][fsck]") {
    const Broken f;
    const fs::path index = f.run_dir() / "history.index";
    const std::string whole = read_bytes(index);
    const auto buckets = f.reader().run("p", "r").value().series("loss").value().buckets(10);
    SECTION("an entry is another's") {
        // The least value of a metric, in the first entry, with a checksum that is right.
        std::string wrong = whole;
        const auto bytes = std::as_writable_bytes(std::span{wrong});
        const auto size = cairn::detail::get<std::uint32_t>(bytes.data() + 16);
        bytes[16 + 8 + size - 1] ^= std::byte{1};
        cairn::detail::put(bytes.data() + 20, cairn::crc32c(bytes.subspan(24, size)));
        write_bytes(index, wrong);
        (void)f.mend();
        CHECK(read_bytes(index) == whole);
    }
    SECTION("it lacks its end, which is no damage") {
        write_bytes(index, std::string_view{whole}.substr(0, whole.size() - 5));
        const auto found = f.look();
        CHECK(found.ok());
        REQUIRE(found.findings.size() == 1);
        CHECK_FALSE(found.findings.front().is_damage);
        CHECK(f.repair().ok());
        CHECK(read_bytes(index) == whole);
        CHECK(f.look().findings.empty());
    }
    SECTION("it is gone") {
        fs::remove(index);
        CHECK(f.look().ok());
        (void)f.repair();
        CHECK(read_bytes(index) == whole);
    }
    const auto again = f.reader().run("p", "r").value().series("loss").value().buckets(10);
    REQUIRE(again.size() == buckets.size());
    for (std::size_t i = 0; i < again.size(); ++i) CHECK(again[i].min == buckets[i].min);
}

TEST_CASE("fsck sets a damaged ring file aside", "[query][fsck]") {
    const Broken f;
    const std::string bytes = std::string(5000, 'r');
    write_bytes(f.run_dir() / "journal/7.ring", bytes);
    (void)f.mend();
    CHECK(fs::exists(f.run_dir() / "journal/7.ring.damaged"));
    CHECK(f.keeps(bytes));
}

TEST_CASE("fsck makes a run's record of what is known", "[query][fsck]") {
    const Broken f;
    const fs::path record = f.run_dir() / "run.json";
    const std::int64_t created_ns = f.reader().run("p", "r").value().created_ns();
    SECTION("it is missing") { fs::remove(record); }
    SECTION("it is no JSON") { write_bytes(record, "{\"name\": \"mine"); }
    const bool was_there = fs::exists(record);
    (void)f.mend();
    const auto run = f.reader().run("p", "r").value();
    CHECK(run.name() == "r");
    CHECK(run.state() == cairn::RunState::crashed);
    CHECK(run.created_ns() <= run.rows().value().front().time_ns());
    CHECK(run.created_ns() >= created_ns / 1'000'000 * 1'000'000);  // as a history tells it
    CHECK(f.rows() == 3000);
    CHECK(f.keeps("{\"name\": \"mine") == was_there);
    // And it can be resumed.
    auto resumed = cairn::init(
        {.project = "p", .id = "r", .dir = f.dir.path(), .resume = cairn::Resume::must, .quiet = true});
    CHECK(resumed.first_step() == 3000);
}

TEST_CASE("fsck sets other files of a run aside that cannot be read", "[query][fsck]") {
    const Broken f;
    const char* const name = GENERATE("config.json", "summary.json", "edits.json");
    write_bytes(f.run_dir() / name, "\"what");
    (void)f.mend();
    CHECK(f.keeps("\"what"));
    CHECK_FALSE(fs::exists(f.run_dir() / name));
    CHECK(f.rows() == 3000);
}

TEST_CASE("fsck does not touch a run that is being written, nor a version of its project", "[query][fsck]") {
    const Broken f;
    auto run = cairn::init({.project = "p", .id = "live", .dir = f.dir.path(), .quiet = true});
    run.log("loss"_m = 1.0);
    const fs::path live = f.store().run_dir("p", "live");
    write_bytes(live / "config.json", "?");
    write_bytes(live / "journal/9.ring", std::string(5000, 'r'));
    damage(f.object(1));
    const auto repaired = f.repair();
    CHECK_FALSE(repaired.ok());
    REQUIRE(repaired.findings.size() == 3);
    for (const cairn::Finding& finding : repaired.findings) {
        CHECK(finding.done.empty());
        CHECK(has(finding.not_done, "written"));
    }
    CHECK(read_bytes(live / "config.json") == "?");
    CHECK(fs::exists(live / "journal/9.ring"));
    CHECK(fs::exists(f.artifact_dir() / "versions/v1.json"));
    CHECK_FALSE(fs::exists(f.dir.path() / "damaged"));
    CHECK(run.log("loss"_m = 2.0).step() == 1);
    CHECK(run.finish());
}

TEST_CASE("fsck tells of a decision that does not say whose it is", "[query][fsck]") {
    const Broken f;
    fs::create_directories(f.store().run_dir("p", "odd"));
    cairn_test::SmallRun odd{f.store().run_dir("p", "odd")};
    odd.log({0, cairn::detail::RecordKind::event, 9, 9'000'000, {{"kind", cairn::Value{"saved"}}}});
    odd.write(0);
    write_bytes(f.store().run_dir("p", "odd") / "run.json", "{}");
    const auto found = f.look();
    CHECK_FALSE(found.ok());
    CHECK(std::any_of(found.findings.begin(), found.findings.end(), [](const cairn::Finding& finding) {
        return has(finding.what.tried(), "1 decisions");
    }));
}

TEST_CASE("fsck ends what kills have left", "[query][fsck]") {
    const Broken f;
    fs::rename(f.artifact_dir() / "versions/v0.json", f.artifact_dir() / "versions/v0.removing");
    auto process = cairn::detail::os::this_process();
    const std::string temp = "999999999-0-" + cairn::detail::machine_key(process) + "01234567";
    write_bytes(f.store().temp_dir() / temp, "half");
    const auto found = f.look();
    CHECK(found.ok());
    CHECK(found.findings.size() == 2);
    CHECK(f.repair().ok());
    CHECK(f.look().findings.empty());
    CHECK_FALSE(fs::exists(f.artifact_dir() / "v0"));
    CHECK_FALSE(fs::exists(f.store().temp_dir() / temp));
}

TEST_CASE("fsck takes nothing for damage that another is just committing or removing", "[query][fsck]") {
    const Broken broken;
    const auto model = broken.artifact();
    std::atomic<bool> is_over{false};
    std::thread other{[&] {
        std::optional<std::uint64_t> before;
        for (int i = 0; !is_over; ++i) {
            const std::string text = std::to_string(i);
            std::vector<cairn::StagedFile> files;
            files.push_back({"a", cairn::stage_bytes(model.store(), std::as_bytes(std::span{text})).value()});
            cairn::CommitOptions options;
            options.aliases = {"best"};
            const auto version = model.commit({}, std::move(files), options).value().manifest.version;
            if (before) (void)model.remove(*before);
            before = version;
        }
    }};
    std::string told;
    for (int i = 0; i < 200 && told.empty(); ++i) {
        for (const auto& finding : broken.look().findings) told += std::string{finding.what.what()} + "\n";
    }
    is_over = true;
    other.join();
    CHECK(told == "");
    CHECK(broken.look().findings.empty());
}

}  // namespace fsck_test
