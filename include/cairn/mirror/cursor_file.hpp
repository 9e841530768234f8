// SPDX-License-Identifier: MIT
#pragma once
// Where a mirror keeps how far it got: a file in the folder of the run's rank, and a lock, so that one at a
// time is at it. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Of one target.
class CursorFile {
  public:
    /// Takes it. `kind` is "wandb" or the like, `target` what tells it from others of the kind. Fails: busy,
    /// if another has it; permission.
    static result<CursorFile> open(const os::Path& rank_dir, std::string_view kind, std::string_view target) {
        const os::Path folder = rank_dir / "mirrors";
        if (auto made = os::make_dirs(folder); !made) return made.error();
        const std::string name = std::string{kind} + "-" + sha256(bytes_of(target)).hex().substr(0, 16);
        auto lock = os::Lock::try_acquire(folder / (name + ".lock"));
        if (!lock) return lock.error();
        return CursorFile{folder / (name + ".json"), std::move(*lock)};
    }

    /// What was saved; null if nothing was, or if it cannot be read: then all is said anew. Fails as the disk
    /// does.
    [[nodiscard]] result<nlohmann::json> load() const {
        constexpr std::size_t most = std::size_t{256} << 20U;
        const auto text = read_file(path_, most);
        if (!text && text.error().code() == errc::not_found) return nlohmann::json();
        if (!text) return text.error();
        auto known = nlohmann::json::parse(*text, nullptr, false);
        if (known.is_discarded()) return nlohmann::json();
        return known;
    }
    /// Fails as the disk does.
    result<void> save(const nlohmann::json& cursor) const {
        return write_file_atomically(path_, json_text(cursor), Durability::process_crash,
                                     path_.parent_path());
    }

    /// Where it is: who deletes it has all said anew.
    [[nodiscard]] const os::Path& path() const noexcept { return path_; }

  private:
    CursorFile(os::Path path, os::Lock lock) : path_{std::move(path)}, lock_{std::move(lock)} {}

    os::Path path_;
    os::Lock lock_;
};

/// How many rows of each ring were handed on.
using RowCounts = std::map<std::uint32_t, std::uint64_t>;

/// The cursor that was saved so; one at the very beginning, if it is none, or of another version's form.
template <class C>
[[nodiscard]] C cursor_from(const nlohmann::json& is) {
    try {
        auto cursor = is.get<C>();
        if (cursor.format == C{}.format) return cursor;
    } catch (const nlohmann::json::exception&) {
        // A file that somebody has edited is no reason to stop: all is said anew.
    }
    return C{};
}

/// What a mirror goes on with: its cursor, and what it left out and nobody was told of yet.
template <class C>
class KeptCursor {
  public:
    /// Takes the file, and goes on from where an earlier one got. Fails as `CursorFile` does.
    static result<KeptCursor> open(const os::Path& rank_dir, std::string_view kind, std::string_view target) {
        auto file = CursorFile::open(rank_dir, kind, target);
        if (!file) return file.error();
        const auto known = file->load();
        if (!known) return known.error();
        return KeptCursor{std::move(*file), cursor_from<C>(*known)};
    }

    /// After the report was told. A failure tells it once more.
    void forget_left_out() {
        if (left_out_.forget()) (void)save();
    }

  protected:
    /// With what nobody was told of yet, for the case that this is the last that is heard of this object.
    result<void> save() {
        cursor_.unsaid = left_out_.as_json();
        return cursor_file_.save(cursor_);
    }
    /// What is said from here on belongs to this session.
    void start_session(std::uint64_t session) {
        cursor_.before = nullptr;
        cursor_.before = cursor_;
        cursor_.session = session;
        cursor_.is_over = false;
    }
    /// What was written of this session is lost: it is written again.
    void start_session_again() { cursor_ = cursor_from<C>(cursor_.before); }

    CursorFile cursor_file_;
    C cursor_;
    LeftOut left_out_;

  private:
    KeptCursor(CursorFile file, C cursor)
        : cursor_file_{std::move(file)}, cursor_{std::move(cursor)}, left_out_{cursor_.unsaid} {}
};

}  // namespace CAIRN_NAMESPACE::detail
