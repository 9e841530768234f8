// SPDX-License-Identifier: MIT
// What a training pays for mirrors that cannot reach their servers: pairs of rounds of a small training that
// logs, in turn without any mirror and with all there are. Prints JSON.

#include "alone/json.hpp"
#include "measuring.hpp"
#include "network.hpp"

#include <cairn/mirror/http.hpp>
#include <cairn/mirror/live_mirror.hpp>
#include <cairn/mirror/mlflow.hpp>
#include <cairn/mirror/s3.hpp>
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/trackio.hpp>
#include <cairn/mirror/trackio_server.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/runs.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cairn::literals;

namespace {

/// A port that takes connections and says nothing; or, closed, one that takes none.
class DeadPort {
  public:
    explicit DeadPort(bool is_open) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        (void)::bind(socket_, reinterpret_cast<sockaddr*>(&at), size);
        (void)::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
        if (is_open) (void)::listen(socket_, 16);
        address_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    }
    ~DeadPort() { ::close(socket_); }
    DeadPort(const DeadPort&) = delete;
    DeadPort& operator=(const DeadPort&) = delete;

    [[nodiscard]] const std::string& address() const noexcept { return address_; }

  private:
    int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    std::string address_;
};

/// All mirrors of a run, each on its thread. None waits at the end: what hangs goes on by itself.
class AllMirrors {
  public:
    AllMirrors(const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        const auto to = std::filesystem::current_path() / "mirrored";
        ::setenv("AWS_ACCESS_KEY_ID", "key", 1);
        ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        const auto add = [&]<cairn::Mirror M>(cairn::result<M> mirror) {
            auto live = std::make_shared<cairn::LiveMirror<M>>(store, run, std::move(mirror).value(), 1.0);
            stop_.push_back([live] { (void)live->finish(std::chrono::milliseconds{0}); });
        };
        add(cairn::WandbMirror::open(store, run, {.dir = to}));
        add(cairn::TensorboardMirror::open(run, to / "tensorboard"));
        add(cairn::TrackioMirror::open(store, run, {.dir = to / "trackio"}));
        add(cairn::MlflowMirror::open(store, run, {.uri = closed_.address()}));
        add(cairn::HttpMirror::open(store, run, {.url = closed_.address()}));
        add(cairn::TrackioServerMirror::open(store, run, {.url = silent_.address()}));
        add(cairn::S3Mirror::open(store, run, {.uri = "s3://bucket", .endpoint = silent_.address()}));
    }
    ~AllMirrors() {
        for (const auto& stop : stop_) stop();
    }
    AllMirrors(const AllMirrors&) = delete;
    AllMirrors& operator=(const AllMirrors&) = delete;

  private:
    DeadPort closed_{false}, silent_{true};
    std::vector<std::function<void()>> stop_;
};

/// A training in a process of its own, which plays a round when it is asked to.
class Trainer {
  public:
    explicit Trainer(bool is_mirrored) {
        int asked[2], answered[2];
        if (::pipe(asked) != 0 || ::pipe(answered) != 0 || ::fflush(stdout) != 0) std::abort();
        if (::fork() == 0) {
            ::close(asked[1]);
            train(is_mirrored, asked[0], answered[1]);
            std::_Exit(0);  // what still waits for an answer is not waited for
        }
        ::close(asked[0]);
        ::close(answered[1]);
        ask_ = asked[1];
        answer_ = answered[0];
    }
    ~Trainer() {
        ::close(ask_);
        ::close(answer_);
        (void)::wait(nullptr);
    }
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    [[nodiscard]] bench::Round play() const {
        bench::Round round;
        if (::write(ask_, "?", 1) != 1 || ::read(answer_, &round, sizeof round) != sizeof round) std::abort();
        return round;
    }

  private:
    static void train(bool is_mirrored, int ask, int answer) {
        const auto network = std::make_unique<bench::Network>();
        bench::Recording recording{is_mirrored ? "cairn-bench-mirrored" : "cairn-bench-plain"};
        std::optional<AllMirrors> mirrors;
        if (is_mirrored) {
            const auto store = cairn::open(recording.store()).value();
            mirrors.emplace(store, store.run("bench", recording.run().id()).value());
        }
        for (char asked; ::read(ask, &asked, 1) == 1;) {
            const bench::Round round = bench::play(*network, [&](int step, float loss) {
                recording.run().log(cairn::step(step), "loss"_m = loss);
            });
            if (::write(answer, &round, sizeof round) != sizeof round) return;
        }
    }

    int ask_ = -1, answer_ = -1;
};

}  // namespace

int main() {
    const Trainer plain{false}, mirrored{true};
    std::vector<double> more, more_processor;
    for (int i = 0; i < 20; ++i) {
        const bench::Round without = plain.play(), with = mirrored.play();
        more.push_back(100 * (with.seconds / without.seconds - 1));
        more_processor.push_back(100 * (with.processor_seconds / without.processor_seconds - 1));
    }
    bench::Results results;
    results.add("mirrored_more", more, "%");
    results.add("mirrored_more_processor", more_processor, "%");
    results.print();
}
