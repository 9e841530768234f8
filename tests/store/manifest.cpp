// SPDX-License-Identifier: MIT
#include <cairn/store/manifest.hpp>

#include "support.hpp"

#include <cmath>
#include <limits>

namespace manifest_test {

using namespace cairn_test;
using cairn::errc;
using cairn::Manifest;
using nlohmann::json;
namespace detail = cairn::detail;

namespace {

Manifest example() {
    Manifest m;
    m.project = "p";
    m.artifact = "model";
    m.type = "model";
    m.run = "r1";
    m.description = "a \"quoted\" text with \n and \x01 and é";
    m.version = 3;
    m.created_ns = 1'700'000'000'123'456'789;
    m.step = -5;
    m.metadata = {{"a", {1, 2.5e-7, nullptr, true}}, {"checksum", "not that one"}};
    m.metrics = {{"loss", 1e-5}, {"nan", cairn::metric_to_json(std::nan(""))}, {"text", "x"}, {"n", 3}};
    m.files = {{"b/model.safetensors", 10, digest_of("b"), {}},
               {"a.txt", 0, digest_of("a"), {}},
               {"data", 0, {}, "s3://bucket/data?x=\"1\""}};
    return m;
}

/// A text with a right checksum, whatever else is wrong with it.
std::string seal(const json& value) {
    json out = value;
    out["checksum"] = std::string(64, '0');
    std::string text = out.dump(1);
    const std::size_t at = detail::checksum_at(text);
    return text.replace(at, 64, detail::checksum_of(text, at));
}

json parsed_example() { return json::parse(to_text(example()).value()); }

}  // namespace

TEST_CASE("manifest: what is written is read back", "[store][manifest]") {
    const Manifest m = example();
    const std::string text = to_text(m).value();
    const Manifest back = cairn::parse_manifest(text, "path").value();
    CHECK(back.project == m.project);
    CHECK(back.artifact == m.artifact);
    CHECK(back.type == m.type);
    CHECK(back.run == m.run);
    CHECK(back.description == m.description);
    CHECK(back.version == 3);
    CHECK(back.label() == "v3");
    CHECK(back.created_ns == m.created_ns);
    CHECK(back.step == m.step);
    CHECK(back.metadata == m.metadata);
    CHECK(back.metrics == m.metrics);
    REQUIRE(back.files.size() == 3);
    CHECK(back.find("b/model.safetensors")->size == 10);
    CHECK(back.find("data")->reference == m.files[2].reference);
    CHECK(back.find("none") == nullptr);
    CHECK(back.logical_size() == 10);
    CHECK(to_text(back).value() == text);
    Manifest without = m;
    without.step.reset();
    CHECK_FALSE(cairn::parse_manifest(to_text(without).value(), "path").value().step.has_value());
}

TEST_CASE("manifest: any flipped bit and any cut is corrupt", "[store][manifest]") {
    const std::string text = to_text(example()).value();
    int accepted = 0;
    int other_code = 0;
    const auto refuse = [&](const std::string& damaged) {
        const auto manifest = cairn::parse_manifest(damaged, "path");
        if (manifest)
            ++accepted;
        else if (manifest.error().code() != errc::corrupt)
            ++other_code;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::string damaged = text;
            damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << bit));
            refuse(damaged);
        }
        refuse(text.substr(0, i));
    }
    refuse(text + "\n");
    refuse(text + text);
    refuse("");
    CHECK(accepted == 0);
    CHECK(other_code == 0);
    const auto failure = cairn::parse_manifest("", "the/path").error();
    CHECK(failure.path() == "the/path");
}

