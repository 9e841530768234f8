// SPDX-License-Identifier: MIT
#pragma once
// The verbs that change what is said of runs: edit, rm, restore.

#include <cairn/cli/call.hpp>
#include <cairn/query/edit_run.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

/// `cairn edit RUN`.
inline void add_edit(CLI::App& app, Call& call) {
    struct Wanted {
        std::string name{}, notes{};
        std::vector<std::string> tags{}, no_tags{};
        CLI::Option *has_name = nullptr, *has_notes = nullptr;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const verb =
        call.verb_of_run(app, "edit", "change a run's name, notes or tags",
                         [wanted](const StoreReader& store, const RecordedRun& run) -> result<void> {
                             RunEdit edit;
                             if (wanted->has_name->count() != 0) edit.name = wanted->name;
                             if (wanted->has_notes->count() != 0) edit.notes = wanted->notes;
                             edit.add_tags = wanted->tags;
                             edit.remove_tags = wanted->no_tags;
                             return edit_run(store, run, edit);
                         });
    wanted->has_name = verb->add_option("--name", wanted->name, "what it is called from now on");
    wanted->has_notes = verb->add_option("--notes", wanted->notes, "free text, in place of what is there");
    verb->add_option("--tag", wanted->tags, "adds a tag; may be given several times");
    verb->add_option("--no-tag", wanted->no_tags, "takes a tag away; may be given several times");
    verb->require_option(1, 0);
}

namespace detail {

inline void add_putting_away(CLI::App& app, Call& call, const char* name, const char* what, bool deleted) {
    const auto names = std::make_shared<std::vector<std::string>>();
    CLI::App* const verb = call.verb(app, name, what, [&call, names, deleted]() -> result<void> {
        const auto store = call.store();
        if (!store) return store.error();
        for (const std::string& one : *names) {
            const auto run = store->find(one);
            if (!run) return run.error();
            if (auto done = edit_run(*store, *run, {.deleted = deleted}); !done) return done;
        }
        return {};
    });
    verb->add_option("RUN", *names, deleted ? names_a_run : "their ids")->required();
}

}  // namespace detail

/// `cairn rm RUN…`.
inline void add_rm(CLI::App& app, Call& call) {
    detail::add_putting_away(app, call, "rm", "put runs away: they are not listed, and their files stay",
                             true);
}
/// `cairn restore RUN…`.
inline void add_restore(CLI::App& app, Call& call) {
    detail::add_putting_away(app, call, "restore", "take back runs that were put away", false);
}

}  // namespace CAIRN_NAMESPACE::cli
