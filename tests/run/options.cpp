// SPDX-License-Identifier: MIT
#include <cairn/run/options.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <map>
#include <string>
#include <vector>

namespace options_test {

using namespace cairn::literals;
using namespace cairn_test;
using cairn::errc;
using cairn::Options;
using cairn::Resume;

namespace training {

struct Schedule {
    int warmup = 10;
    double peak = 0.1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Schedule, warmup, peak)
struct Settings {
    double lr = 1e-3;
    std::string optimizer = "adam";
    Schedule schedule;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Settings, lr, optimizer, schedule)

}  // namespace training

namespace {

using Variables = std::map<std::string, std::string>;

Options resolve(Options options, const Variables& variables) {
    return cairn::detail::resolve(std::move(options), [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::string{} : found->second;
    });
}

std::filesystem::path folder_of(const TempDir& dir, const std::string& id = "r") {
    return dir.path() / "projects/p/runs" / id;
}

Options options_of(const TempDir& dir, std::optional<Resume> resume = {}, nlohmann::json config = nullptr) {
    return {.project = "p",
            .id = "r",
            .config = std::move(config),
            .dir = dir.path(),
            .resume = resume,
            .quiet = true};
}

errc code_of_init(const Options& options) {
    const auto failure = error_of([&] { (void)cairn::init(options); });
    REQUIRE(failure);
    CHECK_FALSE(failure->advice().empty());
    return failure->code();
}

}  // namespace

TEST_CASE("options that are left out have their defaults", "[run][options]") {
    const Options o = resolve({}, {});
    CHECK(o.project == "uncategorized");
    CHECK(o.dir == "cairn");
    CHECK(o.id.empty());
    CHECK(o.config == nlohmann::json::object());
    CHECK(o.resume == Resume::never);
    CHECK(o.mode == cairn::Mode::online);
    CHECK(o.save);
    CHECK_FALSE(o.quiet);
}

TEST_CASE("the environment fills what the program leaves open", "[run][options]") {
    const Variables all{
        {"CAIRN_DIR", "/data/store"}, {"CAIRN_PROJECT", "mnist"}, {"CAIRN_RUN_ID", "r1"},
        {"CAIRN_NAME", "a name"},     {"CAIRN_TAGS", "a,,b c,"},  {"CAIRN_NOTES", "some notes"},
        {"CAIRN_GROUP", "g"},         {"CAIRN_RESUME", "must"},   {"CAIRN_MODE", "disabled"},
        {"CAIRN_SAVE", "off"},        {"CAIRN_QUIET", "1"}};
    const Options o = resolve({}, all);
    CHECK(o.dir == "/data/store");
    CHECK(o.project == "mnist");
    CHECK(o.id == "r1");
    CHECK(o.name == "a name");
    CHECK(o.tags == std::vector<std::string>{"a", "b c"});
    CHECK(o.notes == "some notes");
    CHECK(o.group == "g");
    CHECK(o.resume == Resume::must);
    CHECK(o.mode == cairn::Mode::disabled);
    CHECK_FALSE(o.save);
    CHECK(o.quiet);

    // What the program says itself stands; the three switches only ever turn off.
    const Options mine = resolve({.project = "p",
                                  .name = "n",
                                  .id = "i",
                                  .tags = {"t"},
                                  .notes = "x",
                                  .group = "h",
                                  .dir = "d",
                                  .resume = Resume::allow},
                                 all);
    CHECK((mine.project == "p" && mine.name == "n" && mine.id == "i" && mine.notes == "x" &&
           mine.group == "h"));
    CHECK((mine.dir == "d" && mine.resume == Resume::allow && mine.tags == std::vector<std::string>{"t"}));
    CHECK(mine.mode == cairn::Mode::disabled);
    const Options off = resolve({.mode = cairn::Mode::disabled, .save = false, .quiet = true},
                                {{"CAIRN_MODE", "online"}, {"CAIRN_SAVE", "on"}, {"CAIRN_QUIET", "0"}});
    CHECK((off.mode == cairn::Mode::disabled && !off.save && off.quiet));
}

TEST_CASE("a word that a variable does not know is an error that names the variable and the words",
          "[run][options]") {
    for (const char* name : {"CAIRN_RESUME", "CAIRN_MODE", "CAIRN_SAVE", "CAIRN_QUIET"}) {
        const auto failure = error_of([&] { (void)resolve({.id = "r"}, {{name, "maybe"}}); });
        REQUIRE(failure);
        CHECK(failure->code() == errc::invalid_argument);
        CHECK(failure->tried().find(name) != std::string::npos);
        CHECK(failure->tried().find(", ") != std::string::npos);
        CHECK(failure->path() == "maybe");
        CHECK(failure->advice().find(name) != std::string::npos);
    }
}

TEST_CASE("a name that cannot be a folder is refused before anything is made", "[run][options]") {
    const TempDir dir;
    for (const std::string& name :
         {std::string(300, 'a'), std::string{"a/b"}, std::string{".."}, std::string{"a\nb"},
          std::string{"../../etc"}, std::string{"a b"}, std::string("a\0b", 3)}) {
        CHECK(code_of_init({.project = name, .dir = dir / "store"}) == errc::invalid_name);
        CHECK(code_of_init({.project = "p", .id = name, .dir = dir / "store"}) == errc::invalid_name);
    }
    const Env id{"CAIRN_RUN_ID", "../x"};
    CHECK(code_of_init({.project = "p", .dir = dir / "store"}) == errc::invalid_name);
    CHECK(count_files(dir.path()) == 0);
}

TEST_CASE("init takes the store and the id from the environment of the process", "[run][init]") {
    const TempDir dir;
    const std::string store = (dir / "store").string();
    const Env place{"CAIRN_DIR", store.c_str()}, id{"CAIRN_RUN_ID", "from-env"}, tags{"CAIRN_TAGS", "x,y"};
    {
        auto run = cairn::init({.project = "p", .quiet = true});
        CHECK(run.id() == "from-env");
        CHECK(run.name() == "from-env");
        CHECK(run.project() == "p");
        CHECK_FALSE(run.resumed());
        CHECK(run.dir() == dir.path() / "store/projects/p/runs/from-env");
    }
    CHECK(json_of(dir.path() / "store/projects/p/runs/from-env/run.json")["tags"] ==
          nlohmann::json{"x", "y"});
}

TEST_CASE("runs without an id get different ones", "[run][init]") {
    const TempDir dir;
    const auto a = cairn::init({.project = "p", .dir = dir.path(), .quiet = true});
    const auto b = cairn::init({.project = "p", .dir = dir.path(), .quiet = true});
    CHECK(a.id().size() == 8);
    CHECK(a.id() != b.id());
}

TEST_CASE("a config is an object in braces or a struct, and anything else an error that shows the braces",
          "[run][init]") {
    const TempDir dir;
    {
        const auto run =
            cairn::init(options_of(dir, {}, {{"lr", 0.1}, {"net", {{"depth", 3}, {"sizes", {1, 2}}}}}));
        CHECK(run.config()["net"]["depth"] == 3);
    }
    CHECK(json_of(folder_of(dir) / "config.json")["net"]["sizes"] == nlohmann::json{1, 2});
    {
        auto run = cairn::init(
            {.project = "p", .id = "s", .config = training::Settings{}, .dir = dir.path(), .quiet = true});
        CHECK(run.config()["schedule"]["warmup"] == 10);
        CHECK(run.config()["optimizer"] == "adam");
        run.update_config({{"schedule", {{"warmup", 20}}}});
        CHECK(run.config()["schedule"] == nlohmann::json{{"warmup", 20}, {"peak", 0.1}});
        CHECK(json_of(folder_of(dir, "s") / "config.json")["schedule"]["warmup"] == 20);
        CHECK(error_of([&] { run.update_config({1, 2}); })->code() == errc::invalid_argument);
    }
    for (const nlohmann::json& bad : {nlohmann::json{"lr", 0.1}, nlohmann::json(5), nlohmann::json("text"),
                                      nlohmann::json::array(), nlohmann::json(std::string(500, 'x'))}) {
        const auto failure = error_of([&] { (void)cairn::init(options_of(dir, Resume::allow, bad)); });
        REQUIRE(failure);
        CHECK(failure->code() == errc::invalid_argument);
        CHECK(failure->advice().find(R"({{"lr", 0.001}, {"epochs", 5}})") != std::string::npos);
        CHECK(failure->tried().size() < 150);
    }
    CHECK(error_of([&] { (void)cairn::init(options_of(dir, {}, nlohmann::json{"lr", 0.1})); })->tried() ==
          R"(the config is not an object but ["lr",0.1])");
}

TEST_CASE("what exists is resumed only when asked, and what must exist is not made", "[run][init]") {
    const TempDir dir;
    CHECK(code_of_init(options_of(dir, Resume::must)) == errc::not_found);
    CHECK_FALSE(std::filesystem::exists(folder_of(dir)));
    CHECK(code_of_init({.project = "p", .dir = dir.path(), .resume = Resume::must}) ==
          errc::invalid_argument);
    {
        auto run = cairn::init(options_of(dir, Resume::allow));
        CHECK_FALSE(run.resumed());
        CHECK(run.first_step() == 0);
        for (int i = 0; i < 5; ++i) run.log("x"_m = i);
    }
    const std::string record = text_of(folder_of(dir) / "run.json");
    CHECK(code_of_init(options_of(dir)) == errc::already_exists);
    CHECK(code_of_init(options_of(dir, Resume::never)) == errc::already_exists);
    CHECK(text_of(folder_of(dir) / "run.json") == record);
    for (const Resume resume : {Resume::allow, Resume::must}) {
        auto run = cairn::init(options_of(dir, resume));
        CHECK(run.resumed());
        const std::int64_t first = resume == Resume::allow ? 5 : 6;
        CHECK(run.first_step() == first);
        CHECK(run.log("x"_m = 5).step() == first);
        CHECK(run.summary()["metrics"]["x"]["min"] == 0);
    }
    CHECK(rows_of(folder_of(dir)).size() == 7);
    CHECK(json_of(folder_of(dir) / "run.json")["sessions"] == 3);
    CHECK(json_of(folder_of(dir) / "summary.json")["metrics"]["x"]["count"] == 7);
}

TEST_CASE("a resumed run merges its config and keeps what people wrote", "[run][init]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "p",
                                .name = "first",
                                .id = "r",
                                .config = {{"lr", 0.1}, {"net", {{"depth", 3}, {"width", 8}}}},
                                .tags = {"a"},
                                .notes = "notes",
                                .group = "g",
                                .job_type = "train",
                                .dir = dir.path(),
                                .quiet = true});
        run.set_summary("mine", {{"deep", 1}});
        run.define_metric("x", {.goal = cairn::minimize});
        REQUIRE(run.fail("oh"));
    }
    {
        auto run = cairn::init(options_of(dir, Resume::must, {{"net", {{"depth", 4}}}, {"new", true}}));
        CHECK(run.config() ==
              nlohmann::json{{"lr", 0.1}, {"net", {{"depth", 4}, {"width", 8}}}, {"new", true}});
        CHECK(run.name() == "first");
        CHECK(run.summary()["user"]["mine"]["deep"] == 1);
        CHECK(run.core()->goal_of("x") == cairn::minimize);
        CHECK(state_of(dir.path(), "p", "r") == "running");
    }
    const nlohmann::json record = json_of(folder_of(dir) / "run.json");
    CHECK(record["tags"] == nlohmann::json{"a"});
    CHECK((record["notes"] == "notes" && record["group"] == "g" && record["job_type"] == "train"));
    CHECK(record["status"] == "finished");
    CHECK_FALSE(record.contains("why"));
    CHECK(json_of(folder_of(dir) / "config.json")["net"]["width"] == 8);
}

