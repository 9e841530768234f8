// SPDX-License-Identifier: MIT
#pragma once
// The calls of Windows 10 and later, as POSIX would answer them. Every file is opened so that others may
// read, write, rename and remove it meanwhile, as on the other systems.

#include <cairn/store/detail/os_sys_types.hpp>

#if defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cwchar>
#include <string>
#include <string_view>
#include <vector>

// A program that needs more of windows.h includes it itself, before this.
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#if !defined(NOGDI)
#define NOGDI
#endif
#include <windows.h>

// RtlGenRandom, under the name by which it is exported.
extern "C" __declspec(dllimport) unsigned char __stdcall SystemFunction036(void*, unsigned long);
#if defined(_MSC_VER)
#pragma comment(lib, "advapi32")
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// What the system calls an open file.
using Handle = std::intptr_t;
inline constexpr Handle no_handle = -1;

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

[[nodiscard]] inline ::HANDLE native(Handle handle) noexcept { return reinterpret_cast<::HANDLE>(handle); }

/// The errno for what `GetLastError` says.
[[nodiscard]] inline int errno_of(::DWORD number) noexcept {
    switch (number) {
        // Not a share or a drive that is away just now (EIO): what is only out of reach is not gone.
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND: return ENOENT;
        case ERROR_INVALID_NAME:
        case ERROR_BAD_PATHNAME: return EINVAL;
        case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
        case ERROR_ACCESS_DENIED:
        case ERROR_PRIVILEGE_NOT_HELD: return EACCES;
        case ERROR_CANT_RESOLVE_FILENAME: return ELOOP;
        case ERROR_FILE_TOO_LARGE: return EFBIG;
        case ERROR_WRITE_PROTECT: return EROFS;
        case ERROR_FILE_EXISTS:
        case ERROR_ALREADY_EXISTS: return EEXIST;
        case ERROR_DIR_NOT_EMPTY: return ENOTEMPTY;
        case ERROR_DIRECTORY: return ENOTDIR;
        case ERROR_DISK_FULL:
        case ERROR_HANDLE_DISK_FULL:
        case 1295: return ENOSPC;  // ERROR_DISK_QUOTA_EXCEEDED, which older headers lack
        case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
        case ERROR_TOO_MANY_LINKS: return EMLINK;
        case ERROR_NOT_SAME_DEVICE: return EXDEV;
        case ERROR_SHARING_VIOLATION:
        case ERROR_LOCK_VIOLATION:
        case ERROR_DELETE_PENDING:
        case ERROR_USER_MAPPED_FILE: return EBUSY;
        case ERROR_INVALID_FUNCTION:
        case ERROR_NOT_SUPPORTED:
        case ERROR_CALL_NOT_IMPLEMENTED: return ENOSYS;
        case ERROR_INVALID_HANDLE: return EBADF;
        case ERROR_INVALID_PARAMETER: return EINVAL;
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_OUTOFMEMORY:
        case ERROR_COMMITMENT_LIMIT: return ENOMEM;
        default: return EIO;
    }
}
/// -1, and `errno` for the call that failed last.
[[nodiscard]] inline int fail() noexcept {
    errno = errno_of(::GetLastError());
    return -1;
}
[[nodiscard]] inline int done(::BOOL worked) noexcept { return worked != 0 ? 0 : fail(); }
/// The same for a path. One that is too long, a name of it or all of it in a program without a manifest, is
/// "not found" for the system.
[[nodiscard]] inline int done(::BOOL worked, const wchar_t* path) noexcept {
    if (worked != 0) return 0;
    const ::DWORD code = ::GetLastError();
    (void)fail();
    if (code == ERROR_PATH_NOT_FOUND || code == ERROR_FILE_NOT_FOUND) {
        const std::size_t name = std::wstring_view{path}.find_last_of(L"\\/") + 1;  // 0 where there is none
        const bool long_name = std::wcslen(path + name) > 255;
        const bool long_path = std::wcslen(path) >= 248 && std::wcsncmp(path, L"\\\\?\\", 4) != 0;
        if (long_name || (long_path && code == ERROR_PATH_NOT_FOUND)) errno = ENAMETOOLONG;
    }
    return -1;
}
/// Repeats a call that fails because somebody (a virus scanner, an indexer, a backup) has the file open in a
/// way that keeps us out, which passes: for two seconds at most; for an eighth of one where it may just as
/// well be forbidden.
template <class Call>
[[nodiscard]] ::BOOL patiently(Call call, bool though_denied = true) noexcept {
    for (::DWORD pause = 1;; pause *= 2) {
        const ::BOOL worked = call();
        const ::DWORD number = worked != 0 ? 0 : ::GetLastError();
        const bool passes = (number == ERROR_SHARING_VIOLATION && pause <= 1024) ||
                            (number == ERROR_ACCESS_DENIED && though_denied && pause <= 64);
        if (!passes) {
            ::SetLastError(number);
            return worked;
        }
        ::Sleep(pause);
    }
}

