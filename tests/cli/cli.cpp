// SPDX-License-Identifier: MIT
#include <cairn/cairn.hpp>
#include <cairn/cli/cli.hpp>
#include <cairn/media/values.hpp>
#include <cairn/run/console.hpp>

#include "support/age.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A finished run "r1" of three rows, two of them saved.
void record(const cairn_test::TempDir& dir) {
    auto run = cairn::init({.project = "demo",
                            .name = "base\x1b[31mline",
                            .id = "r1",
                            .config = {{"lr", 0.5}},
                            .dir = dir.path(),
                            .quiet = true});
    run.define_metric("loss", {.goal = cairn::minimize});
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    for (int i = 0; i < 3; ++i) {
        const auto row = run.log(cairn::step(i), "loss"_m = 3.0 - i,
                                 "bad"_m = i == 1 ? std::numeric_limits<double>::quiet_NaN() : 1.0);
        checkpoint.step(row, cairn::part("model", model));
    }
}

cairn::cli::Output call(const cairn_test::TempDir& dir, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dir", dir.path().string()});
    return cairn::cli::run(std::move(arguments));
}

/// What a report has inside.
[[nodiscard]] nlohmann::json data_of(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"inside\">";
    const std::size_t from = page.find(begin) + begin.size();
    return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("cairn ls lists the runs", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto done = call(dir, {"ls"});
    CHECK(done.code == 0);
    CHECK(done.err.empty());
    CHECK(has(done.out, "r1"));
    CHECK(has(done.out, "demo"));
    CHECK(has(done.out, "finished"));
    CHECK_FALSE(has(done.out, "\x1b"));  // a name is data, not a command to the terminal
}

TEST_CASE("cairn show has config, metrics and the versions that were saved", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto done = call(dir, {"show", "r1"});
    CHECK(done.code == 0);
    CHECK(has(done.out, "lr"));
    CHECK(has(done.out, "last 1 "));
    CHECK(has(done.out, "min 1 @2"));
    CHECK(has(done.out, "NaN x1"));
    CHECK(has(done.out, "v0    step 0"));
    CHECK(has(done.out, "v1    step 2"));
    CHECK_FALSE(has(done.out, "v2    step"));  // not "v2" alone: the folder's name is random
}

#if CAIRN_TEST_FORK
TEST_CASE("cairn show tells of a crashed run what it logged and printed last, and why it died", "[cli]") {
    const cairn_test::TempDir dir;
    const int ended = cairn_test::in_child([&] {
        cairn_test::silence();
        auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
        const cairn::Console console{run};
        for (int i = 0; i < 20; ++i) {
            run.log(cairn::step(i), "loss"_m = 0.5 * i);
            std::cout << "epoch " << i << "\n";
        }
        std::cerr << "\x1b[31mout of \rluck\n";
        std::abort();
        return 0;
    });
    CHECK(ended == -SIGABRT);
    const auto shown = call(dir, {"show", "r"});
    CHECK(shown.code == 0);
    CHECK(has(shown.out, "crashed: SIGABRT (signal 6)"));
    CHECK(has(shown.out, "last rows"));
    CHECK(has(shown.out, "last output\n       epoch 11\n"));
    CHECK(has(shown.out, "       epoch 19\n       luck\n"));
}
#endif

TEST_CASE("cairn show tells the commit, and that it was changed since", "[cli]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    const auto shown = [&](const nlohmann::json& git) {
        REQUIRE(run.core()->try_describe([&](nlohmann::json& about) { about["environment"]["git"] = git; }));
        const std::string text = call(dir, {"show", "r"}).out;
        const std::size_t at = text.find("code   ");
        return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
    };
    const std::string commit(40, 'c'), begin = "code   main cccccccccccc";
    CHECK(shown({{"commit", commit}, {"branch", "main"}}) == begin);
    CHECK(shown({{"commit", commit}, {"branch", "main"}, {"dirty", false}}) == begin);
    CHECK(shown({{"commit", commit}, {"branch", "main"}, {"dirty", true}}) == begin + ", changed since");
    CHECK(shown({{"commit", commit}, {"branch", "main"}, {"dirty", true}, {"diff", "diff.patch"}}) ==
          begin + ", changed since: diff.patch");
    CHECK(shown({{"commit", 5}, {"dirty", "yes"}}) == "code    ");
    CHECK(shown("text") == "code    ");
}

TEST_CASE("cairn media tells what there is, and gives its bytes", "[cli]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.id = "r1", .dir = dir.path(), .quiet = true});
        for (int i = 0; i < 3; ++i)
            run.log(cairn::step(i), "note"_m = cairn::Text{"line " + std::to_string(i)});
        run.log(cairn::step(9), "hist\x1b"_m = cairn::Histogram{std::vector{1.0, 2.0}});
        run.alert("look <here>");
    }
    const auto list = call(dir, {"media", "r1"});
    CHECK(list.code == 0);
    CHECK(has(list.out, "note"));
    CHECK(has(list.out, "0 to 2"));
    CHECK(has(list.out, "histogram"));
    CHECK(!has(list.out, "\x1b"));
    CHECK(call(dir, {"media", "r1", "note"}).out == "line 2");
    CHECK(call(dir, {"media", "r1", "note", "--step", "1"}).out == "line 1");
    const auto json = nlohmann::json::parse(call(dir, {"media", "r1", "note", "--json"}).out);
    CHECK(json["media"].size() == 3);
    CHECK(json["media"][2]["step"] == 2);
    const auto file = dir.path() / "note.txt";
    CHECK(call(dir, {"media", "r1", "note", "-o", file.string()}).code == 0);
    CHECK([&] {
        std::ifstream in{file};
        return std::string{std::istreambuf_iterator<char>{in}, {}};
    }() == "line 2");
    const auto none = call(dir, {"media", "r1", "other"});
    CHECK(none.code == 1);
    CHECK(has(none.err, "cairn media"));
    CHECK(has(call(dir, {"media", "r1", "note", "--step", "7"}).err, "0, 1, 2"));
    CHECK(has(call(dir, {"show", "r1"}).out, ": look <here>"));
}

