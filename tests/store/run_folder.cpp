// SPDX-License-Identifier: MIT
#include <cairn/store/run_reader.hpp>

#include "support.hpp"

#include <csignal>
#include <thread>

namespace run_folder_test {

using namespace cairn_test;
using cairn::errc;
using cairn::RunFolder;
using cairn::RunReader;
using cairn::RunState;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("run folder: a writer makes it, a reader finds it once it has a record", "[store][run_folder]") {
    const Fixture f;
    CHECK(code_of(RunReader::open(f.store, "p", "r")) == errc::not_found);
    auto writer = RunFolder::open_writer(f.store, "p", "r").value();
    CHECK(writer.is_new());
    CHECK(code_of(RunReader::open(f.store, "p", "r")) == errc::not_found);
    writer.write_run({{"status", "running"}, {"name", "x"}}).value();
    const auto reader = RunReader::open(f.store, "p", "r").value();
    CHECK(reader.read_run().value()["name"] == "x");
    writer.write_json("config.json", {{"lr", 0.1}, {"bad", "\xff"}}).value();
    CHECK(reader.read_json("config.json").value()["lr"] == 0.1);
    CHECK(code_of(reader.read_json("none.json")) == errc::not_found);
    spit(reader.path() / "summary.json", "{");
    CHECK(code_of(reader.read_json("summary.json")) == errc::corrupt);
    writer.release();
    CHECK_FALSE(RunFolder::open_writer(f.store, "p", "r").value().is_new());
}

TEST_CASE("run folder: hostile names are refused and make nothing", "[store][run_folder]") {
    const Fixture f;
    for (const std::string& name :
         std::vector<std::string>{"", "..", "../../x", "a/b", "/etc", "a\nb", std::string(300, 'a')}) {
        INFO(name);
        CHECK(code_of(RunFolder::open_writer(f.store, "p", name)) == errc::invalid_name);
        CHECK(code_of(RunFolder::open_writer(f.store, name, "r")) == errc::invalid_name);
        CHECK(code_of(RunReader::open(f.store, "p", name)) == errc::invalid_name);
        CHECK(code_of(RunReader::open(f.store, name, "r")) == errc::invalid_name);
    }
    CHECK(!fs::exists(f.store.project_dir("p") / "runs"));
}

#if CAIRN_TEST_FORK
TEST_CASE("run folder: a second writer is busy, and is told who holds it and what to do",
          "[store][run_folder]") {
    const Fixture f;
    auto writer = RunFolder::open_writer(f.store, "p", "r").value();
    const auto second = RunFolder::open_writer(f.store, "p", "r");
    CHECK(code_of(second) == errc::busy);
    const std::string text = second.error().what();
    CHECK(text.find("process " + std::to_string(cairn::detail::os::pid())) != std::string::npos);
    CHECK(text.find(cairn::detail::os::sys::host_name()) != std::string::npos);
    CHECK(text.find("CAIRN_RUN_ID") != std::string::npos);
    CHECK(in_child([&] { return RunFolder::open_writer(f.store, "p", "r") ? 1 : 0; }) == 0);
    CHECK(RunFolder::open_writer(f.store, "p", "other").has_value());
    for (const char* note :
         {"", "{", "[]", "{\"pid\":\"x\",\"host\":1}"}) {  // between taking the lock and saying so
        spit(writer.path() / "lock", note);
        CHECK(code_of(RunFolder::open_writer(f.store, "p", "r")) == errc::busy);
    }
    writer.release();
    CHECK(RunFolder::open_writer(f.store, "p", "r").has_value());
}

TEST_CASE("run folder: looking from the same process or another leaves the writer its lock",
          "[store][run_folder]") {
    const Fixture f;
    auto writer = RunFolder::open_writer(f.store, "p", "r").value();
    writer.write_run({{"status", "running"}}).value();
    for (int i = 0; i < 3; ++i) {
        const auto reader = RunReader::open(f.store, "p", "r").value();
        CHECK(reader.state().value() == RunState::running);
    }
    CHECK(in_child([&] {
              const auto reader = RunReader::open(f.store, "p", "r").value();
              return reader.state().value() == RunState::running ? 0 : 1;
          }) == 0);
    CHECK(code_of(RunFolder::open_writer(f.store, "p", "r")) == errc::busy);
}

TEST_CASE("run folder: many readers never keep a writer out", "[store][run_folder]") {
    const Fixture f;
    RunFolder::open_writer(f.store, "p", "r").value().write_run({{"status", "running"}}).value();
    const pid_t readers = start_child([&] {
        const auto reader = RunReader::open(f.store, "p", "r").value();
        while (true) (void)reader.state();
        return 0;
    });
    int refused = 0;
    for (int i = 0; i < 500; ++i) refused += RunFolder::open_writer(f.store, "p", "r") ? 0 : 1;
    CHECK(refused == 0);
    ::kill(readers, SIGKILL);
    (void)wait_for(readers);
}

TEST_CASE("run folder: the state is what the record says, or crashed", "[store][run_folder]") {
    const Fixture f;
    const auto state_of = [&] { return RunReader::open(f.store, "p", "r").value().state(); };
    {
        auto writer = RunFolder::open_writer(f.store, "p", "r").value();
        writer.write_run({{"status", "running"}}).value();
        CHECK(state_of().value() == RunState::running);
        for (const RunState state : {RunState::finished, RunState::failed, RunState::exited}) {
            writer.write_run({{"status", std::string{to_string(state)}}}).value();
            CHECK(state_of().value() == state);
        }
        writer.write_run({{"status", "running"}}).value();
    }
    CHECK(state_of().value() == RunState::crashed);  // the lock is free

    const pid_t child = start_child([&] {
        auto writer = RunFolder::open_writer(f.store, "p", "r").value();
        writer.write_run({{"status", "running"}}).value();
        spit(f.dir / "ready", "");
        ::pause();
        return 0;
    });
    while (!fs::exists(f.dir / "ready")) ::usleep(1000);
    CHECK(state_of().value() == RunState::running);
    ::kill(child, SIGKILL);
    (void)wait_for(child);
    CHECK(state_of().value() == RunState::crashed);
    CHECK(RunFolder::open_writer(f.store, "p", "r").has_value());
}

TEST_CASE("run folder: a run that ends while one looks has not crashed", "[store][run_folder]") {
    const Fixture f;
    constexpr int runs = 300;
    const pid_t child = start_child([&] {
        for (int i = 0; i < runs; ++i) {
            const std::string id = std::to_string(i);
            auto writer = RunFolder::open_writer(f.store, "p", id).value();
            writer.write_run({{"status", "running"}}).value();
            while (!fs::exists(f.dir / id)) std::this_thread::yield();  // until it is looked at
            writer.write_run({{"status", "failed"}, {"why", "diverged"}}).value();
        }
        return 0;
    });
    int crashed = 0, unsaid = 0;
    for (int i = 0; i < runs; ++i) {
        const std::string id = std::to_string(i);
        auto reader = RunReader::open(f.store, "p", id);
        while (!reader) reader = RunReader::open(f.store, "p", id);
        spit(f.dir / id, "");
        auto found = reader->standing().value();
        while (found.state == RunState::running) found = reader->standing().value();
        crashed += found.state == RunState::crashed ? 1 : 0;
        unsaid += found.record.contains("why") ? 0 : 1;  // the record is the one that says so
    }
    CHECK(wait_for(child) == 0);
    CHECK(crashed == 0);
    CHECK(unsaid == 0);
}

TEST_CASE("run folder: a killed writer whose forked child lives on has crashed", "[store][run_folder]") {
    const Fixture f;
    const pid_t writer = start_child([&] {
        auto folder = RunFolder::open_writer(f.store, "p", "r").value();
        folder.write_run({{"status", "running"}}).value();
        const pid_t worker = start_child([] {  // shares the lock, as one that never heard of us does
            ::pause();
            return 0;
        });
        spit(f.dir / "worker.tmp", std::to_string(worker));
        fs::rename(f.dir / "worker.tmp", f.dir / "worker");
        ::pause();
        return 0;
    });
    while (!fs::exists(f.dir / "worker")) ::usleep(1000);
    ::kill(writer, SIGKILL);
    (void)wait_for(writer);
    CHECK(RunReader::open(f.store, "p", "r").value().state().value() == RunState::crashed);
    CHECK(code_of(RunFolder::open_writer(f.store, "p", "r")) == errc::busy);  // the lock is not free yet
    ::kill(static_cast<pid_t>(std::stol(slurp(f.dir / "worker"))), SIGKILL);
}

TEST_CASE("run folder: a forked child that closes its copy does not end the parent's hold",
          "[store][run_folder]") {
    const Fixture f;
    auto writer = RunFolder::open_writer(f.store, "p", "r").value();
    const pid_t child = start_child([&] {
        writer.close_in_child();
        spit(f.dir / "closed", "");
        ::pause();
        return 0;
    });
    while (!fs::exists(f.dir / "closed")) ::usleep(1000);
    CHECK(code_of(RunFolder::open_writer(f.store, "p", "r")) == errc::busy);
    {
        const auto gone = std::move(writer);
    }
    CHECK(RunFolder::open_writer(f.store, "p", "r").has_value());
    ::kill(child, SIGKILL);
    (void)wait_for(child);
}
#endif

TEST_CASE("run folder: a damaged or hostile record is an answer or an error, never a crash of ours",
          "[store][run_folder]") {
    const Fixture f;
    fs::create_directories(f.store.run_dir("p", "r"));
    const fs::path path = f.store.run_dir("p", "r") / "run.json";
    for (const char* bad : {"", "{", "[]", "1", "\xff"}) {
        spit(path, bad);
        CHECK(code_of(RunReader::open(f.store, "p", "r").value().state()) == errc::corrupt);
    }
    for (const char* odd :
         {"{}", "{\"status\":1}", "{\"status\":\"running\",\"process\":7}",
          "{\"status\":\"running\",\"process\":{\"pid\":\"x\",\"start\":-1,\"boot\":[]}}"}) {
        spit(path, odd);
        CHECK(RunReader::open(f.store, "p", "r").value().state().value() == RunState::crashed);
    }
    spit(path, std::string(100'000, '['));
    CHECK(code_of(RunReader::open(f.store, "p", "r").value().state()) == errc::corrupt);
}

TEST_CASE("run folder: one that cannot be written is an error", "[store][run_folder]") {
    const Fixture f;
    fs::create_directories(f.store.project_dir("p"));
    spit(f.store.project_dir("p") / "runs", "a file");
    CHECK(code_of(RunFolder::open_writer(f.store, "p", "r")) == errc::not_found);
}

}  // namespace run_folder_test
