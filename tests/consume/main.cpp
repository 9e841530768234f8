// A consumer's program: two files include the umbrella, and it does a little of everything that needs
// linking.
#include <cairn/cairn.hpp>

#include <cstdio>

const char* other();  // other.cpp

int main() {
    const cairn::error failure{cairn::errc::not_found, "looking for a run", "cairn/", "make one"};
    std::printf("cairn %s, %s\n%s\n", CAIRN_VERSION, other(), failure.what());
    return failure.code() == cairn::errc::not_found && other() == cairn::to_string(cairn::errc::busy) ? 0 : 1;
}