TEST_CASE("cairn plot draws a curve with its scales and marks what is not finite", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto loss = call(dir, {"plot", "r1", "loss"});
    CHECK(loss.code == 0);
    CHECK(has(loss.out, " 3 ┤⠉"));
    CHECK(has(loss.out, " 1 ┤"));
    CHECK(has(loss.out, "3 points"));
    CHECK(has(call(dir, {"plot", "r1", "bad"}).out, "1 not finite (!)"));
}

TEST_CASE("cairn plot and top draw values whose difference overflows", "[cli]") {
    cairn::Series series;
    for (const double value : {-1e308, 1e308, 1.0, 5e-324})
        series.add(static_cast<int>(series.size()), 0, value);
    const std::string picture = cairn::cli::plot(series, "wide", {.columns = 30, .rows = 3});
    CHECK(has(picture, "1e+308 ┤"));
    CHECK(has(picture, " 0 ┤"));
    CHECK(cairn::cli::detail::spark(series, 2) == "⡈⠒");
}

TEST_CASE("cairn plot draws as large as it is asked to, or as the terminal is wide", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    /// Columns of the widest line of the curve, and its lines.
    const auto size = [](const std::string& picture) {
        std::pair<std::size_t, std::size_t> is{0, 0};
        std::istringstream lines{picture};
        for (std::string line; std::getline(lines, line);) {
            if (!has(line, "┤") && !has(line, "│")) continue;
            is = {std::max(is.first, cairn::cli::detail::columns_of(line)), is.second + 1};
        }
        return is;
    };
    using Size = std::pair<std::size_t, std::size_t>;
    CHECK(size(call(dir, {"plot", "r1", "loss"}).out) == Size{84, 14});
    CHECK(size(call(dir, {"plot", "r1", "loss", "--width", "40", "--height", "5"}).out) == Size{40, 5});
    CHECK(size(call(dir, {"plot", "r1", "loss", "--width", "20", "--height", "2"}).out) == Size{20, 2});
    CHECK(call(dir, {"plot", "r1", "loss", "--width", "19"}).code == 2);
    CHECK(call(dir, {"plot", "r1", "loss", "--height", "1"}).code == 2);
    std::string out;
    const auto keep = [&](std::string_view text) { out += text; };
    for (const auto& [columns, drawn] : {Size{120, 120}, {5, 20}}) {
        out.clear();
        CHECK(cairn::cli::run({"plot", "r1", "loss", "--dir", dir.path().string()}, keep, keep, {},
                              {.is_one = true, .columns = columns}) == 0);
        CHECK(size(out) == Size{drawn, 14});
    }
}

TEST_CASE("cairn says what is wrong on stderr, with exit codes 1 and 2", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto no_run = call(dir, {"show", "nobody"});
    CHECK(no_run.code == 1);
    CHECK(no_run.out.empty());
    CHECK(has(no_run.err, "cairn ls"));
    const auto no_metric = call(dir, {"plot", "r1", "lost"});
    CHECK(no_metric.code == 1);
    CHECK(has(no_metric.err, "loss"));
    CHECK(cairn::cli::run({"ls", "--dir", (dir / "nothing").string()}).code == 1);
    CHECK(cairn::cli::run({}).code == 2);
    CHECK(cairn::cli::run({"dance"}).code == 2);
    CHECK(has(cairn::cli::run({"--version"}).out, CAIRN_VERSION));
    CHECK(has(cairn::cli::run({"--help"}).out, "plot"));
}

TEST_CASE("cairn verify looks at every byte and names what is damaged", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto whole = call(dir, {"verify"});
    CHECK(whole.code == 0);
    CHECK(whole.out == "2 versions and 3 rows are whole, 0 damaged\n");
    CHECK(call(dir, {"verify", "r1"}).out == whole.out);
    CHECK(call(dir, {"verify", "nobody"}).code == 1);

    // The model did not change: both versions have one object.
    for (const auto& entry : std::filesystem::recursive_directory_iterator{dir / "objects"}) {
        if (!entry.is_regular_file()) continue;
        std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
        std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
    }
    for (const auto& arguments : {std::vector<std::string>{"verify"}, {"verify", "r1"}}) {
        const auto damaged = call(dir, arguments);
        CHECK(damaged.code == 1);
        CHECK(damaged.out == "0 versions and 3 rows are whole, 2 damaged\n");
        CHECK(has(damaged.err, "model v1: an object of this version is damaged"));
    }
}

TEST_CASE("cairn gc frees what no version names, and tells it first if asked to", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto store = cairn::Store::open_existing(dir.path()).value();
    const std::string text = "nobody's";
    REQUIRE(cairn::stage_bytes(store, std::as_bytes(std::span{text})).value().install(store));
    std::ofstream{store.temp_dir() / "1-0-0123456789abcdef"} << "half";
    cairn_test::make_older(store.temp_dir() / "1-0-0123456789abcdef", std::chrono::hours{9000});
    const auto told = call(dir, {"gc", "--dry-run"});
    CHECK(told.code == 0);
    CHECK(has(told.out, "would free 1 objects of 8 bytes and 1 temporaries"));
    const auto freed = call(dir, {"gc"});
    CHECK(has(freed.out, "freed 1 objects of 8 bytes and 1 temporaries"));
    CHECK(call(dir, {"gc"}).out == "freed 0 objects of 0 bytes and 0 temporaries\n");
    CHECK(call(dir, {"verify"}).code == 0);
}

namespace {

nlohmann::json json_of(const cairn_test::TempDir& dir, std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const auto done = call(dir, std::move(arguments));
    CHECK(done.code == 0);
    CHECK(done.err.empty());
    return nlohmann::json::parse(done.out);
}

}  // namespace

TEST_CASE("cairn export and import give runs to TensorBoard and take them back", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const std::string logs = (dir / "logs").string();
    const auto exported = call(dir, {"export", "r1", "--tensorboard", logs});
    CHECK(exported.code == 0);
    CHECK(exported.out.empty());
    const auto imported = json_of(dir, {"import", "--tensorboard", logs, "-p", "back"});
    CHECK(imported["damaged"].empty());
    REQUIRE(imported["runs"].size() == 1);
    CHECK(imported["runs"][0]["id"] == "demo-r1");
    CHECK(imported["runs"][0]["rows"] == 3);
    CHECK(has(call(dir, {"get", "back/demo-r1", "loss"}).out, "3"));

    const auto again = call(dir, {"import", "--tensorboard", logs, "-p", "back", "--json"});
    CHECK(again.code == 1);
    CHECK(nlohmann::json::parse(again.err)["error"]["code"] == "already_exists");

    for (const auto& file : std::filesystem::recursive_directory_iterator{logs}) {
        if (file.is_regular_file()) std::filesystem::resize_file(file.path(), file.file_size() - 3);
    }
    const auto cut = call(dir, {"import", "--tensorboard", logs, "-p", "cut"});
    CHECK(cut.code == 1);
    CHECK(has(cut.err, "this file ends within an event"));
    CHECK(has(cut.out, "cut/demo-r1: 3 rows"));
}

TEST_CASE("cairn sync and export write runs for other systems, and only what is new", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const std::string to = (dir / "w").string();
    const auto done = json_of(dir, {"sync", "r1", "--to", "wandb:" + to});
    CHECK(done["id"] == "r1");
    CHECK(done["rows"] == 3);
    CHECK(done["is_over"] == true);
    const std::filesystem::path folder = done["place"].get<std::string>();
    CHECK(std::filesystem::exists(folder / "run-r1.wandb"));
    const auto again = call(dir, {"sync", "r1", "--to", "wandb:" + to, "--follow"});
    CHECK(again.code == 0);
    CHECK(again.out == "demo/r1: 0 new rows; " + folder.string() + "\n");
    for (const char* bad : {"nowhere", "wandb:", "wandbx", "tensorboard", "tensorboard:", ""}) {
        const auto refused = call(dir, {"sync", "r1", "--to", bad});
        CHECK(refused.code == 1);
        CHECK(has(refused.err, "tensorboard:DIR"));
    }
    CHECK(call(dir, {"sync", "r1"}).code == 2);
    const std::string logs = (dir / "logs").string();
    CHECK(json_of(dir, {"sync", "r1", "--to", "tensorboard:" + logs})["rows"] == 3);
    CHECK(json_of(dir, {"sync", "r1", "--to", "tensorboard:" + logs})["rows"] == 0);
    CHECK(json_of(dir, {"import", "--tensorboard", logs, "-p", "synced"})["runs"][0]["rows"] == 3);

    const auto back = json_of(dir, {"import", "--wandb", folder.string(), "-p", "back"});
    CHECK(back["runs"][0]["rows"] == 3);
    CHECK(back["left_out"].empty());
    CHECK(call(dir, {"import", "--wandb", logs}).code == 1);

    const auto exported = call(dir, {"export", "demo/r1", "--wandb", (dir / "x").string()});
    CHECK(exported.code == 0);
    CHECK(std::filesystem::exists(dir / "x" / "wandb" / folder.filename() / "run-r1.wandb"));
}

TEST_CASE("cairn import makes a run of a table", "[cli]") {
    const cairn_test::TempDir dir;
    std::ofstream{dir / "t.csv"} << "loss,epoch\n0.5,1\n,2\n";
    const std::string table = (dir / "t.csv").string();
    const auto wrong = call(dir, {"import", "--csv", table});
    CHECK(wrong.code == 1);
    CHECK(has(wrong.err, "line 2 of this table has no whole number for a step"));
    const auto done = call(dir, {"import", "--csv", table, "--step", "epoch"});
    CHECK(done.code == 0);
    CHECK(done.out == "uncategorized/t: 2 rows\n");
    CHECK(call(dir, {"import"}).code == 2);
    CHECK(call(dir, {"import", "--csv", table, "--tensorboard", table}).code == 2);
    CHECK(call(dir, {"import", "--tensorboard", table, "--step", "epoch"}).code == 2);
}

TEST_CASE("cairn fsck tells what is wrong, and mends it when it is asked to", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto whole = call(dir, {"fsck"});
    CHECK(whole.code == 0);
    CHECK(whole.err.empty());
    CHECK(whole.out == "1 runs with 3 rows, 2 whole versions of 1 objects: 0 mended, 0 damaged\n");

    const auto plain = dir / "projects/demo/artifacts/model/v1/model.safetensors";
    cairn_test::erase_all(plain);
    const auto broken = call(dir, {"fsck"});
    CHECK(broken.code == 1);
    CHECK(has(broken.err, "model v1: of its plain files 1 are missing"));
    CHECK(has(broken.out, "0 mended, 1 damaged"));
    CHECK_FALSE(std::filesystem::exists(plain));
    const auto found = nlohmann::json::parse(call(dir, {"fsck", "--json"}).out);
    CHECK(found["versions"] == 2);
    REQUIRE(found["findings"].size() == 1);
    CHECK(found["findings"][0]["code"] == "corrupt");
    CHECK(found["findings"][0]["damage"] == true);
    CHECK(found["findings"][0]["done"].is_null());

    const auto mended = call(dir, {"fsck", "--repair"});
    CHECK(mended.code == 0);
    CHECK(mended.err.empty());
    CHECK(has(mended.out, "linked them anew"));
    CHECK(has(mended.out, "1 mended, 0 damaged"));
    CHECK(std::filesystem::exists(plain));
    CHECK(call(dir, {"fsck"}).out == whole.out);
}

TEST_CASE("cairn ls --json has the runs, as many as wanted", "[cli][json]") {
    const cairn_test::TempDir dir;
    record(dir);
    {
        auto run =
            cairn::init({.project = "other", .id = "r2", .tags = {"a"}, .dir = dir.path(), .quiet = true});
        (void)run.fail("of no use");
    }
    auto list = json_of(dir, {"ls"});
    REQUIRE(list["runs"].size() == 2);
    CHECK(list["truncated"] == false);
    CHECK(list["damaged"].empty());
    const auto& newest = list["runs"][0];
    CHECK(newest["id"] == "r2");
    CHECK(newest["state"] == "failed");
    CHECK(newest["why"] == "of no use");
    CHECK(newest["tags"] == nlohmann::json{"a"});
    CHECK(newest["ended_ms"].get<std::int64_t>() >= newest["started_ms"].get<std::int64_t>());
    list = json_of(dir, {"ls", "--limit", "1"});
    CHECK(list["runs"].size() == 1);
    CHECK(list["truncated"] == true);
    CHECK(json_of(dir, {"ls", "-p", "demo"})["runs"].size() == 1);
    std::filesystem::remove(dir / "projects" / "other" / "runs" / "r2" / "config.json");
    std::ofstream{dir / "projects" / "other" / "runs" / "r2" / "run.json"} << "{";
    list = json_of(dir, {"ls"});
    CHECK(list["runs"].size() == 1);
    CHECK(list["damaged"][0]["code"] == "corrupt");
}

TEST_CASE("cairn show --json has config, metrics and versions", "[cli][json]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto shown = json_of(dir, {"show", "r1"});
    CHECK(shown["config"] == nlohmann::json{{"lr", 0.5}});
    CHECK(shown["defined"]["loss"]["goal"] == "minimize");
    CHECK(shown["metrics"]["loss"]["min"] == 1.0);
    CHECK(shown["metrics"]["loss"]["min_step"] == 2);
    CHECK(shown["metrics"]["bad"]["nans"] == 1);
    REQUIRE(shown["versions"].size() == 2);
    CHECK(shown["versions"][1]["version"] == "v1");
    CHECK(shown["versions"][1]["step"] == 2);
    CHECK(shown["versions"][1]["metrics"]["loss"] == 1.0);
    CHECK(shown["versions"][1]["files"][0]["path"] == "model.safetensors");
}

TEST_CASE("cairn get has every value, or exact buckets", "[cli][json]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
        for (int i = 0; i < 3000; ++i) run.log(cairn::step(i), "x"_m = i == 1234 ? 1e6 : 0.1 * i);
    }
    auto got = json_of(dir, {"get", "r", "x", "--limit", "0"});
    CHECK(got["size"] == 3000);
    CHECK(got["points"]["value"].size() == 3000);
    CHECK(got["points"]["value"][7] == 0.1 * 7);
    CHECK(got["points"]["step"][2999] == 2999);
    CHECK(got["truncated"] == false);
    got = json_of(dir, {"get", "r", "x"});
    CHECK(got["points"]["value"].size() == 1000);
    CHECK(got["truncated"] == true);
    got = json_of(dir, {"get", "r", "x", "--last", "2"});
    CHECK(got["points"]["step"] == nlohmann::json{2998, 2999});
    CHECK(got["truncated"] == false);
    got = json_of(dir, {"get", "r", "x", "--from", "1230", "--to", "1240"});
    CHECK(got["points"]["step"].size() == 11);
    const auto buckets = json_of(dir, {"get", "r", "x", "--buckets", "30"})["buckets"];
    REQUIRE(buckets["from"].size() == 30);
    CHECK(buckets["from"][0] == 0);
    CHECK(buckets["to"][29] == 2999);
    double greatest = 0;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < 30; ++i) {
        greatest = std::max(greatest, buckets["max"][i].get<double>());
        count += buckets["finite"][i].get<std::uint64_t>();
    }
    CHECK(greatest == 1e6);  // the spike is there
    CHECK(count == 3000);
    const auto text = call(dir, {"get", "r", "x", "--last", "1"});
    CHECK(has(text.out, "299.90000000000003"));  // all digits
    CHECK(call(dir, {"get", "r", "x", "--axis", "weeks"}).code == 2);
    CHECK(call(dir, {"get", "r", "x", "--buckets", "0"}).code == 2);
    const auto wrong = call(dir, {"get", "r", "y", "--json"});
    CHECK(wrong.code == 1);
    CHECK(nlohmann::json::parse(wrong.err)["error"]["code"] == "not_found");
    CHECK(wrong.out.empty());
}