inline int close(Handle file) noexcept { return done(::CloseHandle(native(file))); }

/// What an open file is. A link is what stands for another name; what deduplication or a cloud service leaves
/// in a file's place is not one, though the system calls both reparse points.
struct Attributes {
    ::DWORD bits = 0;
    bool is_link = false;
    bool is_folder = false;
};
[[nodiscard]] inline int attributes(::HANDLE file, Attributes& to) noexcept {
    ::FILE_BASIC_INFO info{};
    if (::GetFileInformationByHandleEx(file, FileBasicInfo, &info, sizeof info) == 0) return fail();
    to.bits = info.FileAttributes;
    to.is_link = false;
    if ((to.bits & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {  // FAT has none, and no tags to ask for
        ::FILE_ATTRIBUTE_TAG_INFO tag{};
        if (::GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, sizeof tag) == 0) return fail();
        to.is_link = IsReparseTagNameSurrogate(tag.ReparseTag);
    }
    to.is_folder = !to.is_link && (to.bits & FILE_ATTRIBUTE_DIRECTORY) != 0;
    return 0;
}

inline constexpr ::DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// Opens what is at a path, or makes a file there, as `how` says; with `itself` a link and not what it names.
[[nodiscard]] inline ::HANDLE open_handle(const wchar_t* path, ::DWORD access, bool itself, Attributes& to,
                                          ::DWORD share = share_all, ::DWORD how = OPEN_EXISTING) noexcept {
    // With FILE_FLAG_BACKUP_SEMANTICS a folder can be opened too.
    ::DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (itself ? FILE_FLAG_OPEN_REPARSE_POINT : 0U);
    while (true) {
        ::HANDLE file = INVALID_HANDLE_VALUE;
        const auto opened = [&] {
            file = ::CreateFileW(path, access, share, nullptr, how, flags, nullptr);
            return ::BOOL{file != INVALID_HANDLE_VALUE};
        };
        if (done(patiently(opened, false), path) != 0) return INVALID_HANDLE_VALUE;
        const int known = attributes(file, to);
        const bool fetched = (flags & FILE_FLAG_OPEN_REPARSE_POINT) != 0 && !to.is_link &&
                             (to.bits & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
        if (known == 0 && !fetched) return file;
        const int number = errno;
        ::CloseHandle(file);
        errno = number;
        if (known != 0) return INVALID_HANDLE_VALUE;
        flags = FILE_FLAG_BACKUP_SEMANTICS;  // no link, but bytes that the system fetches for who opens it
                                             // plainly
    }
}

[[nodiscard]] inline Handle open(const wchar_t* path, Opening how) noexcept {
    ::DWORD access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    if (how.read) access |= GENERIC_READ;
    if (how.write) access |= how.append ? FILE_APPEND_DATA : GENERIC_WRITE;
    Attributes is;
    // A folder that is walked through must stay where it is: see `path_in`.
    const bool pinned = how.folder && !how.follow;
    ::HANDLE const file =
        open_handle(path, access, how.must_be_new || !how.follow, is,  // a dangling link is there
                    pinned ? FILE_SHARE_READ | FILE_SHARE_WRITE : share_all,
                    how.must_be_new ? CREATE_NEW
                    : how.create    ? OPEN_ALWAYS
                                    : OPEN_EXISTING);
    if (file == INVALID_HANDLE_VALUE) return no_handle;
    int number = 0;
    if (!how.follow && is.is_link)
        number = ELOOP;
    else if (how.folder && !is.is_folder)
        number = ENOTDIR;
    else if (how.write && is.is_folder)
        number = EISDIR;
    if (number == 0) return reinterpret_cast<Handle>(file);
    ::CloseHandle(file);
    errno = number;
    return no_handle;
}

[[nodiscard]] inline Handle read(Handle file, void* to, std::size_t n) noexcept {
    ::DWORD got = 0;
    if (::ReadFile(native(file), to, static_cast<::DWORD>(n), &got, nullptr) == 0) {
        // The other end of a pipe is gone.
        return ::GetLastError() == ERROR_BROKEN_PIPE ? 0 : fail();
    }
    return static_cast<Handle>(got);
}
[[nodiscard]] inline Handle write(Handle file, const void* from, std::size_t n) noexcept {
    ::DWORD put = 0;
    if (::WriteFile(native(file), from, static_cast<::DWORD>(n), &put, nullptr) == 0) return fail();
    return static_cast<Handle>(put);
}

/// Where a file is read or written by an offset of its own, the system moves its pointer: this puts it back.
class PointerKept {
  public:
    explicit PointerKept(Handle file) noexcept : file_{native(file)} {
        ::SetFilePointerEx(file_, {}, &before_, FILE_CURRENT);
    }
    PointerKept(const PointerKept&) = delete;
    PointerKept& operator=(const PointerKept&) = delete;
    ~PointerKept() { ::SetFilePointerEx(file_, before_, nullptr, FILE_BEGIN); }

  private:
    ::HANDLE file_;
    ::LARGE_INTEGER before_{};
};
[[nodiscard]] inline ::OVERLAPPED overlapped_at(std::uint64_t at) noexcept {
    ::OVERLAPPED place{};
    place.Offset = static_cast<::DWORD>(at);
    place.OffsetHigh = static_cast<::DWORD>(at >> 32U);
    return place;
}
[[nodiscard]] inline Handle pread(Handle file, void* to, std::size_t n, std::uint64_t at) noexcept {
    const PointerKept kept{file};
    ::OVERLAPPED place = overlapped_at(at);
    ::DWORD got = 0;
    if (::ReadFile(native(file), to, static_cast<::DWORD>(n), &got, &place) == 0)
        return ::GetLastError() == ERROR_HANDLE_EOF ? 0 : fail();
    return static_cast<Handle>(got);
}
[[nodiscard]] inline Handle pwrite(Handle file, const void* from, std::size_t n, std::uint64_t at) noexcept {
    const PointerKept kept{file};
    ::OVERLAPPED place = overlapped_at(at);
    ::DWORD put = 0;
    if (::WriteFile(native(file), from, static_cast<::DWORD>(n), &put, &place) == 0) return fail();
    return static_cast<Handle>(put);
}

/// Sets one kind of information of an open file.
template <class Info>
[[nodiscard]] int set_info(::HANDLE file, ::FILE_INFO_BY_HANDLE_CLASS which, Info info) noexcept {
    return done(::SetFileInformationByHandle(file, which, &info, sizeof info));
}

[[nodiscard]] inline int ftruncate(Handle file, std::uint64_t size) noexcept {
    ::FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<::LONGLONG>(size);
    return set_info(native(file), FileEndOfFileInfo, end);
}

[[nodiscard]] inline std::uint64_t joined(::DWORD high, ::DWORD low) noexcept {
    return static_cast<std::uint64_t>(high) << 32U | low;
}
[[nodiscard]] inline int fstat(Handle file, FileStatus& to) noexcept {
    ::BY_HANDLE_FILE_INFORMATION info{};
    Attributes is;
    if (::GetFileInformationByHandle(native(file), &info) == 0 || attributes(native(file), is) != 0)
        return fail();
    to.exists = true;
    to.is_link = is.is_link;
    to.is_dir = is.is_folder;
    to.is_file = !to.is_link && !to.is_dir && ::GetFileType(native(file)) == FILE_TYPE_DISK;
    to.size = joined(info.nFileSizeHigh, info.nFileSizeLow);
    to.nlink = info.nNumberOfLinks;
    // In 100 ns since 1601-01-01.
    const std::uint64_t time =
        joined(info.ftLastWriteTime.dwHighDateTime, info.ftLastWriteTime.dwLowDateTime);
    to.modified_ns = (static_cast<std::int64_t>(time) - 116'444'736'000'000'000) * 100;
    to.device = info.dwVolumeSerialNumber;
    to.inode = joined(info.nFileIndexHigh, info.nFileIndexLow);
    return 0;
}
[[nodiscard]] inline int status_of(const wchar_t* path, FileStatus& to, bool itself) noexcept {
    Attributes is;
    const ::HANDLE file = open_handle(path, FILE_READ_ATTRIBUTES, itself, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    const int got = fstat(reinterpret_cast<Handle>(file), to);
    ::CloseHandle(file);
    return got;
}
[[nodiscard]] inline int stat(const wchar_t* path, FileStatus& to) noexcept {
    return status_of(path, to, false);
}
/// Of a link itself.
[[nodiscard]] inline int lstat(const wchar_t* path, FileStatus& to) noexcept {
    return status_of(path, to, true);
}

/// Whether an open file lies on this machine.
[[nodiscard]] inline bool is_local(Handle file) noexcept {
    ::FILE_REMOTE_PROTOCOL_INFO info{};  // told of files that do not
    return ::GetFileInformationByHandleEx(native(file), ::FileRemoteProtocolInfo, &info, sizeof info) == 0;
}
[[nodiscard]] inline int set_read_only(const wchar_t* path) noexcept {
    const ::DWORD bits = ::GetFileAttributesW(path);
    return done(bits != INVALID_FILE_ATTRIBUTES &&
                    ::SetFileAttributesW(path, bits | FILE_ATTRIBUTE_READONLY) != 0,
                path);
}
[[nodiscard]] inline int set_read_only(Handle file) noexcept {
    Attributes is;
    if (attributes(native(file), is) != 0) return -1;
    ::FILE_BASIC_INFO info{};  // times of 0 stay as they are
    info.FileAttributes = is.bits | FILE_ATTRIBUTE_READONLY;
    return set_info(native(file), FileBasicInfo, info);
}
[[nodiscard]] inline int mkdir(const wchar_t* path) noexcept {
    return done(::CreateDirectoryW(path, nullptr), path);
}
[[nodiscard]] inline int link(const wchar_t* from, const wchar_t* to) noexcept {
    return done(::CreateHardLinkW(to, from, nullptr), to);
}
/// Replaces what is at `to`, though it be open or read-only, as on the other systems.
[[nodiscard]] inline int rename(const wchar_t* from, const wchar_t* to) {
    std::wstring target(::GetFullPathNameW(to, 0, nullptr, nullptr), L'\0');
    const ::DWORD length =
        ::GetFullPathNameW(to, static_cast<::DWORD>(target.size()), target.data(), nullptr);
    if (length == 0) return fail();
    Attributes is;
    const ::HANDLE file = open_handle(from, DELETE | SYNCHRONIZE | FILE_READ_ATTRIBUTES, true, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    // A FILE_RENAME_INFO holds the name in itself. Its flags: replace, POSIX semantics, even if read-only.
    std::vector<::FILE_RENAME_INFO> room(2 + length * sizeof(wchar_t) / sizeof(::FILE_RENAME_INFO));
    const ::DWORD flags = 0x1 | 0x2 | 0x40;
    std::memcpy(room.data(), &flags, sizeof flags);
    room[0].FileNameLength = static_cast<::DWORD>(length * sizeof(wchar_t));
    std::memcpy(room[0].FileName, target.c_str(), length * sizeof(wchar_t));
    constexpr auto FileRenameInfoEx = static_cast<::FILE_INFO_BY_HANDLE_CLASS>(22);
    const ::BOOL renamed = patiently([&] {
        return ::SetFileInformationByHandle(file, FileRenameInfoEx, room.data(),
                                            static_cast<::DWORD>(room.size() * sizeof(::FILE_RENAME_INFO)));
    });
    const int number = renamed != 0 ? 0 : errno_of(::GetLastError());
    ::CloseHandle(file);
    if (number == ENOSYS || number == EINVAL)  // a file system that knows only the old way
        return done(patiently([&] { return ::MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING); }), to);
    errno = number;
    return number == 0 ? 0 : -1;
}

/// Removes a name, of a file that may be open or read-only, as on the other systems.
[[nodiscard]] inline int remove_name(const wchar_t* path, bool folder) noexcept {
    Attributes is;
    const ::HANDLE file = open_handle(path, DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, true, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    int removed = -1;
    if (is.is_folder != folder) {
        errno = folder ? ENOTDIR : EISDIR;
    } else {
        // A FILE_DISPOSITION_INFO_EX: delete, POSIX semantics, even if read-only.
        constexpr auto FileDispositionInfoEx = static_cast<::FILE_INFO_BY_HANDLE_CLASS>(21);
        removed = done(
            // Not though denied: so it is for a file that is mapped, which stays so.
            patiently([&] { return set_info(file, FileDispositionInfoEx, ::DWORD{0x1 | 0x2 | 0x10}) == 0; },
                      false));
        if (removed != 0 &&
            (errno == ENOSYS || errno == EINVAL)) {  // a file system that knows only the old way
            const auto set_bits = [&](::DWORD bits) {
                ::FILE_BASIC_INFO info{};
                info.FileAttributes = bits;
                return set_info(file, FileBasicInfo, info);
            };
            const bool sealed = (is.bits & FILE_ATTRIBUTE_READONLY) != 0;
            const ::DWORD open_bits = is.bits & ~static_cast<::DWORD>(FILE_ATTRIBUTE_READONLY);
            if (sealed) (void)set_bits(open_bits == 0 ? FILE_ATTRIBUTE_NORMAL : open_bits);
            ::FILE_DISPOSITION_INFO gone{};
            gone.DeleteFile = TRUE;
            removed = set_info(file, FileDispositionInfo, gone);
            // Other names of the file stay sealed, and so does this one if it could not be removed.
            const int number = errno;
            if (sealed) (void)set_bits(is.bits);
            errno = number;
        }
    }
    const int number = errno;
    ::CloseHandle(file);
    errno = number;
    return removed;
}
inline int unlink(const wchar_t* path) noexcept { return remove_name(path, false); }

[[nodiscard]] inline std::wstring wide(std::string_view utf8) {
    std::wstring out(utf8.size(), L'\0');
    const int length = static_cast<int>(utf8.size());
    const int n =
        length == 0 ? 0 : ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, out.data(), length);
    out.resize(static_cast<std::size_t>(n));
    return out;
}
[[nodiscard]] inline std::string utf8(std::wstring_view wide) {
    std::string out(3 * wide.size(), '\0');  // a unit is three bytes at most
    const int length = static_cast<int>(wide.size());
    const int n = length == 0 ? 0
                              : ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, out.data(),
                                                      static_cast<int>(out.size()), nullptr, nullptr);
    out.resize(static_cast<std::size_t>(n));
    return out;
}

/// A path to `name` in an open folder; empty, with `errno`, on failure. It means that folder for as long as
/// the handle is open: a folder that is walked through is opened so that nobody can move it.
[[nodiscard]] inline std::wstring path_in(Handle folder, std::string_view name) {
    for (const ::DWORD kind :
         {::DWORD{FILE_NAME_NORMALIZED}, ::DWORD{FILE_NAME_OPENED}}) {  // some shares know only the second
        const ::DWORD room = ::GetFinalPathNameByHandleW(native(folder), nullptr, 0, kind);
        std::wstring path(room, L'\0');
        const ::DWORD n =
            room == 0 ? 0 : ::GetFinalPathNameByHandleW(native(folder), path.data(), room, kind);
        if (n == 0 || n >= path.size()) continue;
        path.resize(n);
        return name == "." ? path : path + L'\\' + wide(name);
    }
    errno = EIO;  // not the system's own number: "not found" would be taken for an empty folder
    return {};
}
[[nodiscard]] inline Handle open_at(Handle folder, const char* name, Opening how) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? no_handle : open(path.c_str(), how);
}
[[nodiscard]] inline int unlink_at(Handle folder, const char* name) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? -1 : remove_name(path.c_str(), false);
}
[[nodiscard]] inline int rmdir_at(Handle folder, const char* name) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? -1 : remove_name(path.c_str(), true);
}

