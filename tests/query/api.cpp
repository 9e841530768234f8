// SPDX-License-Identifier: MIT
#include <cairn/cairn.hpp>
#include <cairn/query/api.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace api_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::Parameters;

namespace {

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

/// Runs "a" and "b" of 5000 rows each, with a spike in the first.
[[nodiscard]] cairn::Api recorded(const TempDir& dir) {
    for (const char* id : {"a", "b"}) {
        auto run = cairn::init(
            {.project = "p", .id = id, .config = {{"lr", 0.1}}, .dir = dir.path(), .quiet = true});
        auto checkpoint = run.checkpoint<cairn::EveryN<1000>>("model");
        Model model;
        for (int i = 0; i < 5000; ++i) {
            const double loss = id[0] == 'a' && i == 3210 ? 1e9 : 1.0 / (1 + i);
            checkpoint.step(run.log(cairn::step(i), "loss"_m = loss), cairn::part("model", model));
        }
        if (id[0] == 'b') run.log(cairn::step(5000), "only_b"_m = std::numeric_limits<double>::infinity());
    }
    return cairn::Api{cairn::open(dir.path()).value()};
}
[[nodiscard]] cairn::errc code_of(cairn::Api& api, std::string_view path, const Parameters& parameters) {
    const auto answer = api.answer(path, parameters);
    REQUIRE(!answer);
    return answer.error().code();
}

}  // namespace

TEST_CASE("api: the runs, each with config and summary", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    auto runs = api.answer("runs", {}).value();
    REQUIRE(runs["runs"].size() == 2);
    CHECK(runs["runs"][0]["id"] == "b");
    CHECK(runs["runs"][1]["metrics"]["loss"]["max"] == 1e9);
    CHECK(runs["runs"][1]["config"]["lr"] == 0.1);
    CHECK(runs["truncated"] == false);
    runs = api.answer("runs", {{"limit", "1"}}).value();
    CHECK(runs["runs"].size() == 1);
    CHECK(runs["truncated"] == true);
    CHECK(api.answer("runs", {{"project", "none"}}).value()["runs"].empty());
    CHECK(api.answer("run", {{"run", "a"}}).value()["versions"].size() == 5);
}

TEST_CASE("api: series of several runs, few values as they are and many as exact buckets", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    auto all =
        api.answer("series",
                   {{"run", "a"}, {"run", "b"}, {"metric", "loss"}, {"metric", "only_b"}, {"buckets", "100"}})
            .value()["series"];
    REQUIRE(all.size() == 3);
    CHECK(all[0]["run"] == "a");
    CHECK(all[0]["metric"] == "loss");
    CHECK(all[0]["size"] == 5000);
    const auto& buckets = all[0]["buckets"];
    REQUIRE(buckets["max"].size() == 100);
    CHECK(*std::max_element(buckets["max"].begin(), buckets["max"].end()) == 1e9);
    CHECK(all[2]["points"]["value"] == nlohmann::json{"Infinity"});

    const Parameters close_by{
        {"run", "a"}, {"metric", "loss"}, {"from", "3200"}, {"to", "3219"}, {"buckets", "100"}};
    all = api.answer("series", close_by).value()["series"];
    CHECK(all[0]["in_window"] == 20);
    CHECK(all[0]["points"]["value"][10] == 1e9);
    CHECK(!all[0].contains("buckets"));
    all = api.answer("series", {{"run", "a"},
                                {"metric", "loss"},
                                {"smooth", "exponential"},
                                {"weight", "0.9"},
                                {"buckets", "50"}})
              .value()["series"];
    CHECK(all[0]["smooth"]["value"].size() == 50);
    CHECK(all[0]["buckets"]["max"].size() == 50);  // the raw band is there, too
    CHECK(api.answer("series", {{"run", "a"}, {"metric", "none"}}).value()["series"].empty());
    CHECK(api.answer("series", {{"run", "a"}, {"metric", "loss"}, {"from", "9000"}})
              .value()["series"][0]["in_window"] == 0);
}

TEST_CASE("api: decisions and dry runs", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    CHECK(api.answer("decisions", {{"run", "a"}}).value()["decisions"][1]["kind"] == "saved");
    const auto dry =
        api.answer("simulate", {{"run", "a"}, {"policy", "every(2500)"}, {"keep", "last(1)"}}).value();
    CHECK(dry["versions"].size() == 2);
    CHECK(dry["versions"][1]["kept"] == true);
    CHECK(api.answer("lines", {{"run", "a"}}).value()["lines"].empty());
}

