// SPDX-License-Identifier: MIT
// The second promise on a system without fork: the child is this program again, with a hidden test of its
// own.
#include "run/support.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#if defined(_WIN32)

#include <cairn/store/detail/os_mapping.hpp>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace cairn::literals;
using namespace cairn_test;
namespace os = cairn::detail::os;

namespace {

// How many rows the child has logged, told through a file that both have mapped; the parent only reads it.
std::atomic_ref<std::int64_t> counter_in(const os::Mapping& mapping) {
    return std::atomic_ref{*reinterpret_cast<std::int64_t*>(const_cast<std::byte*>(mapping.bytes().data()))};
}

cairn::Options options_in(const std::filesystem::path& dir, cairn::Resume resume) {
    cairn::Options options;
    options.project = "p";
    options.id = "r";
    options.dir = dir / "store";
    options.resume = resume;
    options.quiet = true;
    return options;
}

class Child {
  public:
    explicit Child(std::string test) {
        std::string program(MAX_PATH, '\0');
        program.resize(::GetModuleFileNameA(nullptr, program.data(), MAX_PATH));
        std::string command = '"' + program + "\" " + test;
        ::STARTUPINFOA how{};
        how.cb = sizeof how;
        REQUIRE(::CreateProcessA(nullptr, command.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr, &how,
                                 &process_) != 0);
    }
    ~Child() {
        kill();
        ::CloseHandle(process_.hThread);
        ::CloseHandle(process_.hProcess);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void kill() {
        ::TerminateProcess(process_.hProcess, 9);
        ::WaitForSingleObject(process_.hProcess, INFINITE);
    }

  private:
    ::PROCESS_INFORMATION process_{};
};

}  // namespace

TEST_CASE("in a child: log until somebody ends it", "[.kill_child]") {
    const std::filesystem::path dir = std::getenv("CAIRN_TEST_DIR");
    const auto counter = os::Mapping::create_shared(dir / "counter", sizeof(std::int64_t)).value();
    auto run = cairn::init(options_in(dir, cairn::Resume::never));
    for (std::int64_t n = 0; n < 100'000'000; ++n) {
        run.log(cairn::step(n), "n"_m = n, "text"_m = std::string(static_cast<std::size_t>(n * 7 % 61), 'x'));
        counter_in(counter).store(n + 1, std::memory_order_release);
    }
}

TEST_CASE("a run whose process is ended from outside keeps every row whose log returned, once and in order",
          "[run][kill]") {
    for (const std::int64_t enough : {1, 500, 60'000}) {
        const TempDir dir;
        std::int64_t logged = 0;
        {
            const std::string place = dir.path().string();
            const Env where{"CAIRN_TEST_DIR", place.c_str()};
            Child child{"[.kill_child]"};
            while (os::status(dir / "counter")->size < sizeof(std::int64_t)) os::sys::sleep_ns(1'000'000);
            const auto counter = os::Mapping::open_read(dir / "counter").value();
            while (counter_in(counter).load(std::memory_order_acquire) < enough) os::sys::sleep_ns(1'000'000);
            const auto refused =
                error_of([&] { (void)cairn::init(options_in(dir.path(), cairn::Resume::must)); });
            REQUIRE(refused);
            CHECK(refused->code() == cairn::errc::busy);
            CHECK(state_of(dir / "store", "p", "r") == "running");
            child.kill();
            logged = counter_in(counter).load(std::memory_order_acquire);
        }
        CHECK(state_of(dir / "store", "p", "r") == "crashed");
        for (const bool resumed : {false, true}) {
            if (resumed) {
                auto run = cairn::init(options_in(dir.path(), cairn::Resume::must));
                REQUIRE(run.finish());
            }
            const auto rows = rows_of(dir / "store/projects/p/runs/r");
            // The last row may have been written, and its log() not yet have returned.
            CHECK((rows.size() == static_cast<std::size_t>(logged) ||
                   rows.size() == static_cast<std::size_t>(logged) + 1));
            std::int64_t wrong = 0;
            for (std::size_t i = 0; i < rows.size(); ++i)
                wrong += rows[i].number("n") == static_cast<double>(i) ? 0 : 1;
            CHECK(wrong == 0);
        }
    }
}

#endif

namespace kill_windows_test {}  // namespace kill_windows_test
