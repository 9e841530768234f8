// SPDX-License-Identifier: MIT
#pragma once
// How a request to S3 proves who sends it: Amazon's signature, version 4. Costs <map>.

#include <cairn/core/bytes.hpp>
#include <cairn/core/sha256.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail::s3 {

/// HMAC with SHA-256 (RFC 2104).
[[nodiscard]] inline Digest hmac_sha256(std::span<const std::byte> key, std::string_view text) {
    constexpr std::size_t block = 64;
    const Digest shortened = key.size() > block ? sha256(key) : Digest{};
    if (key.size() > block) key = shortened.bytes;
    std::array<std::byte, block> inner{}, outer{};
    for (std::size_t i = 0; i < block; ++i) {
        const std::byte byte = i < key.size() ? key[i] : std::byte{0};
        inner[i] = byte ^ std::byte{0x36};
        outer[i] = byte ^ std::byte{0x5c};
    }
    Sha256 first, second;
    first.update(inner);
    first.update(bytes_of(text));
    second.update(outer);
    second.update(first.finish().bytes);
    return second.finish();
}

/// Who somebody is.
struct Credentials {
    std::string key, secret;
    std::string token;  ///< of a session; empty for keys that last
};

/// A request, as far as it is signed.
struct Signed {
    std::string method, path, query;             ///< escaped; the query sorted by its keys
    std::map<std::string, std::string> headers;  ///< in lower case, "host" and all "x-amz-…" among them
    std::string payload;                         ///< the body's SHA-256, in hexadecimal digits
    std::string stamp;                           ///< "20261128T041625Z", as in "x-amz-date"
};

/// The value of its header `Authorization`. (Amazon S3, "Authenticating Requests: Using the Authorization
/// Header", single chunk.)
[[nodiscard]] inline std::string authorization_of(const Signed& what, const Credentials& who,
                                                  const std::string& region) {
    std::string lines, names;
    for (const auto& [name, value] : what.headers) {
        lines.append(name).append(":").append(value).append("\n");
        names += (names.empty() ? "" : ";") + name;
    }
    const std::string request = what.method + "\n" + what.path + "\n" + what.query + "\n" + lines + "\n" +
                                names + "\n" + what.payload;
    const std::string day = what.stamp.substr(0, 8);
    const std::string scope = day + "/" + region + "/s3/aws4_request";
    const std::string text =
        "AWS4-HMAC-SHA256\n" + what.stamp + "\n" + scope + "\n" + sha256(bytes_of(request)).hex();
    const std::string secret = "AWS4" + who.secret;
    Digest key = hmac_sha256(bytes_of(secret), day);
    for (const std::string_view part :
         {std::string_view{region}, std::string_view{"s3"}, std::string_view{"aws4_request"}})
        key = hmac_sha256(key.bytes, part);
    return "AWS4-HMAC-SHA256 Credential=" + who.key + "/" + scope + ",SignedHeaders=" + names +
           ",Signature=" + hmac_sha256(key.bytes, text).hex();
}

}  // namespace CAIRN_NAMESPACE::detail::s3