#if CAIRN_TEST_FORK
TEST_CASE("a second writer is refused as busy, from this process and from another", "[run][init]") {
    const TempDir dir;
    auto run = cairn::init(options_of(dir));
    run.log("x"_m = 1);
    const auto failure = error_of([&] { (void)cairn::init(options_of(dir, Resume::allow)); });
    REQUIRE(failure);
    CHECK(failure->code() == errc::busy);
    CHECK(failure->tried().find(std::to_string(cairn::detail::os::pid())) != std::string::npos);
    const int status = in_child([&] {
        const auto refused = error_of([&] { (void)cairn::init(options_of(dir, Resume::must)); });
        return refused && refused->code() == errc::busy ? 0 : 1;
    });
    CHECK(status == 0);
    run.log("x"_m = 2);
    REQUIRE(run.finish());
    CHECK(rows_of(folder_of(dir)).size() == 2);
    CHECK(json_of(folder_of(dir) / "run.json")["sessions"] == 1);
    // After its end the run is free, though the handle is still there.
    CHECK(cairn::init(options_of(dir, Resume::must)).first_step() == 2);
}
#endif

TEST_CASE("a store that cannot be written is an error with its path", "[run][init]") {
    const TempDir dir;
    write_text(dir / "file", "text");
    const auto failure =
        error_of([&] { (void)cairn::init({.project = "p", .dir = dir.path() / "file" / "store"}); });
    REQUIRE(failure);
    CHECK(failure->path().find("file") != std::string::npos);
    CHECK_FALSE(failure->advice().empty());
    CHECK(text_of(dir / "file") == "text");
    CHECK(error_of([&] { (void)cairn::init({.project = "p", .dir = dir / "file"}); }));
}

