// SPDX-License-Identifier: MIT
#pragma once
// What tells how good a classifier is: confusion matrix, precision and recall, ROC. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How often each class was taken for each; a row is a true class, a column a predicted one.
class ConfusionMatrix {
  public:
    /// For `confusion_matrix`.
    ConfusionMatrix(std::vector<std::string> labels, std::vector<std::uint64_t> counts)
        : labels_{std::move(labels)}, counts_{std::move(counts)} {}

    /// How often `truth` was taken for `predicted`.
    [[nodiscard]] std::uint64_t count(std::size_t truth, std::size_t predicted) const {
        return counts_.at(truth * labels_.size() + predicted);
    }
    /// The names of the classes.
    [[nodiscard]] const std::vector<std::string>& labels() const noexcept { return labels_; }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return counts_.size() * 8 + labels_.size() * 32; }
    /// `{"labels": [names], "counts": [rows]}`.
    [[nodiscard]] Media encode() const {
        nlohmann::json rows = nlohmann::json::array();
        for (std::size_t i = 0; i < labels_.size(); ++i) {
            const auto from = counts_.begin() + static_cast<std::ptrdiff_t>(i * labels_.size());
            rows.push_back(
                std::vector<std::uint64_t>(from, from + static_cast<std::ptrdiff_t>(labels_.size())));
        }
        const nlohmann::json out = {{"labels", labels_}, {"counts", std::move(rows)}};
        return {"confusion_matrix", "application/json",
                out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
    }

  private:
    std::vector<std::string> labels_;
    std::vector<std::uint64_t> counts_;
};

/// Counts true against predicted classes, which are numbers from 0 on: `run.log("confusion"_m =
/// cairn::confusion_matrix(truth, predicted, {"cat", "dog"}))`. Without labels they are the numbers. Throws
/// invalid_argument, if the two differ in length, or on a class that is negative, without a label, or above
/// 4095.
template <class Truth, class Predicted>
    requires std::integral<typename Truth::value_type> && std::integral<typename Predicted::value_type>
[[nodiscard]] ConfusionMatrix confusion_matrix(const Truth& truth, const Predicted& predicted,
                                               std::vector<std::string> labels = {}) {
    constexpr std::uint64_t most = 4096;
    const std::span<const typename Truth::value_type> is{truth};
    const std::span<const typename Predicted::value_type> said{predicted};
    const std::uint64_t allowed = labels.empty() ? most : labels.size();
    std::uint64_t classes = labels.size();
    bool fits = is.size() == said.size() && !is.empty() && labels.size() <= most;
    const auto see = [&](auto one) {
        const auto number = static_cast<std::uint64_t>(one);  // a great one, if it is negative
        fits = fits && number < allowed;
        classes = std::max(classes, std::min(number, most) + 1);
    };
    for (const auto one : is) see(one);
    for (const auto one : said) see(one);
    if (!fits) {
        detail::raise({errc::invalid_argument, "these classes make no confusion matrix",
                       std::to_string(is.size()) + " true and " + std::to_string(said.size()) +
                           " predicted, " + std::to_string(labels.size()) + " labels",
                       "give as many of both, numbers from 0 on, below the number of labels"});
    }
    const auto side = static_cast<std::size_t>(classes);
    for (std::size_t i = labels.size(); i < side; ++i) labels.push_back(std::to_string(i));
    std::vector<std::uint64_t> counts(side * side);
    for (std::size_t i = 0; i < is.size(); ++i)
        ++counts[static_cast<std::size_t>(is[i]) * side + static_cast<std::size_t>(said[i])];
    return {std::move(labels), std::move(counts)};
}

/// A curve that is no metric over steps: points with names for their axes, and the area below.
class Curve {
  public:
    /// Throws invalid_argument, if x and y differ in length.
    Curve(std::string x_name, std::string y_name, std::vector<double> x, std::vector<double> y)
        : x_name_{std::move(x_name)}, y_name_{std::move(y_name)}, x_{std::move(x)}, y_{std::move(y)} {
        if (x_.size() != y_.size()) {
            detail::raise({errc::invalid_argument, "a curve has as many x as y",
                           std::to_string(x_.size()) + " and " + std::to_string(y_.size()), ""});
        }
    }

    /// Where the points are.
    [[nodiscard]] const std::vector<double>& x() const noexcept { return x_; }
    /// How high they are.
    [[nodiscard]] const std::vector<double>& y() const noexcept { return y_; }
    /// What the curve is worth in one number, if that was told: of ROC the area below, of precision and
    /// recall the average precision.
    [[nodiscard]] double area() const noexcept { return area_; }
    /// Tells it.
    void set_area(double area) noexcept { area_ = area; }

    /// True and false positives at thresholds evenly over [0, 1], from 0, where all are taken for positive.
    struct Counts {
        std::vector<std::uint64_t> true_positives{};   ///< what is found at each
        std::vector<std::uint64_t> false_positives{};  ///< what is taken for it
    };
    /// Of precision and recall, if each score is in [0, 1]: 201 thresholds. Empty otherwise.
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
    /// Tells them.
    void set_counts(Counts counts) { counts_ = std::move(counts); }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept {
        return x_.size() * 16 + counts_.true_positives.size() * 16;
    }
    /// `{"x_name", "y_name", "x": [numbers], "y": [numbers], "area", "true_positives": [counts],
    /// "false_positives": [counts]}`, the last three where they are known; the numbers of at most 1000
    /// points, the first and the last among them.
    [[nodiscard]] Media encode() const {
        constexpr std::size_t most = 1000;
        nlohmann::json x = nlohmann::json::array(), y = x;
        const std::size_t count = std::min(most, x_.size());
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = count < 2 ? 0 : i * (x_.size() - 1) / (count - 1);
            x.push_back(x_[at]);
            y.push_back(y_[at]);
        }
        nlohmann::json out = {
            {"x_name", x_name_}, {"y_name", y_name_}, {"x", std::move(x)}, {"y", std::move(y)}};
        if (!detail::is_nan(area_)) out["area"] = area_;
        if (!counts_.true_positives.empty()) {
            out["true_positives"] = counts_.true_positives;
            out["false_positives"] = counts_.false_positives;
        }
        return {"curve", "application/json",
                out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
    }

