// SPDX-License-Identifier: MIT
// What a training pays for mirrors that cannot reach their servers: pairs of rounds of a small training that
// logs, in turn without any mirror and with all there are. Prints JSON.

#include "alone/json.hpp"
#include "trainer.hpp"

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
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
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

}  // namespace

int main() {
    const bench::Trainer plain{"cairn-bench-plain"};
    const bench::Trainer mirrored{"cairn-bench-mirrored", [](bench::Recording& recording) {
                                      const auto store = cairn::open(recording.store()).value();
                                      return AllMirrors{store,
                                                        store.run("bench", recording.run().id()).value()};
                                  }};
    const bench::Pairs pairs{[&] { return plain.play(); }, [&] { return mirrored.play(); }};
    bench::Results results;
    results.add("mirrored_more", pairs.more, "%");
    results.add("mirrored_more_processor", pairs.more_processor, "%");
    results.print();
}
