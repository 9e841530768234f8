// expect: a_disabled_run_keeps_no_dynamic_rows_so_stop_by_a_typed_row<.*NoRow
// A disabled run keeps nothing of a dynamic row, so training would never stop.
#include <cairn/cairn.hpp>

bool stops() {
    auto run = cairn::init<cairn::Disabled>();
    cairn::Patience<"loss", cairn::minimize, 3> patience;
    return run.should_stop(run.log({{"loss", 0.5}}), patience);
}