TEST_CASE("api: decisions are answered beside other questions, and found among many rows", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    const cairn::Parameters of_a = {{"run", "p/a"}};
    const auto beside = api.answer_beside("decisions", of_a);
    REQUIRE(beside.has_value());
    CHECK(**beside == api.answer("decisions", of_a).value());
    for (const char* name : {"a", "p/none", "/a", "p/", "../p/a", "p/../a", "p/../../a"}) {
        INFO(name);
        CHECK_FALSE(api.answer_beside("decisions", {{"run", name}}).has_value());
    }
    CHECK_FALSE(api.answer_beside("series", of_a).has_value());
    CHECK_FALSE(api.answer_beside("decisions", {}).has_value());

    constexpr int rows = 300'000;  // many frames of packed rows, of which three have a decision
    {
        auto run = cairn::init({.project = "p", .id = "long", .dir = dir.path(), .quiet = true});
        Model model;
        auto checkpoint = run.checkpoint("long", cairn::EveryN<100'000>{});
        for (int step = 0; step < rows; ++step) {
            const auto row = run.log(cairn::step(step), "x"_m = step);
            if (step % 1000 == 0) checkpoint.step(row, cairn::part("model", model));
        }
    }
    std::vector<std::int64_t> saved;
    const auto all = *api.answer_beside("decisions", {{"run", "p/long"}}).value();
    for (const auto& one : all["decisions"]) {
        if (one["kind"] == "saved") saved.push_back(one["step"]);
    }
    CHECK(saved == std::vector<std::int64_t>{0, 100'000, 200'000});
}

TEST_CASE("api: what cannot be answered is said", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    using cairn::errc;
    CHECK(code_of(api, "", {}) == errc::not_found);
    CHECK(code_of(api, "../runs", {}) == errc::not_found);
    CHECK(code_of(api, "run", {}) == errc::not_found);
    CHECK(code_of(api, "run", {{"run", "../../etc"}}) == errc::not_found);
    CHECK(code_of(api, "series", {{"run", "a"}, {"metric", "loss"}, {"buckets", "0"}}) ==
          errc::invalid_argument);
    CHECK(code_of(api, "series", {{"run", "a"}, {"metric", "loss"}, {"buckets", "10001"}}) ==
          errc::invalid_argument);
    CHECK(code_of(api, "series", {{"from", "1e3"}}) == errc::invalid_argument);
    CHECK(code_of(api, "series", {{"from", "99999999999999999999"}}) == errc::invalid_argument);
    CHECK(code_of(api, "series", {{"axis", "weeks"}}) == errc::invalid_argument);
    CHECK(code_of(api, "series", {{"weight", "nan"}}) == errc::invalid_argument);
    CHECK(code_of(api, "simulate", {{"run", "a"}, {"policy", "every("}}) == errc::invalid_argument);
    CHECK(code_of(api, "lines", {{"run", "a"}, {"most", "-1"}}) == errc::invalid_argument);
}

TEST_CASE("api: who has a cursor hears of what has changed since", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    auto all = api.answer("runs", {}).value();
    CHECK(all["all"] == true);
    const std::string cursor = all["cursor"];
    auto since = api.answer("runs", {{"since", cursor}}).value();
    CHECK(since["all"] == false);
    CHECK(since["runs"].empty());
    CHECK(since["gone"].empty());
    CHECK(since["cursor"] == cursor);
    auto run = cairn::init({.project = "p", .id = "c", .dir = dir.path(), .quiet = true});
    std::filesystem::remove_all(dir / "projects/p/runs/a");
    since = api.answer("runs", {{"since", cursor}}).value();
    REQUIRE(since["runs"].size() == 1);
    CHECK(since["runs"][0]["id"] == "c");
    CHECK(since["gone"] == nlohmann::json{"p/a"});
    CHECK(since["cursor"] != cursor);
    CHECK(api.answer("runs", {{"since", since["cursor"]}}).value()["runs"].empty());
    // Another session's, one that is none, one of the future: everything.
    for (const std::string& other : {std::string{"ffffffff-1"}, std::string{"x"}, cursor + "x",
                                     cursor.substr(0, 9) + "99999", cursor.substr(0, 9)}) {
        INFO(other);
        CHECK(api.answer("runs", {{"since", other}}).value()["all"] == true);
    }
}

TEST_CASE("api: a run of many metrics is short in the table, and whole when it is asked for",
          "[query][api]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "wide", .dir = dir.path(), .quiet = true});
        run.define_metric("zz", {.goal = cairn::minimize});
        for (int i = 0; i < 300; ++i) {
            std::string name = "m";  // g++ 12 warns at -O3 of "m" + a temporary
            name += std::to_string(i);
            run.log({{name, i}});
        }
        run.log("zz"_m = 1);
        run.log("zy"_m = 1, "system/tokens"_m = 1);
    }
    cairn::Api api{cairn::open(dir.path()).value()};
    const auto row = api.answer("runs", {}).value()["runs"][0];
    CHECK(row["metrics"].size() == 200);
    CHECK(row["metrics"].contains("zz"));  // it was defined
    CHECK(row["metrics_left_out"] == 103);
    CHECK(api.answer("metrics", {{"run", "wide"}}).value().size() == 303);
    Parameters many{{"run", "wide"}};
    for (int i = 0; i < 300; ++i) many.emplace("metric", std::string{"m"}.append(std::to_string(i)));
    CHECK(api.answer("series", many).value()["series"].size() == 300);
    for (int i = 0; i < 2000; ++i) many.emplace("metric", "none");
    CHECK(code_of(api, "series", many) == cairn::errc::invalid_argument);
}

