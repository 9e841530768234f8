// SPDX-License-Identifier: MIT
// What S3 is asked and answers, where it is odd; tests/mirror/s3/ has real servers take all of it.
#include <cairn/mirror/s3.hpp>

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/env.hpp"
#include "support/local_server.hpp"
#include "support/temp_dir.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace s3_test {

using namespace cairn::literals;
using namespace cairn::detail;
using cairn_test::Env;
using cairn_test::TempDir;

namespace {

/// A bucket "bkt" that keeps objects, and one upload in parts.
class Bucket {
  public:
    Bucket() {
        auto& routes = server_.routes();
        routes.Get("/bkt", [this](const auto& request, auto& response) {
            const std::scoped_lock lock{mutex_};
            const std::string prefix = request.get_param_value("prefix");
            std::string xml = "<R><IsTruncated>false</IsTruncated>";
            if (request.has_param("uploads")) {
                if (!upload_key_.empty())
                    xml += "<Upload><Key>" + upload_key_ + "</Key><UploadId>u1</UploadId></Upload>";
            } else {
                for (const auto& [key, text] : objects_)
                    if (key.starts_with(prefix)) xml += "<Contents><Key>" + key + "</Key></Contents>";
            }
            response.set_content(xml + "</R>", "application/xml");
        });
        routes.Get("/bkt/(.*)", [this](const httplib::Request& request, auto& response) {
            const std::scoped_lock lock{mutex_};
            const std::string key = request.matches[1];
            if (request.has_param("uploadId")) {
                std::string xml = "<R>";
                for (const auto& [number, text] : parts_)
                    xml += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><Size>" +
                           std::to_string(text.size()) + "</Size><ETag>e" + std::to_string(number) +
                           "</ETag><ChecksumSHA256>" + s3::base64_of(cairn::sha256(bytes_of(text))) +
                           "</ChecksumSHA256></Part>";
                return response.set_content(xml + "</R>", "application/xml");
            }
            const auto found = objects_.find(key);
            if (found == objects_.end()) {
                response.status = 404;
                return response.set_content("<Error><Code>NoSuchKey</Code></Error>", "application/xml");
            }
            response.set_header("ETag",
                                "\"" + std::to_string(std::hash<std::string>{}(found->second)) + "\"");
            response.set_content(found->second, "application/octet-stream");
        });
        routes.Put("/bkt/(.*)", [this](const httplib::Request& request, auto& response) {
            const std::scoped_lock lock{mutex_};
            const std::string key = request.matches[1];
            if (request.has_param("partNumber")) {
                ++parts_sent_;
                if (is_completed_by_another_) {
                    is_completed_by_another_ = false;
                    objects_[key] = whole_;
                    upload_key_.clear();
                    response.status = 404;
                    return response.set_content("<Error><Code>NoSuchUpload</Code></Error>",
                                                "application/xml");
                }
                const int number = std::stoi(request.get_param_value("partNumber"));
                parts_[number] = request.body;
                return response.set_header("ETag", "e" + std::to_string(number));
            }
            const bool has_condition = request.has_header("If-None-Match") || request.has_header("If-Match");
            if (has_condition && !knows_conditions_) {
                response.status = 501;
                return response.set_content("<Error><Code>NotImplemented</Code></Error>", "application/xml");
            }
            if (has_condition && before_put_ && before_put_(objects_)) before_put_ = nullptr;
            const auto there = objects_.find(key);
            const bool is_late =
                request.has_header("If-None-Match")
                    ? there != objects_.end()
                    : request.has_header("If-Match") &&
                          (there == objects_.end() ||
                           request.get_header_value("If-Match") !=
                               "\"" + std::to_string(std::hash<std::string>{}(there->second)) + "\"");
            if (is_late) {
                response.status = 412;
                return response.set_content("<Error><Code>PreconditionFailed</Code></Error>",
                                            "application/xml");
            }
            objects_[key] = request.body;
        });
        routes.Post("/bkt/(.*)", [this](const httplib::Request& request, auto& response) {
            const std::scoped_lock lock{mutex_};
            if (request.has_param("uploads")) {
                upload_key_ = request.matches[1];
                return response.set_content("<R><UploadId>u1</UploadId></R>", "application/xml");
            }
            if (complete_) return std::exchange(complete_, nullptr)(*this, response);
            put_together();
            response.set_content("<CompleteMultipartUploadResult/>", "application/xml");
        });
        server_.start();
    }