/// Calls `each(name)` for all that an open folder holds, "." and ".." among it. Takes the handle.
template <class Each>
[[nodiscard]] int list(Handle folder, Each each) {
    struct Closed {
        Handle file;
        ~Closed() { close(file); }
    };
    const Closed closed{folder};
    alignas(8) unsigned char room[8192];
    while (::GetFileInformationByHandleEx(native(folder), FileIdBothDirectoryInfo, room, sizeof room) != 0) {
        for (std::size_t at = 0;;) {
            ::FILE_ID_BOTH_DIR_INFO entry{};
            std::memcpy(&entry, room + at, offsetof(::FILE_ID_BOTH_DIR_INFO, FileName));
            std::wstring name(entry.FileNameLength / sizeof(wchar_t), L'\0');
            std::memcpy(name.data(), room + at + offsetof(::FILE_ID_BOTH_DIR_INFO, FileName),
                        entry.FileNameLength);
            each(utf8(name));
            if (entry.NextEntryOffset == 0) break;
            at += entry.NextEntryOffset;
        }
    }
    return ::GetLastError() == ERROR_NO_MORE_FILES ? 0 : fail();
}

/// To the disk itself. Of a folder there is nothing to do: NTFS keeps its names in a journal of its own.
[[nodiscard]] inline int fsync(Handle file) noexcept {
    if (::FlushFileBuffers(native(file)) != 0) return 0;
    const ::DWORD number = ::GetLastError();
    Attributes is;
    if (number == ERROR_ACCESS_DENIED && attributes(native(file), is) == 0 && is.is_folder) return 0;
    errno = errno_of(number);
    return -1;
}

