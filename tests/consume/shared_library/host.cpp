// The run goes on, and ends, after a library that watched it is gone. usage: host STORE PLUGIN
#include "shared.hpp"

#include <chrono>
#include <cstdio>
#include <thread>

#include <dlfcn.h>

using namespace cairn::literals;

int main(int, char** argv) {
    auto run = cairn::init({.project = "plugin", .dir = argv[1], .quiet = true});
    void* const plugin = ::dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) return std::printf("%s\n", ::dlerror()), 1;
    reinterpret_cast<void (*)(cairn::Run&)>(::dlsym(plugin, "begin"))(run);
    run.log("row"_m = 1);
    reinterpret_cast<void (*)()>(::dlsym(plugin, "end"))();
    // What it has handed over is encoded by its code.
    while (run.health().media_written == 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    ::dlclose(plugin);
    const bool is_gone = ::dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) == nullptr;
    run.log("row"_m = 2);
    const bool ok = is_gone && run.health().watches == 1 && run.finish().has_value();
    std::printf("a library watched and is %s: %s\n", is_gone ? "gone" : "still there", ok ? "ok" : "failed");
    run = cairn::Run{};
    return ok ? 0 : 1;
}