    /// How the next upload is completed.
    void complete_once(std::function<void(Bucket&, httplib::Response&)> how) {
        const std::scoped_lock lock{mutex_};
        complete_ = std::move(how);
    }
    void put_together() {
        std::string all;
        for (const auto& [number, text] : parts_) all += text;
        objects_[upload_key_] = all;
        upload_key_.clear();
        parts_.clear();
    }
    /// Meanwhile another brings the same object, and is faster.
    void let_another_complete(std::string whole) {
        const std::scoped_lock lock{mutex_};
        is_completed_by_another_ = true;
        whole_ = std::move(whole);
    }
    void spoil_part(int number) {
        const std::scoped_lock lock{mutex_};
        parts_[number].back() ^= 1;
    }
    /// What somebody else does right before a conditional put, until it says that this was all.
    void before_put(std::function<bool(std::map<std::string, std::string>&)> what) {
        const std::scoped_lock lock{mutex_};
        before_put_ = std::move(what);
    }
    void forget_conditions() { knows_conditions_ = false; }
    [[nodiscard]] std::map<std::string, std::string> objects() {
        const std::scoped_lock lock{mutex_};
        return objects_;
    }
    void set(const std::string& key, std::string text) {
        const std::scoped_lock lock{mutex_};
        objects_[key] = std::move(text);
    }
    [[nodiscard]] std::size_t parts_sent() const { return parts_sent_; }
    [[nodiscard]] cairn::S3 place() const {
        return {.uri = "s3://bkt/a b", .endpoint = server_.address(), .part_bytes = 1000};
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::string> objects_;
    std::string upload_key_;
    std::map<int, std::string> parts_;
    bool is_completed_by_another_ = false;
    std::string whole_;
    std::atomic<std::size_t> parts_sent_ = 0;
    std::atomic<bool> knows_conditions_ = true;
    std::function<void(Bucket&, httplib::Response&)> complete_;
    std::function<bool(std::map<std::string, std::string>&)> before_put_;
    cairn_test::LocalServer server_;  // last: its handlers use what stands before
};

/// Logs a file of so many bytes as a version of "data".
void log_version(const TempDir& dir, std::size_t bytes,
                 std::initializer_list<std::string_view> aliases = {}) {
    auto run =
        cairn::init({.project = "p", .id = "r", .dir = dir.path(), .system_seconds = 0, .quiet = true});
    std::ofstream{dir / "file.txt", std::ios::binary} << std::string(bytes, 'x') + "end";
    cairn::Artifact data{"data", "dataset"};
    data.add_file(dir / "file.txt");
    (void)run.log_artifact(data, aliases);
}
cairn::result<cairn::MirrorReport> mirrored(const TempDir& dir, const cairn::S3& place) {
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    auto mirror = cairn::S3Mirror::open(store, run, place);
    if (!mirror) return mirror.error();
    return mirror->catch_up(run);
}
struct Keys {
    Env key{"AWS_ACCESS_KEY_ID", "k"}, secret{"AWS_SECRET_ACCESS_KEY", "s"};
};
const std::string manifest = "a b/projects/p/artifacts/data/versions/v0.json";

}  // namespace

TEST_CASE("S3: places", "[mirror][s3]") {
    const auto place = [](const char* uri) {
        const auto where = s3::where_of(uri);
        return where ? where->bucket + "|" + where->prefix : "no";
    };
    CHECK(place("s3://bkt") == "bkt|");
    CHECK(place("s3://bkt/") == "bkt|");
    CHECK(place("s3://my.bkt-1/a/b/") == "my.bkt-1|a/b/");
    for (const char* bad :
         {"", "s3:/bkt", "bkt", "s3://", "s3://ab", "s3://Bkt", "s3://bkt//a", "s3://bkt/a//b"}) {
        CAPTURE(bad);
        CHECK(place(bad) == "no");
    }
    CHECK(s3::xml_text("<a><b>1 &lt;&amp;lt;&quot;</b><b>2</b></a>", "b") == "1 <&lt;\"");
    CHECK(s3::xml_text("<b>it&#39;s &#x41;&amp;#39; &none; & &#0;</b>", "b") == "it's A&#39; &none; & &#0;");
    CHECK(s3::xml_text("<a><b>1", "b").empty());
    CHECK(s3::xml_all("<b>1</b><b/><b>2</b>", "b") == std::vector<std::string_view>{"1", "2"});
}

TEST_CASE("S3: who we are, by the environment or a profile", "[mirror][s3]") {
    const TempDir home;
    const std::string credentials = (home / "credentials").string(), config = (home / "config").string();
    const Env at{"AWS_SHARED_CREDENTIALS_FILE", credentials.c_str()}, also{"AWS_CONFIG_FILE", config.c_str()},
        key{"AWS_ACCESS_KEY_ID", ""}, secret{"AWS_SECRET_ACCESS_KEY", ""}, token{"AWS_SESSION_TOKEN", ""},
        region{"AWS_REGION", ""}, other{"AWS_DEFAULT_REGION", ""};
    CHECK(s3::account_of({}).who.key.empty());
    const auto none = s3::Client::open({.uri = "s3://bkt"});
    REQUIRE(!none);
    CHECK(none.error().code() == cairn::errc::permission);
    std::ofstream{credentials} << "[default]\naws_access_key_id = k1\naws_secret_access_key=s1\n"
                                  "[ work ]\naws_access_key_id=k2\naws_secret_access_key=s2\n"
                                  "aws_session_token=t2\n";
    std::ofstream{config} << "[profile work]\nregion = eu-west-1\nendpoint_url = https://minio.intern\n"
                             "aws_access_key_id = k4\n";
    CHECK(s3::account_of({}).who.key == "k1");
    CHECK(s3::account_of({}).region == "us-east-1");
    const Env profile{"AWS_PROFILE", "work"};
    const auto work = s3::account_of({});
    CHECK(work.who.key + work.who.secret + work.who.token + work.region == "k2s2t2eu-west-1");
    CHECK(s3::account_of({.region = "x"}).region == "x");
    CHECK(work.endpoint == "https://minio.intern");
    CHECK(s3::account_of({.endpoint = "https://here"}).endpoint == "https://here");
    const Env by_key{"AWS_ACCESS_KEY_ID", "k3"}, by_secret{"AWS_SECRET_ACCESS_KEY", "s3"};
    CHECK(s3::account_of({}).who.key == "k3");
    CHECK(s3::account_of({}).who.token.empty());
}

TEST_CASE("S3: a server without conditions takes versions too, and none is written over", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir, other;
    Bucket bucket;
    bucket.forget_conditions();
    const std::string aliases = "a b/projects/p/artifacts/data/aliases.json";
    bucket.set(aliases, R"({"old":"v7"})");
    log_version(dir, 10, {"golden"});
    const auto report = mirrored(dir, bucket.place());
    REQUIRE(report);
    CHECK(report->versions == 1);
    CHECK(report->is_over);
    CHECK(nlohmann::json::parse(bucket.objects().at(aliases)) ==
          nlohmann::json{{"old", "v7"}, {"golden", "v0"}});
    const std::string first = bucket.objects().at(manifest);
    log_version(other, 20);
    REQUIRE(mirrored(other, bucket.place()));
    CHECK(bucket.objects().at(manifest) == first);
    CHECK(bucket.objects().contains("a b/projects/p/artifacts/data/versions/v1.json"));
}

TEST_CASE("S3: parts that S3 has not put together are not sent again", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir, to;
    Bucket bucket;
    log_version(dir, 4500);
    bucket.complete_once([](Bucket&, httplib::Response& response) {
        response.set_content("<Error><Code>InternalError</Code></Error>", "application/xml");
    });
    const auto failed = mirrored(dir, bucket.place());
    REQUIRE(!failed);
    CHECK(std::string{failed.error().what()}.find("InternalError") != std::string::npos);
    CHECK(bucket.parts_sent() == 5);
    CHECK(!bucket.objects().contains(manifest));
    bucket.spoil_part(3);  // of the right size, and not ours
    REQUIRE(mirrored(dir, bucket.place()));
    CHECK(bucket.parts_sent() == 6);
    auto store = cairn::open(bucket.place());
    REQUIRE(store);
    const auto version = store->resolve("p", "data", "latest");
    REQUIRE(version);
    REQUIRE(store->download(*version, to / "out"));
    CHECK(std::filesystem::file_size(to / "out" / "file.txt") == 4503);
    CHECK(std::distance(std::filesystem::directory_iterator{to / "out"}, {}) ==
          1);  // nothing else is left there
}

TEST_CASE("S3: an upload that is gone because it is done", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir;
    Bucket bucket;
    log_version(dir, 4500);
    bucket.complete_once([](Bucket& self, httplib::Response& response) {
        self.put_together();  // by another, a moment before
        response.status = 404;
        response.set_content("<Error><Code>NoSuchUpload</Code></Error>", "application/xml");
    });
    REQUIRE(mirrored(dir, bucket.place()));
    CHECK(bucket.objects().contains(manifest));
}

TEST_CASE("S3: of two who send one large object, both succeed", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir;
    Bucket bucket;
    log_version(dir, 4500);
    bucket.let_another_complete(std::string(4500, 'x') + "end");
    REQUIRE(mirrored(dir, bucket.place()));
    CHECK(bucket.objects().contains(manifest));

    const TempDir other;
    Bucket second;
    log_version(other, 4500);
    second.let_another_complete("");  // that is: it was aborted
    REQUIRE(mirrored(other, second.place()));
    CHECK(second.parts_sent() >= 6);
}

TEST_CASE("S3: of two who name versions at once, nobody's alias is lost", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir;
    Bucket bucket;
    const std::string aliases = "a b/projects/p/artifacts/data/aliases.json";
    log_version(dir, 10, {"golden"});
    bucket.set("a b/store.json", "{\"format\":1}");
    bucket.set("a b/projects/p/artifacts/data/artifact.json",
               R"({"format":1,"name":"data","type":"dataset"})");
    bucket.set(aliases, R"({"old":"v7"})");
    bucket.before_put([&, puts = 0](auto& objects) mutable {
        if (++puts == 1) return false;  // that is the manifest
        objects[aliases] = R"({"old":"v7","new":"v8"})";
        return true;
    });
    REQUIRE(mirrored(dir, bucket.place()));
    CHECK(nlohmann::json::parse(bucket.objects().at(aliases)) ==
          nlohmann::json{{"old", "v7"}, {"new", "v8"}, {"golden", "v0"}});
}

TEST_CASE("S3: what is damaged, of another type or newer is told from what is whole", "[mirror][s3]") {
    const Keys keys;
    const TempDir dir, to;
    Bucket bucket;
    CHECK(cairn::open(bucket.place()).error().code() == cairn::errc::not_found);
    log_version(dir, 10);
    REQUIRE(mirrored(dir, bucket.place()));
    auto store = cairn::open(bucket.place());
    REQUIRE(store);
    const auto version = store->resolve("p", "data", "v0");
    REQUIRE(version);
    const std::string text = bucket.objects().at(manifest);
    bucket.set("a b/projects/p/artifacts/data/versions/v1.json", text);  // says that it is v0
    const auto all = store->versions("p", "data");
    REQUIRE(all);
    CHECK(all->versions.size() == 1);
    CHECK(all->damaged.size() == 1);
    CHECK(store->resolve("p", "data", "v1").error().code() == cairn::errc::corrupt);
    CHECK(store->resolve("p", "data", "v2").error().code() == cairn::errc::not_found);
    CHECK(store->resolve("p", "data", "best").error().code() == cairn::errc::not_found);
    const std::string digest = version->files.front().digest;
    const std::string object = "a b/objects/" + digest.substr(0, 2) + "/" + digest.substr(2);
    for (const std::string& bad : {std::string(13, 'y'), std::string(5, 'x'), std::string(40, 'x')}) {
        bucket.set(object, bad);
        const auto done = store->download(*version, to / "out");
        REQUIRE(!done);
        CHECK(done.error().code() == cairn::errc::corrupt);
        CHECK(std::filesystem::is_empty(to / "out"));
    }

    bucket.set("a b/projects/p/artifacts/data/artifact.json", R"({"format":1,"name":"data","type":"model"})");
    std::filesystem::remove_all(dir / "projects/p/runs/r/mirrors");
    const auto report = mirrored(dir, bucket.place());
    REQUIRE(report);
    CHECK(report->versions == 0);
    REQUIRE(report->left_out.size() == 1);
    CHECK(report->left_out.front().tried().find("of another type") != std::string::npos);
    bucket.set("a b/store.json", "{\"format\":2}");
    CHECK(cairn::open(bucket.place()).error().code() == cairn::errc::unsupported);
    CHECK(mirrored(dir, bucket.place()).error().code() == cairn::errc::unsupported);
}

TEST_CASE("S3: the wrong region is told with the right one", "[mirror][s3]") {
    const Keys keys;
    cairn_test::LocalServer server;
    server.routes().Get(".*", [](const auto&, auto& response) {
        response.status = 301;
        response.set_header("x-amz-bucket-region", "eu-west-1");
        response.set_header("Location", "http://127.0.0.1:1/elsewhere");
    });
    server.start();
    const auto store = cairn::open(cairn::S3{.uri = "s3://bkt", .endpoint = server.address()});
    REQUIRE(!store);
    CHECK(store.error().code() == cairn::errc::invalid_argument);
    CHECK(store.error().advice() == "set AWS_REGION=eu-west-1");
}

TEST_CASE("S3: a list without an end, and aliases that nobody can read", "[mirror][s3]") {
    const Keys keys;
    std::atomic<int> asked = 0;
    cairn_test::LocalServer server;
    server.routes().Get("/bkt", [&](const auto&, auto& response) {
        ++asked;
        response.set_content(
            "<R><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></R>",
            "application/xml");
    });
    server.routes().Get("/bkt/store.json", [](const auto&, auto& response) {
        response.set_content("{\"format\":1}", "application/json");
    });
    server.start();
    auto store = cairn::open(cairn::S3{.uri = "s3://bkt", .endpoint = server.address()});
    REQUIRE(store);
    const auto projects = store->projects();
    REQUIRE(!projects);
    CHECK(asked == 2);

    const TempDir dir;
    Bucket bucket;
    log_version(dir, 10, {"golden"});
    const std::string aliases = "a b/projects/p/artifacts/data/aliases.json";
    bucket.set(aliases, "{torn");
    const auto report = mirrored(dir, bucket.place());
    REQUIRE(report);
    REQUIRE(report->left_out.size() == 1);
    CHECK(bucket.objects().at(aliases) == "{torn");
}

}  // namespace s3_test