  private:
    std::string x_name_, y_name_;
    std::vector<double> x_, y_;
    double area_ = detail::not_a_number;
    Counts counts_;
};

namespace detail {

/// True and false positives at each threshold that changes them, from the highest score down.
struct Positives {
    std::vector<double> found, false_alarms;  // so many at each threshold
};
template <class Truth, class Score>
[[nodiscard]] Positives positives_of(std::span<const Truth> truth, std::span<const Score> scores) {
    std::vector<std::pair<double, bool>> all;
    all.reserve(scores.size());
    bool fits = truth.size() == scores.size();
    std::size_t yes = 0;
    for (std::size_t i = 0; fits && i < scores.size(); ++i) {
        const double score = static_cast<double>(scores[i]);
        fits = !is_nan(score) && (truth[i] == Truth{0} || truth[i] == Truth{1});
        all.emplace_back(score, truth[i] != Truth{0});
        yes += all.back().second ? 1U : 0U;
    }
    if (!fits || yes == 0 || yes == all.size()) {
        raise({errc::invalid_argument, "these scores make no curve",
               std::to_string(truth.size()) + " truths, " + std::to_string(scores.size()) + " scores",
               "give a truth of 0 or 1 for each score, some of both, and no NaN"});
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    Positives out;
    double found = 0, false_alarms = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        ++(all[i].second ? found : false_alarms);
        if (i + 1 < all.size() && all[i + 1].first == all[i].first) continue;  // one threshold
        out.found.push_back(found);
        out.false_alarms.push_back(false_alarms);
    }
    return out;
}

/// At threshold i of n a score is taken for positive if floor(score (n - 1)) is i or more, as TensorBoard's
/// own summary has it, rounded as that of numbers of this type is. Nothing, if a score is not in [0, 1].
template <class Truth, class Score>
[[nodiscard]] Curve::Counts counts_of(std::span<const Truth> truth, std::span<const Score> scores) {
    using Number = std::conditional_t<std::floating_point<Score>, Score, double>;
    constexpr std::size_t last = 200;
    std::vector<std::uint64_t> right(last + 1), wrong(last + 1);
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const auto score = static_cast<Number>(scores[i]);
        if (!(score >= 0 && score <= 1)) return {};
        const volatile Number at = score * Number{last};  // rounded also where registers have more digits
        ++(truth[i] != Truth{0} ? right : wrong)[static_cast<std::size_t>(at)];
    }
    for (std::size_t i = last; i-- > 0;) {
        right[i] += right[i + 1];
        wrong[i] += wrong[i + 1];
    }
    return {std::move(right), std::move(wrong)};
}

}  // namespace detail

/// The receiver operating characteristic of scores, the greater the likelier; `area()` is the area below.
/// Throws invalid_argument, unless there is a truth of 0 or 1 for each score, some of both, and no NaN. Cost:
/// sorts a copy.
template <class Truth, class Scores>
[[nodiscard]] Curve roc_curve(const Truth& truth, const Scores& scores) {
    const auto at = detail::positives_of(std::span<const typename Truth::value_type>{truth},
                                         std::span<const typename Scores::value_type>{scores});
    std::vector<double> x{0}, y{0};
    double area = 0;
    for (std::size_t i = 0; i < at.found.size(); ++i) {
        x.push_back(at.false_alarms[i] / at.false_alarms.back());
        y.push_back(at.found[i] / at.found.back());
        area += (x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2;
    }
    Curve curve{"false positive rate", "true positive rate", std::move(x), std::move(y)};
    curve.set_area(area);
    return curve;
}

/// Precision over recall of scores, the greater the likelier; `area()` is the average precision: the
/// precision at each threshold, weighted by what it adds to the recall. Of scores in [0, 1] it has `counts()`
/// too, which TensorBoard's PR curves are drawn of. Throws as `roc_curve` does.
template <class Truth, class Scores>
[[nodiscard]] Curve precision_recall_curve(const Truth& truth, const Scores& scores) {
    const std::span<const typename Truth::value_type> is{truth};
    const std::span<const typename Scores::value_type> said{scores};
    const auto at = detail::positives_of(is, said);
    std::vector<double> recall{0}, precision{1};
    double area = 0;
    for (std::size_t i = 0; i < at.found.size(); ++i) {
        recall.push_back(at.found[i] / at.found.back());
        precision.push_back(at.found[i] / (at.found[i] + at.false_alarms[i]));
        area += (recall[i + 1] - recall[i]) * precision.back();
    }
    Curve curve{"recall", "precision", std::move(recall), std::move(precision)};
    curve.set_area(area);
    curve.set_counts(detail::counts_of(is, said));
    return curve;
}

}  // namespace CAIRN_NAMESPACE
