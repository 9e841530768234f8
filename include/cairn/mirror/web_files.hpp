// SPDX-License-Identifier: MIT
#pragma once
// Files that a request sends, a piece at a time. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/mirror/web_body.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Files, one after another: the objects that a version's file is made of, or one file of a run.
class WebFiles {
  public:
    struct Piece {
        os::Path path;
        std::uint64_t size;
    };
    explicit WebFiles(std::vector<Piece> pieces) : pieces_{std::move(pieces)} {}
    WebFiles(const Store& store, const FileEntry& file) {
        for (const ObjectEntry& object : file.objects())
            pieces_.push_back({store.object_path(object.digest), object.size});
    }

    /// Why its bytes cannot be read, if that happened.
    [[nodiscard]] const std::optional<error>& failed() const noexcept { return failed_; }
    /// As a request takes it; this must live as long.
    [[nodiscard]] WebBody body() {
        std::uint64_t size = 0;
        for (const Piece& piece : pieces_) size += piece.size;
        return {size, [this](std::uint64_t at, std::uint64_t most, const WebSink& sink) {
                    return read(at, most, sink);
                }};
    }

  private:
    bool read(std::uint64_t at, std::uint64_t most, const WebSink& sink) {
        std::size_t index = 0;
        for (; index < pieces_.size() && at >= pieces_[index].size; ++index) at -= pieces_[index].size;
        if (index == pieces_.size()) return false;
        if (index != open_) {
            auto file = os::File::open_read(pieces_[index].path);
            if (!file) return fail(file.error());
            file_.emplace(std::move(*file));
            open_ = index;
        }
        constexpr std::uint64_t piece = std::uint64_t{256} << 10U;
        bytes_.resize(static_cast<std::size_t>(std::min({piece, most, pieces_[index].size - at})));
        const auto got = file_->read_at(at, writable_bytes_of(bytes_));
        if (!got) return fail(got.error());
        if (*got == 0)
            return fail({errc::corrupt, "a file is shorter than it was", pieces_[index].path.string(), ""});
        return sink(bytes_.data(), *got);
    }
    bool fail(error why) {
        failed_ = std::move(why);
        return false;
    }

    std::vector<Piece> pieces_;
    std::size_t open_ = static_cast<std::size_t>(-1);
    std::optional<os::File> file_;
    std::string bytes_;
    std::optional<error> failed_;
};

/// Calls `f(bytes)` for all of a body; false if it cannot be read.
template <class F>
[[nodiscard]] bool read_all(const WebBody& body, F&& f) {
    for (std::uint64_t at = 0; at < body.size;) {
        const bool went = body.read(at, body.size - at, [&](const char* data, std::size_t size) {
            f(bytes_of(std::string_view{data, size}));
            at += size;
            return true;
        });
        if (!went) return false;
    }
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail
