// SPDX-License-Identifier: MIT
#pragma once
// What a look at a store finds, and where a repair puts what is damaged. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Whether what is found is mended too.
enum class Repair : unsigned char { no, yes };

/// Something that is not as it should be.
struct Finding {
    error what;                 ///< what is wrong, and where
    bool is_damage = true;      ///< false: only left over; it harms nothing
    std::string done = {};      ///< what the repair did about it; empty: nothing
    std::string not_done = {};  ///< why the repair did nothing, if it tried
};

namespace detail {

/// In the store: what repairs have set aside, each in a folder of its own that is laid out as the store is.
inline constexpr const char* set_aside_folder = "damaged";

/// Moves what is damaged out of the way: into a folder of the store that is this object's own, where it keeps
/// its path. Nothing is ever removed. The answers say what was done.
template <class = void>
class BasicSetAside {
  public:
    explicit BasicSetAside(Store store) : store_{std::move(store)} {}

    /// A file or a folder of the store. Fails as the disk does.
    result<std::string> move(const os::Path& path) {
        const auto to = place_for(path);
        if (!to) return to.error();
        if (auto moved = os::rename_replace(path, *to); !moved) return moved.error();
        return "set it aside, as " + to->string();
    }
    /// Bytes of a file that are about to be cut or replaced.
    result<std::string> keep(const os::Path& path, std::span<const std::byte> bytes) {
        const auto to = place_for(path);
        if (!to) return to.error();
        auto file = os::File::create_new(*to);
        if (!file) return file.error();
        if (auto written = file->write_all(bytes); !written) return written.error();
        if (auto synced = file->sync(); !synced) return synced.error();
        return "set those bytes aside, as " + to->string();
    }

  private:
    [[nodiscard]] result<os::Path> place_for(const os::Path& path) {
        for (unsigned n = 1; folder_.empty(); ++n) {
            const os::Path above = store_.root() / set_aside_folder;
            if (auto made = os::make_dirs(above); !made) return made.error();
            auto made = os::make_dir(above / std::to_string(n));
            if (made) folder_ = above / std::to_string(n);
            if (!made && made.error().code() != errc::already_exists) return made.error();
        }
        os::Path to = folder_ / path.lexically_relative(store_.root());
        if (auto made = os::make_dirs(to.parent_path()); !made) return made.error();
        for (auto there = os::status(to, os::Links::refuse);; there = os::status(to, os::Links::refuse)) {
            if (!there) return there.error();
            if (!there->exists) return to;
            to += "~";
        }
    }

    Store store_;
    os::Path folder_;  // made when it is needed
};
using SetAside = BasicSetAside<>;

/// Keeps findings, and mends them if that is wanted.
template <class = void>
class BasicMender {
  public:
    BasicMender(Repair repair, SetAside& aside, std::vector<Finding>& findings)
        : repair_{repair}, aside_{&aside}, findings_{&findings} {}

    /// `f() -> result<std::string>` mends it and says how.
    template <class F>
    void found(Finding finding, F&& f) {
        if (repair_ == Repair::yes) {
            const result<std::string> done = f();
            if (done)
                finding.done = *done;
            else
                finding.not_done = done.error().what();
        }
        findings_->push_back(std::move(finding));
    }
    /// What nothing can be done about.
    void found(error what) { findings_->push_back({std::move(what)}); }

    [[nodiscard]] bool repairs() const noexcept { return repair_ == Repair::yes; }
    [[nodiscard]] SetAside& aside() noexcept { return *aside_; }

  private:
    Repair repair_;
    SetAside* aside_;
    std::vector<Finding>* findings_;
};
using Mender = BasicMender<>;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
