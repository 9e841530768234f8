// SPDX-License-Identifier: MIT
#pragma once
// A bucket of S3, or of what speaks as it does. Opt-in: costs cpp-httplib.

#include <cairn/core/base64.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/ini.hpp>
#include <cairn/mirror/s3_sign.hpp>
#include <cairn/mirror/utc.hpp>
#include <cairn/mirror/web_address.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/mirror/web_client.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A place in S3, or in what speaks as it does. Keys and the like are taken from where Amazon's own clients
/// have them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or the profile AWS_PROFILE of
/// ~/.aws/credentials and ~/.aws/config; certificates to trust from AWS_CA_BUNDLE or the profile's ca_bundle.
struct S3 {
    std::string uri = {};  ///< "s3://bucket/prefix"
    std::string endpoint =
        {};  ///< "https://host"; default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, the profile's, Amazon's
    std::string region = {};  ///< default: $AWS_REGION, $AWS_DEFAULT_REGION, the profile's, us-east-1
    std::optional<bool> path_style = {};  ///< host/bucket, not bucket.host; default: see docs/mirrors.md
    unsigned parallel = 4;                ///< parts of a large file that are sent at once
    std::uint64_t part_bytes = std::uint64_t{16} << 20U;  ///< how large a part is; Amazon wants 5 MiB or more
};

namespace detail::s3 {

/// "s3://bucket/prefix", in its parts.
struct Where {
    std::string bucket;
    std::string prefix;  ///< empty, or with a slash at its end
};
/// Fails: invalid_argument.
[[nodiscard]] inline result<Where> where_of(std::string_view uri) {
    constexpr std::string_view scheme = "s3://";
    const std::string_view rest = uri.starts_with(scheme) ? uri.substr(scheme.size()) : std::string_view{};
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    Where where{std::string{rest.substr(0, slash)},
                std::string{rest.substr(std::min(slash + 1, rest.size()))}};
    while (where.prefix.ends_with('/')) where.prefix.pop_back();
    if (!where.prefix.empty()) where.prefix += '/';
    const bool is_name = where.bucket.size() >= 3 && where.bucket.size() <= 63 &&
                         std::all_of(where.bucket.begin(), where.bucket.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
                         });
    if (is_name && where.prefix.find("//") == std::string::npos && !where.prefix.starts_with('/'))
        return where;
    return error{
        errc::invalid_argument, "this is no place in S3", std::string{uri},
        "give s3://BUCKET or s3://BUCKET/PREFIX; a bucket's name has 3 to 63 of a-z, 0-9, '-' and '.'"};
}

