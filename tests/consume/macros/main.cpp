#include "macros.hpp"

#include <cstdio>

int main(int, char** argv) {
    const auto in_debug = debug(argv[1]);
    const auto in_release = release(argv[1]);
    const auto without = without_exceptions(argv[1]);
    bool ok =
        !in_debug.empty() && !without.empty() && !diagnostics(argv[1]).empty() && in_debug == in_release;
    for (std::size_t i = 0; i < without.size(); ++i) ok = ok && without[i] == in_debug[i];
    std::printf("four files compiled in four ways: %s\n", ok ? "one program" : "failed");
    return ok ? 0 : 1;
}
