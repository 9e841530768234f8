// SPDX-License-Identifier: MIT
#pragma once
// A file that a mirror adds to, and that another mirror goes on with. Costs <vector>.

#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Collects what is to be written. Cost: keeps a MiB.
class AppendFile {
  public:
    /// A new file. Fails: already_exists, or as the disk does.
    static result<AppendFile> create(const os::Path& path) {
        auto file = os::File::create_new(path);
        if (!file) return file.error();
        return AppendFile{std::move(*file), 0};
    }
    /// Goes on where an earlier one was after a `flush`; what it wrote later, and did not count, is cut off.
    /// Fails: not_found; corrupt, if the file is shorter; or as the disk does.
    static result<AppendFile> go_on(const os::Path& path, std::uint64_t bytes) {
        const auto there = os::status(path);
        if (!there) return there.error();
        if (!there->exists) return error{errc::not_found, "the file is gone", path.string(), "write it anew"};
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        const auto size = file->size();
        if (!size) return size.error();
        if (*size < bytes)
            return error{errc::corrupt, "the file is shorter than it was", path.string(), "write it anew"};
        if (*size > bytes) {
            if (auto cut = file->truncate(bytes); !cut) return cut.error();
        }
        return AppendFile{std::move(*file), bytes};
    }

    /// What is to be written: add to it, then `settle`.
    [[nodiscard]] std::vector<std::byte>& buffer() noexcept { return buffer_; }
    /// Writes if there is enough. Fails as the disk does.
    result<void> settle() { return buffer_.size() < flush_bytes ? result<void>{} : flush(); }
    /// Hands what is left to the system. Fails as the disk does.
    result<void> flush() {
        if (auto written = file_.write_at(written_, buffer_); !written) return written;
        written_ += buffer_.size();
        buffer_.clear();
        return {};
    }
    /// Fails as the disk does.
    result<void> close() {
        if (auto flushed = flush(); !flushed) return flushed;
        return file_.close();
    }
    /// Of the file, with what is not flushed.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return written_ + buffer_.size(); }

  private:
    static constexpr std::size_t flush_bytes = std::size_t{1} << 20U;

    AppendFile(os::File file, std::uint64_t written) : file_{std::move(file)}, written_{written} {}

    os::File file_;
    std::uint64_t written_;
    std::vector<std::byte> buffer_;
};

}  // namespace CAIRN_NAMESPACE::detail