TEST_CASE("cairn snapshot, best and tail answer about single moments", "[cli][json]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto at = json_of(dir, {"snapshot", "r1", "--step", "1"})["metrics"];
    CHECK(at["loss"]["value"] == 2.0);
    CHECK(at["bad"]["value"] == "NaN");
    CHECK(at["bad"]["step"] == 1);
    CHECK(json_of(dir, {"snapshot", "r1", "--step", "-1"})["metrics"].empty());
    auto best = json_of(dir, {"best", "r1", "loss", "--top", "2"});  // its goal was defined
    CHECK(best["goal"] == "minimize");
    REQUIRE(best["best"].size() == 2);
    CHECK(best["best"][0]["value"] == 1.0);
    CHECK(best["best"][0]["versions"] == nlohmann::json{"model:v1"});
    CHECK(best["best"][1]["versions"].empty());
    best = json_of(dir, {"best", "r1", "loss", "--max"});
    CHECK(best["best"][0]["value"] == 3.0);
    CHECK(json_of(dir, {"best", "r1", "bad", "--min"})["best"].size() == 2);  // without the NaN
    CHECK(call(dir, {"best", "r1", "bad"}).code == 1);                        // nobody said which way
    CHECK(call(dir, {"best", "r1", "bad", "--min", "--max"}).code == 2);
    const auto tail = call(dir, {"tail", "r1", "-n", "1", "--json"});
    CHECK(nlohmann::json::parse(tail.out)["row"]["loss"] == 1.0);
    CHECK(has(call(dir, {"tail", "r1"}).out, "step 2"));
    // Of a ring that somebody has damaged it tells, beside the rows that are there.
    const auto journal = cairn::open(dir.path()).value().run("demo", "r1").value().dir() / "journal";
    std::filesystem::create_directories(journal);
    std::ofstream{journal / "9.ring"} << std::string(8192, '?');
    const auto damaged = call(dir, {"tail", "r1"});
    CHECK(has(damaged.out, "step 2"));
    CHECK(has(damaged.err, "9.ring"));
}

TEST_CASE("cairn diff tells what differs", "[cli][json]") {
    const cairn_test::TempDir dir;
    for (const int i : {1, 2}) {
        auto run =
            cairn::init({.id = "r" + std::to_string(i),
                         .config = {{"lr", 0.1 * i}, {"opt", {{"name", "adam"}, {"beta", i}}}, {"n", 5}},
                         .dir = dir.path(),
                         .quiet = true});
        run.log("loss"_m = 1.0 * i, "same"_m = 1);
    }
    const auto all = json_of(dir, {"diff", "r1", "r2"});
    CHECK(all["runs"] == nlohmann::json{"r1", "r2"});
    CHECK(all["config"].size() == 4);
    CHECK(all["config"]["opt.name"] == nlohmann::json{"adam", "adam"});
    const auto changed = json_of(dir, {"diff", "r1", "r2", "--only-changed"});
    CHECK(changed["config"] == nlohmann::json{{"lr", {0.1, 0.2}}, {"opt.beta", {1, 2}}});
    CHECK(changed["metrics"] == nlohmann::json{{"loss", {1.0, 2.0}}});
    const auto text = call(dir, {"diff", "r1", "r2"});
    CHECK(has(text.out, "* opt.beta"));
    CHECK(has(text.out, "  opt.name"));
    CHECK(call(dir, {"diff", "r1"}).code == 2);
}

TEST_CASE("cairn export has every row", "[cli]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
        run.log({{"a,b", 0.1}, {"text", "he said \"no\"\n"}}, {.step = 0});
        run.log({{"a,b", std::numeric_limits<double>::infinity()}, {"n", 3}, {"ok", true}}, {.step = 1});
    }
    const auto csv = call(dir, {"export", "r", "--csv"});
    CHECK(csv.code == 0);
    CHECK(csv.out.starts_with("step,time_ms,\"a,b\",n,ok,text\r\n0,"));
    CHECK(has(csv.out, ",0.1,,,\"he said \"\"no\"\"\n\"\r\n1,"));
    CHECK(csv.out.ends_with(",Infinity,3,true,\r\n"));
    const auto lines = call(dir, {"export", "r", "--jsonl"});
    const auto second = nlohmann::json::parse(lines.out.substr(lines.out.find('\n') + 1));
    CHECK(second["step"] == 1);
    CHECK(second["row"] == nlohmann::json{{"a,b", "Infinity"}, {"n", 3}, {"ok", true}});
    CHECK(call(dir, {"export", "r"}).code == 2);
    CHECK(call(dir, {"export", "r", "--csv", "--jsonl"}).code == 2);
}

