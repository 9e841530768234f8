// SPDX-License-Identifier: MIT
// Two processes, one run, one version: each saves its own half of the model, rank 0 decides for both, and a
// version exists only when both halves are there. With MPI it is the same program: examples/mpi.

#include "support/process_ranks.hpp"
#include "support/sharded_training.hpp"

int main() {
    return example::on_ranks(2, [](example::ProcessRanks& ranks) { return example::train_together(ranks); });
}
