#include <cairn/cairn.hpp>

#include <cstdio>

int main() {
    const cairn::error failure{cairn::errc::not_found, "looking for a run", "cairn/", "make one"};
    std::printf("cairn %s: %s\n", CAIRN_VERSION, failure.what());
}
