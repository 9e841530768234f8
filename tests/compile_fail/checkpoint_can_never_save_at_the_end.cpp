// expect: this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time<.*All<.*
// EveryN says yes at steps, OnFinish after the last one: joined with & they never agree. Meant was |.
#include <cairn/cairn.hpp>

void train(cairn::Run& run) {
    auto checkpoint = run.checkpoint("model", cairn::EveryN<5>{} & cairn::OnFinish{});
}
