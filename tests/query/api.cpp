// SPDX-License-Identifier: MIT
#include <cairn/cairn.hpp>
#include <cairn/query/api.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

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

    const Parameters near{
        {"run", "a"}, {"metric", "loss"}, {"from", "3200"}, {"to", "3219"}, {"buckets", "100"}};
    all = api.answer("series", near).value()["series"];
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
