// SPDX-License-Identifier: MIT
#pragma once
// A policy that is chosen at run time: the same policies as the types, held behind one. Costs <memory>,
// <string> and <vector>, so it is no part of policy.hpp.

#include <cairn/policy/best.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/combine.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/reason.hpp>
#include <cairn/policy/text.hpp>
#include <cairn/policy/window.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Any row, seen through one type: what a policy behind a virtual call is handed.
class RowView {
  public:
    template <class R>
    explicit RowView(const R& row) noexcept
        : row_{&row}, step_{row.step()}, time_ns_{row.time_ns()},
          look_up_{[](const void* of, std::string_view metric) {
              return reading_of_row(*static_cast<const R*>(of), metric);
          }} {}

    [[nodiscard]] std::int64_t step() const noexcept { return step_; }
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
    /// The metric as a policy sees it; itself something that can be read.
    [[nodiscard]] Reading reading(std::string_view metric) const { return look_up_(row_, metric); }

  private:
    const void* row_;
    std::int64_t step_, time_ns_;
    Reading (*look_up_)(const void*, std::string_view);
};

/// A metric whose name is known at run time.
struct GivenMetric {
    std::string text;
    Nans on_nan = Nans::unknown;
    [[nodiscard]] std::string_view name() const noexcept { return text; }
    [[nodiscard]] Nans nans() const noexcept { return on_nan; }
    [[nodiscard]] Reading read(const auto& at) const { return at.row.reading(name()); }
};
/// A metric and which way it is better.
struct GivenMonitor : GivenMetric {
    Direction way = Direction::unspecified;
    [[nodiscard]] Direction direction() const noexcept { return way; }
    static void check() noexcept {}
};

/// `AtSteps` of steps that are known at run time.
struct GivenSteps {
    std::vector<std::int64_t> steps;
    [[nodiscard]] Reason reason(const auto& at) const noexcept {
        bool listed = false;
        for (const std::int64_t step : steps) listed |= at.is_step() && at.step == step;
        return {answer(listed), listed ? Rule::due : Rule::not_due, static_cast<double>(at.step), 0};
    }
    [[nodiscard]] Answer decide(const auto& at) const noexcept { return reason(at).answer; }
    void spell(Text& out) const {
        out += "steps(";
        for (std::size_t i = 0; i < steps.size(); ++i) out += i == 0 ? "" : ", ", out.add(steps[i]);
        out += ")";
    }
};

}  // namespace detail

/// A policy as a value whose kind is known only at run time: what `parse_policy` returns. It decides as the
/// type of the same text does; a test asks both about the same rows. Copies have a state of their own. Cost:
/// a virtual call for each of its policies, and a look-up by name for each metric.
class ParsedPolicy {
  public:
    using monitor = detail::AnyMonitor;

    /// Holds a policy of any type.
    template <class P>
        requires(!std::same_as<P, ParsedPolicy>) && SavePolicy<P>
    explicit ParsedPolicy(P policy) : node_{std::make_unique<NodeOf<P>>(std::move(policy))} {}
    ParsedPolicy(const ParsedPolicy& other) : node_{other.node_->copy()} {}
    ParsedPolicy(ParsedPolicy&&) noexcept = default;
    ParsedPolicy& operator=(const ParsedPolicy& other) {
        if (this != &other) node_ = other.node_->copy();
        return *this;
    }
    ParsedPolicy& operator=(ParsedPolicy&&) noexcept = default;
    ~ParsedPolicy() = default;

    template <class R>
    [[nodiscard]] Answer decide(const At<R>& at) const {
        return with_view(at, [&](const Moment& now) { return node_->decide(now); });
    }
    template <class R>
    void settle(const At<R>& at, Outcome outcome) {
        with_view(at, [&](const Moment& now) { node_->settle(now, outcome); });
    }
    template <class R, class Tell>
    void explain(const At<R>& at, Tell&& tell, Path path) const {
        std::vector<Told> told;
        with_view(at, [&](const Moment& now) { node_->explain(now, told, path); });
        for (const Told& leaf : told) tell(leaf, leaf.reason, leaf.path);
    }
    [[nodiscard]] Wants wants() const noexcept { return node_->wants(); }
    [[nodiscard]] detail::RowsHeard rows_heard() const noexcept { return node_->rows_heard(); }
    [[nodiscard]] detail::Watched watched() const noexcept { return node_->watched(); }
    template <class R>
    [[nodiscard]] std::string_view rejected(const At<R>& at) const {
        return with_view(at, [&](const Moment& now) { return node_->rejected(now); });
    }
    void spell(detail::Text& out) const { node_->spell(out); }
    [[nodiscard]] detail::Binding binding() const noexcept { return node_->binding(); }

  private:
    using Moment = At<detail::RowView>;

