// SPDX-License-Identifier: MIT
#pragma once
// A version that several processes write together, each its own shard. Costs nlohmann/json.

#include <cairn/checkpoint/sink.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/run/version.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/model/encode.hpp>
#include <cairn/policy/at.hpp>
#include <cairn/run/version_store.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/artifact_store.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How the processes of one run talk: what MPI calls a communicator. Every function is called by all ranks,
/// in the same order; it waits for the others, and throws what it likes if they are gone.
///
///     unsigned rank() const;                                    // 0 to size() - 1
///     unsigned size() const;
///     std::string broadcast(const std::string& bytes);          // on every rank: what rank 0 handed in
///     std::vector<std::string> gather(const std::string& mine); // on rank 0: one of each rank; else none
///
/// `cairn/adapt/mpi.hpp` has the one of MPI.
template <class C>
concept Communicator = requires(C& ranks, const std::string& bytes) {
    { ranks.rank() } -> std::convertible_to<unsigned>;
    { ranks.size() } -> std::convertible_to<unsigned>;
    { ranks.broadcast(bytes) } -> std::same_as<std::string>;
    { ranks.gather(bytes) } -> std::same_as<std::vector<std::string>>;
};

/// A moment as rank 0 saw it, with a row of its own.
struct SharedMoment {
    DynamicRow row;            ///< a copy of rank 0's
    std::int64_t time_ns = 0;  ///< of the row; nanoseconds since the Unix epoch
    /// As in `At`.
    double seconds = 0, save_seconds = 0;
    /// As in `At`.
    bool signal = false, final = false;

    /// What the policies of every rank are asked about; refers to this.
    [[nodiscard]] At<DynamicRow> at() const noexcept {
        return {row, row.step(), time_ns, seconds, save_seconds, signal, final, false};
    }
};

namespace detail {

/// JSON as the bytes that ranks send each other; NaN and infinities come through.
template <class Json = nlohmann::json>
[[nodiscard]] std::string pack(const Json& value) {
    std::string bytes;
    Json::to_cbor(value, bytes);
    return bytes;
}
template <class Json = nlohmann::json>
[[nodiscard]] Json unpack(const std::string& bytes) {
    return Json::from_cbor(bytes);
}

template <class Json = nlohmann::json>
[[nodiscard]] Json moment_to_json(const At<DynamicRow>& at) {
    Json values = Json::array();
    at.row.for_each([&](std::string_view name, const Value& value) {
        Json held;
        switch (value.kind()) {
            case Value::Kind::text: held = std::string{value.text()}; break;
            case Value::Kind::integer: held = static_cast<std::int64_t>(value.bits()); break;
            case Value::Kind::natural: held = value.bits(); break;
            case Value::Kind::boolean: held = value.bits() != 0; break;
            default: held = value.number(); break;
        }
        values.push_back(Json::array({std::string{name}, std::move(held)}));
    });
    return {{"step", at.step},       {"row_ns", at.row.time_ns()},      {"time_ns", at.time_ns},
            {"seconds", at.seconds}, {"save_seconds", at.save_seconds}, {"signal", at.signal},
            {"final", at.final},     {"values", std::move(values)}};
}
template <class Json>
[[nodiscard]] SharedMoment moment_of(const Json& in) {
    std::vector<NamedValue> values;
    for (const Json& pair : in.at("values")) {
        const std::string_view name{pair.at(0).template get_ref<const std::string&>()};
        const Json& value = pair.at(1);
        if (value.is_string()) {
            values.push_back({name, std::string_view{value.template get_ref<const std::string&>()}});
        } else if (value.is_boolean()) {
            values.push_back({name, value.template get<bool>()});
        } else if (value.is_number_unsigned()) {
            values.push_back({name, value.template get<std::uint64_t>()});
        } else if (value.is_number_integer()) {
            values.push_back({name, value.template get<std::int64_t>()});
        } else {
            values.push_back({name, value.template get<double>()});
        }
    }
    return {DynamicRow{in.at("step"), in.at("row_ns"), values.data(), values.size()},
            in.at("time_ns"),
            in.at("seconds"),
            in.at("save_seconds"),
            in.at("signal"),
            in.at("final")};
}

template <class Json = nlohmann::json>
[[nodiscard]] Json error_to_json(const error& failure) {
    return {{"code", static_cast<unsigned>(failure.code())},
            {"tried", failure.tried()},
            {"path", failure.path()},
            {"advice", failure.advice()}};
}
template <class Json>
[[nodiscard]] error error_of(const Json& in) {
    const auto text = [&in](const char* key) { return in.at(key).template get<std::string>(); };
    return {static_cast<errc>(in.at("code").template get<unsigned>()), text("tried"), text("path"),
            text("advice")};
}

}  // namespace detail

