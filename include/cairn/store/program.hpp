// SPDX-License-Identifier: MIT
#pragma once
// Other programs that are asked something. Nothing includes this but what was asked to do so.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/store/detail/os_sys_program.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::os {

/// The program of this name in the folders of `PATH`. Those that are no whole paths are passed over: they
/// mean what lies in the working folder. Errors: not_found.
template <class = void>
[[nodiscard]] result<Path> find_program(std::string_view name) {
    const std::string folders = sys::environment("PATH");
    for (std::string_view rest = folders; !rest.empty();) {
        const std::size_t end = std::min(rest.find(sys::between_folders), rest.size());
        if (const Path folder = path_of(rest.substr(0, end)); folder.is_absolute()) {
            Path path = folder / path_of(std::string{name} + sys::program_ending);
            const auto there = os::status(path);
            if (there && there->is_file && sys::may_execute(utf8_of(path).c_str())) return path;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return error{errc::not_found, "there is no program " + std::string{name} + " to be asked", folders,
                 "install it, or put its folder into PATH"};
}

/// What is asked of a program.
struct Question {
    Path program;
    std::vector<std::string> words = {};      ///< behind its name
    std::vector<std::string> variables = {};  ///< its environment: "NAME=value"
    std::int64_t most_ns = 0;                 ///< how long it may take
    std::size_t most_bytes = 0;               ///< of its output
};
/// What a program answered.
struct Answer {
    int code = 0;         ///< what it returned; -1 if a signal ended it
    std::string output;   ///< what it wrote, its errors not
    bool is_cut = false;  ///< it wrote more, and was ended
};

/// A program that runs. Whoever lets go of it ends it.
class RunningProgram {
  public:
    /// Not started, with `errno`, if that failed.
    RunningProgram(const std::vector<std::string>& words, const std::vector<std::string>& variables)
        : child_{sys::start(words, variables)} {}
    RunningProgram(const RunningProgram&) = delete;
    RunningProgram& operator=(const RunningProgram&) = delete;
    ~RunningProgram() {
        if (!was_started()) return;
        if (ended_ == sys::Ended::no) sys::end(child_);
        sys::let_go(child_);
    }

    [[nodiscard]] bool was_started() const noexcept { return child_.id != 0; }
    [[nodiscard]] sys::Ended has_ended(int& code) noexcept {
        if (ended_ == sys::Ended::no) ended_ = sys::has_ended(child_, code);
        return ended_;
    }
    /// Appends what is there, up to so many bytes in all.
    void take(Answer& answer, std::size_t most_bytes) {
        std::array<char, 4096> some{};
        while (!answer.is_cut) {
            const auto got = sys::retry([&] { return sys::read_output(child_, some.data(), some.size()); });
            if (got <= 0) return;
            const std::size_t room = most_bytes - answer.output.size();
            answer.is_cut = static_cast<std::size_t>(got) > room;
            answer.output.append(some.data(), std::min(static_cast<std::size_t>(got), room));
        }
    }

  private:
    sys::Child child_;
    sys::Ended ended_ = sys::Ended::no;
};

/// Runs a program without input, and waits until it ends or has written more than it may. Errors: busy, if it
/// takes too long; unsupported, if the system does not tell how it ended; what hinders its start. For the
/// process it is a child like others: it gets SIGCHLD, and a thread of its own that waits for any child may
/// take its end.
template <class = void>
[[nodiscard]] result<Answer> ask(const Question& question) {
    std::vector<std::string> words{utf8_of(question.program)};
    words.insert(words.end(), question.words.begin(), question.words.end());
    RunningProgram running{words, question.variables};
    if (!running.was_started()) return failure("start a program", question.program);
    Answer answer;
    const std::int64_t until = steady_ns() + question.most_ns;
    constexpr long most_sleep_ns = 5'000'000;
    for (long sleep_ns = 200'000;; sleep_ns = std::min(sleep_ns * 2, most_sleep_ns)) {
        const sys::Ended ended = running.has_ended(answer.code);
        running.take(answer, question.most_bytes);  // after it has ended: then this is all
        if (answer.is_cut || ended == sys::Ended::yes) return answer;
        if (ended == sys::Ended::unknown) {
            return error{errc::unsupported, "nobody tells how a program ended", words[0],
                         "while it is asked, do not ignore SIGCHLD, nor wait for any child"};
        }
        if (steady_ns() > until)
            return error{errc::busy, "a program took too long, and was ended", words[0],
                         "see what it does there by hand, or do not have it asked"};
        sys::sleep_ns(sleep_ns);
    }
}

}  // namespace CAIRN_NAMESPACE::detail::os
