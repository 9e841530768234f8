// SPDX-License-Identifier: MIT
// Signatures of requests to S3, as Amazon's documentation has them; and HMAC, as RFC 4231 has it.
#include <cairn/mirror/s3_sign.hpp>

#include <cairn/core/bytes.hpp>

#include "support/catch.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace s3_sign_test {

using namespace cairn::detail;

TEST_CASE("S3: HMAC-SHA256 of RFC 4231", "[mirror][s3]") {
    const std::string key(20, '\x0b'), longer(131, '\xaa');
    CHECK(s3::hmac_sha256(bytes_of(key), "Hi There").hex() ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(s3::hmac_sha256(bytes_of(std::string_view{"Jefe"}), "what do ya want for nothing?").hex() ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(s3::hmac_sha256(bytes_of(longer), "Test Using Larger Than Block-Size Key - Hash Key First").hex() ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("S3: the signatures of Amazon's examples", "[mirror][s3]") {
    const s3::Credentials who{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
    const std::string nothing = cairn::sha256({}).hex();
    const auto signature = [&](const std::string& method, const std::string& path, const std::string& query,
                               const std::string& payload, std::map<std::string, std::string> more) {
        more["host"] = "examplebucket.s3.amazonaws.com";
        more["x-amz-date"] = "20130524T000000Z";
        more["x-amz-content-sha256"] = payload;
        const std::string header = s3::authorization_of(
            {method, path, query, std::move(more), payload, "20130524T000000Z"}, who, "us-east-1");
        const std::string begin =
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=";
        CHECK(header.starts_with(begin));
        return header.substr(header.rfind('=') + 1);
    };
    CHECK(signature("GET", "/test.txt", "", nothing, {{"range", "bytes=0-9"}}) ==
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    CHECK(signature(
              "PUT", "/test%24file.text", "",
              cairn::sha256(bytes_of(std::string_view{"Welcome to Amazon S3."})).hex(),
              {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}) ==
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    CHECK(signature("GET", "/", "lifecycle=", nothing, {}) ==
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    CHECK(signature("GET", "/", "max-keys=2&prefix=J", nothing, {}) ==
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

}  // namespace s3_sign_test
