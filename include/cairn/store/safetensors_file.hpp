// SPDX-License-Identifier: MIT
#pragma once
// A safetensors file on disk, of any origin: its tensors where they lie, without reading it, and the way
// back. No model, run or store is needed. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/safetensors.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/os.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::safetensors {

/// A file that is mapped into memory: opening it reads the header alone, however large it is, and a tensor is
/// read by the system when its bytes are looked at. All views are valid as long as this object, or the one it
/// was moved into. Threads: as a const container. Who shortens the file meanwhile kills the process (SIGBUS);
/// what cairn replaces, it renames.
template <class = void>
class BasicMappedFile {
  public:
    /// Throws `cairn::error`; `try_open` returns it.
    explicit BasicMappedFile(const std::filesystem::path& path) : BasicMappedFile{try_open(path).value()} {}

    /// Fails: not_found and what else opening a file does; corrupt for anything but a whole, well-formed
    /// file.
    [[nodiscard]] static result<BasicMappedFile> try_open(const std::filesystem::path& path) {
        auto mapping = detail::os::Mapping::open_read(path);
        if (!mapping) return mapping.error();
        auto file = parse(mapping->bytes());
        if (!file)
            return error{file.error().code(), file.error().tried(), path.string(), file.error().advice()};
        return BasicMappedFile{std::move(*mapping), std::move(*file), path.string()};
    }

    /// All tensors, sorted by name: their dtypes, shapes and bytes, which are little-endian and may not be
    /// aligned.
    [[nodiscard]] std::span<const TensorView> tensors() const noexcept {
        return std::span<const TensorView>{file_.tensors.data(), file_.tensors.size()};
    }
    /// The texts under `__metadata__`.
    [[nodiscard]] const Metadata& metadata() const noexcept { return file_.metadata; }
    /// The tensor called `name`, or null.
    [[nodiscard]] const TensorView* find(std::string_view name) const noexcept { return file_.find(name); }

    /// The elements of the tensor called `name`, in place. Fails: not_found; mismatch if its dtype is not
    /// that of T; corrupt for a bool that is neither 0 nor 1; unsupported where the machine's byte order is
    /// not the file's, or the file's writer did not align the data (`cairn::load` copies, and takes such a
    /// file).
    template <TensorElement T>
    [[nodiscard]] result<std::span<const T>> try_values(std::string_view name) const {
        const TensorView* const tensor = find(name);
        if (tensor == nullptr)
            return problem(errc::not_found, name, "is not in the file", "see the names in tensors()");
        if (tensor->dtype != dtype_of<T>) {
            return problem(errc::mismatch, name, "has the dtype " + std::string{to_string(tensor->dtype)},
                           "ask for elements of that type");
        }
        const bool is_aligned = reinterpret_cast<std::uintptr_t>(tensor->bytes.data()) % alignof(T) == 0;
        if (!is_aligned || (sizeof(T) > 1 && std::endian::native != std::endian::little)) {
            return problem(errc::unsupported, name, is_aligned ? "is little-endian" : "is not aligned",
                           "copy its bytes, or load the file with cairn::load");
        }
        if constexpr (dtype_of<T> == Dtype::BOOL) {
            for (const std::byte b : tensor->bytes) {
                if (b > std::byte{1})
                    return problem(errc::corrupt, name, "has a bool that is neither 0 nor 1",
                                   "copy the file again from where it came from");
            }
        }
        return std::span<const T>{reinterpret_cast<const T*>(tensor->bytes.data()),
                                  tensor->bytes.size() / sizeof(T)};
    }
    /// `try_values` that throws `cairn::error`.
    template <TensorElement T>
    [[nodiscard]] std::span<const T> values(std::string_view name) const {
        return try_values<T>(name).value();
    }

  private:
    BasicMappedFile(detail::os::Mapping mapping, File file, std::string path)
        : mapping_{std::move(mapping)}, file_{std::move(file)}, path_{std::move(path)} {}

    [[nodiscard]] error problem(errc code, std::string_view name, const std::string& what,
                                const std::string& advice) const {
        return {code, "the tensor " + detail::in_quotes(name) + " " + what, path_, advice};
    }

    detail::os::Mapping mapping_;
    File file_;
    std::string path_;
};
using MappedFile = BasicMappedFile<>;

/// Writes a file of `tensors` and `metadata`: beside its place, synced and renamed, so that an old one stays
/// whole on any failure. Fails as `safetensors::write` and as writing a file does.
template <class = void>
result<void> try_save(const std::filesystem::path& path, std::span<const TensorView> tensors,
                      const Metadata& metadata = {}) {
    detail::PathBatch batch;
    const auto sink = [&](std::span<const std::byte> bytes) { return batch.write(path, bytes); };
    if (auto written = write(tensors, metadata, sink); !written) return written;
    const auto placed = batch.place();
    return placed ? result<void>{} : result<void>{placed.error()};
}
/// `try_save` that throws `cairn::error`.
template <class = void>
void save(const std::filesystem::path& path, std::span<const TensorView> tensors,
          const Metadata& metadata = {}) {
    try_save(path, tensors, metadata).value();
}

}  // namespace CAIRN_NAMESPACE::safetensors
