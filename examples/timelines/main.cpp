// SPDX-License-Identifier: MIT
// Draws what each policy and each retention would have done over one and the same run: the pictures of
// docs/policies.md, by the library's own dry run. usage: timelines DIR; timelines --check DIR fails if a
// picture there is not as it would be drawn now.

#include <cairn/cairn.hpp>
#include <cairn/policy/simulate.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

using namespace cairn;
using namespace cairn::literals;
using namespace std::chrono_literals;

namespace {

using History = std::vector<DynamicRow>;

/// Sixty steps, ten seconds each, of a loss that falls, with noise, a NaN at step 33 and no value at step 34.
History make_history() {
    History rows;
    std::uint32_t random = 7;
    for (int step = 0; step < 60; ++step) {
        random = random * 1664525U + 1013904223U;
        const double noise = static_cast<double>(random >> 16U) / 65536.0 - 0.5;
        const double loss = step == 33 ? std::numeric_limits<double>::quiet_NaN()
                                       : 2.0 / (1.0 + step / 9.0) + 0.35 * noise + 0.15;
        const std::vector<NamedValue> values = {{"epoch", step / 6}, {"loss", loss}};
        rows.emplace_back(step, (step + 1) * 10'000'000'000LL, values.data(), step == 34 ? 1U : 2U);
    }
    return rows;
}

/// Which rows a window or an end leaves out, and a mark that says why.
struct Extras {
    SimulateOptions options{};
    std::optional<std::size_t> stops_after{};
};

class Picture {
  public:
    explicit Picture(std::string title) : title_{std::move(title)} {}

    void draw_run(const History& rows, std::optional<std::size_t> stops_after) {
        std::string points;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double loss = rows[i]["loss"];
            if (loss != loss) {
                if (rows[i].find("loss").kind() != Value::Kind::none)
                    svg_ << "<path class='nan' d='M" << x(i) - 3 << " 83l6 6m0-6l-6 6'/>\n";
                flush(points, "run");
                continue;
            }
            points += (points.empty() ? "M" : "L") + pair(x(i), y(loss));
            if (stops_after && *stops_after == i) flush(points, "run");
        }
        flush(points, stops_after ? "rest" : "run");
        if (stops_after) line_at(*stops_after, "stop");
    }
    void shade(std::size_t from, std::size_t to) {
        svg_ << "<rect class='shade' x='" << x(from) - half << "' y='26' width='"
             << static_cast<double>(to - from) * 2 * half << "' height='70'/>\n";
    }
    void line_at(std::size_t row, const char* what) {
        const bool is_late = row > 50;
        svg_ << "<path class='event' d='M" << x(row) - half << " 26v70'/>\n<text class='small' x='"
             << x(row) - half + (is_late ? -3 : 3) << "' y='35'" << (is_late ? " text-anchor='end'>" : ">")
             << what << "</text>\n";
    }
    void draw_versions(const History& rows, const Simulation& done) {
        for (const SimulatedVersion& version : done.versions) {
            const double loss = rows[version.row]["loss"];
            const double at = loss == loss ? y(loss) : 86;
            svg_ << "<circle class='" << (version.kept ? "kept" : "pruned") << "' cx='" << x(version.row)
                 << "' cy='" << at << "' r='4'><title>v" << version.number << ", step " << version.step
                 << (version.kept ? "" : ", pruned") << "</title></circle>\n";
        }
    }
    [[nodiscard]] std::string text(const std::string& what_came) const {
        std::string escaped;
        for (const char c : title_) escaped += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string{c};
        return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640 116' role='img'>\n"
               "<title>" +
               escaped + ": " + what_came +
               "</title>\n"
               "<style>text{font:13px system-ui,sans-serif;fill:#333}.small{font-size:11px;fill:#666}"
               ".run,.rest,.nan,.axis,.event{fill:none;stroke:#4477aa;stroke-width:1.5}.rest{stroke:#ccd}"
               ".nan{stroke:#cc3311}.axis{stroke:#ccc;stroke-width:1}.event{stroke:#cc3311;stroke-dasharray:"
               "3 2}"
               ".shade{fill:#eee}.kept{fill:#228833;stroke:#fff}.pruned{fill:#fff;stroke:#228833;stroke-"
               "width:1.5}"
               "</style>\n<rect width='640' height='116' rx='6' fill='#fff'/>\n" +
               svg_.str() + "<path class='axis' d='M20 96.5h600'/>\n<text x='20' y='18'>" + escaped +
               "</text>\n<text class='small' x='20' y='109'>step 0</text>\n<text class='small' x='620' "
               "y='109' "
               "text-anchor='end'>59</text>\n<text class='small' x='320' y='109' text-anchor='middle'>" +
               what_came + "</text>\n</svg>\n";
    }

  private:
    static constexpr double half = 5;
    static double x(std::size_t row) { return 25 + 2 * half * static_cast<double>(row); }
    static double y(double loss) { return 92 - 26 * std::min(loss, 2.4); }
    static std::string pair(double a, double b) {
        char text[40];
        std::snprintf(text, sizeof text, "%.0f %.1f", a, b);
        return text;
    }
    void flush(std::string& points, const char* kind) {
        if (!points.empty()) svg_ << "<path class='" << kind << "' d='" << points << "'/>\n";
        points.clear();
    }

    std::string title_;
    std::ostringstream svg_ = [] {
        std::ostringstream out;
        out.setf(std::ios::fixed);
        out.precision(1);
        return out;
    }();
};

class Album {
  public:
    Album(std::filesystem::path dir, bool only_checks)
        : dir_{std::move(dir)}, only_checks_{only_checks}, rows_{make_history()} {}