TEST_CASE("manifest: a hostile one with a right checksum is corrupt", "[store][manifest]") {
    REQUIRE(cairn::parse_manifest(seal(parsed_example()), "").has_value());
    const auto change = [](const char* key, json value) {
        json m = parsed_example();
        m[key] = std::move(value);
        return cairn::parse_manifest(seal(m), "");
    };
    for (const char* key : {"project", "artifact", "type", "run", "description", "version", "created_ns",
                            "step", "metadata", "metrics", "files", "format"}) {
        INFO(key);
        json m = parsed_example();
        m.erase(key);
        CHECK(cairn::parse_manifest(seal(m), "").error().code() == errc::corrupt);
    }
    CHECK(change("version", -1).error().code() == errc::corrupt);
    CHECK(change("version", 1.5).error().code() == errc::corrupt);
    CHECK(change("project", 1).error().code() == errc::corrupt);
    CHECK(change("created_ns", "now").error().code() == errc::corrupt);
    CHECK(change("step", "x").error().code() == errc::corrupt);
    CHECK(change("metrics", json::array()).error().code() == errc::corrupt);
    CHECK(change("files", json::object()).error().code() == errc::corrupt);
    CHECK(change("format", 0).error().code() == errc::corrupt);
    CHECK(change("format", "1").error().code() == errc::corrupt);
    CHECK(change("format", 2).error().code() == errc::unsupported);

    const std::string digest = digest_of("x");
    for (const json& file :
         std::vector<json>{"x",
                           {{"path", "x"}},
                           {{"path", "x"}, {"size", 1}},
                           {{"path", "x"}, {"digest", digest}},
                           {{"path", "x"}, {"size", -1}, {"digest", digest}},
                           {{"path", "x"}, {"size", 1.5}, {"digest", digest}},
                           {{"path", "x"}, {"size", 1}, {"digest", digest.substr(1)}},
                           {{"path", "x"}, {"size", 1}, {"digest", "../" + digest.substr(3)}},
                           {{"path", "../x"}, {"size", 1}, {"digest", digest}},
                           {{"path", "/x"}, {"reference", "r"}},
                           {{"path", 1}, {"reference", "r"}},
                           {{"path", "x"}, {"reference", 1}}}) {
        INFO(file.dump());
        CHECK(change("files", json::array({file})).error().code() == errc::corrupt);
    }
    const json one = {{"path", "a/b"}, {"size", 1}, {"digest", digest}};
    CHECK(change("files", json::array({one})).has_value());
    CHECK(change("files", {one, one}).error().code() == errc::corrupt);
    json under = one;
    under["path"] = "a";
    CHECK(change("files", {one, under}).error().code() == errc::corrupt);
    CHECK(change("files", {under, one}).error().code() == errc::corrupt);

    std::string deep = seal(parsed_example());
    const std::string from = "\"metadata\": {";
    deep.replace(deep.find(from), from.size(),
                 "\"deep\": " + std::string(200'000, '[') + std::string(200'000, ']') + ",\n" + from);
    deep.replace(detail::checksum_at(deep), 64, detail::checksum_of(deep, detail::checksum_at(deep)));
    CHECK(cairn::parse_manifest(deep, "").error().code() == errc::corrupt);
}

TEST_CASE("manifest: what could not be read again is not written", "[store][manifest]") {
    Manifest m = example();
    m.files[0].path = "../x";
    CHECK(code_of(to_text(m)) == errc::invalid_name);
    m = example();
    m.files[0].path = m.files[1].path;
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    m.files[1].path = "b";  // the folder of another
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    m.files[0].digest = "12";
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    m.files[0].reference = "both";
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    for (int i = 0; i < 70; ++i) m.metadata = json::array({m.metadata});
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    m.metrics["nested"] = json::array({1});
    CHECK(code_of(to_text(m)) == errc::invalid_argument);
    m = example();
    m.metadata = json::object();
    for (int i = 0; i < 50; ++i) m.metadata = json::array({m.metadata});
    CHECK(cairn::parse_manifest(to_text(m).value(), "").has_value());
    m = example();
    m.description = "no UTF-8: \xff\xfe";
    m.metadata = std::nan("");
    CHECK(cairn::parse_manifest(to_text(m).value(), "").has_value());
}

TEST_CASE("manifest: the checksum is of the bytes with its own digits as zeros", "[store][manifest]") {
    std::string text = to_text(example()).value();
    const std::string said = json::parse(text)["checksum"];
    text.replace(text.find(said), 64, std::string(64, '0'));
    CHECK(digest_of(text) == said);
}

TEST_CASE("content_digest is of the files alone, in any order", "[store][manifest]") {
    const Manifest m = example();
    Manifest other = m;
    std::swap(other.files[0], other.files[2]);
    other.metadata = 1;
    other.version = 9;
    other.created_ns = 0;
    CHECK(other.content_digest() == m.content_digest());
    other.files[0].reference += "x";
    CHECK(other.content_digest() != m.content_digest());
    other = m;
    other.files[0].path += "x";
    CHECK(other.content_digest() != m.content_digest());
    other = m;
    other.files[0].digest = digest_of("c");
    CHECK(other.content_digest() != m.content_digest());
    other = m;
    other.files.pop_back();
    CHECK(other.content_digest() != m.content_digest());
}

TEST_CASE("metrics: NaN and infinities are data", "[store][manifest]") {
    for (const double x : {0.0, -1.5, 1e300, 5e-324, std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
        CHECK(cairn::metric_from_json(json::parse(cairn::metric_to_json(x).dump())).value() == x);
    }
    CHECK(std::isnan(cairn::metric_from_json(cairn::metric_to_json(std::nan(""))).value()));
    CHECK(cairn::metric_from_json(3) == 3.0);
    CHECK_FALSE(cairn::metric_from_json("text").has_value());
    CHECK_FALSE(cairn::metric_from_json(nullptr).has_value());
    CHECK_FALSE(cairn::metric_from_json(json::array()).has_value());
}

TEST_CASE("paths inside an artifact: hostile ones are refused, others not", "[store][manifest]") {
    for (const char* good : {"a", "a/b/c.txt", "..a", "a..b/c", ".hidden", "with blank", "é/ü", "-rf", "~"}) {
        INFO(good);
        CHECK(detail::check_relative_path(good));
    }
#if !defined(_WIN32)
    CHECK(detail::check_relative_path("..."));
#endif
    const std::vector<std::string> bad = {"",
                                          "/",
                                          "/etc/passwd",
                                          "..",
                                          "../a",
                                          "a/..",
                                          "a/../b",
                                          ".",
                                          "./a",
                                          "a/.",
                                          "a//b",
                                          "a/",
                                          "a\\b",
                                          "C:x",
                                          "a\nb",
                                          "a\x7f",
                                          std::string("a\0b", 3),
                                          std::string(1025, 'a'),
                                          std::string(256, 'a'),
                                          "a/" + std::string(256, 'b'),
                                          "\xff",
                                          "\xc0\xaf",
                                          "a/\xed\xa0\x80"};
    for (const std::string& path : bad) {
        INFO(path);
        CHECK(code_of(detail::check_relative_path(path)) == errc::invalid_name);
    }
}

}  // namespace manifest_test
