// SPDX-License-Identifier: MIT
#pragma once
// A store's artifacts in S3, laid out as a store is (docs/format.md): who copies them down has one. Opt-in:
// costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/mirror/json_in.hpp>
#include <cairn/mirror/s3_client.hpp>
#include <cairn/mirror/s3_upload.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::s3 {

/// The artifacts of all projects, at one place. Threads: one at a time.
class Shelf {
  public:
    static result<Shelf> open(S3 where) {
        auto client = Client::open(where);
        if (!client) return client.error();
        return Shelf{std::move(where), std::move(*client)};
    }

    // ---- reading

    /// Fails: not_found, if no store is there; unsupported, if it is of a newer version.
    result<void> check() {
        const auto record = client_.text_of("store.json");
        if (!record && record.error().code() == errc::not_found)
            return error{errc::not_found, "there is no store here", client_.address(), "mirror a run to it"};
        if (!record) return record.error();
        const nlohmann::json is = json_in(record->text);
        if (!is.is_object() || !is.contains("format") || !is["format"].is_number_unsigned())
            return error{errc::corrupt, "the record of this store cannot be read", client_.address(), ""};
        if (is["format"] > Store::format) {
            return error{errc::unsupported, "this store is of a newer version of cairn", client_.address(),
                         "read it with that version"};
        }
        return {};
    }
    result<std::vector<std::string>> projects() { return folders("projects/"); }
    result<std::vector<std::string>> artifacts(const std::string& project) {
        return folders("projects/" + project + "/artifacts/");
    }
    /// Ascending.
    result<std::vector<std::uint64_t>> versions(const std::string& project, const std::string& name) {
        const auto names = client_.list(folder(project, name) + "versions/");
        if (!names) return names.error();
        std::vector<std::uint64_t> numbers;
        for (const std::string& file : *names) {
            if (const auto number = version_of_file(file, manifest_suffix)) numbers.push_back(*number);
        }
        std::sort(numbers.begin(), numbers.end());
        return numbers;
    }
    result<Manifest> manifest(const std::string& project, const std::string& name, std::uint64_t number) {
        const std::string key = manifest_key(project, name, number);
        const auto text = client_.text_of(key);
        if (!text) return text.error();
        auto manifest = parse_manifest(text->text, client_.address() + "/" + key);
        if (manifest && (manifest->version != number || manifest->artifact != name)) {
            return error{errc::corrupt, "this is the manifest of another version",
                         client_.address() + "/" + key, ""};
        }
        return manifest;
    }
    result<std::map<std::string, std::uint64_t>> aliases(const std::string& project,
                                                         const std::string& name) {
        const auto text = client_.text_of(folder(project, name) + "aliases.json");
        if (!text && text.error().code() == errc::not_found) return std::map<std::string, std::uint64_t>{};
        if (!text) return text.error();
        return aliases_in(text->text);
    }
    /// Brings an object into a store. Fails: corrupt, if it is not as it was written.
    result<void> fetch(const ObjectEntry& object, const Store& to) {
        auto writer = ObjectWriter::create(to);
        if (!writer) return writer.error();
        constexpr std::uint64_t piece = std::uint64_t{4} << 20U;  // in a minute, also by a slow line
        for (std::uint64_t at = 0; at < object.size; at += piece) {
            const std::uint64_t last = std::min(at + piece, object.size) - 1;
            const auto answer = client_.get(
                {.key = object_key(object.digest),
                 .headers = {{"range", "bytes=" + std::to_string(at) + "-" + std::to_string(last)}}});
            if (!answer) return answer.error();
            if (answer->body.size() != last - at + 1) return damaged(object);
            if (auto written = writer->write(bytes_of(answer->body)); !written) return written;
        }
        auto staged = writer->finish();
        if (!staged) return staged.error();
        if (staged->digest().hex() != object.digest) return damaged(object);
        const auto placed = staged->install(to);
        return placed ? result<void>{} : placed.error();
    }

    // ---- writing

