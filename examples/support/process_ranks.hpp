// SPDX-License-Identifier: MIT
#pragma once
// Several processes of one machine that talk through sockets: a communicator for `cairn::Sharded` in sixty
// lines, where there is no MPI. POSIX only.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace example {

/// One of the processes that `on_ranks` started.
class ProcessRanks {
  public:
    ProcessRanks(unsigned rank, std::vector<int> peers) : rank_{rank}, peers_{std::move(peers)} {}

    [[nodiscard]] unsigned rank() const noexcept { return rank_; }
    [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(peers_.size()); }

    [[nodiscard]] std::string broadcast(const std::string& bytes) {
        if (rank_ != 0) return receive(peers_[0]);
        for (std::size_t peer = 1; peer < peers_.size(); ++peer) send(peers_[peer], bytes);
        return bytes;
    }
    [[nodiscard]] std::vector<std::string> gather(const std::string& mine) {
        if (rank_ != 0) {
            send(peers_[0], mine);
            return {};
        }
        std::vector<std::string> all{mine};
        for (std::size_t peer = 1; peer < peers_.size(); ++peer) all.push_back(receive(peers_[peer]));
        return all;
    }

  private:
    static void send(int to, const std::string& bytes) {
        const std::uint64_t size = bytes.size();
        put(to, reinterpret_cast<const char*>(&size), sizeof size);
        put(to, bytes.data(), bytes.size());
    }
    static std::string receive(int from) {
        std::uint64_t size = 0;
        get(from, reinterpret_cast<char*>(&size), sizeof size);
        std::string bytes(static_cast<std::size_t>(size), '\0');
        get(from, bytes.data(), bytes.size());
        return bytes;
    }
    static void put(int to, const char* from, std::size_t size) {
        while (size != 0) {
            const ::ssize_t done = ::send(to, from, size, MSG_NOSIGNAL);
            if (done <= 0) throw std::runtime_error{"another rank is gone"};
            from += done;
            size -= static_cast<std::size_t>(done);
        }
    }
    static void get(int from, char* to, std::size_t size) {
        while (size != 0) {
            const ::ssize_t done = ::read(from, to, size);
            if (done <= 0) throw std::runtime_error{"another rank is gone"};
            to += done;
            size -= static_cast<std::size_t>(done);
        }
    }

    unsigned rank_;
    std::vector<int> peers_;  // on rank 0 a socket to each; elsewhere the first is to rank 0
};

/// Calls `f(ranks)`, which returns an exit status, in `size` processes at once, this one being rank 0. The
/// first status that is not 0; of a process that a signal ended, 128 and its number.
template <class F>
int on_ranks(unsigned size, F&& f) {
    std::vector<int> to_peers(size, -1);
    std::vector<::pid_t> children;
    for (unsigned rank = 1; rank < size; ++rank) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error{"no sockets"};
        std::fflush(nullptr);
        const ::pid_t child = ::fork();
        if (child < 0) throw std::runtime_error{"no process"};
        if (child == 0) {
            for (unsigned earlier = 1; earlier < rank; ++earlier) ::close(to_peers[earlier]);
            ::close(ends[0]);
            std::vector<int> peers(size, -1);
            peers[0] = ends[1];
            int status = 99;
            try {
                ProcessRanks ranks{rank, std::move(peers)};
                status = f(ranks);
            } catch (const std::exception& failure) {
                std::fprintf(stderr, "rank %u: %s\n", rank, failure.what());
            }
            std::fflush(nullptr);
            ::_exit(status);
        }
        ::close(ends[1]);
        to_peers[rank] = ends[0];
        children.push_back(child);
    }
    int first = 0;
    {
        ProcessRanks ranks{0, to_peers};
        first = f(ranks);
    }
    for (unsigned rank = 1; rank < size; ++rank) ::close(to_peers[rank]);
    for (const ::pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (first == 0) first = code;
    }
    return first;
}

}  // namespace example
