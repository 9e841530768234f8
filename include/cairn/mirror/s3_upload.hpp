// SPDX-License-Identifier: MIT
#pragma once
// Files for S3: small ones whole, large ones in parts. Opt-in: costs cpp-httplib.

#include <cairn/core/base64.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/md5.hpp>
#include <cairn/mirror/s3_client.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_files.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::s3 {

/// A digest as S3 has it in headers.
[[nodiscard]] inline std::string base64_of(const Digest& digest) {
    const auto* const bytes = reinterpret_cast<const char*>(digest.bytes.data());
    return to_base64(std::string_view{bytes, digest.bytes.size()});
}

/// Sends one file. In parts, if it is large: several at once, each with its digest. An upload that was broken
/// off, by whomever, is gone on with: S3 is asked for it.
class Upload {
  public:
    /// `digest` is that of the file, whose object is to have this key.
    Upload(const S3& where, Client& client, std::string key, os::Path path, std::uint64_t size, Digest digest)
        : where_{where}, client_{client}, key_{std::move(key)}, path_{std::move(path)}, size_{size},
          digest_{digest} {}

    /// Fails: as S3 does; corrupt, not_found, if the file is not as it was.
    result<void> run() {
        if (size_ <= where_.part_bytes) return send_whole();
        auto sent = send_in_parts();
        if (sent || sent.error().code() != errc::not_found) return sent;
        // The upload is gone: another who sends the same has completed it, or it was aborted.
        const auto there = client_.size_of(key_);
        if (!there) return there.error();
        return *there == size_ ? result<void>{} : send_in_parts();
    }

  private:
    struct Part {
        std::string etag, checksum;  ///< as S3 has it; the checksum may be missing
        std::string ours;            ///< the checksum of what it should be
    };
    /// A thread that is waited for, whatever happens.
    struct Joined {
        explicit Joined(std::thread one) : thread{std::move(one)} {}
        Joined(Joined&&) noexcept = default;
        Joined& operator=(Joined&&) = delete;
        ~Joined() {
            if (thread.joinable()) thread.join();
        }
        std::thread thread;
    };

    [[nodiscard]] WebFiles file() const { return WebFiles{{{path_, size_}}}; }
    result<void> send_whole() {
        WebFiles files = file();
        const auto answer = client_.get({.method = "PUT",
                                         .key = key_,
                                         .headers = {{"x-amz-checksum-sha256", base64_of(digest_)}},
                                         .body = files.body(),
                                         .payload = digest_});
        if (files.failed()) return *files.failed();
        return answer ? result<void>{} : answer.error();
    }

    result<void> send_in_parts() {
        constexpr std::uint64_t most_parts = 10'000;
        part_bytes_ = std::max(where_.part_bytes, (size_ + most_parts - 1) / most_parts);
        parts_.assign(static_cast<std::size_t>((size_ + part_bytes_ - 1) / part_bytes_), Part{});
        id_.clear();
        if (auto begun = begin(); !begun) return begun;
        if (auto sent = send_parts(); !sent) return sent;
        return complete();
    }
    /// Finds the upload, with the parts that are there, or begins one.
    result<void> begin() {
        const auto known = client_.get({.query = {{"uploads", ""}, {"prefix", client_.whole(key_)}}});
        // Not every server can tell which there are, and not everybody may ask.
        const bool may_go_on =
            known || known.error().code() == errc::unsupported || known.error().code() == errc::permission;
        if (!may_go_on) return known.error();
        const std::string_view told = known ? std::string_view{known->body} : std::string_view{};
        for (const std::string_view one : xml_all(told, "Upload"))
            if (xml_text(one, "Key") == client_.whole(key_)) id_ = xml_text(one, "UploadId");
        if (!id_.empty()) return find_parts();
        const auto made = client_.get({.method = "POST",
                                       .key = key_,
                                       .query = {{"uploads", ""}},
                                       .headers = {{"x-amz-checksum-algorithm", "SHA256"}}});
        if (!made) return made.error();
        id_ = xml_text(made->body, "UploadId");
        if (id_.empty()) return error{errc::io, "S3 begins an upload without a name", client_.address(), ""};
        return {};
    }
    /// Which parts S3 has; whether they are ours is seen when we come to them.
    result<void> find_parts() {
        std::uint64_t marker = 0;
        for (;;) {
            Client::Ask what{.key = key_, .query = {{"uploadId", id_}}};
            if (marker != 0) what.query["part-number-marker"] = std::to_string(marker);
            const auto known = client_.get(what);
            if (!known) return known.error();
            for (const std::string_view one : xml_all(known->body, "Part")) {
                const std::uint64_t number = number_in(one, "PartNumber");
                if (number == 0 || number > parts_.size()) continue;
                const auto at = static_cast<std::size_t>(number - 1);
                if (number_in(one, "Size") == size_of(at))
                    parts_[at] = {xml_text(one, "ETag"), xml_text(one, "ChecksumSHA256"), {}};
            }
            const std::uint64_t next = number_in(known->body, "NextPartNumberMarker");
            if (xml_text(known->body, "IsTruncated") != "true" || next <= marker) return {};
            marker = next;
        }
    }
    [[nodiscard]] static std::uint64_t number_in(std::string_view xml, std::string_view name) {
        const std::string text = xml_text(xml, name);
        std::uint64_t number = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
        return problem == std::errc{} && end == text.data() + text.size() ? number : 0;
    }
    [[nodiscard]] std::uint64_t size_of(std::size_t part) const {
        const std::uint64_t from = part * part_bytes_;
        return std::min(part_bytes_, size_ - from);
    }

