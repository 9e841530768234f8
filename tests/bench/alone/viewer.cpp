// SPDX-License-Identifier: MIT
// What a training pays for somebody who looks at it: pairs of rounds of a small training that serves itself,
// in turn without anybody and with a viewer. Prints JSON.

#include "alone/json.hpp"
#include "trainer.hpp"

#include <cairn/serve/server.hpp>

#include <httplib.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include <csignal>
#include <sys/types.h>
#include <unistd.h>

namespace {

/// A process that looks at a run while it is told to. It does as the page does: it hears of changes, and asks
/// for the curve anew whenever there is one.
class Viewer {
  public:
    Viewer() {
        int told[2];
        if (::pipe(told) != 0) std::abort();
        process_ = ::fork();
        if (process_ == 0) {
            ::close(told[1]);
            look(::fdopen(told[0], "r"));
            std::_Exit(0);
        }
        ::close(told[0]);
        tell_ = told[1];
    }
    ~Viewer() { ::kill(process_, SIGKILL); }
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;

    /// At what, which `run.serve()` gave; then, before each round, "+" or "-": whether.
    void tell(const std::string& line) const {
        if (::write(tell_, (line + "\n").data(), line.size() + 1) < 0) std::abort();
    }

  private:
    static void look(std::FILE* told) {
        char line[1000];
        if (std::fgets(line, sizeof line, told) == nullptr) return;
        const std::string url{line, std::strcspn(line, "\n")};
        if (!url.starts_with("http://")) std::abort();
        const std::string host = url.substr(0, url.find('/', url.find("//") + 2));
        const std::string curve =
            "/api/series?metric=loss&axis=step&buckets=460&run=bench/" + url.substr(url.rfind('=') + 1);
        while (std::fgets(line, sizeof line, told) != nullptr) {
            if (line[0] != '+') continue;
            httplib::Client changes{host}, asking{host};
            asking.set_keep_alive(true);
            asking.set_tcp_nodelay(true);
            int looks = 0;
            std::thread hearing{[&] {
                (void)changes.Get("/api/changes", [&](const char*, std::size_t) {
                    const auto got = asking.Get(curve);
                    if (!got || got->status != 200) std::abort();
                    ++looks;
                    return true;
                });
            }};
            if (std::fgets(line, sizeof line, told) == nullptr) return;
            changes.stop();
            hearing.join();
            if (looks == 0) std::abort();
        }
    }

    ::pid_t process_ = -1;
    int tell_ = -1;
};

}  // namespace

int main() {
    const Viewer viewer;
    const bench::Trainer trainer{"cairn-bench-viewed", [&](bench::Recording& recording) {
                                     cairn::Dashboard dashboard = recording.run().serve();
                                     viewer.tell(dashboard.url());
                                     return dashboard;
                                 }};
    const auto unseen = [&] {
        viewer.tell("-");
        return trainer.play();
    };
    const auto seen = [&] {
        viewer.tell("+");
        return trainer.play();
    };
    const bench::Pairs pairs{unseen, seen};
    bench::Results results;
    results.add("viewed_row_more", pairs.more_row, "%");
    results.add("viewed_more", pairs.more, "%");
    results.add("viewed_more_processor", pairs.more_processor, "%");
    results.print();
}