TEST_CASE("api: one metric over another", "[query][api]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        run.log("loss"_m = 9);  // before any x
        for (int i = 0; i < 1000; ++i) run.log("epoch"_m = i / 100.0, "loss"_m = i);
    }
    cairn::Api api{cairn::open(dir.path()).value()};
    const auto over = [&](Parameters more) {
        more.insert({{"run", "r"}, {"metric", "loss"}, {"x", "epoch"}, {"buckets", "50"}});
        return api.answer("series", more).value()["series"][0];
    };
    const auto all = over({});
    CHECK(all["size"] == 1000);
    CHECK(all["without_x"] == 1);
    CHECK(all["in_window"] == 1000);
    CHECK(all["buckets"]["to"].back() == 9.99);
    CHECK(all["buckets"]["max"].back() == 999.0);
    const auto part = over({{"from", "2.5"}, {"to", "3.5"}});
    CHECK(part["in_window"] == 101);
    CHECK(api.answer("series", {{"run", "r"}, {"metric", "loss"}, {"x", "none"}}).value()["series"].empty());
}

TEST_CASE("api: what the machine did takes no room from what the program logged", "[query][api]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        for (int i = 0; i < 150; ++i) {
            run.log({{std::string{"system/"}.append(std::to_string(i)), i}});
            run.log({{std::string{"train/"}.append(std::to_string(i)), i}});
        }
    }
    const auto row = cairn::Api{cairn::open(dir.path()).value()}.answer("runs", {}).value()["runs"][0];
    std::size_t trained = 0;
    for (const auto& [name, value] : row["metrics"].items()) trained += name.starts_with("train/") ? 1U : 0U;
    CHECK(trained == 150);
    CHECK(row["metrics"].size() == 200);
    CHECK(row["metrics_left_out"] == 100);
}

TEST_CASE("api: the runs as text are the same, also when some of them have changed", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    const auto same = [&](const Parameters& ask) {
        const auto text = api.runs_text(ask);
        REQUIRE(text);
        CHECK(nlohmann::json::parse(*text) == api.answer("runs", ask).value());
    };
    const Parameters since{{"since", api.answer("runs", {}).value()["cursor"]}};
    for (int i = 0; i < 2; ++i) same({});
    same({{"limit", "1"}});
    same({{"project", "none"}});
    same(since);
    REQUIRE(api.edit({{"run", "a"}, {"name", "\xff\"]}"}}));
    for (const Parameters& ask : {Parameters{}, since}) same(ask);
    CHECK(api.runs_text({})->find("\xff") == std::string::npos);  // it is no UTF-8
    for (const char* id : {"a", "b"}) cairn_test::erase_all(dir / "projects/p/runs" / id);
    for (const Parameters& ask : {Parameters{}, since}) same(ask);
    const auto wrong = api.runs_text({{"limit", "0"}});
    REQUIRE(!wrong);
    CHECK(wrong.error().code() == cairn::errc::invalid_argument);
}

