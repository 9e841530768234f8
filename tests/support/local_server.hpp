// SPDX-License-Identifier: MIT
#pragma once
// A server of HTTP on this machine, for as long as it lives.

#include <httplib.h>

#include <string>
#include <thread>

namespace cairn_test {

/// What answers is set up on `routes`, before `start`.
class LocalServer {
  public:
    LocalServer() = default;
    ~LocalServer() { stop(); }
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;

    [[nodiscard]] httplib::Server& routes() noexcept { return server_; }
    void start() {
        port_ = server_.bind_to_any_port("127.0.0.1");
        thread_ = std::thread{[this] { server_.listen_after_bind(); }};
    }
    /// No handler runs any more: whoever has what they use calls it before that is gone.
    void stop() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

  private:
    httplib::Server server_;
    int port_ = 0;
    std::thread thread_;
};

}  // namespace cairn_test
