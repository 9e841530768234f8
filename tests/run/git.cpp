// SPDX-License-Identifier: MIT
// What is not committed, as git tells it, and other programs that are asked.
#include <cairn/core/time.hpp>
#include <cairn/checkpoint/disabled.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/git.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/git_changes.hpp>
#include <cairn/store/program.hpp>

#include "run/support.hpp"
#include "support/age.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/env.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace git_test {

using cairn::errc, cairn::detail::git_changes, cairn::detail::os::ask, cairn::detail::os::find_program;
using cairn_test::Env, cairn_test::TempDir;
using Words = std::vector<std::string>;

namespace {

constexpr std::int64_t a_minute = 60'000'000'000;

void put(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
}

/// A working tree of git, and git in it, whatever the developer's own settings are.
class Tree {
  public:
    explicit Tree(std::filesystem::path root) : root_{std::move(root)} {
        std::filesystem::create_directories(root_);
        is_there_ = git({"init", "--quiet"});
    }
    /// Not on Windows, and where git is not installed.
    [[nodiscard]] bool is_there() const { return is_there_; }
    [[nodiscard]] const std::filesystem::path& root() const { return root_; }
    [[nodiscard]] bool git(const Words& words) const {
        auto program = find_program("git");
        if (!program) return false;
        Words all{"-C", root_.string(),
                  "-c", "user.name=me",
                  "-c", "user.email=me@here",
                  "-c", "commit.gpgsign=false",
                  "-c", "core.hooksPath=/dev/null"};
        all.insert(all.end(), words.begin(), words.end());
        auto variables = cairn::detail::variables_for_git(root_);
        std::erase(variables, "GIT_ALLOW_PROTOCOL=none");  // a submodule is fetched
        const auto answer = ask({.program = std::move(program).value(),
                                 .words = all,
                                 .variables = variables,
                                 .most_ns = a_minute,
                                 .most_bytes = 10'000});
        return answer && answer->code == 0;
    }
    void write(const std::string& name, const std::string& text) const { put(root_ / name, text); }
    /// A first commit with one line in model.cpp.
    [[nodiscard]] bool begin() const {
        write("model.cpp", "one\n");
        return git({"add", "."}) && git({"commit", "--quiet", "-m", "first"});
    }

  private:
    std::filesystem::path root_;
    bool is_there_ = false;
};

/// The process's working folder, until the block ends.
class In {
  public:
    explicit In(const std::filesystem::path& folder) { std::filesystem::current_path(folder); }
    In(const In&) = delete;
    In& operator=(const In&) = delete;
    ~In() {
        std::error_code failed;
        std::filesystem::current_path(before_, failed);
    }

  private:
    std::filesystem::path before_ = std::filesystem::current_path();
};

#if CAIRN_TEST_FORK
cairn::result<cairn::detail::os::Answer> shell(const char* script, std::int64_t most_ns = a_minute,
                                               std::size_t most_bytes = 1000) {
    return ask({.program = "/bin/sh",
                .words = {"-c", script},
                .variables = {"TOLD=yes"},
                .most_ns = most_ns,
                .most_bytes = most_bytes});
}
#endif

}  // namespace

#if CAIRN_TEST_FORK
TEST_CASE("git: a program that is asked answers, in time and not too much, or not", "[store][program]") {
    // A system that forks first, as an emulator does, tells by the child's end that there is nothing to run.
    const auto is_refused = [](const char* program, errc as) {
        const auto answer = ask({.program = program, .most_ns = a_minute});
        return answer ? answer->code == 127 : answer.error().code() == as;
    };
    CHECK(is_refused("/no/program/is/here", errc::not_found));
    CHECK(is_refused("/", errc::permission));
    const auto said = shell("printf hello; echo not told >&2; exit 3").value();
    CHECK(said.code == 3);
    CHECK(said.output == "hello");
    CHECK_FALSE(said.is_cut);
    CHECK(shell("cat; echo $0 -- \"$@\" $TOLD $HOME").value().output == "/bin/sh -- yes\n");  // no input
    CHECK(shell("kill -9 $$").value().code == -1);

    // More than a pipe holds, and just as much as is asked for.
    const auto all = shell("head -c 300000 /dev/zero", a_minute, 300'000).value();
    CHECK(all.code == 0);
    CHECK(all.output == std::string(300'000, '\0'));
    CHECK_FALSE(all.is_cut);
    const auto some = shell("yes", a_minute, 100'001).value();
    CHECK(some.is_cut);
    CHECK(some.output.size() == 100'001);
    CHECK(shell("true", a_minute, 0).value().code == 0);

    const std::int64_t before = cairn::detail::steady_ns();
    CHECK(shell("sleep 600", 50'000'000).error().code() == errc::busy);
    CHECK(shell("exec 1>&-; sleep 600", 50'000'000).error().code() == errc::busy);  // its output ends, it not
    CHECK(cairn::detail::steady_ns() - before < a_minute);
}

TEST_CASE("git: a program that is ended takes with it what it started", "[store][program]") {
    const TempDir dir;
    const std::string script = "(sleep 2; touch '" + (dir.path() / "late").string() + "') & wait";
    CHECK(shell(script.c_str(), 200'000'000).error().code() == errc::busy);
    std::this_thread::sleep_for(std::chrono::seconds{3});
    CHECK_FALSE(std::filesystem::exists(dir.path() / "late"));
}

TEST_CASE("git: a program is asked whatever the process does with signals and its first files",
          "[store][program]") {
    const auto in_another = [](auto prepare) {
        return cairn_test::in_child([&] {
            prepare();
            const auto answer = shell("printf told");
            return answer && answer->output == "told" ? 0
                   : answer                           ? 1
                                                      : static_cast<int>(answer.error().code()) + 10;
        });
    };
    CHECK(in_another([] {}) == 0);
    CHECK(in_another([] {
              for (const int file : {0, 1, 2}) ::close(file);
          }) == 0);
    CHECK(in_another([] {
              ::sigset_t all;
              ::sigfillset(&all);
              ::sigprocmask(SIG_BLOCK, &all, nullptr);
          }) == 0);
    // Then the system does not tell how it ended.
    CHECK(in_another([] { std::signal(SIGCHLD, SIG_IGN); }) == static_cast<int>(errc::unsupported) + 10);
    // What is ignored by us is not by the program.
    std::signal(SIGPIPE, SIG_IGN);
    CHECK(shell("yes | true; kill -s PIPE $$; exit 3").value().code == -1);
    std::signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("git: a program is looked for in whole paths alone", "[store][program]") {
    const TempDir dir;
    put(dir.path() / "here" / "tool", "#!/bin/sh\n");
    put(dir.path() / "there" / "tool", "#!/bin/sh\n");
    const auto may_be_run = [](const std::filesystem::path& path) {
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    };
    may_be_run(dir.path() / "there" / "tool");
    std::filesystem::create_directories(dir.path() / "folder" / "tool");
    const In in{dir.path() / "here"};
    const std::string root = dir.path().string();
    {
        const Env path{"PATH", (":.:here:" + root + "/folder:" + root + "/here:" + root + "/there").c_str()};
        CHECK(find_program("tool").value() == dir.path() / "there" / "tool");  // the other may not be run
        may_be_run(dir.path() / "here" / "tool");
        CHECK(find_program("tool").value() == dir.path() / "here" / "tool");
        CHECK(find_program("another").error().code() == errc::not_found);
    }
    const Env path{"PATH", "."};
    CHECK(find_program("tool").error().code() == errc::not_found);
}
#endif

#if defined(_WIN32)
TEST_CASE("git: a program that is asked answers, in time and not too much, or not", "[store][program]") {
    const auto shell = [](Words words, std::int64_t most_ns = a_minute, std::size_t most_bytes = 1000) {
        words.insert(words.begin(), "/c");
        return ask({.program = find_program("cmd").value(),
                    .words = std::move(words),
                    .variables = cairn::detail::os::sys::all_variables(),
                    .most_ns = most_ns,
                    .most_bytes = most_bytes});
    };
    CHECK(ask({.program = "C:\\no\\program.exe", .most_ns = a_minute}).error().code() == errc::not_found);
    const auto said = shell({"echo", "hello"}).value();
    CHECK(said.code == 0);
    CHECK(said.output == "hello\r\n");
    CHECK(shell({"exit", "3"}).value().code == 3);
    CHECK(shell({"exit", "0"}, a_minute, 0).value().code == 0);
    const Words for_ever{"for", "/l", "%i", "in", "(0,0,1)", "do"};
    Words silent = for_ever, loud = for_ever;
    silent.insert(silent.end(), {"@rem"});
    loud.insert(loud.end(), {"@echo", "y"});
    CHECK(shell(silent, 200'000'000).error().code() == errc::busy);
    const auto some = shell(loud, a_minute, 1001).value();
    CHECK(some.is_cut);
    CHECK(some.output.size() == 1001);
    const Env path{"PATH", "."};
    CHECK(find_program("cmd").error().code() == errc::not_found);
}
TEST_CASE("git: a word reaches a program as it is", "[store][program]") {
    using cairn::detail::os::sys::quoted_word;
    CHECK(quoted_word(L"plain") == L"plain");
    CHECK(quoted_word(L"") == L"\"\"");
    CHECK(quoted_word(L"C:\\a b\\") == L"\"C:\\a b\\\\\"");
    CHECK(quoted_word(L"say \"no\"") == L"\"say \\\"no\\\"\"");
    CHECK(quoted_word(L"\\\"") == L"\"\\\\\\\"\"");
}
#endif

TEST_CASE("git: whether a tree has changes, and which", "[store][git]") {
    const TempDir dir;
    const Tree tree{dir.path() / "a tree -- with 'quotes'"};
    if (!tree.is_there()) {
        WARN("not here: there is no git");
        return;
    }
    const auto changes = [&](std::size_t most_bytes = 0) {
        return git_changes(tree.root(), most_bytes, a_minute);
    };
    const auto is_dirty = [&] { return changes().value().is_dirty; };
    CHECK(changes().error().code() == errc::unsupported);  // there is no commit
    tree.write("folder/other.cpp", "other\n");
    REQUIRE(tree.begin());
    CHECK_FALSE(is_dirty());
    tree.write("not_tracked", "x");
    CHECK_FALSE(is_dirty());
    std::filesystem::remove(tree.root() / "model.cpp");
    tree.write("model.cpp", "one\n");  // another file with the same bytes
    CHECK_FALSE(is_dirty());
    CHECK_FALSE(changes(1000).value().is_dirty);
    CHECK(changes(1000).value().diff.empty());

    tree.write("model.cpp", "two\n");
    CHECK(is_dirty());
    CHECK(git_changes(tree.root() / "folder", 0, a_minute).error().code() == errc::unsupported);  // no root
    const auto all = changes(1000).value();
    CHECK(all.is_dirty);
    CHECK_FALSE(all.is_cut);
    CHECK(all.diff.find("--- a/model.cpp\n+++ b/model.cpp\n") != std::string::npos);
    CHECK(all.diff.find("-one\n+two\n") != std::string::npos);
    const auto some = changes(10).value();
    CHECK(some.is_dirty);
    CHECK(some.is_cut);
    CHECK(some.diff == all.diff.substr(0, 10));
    REQUIRE(tree.git({"add", "model.cpp"}));
    CHECK(is_dirty());

    // What the tree sets is not run, and changes nothing.
    const std::string touch = "touch '" + (dir.path() / "was_run").string() + "'; true";
    for (const char* what : {"diff.external", "core.fsmonitor", "diff.evil.textconv"})
        REQUIRE(tree.git({"config", what, touch}));
    put(tree.root() / ".git" / "info" / "attributes", "*.cpp diff=evil\n");
    for (const char* what : {"diff.noprefix", "diff.mnemonicPrefix"})
        REQUIRE(tree.git({"config", what, "true"}));
    REQUIRE(tree.git({"config", "color.ui", "always"}));
    REQUIRE(tree.git({"config", "diff.context", "0"}));
    REQUIRE(tree.git({"config", "diff.submodule", "log"}));
    put(tree.root() / ".git" / "hooks" / "post-index-change", "#!/bin/sh\n" + touch + "\n");
    std::filesystem::permissions(tree.root() / ".git" / "hooks" / "post-index-change",
                                 std::filesystem::perms::owner_all);
    CHECK(is_dirty());
    CHECK(changes(1000).value().diff == all.diff);
    CHECK_FALSE(std::filesystem::exists(dir.path() / "was_run"));
    CHECK(git_changes(dir.path(), 0, a_minute).error().code() == errc::unsupported);  // no tree

    // Nor does the environment, which a hook of another tree may have set.
    const Tree other{dir.path() / "other"};
    REQUIRE(other.begin());
    const Env folder{"GIT_DIR", (other.root() / ".git").string().c_str()};
    const Env work_tree{"GIT_WORK_TREE", other.root().string().c_str()};
    const Env external{"GIT_EXTERNAL_DIFF", touch.c_str()};
    CHECK(changes(1000).value().diff == all.diff);
    CHECK_FALSE(std::filesystem::exists(dir.path() / "was_run"));

    const Env path{"PATH", dir.path().string().c_str()};
    CHECK(changes().error().code() == errc::not_found);
}

TEST_CASE("git: a tree stays as it is while it is asked", "[store][git]") {
    const TempDir dir;
    const Tree tree{dir.path() / "tree"};
    if (!tree.is_there()) {
        WARN("not here: there is no git");
        return;
    }
    REQUIRE(tree.begin());
    const auto index = [&] {
        return cairn::detail::read_file(tree.root() / ".git" / "index", 1U << 20U).value();
    };
    const auto changes = [&](std::int64_t most_ns = a_minute) {
        return git_changes(tree.root(), 1000, most_ns);
    };
    // A file that was only touched is no change, and git does not note that it looked.
    cairn_test::make_older(tree.root() / "model.cpp", std::chrono::hours{24});
    const std::string before = index();
    CHECK_FALSE(changes().value().is_dirty);
    REQUIRE(tree.git({"config", "diff.autoRefreshIndex", "true"}));
    CHECK_FALSE(changes().value().is_dirty);
    CHECK(index() == before);
    // Nor is anything left of a git that was ended, here in a filter.
    REQUIRE(tree.git({"config", "filter.slow.clean", "sleep 600"}));
    put(tree.root() / ".git" / "info" / "attributes", "*.cpp filter=slow\n");
    CHECK(changes(500'000'000).error().code() == errc::busy);
    CHECK_FALSE(std::filesystem::exists(tree.root() / ".git" / "index.lock"));
    CHECK(index() == before);
}

TEST_CASE("git: what a run keeps of its changes can be applied", "[store][git]") {
    const TempDir dir;
    const Tree tree{dir.path() / "tree"}, sub{dir.path() / "sub"};
    if (!tree.is_there()) {
        WARN("not here: there is no git");
        return;
    }
    REQUIRE(sub.begin());
    tree.write("a\"b \xff.txt", "one\n");
    tree.write("binary", std::string{"\0\1\2", 3});
    tree.write("long.cpp", "1\n2\n3\n4\n5\n6\n7\n");
    REQUIRE(tree.begin());
    REQUIRE(tree.git(
        {"-c", "protocol.file.allow=always", "submodule", "add", "--quiet", sub.root().string(), "sub"}));
    REQUIRE(tree.git({"commit", "--quiet", "-m", "second"}));
    for (const char* setting :
         {"diff.context=0", "diff.submodule=log", "diff.noprefix=true", "color.ui=always"}) {
        const std::string text = setting;
        REQUIRE(tree.git({"config", text.substr(0, text.find('=')), text.substr(text.find('=') + 1)}));
    }
    const auto changes = [&] { return git_changes(tree.root(), 10'000, a_minute).value(); };
    CHECK_FALSE(changes().is_dirty);
    put(tree.root() / "sub" / "model.cpp", "changed in the submodule\n");
    CHECK_FALSE(changes().is_dirty);  // of which only the commit counts
    REQUIRE(tree.git({"-C", "sub", "commit", "--quiet", "-a", "-m", "other"}));
    CHECK(changes().is_dirty);
    tree.write("a\"b \xff.txt", "two\n");
    tree.write("model.cpp", "two\n");
    tree.write("binary", "other");
    tree.write("long.cpp", "1\n2\n3\nfour\n5\n6\n7\n");
    const std::string diff = changes().diff;
    CHECK(diff.find("+Subproject commit ") != std::string::npos);
    CHECK(diff.find("\n 2\n 3\n-4\n+four\n 5\n") != std::string::npos);
    put(dir.path() / "diff.patch", diff);
    REQUIRE(tree.git({"stash", "--quiet"}));
    const std::string patch = (dir.path() / "diff.patch").string();
    CHECK(tree.git({"apply", "--check", "--exclude=binary", patch}));
    CHECK_FALSE(tree.git({"apply", "--check", patch}));
}

TEST_CASE("git: a run has what is not committed, if that is recorded", "[run][git]") {
    const TempDir dir, store;
    const Tree tree{dir.path() / "tree"};
    if (!tree.is_there()) {
        WARN("not here: there is no git");
        return;
    }
    REQUIRE(tree.begin());
    tree.write("model.cpp", "two\n");
    std::filesystem::create_directories(tree.root() / "build");
    const In in{tree.root() / "build"};
    const auto about_git = [&](const cairn::GitOptions& options) {
        {
            const auto run =
                cairn::init({.id = "r", .dir = store.path(), .resume = cairn::Resume::allow, .quiet = true});
            cairn::record_git(run, options);
            CHECK(run.health().errors.empty());
        }
        return cairn::open(store.path()).value().find("r").value().about().at("environment").at("git");
    };
    nlohmann::json git = about_git({.diff = true});
    const auto file = cairn::open(store.path()).value().find("r").value().dir() / "diff.patch";
    CHECK(git.at("dirty") == true);
    CHECK(git.at("diff") == "diff.patch");
    CHECK(git.at("commit").get<std::string>().size() == 40);
    CHECK(std::filesystem::equivalent(git.at("root").get<std::string>(), tree.root()));
    CHECK_FALSE(git.contains("diff_is_cut"));
    CHECK(cairn::detail::read_file(file, 10'000)->find("-one\n+two\n") != std::string::npos);

    git = about_git({});
    CHECK(git.at("dirty") == true);
    CHECK_FALSE(git.contains("diff"));
    CHECK_FALSE(std::filesystem::exists(file));

    tree.write("model.cpp", std::string(3000, 'x') + "\n");
    git = about_git({.diff = true, .most_bytes = 2000});
    CHECK(git.at("diff_is_cut") == true);
    CHECK(std::filesystem::file_size(file) == 2000);
    tree.write("model.cpp", "one\n");
    git = about_git({.diff = true});
    CHECK(git.at("dirty") == false);
    CHECK_FALSE(git.contains("diff"));
    CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("git: what cannot be recorded is an error of the run, which goes on", "[run][git]") {
    const TempDir dir;
    const In in{dir.path()};
    const auto run =
        cairn::init({.dir = dir.path() / "store", .quiet = true, .on_error = [](const cairn::error&) {}});
    const auto says = [&](const cairn::GitOptions& options, const char* text) {
        const std::size_t before = run.health().errors.size();
        cairn::record_git(run, options);
        const auto errors = run.health().errors;
        return errors.size() == before + 1 && errors.back().find(text) != std::string::npos;
    };
    CHECK(says({}, "in no tree of git"));
    CHECK(says({.most_seconds = -1}, "number of seconds above 0"));
    CHECK(says({.diff = true, .most_bytes = 0}, "at most 0 bytes"));
    put(dir.path() / ".git" / "HEAD", "ref: refs/heads/main\n");
    CHECK(says({}, "do not tell the commit"));
    put(dir.path() / ".git" / "refs" / "heads" / "main", std::string(40, 'c') + "\n");
    if (find_program("git"))
        CHECK(says({}, "git does not tell"));
    else
        CHECK(says({}, "no program git"));
    CHECK_FALSE(run.core()->about().at("environment").contains("git"));
    cairn::record_git(cairn::init({.mode = cairn::Mode::disabled}));
    cairn::record_git(cairn::init<cairn::Disabled>());
}

TEST_CASE("git: nothing of a run is touched that is another's by now", "[run][git]") {
    const TempDir dir, store;
    const Tree tree{dir.path() / "tree"};
    if (!tree.is_there()) {
        WARN("not here: there is no git");
        return;
    }
    REQUIRE(tree.begin());
    tree.write("model.cpp", "two\n");
    const In in{tree.root()};
    const auto open = [&] {
        return cairn::init({.id = "r",
                            .dir = store.path(),
                            .resume = cairn::Resume::allow,
                            .quiet = true,
                            .on_error = [](const cairn::error&) {}});
    };
    auto run = open();
    cairn::record_git(run, {.diff = true});
    const auto file = run.dir() / "diff.patch";
    REQUIRE(std::filesystem::exists(file));
#if CAIRN_TEST_FORK
    CHECK(cairn_test::in_child([&] {
              cairn::record_git(run);
              return 0;
          }) == 0);
    CHECK(std::filesystem::exists(file));
#endif
    REQUIRE(run.finish());
    const auto after = open();
    CHECK_FALSE(std::filesystem::exists(file));  // it was of the session before
    cairn::record_git(after, {.diff = true});
    const auto about = cairn::open(store.path()).value().find("r").value().about();
    cairn::record_git(run);
    REQUIRE(run.health().errors.size() == 1);
    CHECK(run.health().errors[0].find("after the run has ended") != std::string::npos);
    CHECK(std::filesystem::exists(file));
    CHECK(cairn::open(store.path()).value().find("r").value().about() == about);
}

}  // namespace git_test
