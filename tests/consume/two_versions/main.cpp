// One process with two versions of cairn in it, which have a run each in one store at the same time.
#include <cstddef>
#include <cstdio>

extern "C" std::size_t older(const char* dir, void (*between)());
extern "C" std::size_t newer(const char* dir, void (*between)());

namespace {
const char* store;
std::size_t seen_by_newer = 0;
}  // namespace

int main(int, char** argv) {
    store = argv[1];
    const std::size_t seen_by_older = older(store, [] { seen_by_newer = newer(store, [] {}); });
    std::printf("two versions, one store: rows that the older reads %zu, the newer %zu\n", seen_by_older,
                seen_by_newer);
    // The newer reads its own ten and what the older has logged by then.
    return seen_by_older == 20 && seen_by_newer == 15 ? 0 : 1;
}
