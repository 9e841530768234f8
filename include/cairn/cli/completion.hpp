// SPDX-License-Identifier: MIT
#pragma once
// The verb that teaches a shell the others: completion.

#include <cairn/cli/call.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// The words that may follow: of the command its verbs, of a verb its options and those of all.
[[nodiscard]] inline std::string words_of(const CLI::App& app) {
    std::string words;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        words += verb->get_name() + " ";
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
    }
    if (!words.empty()) words.pop_back();
    return words;
}

/// A function of bash; zsh reads it too.
[[nodiscard]] inline std::string bash_completion(const CLI::App& app) {
    std::string cases;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        cases += "        " + verb->get_name() + ") words=\"" + words_of(*verb) + " --dir --json\" ;;\n";
    return "_cairn() {\n"
           "    local words\n"
           "    case \"${COMP_WORDS[1]}\" in\n" +
           cases + "        *) words=\"" + words_of(app) +
           "\" ;;\n"
           "    esac\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"" +
           words_of(app) +
           "\"; fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -o default -F _cairn cairn\n";
}

/// For a fish text in single quotes.
[[nodiscard]] inline std::string in_quotes(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
    return out;
}
[[nodiscard]] inline std::string fish_completion(const CLI::App& app) {
    std::string out = "complete -c cairn -f\n";
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        out += "complete -c cairn -n __fish_use_subcommand -a " + verb->get_name() + " -d '" +
               in_quotes(verb->get_description()) + "'\n";
        for (const CLI::Option* option : verb->get_options()) {
            for (const std::string& name : option->get_lnames())
                out += "complete -c cairn -n '__fish_seen_subcommand_from " + verb->get_name() + "' -l " +
                       name + "\n";
        }
    }
    return out;
}

}  // namespace detail

/// `cairn completion SHELL`.
inline void add_completion(CLI::App& app, Call& call) {
    const auto shell = std::make_shared<std::string>();
    CLI::App* const verb = call.verb(
        app, "completion", "what makes a shell complete this command: eval \"$(cairn completion bash)\"",
        [&app, &call, shell]() -> result<void> {
            if (*shell == "zsh") call.out("autoload -U +X bashcompinit && bashcompinit\n");
            call.out(*shell == "fish" ? detail::fish_completion(app) : detail::bash_completion(app));
            return {};
        });
    verb->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace CAIRN_NAMESPACE::cli