    /// Each thread has a connection of its own. The first failure ends all of them.
    result<void> send_parts() {
        std::atomic<std::size_t> next = 0;
        std::mutex mutex;
        result<void> done;
        const auto work = [&](Client& client) {
            WebFiles files = file();
            for (std::size_t part = next++; part < parts_.size(); part = next++) {
                {
                    const std::scoped_lock lock{mutex};
                    if (!done) return;
                }
                auto sent = send_part(client, files, part);
                const std::scoped_lock lock{mutex};
                if (!sent) done = std::move(sent);
            }
        };
        std::vector<Joined> others;
        const std::size_t wanted = std::min<std::size_t>(std::max(1U, where_.parallel), parts_.size());
        others.reserve(wanted);
        for (std::size_t i = 1; i < wanted; ++i) {
            try {
                others.emplace_back(std::thread{[&] {
                    try {
                        auto client = Client::open(where_);
                        if (client)
                            work(*client);  // one that cannot be had now leaves its parts to the others
                    } catch (const std::exception& e) {
                        const std::scoped_lock lock{mutex};
                        done = error{errc::io, e.what(), path_.string(), ""};
                    }
                }});
            } catch (const std::system_error&) {
                break;  // no more threads here: those that there are do it
            }
        }
        work(client_);
        others.clear();
        return done;
    }
    result<void> send_part(Client& client, WebFiles& files, std::size_t part) {
        const WebBody body = part_of(files.body(), part * part_bytes_, size_of(part));
        Sha256 sha;
        Md5 md5;  // by which S3 names a part, where it keeps no better digest
        Part& mine = parts_[part];
        const bool needs_md5 = !mine.etag.empty() && mine.checksum.empty();
        const bool is_read = read_all(body, [&](std::span<const std::byte> bytes) {
            sha.update(bytes);
            if (needs_md5) md5.update(bytes);
        });
        if (!is_read)
            return files.failed().value_or(error{errc::io, "a file cannot be read", path_.string(), ""});
        const Digest digest = sha.finish();
        mine.ours = base64_of(digest);
        const bool is_there = needs_md5 ? mine.etag.find(hex_of(md5.digest())) != std::string::npos
                                        : !mine.etag.empty() && mine.checksum == mine.ours;
        if (is_there) return {};
        const auto answer =
            client.get({.method = "PUT",
                        .key = key_,
                        .query = {{"partNumber", std::to_string(part + 1)}, {"uploadId", id_}},
                        .headers = {{"x-amz-checksum-sha256", mine.ours}},
                        .body = body,
                        .payload = digest});
        if (files.failed()) return *files.failed();
        if (!answer) return answer.error();
        mine.etag = answer->header("ETag");
        if (mine.etag.empty())
            return error{errc::io, "S3 takes a part and does not name it", client.address(), ""};
        return {};
    }
    result<void> complete() {
        std::string text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            text.append("<Part><PartNumber>").append(std::to_string(i + 1)).append("</PartNumber><ETag>");
            text.append(parts_[i].etag).append("</ETag><ChecksumSHA256>").append(parts_[i].ours);
            text.append("</ChecksumSHA256></Part>");
        }
        text += "</CompleteMultipartUpload>";
        const auto answer = client_.get({.method = "POST",
                                         .key = key_,
                                         .query = {{"uploadId", id_}},
                                         .body = web_body(text),
                                         .payload = sha256(bytes_of(text))});
        // A good status is sent before S3 has put the parts together, so what it says counts.
        const bool is_done =
            answer && answer->body.find("<CompleteMultipartUploadResult") != std::string::npos;
        if (is_done) return {};
        const bool may_be_done =
            answer || answer.error().code() == errc::not_found || answer.error().code() == errc::io;
        if (!may_be_done) return answer.error();
        // By our own request, whose answer was lost or too slow, or by another who sends the same.
        const auto there = client_.size_of(key_);
        if (!there) return there.error();
        if (*there == size_) return {};
        return answer
                   ? error{errc::io, "S3 has not put the parts together: " + xml_text(answer->body, "Code"),
                           client_.address(), "mirror again: only the missing parts are sent"}
                   : answer.error();
    }

    const S3& where_;
    Client& client_;
    std::string key_;
    os::Path path_;
    std::uint64_t size_, part_bytes_ = 0;
    Digest digest_;
    std::string id_;
    std::vector<Part> parts_;
};

}  // namespace CAIRN_NAMESPACE::detail::s3