/// Reserves the blocks of a file, so that no later write through a mapping can fail. Gives the errno, not -1.
[[nodiscard]] inline int reserve(Handle file, std::uint64_t size) noexcept {
    FileStatus info;
    if (fstat(file, info) != 0) return errno;
    if (info.size >= size) return 0;
    return ftruncate(file, size) == 0 ? 0 : errno;  // NTFS gives a file its clusters when its end is set
}

/// The first `size` bytes of a file as memory, or zeros that belong to no file; nullptr on failure.
[[nodiscard]] inline void* map(Handle file, std::size_t size, bool writable) noexcept {
    const auto wide = static_cast<std::uint64_t>(size);
    const ::HANDLE section =
        ::CreateFileMappingW(native(file), nullptr, writable ? PAGE_READWRITE : PAGE_READONLY,
                             static_cast<::DWORD>(wide >> 32U), static_cast<::DWORD>(wide), nullptr);
    if (section == nullptr) return (void)fail(), nullptr;
    void* const at =
        ::MapViewOfFile(section, writable ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ, 0, 0, size);
    if (at == nullptr) (void)fail();
    const int number = errno;
    ::CloseHandle(section);  // the view holds it
    errno = number;
    return at;
}
inline void unmap(void* at, std::size_t) noexcept { ::UnmapViewOfFile(at); }