TEST_CASE("a disabled run does nothing and makes nothing", "[run][init]") {
    const TempDir dir;
    const Env mode{"CAIRN_MODE", "disabled"};
    auto run = cairn::init({.project = "p", .config = {{"lr", 1}}, .dir = dir / "store"});
    CHECK(run.disabled());
    CHECK(run.log("x"_m = 0.5)["x"_m] == 0.5);
    CHECK(run.log(cairn::step(4), "x"_m = 1).step() == 4);
    CHECK(run.log({{"x", 1}}, {.step = 5}).step() == 5);
    run.save("*");
    run.update_config({{"a", 1}});
    run.set_summary("a", 1);
    run.define_metric("x", {.goal = cairn::maximize});
    run.set_notes("n");
    run.add_tag("t");
    CHECK(run.config().empty());
    CHECK(run.summary().empty());
    CHECK(run.id().empty());
    CHECK(run.health().ok());
    CHECK(run.finish());
    CHECK(count_files(dir.path()) == 0);
}

TEST_CASE("a damaged file of a run that is resumed is an error, and nothing is written over", "[run][init]") {
    const TempDir dir;
    {
        auto run = cairn::init(options_of(dir, {}, {{"lr", 1}}));
        run.log("x"_m = 1);
    }
    const auto [file, damage] =
        GENERATE(table<std::string, std::string>({{"run.json", "{\"id\": "},
                                                  {"run.json", ""},
                                                  {"run.json", "[1, 2]"},
                                                  {"run.json", R"({"sessions": "many"})"},
                                                  {"run.json", R"({"metrics": 5})"},
                                                  {"run.json", R"({"tags": "a"})"},
                                                  {"run.json", R"({"name": 5})"},
                                                  {"config.json", "{"},
                                                  {"config.json", "[]"},
                                                  {"summary.json", "nonsense"},
                                                  {"summary.json", "[3]"},
                                                  {"history.cairn", "NOT A HISTORY OF ANYTHING"}}));
    INFO(file << ": " << damage);
    write_text(folder_of(dir) / file, damage);
    CHECK(code_of_init(options_of(dir, Resume::allow)) == errc::corrupt);
    CHECK(text_of(folder_of(dir) / file) == damage);
    // The lock is free again.
    CHECK(code_of_init(options_of(dir, Resume::allow)) == errc::corrupt);
}

