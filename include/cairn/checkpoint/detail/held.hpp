// SPDX-License-Identifier: MIT
#pragma once
// A checkpoint's policy, retention and sink behind one type each, for all that happens seldom: so the
// machinery of checkpoints is compiled once and not once for each policy.

#include <cairn/checkpoint/sink.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/policy/text.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/version.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// What stays where it is.
class Held {
  public:
    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    virtual ~Held() = default;
};

/// A policy with its state. Whether it saves is not asked here: it may know only typed rows.
class HeldPolicy : public Held {
  public:
    [[nodiscard]] virtual std::unique_ptr<HeldPolicy> copy() const = 0;
    /// Takes over the state of another of the same type.
    virtual void become(const HeldPolicy& other) = 0;
    virtual void settle(const At<DynamicRow>& at, Outcome outcome) = 0;
    [[nodiscard]] virtual std::string text() const = 0;
    /// The metric that it watches; refers to this.
    [[nodiscard]] virtual Watched watched() const = 0;
};

template <SavePolicy P>
class PolicyHolder final : public HeldPolicy {
  public:
    explicit PolicyHolder(const P& of) : policy_(of) {}  // no braces: they could make a list of one

    [[nodiscard]] std::unique_ptr<HeldPolicy> copy() const override {
        return std::make_unique<PolicyHolder>(policy());
    }
    void become(const HeldPolicy& other) override {
        const P& from = static_cast<const PolicyHolder&>(other).policy();
        if constexpr (is_plain) {
            policy_ = from;
        } else {
            P copy(from);  // if this throws, the old one is whole
            policy_.emplace(std::move(copy));
        }
    }
    void settle(const At<DynamicRow>& at, Outcome outcome) override { detail::settle(policy(), at, outcome); }
    [[nodiscard]] std::string text() const override { return to_text(policy()); }
    [[nodiscard]] Watched watched() const override { return watched_by(policy()); }

    [[nodiscard]] P& policy() noexcept { return const_cast<P&>(std::as_const(*this).policy()); }
    [[nodiscard]] const P& policy() const noexcept {
        if constexpr (is_plain)
            return policy_;
        else
            return *policy_;
    }

  private:
    // It is replaced where it lies. Any other assignment need not compile, nor copy all of the policy.
    static constexpr bool is_plain = std::is_trivially_copy_assignable_v<P>;

    std::conditional_t<is_plain, P, std::optional<P>> policy_;
};

class HeldRetention : public Held {
  public:
    HeldRetention(bool all, std::optional<std::uint64_t> bytes, std::optional<std::uint64_t> count)
        : keeps_all{all}, at_most{bytes}, most{count} {}

    virtual void mark(const VersionList& versions) const = 0;
    [[nodiscard]] virtual std::string text() const = 0;
    [[nodiscard]] virtual Watched watched() const = 0;

    const bool keeps_all;
    const std::optional<std::uint64_t> at_most;  ///< the bytes that it is bound to, if it is
    const std::optional<std::uint64_t> most;     ///< how many versions it keeps, if it can say
};

template <RetentionPolicy R>
class RetentionHolder final : public HeldRetention {
  public:
    explicit RetentionHolder(const R& of)
        : HeldRetention{std::same_as<R, KeepAll>, bound_of(of), most_kept_by(of)}, retention_(of) {}

    void mark(const VersionList& versions) const override { retention_.mark(versions); }
    [[nodiscard]] std::string text() const override { return to_text(retention_); }
    [[nodiscard]] Watched watched() const override { return watched_by(retention_); }

  private:
    [[nodiscard]] static std::optional<std::uint64_t> bound_of(const R& of) {
        if constexpr (is_capped<R>) return of.bytes();
        return std::nullopt;
    }

    R retention_;
};

/// What a sink can do beside taking versions.
struct SinkTalents {
    bool lists, marks_best, prunes, is_collective, is_async;
};

class HeldSink : public Held {
  public:
    explicit HeldSink(SinkTalents of) : can{of} {}

    virtual void bind(const std::shared_ptr<RunCore>& core, std::string_view name) = 0;
    virtual result<Reservation> reserve(const VersionInfo& info) = 0;
    /// Where the bytes go; nothing if the sink does not tell.
    [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes() = 0;
    virtual result<void> begin(const VersionInfo& info) = 0;
    virtual result<void> write(std::string_view file, std::span<const std::byte> bytes) = 0;
    virtual result<Version> commit() = 0;
    virtual void abort() noexcept = 0;
    virtual result<StoredFiles> open(const Version& version) = 0;
    virtual result<void> remove(const Version& version) = 0;
    [[nodiscard]] virtual std::vector<Version> versions(bool any_run) = 0;
    [[nodiscard]] virtual bool is_held(const Version& version) = 0;
    virtual void mark_best(const Version& version, const Watched& by) = 0;
    virtual result<void> annotate(const Version& version, const DynamicRow& metrics) = 0;
    virtual result<void> agree(const result<void>& mine, bool& may_pass) = 0;

    const SinkTalents can;
};

template <ArtifactSink S>
class SinkHolder final : public HeldSink {
    static constexpr bool lists = requires(S& s) { s.versions(false); };
    static constexpr bool marks_best =
        requires(S& s, const Version& v, const Watched& w) { s.mark_best(v, w); };

  public:
    explicit SinkHolder(S of)
        : HeldSink{{lists, marks_best, PrunableSink<S>, CollectiveSink<S>, AsyncSink<S>}},
          sink(std::move(of)) {}

    void bind(const std::shared_ptr<RunCore>& core, std::string_view name) override {
        if constexpr (requires { sink.bind(core, name); }) sink.bind(core, name);
    }
    result<void> begin(const VersionInfo& info) override { return sink.begin(info); }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) override {
        return sink.write(file, bytes);
    }
    result<Version> commit() override { return sink.commit(); }
    void abort() noexcept override { sink.abort(); }
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() override {
        if constexpr (requires { sink.free_bytes(); })
            return sink.free_bytes();
        else
            return std::nullopt;
    }
    // A checkpoint asks only for what the sink can.
    result<Reservation> reserve(const VersionInfo& info) override {
        if constexpr (AsyncSink<S>)
            return sink.reserve(info);
        else
            return error{};
    }
    result<StoredFiles> open(const Version& version) override {
        if constexpr (ReadableSink<S>)
            return sink.open(version);
        else
            return error{};
    }
    result<void> remove(const Version& version) override {
        if constexpr (PrunableSink<S>)
            return sink.remove(version);
        else
            return error{};
    }
    [[nodiscard]] std::vector<Version> versions(bool any_run) override {
        if constexpr (lists)
            return sink.versions(any_run);
        else
            return {};
    }
    [[nodiscard]] bool is_held(const Version& version) override {
        if constexpr (requires { sink.is_held(version); })
            return sink.is_held(version);
        else
            return false;
    }
    void mark_best(const Version& version, const Watched& by) override {
        if constexpr (marks_best) sink.mark_best(version, by);
    }
    result<void> annotate(const Version& version, const DynamicRow& metrics) override {
        if constexpr (requires { sink.annotate(version, metrics); })
            return sink.annotate(version, metrics);
        else
            return {};
    }
    result<void> agree(const result<void>& mine, bool& may_pass) override {
        if constexpr (CollectiveSink<S>)
            return sink.agree(mine, may_pass);
        else
            return mine;
    }

    S sink;
};

}  // namespace CAIRN_NAMESPACE::detail
