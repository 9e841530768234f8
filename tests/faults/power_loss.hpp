// SPDX-License-Identifier: MIT
#pragma once
// What a disk may hold after the machine lost its power. POSIX promises of a file what was there when it was
// synced, and of a folder the names that were there when the folder was: all else may be there or not, in any
// order.

#include "injector.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace cairn_test {

class PowerLoss {
  public:
    /// A folder, all of which the disk has.
    explicit PowerLoss(const std::filesystem::path& root) : root_{take(root)} {}

    void apply(const FileEvent& event) {
        using Kind = FileEvent::Kind;
        switch (event.kind) {
            case Kind::create:
            case Kind::make_dir:
                ids_[event.node] = nodes_.size();  // a number that is free is given out again
                nodes_.push_back({.is_folder = event.kind == Kind::make_dir});
                [[fallthrough]];
            case Kind::link:
                pending_.push_back({id(event.node), id(event.folder), event.name, none, {}});
                break;
            case Kind::rename:
                pending_.push_back(
                    {id(event.node), id(event.folder), event.name, id(event.from), event.old_name});
                break;
            case Kind::remove: pending_.push_back({none, none, {}, id(event.folder), event.name}); break;
            case Kind::write: {
                std::string& bytes = nodes_[id(event.node)].now;
                if (bytes.size() < event.at + event.bytes.size()) bytes.resize(event.at + event.bytes.size());
                bytes.replace(event.at, event.bytes.size(), event.bytes);
                break;
            }
            case Kind::truncate: nodes_[id(event.node)].now.resize(event.at); break;
            case Kind::sync: sync(id(event.node)); break;
        }
    }

    /// What is left of it. `chance`: of each thing that was not synced, that it is there.
    void lose_power(double chance, std::uint64_t seed, const std::filesystem::path& to) const {
        std::mt19937_64 random{seed};
        std::bernoulli_distribution is_there{chance};
        std::vector<Node> nodes = nodes_;
        for (const Change& change : pending_) {
            if (is_there(random)) change.apply_to(nodes);
        }
        for (Node& node : nodes) {
            if (node.now == node.kept || is_there(random)) continue;
            if (chance == 0 || node.now.size() <= node.kept.size()) {
                node.now = node.kept;
            } else {  // its size is, and of the bytes some
                const auto from = static_cast<std::ptrdiff_t>(random() % (node.now.size() + 1));
                std::fill(node.now.begin() + from, node.now.end(), '\0');
            }
        }
        write(nodes, root_, to);
    }

  private:
    static constexpr std::size_t none = ~std::size_t{0};

    struct Node {
        bool is_folder = false;
        std::string now{}, kept{};
        std::map<std::string, std::size_t> names{};  // those that the disk has
    };
    /// A name that is made, that is removed, or both at once.
    struct Change {
        std::size_t node, folder;
        std::string name;
        std::size_t from;
        std::string old_name;

        void apply_to(std::vector<Node>& nodes) const {
            if (from != none) nodes[from].names.erase(old_name);
            if (folder != none) nodes[folder].names[name] = node;
        }
    };

    [[nodiscard]] std::size_t id(std::uint64_t number) const { return ids_.at(number); }

    std::size_t take(const std::filesystem::path& path) {
        const std::size_t at = nodes_.size();
        nodes_.push_back({.is_folder = std::filesystem::is_directory(path)});
        ids_[number_of(path)] = at;
        if (!nodes_[at].is_folder) {
            std::ifstream in{path, std::ios::binary};
            nodes_[at].now.assign(std::istreambuf_iterator<char>{in}, {});
            nodes_[at].kept = nodes_[at].now;
            return at;
        }
        for (const auto& entry : std::filesystem::directory_iterator{path}) {
            const auto known = ids_.find(number_of(entry.path()));
            const std::size_t inner = known != ids_.end() ? known->second : take(entry.path());
            nodes_[at].names[entry.path().filename().string()] = inner;
        }
        return at;
    }
    [[nodiscard]] static std::uint64_t number_of(const std::filesystem::path& path);

    void sync(std::size_t node) {
        nodes_[node].kept = nodes_[node].now;
        std::erase_if(pending_, [&](const Change& change) {
            if (change.folder != node && change.from != node) return false;
            change.apply_to(nodes_);
            return true;
        });
    }

    static void write(const std::vector<Node>& nodes, std::size_t folder, const std::filesystem::path& to) {
        std::filesystem::create_directories(to);
        for (const auto& [name, node] : nodes[folder].names) {
            if (nodes[node].is_folder)
                write(nodes, node, to / name);
            else
                std::ofstream{to / name, std::ios::binary} << nodes[node].now;
        }
    }

    std::vector<Node> nodes_;
    std::map<std::uint64_t, std::size_t> ids_;
    std::vector<Change> pending_;  // in their order
    std::size_t root_;
};

}  // namespace cairn_test
