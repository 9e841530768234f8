// SPDX-License-Identifier: MIT
#pragma once
// A retention that is chosen at run time, and its text. Costs what parse.hpp costs, and <variant>.

#include <cairn/core/error.hpp>
#include <cairn/policy/detail/text_parser.hpp>
#include <cairn/policy/parsed.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/text.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace CAIRN_NAMESPACE {

/// A retention as a value whose kind is known only at run time: what `parse_retention` returns. It keeps what
/// the type of the same text keeps.
class ParsedRetention {
  public:
    using monitor = detail::AnyMonitor;
    /// One of those that are joined.
    using One = std::variant<KeepAll, KeepLastOf<detail::GivenCount>, KeepEveryOf<detail::GivenCount>,
                             KeepFor, KeepBestOf<detail::GivenCount, detail::GivenMonitor, Ties::keep_first>,
                             KeepBestOf<detail::GivenCount, detail::GivenMonitor, Ties::keep_newest>>;

    /// What `any` of them wants, at most so many `bytes` of it. For `parse_retention`.
    explicit ParsedRetention(std::vector<One> any, std::uint64_t bytes = unbounded)
        : any_{std::move(any)}, bytes_{bytes} {}

    void mark(const VersionList& versions) const {
        for (const One& one : any_) std::visit([&](const auto& kind) { kind.mark(versions); }, one);
        detail::apply_cap(versions, bytes_);
    }
    /// The bound on the bytes that are kept; the greatest number if there is none.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] detail::Watched watched() const noexcept {
        detail::Watched first;
        for (const One& one : any_) {
            std::visit(
                [&](const auto& kind) {
                    if (!first.any()) first = detail::watched_by(kind);
                },
                one);
        }
        return first;
    }
    void spell(detail::Text& out) const {
        const bool is_capped = bytes_ != unbounded;
        if (is_capped) out += "capped(";
        std::string_view between;
        for (const One& one : any_) {
            out += between;
            between = " | ";
            std::visit([&](const auto& kind) { detail::spell(out, kind); }, one);
        }
        if (is_capped) {
            out += ", ";
            out.add(bytes_);
            out += ")";
        }
    }

  private:
    static constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

    std::vector<One> any_;
    std::uint64_t bytes_;
};

namespace detail {

// It may be capped, and a bound goes around the whole.
template <>
inline constexpr bool is_capped<ParsedRetention> = true;

/// Reads the language of `to_text`: `retention = one { "|" one } | "capped(" one { "|" one } "," bytes ")"`.
class RetentionParser : TextParser {
  public:
    explicit RetentionParser(std::string_view text) : TextParser{text, "a retention"} {}

    [[nodiscard]] result<ParsedRetention> parse() {
        const std::size_t from = here();
        const bool is_capped = word() == "capped";
        if (!is_capped) go_back(from);
        if (is_capped) want('(');
        std::vector<ParsedRetention::One> any;
        do {
            any.push_back(one());
        } while (take('|'));
        std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
        if (is_capped) {
            want(',');
            bytes = size();
            want(')');
        }
        if (!failed() && !at_end())
            expected(is_capped ? "the end: capped goes around all of it" : "'|' or the end");
        if (failed()) return failure();
        return ParsedRetention{std::move(any), bytes};
    }

  private:
    ParsedRetention::One one() {
        const std::size_t from = here();
        const std::string_view name = word();
        if (name == "all") return KeepAll{};
        if (name == "last") return in_brackets([&] { return KeepLastOf<GivenCount>{count("how many")}; });
        if (name == "every")
            return in_brackets([&] { return KeepEveryOf<GivenCount>{count("how many steps")}; });
        if (name == "for") return in_brackets([&] { return KeepFor{duration()}; });
        if (name == "best") return in_brackets([&] { return best(); });
        go_back(from);
        expected("a retention: all, last(…), best(…), every(…), for(…); capped(…) goes around all of it");
        return KeepAll{};
    }
    template <class Read>
    ParsedRetention::One in_brackets(Read read) {
        want('(');
        ParsedRetention::One one = read();
        want(')');
        return one;
    }
    GivenCount count(const char* what) { return {integer(what, 1)}; }
    ParsedRetention::One best() {
        const GivenCount limit = count("how many");
        want(',');
        GivenMonitor watch = monitor();
        if (!take(','))
            return KeepBestOf<GivenCount, GivenMonitor, Ties::keep_first>{limit, std::move(watch)};
        const std::size_t from = here();
        if (word() != "newest") {
            go_back(from);
            expected("newest or ')'");
        }
        return KeepBestOf<GivenCount, GivenMonitor, Ties::keep_newest>{limit, std::move(watch)};
    }
    /// A number of bytes, with a unit if there is one.
    std::uint64_t size() {
        const std::size_t from = here();
        double bytes = number("a number of bytes");
        const auto exact = exactly<std::uint64_t>(from);
        const std::size_t unit_from = here();
        const std::string_view unit = unit_word();
        double scale = 0;
        for (const auto& [name, size] : {std::pair{"", 1.0},
                                         {"B", 1.0},
                                         {"kB", 1e3},
                                         {"MB", 1e6},
                                         {"GB", 1e9},
                                         {"TB", 1e12},
                                         {"KiB", 1024.0},
                                         {"MiB", 1048576.0},
                                         {"GiB", 1073741824.0},
                                         {"TiB", 1099511627776.0}}) {
            if (unit == name) scale = size;
        }
        if (scale == 0) {
            go_back(unit_from);
            expected("a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB");
            return 0;
        }
        if (exact && scale == 1) return *exact;
        bytes *= scale;
        if (bytes >= 0 && bytes < 9e18) return static_cast<std::uint64_t>(bytes);
        if (!failed()) go_back(from);
        expected("a number of bytes from 0 to 9 EB");
        return 0;
    }
};

}  // namespace detail

/// The retention that a text means: `parse_retention("last(3) | best(1, val/loss, min)").value()`; also
/// `all`, `every(10000)`, `for(24h)` and, around all of it, `capped(…, 5GB)`. Fails: invalid_argument, with
/// the character and what should be there.
[[nodiscard]] inline result<ParsedRetention> parse_retention(std::string_view text) {
    return detail::RetentionParser{text}.parse();
}

}  // namespace CAIRN_NAMESPACE
