// SPDX-License-Identifier: MIT
#include <cairn/mirror/import_csv.hpp>

#include <cairn/cairn.hpp>
#include <cairn/query/export.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace csv_test {

using namespace cairn::literals;
using cairn_test::write_bytes;

namespace {

struct Table {
    explicit Table(std::string_view text) { write_bytes(dir / "my table.csv", text); }

    [[nodiscard]] cairn::result<cairn::ImportedRun> import(const std::string& step = {}) const {
        return cairn::import_csv(dir / "my table.csv", {{dir / "store", "p"}, step});
    }
    [[nodiscard]] std::vector<cairn::DynamicRow> rows(const std::string& step = {}) const {
        const auto made = import(step).value();
        CHECK(made.id == "my-table");
        auto rows = cairn::open(dir / "store").value().run("p", made.id).value().rows().value();
        CHECK(made.rows == rows.size());
        return rows;
    }
    /// Why it cannot be imported; nothing was made of it.
    [[nodiscard]] std::string why(const std::string& step = {}) const {
        const auto made = import(step);
        CHECK_FALSE(made);
        CHECK_FALSE(std::filesystem::exists(dir / "store"));
        return made ? std::string{} : made.error().what();
    }

    cairn_test::TempDir dir;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a table is a run: a column for each metric, an empty cell for nothing", "[mirror][csv]") {
    const Table table{"\xef\xbb\xbfstep,loss,\"note, or so\",ok\r\n"
                      "0,0.5,\"a \"\"b\"\"\nc\",true\n"
                      "\n"
                      "2.0,,,\r"
                      "-3,1e-3,7,false"};
    const auto rows = table.rows();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].step() == 0);
    CHECK(rows[0].find("loss").number() == 0.5);
    CHECK(rows[0].find("note, or so").text() == "a \"b\"\nc");
    CHECK(rows[0].find("ok").kind() == cairn::Value::Kind::boolean);
    CHECK(rows[1].step() == 2);
    CHECK(rows[1].size() == 0);
    CHECK(rows[2].step() == -3);
    CHECK(rows[2].find("loss").number() == 1e-3);
    CHECK(rows[2].find("note, or so").kind() == cairn::Value::Kind::integer);
}

TEST_CASE("numbers of a table are read as others write them", "[mirror][csv]") {
    const Table table{"s,a,b,c,d,f,g,h\n1,NaN,Infinity,-inf,+2,nano,infinit,-9223372036854775808\n"};
    const auto row = table.rows().at(0);
    CHECK(std::isnan(row.find("a").number()));
    CHECK(row.find("b").number() == std::numeric_limits<double>::infinity());
    CHECK(row.find("c").number() == -std::numeric_limits<double>::infinity());
    CHECK(row.find("d").number() == 2);
    CHECK(row.find("f").text() == "nano");
    CHECK(row.find("g").text() == "infinit");
    CHECK(row.find("h").kind() == cairn::Value::Kind::integer);
}

TEST_CASE("the column of the steps can be named", "[mirror][csv]") {
    const Table table{"loss,epoch,time_ms\n0.5,7,1700000000123\n0.25,8,1700000001000\n"};
    const auto rows = table.rows("epoch");
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].step() == 7);
    CHECK(rows[0].size() == 1);
    CHECK(rows[0].time_ns() == 1'700'000'000'123'000'000);
    const auto run = cairn::open(table.dir / "store").value().run("p", "my-table").value();
    CHECK(run.created_ns() == 1'700'000'000'123'000'000);
    CHECK(run.ended_ns() == 1'700'000'001'000'000'000);
}

TEST_CASE("of a table with a wrong line nothing is imported, and the line is named", "[mirror][csv]") {
    CHECK(has(Table{""}.why(), "line 1 of this table has no names"));
    CHECK(has(Table{"step,a\n1,2\n\nx,3\n"}.why(), "line 4 of this table has no whole number"));
    CHECK(has(Table{"step,a\n1.5,3\n"}.why(), "line 2"));
    CHECK(has(Table{"step,a\n1e300,3\n"}.why(), "line 2"));
    CHECK(has(Table{"step,a\n1,2,3\n"}.why(), "line 2 of this table has 3 cells, and the first one 2"));
    CHECK(has(Table{"step,a\n1\n"}.why(), "has 1 cells"));
    CHECK(has(Table{"step,a\n1,\"2\n3\n"}.why(), "line 2 of this table has a quotation mark"));
    CHECK(has(Table{"step,a,a\n"}.why(), "two columns of one name"));
    CHECK(has(Table{"step,a,\n"}.why(), "a column without a name"));
    CHECK(has(Table{"step,a\n"}.why("epoch"), "no column"));
    CHECK(has(Table{"step,time_ms\n1,later\n"}.why(), "no time in milliseconds"));
    CHECK(has(Table{"step,time_ms\n1,9223372036854775807\n"}.why(), "no time in milliseconds"));
    CHECK(has(Table{"step,a\n1," + std::string((std::size_t{16} << 20U) + 1, 'x')}.why(),
              "longer than 16 MiB"));
}

TEST_CASE("a run that is exported as a table is imported as it was", "[mirror][csv]") {
    const cairn_test::TempDir dir;
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir / "store", .quiet = true});
        run.log(cairn::step(5), "x"_m = 0.1, "text"_m = "a,b", "n"_m = ~std::uint64_t{0});
        run.log(cairn::step(6), "x"_m = std::nan(""));
    }
    const auto store = cairn::open(dir / "store").value();
    std::string table;
    cairn::export_csv(store.run("p", "r").value(), [&](std::string_view text) { table += text; }).value();
    write_bytes(dir / "again.csv", table);
    (void)cairn::import_csv(dir / "again.csv", {{dir / "store", "p"}, {}}).value();
    const auto before = store.run("p", "r").value().rows().value();
    const auto after = store.run("p", "again").value().rows().value();
    REQUIRE(after.size() == 2);
    CHECK(after[0].step() == 5);
    CHECK(after[0].time_ns() == before[0].time_ns());
    CHECK(after[0].find("x").number() == 0.1);
    CHECK(after[0].find("text").text() == "a,b");
    CHECK(after[0].find("n").number() == 18446744073709551616.0);
    CHECK(std::isnan(after[1].find("x").number()));
}

}  // namespace csv_test
