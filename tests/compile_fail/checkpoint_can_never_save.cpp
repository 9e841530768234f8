// expect: this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time<.*All<.*
// A window that ends before it begins, joined with a policy: nothing would ever be saved.
#include <cairn/cairn.hpp>

void train(cairn::Run& run) {
    auto checkpoint =
        run.checkpoint<cairn::All<cairn::After<100>, cairn::EveryN<5>, cairn::Until<50>>>("model");
}
