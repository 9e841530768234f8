// SPDX-License-Identifier: MIT
#pragma once
// The calls that start another program. Only what asks one includes them.

#include <cairn/store/detail/os_sys.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#if defined(_WIN32)
#include <algorithm>
#include <cwchar>
#include <string_view>
#else

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <crt_externs.h>
#elif !defined(__linux__)
extern "C" char** environ;  // no header tells it
#endif
#endif

namespace CAIRN_NAMESPACE::detail::os::sys {

/// Whether a program that was started has ended; unknown if somebody else took its end.
enum class Ended : unsigned char { no, yes, unknown };

/// A program that was started.
struct Child {
    std::uint64_t id = 0;                       ///< 0: it was not started
    Handle output = no_handle;                  ///< where what it writes can be read
    [[maybe_unused]] Handle group = no_handle;  ///< on Windows: of itself and what it starts
};

#if defined(_WIN32)
inline constexpr char between_folders = ';';
inline constexpr const char* program_ending = ".exe";

[[nodiscard]] inline bool may_execute(const char*) noexcept { return true; }
/// "NAME=value" of each variable of the environment.
[[nodiscard]] inline std::vector<std::string> all_variables() {
    std::vector<std::string> all;
    wchar_t* const block = ::GetEnvironmentStringsW();
    if (block == nullptr) return all;
    try {
        for (const wchar_t* one = block; *one != L'\0'; one += std::wcslen(one) + 1) all.push_back(utf8(one));
    } catch (...) {
        ::FreeEnvironmentStringsW(block);
        throw;
    }
    ::FreeEnvironmentStringsW(block);
    return all;
}
/// A command line's word as programs take it apart again (`CommandLineToArgvW`).
[[nodiscard]] inline std::wstring quoted_word(std::wstring_view word) {
    if (!word.empty() && word.find_first_of(L" \t\n\v\"") == std::wstring_view::npos)
        return std::wstring{word};
    std::wstring out = L"\"";
    std::size_t backslashes = 0;
    for (const wchar_t c : word) {
        if (c == L'"') out.append(backslashes + 1, L'\\');
        backslashes = c == L'\\' ? backslashes + 1 : 0;
        out += c;
    }
    return out.append(backslashes, L'\\') + L'"';
}
/// Starts the program whose path is the first of `words`, in the given environment, without input, its errors
/// unheard; what it starts ends with it.
[[nodiscard]] inline Child start(const std::vector<std::string>& words,
                                 const std::vector<std::string>& variables) {
    const std::wstring program = wide(words.front());
    std::wstring line, block;
    for (const std::string& word : words) line += (line.empty() ? L"" : L" ") + quoted_word(wide(word));
    std::vector<std::wstring> sorted;
    for (const std::string& variable : variables) sorted.push_back(wide(variable));
    std::sort(sorted.begin(), sorted.end(), [](const std::wstring& a, const std::wstring& b) {
        const auto name = [](const std::wstring& one) { return static_cast<int>(one.find(L'=', 1)); };
        return ::CompareStringOrdinal(a.c_str(), name(a), b.c_str(), name(b), TRUE) == CSTR_LESS_THAN;
    });
    for (const std::wstring& variable : sorted) block += variable + L'\0';
    block += L'\0';
    ::SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<char> attributes(size);

    ::SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    ::HANDLE from = nullptr, to = nullptr;
    Child child;
    if (::CreatePipe(&from, &to, &inherited, 0) == 0) {
        (void)fail();
        return child;
    }
    ::SetHandleInformation(from, HANDLE_FLAG_INHERIT, 0);
    const ::HANDLE null =
        ::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                      OPEN_EXISTING, 0, nullptr);
    ::HANDLE given[2] = {to, null};  // and no other
    ::STARTUPINFOEXW how{};
    how.StartupInfo.cb = sizeof how;
    how.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    how.StartupInfo.hStdInput = how.StartupInfo.hStdError = null;
    how.StartupInfo.hStdOutput = to;
    how.lpAttributeList = reinterpret_cast<::LPPROC_THREAD_ATTRIBUTE_LIST>(attributes.data());
    ::PROCESS_INFORMATION started{};
    const ::DWORD flags =
        CREATE_NO_WINDOW | CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    ::BOOL worked = ::InitializeProcThreadAttributeList(how.lpAttributeList, 1, 0, &size);
    if (worked != 0) {
        worked = null != INVALID_HANDLE_VALUE &&
                 ::UpdateProcThreadAttribute(how.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, given,
                                             sizeof given, nullptr, nullptr) != 0 &&
                 ::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE, flags, block.data(),
                                  nullptr, &how.StartupInfo, &started) != 0;
        if (worked == 0) (void)fail();
        ::DeleteProcThreadAttributeList(how.lpAttributeList);
    } else {
        (void)fail();
    }
    const int why = errno;
    ::CloseHandle(to);
    if (null != INVALID_HANDLE_VALUE) ::CloseHandle(null);
    if (worked == 0) {
        ::CloseHandle(from);
        errno = why;
        return child;
    }
    // Where there can be no such group, the program alone is ended.
    const ::HANDLE group = ::CreateJobObjectW(nullptr, nullptr);
    if (group != nullptr) {
        ::JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        ::SetInformationJobObject(group, JobObjectExtendedLimitInformation, &limits, sizeof limits);
        ::AssignProcessToJobObject(group, started.hProcess);
        child.group = reinterpret_cast<Handle>(group);
    }
    worked = ::ResumeThread(started.hThread) != static_cast<::DWORD>(-1) ? 1 : 0;
    if (worked == 0) {
        (void)fail();
        ::TerminateProcess(started.hProcess, 1);
        ::CloseHandle(started.hProcess);
        ::CloseHandle(from);
        if (group != nullptr) ::CloseHandle(group);
    }
    ::CloseHandle(started.hThread);
    if (worked == 0) return {};
    child.id = reinterpret_cast<std::uintptr_t>(started.hProcess);
    child.output = reinterpret_cast<Handle>(from);
    return child;
}
/// What it has written, without waiting: -1 and EAGAIN while there is nothing, 0 at the end.
[[nodiscard]] inline Handle read_output(const Child& child, void* to, std::size_t n) noexcept {
    ::DWORD there = 0;
    if (::PeekNamedPipe(native(child.output), nullptr, 0, nullptr, &there, nullptr) == 0)
        return ::GetLastError() == ERROR_BROKEN_PIPE ? 0 : fail();
    if (there != 0) return read(child.output, to, std::min(n, static_cast<std::size_t>(there)));
    errno = EAGAIN;
    return -1;
}
/// Asks once; what a program returned is in `code`.
[[nodiscard]] inline Ended has_ended(const Child& child, int& code) noexcept {
    const auto process = reinterpret_cast<::HANDLE>(static_cast<std::uintptr_t>(child.id));
    if (::WaitForSingleObject(process, 0) != WAIT_OBJECT_0) return Ended::no;
    ::DWORD returned = 0;
    if (::GetExitCodeProcess(process, &returned) == 0) return Ended::unknown;
    code = static_cast<int>(returned);
    return Ended::yes;
}
/// Ends a program that was started, and those that it started, at once.
inline void end(const Child& child) noexcept {
    const auto process = reinterpret_cast<::HANDLE>(static_cast<std::uintptr_t>(child.id));
    if (child.group != no_handle) ::TerminateJobObject(native(child.group), 1);
    ::TerminateProcess(process, 1);
}
/// After its end, or where it is to be ended with us.
inline void let_go(const Child& child) noexcept {
    ::CloseHandle(reinterpret_cast<::HANDLE>(static_cast<std::uintptr_t>(child.id)));
    ::CloseHandle(native(child.output));
    if (child.group != no_handle) ::CloseHandle(native(child.group));
}
#else
inline constexpr char between_folders = ':';
inline constexpr const char* program_ending = "";