    /// Makes the store, if there is none.
    result<void> make() {
        auto there = check();
        if (there || there.error().code() != errc::not_found) return there;
        const std::string text = nlohmann::json{{"format", Store::format}}.dump() + "\n";
        const auto made = put_once("store.json", text);
        return made ? check() : made;
    }
    /// Sends an object of a store, unless it is there.
    result<void> send(const ObjectEntry& object, const Store& from) {
        const std::string key = object_key(object.digest);
        const auto there = client_.size_of(key);
        if (!there) return there.error();
        if (*there == object.size) return {};
        const auto digest = Digest::from_hex(object.digest);
        if (!digest) return damaged(object);
        return Upload{where_, client_, key, from.object_path(object.digest), object.size, *digest}.run();
    }
    /// Says what a version holds, which makes it one: all its objects are there. It gets its own number, or,
    /// if others have taken that, the next; one that is there already keeps the one it has. Of two who do it
    /// at once, one gets the number. Fails: mismatch, if the artifact is of another type.
    result<std::uint64_t> commit(Manifest version) {
        if (auto typed = check_type(version); !typed) return typed.error();
        const Manifest ours = version;
        for (int i = 1;; ++i) {
            const auto text = to_text(version);
            if (!text) return text.error();
            const auto put =
                client_.put_new(manifest_key(version.project, version.artifact, version.version), *text);
            if (put) return version.version;
            if (!was_late(put.error()) || i == attempts) return passing(put.error());
            if (put.error().code() == errc::busy) client_.wait(1);
            const auto numbers = versions(ours.project, ours.artifact);
            if (!numbers) return numbers.error();
            for (const std::uint64_t number : *numbers) {
                const auto there = manifest(ours.project, ours.artifact, number);
                if (there && is_same(*there, ours)) return number;
                if (!there && there.error().code() != errc::corrupt) return there.error();
            }
            if (!numbers->empty()) version.version = std::max(ours.version, numbers->back() + 1);
        }
    }
    /// Lets aliases name a version.
    result<void> point(const std::string& project, const std::string& name,
                       const std::vector<std::string>& aliases, std::uint64_t number) {
        if (aliases.empty()) return {};
        const std::string key = folder(project, name) + "aliases.json";
        for (int i = 1;; ++i) {
            auto known = client_.text_of(key);
            if (!known && known.error().code() != errc::not_found) return known.error();
            nlohmann::json all = known ? json_in(known->text) : nlohmann::json::object();
            if (!all.is_object())
                return error{errc::corrupt, "the aliases of an artifact cannot be read",
                             client_.address() + "/" + key, "delete them there, and set them anew"};
            const nlohmann::json before = all;
            for (const std::string& alias : aliases) all[alias] = version_label(number);
            if (all == before) return {};
            const std::string text = all.dump() + "\n";
            std::map<std::string, std::string> condition;
            if (known && !known->etag.empty()) condition.emplace("if-match", known->etag);
            const auto put =
                known ? client_.put_text(key, text, std::move(condition)) : client_.put_new(key, text);
            if (put) return {};
            if (!was_late(put.error()) || i == attempts) return passing(put.error());
            client_.wait(1);
        }
    }

    [[nodiscard]] std::string address() const { return client_.address(); }
    [[nodiscard]] std::string target() const { return client_.target(); }

  private:
    Shelf(S3 where, Client client) : where_{std::move(where)}, client_{std::move(client)} {}

    /// Whether another was there before.
    [[nodiscard]] static bool was_late(const error& why) noexcept {
        return why.code() == errc::already_exists || why.code() == errc::busy;
    }
    [[nodiscard]] static std::string object_key(const std::string& digest) {
        return "objects/" + digest.substr(0, 2) + "/" + digest.substr(2);
    }
    [[nodiscard]] static std::string folder(const std::string& project, const std::string& name) {
        return "projects/" + project + "/artifacts/" + name + "/";
    }
    [[nodiscard]] static std::string manifest_key(const std::string& project, const std::string& name,
                                                  std::uint64_t number) {
        return folder(project, name) + "versions/" + version_label(number) + std::string{manifest_suffix};
    }
    [[nodiscard]] static std::map<std::string, std::uint64_t> aliases_in(const std::string& text) {
        std::map<std::string, std::uint64_t> out;
        const nlohmann::json all = json_in(text);
        if (!all.is_object()) return out;
        for (const auto& [alias, label] : all.items()) {
            const auto number =
                label.is_string() ? parse_version_label(label.get<std::string>()) : std::nullopt;
            if (number) out[alias] = *number;
        }
        return out;
    }
    [[nodiscard]] error damaged(const ObjectEntry& object) const {
        return {errc::corrupt, "an object is not as it was written",
                client_.address() + "/" + object_key(object.digest),
                "mirror a run that has it again, after deleting it"};
    }
    result<std::vector<std::string>> folders(const std::string& below) {
        auto names = client_.list(below);
        if (!names) return names;
        std::vector<std::string> out;
        for (std::string& name : *names) {
            if (!name.ends_with('/')) continue;
            name.pop_back();
            if (check_name("folder", name)) out.push_back(std::move(name));
        }
        return out;
    }
    /// Whether two manifests are of one version, whatever its number is.
    [[nodiscard]] static bool is_same(const Manifest& a, const Manifest& b) {
        return a.run == b.run && a.created_ns == b.created_ns && a.step == b.step &&
               a.content_digest() == b.content_digest();
    }
    /// Puts what nobody else may have put yet; success if it is there, whoever has put it.
    result<void> put_once(const std::string& key, const std::string& text) {
        for (int i = 1;; ++i) {
            const auto put = client_.put_new(key, text);
            if (put || put.error().code() == errc::already_exists) return {};
            if (put.error().code() != errc::busy || i == attempts) return passing(put.error());
            client_.wait(1);
        }
    }
    /// Others were faster each time: they will not always be.
    [[nodiscard]] error passing(const error& why) const {
        return was_late(why) ? error{errc::io, why.tried(), why.path(), "try it again later"} : why;
    }
    result<void> check_type(const Manifest& version) {
        const std::string key = folder(version.project, version.artifact) + "artifact.json";
        const nlohmann::json record = {{"format", 1}, {"name", version.artifact}, {"type", version.type}};
        if (auto made = put_once(key, record.dump() + "\n"); !made) return made;
        const auto there = client_.text_of(key);
        if (!there) return there.error();
        const nlohmann::json is = json_in(there->text);
        if (is.is_object() && is.value("type", nlohmann::json()) == version.type) return {};
        return error{errc::mismatch,
                     "the artifact " + version.artifact + " is of another type than " + version.type,
                     client_.address(), "give this one another name"};
    }

    static constexpr int attempts = 20;  // to be the first

    S3 where_;
    Client client_;
};

}  // namespace CAIRN_NAMESPACE::detail::s3