TEST_CASE("rows whose record was lost are kept when the run is opened again", "[run][init]") {
    const TempDir dir;
    {
        auto run = cairn::init(options_of(dir));
        run.log("x"_m = 1);
    }
    std::filesystem::remove(folder_of(dir) / "run.json");
    {
        auto run = cairn::init(options_of(dir));
        CHECK(run.first_step() == 1);
    }
    CHECK(rows_of(folder_of(dir)).size() == 1);
}

TEST_CASE("a config value and an object replace each other when a config is merged", "[run][init]") {
    const TempDir dir;
    (void)cairn::init(options_of(dir, Resume::never, {{"opt", "adam"}, {"net", {{"depth", 3}}}}));
    auto run = cairn::init(options_of(dir, Resume::must, {{"opt", {{"name", "adam"}}}}));
    run.update_config({{"net", 7}, {"opt", {{"lr", 0.5}}}});
    CHECK(run.config() == nlohmann::json{{"opt", {{"name", "adam"}, {"lr", 0.5}}}, {"net", 7}});
}

TEST_CASE("the greatest step of all can be resumed after", "[run][init]") {
    const TempDir dir;
    constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
    cairn::init(options_of(dir)).log(cairn::step(greatest), "x"_m = 1);
    auto run = cairn::init(options_of(dir, Resume::must));
    CHECK(run.first_step() == greatest);
    CHECK(run.log("x"_m = 2).step() == greatest);
    CHECK(run.log("x"_m = 3).step() == greatest);
}

}  // namespace options_test