/// Versions that all ranks of a run write together into its store, which every rank must be able to reach:
/// `run.checkpoint("model", policy, cairn::Sharded{ranks})`, where the run was opened with the same id and
/// `.rank = ranks.rank()` on every rank, on rank 0 first. Rank 0 alone decides: every rank is told the row
/// and the moment that rank 0 saw, and since a decision is a function of these, all decide alike. Each rank
/// then saves its own parts; the version exists when the files of all are there, and not before. Rank 0 alone
/// commits, prunes and names versions.
///
/// All ranks must call `step`, `save`, `finish`, `restore` and `annotate` in the same order. A failure on one
/// rank is one on all. The files of rank r are shown under `rank-<r>/`. A version is restored by as many
/// ranks as saved it. `guard` does not compile with it: an exception on one rank cannot make the others save.
template <Communicator Ranks>
class Sharded {
  public:
    /// `ranks` must outlive the checkpoint.
    explicit Sharded(Ranks& ranks) noexcept : ranks_{&ranks} {}

    void bind(const std::shared_ptr<detail::RunCore>& core, std::string_view name) {
        if (core->rank() != ranks_->rank()) {
            detail::raise({errc::invalid_argument,
                           "the run is open as rank " + std::to_string(core->rank()) +
                               ", the communicator says " + std::to_string(ranks_->rank()),
                           core->options().id, "open it with .rank = ranks.rank()"});
        }
        folder_ = "rank-" + std::to_string(ranks_->rank()) + "/";
        core_ = core;
        local_ = core->open_versions(name, Share::files);
    }

    // ---- one mind

    /// The moment of rank 0. Fails as the communicator does.
    result<SharedMoment> share(const At<DynamicRow>& mine) {
        return talk<SharedMoment>([&] {
            Json moment = is_lead() ? detail::moment_to_json(mine) : Json();
            return detail::moment_of(from_lead(std::move(moment), "values"));
        });
    }
    /// The failure of the first rank that has one. `may_pass`: another version may be tried instead.
    result<void> agree(const result<void>& mine, bool& may_pass) {
        return talk<void>([&]() -> result<void> {
            Json report = {{"ok", mine.has_value()}, {"may_pass", may_pass}};
            if (!mine) report["error"] = detail::error_to_json(mine.error());
            Json verdict =
                from_lead(first_failure(gather(report)).value_or(Json{{"ok", true}, {"may_pass", may_pass}}),
                          "may_pass");
            may_pass = verdict.at("may_pass");
            if (verdict.at("ok") == true) return {};
            return detail::error_of(verdict.at("error"));
        });
    }

    // ---- a version