// A lock keeps readers and writers from the bytes it is on: so it is on bytes that no file has.
[[nodiscard]] inline ::OVERLAPPED place_of(LockRange part) noexcept {
    constexpr std::uint64_t beyond = 0x4000'0000'0000'0000U;
    return overlapped_at(part.one_byte ? beyond + 1 + part.at % (beyond - 1) : beyond);
}
[[nodiscard]] inline int try_lock(Handle file, Locking how, LockRange part) noexcept {
    ::OVERLAPPED place = place_of(part);
    const ::DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (how == Locking::alone ? LOCKFILE_EXCLUSIVE_LOCK : 0U);
    if (::LockFileEx(native(file), flags, 0, 1, 0, &place) != 0) return 0;
    const ::DWORD number = ::GetLastError();
    errno = number == ERROR_LOCK_VIOLATION || number == ERROR_IO_PENDING ? EAGAIN : errno_of(number);
    return -1;
}
/// Takes a file, or a byte of it, or drops it, for this open file and not for the process: another open file
/// of the same process is kept out too. EAGAIN if another has it, for longer than `is_locked` would.
[[nodiscard]] inline int lock(Handle file, Locking how, LockRange part = {}) noexcept {
    if (how == Locking::none) {
        ::OVERLAPPED place = place_of(part);
        return done(::UnlockFileEx(native(file), 0, 1, 0, &place));
    }
    int taken = try_lock(file, how, part);
    for (int i = 0; i < 4 && taken != 0 && errno == EAGAIN; ++i) {
        ::Sleep(5);
        taken = try_lock(file, how, part);
    }
    return taken;
}
/// 1 if a lock of this kind is impossible because of another, 0 if it is possible, -1 on failure. The system
/// cannot tell but by taking it for a moment.
[[nodiscard]] inline int is_locked(Handle file, Locking against, LockRange part = {}) noexcept {
    if (try_lock(file, against, part) != 0) return errno == EAGAIN ? 1 : -1;
    return lock(file, Locking::none, part);
}

