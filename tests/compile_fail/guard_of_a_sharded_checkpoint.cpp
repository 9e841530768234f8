// expect: an_exception_on_one_rank_cannot_make_the_others_save_so_there_is_no_guard<.*Sharded
// An exception comes on one rank; a version needs all of them.
#include <cairn/cairn.hpp>
#include <cairn/checkpoint/sharded.hpp>

#include <string>
#include <vector>

struct Alone {
    static unsigned rank() { return 0; }
    static unsigned size() { return 1; }
    static std::string broadcast(const std::string& bytes) { return bytes; }
    static std::vector<std::string> gather(const std::string& bytes) { return {bytes}; }
};

void train(cairn::Run& run, std::vector<float>& weights) {
    Alone ranks;
    auto checkpoint = run.checkpoint("model", cairn::OnFailure{}, cairn::Sharded{ranks});
    auto guard = checkpoint.guard(cairn::part("weights", weights));
}