    /// A leaf as it is told of: its text.
    struct Told {
        std::string text;
        Reason reason;
        Path path;
        void spell(detail::Text& out) const { out += text; }
    };
    struct Node {
        Node() = default;
        Node(const Node&) = delete;
        Node& operator=(const Node&) = delete;
        virtual ~Node() = default;
        [[nodiscard]] virtual std::unique_ptr<Node> copy() const = 0;
        [[nodiscard]] virtual Answer decide(const Moment& at) const = 0;
        virtual void settle(const Moment& at, Outcome outcome) = 0;
        virtual void explain(const Moment& at, std::vector<Told>& told, Path path) const = 0;
        [[nodiscard]] virtual Wants wants() const noexcept = 0;
        [[nodiscard]] virtual detail::RowsHeard rows_heard() const noexcept = 0;
        [[nodiscard]] virtual detail::Watched watched() const noexcept = 0;
        [[nodiscard]] virtual std::string_view rejected(const Moment& at) const = 0;
        virtual void spell(detail::Text& out) const = 0;
        [[nodiscard]] virtual detail::Binding binding() const noexcept = 0;
    };
    template <class P>
    struct NodeOf final : Node {
        explicit NodeOf(P of) : policy{std::move(of)} {}
        [[nodiscard]] std::unique_ptr<Node> copy() const override { return std::make_unique<NodeOf>(policy); }
        [[nodiscard]] Answer decide(const Moment& at) const override { return policy.decide(at); }
        void settle(const Moment& at, Outcome outcome) override { detail::settle(policy, at, outcome); }
        void explain(const Moment& at, std::vector<Told>& told, Path path) const override {
            const auto tell = [&](const auto& leaf, const Reason& reason, Path where) {
                detail::Text text;
                detail::spell(text, leaf);
                told.push_back({std::string{std::move(text)}, reason, where});
            };
            detail::explain(policy, at, tell, path);
        }
        [[nodiscard]] Wants wants() const noexcept override { return detail::wants_of(policy); }
        [[nodiscard]] detail::RowsHeard rows_heard() const noexcept override {
            return detail::rows_heard_by(policy);
        }
        [[nodiscard]] detail::Watched watched() const noexcept override { return detail::watched_by(policy); }
        [[nodiscard]] std::string_view rejected(const Moment& at) const override {
            return detail::rejected_by(policy, at);
        }
        void spell(detail::Text& out) const override { detail::spell(out, policy); }
        [[nodiscard]] detail::Binding binding() const noexcept override { return detail::binding_of(policy); }

        P policy;
    };

    template <class R, class F>
    static auto with_view(const At<R>& at, F&& f) {
        if constexpr (std::same_as<R, detail::RowView>) {
            return f(at);
        } else {
            const detail::RowView view{at.row};
            return f(Moment{view, at.step, at.time_ns, at.seconds, at.save_seconds, at.signal, at.final,
                            at.failure});
        }
    }

    std::unique_ptr<Node> node_;
};

namespace detail {

/// `Any` or `All` of a number of policies that is known at run time.
template <bool IsAny>
struct GivenPack {
    std::vector<ParsedPolicy> members;

    [[nodiscard]] Answer decide(const auto& at) const {
        Answer whole = answer(!IsAny);
        for (const ParsedPolicy& member : members) {
            const Answer one = member.decide(at);
            whole = IsAny ? whole | one : whole & one;
        }
        return whole;
    }
    void settle(const auto& at, Outcome outcome) {
        for (ParsedPolicy& member : members) member.settle(at, outcome);
    }
    void explain(const auto& at, auto&& tell, Path path) const {
        const Answer whole = decide(at);
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (same_truth(members[i].decide(at), whole)) members[i].explain(at, tell, path.then(i));
        }
    }
    [[nodiscard]] Wants wants() const noexcept {
        Wants all;
        for (const ParsedPolicy& member : members) all = all | member.wants();
        return all;
    }
    [[nodiscard]] RowsHeard rows_heard() const noexcept {
        RowsHeard all;
        for (const ParsedPolicy& member : members) all = all | member.rows_heard();
        return all;
    }
    [[nodiscard]] Watched watched() const noexcept {
        for (const ParsedPolicy& member : members) {
            if (const Watched first = member.watched(); first.any()) return first;
        }
        return {};
    }
    [[nodiscard]] std::string_view rejected(const auto& at) const {
        for (const ParsedPolicy& member : members) {
            if (const std::string_view metric = member.rejected(at); !metric.empty()) return metric;
        }
        return {};
    }
    void spell(Text& out) const {
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (i != 0) out += IsAny ? " | " : " & ";
            spell_inside(out, members[i], binding());
        }
    }
    [[nodiscard]] static constexpr Binding binding() noexcept { return IsAny ? Binding::any : Binding::all; }
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