/// Whether this user may execute a file.
[[nodiscard]] inline bool may_execute(const char* path) noexcept { return ::access(path, X_OK) == 0; }
/// "NAME=value" of each variable of the environment.
[[nodiscard]] inline std::vector<std::string> all_variables() {
#if defined(__APPLE__)
    char** const variables = *::_NSGetEnviron();
#else
    char** const variables = environ;
#endif
    std::vector<std::string> all;
    for (char** one = variables; one != nullptr && *one != nullptr; ++one) all.emplace_back(*one);
    return all;
}
/// A pipe whose ends no other program gets, and which are none of the first three files, which the program
/// that writes into it has of its own.
[[nodiscard]] inline bool make_pipe(int (&ends)[2]) noexcept {
    int low[2] = {no_handle, no_handle};
#if defined(__APPLE__)
    if (::pipe(low) != 0) return false;
#else
    if (::pipe2(low, O_CLOEXEC) != 0) return false;
#endif
    for (int i = 0; i < 2; ++i) ends[i] = ::fcntl(low[i], F_DUPFD_CLOEXEC, 3);
    const int why = errno;
    for (const int one : low) (void)::close(one);
    errno = why;
    return ends[0] >= 0 && ends[1] >= 0;
}
/// Starts the program whose path is the first of `words`, in the given environment, without input, its errors
/// unheard, in a process group of its own.
[[nodiscard]] inline Child start(const std::vector<std::string>& words,
                                 const std::vector<std::string>& variables) {
    std::vector<char*> argv, envp;  // it takes them as not const, and leaves them as they are
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    ::posix_spawn_file_actions_t files;
    ::posix_spawnattr_t how;
    ::sigset_t none, most;
    ::sigemptyset(&none);
    ::sigfillset(&most);
    for (const int fixed : {SIGKILL, SIGSTOP}) ::sigdelset(&most, fixed);
    if (const int no_memory = ::posix_spawn_file_actions_init(&files); no_memory != 0) {
        errno = no_memory;
        return {};
    }
    if (const int no_memory = ::posix_spawnattr_init(&how); no_memory != 0) {
        (void)::posix_spawn_file_actions_destroy(&files);
        errno = no_memory;
        return {};
    }
    int ends[2] = {no_handle, no_handle};
    ::pid_t child = 0;
    int failed = make_pipe(ends) && ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
    const auto then = [&](int done) { failed = failed != 0 ? failed : done; };
    then(::posix_spawn_file_actions_adddup2(&files, ends[1], 1));
    then(::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0));
    then(::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0));
    then(::posix_spawnattr_setsigmask(&how, &none));
    then(::posix_spawnattr_setsigdefault(&how, &most));
    then(::posix_spawnattr_setpgroup(&how, 0));
    then(::posix_spawnattr_setflags(
        &how, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP)));
    if (failed == 0) failed = ::posix_spawn(&child, argv[0], &files, &how, argv.data(), envp.data());
    (void)::posix_spawnattr_destroy(&how);
    (void)::posix_spawn_file_actions_destroy(&files);
    if (ends[1] >= 0) (void)::close(ends[1]);
    if (failed == 0) return {static_cast<std::uint64_t>(child), ends[0]};
    if (ends[0] >= 0) (void)::close(ends[0]);
    errno = failed;
    return {};
}
/// What it has written, without waiting: -1 and EAGAIN while there is nothing, 0 at the end.
[[nodiscard]] inline ::ssize_t read_output(const Child& child, void* to, std::size_t n) noexcept {
    return ::read(child.output, to, n);
}
/// Asks once; what a program returned is in `code`, -1 if a signal ended it.
[[nodiscard]] inline Ended has_ended(const Child& child, int& code) noexcept {
    int status = 0;
    const ::pid_t done = ::waitpid(static_cast<::pid_t>(child.id), &status, WNOHANG);
    if (done == 0 || (done < 0 && errno == EINTR)) return Ended::no;
    if (done < 0) return Ended::unknown;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return Ended::yes;
}
/// Ends a program that was started, and those that it started: asks it to, so that it may remove its locks,
/// and after 0.2 seconds does not ask. Who then does not end within 2 seconds, as one that hangs in a disk,
/// is left to itself, and to this process as a child that has ended.
inline void end(const Child& child) noexcept {
    const auto id = static_cast<::pid_t>(child.id);
    (void)::kill(-id, SIGTERM);
    for (int i = 0; i < 200; ++i) {
        ::siginfo_t seen{};
        // Its end is not taken yet: its number, which is the group's, is not given to another so long.
        if (::waitid(P_PID, static_cast<::id_t>(id), &seen, WEXITED | WNOHANG | WNOWAIT) != 0) return;
        if (seen.si_pid != 0) break;
        sleep_ns(1'000'000);
    }
    (void)::kill(-id, SIGKILL);
    int code = 0;
    for (int i = 0; i < 2000 && has_ended(child, code) == Ended::no; ++i) sleep_ns(1'000'000);
}
/// After its end.
inline void let_go(const Child& child) noexcept { (void)::close(child.output); }
#endif

}  // namespace CAIRN_NAMESPACE::detail::os::sys
