// The program logs to the same run as its two libraries do, from two threads, and then reads what is there.
// usage: main STORE; or main STORE signal, which a SIGTERM ends
#include "shared.hpp"

#include <cairn/query/runs.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string_view>
#include <thread>

namespace {

constexpr int rows = 300;  // of each thread
bool ok = true;
using namespace cairn::literals;

void expect(bool so, const char* what) {
    if (!so) std::printf("not so: %s\n", what);
    ok = ok && so;
}
void log_in_turns(cairn::Run& run, int from) {
    for (int n = from; n < from + rows; n += 3) {
        run.log("row"_m = n);
        log_from_opener(run, n + 1);
        log_from_logger(run, n + 2);
    }
}
// The first to answer must not end the process: the other has not saved yet.
void be_asked_to_stop(cairn::Run& run) {
    step_in_opener(run, 0);
    step_in_logger(run, 0);
    (void)std::raise(SIGTERM);
    step_in_opener(run, 1);
    step_in_logger(run, 1);
}

}  // namespace

int main(int argc, char** argv) {
    cairn::Run& run = opened(argv[1]);
    if (argc > 2) {
        be_asked_to_stop(run);
        return 1;
    }
    log_in_turns(run, 0);
    std::thread{log_in_turns, std::ref(run), rows}.join();
    save(run, 3);
    expect(restored(run) == 2.0F, "what one library saved the other restores");
    try {
        fail();
    } catch (const cairn::error& e) {
        expect(e.code() == cairn::errc::busy, "the error is what was thrown");
    }
    watch_in_opener(run);
    watch_in_logger(run);
    const auto log = [&] { run.log("watched"_m = 1); };
    std::thread{log}.join();
    expect(run.health().watches == 0, "who watches is not called for the rows of another thread");
    log();
    expect(run.health().watches == 2, "both libraries watch the rows of their thread, whoever logs them");
    expect(run.health().rows_logged == 2 * rows + 5 && run.finish().has_value(), "all rows are taken");

    const auto read = cairn::open(argv[1]).value().find("latest").value();
    std::map<int, int> seen;
    for (const cairn::DynamicRow& row : read.rows().value()) {
        row.for_each([&](std::string_view name, const cairn::Value& value) {
            if (name != "row") return;
            const int n = static_cast<int>(value.number());
            ++seen[n];
            expect(row.step() == n % rows, "the step is the count of its thread, whoever logged it");
        });
    }
    expect(seen.size() == 2 * rows &&
               std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one.second == 1; }),
           "every row is in the history once");
    expect(std::filesystem::is_empty(read.dir() / "journal"), "no ring is left over");
    std::printf("%s\n", ok ? "one run in a program and two libraries" : "failed");
    return ok ? 0 : 1;
}