TEST_CASE("cairn export --html writes one file that has all in it", "[cli]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.project = "p",
                                .name = "</script><b>",
                                .id = "r",
                                .notes = "<!-- --></script>",
                                .dir = dir.path(),
                                .quiet = true});
        run.define_metric("x", {.goal = cairn::minimize});
        for (int i = 0; i < 5000; ++i)
            run.log(cairn::step(i), "x"_m = i == 1234 ? 1e9 : 0.1 * i, "y"_m = i % 7);
        run.log({{"words", "</script>"}, {"few", std::numeric_limits<double>::quiet_NaN()}}, {.step = 5000});
        for (int i = 0; i < 200; ++i) run.log("sample"_m = cairn::Text{"sample " + std::to_string(i)});
        run.log("mesh"_m = cairn::Blob{std::string(100'000, 'x'), "model/gltf-binary"});
        run.alert("it <i>rises</i>");
    }
    const std::string path = (dir / "r.html").string();
    CHECK(call(dir, {"export", "r", "--html", path}).code == 0);
    const auto read = [&] {
        std::ifstream file{path, std::ios::binary};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    const std::string page = read();
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(page.ends_with("</html>\n"));
    CHECK_FALSE(has(page, "src=\"http"));
    const auto inside = data_of(page);
    CHECK(inside["details"]["p/r"]["name"] == "</script><b>");
    CHECK(inside["details"]["p/r"]["notes"] == "<!-- --></script>");
    const auto& x = inside["series"]["p/r"]["x"];
    for (const char* axis : {"step", "relative"}) {
        const auto& greatest = x[axis]["buckets"]["max"];
        CHECK(std::any_of(greatest.begin(), greatest.end(), [](const auto& value) { return value == 1e9; }));
    }
    CHECK(inside["series"]["p/r"]["few"]["step"]["points"]["value"][0] == "NaN");
    CHECK_FALSE(inside["series"]["p/r"].contains("words"));
    CHECK(inside["events"]["p/r"]["alerts"][0]["title"] == "it <i>rises</i>");
    const auto& media = inside["media"]["p/r"];
    CHECK(media["media"]["sample"]["count"] == 200);
    REQUIRE(media["entries"].size() == 151);  // no more steps of one than a heat map shows
    CHECK(media["entries"][0]["text"] == "sample 0");
    CHECK(media["entries"][149]["text"] == "sample 199");
    CHECK(media["entries"][150]["base64"].get<std::string>().size() == 133'336);

    // Again over a longer one, in fewer buckets.
    std::ofstream{path, std::ios::app} << std::string(1 << 20, 'x');
    CHECK(call(dir, {"export", "r", "--html", path}).code == 0);
    CHECK(read().size() == page.size());
    const auto store = cairn::open(dir.path()).value();
    std::vector<cairn::RecordedRun> runs;
    runs.push_back(store.find("r").value());
    const auto small = cairn::report(store, runs, {.max_bytes = page.size() - 50'000}).value();
    CHECK(small.size() <= page.size() - 50'000);
    CHECK(has(small, "1e+09") == has(page, "1e+09"));
    const auto few = data_of(cairn::report(store, runs, {.max_bytes = 100'000}).value())["media"]["p/r"];
    REQUIRE(few["entries"].size() > 60);
    CHECK(few["media"]["sample"]["count"] == 200);
    CHECK(few["entries"][0]["text"] == "sample 0");
    const auto& mesh = few["entries"].back();
    CHECK(mesh["error"]["code"] == "unsupported");
    CHECK_FALSE(mesh.contains("base64"));
    CHECK(few["left_out"] == 0);
    const auto none = data_of(cairn::report(store, runs, {.max_bytes = 0}).value())["media"]["p/r"];
    CHECK((none["entries"].empty() && none["left_out"] == 2));

    // A file of them that cannot be read costs nothing but them.
    std::ofstream{runs.front().dir() / "media.cairn", std::ios::binary} << "none of ours";
    const auto rest = data_of(cairn::report(store, runs).value());
    CHECK(rest["details"]["p/r"]["damaged"].back()["code"] == "corrupt");
    CHECK(rest["series"]["p/r"].contains("x"));
    CHECK_FALSE(rest["media"].contains("p/r"));
    CHECK(call(dir, {"export", "r", "--html", (dir / "none" / "r.html").string()}).code == 1);
    CHECK(call(dir, {"export", "r", "--html", path, "--csv"}).code == 2);
    CHECK(call(dir, {"export", "r", "r", "--csv"}).code == 1);
}

TEST_CASE("a report has the last lines that its share of the bytes has room for", "[cli][html]") {
    const cairn_test::TempDir dir;
    constexpr int number_of_runs = 4;
    const auto path_of = [&](int i) {
        return dir / "projects" / "p" / "runs" / std::to_string(i) / "output.log";
    };
    for (int i = 0; i < number_of_runs; ++i)
        (void)cairn::init({.project = "p", .id = std::to_string(i), .dir = dir.path(), .quiet = true});
    const auto store = cairn::open(dir.path()).value();
    std::vector<cairn::RecordedRun> runs;
    for (int i = 0; i < number_of_runs; ++i) runs.push_back(store.find(std::to_string(i)).value());
    const auto report_of = [&](std::size_t max_bytes) {
        return cairn::report(store, runs, {.max_bytes = max_bytes}).value();
    };
    const auto lines_of = [&](const std::string& page) {
        return data_of(page)["details"]["p/0"]["last_lines"].get<std::vector<std::string>>();
    };
    constexpr std::size_t budget = std::size_t{1} << 20U, share = budget / 8 / number_of_runs;
    const auto print = [&](const std::string& text) {
        for (int i = 0; i < number_of_runs; ++i)
            std::ofstream{path_of(i), std::ios::binary | std::ios::trunc} << text;
    };
    print("");
    const std::size_t empty = report_of(budget).size();

    // However a byte is written in the page.
    for (const char* byte : {"x", "<", "\x1b", "\xc3\xa9"}) {
        INFO(byte);
        std::string text;
        for (int line = 0; line < 900; ++line) {
            for (int i = 0; i < 100; ++i) text += byte;
            text += "\n";
        }
        print(text);
        const std::string page = report_of(budget);
        CHECK(page.size() - empty <= budget / 8);
        CHECK(page.size() - empty > budget / 16);
        CHECK(lines_of(page).size() < 900);
    }
    // One that is longer is there from where it has room, by whole characters.
    std::string text = "before\n";
    for (std::size_t i = 0; i < share; ++i) text += "\u00e9";
    print(text + "the end\n");
    const auto cut = lines_of(report_of(budget));
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].size() < share);
    CHECK(cut[0].size() > share / 10);
    CHECK(cut[0].starts_with("\u2026\u00e9"));
    CHECK(cut[0].ends_with("\u00e9the end"));
    print("one\ntwo\n");
    CHECK(lines_of(report_of(budget)) == std::vector<std::string>{"one", "two"});

    // A file that cannot be read costs nothing but the lines.
    std::filesystem::remove(path_of(0));
    std::filesystem::create_directory(path_of(0));
    const auto details = data_of(report_of(budget))["details"];
    CHECK(details["p/0"]["damaged"].size() == 1);
    CHECK(details["p/1"]["last_lines"] == nlohmann::json{"one", "two"});
}

TEST_CASE("cairn decisions tells why, and simulate what would have been", "[cli][json]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto decisions = json_of(dir, {"decisions", "r1"})["decisions"];
    REQUIRE(decisions.size() >= 3);
    CHECK(decisions[0]["kind"] == "opened");
    CHECK(decisions[0]["text"] == "every(2)");
    CHECK(decisions[1]["kind"] == "saved");
    CHECK(decisions[1]["version"] == "v0");
    CHECK(decisions[1]["because"][0]["policy"] == "every(2)");
    CHECK(decisions[1]["row"]["loss"] == 3.0);
    CHECK(json_of(dir, {"decisions", "r1", "other"})["decisions"].empty());
    CHECK(has(call(dir, {"decisions", "r1"}).out, "saved v0, every(2)"));
    const auto found =
        json_of(dir, {"simulate", "r1", "--policy", "every(1)", "--keep", "last(1)", "--bytes", "10"});
    CHECK(found["rows"] == 3);
    CHECK(found["versions"].size() == 3);
    CHECK(found["versions"][2]["kept"] == true);
    CHECK(found["versions"][0]["kept"] == false);
    CHECK(found["bytes_written"] == 30);
    CHECK(found["most_bytes_kept"] == 20);
    CHECK(has(call(dir, {"simulate", "r1", "--policy", "every(2)"}).out, "saves 2 of 3 rows, keeps 2"));
    const auto wrong = call(dir, {"simulate", "r1", "--policy", "every(x)"});
    CHECK(wrong.code == 1);
    CHECK(has(wrong.err, "invalid_argument"));
    // A policy about a metric that is nowhere saves nothing, and one wants to know that.
    CHECK(has(call(dir, {"simulate", "r1", "--policy", "best(lss, min)"}).err, "no row has a number lss"));
}

TEST_CASE("cairn artifact lists, copies, checks, names and removes versions", "[cli][json]") {
    const cairn_test::TempDir dir;
    record(dir);
    auto versions = json_of(dir, {"artifact", "ls"})["versions"];
    REQUIRE(versions.size() == 2);
    CHECK(versions[0]["artifact"] == "model");
    CHECK(versions[0]["run"] == "r1");
    CHECK(json_of(dir, {"artifact", "ls", "demo/model"})["versions"].size() == 2);
    CHECK(json_of(dir, {"artifact", "ls", "nothing"})["versions"].empty());

    const std::string to = (dir / "copy").string();
    CHECK(call(dir, {"artifact", "get", "model:v0", "-o", to}).code == 0);
    CHECK(std::filesystem::exists(dir / "copy" / "model.safetensors"));
    CHECK(call(dir, {"artifact", "get", "demo/model:v7", "-o", to}).code == 1);
    CHECK(call(dir, {"artifact", "get", "nothing", "-o", to}).code == 1);
    CHECK(json_of(dir, {"artifact", "verify", "model"})["versions"] == 1);

    CHECK(call(dir, {"artifact", "alias", "model:v0", "production"}).code == 0);
    CHECK(json_of(dir, {"artifact", "ls"})["versions"][0]["aliases"] == nlohmann::json{"production"});
    CHECK(call(dir, {"artifact", "rm", "model:v0"}).code == 1);  // it is named
    CHECK(call(dir, {"artifact", "alias", "model:v0", "production", "--remove"}).code == 0);
    CHECK(call(dir, {"artifact", "rm", "model:v0"}).code == 0);
    versions = json_of(dir, {"artifact", "ls"})["versions"];
    REQUIRE(versions.size() == 1);
    CHECK(versions[0]["version"] == "v1");

    const auto store = cairn::Store::open(dir.path()).value();
    const auto object = store.object_path(versions[0]["files"][0]["sha256"].get<std::string>());
    std::filesystem::permissions(object, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    std::ofstream{object, std::ios::app} << "x";
    const auto damaged = call(dir, {"artifact", "verify", "model", "--json"});
    CHECK(damaged.code == 1);
    CHECK(nlohmann::json::parse(damaged.out)["damaged"].size() == 1);
}

TEST_CASE("cairn edit, rm and restore change what is said of a run", "[cli][edit]") {
    const cairn_test::TempDir dir;
    record(dir);
    CHECK(call(dir, {"edit", "r1", "--name", "second", "--notes", "good", "--tag", "a", "--tag", "b"}).code ==
          0);
    CHECK(call(dir, {"edit", "second", "--tag", "b", "--no-tag", "a", "--tag", "c"}).code == 0);
    auto run = json_of(dir, {"show", "r1"});
    CHECK(run["name"] == "second");
    CHECK(run["notes"] == "good");
    CHECK(run["tags"] == nlohmann::json{"b", "c"});
    CHECK(call(dir, {"edit", "r1"}).code == 1);
    CHECK(call(dir, {"edit", "r1", "--name", ""}).code == 1);
    CHECK(call(dir, {"edit", "nobody", "--name", "x"}).code == 1);

    CHECK(call(dir, {"rm", "r1", "nobody"}).code == 1);  // as far as it came
    CHECK(json_of(dir, {"ls"})["runs"].empty());
    CHECK(json_of(dir, {"ls", "--deleted"})["runs"][0]["id"] == "r1");
    CHECK(call(dir, {"show", "latest"}).code == 1);
    CHECK(call(dir, {"restore", "r1"}).code == 0);
    CHECK(json_of(dir, {"ls"})["runs"].size() == 1);
}

#if CAIRN_TEST_FORK
TEST_CASE("cairn tail -f goes on until the run ends", "[cli][follow]") {
    const cairn_test::TempDir dir;
    record(dir);
    CHECK(call(dir, {"tail", "r1", "-n", "1", "-f"}).out ==
          call(dir, {"tail", "r1", "-n", "1"}).out);  // it has
    const ::pid_t child = cairn_test::start_child([&] {
        auto run = cairn::init({.project = "demo", .id = "live", .dir = dir.path(), .quiet = true});
        run.log(cairn::step(0), "loss"_m = 0);
        std::ofstream{dir / "begun"};
        int i = 1;
        for (; i < 100 || (i < 5000 && !std::filesystem::exists(dir / "seen")); ++i) {
            run.log(cairn::step(i), "loss"_m = i);
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
        std::ofstream{dir / "last"} << i - 1;
        (void)run.fail("diverged");
        return 0;
    });
    while (!std::filesystem::exists(dir / "begun")) std::this_thread::yield();
    cairn::cli::Output done;
    const auto print = [&](std::string_view text) {
        done.out += text;
        std::ofstream{dir / "seen"};  // it is being followed
    };
    const auto note = [&](std::string_view text) { done.err += text; };
    CHECK(cairn::cli::run({"tail", "live", "-n", "10000", "-f", "--dir", dir.path().string()}, print, note) ==
          0);
    CHECK(cairn_test::wait_for(child) == 0);
    int last = 0;
    std::ifstream{dir / "last"} >> last;
    CHECK(std::count(done.out.begin(), done.out.end(), '\n') == last + 1);  // each of them once
    CHECK(has(done.out, "step " + std::to_string(last)));
    CHECK(has(done.err, "the run is failed: diverged"));
}
#endif

TEST_CASE("cairn top shows what goes on, or the newest run", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    auto done = call(dir, {"top", "--once"});
    CHECK(done.code == 0);
    CHECK(has(done.out, "demo/base"));
    CHECK(has(done.out, "loss"));
    CHECK_FALSE(has(done.out, "\x1b"));
    auto run =
        cairn::init({.project = "demo", .name = "going", .id = "live", .dir = dir.path(), .quiet = true});
    for (int i = 0; i < 30; ++i) run.log({{"metric " + std::to_string(i), i}});
    done = call(dir, {"top", "--once", "-n", "10"});
    CHECK(has(done.out, "demo/going  running"));
    CHECK_FALSE(has(done.out, "demo/base"));
    CHECK(has(done.out, "and 20 metrics more"));
    CHECK(has(call(dir, {"top", "-n", "10"}).out, "and 20 metrics more"));  // no terminal: once

    const auto json = json_of(dir, {"top"});
    REQUIRE(json["runs"].size() == 1);
    CHECK(json["runs"][0]["id"] == "live");
    CHECK(json["runs"][0]["state"] == "running");
    CHECK(json["runs"][0]["metrics"]["metric 29"]["last"] == 29.0);
}

TEST_CASE("cairn top draws again and again on a terminal", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    std::vector<std::string> pictures;
    const auto keep = [&](std::string_view text) {
        pictures.emplace_back(text);
        if (pictures.size() == 3) throw std::runtime_error{"enough"};
    };
    const cairn::cli::Print none = [](std::string_view) {};
    CHECK(cairn::cli::run({"top", "--every", "0.1", "--dir", dir.path().string()}, keep, none, {},
                          {.is_one = true}) == 1);
    CHECK(pictures.size() == 3);
    for (const std::string& picture : pictures) CHECK(picture.starts_with("\x1b[H\x1b[J"));
}

TEST_CASE("cairn completion teaches a shell the verbs and their options", "[cli]") {
    const cairn_test::TempDir dir;
    for (const char* shell : {"bash", "zsh", "fish"}) {
        INFO(shell);
        const auto done = call(dir, {"completion", shell});
        CHECK(done.code == 0);
        CHECK(has(done.out, "only-changed"));
    }
    CHECK(call(dir, {"completion", "sh"}).code == 2);
    std::ofstream{dir / "completion"}
        << call(dir, {"completion", "bash"}).out
        << "COMP_WORDS=(cairn sna); COMP_CWORD=1; _cairn; echo ${COMPREPLY[@]}\n"
           "COMP_WORDS=(cairn get r --bu); COMP_CWORD=3; _cairn; echo "
           "${COMPREPLY[@]}\n";
    const std::string command = "bash " + (dir / "completion").string() + " > " + (dir / "said").string();
    if (std::system("bash -c true") == 0) {
        CHECK(std::system(command.c_str()) == 0);
        std::ifstream said{dir / "said"};
        std::string first, second;
        std::getline(said, first);
        std::getline(said, second);
        CHECK(first == "snapshot");
        CHECK(second == "--buckets");
    }
}

TEST_CASE("cairn prints help, its version and what it does not know", "[cli]") {
    const cairn_test::TempDir dir;
    CHECK(has(call(dir, {"--help"}).out, "snapshot"));
    CHECK(has(call(dir, {"get", "--help"}).out, "--buckets"));
    CHECK(call(dir, {"--version"}).out == std::string{CAIRN_VERSION} + "\n");
    CHECK(call(dir, {"artifact"}).code == 2);
    CHECK(call(dir, {"dance"}).code == 2);
}
