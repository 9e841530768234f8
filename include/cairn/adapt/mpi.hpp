// SPDX-License-Identifier: MIT
#pragma once
// The ranks of an MPI program as a communicator for `cairn::Sharded`. Needs an MPI library.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>

#include <mpi.h>

#include <climits>
#include <cstddef>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE {

/// All processes of an MPI communicator: `cairn::MpiRanks ranks; run.checkpoint("model", policy,
/// cairn::Sharded{ranks});`. Between `MPI_Init` and `MPI_Finalize`. Uses a communicator of its own, so that
/// its messages never meet the program's. Throws `cairn::error` if MPI fails and returns errors (by default
/// it aborts the program). Threads: as MPI was initialised.
class MpiRanks {
  public:
    /// All ranks of `comm` must make theirs together. Throws `cairn::error`.
    explicit MpiRanks(MPI_Comm comm = MPI_COMM_WORLD) {
        check(MPI_Comm_dup(comm, &comm_));
        check(MPI_Comm_rank(comm_, &rank_));
        check(MPI_Comm_size(comm_, &size_));
    }
    ~MpiRanks() {
        int is_over = 0;
        if (MPI_Finalized(&is_over) == MPI_SUCCESS && is_over == 0) MPI_Comm_free(&comm_);
    }
    MpiRanks(const MpiRanks&) = delete;
    MpiRanks& operator=(const MpiRanks&) = delete;

    /// This process's rank: 0 to `size() - 1`.
    [[nodiscard]] unsigned rank() const noexcept { return static_cast<unsigned>(rank_); }
    /// How many processes there are.
    [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(size_); }

    /// On every rank: what rank 0 handed in.
    [[nodiscard]] std::string broadcast(const std::string& bytes) {
        std::string out = bytes;
        int size = count(bytes.size());
        check(MPI_Bcast(&size, 1, MPI_INT, 0, comm_));
        out.resize(static_cast<std::size_t>(size));
        check(MPI_Bcast(out.data(), size, MPI_BYTE, 0, comm_));
        return out;
    }

    /// On rank 0: what each rank handed in; elsewhere nothing.
    [[nodiscard]] std::vector<std::string> gather(const std::string& mine) {
        const int size = count(mine.size());
        const std::size_t ranks = rank_ == 0 ? static_cast<std::size_t>(size_) : 0;
        std::vector<int> sizes(ranks), places(ranks);
        check(MPI_Gather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, comm_));
        std::size_t total = 0;
        for (std::size_t i = 0; i < ranks; ++i) {
            places[i] = count(total);
            total += static_cast<std::size_t>(sizes[i]);
        }
        std::string all(total, '\0');
        check(MPI_Gatherv(mine.data(), size, MPI_BYTE, all.data(), sizes.data(), places.data(), MPI_BYTE, 0,
                          comm_));
        std::vector<std::string> out;
        for (std::size_t i = 0; i < ranks; ++i)
            out.push_back(
                all.substr(static_cast<std::size_t>(places[i]), static_cast<std::size_t>(sizes[i])));
        return out;
    }

  private:
    static void check(int code) {
        if (code == MPI_SUCCESS) return;
        char text[MPI_MAX_ERROR_STRING] = {};
        int size = 0;
        MPI_Error_string(code, text, &size);
        detail::raise({errc::io, "MPI: " + std::string{text, static_cast<std::size_t>(size)}, "",
                       "see what became of the other ranks"});
    }
    static int count(std::size_t size) {
        if (size <= INT_MAX) return static_cast<int>(size);
        detail::raise(
            {errc::unsupported, "a message of more than 2 GiB between ranks", "", "save fewer files"});
    }

    MPI_Comm comm_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
};

}  // namespace CAIRN_NAMESPACE