    template <SavePolicy P, RetentionPolicy R = KeepAll>
    void add(const std::string& name, const std::string& code, const P& policy, const R& retention = {},
             const Extras& extras = {}) {
        const Simulation done = simulate(policy, retention, rows_, extras.options);
        Picture picture{code};
        // Shaded is where a window alone says no.
        P replay = policy;
        for (std::size_t i = 0, next = 0; i < rows_.size(); ++i) {
            const At now{rows_[i]};
            bool is_outside = false;
            detail::explain(replay, now, [&](const auto&, const Reason& reason, Path) {
                is_outside = is_outside || reason.rule == Rule::before_window ||
                             reason.rule == Rule::after_window || reason.rule == Rule::spent;
            });
            if (is_outside) picture.shade(i, i + 1);
            const bool saved = next < done.versions.size() && done.versions[next].row == i;
            if (saved) ++next;
            detail::settle(replay, now, saved ? Outcome::saved : Outcome::not_saved);
        }
        for (const std::size_t row : extras.options.signals) picture.line_at(row, "SIGTERM");
        if (extras.options.fails) picture.line_at(rows_.size() - 1, "throw");
        picture.draw_run(rows_, extras.stops_after);
        picture.draw_versions(rows_, done);
        std::string came = std::to_string(done.versions.size()) + " saved";
        if (done.kept() != done.versions.size()) came += ", " + std::to_string(done.kept()) + " kept";
        if (!done.versions.empty())
            came += ", a crash costs at most " + std::to_string(done.most_rows_lost()) + " steps";
        keep(name, picture.text(came));
    }

    /// A policy that stops training.
    template <class P>
    void add_stop(const std::string& name, const std::string& code, P patience) {
        std::size_t stop = 0;
        for (; stop + 1 < rows_.size(); ++stop) {
            const At now{rows_[stop]};
            const bool stops = patience.decide(now) == Answer::yes;
            detail::settle(patience, now, Outcome::not_saved);
            if (stops) break;
        }
        Picture picture{code};
        picture.draw_run(rows_, stop);
        keep(name, picture.text("stops after step " + std::to_string(stop)));
    }

    [[nodiscard]] bool is_as_drawn() const {
        for (const std::string& name : stale_)
            std::fprintf(stderr, "%s is not as it would be drawn\n", name.c_str());
        return stale_.empty();
    }

  private:
    void keep(const std::string& name, const std::string& svg) {
        const std::filesystem::path path = dir_ / (name + ".svg");
        std::ifstream in{path, std::ios::binary};
        const std::string there{std::istreambuf_iterator<char>{in}, {}};
        if (there == svg) return;
        if (only_checks_) {
            stale_.push_back(path.string());
        } else {
            std::filesystem::create_directories(dir_);
            std::ofstream{path, std::ios::binary} << svg;
        }
    }

