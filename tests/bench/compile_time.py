#!/usr/bin/env python3
"""What an include costs: seconds of a g++ -O0 compilation (user time) and preprocessed lines, each beside
nlohmann/json.hpp alone, which is measured in turn with them; and the compiler's instructions, where a clock is too
coarse. Prints JSON. usage: compile_time.py [compiler]"""
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
COMPILER = [sys.argv[1] if len(sys.argv) > 1 else "g++", "-std=c++20", "-O0", f"-I{ROOT}/include", "-x", "c++"]
REPETITIONS = 5
OFTENER = 4  # as often, what takes a fraction of a second
REFERENCE = "nlohmann/json.hpp"
HEADERS = [REFERENCE] + [h for h in ("cairn/policy/policy.hpp", "cairn/cairn.hpp") if (ROOT / "include" / h).exists()]


def seconds(source):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([*COMPILER, "-c", "-o", "/dev/null", source], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def lines(source):
    return subprocess.run([*COMPILER, "-E", "-P", source], check=True, capture_output=True).stdout.count(b"\n")


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

with tempfile.TemporaryDirectory() as folder:
    sources = {}
    for name in [*HEADERS, *POLICIES]:
        sources[name] = Path(folder) / (name.replace("/", "_").replace(" ", "_") + ".cpp")
        sources[name].write_text(POLICIES.get(name, f"#include <{name}>\n"))
    times = {name: [] for name in sources}
    for _ in range(REPETITIONS):  # in turn, so that a slow minute of the machine hits all of them
        for name, source in sources.items():
            for _ in range(OFTENER if name in POLICIES else 1):
                times[name].append(seconds(source))
    results = [{"name": name, "values": times[name], "unit": "s",
                **({"reference": name.replace("12", "1")} if name.endswith("12") else {})} for name in POLICIES]
    for header in HEADERS:
        results.append({"name": f"include <{header}>", "values": times[header], "unit": "s"})
        results.append({"name": f"lines <{header}>", "values": [lines(sources[header])], "unit": "lines"})
    can_count = shutil.which("valgrind") and "clang" not in COMPILER[0]
    if not can_count:
        print("instructions are not counted: that needs valgrind and a g++", file=sys.stderr)
    for name in (REFERENCE, "policy of 1", "policy of 12") if can_count else ():
        shown = f"<{name}>" if name == REFERENCE else name
        results.append({"name": f"instructions {shown}", "values": [instructions(sources[name])], "unit": "M"})
    for result in results:
        result["median"] = statistics.median(result["values"])
        if REFERENCE not in result["name"] and "reference" not in result and result["name"] not in POLICIES:
            result["reference"] = result["name"].split()[0] + f" <{REFERENCE}>"
print(json.dumps(results, indent=1))