    result<void> begin(const VersionInfo& info) {
        abort();
        is_begun_ = true;
        failure_ = {errc::user, "another rank gave the version up", "", "see its messages"};
        return local_->begin(info);
    }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        auto written = local_->write(folder_ + std::string{file}, bytes);
        if (!written) failure_ = written.error();
        return written;
    }
    result<Version> commit() { return end(local_->stage()); }
    void abort() noexcept {
        if (is_begun_) {
            const auto told = detail::guarded("giving up a version", [&]() -> result<void> {
                (void)end(failure_);
                return {};
            });
            (void)told;  // the others are gone: there is nobody to tell
        }
        local_->abort();
    }

    result<StoredFiles> open(const Version& version) {
        auto manifest = local_->manifest(version);
        if (!manifest) return manifest.error();
        unsigned ranks = 0;
        for (const FileEntry& file : manifest->files) {
            while (file.path.starts_with("rank-" + std::to_string(ranks) + "/")) ++ranks;
        }
        if (ranks != ranks_->size()) {
            return error{errc::mismatch,
                         version.label() + " was saved by " + std::to_string(ranks) +
                             " ranks, and these are " + std::to_string(ranks_->size()),
                         version.path.string(), "start as many ranks as saved it"};
        }
        return local_->open(version, folder_);
    }

    // ---- what rank 0 does for all

    /// As rank 0 sees them; it has opened the run by then.
    [[nodiscard]] std::vector<Version> versions(bool any_run) {
        using Versions = std::vector<Version>;
        return talk<Versions>([&]() -> result<Versions> {
                   Versions all;
                   const auto list = [&]() -> result<void> {
                       return all = local_->versions(any_run), result<void>{};
                   };
                   auto done = told_by_lead([&] { return detail::guarded("listing the versions", list); });
                   if (!done) return done.error();
                   Json numbers = Json::array();
                   for (const Version& version : all) numbers.push_back(version.number);
                   numbers = from_lead(std::move(numbers));
                   for (const Json& number : is_lead() ? Json::array() : numbers) {
                       auto version = local_->version(number.template get<std::uint64_t>());
                       if (version)
                           all.push_back(std::move(*version));
                       else
                           done = version.error();
                   }
                   bool may_pass = false;  // a version is there for all ranks or for none
                   done = agree(done, may_pass);
                   return done ? result<Versions>{std::move(all)} : done.error();
               })
            .value();
    }
    result<void> remove(const Version& version) {
        return talk<void>([&] { return told_by_lead([&] { return local_->remove(version); }); });
    }
    /// As rank 0 sees it; while the ranks cannot talk, it is.
    [[nodiscard]] bool is_held(const Version& version) {
        const auto held =
            talk<bool>([&] { return from_lead(is_lead() && local_->is_held(version)) == true; });
        return !held || *held;
    }
    void mark_best(const Version& version, const detail::Watched& by) {
        if (is_lead()) local_->mark_best(version, by);
    }
    /// Adds metrics that came late to a version. Fails as rank 0 does.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        return is_lead() ? local_->annotate(version, metrics) : result<void>{};
    }

  private:
    using Json = nlohmann::json;

    [[nodiscard]] bool is_lead() const noexcept { return ranks_->rank() == 0; }
    /// Every message has a number, and `holds` is a key of it, so that one that was meant for another call is
    /// not taken for an answer.
    [[nodiscard]] Json from_lead(Json mine, const char* holds = nullptr) {
        const std::uint64_t number = messages_++;
        const Json told = detail::unpack(
            ranks_->broadcast(is_lead() ? detail::pack(Json::array({number, std::move(mine)})) : ""));
        if (told.at(0) != number || (holds != nullptr && !told.at(1).contains(holds))) out_of_step(0);
        return told.at(1);
    }
    /// On rank 0 a report of each rank; of one that is out of step, that it is.
    [[nodiscard]] std::vector<Json> gather(const Json& mine) {
        const std::uint64_t number = messages_++;
        std::vector<Json> all;
        for (const std::string& one : ranks_->gather(detail::pack(Json::array({number, mine})))) {
            Json told = detail::unpack(one);
            if (told.at(0) == number) {
                all.push_back(std::move(told.at(1)));
                continue;
            }
            const auto late = detail::guarded("", [&]() -> result<void> { out_of_step(all.size()); });
            all.push_back(
                {{"ok", false}, {"may_pass", false}, {"error", detail::error_to_json(late.error())}});
        }
        return all;
    }
    [[noreturn]] static void out_of_step(std::size_t rank) {
        detail::raise({errc::invalid_argument,
                       "rank " + std::to_string(rank) + " made another call than this rank", "",
                       "call step, save, finish, restore and annotate in the same order on every rank"});
    }
    [[nodiscard]] static std::optional<Json> first_failure(const std::vector<Json>& reports) {
        for (const Json& report : reports) {
            if (report.at("ok") == false) return report;
        }
        return std::nullopt;
    }
    /// What rank 0 did, on all of them.
    template <class F>
    result<void> told_by_lead(F&& f) {
        const result<void> done = is_lead() ? f() : result<void>{};
        Json told = {{"ok", done.has_value()}};
        if (!done) told["error"] = detail::error_to_json(done.error());
        told = from_lead(std::move(told), "ok");
        if (told.at("ok") == true) return {};
        return detail::error_of(told.at("error"));
    }
    /// What a communicator throws, as a failure.
    template <class T, class F>
    result<T> talk(F&& f) {
        return detail::guarded("talking to the other ranks", [&]() -> result<T> { return f(); });
    }

    /// All ranks say what they have staged; if all have, rank 0 commits it as one version.
    result<Version> end(result<std::vector<StagedFile>> staged) {
        is_begun_ = false;
        return talk<Version>([&]() -> result<Version> {
            Json mine = {{"ok", staged.has_value()}, {"files", Json::array()}};
            if (!staged) mine["error"] = detail::error_to_json(staged.error());
            if (staged) {
                for (StagedFile& file : *staged) {
                    const std::string digest = file.object.digest().hex();
                    mine["files"].push_back(
                        {file.path, file.object.size(), digest, file.object.temp_path().string()});
                }
            }
            Json answer = commit_all(gather(mine), staged);
            answer = from_lead(std::move(answer), "taken");
            // Rank 0 has taken over what lies in the store's temporaries.
            if (staged && answer.at("taken") == true && !is_lead()) {
                for (StagedFile& file : *staged) file.object.hand_over();
            }
            if (answer.at("ok") == false) return detail::error_of(answer.at("error"));
            return local_->version(answer.at("version").template get<std::uint64_t>());
        });
    }
    Json commit_all(std::vector<Json> reports, result<std::vector<StagedFile>>& own) {
        if (!is_lead()) return {};
        if (const auto failure = first_failure(reports))
            return {{"ok", false}, {"taken", false}, {"error", failure->at("error")}};
        std::vector<StagedFile> all = std::move(*own);
        for (std::size_t rank = 1; rank < reports.size(); ++rank) {
            for (const Json& file : reports[rank].at("files")) {
                const auto digest = Digest::from_hex(file.at(2).template get_ref<const std::string&>());
                detail::TempPath temp{std::filesystem::path{file.at(3).template get<std::string>()}};
                all.push_back({file.at(0), StagedObject{*digest, file.at(1), std::move(temp)}});
            }
        }
        auto version = local_->commit(std::move(all));
        if (version) return {{"ok", true}, {"taken", true}, {"version", version->number}};
        return {{"ok", false}, {"taken", true}, {"error", detail::error_to_json(version.error())}};
    }

    Ranks* ranks_;
    std::string folder_;
    std::shared_ptr<detail::RunCore> core_;
    std::unique_ptr<detail::VersionStore> local_;
    std::uint64_t messages_ = 0;
    bool is_begun_ = false;
    error failure_;  // what the others are told if this rank gives up
};
template <class Ranks>
Sharded(Ranks&) -> Sharded<Ranks>;

}  // namespace CAIRN_NAMESPACE