TEST_CASE("api: a question that would take very long is refused", "[query][api]") {
    const TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        for (int i = 0; i < 500'000; ++i) run.log(cairn::step(i), "loss"_m = i);
    }
    cairn::Api api{cairn::open(dir.path()).value()};
    CHECK(code_of(api, "series",
                  {{"run", "r"}, {"metric", "loss"}, {"smooth", "gaussian"}, {"weight", "1000"}}) ==
          cairn::errc::invalid_argument);
    CHECK(api.answer("series", {{"run", "r"}, {"metric", "loss"}, {"smooth", "gaussian"}, {"weight", "3"}}));
}

TEST_CASE("api: one answer costs no more than others can wait for", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    Parameters ask{{"metric", "loss"}, {"smooth", "gaussian"}, {"weight", "200"}};
    for (const char* one : {"a", "a", "p/a", "latest", "b"}) ask.emplace("run", one);
    CHECK(api.answer("series", ask).value()["series"].size() == 2);  // each run once, however it is spelt
    {
        auto run = cairn::init({.project = "p", .id = "wide", .dir = dir.path(), .quiet = true});
        for (int i = 0; i < 50'000; ++i) {
            run.log({{"a", i}, {"b", i}, {"c", i}, {"d", i}, {"e", i}, {"f", i}, {"g", i}, {"h", i}},
                    {.step = i});
        }
    }
    Parameters wide{{"run", "wide"}, {"buckets", "10000"}};
    for (const char* metric : {"a", "b", "c", "d", "e", "f", "g", "h"}) wide.emplace("metric", metric);
    CHECK(api.answer("series", wide));
    wide.emplace("smooth", "gaussian");
    wide.emplace("weight", "1000");
    CHECK(code_of(api, "series", wide) == cairn::errc::invalid_argument);
}

TEST_CASE("api: a run that is new is found beside one that was known", "[query][api]") {
    const TempDir dir;
    auto api = recorded(dir);
    REQUIRE(api.answer("runs", {}));
    auto run = cairn::init({.project = "p", .id = "c", .dir = dir.path(), .quiet = true});
    run.log("loss"_m = 1);
    // The second is found at another look, at which the first may lie elsewhere.
    const auto both =
        api.answer("series", {{"run", "a"}, {"run", "c"}, {"metric", "loss"}}).value()["series"];
    REQUIRE(both.size() == 2);
    CHECK(both[0]["run"] == "a");
    CHECK(both[0]["size"] == 5000);
    CHECK(both[1]["run"] == "c");
}

TEST_CASE("api: changes are made, and what is none is refused", "[query][api][edit]") {
    const TempDir dir;
    auto api = recorded(dir);
    CHECK(api.edit({{"run", "a"}, {"name", "new"}, {"tag", "x"}, {"tag", ""}, {"tag", "y"}}).value() ==
          nlohmann::json{{"changed", "a"}});
    auto row = api.answer("run", {{"run", "a"}}).value();
    CHECK(row["name"] == "new");
    CHECK(row["tags"] == nlohmann::json{"x", "y"});
    CHECK(row["ended_ms"].is_number());
    CHECK(row["versions"][0]["step"].is_number());
    REQUIRE(api.edit({{"run", "a"}, {"tag", ""}, {"deleted", "true"}}));
    row = api.answer("run", {{"run", "a"}}).value();
    CHECK(row["tags"].empty());
    CHECK(row["deleted"] == true);
    for (const Parameters& wrong : {Parameters{{"run", "a"}}, Parameters{{"run", "a"}, {"deleted", "maybe"}},
                                    Parameters{{"run", "a"}, {"name", ""}}})
        CHECK(api.edit(wrong).error().code() == cairn::errc::invalid_argument);
    CHECK(api.edit({{"run", "nobody"}, {"name", "x"}}).error().code() == cairn::errc::not_found);
}

TEST_CASE("api: what is not there is null", "[query][api]") {
    const TempDir dir;
    auto run = cairn::init({.project = "p", .id = "live", .dir = dir.path(), .quiet = true});
    const auto list = cairn::Api{cairn::open(dir.path()).value()}.answer("runs", {}).value();
    CHECK(list["runs"][0]["ended_ms"].is_null());
    CHECK(list["runs"][0]["created_ms"].is_number());
}

}  // namespace api_test
