// SPDX-License-Identifier: MIT
// Where a run was made: what is told, and what is kept from others.
#include <cairn/query/runs.hpp>
#include <cairn/run/detail/environment.hpp>
#include <cairn/store/git_commit.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/env.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace environment_test {

using namespace cairn_test;
using cairn::detail::git_commit_at;
using cairn::detail::without_secrets;
using Words = std::vector<std::string>;

namespace {

void put(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
}
const std::string one(40, '1'), two(40, '2');

}  // namespace

TEST_CASE("environment: what is secret is hidden in all its forms, the rest stays", "[run][environment]") {
    CHECK(without_secrets({"./train", "--lr", "0.1", "-v"}) == Words{"./train", "--lr", "0.1", "-v"});
    CHECK(without_secrets({"monkey", "data"}) == Words{"monkey", "data"});
    CHECK(without_secrets({"t", "--lr=0.1", "a:b", "x.cfg"}) == Words{"t", "--lr=0.1", "a:b", "x.cfg"});
    CHECK(without_secrets({"t", "https://host/a@b"}) == Words{"t", "https://***@b"});
    CHECK(without_secrets({"t", "--api-key", "abc", "x"}) == Words{"t", "--api-key", "***", "x"});
    CHECK(without_secrets({}).empty());
    for (const Words& words : std::vector<Words>{{"--pass", "S3"},
                                                 {"--pass=S3"},
                                                 {"--pwd=S3"},
                                                 {"--bearer", "S3"},
                                                 {"--api-key:S3"},
                                                 {"--password", "-S3"},
                                                 {"-H", "Authorization: Bearer S3"},
                                                 {"-H", "X-Api-Key: S3"},
                                                 {"https://h/p?user=x&access_token=S3"},
                                                 {"https://h/p?sv=1&sig=S3"},
                                                 {"postgres://u:p/S3@h/db"},
                                                 {"postgres://u:pa@S3@h/db"},
                                                 {"--dbs=postgres://a:b@h,postgres://c:S3@h2"},
                                                 {R"({"api_key": "S3"})"},
                                                 {R"(--config={"lr":1,"token":"S3"})"},
                                                 {"--set=model.api_key=S3"},
                                                 {"--env=WANDB_API_KEY=S3"},
                                                 {"lr=1,token=S3"},
                                                 {"DB_PASSWORD=S3"},
                                                 {"--Token=a=S3"},
                                                 {"hf_S3"},
                                                 {"--hub=hf_S3"},
                                                 {"https://me:S3@host/path"},
                                                 {"--url=ftp://S3@host"}}) {
        Words all{"t"};
        all.insert(all.end(), words.begin(), words.end());
        std::string shown;
        for (const std::string& word : without_secrets(all)) shown += word + " ";
        CAPTURE(words, shown);
        CHECK(shown.find("S3") == std::string::npos);
    }
    const Words many(10'000, "data.csv");
    CHECK(without_secrets(many).size() < 3000);
}

TEST_CASE("environment: the commit of the tree that a folder lies in", "[store][git]") {
    const TempDir dir;
    const auto root = dir.path() / "tree";
    put(root / "src" / "deep" / "file", "");
    put(root / ".git" / "HEAD", "ref: refs/heads/topic/a\n");
    auto git = git_commit_at(root / "src" / "deep");
    REQUIRE(git);
    CHECK(git->branch == "topic/a");
    CHECK(git->commit.empty());  // before the first commit
    CHECK(git->root == root);

    put(root / ".git" / "packed-refs",
        "# pack-refs\n" + two + " refs/heads/topic/ab\n" + one + " refs/heads/topic/a\n");
    CHECK(git_commit_at(root)->commit == one);
    put(root / ".git" / "refs" / "heads" / "topic" / "a", two + "\n");
    CHECK(git_commit_at(root)->commit == two);
    put(root / ".git" / "HEAD", one + "\n");
    git = git_commit_at(root);
    CHECK(git->commit == one);
    CHECK(git->branch.empty());
    put(root / ".git" / "HEAD", "ref: refs/heads/.invalid\n");  // what git writes with a table of references
    git = git_commit_at(root);
    CHECK(git->root == root);
    CHECK((git->branch.empty() && git->commit.empty()));

    // Another working tree of the same repository.
    const auto other = dir.path() / "other";
    put(other / ".git", "gitdir: ../tree/.git/worktrees/other\n");
    put(root / ".git" / "worktrees" / "other" / "HEAD", "ref: refs/heads/topic/a\n");
    put(root / ".git" / "worktrees" / "other" / "commondir", "../..\n");
    CHECK(git_commit_at(other)->commit == two);
    CHECK(git_commit_at(other)->root == other);
}

TEST_CASE("environment: what is no repository is none, and leads nowhere else", "[store][git]") {
    const TempDir dir;
    const auto root = dir.path() / "tree";
    put(dir.path() / "secret", one + "\n");
    for (const char* head :
         {"", "nonsense", "ref: ../../secret", "ref: refs/../../secret", "ref: secret", "ref: /etc/hosts"}) {
        CAPTURE(head);
        put(root / ".git" / "HEAD", head);
        CHECK_FALSE(git_commit_at(root));
    }
    std::filesystem::remove_all(root / ".git");
    put(root / ".git", "no gitdir");
    CHECK_FALSE(git_commit_at(root));
    CHECK_FALSE(git_commit_at({}));
}

TEST_CASE("environment: a run tells its machine and program, and only variables that are listed",
          "[run][environment]") {
    const TempDir dir;
    const Env rank{"SLURM_JOB_ID", "4711"};
    const Env secret{"MY_API_KEY", "hush-hush"};
    {
        const auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    }
    const auto read = cairn::open(dir.path()).value().find("r").value();
    const nlohmann::json& environment = read.about().at("environment");
    CHECK(environment["variables"]["SLURM_JOB_ID"] == "4711");
    CHECK(environment.dump().find("hush-hush") == std::string::npos);
    CHECK(environment["processors"] > 0);
    CHECK(environment["folder"] == std::filesystem::current_path().string());
    CHECK(!environment["compiler"].get<std::string>().empty());
#if defined(__linux__)
    CHECK(!environment["command"].empty());
    CHECK(environment["os"].get<std::string>().starts_with("Linux "));
#endif
    {
        const auto run = cairn::init({.id = "r",
                                      .dir = dir.path(),
                                      .resume = cairn::Resume::must,
                                      .environment = false,
                                      .quiet = true});
    }
    CHECK(!cairn::open(dir.path()).value().find("r").value().about().contains("environment"));
}

}  // namespace environment_test
