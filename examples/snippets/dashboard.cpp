// SPDX-License-Identifier: MIT
// What docs/dashboard.md shows.

#include <cairn/cairn.hpp>
#include <cairn/serve/server.hpp>

#include <cstdio>

using namespace cairn::literals;

void train(double loss);

void train_and_show() {
    auto run = cairn::init({.project = "mnist"});
    auto dashboard = run.serve({.port = 6006});  // prints its address; ends when this goes out of scope
    for (int step = 0; step < 1000; ++step) run.log("loss"_m = 1.0 / (1 + step));
}

void show_a_store() {
    cairn::Server server{cairn::open("cairn").value(), {.port = 6006}};
    std::puts(server.url().c_str());
    server.run();  // until another thread calls stop()
}
