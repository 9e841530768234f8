// SPDX-License-Identifier: MIT
// Questions as a browser may ask them, a line for the question and one for each KEY=VALUE: none is answered
// with what lies outside the store or is no answer's, none changes anything but the runs.
#include <cairn/cairn.hpp>
#include <cairn/query/api.hpp>

#include "../support/temp_dir.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using namespace cairn::literals;

constexpr std::string_view secret = "SECRET-OF-ANOTHER";

/// A store with two runs; around it, in every folder on the way to them, what none may be told.
class World {
  public:
    World() {
        for (const char* id : {"a", "b"}) record(store(), "p", id, "0.5");
        record(dir_ / "other", "q", "r", std::string{secret});
        for (const char* of : {".", "store", "store/projects", "store/projects/p", "store/projects/p/runs"})
            std::ofstream{dir_ / of / "run.json"} << "{\"id\": \"" << secret << "\"}";
        before_ = outside();
    }

    [[nodiscard]] std::filesystem::path store() const { return dir_ / "store"; }
    [[nodiscard]] bool is_as_before() const { return outside() == before_; }

  private:
    static void record(const std::filesystem::path& dir, const std::string& project, const std::string& id,
                       const std::string& note) {
        auto run = cairn::init(
            {.project = project, .id = id, .config = {{"note", note}}, .dir = dir, .quiet = true});
        for (int i = 0; i < 50; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (1 + i), "epoch"_m = 0.1 * i);
        run.log({{"text", note}});
        run.set_notes(note);
        run.alert(note);
        std::ofstream{dir / "projects" / project / "runs" / id / "output.log"} << note << '\n';
    }
    /// All that is neither in the runs nor made beside them while they are changed.
    [[nodiscard]] std::string outside() const {
        std::string all;
        for (const auto& one : std::filesystem::recursive_directory_iterator{dir_.path()}) {
            const std::string path = one.path().lexically_relative(dir_.path()).generic_string();
            if (path.starts_with("store/projects/p/runs/a/") || path.starts_with("store/projects/p/runs/b/"))
                continue;
            all += path + '\n';
        }
        return all;
    }

    cairn_test::TempDir dir_;
    std::string before_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const World world;
    static cairn::Api api{cairn::open(world.store()).value()};
    std::string_view text{reinterpret_cast<const char*>(data), size};
    if (text.find(secret) != text.npos) return -1;  // who knows it may write it
    const auto line = [&] {
        const std::string_view one = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(one.size() + 1, text.size()));
        return one;
    };
    const std::string_view question = line();
    cairn::Parameters parameters;
    while (!text.empty()) {
        const std::string_view one = line();
        const std::size_t equals = std::min(one.find('='), one.size());
        parameters.emplace(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
    }
    const auto check = [](const cairn::result<nlohmann::json>& answer) {
        if (answer && cairn::detail::json_text(*answer).find(secret) != std::string::npos) std::abort();
        if (!answer && answer.error().tried().empty()) std::abort();
    };
    if (const auto beside = api.answer_beside(question, parameters)) check(*beside);
    check(api.answer(question, parameters));
    if (question == "edit") {
        check(api.edit(parameters));
        if (!world.is_as_before()) std::abort();
    }
    return 0;
}