    std::filesystem::path dir_;
    bool only_checks_;
    History rows_;
    std::vector<std::string> stale_;
};

void draw_policies(Album& album) {
    album.add("no_best_save", "NoBestSave", NoBestSave{});
    album.add("manual", "Manual", Manual{});
    album.add("every_n", "EveryN<10>", EveryN<10>{});
    album.add("every_n_epoch", "EveryN<2, \"epoch\">", EveryN<2, "epoch">{});
    album.add("at_steps", "AtSteps<0, 5, 25>", AtSteps<0, 5, 25>{});
    album.add("every_duration", "EveryDuration{2min}", EveryDuration{2min});
    album.add("best", "Best<\"loss\", minimize>", Best<"loss", minimize>{});
    album.add("improves", "Improves<\"loss\", minimize>{0.2}", Improves<"loss", minimize>{0.2});
    album.add("top_k", "TopK<3, \"loss\", minimize>", TopK<3, "loss", minimize>{});
    album.add("below", "Below<\"loss\">{0.4}", Below<"loss">{0.4});
    album.add("budget", "EveryN<1>{} & Budget{5}, where a save takes 4 s", EveryN<1>{} & Budget{5}, KeepAll{},
              {.options = {.save_seconds = 4}});
    album.add("predicate", "Predicate{[](const auto& at) { return at.step % 7 == 3; }}",
              Predicate{[](const auto& at) { return at.step % 7 == 3; }});
    album.add("on_finish", "OnFinish", OnFinish{});
    album.add("on_signal", "OnSignal", OnSignal{}, KeepAll{}, {.options = {.signals = {22}}});
    album.add("on_failure", "OnFailure", OnFailure{}, KeepAll{}, {.options = {.fails = true}});
    album.add_stop("patience", "Patience<\"loss\", minimize, 6>", Patience<"loss", minimize, 6>{});
}

void draw_windows(Album& album) {
    using Lowest = Best<"loss", minimize>;
    album.add("after", "after(20, Best<\"loss\", minimize>{})", after(20, Lowest{}));
    album.add("until", "until(20, Best<\"loss\", minimize>{})", until(20, Lowest{}));
    album.add("first", "first(3, Best<\"loss\", minimize>{})", first(3, Lowest{}));
    album.add("once", "once(Below<\"loss\">{0.5})", once(Below<"loss">{0.5}));
    album.add("at_most_every", "at_most_every(1min, Best<\"loss\", minimize>{})",
              at_most_every(1min, Lowest{}));
    album.add("or", "Best<\"loss\", minimize>{} | EveryN<20>{}", Lowest{} | EveryN<20>{});
    album.add("and", "Best<\"loss\", minimize>{} & EveryN<5>{}", Lowest{} & EveryN<5>{});
    album.add("not", "EveryN<5>{} & !AtSteps<0, 30>{}", EveryN<5>{} & !AtSteps<0, 30>{});
}

void draw_retentions(Album& album) {
    const auto every = EveryN<4>{};
    album.add("keep_all", "EveryN<4>, KeepAll", every);
    album.add("keep_last", "EveryN<4>, KeepLast<3>", every, KeepLast<3>{});
    album.add("keep_best", "EveryN<4>, KeepBest<2, \"loss\", minimize>", every,
              KeepBest<2, "loss", minimize>{});
    album.add("keep_every", "EveryN<4>, KeepEvery<20>", every, KeepEvery<20>{});
    album.add("keep_for", "EveryN<4>, KeepFor{3min}", every, KeepFor{3min});
    album.add("keep_either", "EveryN<4>, KeepLast<2>{} | KeepBest<1, \"loss\", minimize>{}", every,
              KeepLast<2>{} | KeepBest<1, "loss", minimize>{});
    album.add("capped", "EveryN<4>, capped(KeepAll{}, 5 GB), each version 1 GB", every,
              capped(KeepAll{}, 5'000'000'000), {.options = {.version_bytes = 1'000'000'000}});
}

}  // namespace

int main(int argc, char** argv) {
    const bool only_checks = argc == 3 && std::string{argv[1]} == "--check";
    if (argc != 2 && !only_checks) {
        std::fputs("usage: timelines [--check] DIR\n", stderr);
        return 2;
    }
    Album album{argv[argc - 1], only_checks};
    draw_policies(album);
    draw_windows(album);
    draw_retentions(album);
    return album.is_as_drawn() ? 0 : 1;
}
