// SPDX-License-Identifier: MIT
// A program that is compiled with -ffast-math, which takes every number to be finite: what it records is the
// same.

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

using namespace cairn::literals;

namespace {

int failures = 0;
void check(bool holds, const char* what) {
    if (holds) return;
    std::printf("not so: %s\n", what);
    ++failures;
}

void record_and_read(const std::filesystem::path& dir) {
    volatile std::uint64_t nan_bits = 0x7ff8'0000'0000'0000, inf_bits = 0x7ff0'0000'0000'0000;
    const double nan = std::bit_cast<double>(std::uint64_t{nan_bits});
    const double inf = std::bit_cast<double>(std::uint64_t{inf_bits});
    auto run = cairn::init({.project = "p", .id = "r", .dir = dir, .quiet = true});
    auto checkpoint = run.checkpoint<cairn::Best<"loss", cairn::minimize>>("model", cairn::Memory{});
    int saved = 0;
    for (const double loss : {nan, 5.0, 7.0, nan, inf, 1.0, 2.0}) {
        const auto row = run.log("loss"_m = loss);
        saved += checkpoint.step(row, cairn::part("state", saved)).saved() ? 1 : 0;
    }
    check(saved == 2, "a NaN is no best, and 5 and 1 are");
    {
        using namespace cairn;
        auto kept = run.checkpoint("kept", EveryN<1>{}, KeepBest<2, "error", minimize>{});
        int row_number = 0;
        for (const double error : {nan, 5.0, 3.0, nan, inf, 1.0, nan, 6.0}) {
            ++row_number;
            const auto row = run.log("error"_m = error);
            kept.step(row, part("state", row_number));
        }
        int restored = 0;
        kept.restore(best, part("state", restored));
        check(restored == 6, "the best is the least that is a number, also read back");
        check(kept.versions().size() == 3, "the two best are kept, and the last");
        const nlohmann::json state{{"loss", nan}};
        nlohmann::json back;
        save(dir / "state", part("json", state));
        load(dir / "state", part("json", back));
        check(detail::is_nan(back["loss"].get_ref<const double&>()), "a NaN in JSON comes back");
        check(detail::is_nan(Value{"text"}.number()), "a text is no number");
    }
    for (int i = 0; i < 100; ++i) run.log("same"_m = i == 50 ? inf : i == 60 ? nan : 2.0);  // taken together
    check(static_cast<bool>(run.finish()), "the run ends well");

    const auto recorded = cairn::open(dir).value().find("r").value();
    const auto series = recorded.series("loss").value();
    const cairn::Bucket whole = series.buckets(1)[0];
    check(whole.finite == 4 && whole.not_finite == 3, "three are not finite");
    check(whole.min == 1 && whole.max == 7 && whole.last == 2, "the extremes are those of the finite");
    const auto views = recorded.metrics().value();
    const cairn::MetricSummary& summary = views.at("loss").summary;
    check(summary.count == 7 && summary.nans == 2 && summary.numbers == 5, "an infinity is a number");
    // By their bits: a comparison takes both sides to be finite.
    const auto is = [](const double& value, double expected) {
        return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(expected);
    };
    check(is(summary.min, 1) && summary.min_step == 5 && is(summary.mean, 3.75),
          "the summary is that of the numbers");
    check(std::bit_cast<std::uint64_t>(summary.max) == inf_bits && summary.max_step == 4,
          "the greatest is infinite");
    const cairn::MetricSummary& same = views.at("same").summary;
    check(same.count == 100 && same.nans == 1 && is(same.mean, 2) && is(same.min, 2),
          "so it is for rows that are taken together");
}

/// Windows removes nothing that is read-only, as objects are.
void clear(const std::filesystem::path& dir) {
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{dir, none}) {
        std::filesystem::permissions(entry, std::filesystem::perms::owner_write,
                                     std::filesystem::perm_options::add, none);
    }
    std::filesystem::remove_all(dir);
}

}  // namespace

int main() {
    const auto dir = std::filesystem::current_path() / "fast_math";
    clear(dir);
    record_and_read(dir);
    clear(dir);  // when nothing is open: on Windows it would try for ever
    return failures;
}
