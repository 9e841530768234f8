#!/usr/bin/env python3
"""What an include costs, and what a program costs beside its include: seconds of a g++ -O0 compilation (user time),
measured in turn with a reference; preprocessed lines, ours and all; and the compiler's instructions, where a clock is
too coarse. Prints JSON. usage: compile_time.py [compiler]"""
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import include_cost  # noqa: E402

COMPILER = [sys.argv[1] if len(sys.argv) > 1 else "g++", "-std=c++20", "-O0", f"-I{ROOT}/include", "-x", "c++"]
REPETITIONS = 5
OFTENER = 4  # as often, what takes a fraction of a second
JSON = "nlohmann/json.hpp"
UMBRELLA = "cairn/cairn.hpp"
POLICY = "cairn/policy/policy.hpp"


def seconds(source):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([*COMPILER, "-c", "-o", "/dev/null", source], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def instructions(source):
    """Of the compiler proper, in millions: the same every time, whatever else the machine does."""
    compiler = subprocess.run([COMPILER[0], "-print-prog-name=cc1plus"], check=True, capture_output=True, text=True)
    preprocessed = source.with_suffix(".ii")
    subprocess.run([*COMPILER, "-E", "-o", preprocessed, source], check=True)
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", compiler.stdout.strip(), "-quiet",
         "-std=c++20", "-O0", "-fpreprocessed", preprocessed, "-o", "/dev/null"],
        check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", counted.stderr).group(1)) / 1e6


# One policy and an expression of twelve, only composed, and also asked about a row: what the other eleven cost.
COMPOSE = "#include <cairn/policy/policy.hpp>\nusing namespace cairn;\nauto make() {{ return {}; }}\n"
ASK = COMPOSE + """using namespace cairn::literals;
bool ask(long step, double loss) {{
    static auto policy = make();
    const auto row = cairn::row(cairn::step(step), "loss"_m = loss);
    const At at{{row}};
    const Answer answer = policy.decide(at);
    policy.settle(at, answer == Answer::yes ? Outcome::saved : Outcome::not_saved);
    return answer == Answer::yes;
}}
"""
ONE = 'Best<"loss", minimize>{}'
TWELVE = ('after(100, Best<"loss", minimize>{} & EveryN<50>{}) | once(Below<"loss">{0.1}) | EveryN<500>{}'
          ' | (TopK<3, "loss", minimize>{} & !AtSteps<7>{}) | Improves<"loss", minimize>{0.5} | OnFinish{}'
          ' | (OnSignal{} & Budget{1}) | OnFailure{}')
POLICIES = {"policy of 1": COMPOSE.format(ONE), "policy of 12": COMPOSE.format(TWELVE),
            "asked policy of 1": ASK.format(ONE), "asked policy of 12": ASK.format(TWELVE)}
# The README's program, whole and as one of several files; and a file of several that only logs, or saves too.
QUICKSTART = (ROOT / "examples/snippets/quickstart.cpp").read_text()
PROGRAMS = {"program": QUICKSTART, "program, extern": QUICKSTART.replace(UMBRELLA, "cairn/extern.hpp"),
            "file that logs": f"""#include <{UMBRELLA}>
using namespace cairn::literals;
void log(cairn::Run& run, long step, double loss) {{ run.log(cairn::step(step), "loss"_m = loss); }}
""",
            "file that logs and saves": """#include <cairn/extern.hpp>
#include <vector>
using namespace cairn::literals;
struct Model {
    std::vector<float> weight = std::vector<float>(20), bias = std::vector<float>(2);
    void describe(auto& fields) { fields("weight", weight, {2, 10}), fields("bias", bias); }
};
double train(Model& model);
void run_epochs(cairn::Run& run, Model& model, long epochs) {
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    for (long epoch = 0; epoch < epochs; ++epoch) {
        const auto row = run.log(cairn::step(epoch), "loss"_m = train(model));
        checkpoint.step(row, cairn::part("model", model));
    }
}
"""}
OFTEN = [JSON, POLICY, UMBRELLA, "cairn/extern.hpp"]
HEADERS = include_cost.public_headers()

with tempfile.TemporaryDirectory() as folder:
    def source_of(name):
        source = Path(folder) / (re.sub(r"\W", "_", name) + ".cpp")
        source.write_text(POLICIES.get(name) or PROGRAMS.get(name) or f"#include <{name}>\n")
        return source

    sources = {name: source_of(name) for name in dict.fromkeys([*OFTEN, *POLICIES, *PROGRAMS, *HEADERS])}
    times = {name: [] for name in sources}
    for repetition in range(REPETITIONS):  # in turn, so that a slow minute of the machine hits all of them
        for name, source in sources.items():
            if repetition > 0 and name in HEADERS and name not in OFTEN:
                continue  # there are ninety of them
            for _ in range(OFTENER if name in POLICIES else 1):
                times[name].append(seconds(source))
    results = [{"name": name, "values": times[name], "unit": "s",
                **({"reference": name.replace("12", "1")} if name.endswith("12") else {})} for name in POLICIES]
    results += [{"name": name, "values": times[name], "unit": "s", "reference": f"include <{UMBRELLA}>"}
                for name in PROGRAMS]
    for header in dict.fromkeys([JSON, *HEADERS]):
        own, lines = include_cost.cost(header)
        of = {} if header == JSON else {"reference": f"include <{JSON}>"}
        results.append({"name": f"include <{header}>", "values": times[header], "unit": "s", **of})
        of = {} if header == JSON else {"reference": f"lines <{JSON}>", "own": own, "budget": include_cost.budget(header)}
        results.append({"name": f"lines <{header}>", "values": [lines], "unit": "lines", **of})
    can_count = shutil.which("valgrind") and "clang" not in COMPILER[0]
    if not can_count:
        print("instructions are not counted: that needs valgrind and a g++", file=sys.stderr)
    counted = (JSON, UMBRELLA, "policy of 1", "policy of 12", *PROGRAMS) if can_count else ()
    for name in counted:
        shown = f"<{name}>" if name in OFTEN else name
        of = f"<{UMBRELLA}>" if name in PROGRAMS else f"<{JSON}>"
        results.append({"name": f"instructions {shown}", "values": [instructions(sources[name])], "unit": "M",
                        **({} if name == JSON else {"reference": f"instructions {of}"})})
    for result in results:
        result["median"] = statistics.median(result["values"])
print(json.dumps(results, indent=1))