[[nodiscard]] inline std::uint64_t getpid() noexcept { return ::GetCurrentProcessId(); }
/// When a process began, in 100 ns since 1601, and whether only handles of it are left.
[[nodiscard]] inline void* open_library(const char* name) noexcept {
    return ::LoadLibraryExA(name, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
}
using Function = void (*)();
[[nodiscard]] inline Function find_in_library(void* library, const char* name) noexcept {
    return reinterpret_cast<Function>(::GetProcAddress(static_cast<::HMODULE>(library), name));
}
/// What the process has used of all processors; negative if the system does not tell.
[[nodiscard]] inline double process_cpu_seconds() noexcept {
    ::FILETIME times[4]{};  // began, ended, in the kernel, outside; in units of 100 ns
    if (::GetProcessTimes(::GetCurrentProcess(), &times[0], &times[1], &times[2], &times[3]) == 0) return -1;
    const auto seconds = [](const ::FILETIME& time) {
        return static_cast<double>(joined(time.dwHighDateTime, time.dwLowDateTime)) / 1e7;
    };
    return seconds(times[2]) + seconds(times[3]);
}
[[nodiscard]] inline int process_time(std::uint64_t pid, ProcessTime& to) noexcept {
    const ::HANDLE process =
        ::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, static_cast<::DWORD>(pid));
    if (process == nullptr) {
        errno = ::GetLastError() == ERROR_INVALID_PARAMETER ? ESRCH : EPERM;
        return -1;
    }
    ::FILETIME began{};
    ::FILETIME other[3]{};
    const ::BOOL known = ::GetProcessTimes(process, &began, &other[0], &other[1], &other[2]);
    to.ended = ::WaitForSingleObject(process, 0) == WAIT_OBJECT_0;
    ::CloseHandle(process);
    to.start = joined(began.dwHighDateTime, began.dwLowDateTime);
    return done(known);
}
/// Whether the process exists, as far as this one may know: 0, or -1 with ESRCH or EPERM.
[[nodiscard]] inline int exists(std::uint64_t pid) noexcept {
    ProcessTime time;
    return process_time(pid, time);
}
[[nodiscard]] inline std::string host_name() {
    wchar_t name[256];
    ::DWORD size = 256;
    return ::GetComputerNameExW(ComputerNameDnsHostname, name, &size) != 0 ? utf8({name, size})
                                                                           : std::string{};
}
[[nodiscard]] inline std::string system_name() { return "Windows"; }
/// A variable of the environment, empty if there is none.
[[nodiscard]] inline std::string environment(const char* name) {
    const std::wstring key = wide(name);
    std::wstring value(::GetEnvironmentVariableW(key.c_str(), nullptr, 0), L'\0');
    value.resize(::GetEnvironmentVariableW(key.c_str(), value.data(), static_cast<::DWORD>(value.size())));
    return utf8(value);
}
[[nodiscard]] inline int getentropy(void* to, std::size_t n) noexcept {
    return ::SystemFunction036(to, static_cast<unsigned long>(n)) != 0 ? 0 : -1;
}
inline void sleep_ns(long ns) noexcept { ::Sleep(static_cast<::DWORD>((ns + 999'999) / 1'000'000)); }

}  // namespace CAIRN_NAMESPACE::detail::os::sys

#endif
