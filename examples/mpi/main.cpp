// SPDX-License-Identifier: MIT
// The ranks of an MPI program, each with a shard of the model: mpirun -n 2 ./mpi

#include "../support/sharded_training.hpp"

#include <cairn/adapt/mpi.hpp>

#include <mpi.h>

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int status = 0;
    {
        cairn::MpiRanks ranks;
        status = example::train_together(ranks);
    }
    MPI_Finalize();
    return status;
}