/// What Amazon's own clients would know.
struct Account {
    Credentials who;
    std::string region;
    std::string endpoint;  ///< empty: Amazon's
    std::string ca_file;   ///< empty: those that the system trusts
    std::string style;     ///< how a bucket is addressed: "path", "virtual", or anything
};
[[nodiscard]] inline Account account_of(const S3& given) {
    const auto variable = [](const char* name) { return os::sys::environment(name); };
    const auto first = [](std::initializer_list<std::string> all) {
        for (const std::string& one : all)
            if (!one.empty()) return one;
        return std::string{};
    };
    const std::string home = first({variable("HOME"), variable("USERPROFILE")});
    const auto text_of = [&](const char* name, const char* file) {
        const std::string named = variable(name);
        if (named.empty() && home.empty()) return std::string{};
        constexpr std::size_t most = std::size_t{1} << 20U;
        const auto text =
            read_file(named.empty() ? os::path_of(home) / ".aws" / file : os::path_of(named), most);
        return text ? *text : std::string{};
    };
    const std::string profile = first({variable("AWS_PROFILE"), "default"});
    const std::string keys = text_of("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    const std::string config = text_of("AWS_CONFIG_FILE", "config");
    Account account;
    account.who = {variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"),
                   variable("AWS_SESSION_TOKEN")};
    const std::string sections[] = {profile, "profile " + profile};  // of the one file, and of the other
    const auto named = [&](std::size_t i, const char* key) {
        const std::string& text = i == 0 ? keys : config;
        return first(
            {ini_value(text, sections[i], key), profile == "default" ? ini_value(text, profile, key) : ""});
    };
    for (const std::size_t i : {0U, 1U}) {  // what belongs together comes from one place
        if (!account.who.key.empty() && !account.who.secret.empty()) break;
        account.who = {named(i, "aws_access_key_id"), named(i, "aws_secret_access_key"),
                       named(i, "aws_session_token")};
    }
    account.endpoint = first({given.endpoint, variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL"),
                              named(1, "endpoint_url")});
    account.ca_file = first({variable("AWS_CA_BUNDLE"), named(1, "ca_bundle")});
    account.style = named(1, "addressing_style");
    account.region = first({given.region, variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"),
                            named(1, "region"), "us-east-1"});
    return account;
}

/// What stands in each element of this name, as S3 answers; at most so many.
[[nodiscard]] inline std::vector<std::string_view> xml_all(std::string_view xml, std::string_view name,
                                                           std::size_t most = static_cast<std::size_t>(-1)) {
    const std::string open = "<" + std::string{name} + ">", close = "</" + std::string{name} + ">";
    std::vector<std::string_view> all;
    for (std::size_t from = 0;
         all.size() < most && (from = xml.find(open, from)) != std::string_view::npos;) {
        from += open.size();
        const std::size_t to = xml.find(close, from);
        if (to == std::string_view::npos) break;
        all.push_back(xml.substr(from, to - from));
        from = to;
    }
    return all;
}
/// A text without its entities: names of five characters, and numbers of those of one byte.
[[nodiscard]] inline std::string xml_decoded(std::string_view text) {
    constexpr std::pair<std::string_view, char> named[] = {
        {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"amp", '&'}};
    std::string out;
    while (!text.empty()) {
        const std::size_t end = text.front() == '&' ? text.find(';') : std::string_view::npos;
        const std::string_view entity = end == std::string_view::npos ? "" : text.substr(1, end - 1);
        unsigned code = 0;
        if (entity.starts_with('#')) {
            const bool is_hex = entity.size() > 1 && entity[1] == 'x';
            (void)std::from_chars(entity.data() + (is_hex ? 2 : 1), entity.data() + entity.size(), code,
                                  is_hex ? 16 : 10);
        }
        for (const auto& [name, c] : named) code = entity == name ? static_cast<unsigned char>(c) : code;
        const bool is_one = code > 0 && code < 128;
        out += is_one ? static_cast<char>(code) : text.front();
        text.remove_prefix(is_one ? end + 1 : 1);
    }
    return out;
}
/// The text of the first of them; empty if there is none.
[[nodiscard]] inline std::string xml_text(std::string_view xml, std::string_view name) {
    constexpr std::size_t most = 8192;  // names, tokens and messages are shorter
    const auto all = xml_all(xml, name, 1);
    return all.empty() ? std::string{} : xml_decoded(all.front().substr(0, most));
}

/// A text, and what tells it from what is there later.
struct Text {
    std::string text, etag;
};

/// One bucket, by one connection. Threads: one at a time.
class Client {
  public:
    /// Asks for nothing yet. Fails: invalid_argument; permission, without keys; unsupported, for https
    /// without TLS.
    static result<Client> open(const S3& given) {
        auto where = where_of(given.uri);
        if (!where) return where.error();
        Account account = account_of(given);
        if (account.who.key.empty() || account.who.secret.empty()) {
            return error{errc::permission, "nobody says who we are for S3", given.uri,
                         "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"};
        }
        std::string endpoint = account.endpoint;
        // A bucket's name with a dot is in no certificate.
        const bool has_dot = where->bucket.find('.') != std::string::npos;
        const bool is_path = given.path_style.value_or(
            account.style == "path" || (account.style != "virtual" && (!endpoint.empty() || has_dot)));
        if (endpoint.empty()) endpoint = "https://s3." + account.region + ".amazonaws.com";
        auto to = web_address(endpoint);
        if (!to) return to.error();
        if (!is_path) to->server.insert(to->server.find("//") + 2, where->bucket + ".");
        auto web = WebClient::open(*to, {.ca_file = account.ca_file});
        if (!web) return web.error();
        return Client{std::move(*web), to->path, std::move(*where), std::move(account), is_path};
    }

    struct Ask {
        std::string method = "GET";
        std::string key{};  ///< below the prefix; empty: the bucket itself is asked
        std::map<std::string, std::string> query{}, headers{};  ///< headers in lower case
        WebBody body{};
        std::optional<Digest> payload{};  ///< of the body
    };
    /// What is answered, whatever that is. Fails: io.
    result<WebAnswer> ask(const Ask& what) {
        const std::string bucket = is_path_ ? "/" + where_.bucket : std::string{};
        const std::string path = what.key.empty() ? (bucket.empty() ? "/" : bucket)
                                                  : bucket + "/" + web_escaped_path(where_.prefix + what.key);
        std::string query;
        for (const auto& [key, value] : what.query)
            query += (query.empty() ? "" : "&") + web_escaped(key) + "=" + web_escaped(value);
        const Utc now = utc_of(wall_ns());
        char stamp[96];
        std::snprintf(stamp, sizeof stamp, "%04d%02d%02dT%02d%02d%02dZ", now.year, now.month, now.day,
                      now.hour, now.minute, now.second);
        std::map<std::string, std::string> headers = what.headers;
        headers["x-amz-date"] = stamp;
        const std::string payload = what.payload ? what.payload->hex() : sha256({}).hex();
        headers["x-amz-content-sha256"] = payload;
        if (!account_.who.token.empty()) headers["x-amz-security-token"] = account_.who.token;
        std::map<std::string, std::string> all = headers;
        all["host"] = host();
        headers["Authorization"] = authorization_of({what.method, base_ + path, query, all, payload, stamp},
                                                    account_.who, account_.region);
        return web_.send({.method = what.method,
                          .path = path + (query.empty() ? "" : "?" + query),
                          .headers = std::move(headers),
                          .body = what.body});
    }
    /// The same, where only a good answer is one. Fails: not_found; already_exists, where a condition does
    /// not hold; busy, where another is at it; permission; invalid_argument, without
    /// the bucket or in the wrong region; io.
    result<WebAnswer> get(const Ask& what) {
        auto answer = ask(what);
        if (!answer || answer->is_good()) return answer;
        return refused(what, *answer);
    }

    /// The size of an object; nothing if there is none.
    result<std::optional<std::uint64_t>> size_of(const std::string& key) {
        const auto answer = get({.method = "HEAD", .key = key});
        if (!answer && answer.error().code() == errc::not_found) return std::optional<std::uint64_t>{};
        if (!answer) return answer.error();
        const std::string length = answer->header("Content-Length");
        std::uint64_t size = 0;
        const auto [end, problem] = std::from_chars(length.data(), length.data() + length.size(), size);
        if (problem != std::errc{} || end != length.data() + length.size() || length.empty())
            return error{errc::io, "S3 does not say how large an object is", key, ""};
        return std::optional{size};
    }
    /// A small object. Fails: not_found.
    result<Text> text_of(const std::string& key) {
        auto answer = get({.key = key});
        if (!answer) return answer.error();
        return Text{std::move(answer->body), answer->header("ETag")};
    }
    /// Puts a small object, if the condition holds: a header, "if-none-match" or "if-match". Where the server
    /// knows no conditions, without one.
    result<void> put_text(const std::string& key, std::string_view text,
                          std::map<std::string, std::string> condition) {
        Ask what{.method = "PUT",
                 .key = key,
                 .headers = std::move(condition),
                 .body = web_body(text),
                 .payload = sha256(bytes_of(text))};
        auto answer = get(what);
        if (!answer && answer.error().code() == errc::unsupported && !what.headers.empty()) {
            what.headers.clear();
            answer = get(what);
        }
        return answer ? result<void>{} : answer.error();
    }
    /// Puts one that is not there yet; of two who do it at once, one succeeds. A server that knows no
    /// conditions is asked before, so there it can be too late by a moment. Fails: already_exists.
    result<void> put_new(const std::string& key, std::string_view text) {
        const auto there = size_of(key);
        if (!there) return there.error();
        if (*there) return error{errc::already_exists, "an object is there already", key, ""};
        return put_text(key, text, {{"if-none-match", "*"}});
    }
    /// What lies directly below `folder` ("" or with a slash at its end): names of objects, and of folders,
    /// these with a slash at their ends.
    result<std::vector<std::string>> list(const std::string& folder) {
        std::vector<std::string> names;
        std::string token;
        for (std::size_t page = 0;; ++page) {
            Ask what{.query = {{"list-type", "2"}, {"delimiter", "/"}, {"prefix", where_.prefix + folder}}};
            if (!token.empty()) what.query["continuation-token"] = token;
            const auto answer = get(what);
            if (!answer) return answer.error();
            const auto add = [&](std::string_view element, const char* name) {
                const std::string key = xml_text(element, name), before = where_.prefix + folder;
                if (key.starts_with(before) && key.size() > before.size())
                    names.push_back(key.substr(before.size()));
            };
            for (const std::string_view one : xml_all(answer->body, "Contents")) add(one, "Key");
            for (const std::string_view one : xml_all(answer->body, "CommonPrefixes")) add(one, "Prefix");
            const std::string before = std::exchange(token, {});
            token = xml_text(answer->body, "IsTruncated") == "true"
                        ? xml_text(answer->body, "NextContinuationToken")
                        : std::string{};
            constexpr std::size_t most_pages = 10'000;  // of a thousand each
            if (token.empty()) return names;
            if (page == most_pages || token == before)
                return error{errc::io, "S3 lists without an end", address(), ""};
        }
    }
    /// The key of an object below the prefix, as the bucket has it.
    [[nodiscard]] std::string whole(const std::string& key) const { return where_.prefix + key; }
    /// "s3://bucket/prefix".
    [[nodiscard]] std::string address() const {
        std::string out = "s3://" + where_.bucket + "/" + where_.prefix;
        out.pop_back();
        return out;
    }
    /// The same, and at which server.
    [[nodiscard]] std::string target() const { return web_.address() + " " + address(); }
    void wait(int failed) { web_.wait(failed); }

  private:
    Client(WebClient web, std::string base, Where where, Account account, bool is_path)
        : web_{std::move(web)}, base_{std::move(base)}, where_{std::move(where)},
          account_{std::move(account)}, is_path_{is_path} {
        while (base_.ends_with('/')) base_.pop_back();
    }

    /// As the request will have it: without the port that goes without saying.
    [[nodiscard]] std::string host() const {
        std::string host = web_.host();
        const std::string_view port = web_.address().starts_with("https") ? ":443" : ":80";
        if (host.ends_with(port)) host.resize(host.size() - port.size());
        return host;
    }
    [[nodiscard]] error refused(const Ask& what, const WebAnswer& answer) const {
        const int status = answer.status;
        const std::string code = xml_text(answer.body, "Code");
        const std::string why = one_line(xml_text(answer.body, "Message"), 500);
        const std::string tried =
            "S3 refuses " + what.method + " " + (what.key.empty() ? "the bucket" : what.key) + " (status " +
            std::to_string(status) + (code.empty() ? "" : " " + code) + ")" + (why.empty() ? "" : ": " + why);
        const std::string place = address() + " at " + web_.address();
        const std::string region = answer.header("x-amz-bucket-region");
        if (status == 301 || status == 307 || code == "AuthorizationHeaderMalformed") {
            return {errc::invalid_argument, tried, place,
                    region.empty() ? "set AWS_REGION to the bucket's region" : "set AWS_REGION=" + region};
        }
        if (code == "NoSuchBucket") return {errc::invalid_argument, tried, place, "make the bucket first"};
        if (code == "RequestTimeTooSkewed")
            return {errc::permission, tried, place, "set the clock of this machine"};
        const bool is_old = code == "ExpiredToken" || code == "InvalidToken";
        if (status == 401 || status == 403 || is_old) {
            return {errc::permission, tried, place,
                    "see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in this bucket"};
        }
        return {status == 404   ? errc::not_found
                : status == 412 ? errc::already_exists
                : status == 409 ? errc::busy
                : status == 501 ? errc::unsupported
                                : errc::io,
                tried, place, ""};
    }

    WebClient web_;
    std::string base_;  // of the server's path
    Where where_;
    Account account_;
    bool is_path_;
};

}  // namespace detail::s3

}  // namespace CAIRN_NAMESPACE
