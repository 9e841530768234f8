// SPDX-License-Identifier: MIT
#pragma once
// The verb that looks at everything and mends: fsck.

#include <cairn/cli/call.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/fsck.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

inline void tell(Call& call, const Checkup& checkup) {
    if (!checkup.ok()) call.set_damaged();
    if (call.json()) {
        nlohmann::json findings = nlohmann::json::array();
        for (const Finding& finding : checkup.findings) {
            nlohmann::json one = cairn::as_json(finding.what);
            one["damage"] = finding.is_damage;
            one["done"] = finding.done.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding.done);
            one["not_done"] =
                finding.not_done.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding.not_done);
            findings.push_back(std::move(one));
        }
        call.print({{"versions", checkup.versions},
                    {"objects", checkup.objects},
                    {"runs", checkup.runs},
                    {"rows", checkup.rows},
                    {"decisions", checkup.decisions},
                    {"findings", std::move(findings)}});
        return;
    }
    std::size_t left = 0, mended = 0;
    for (const Finding& finding : checkup.findings) {
        if (!finding.done.empty()) {
            ++mended;
            call.out(printable(finding.what.tried()) + ": " + printable(finding.what.path()) + "\n  " +
                     printable(finding.done) + "\n");
            continue;
        }
        left += finding.is_damage ? 1U : 0U;
        call.complain(finding.what);
        if (!finding.not_done.empty()) call.note("  not mended: " + finding.not_done);
    }
    call.out(std::to_string(checkup.runs) + " runs with " + std::to_string(checkup.rows) + " rows, " +
             std::to_string(checkup.versions) + " whole versions of " + std::to_string(checkup.objects) +
             " objects: " + std::to_string(mended) + " mended, " + std::to_string(left) + " damaged\n");
}

}  // namespace detail

/// `cairn fsck`.
inline void add_fsck(CLI::App& app, Call& call) {
    const auto repair = std::make_shared<bool>(false);
    call.verb(app, "fsck", "look at everything in the store, and mend what can be mended",
              [&call, repair]() -> result<void> {
                  const auto store = call.store();
                  if (!store) return store.error();
                  const auto checkup = fsck(*store, *repair ? Repair::yes : Repair::no);
                  if (!checkup) return checkup.error();
                  detail::tell(call, *checkup);
                  return {};
              })
        ->add_flag("--repair", *repair,
                   "make anew what is derived, set aside what is damaged; nothing is removed");
}

}  // namespace CAIRN_NAMESPACE::cli
