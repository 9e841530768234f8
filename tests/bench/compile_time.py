#!/usr/bin/env python3
"""What an include costs: seconds of a g++ -O0 compilation (user time) and preprocessed lines, each beside
nlohmann/json.hpp alone, which is measured in turn with them. Prints JSON. usage: compile_time.py [compiler]"""
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILER = [sys.argv[1] if len(sys.argv) > 1 else "g++", "-std=c++20", "-O0", f"-I{ROOT}/include", "-x", "c++"]
REPETITIONS = 5
REFERENCE = "nlohmann/json.hpp"
HEADERS = [REFERENCE] + [h for h in ("cairn/policy/policy.hpp", "cairn/cairn.hpp") if (ROOT / "include" / h).exists()]


def seconds(source):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([*COMPILER, "-c", "-o", "/dev/null", source], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def lines(source):
    return subprocess.run([*COMPILER, "-E", "-P", source], check=True, capture_output=True).stdout.count(b"\n")


with tempfile.TemporaryDirectory() as folder:
    sources = {}
    for header in HEADERS:
        sources[header] = Path(folder) / (header.replace("/", "_") + ".cpp")
        sources[header].write_text(f"#include <{header}>\n")
    times = {header: [] for header in HEADERS}
    for _ in range(REPETITIONS):  # in turn, so that a slow minute of the machine hits all of them
        for header in HEADERS:
            times[header].append(seconds(sources[header]))
    results = []
    for header in HEADERS:
        results.append({"name": f"include <{header}>", "values": times[header], "unit": "s"})
        results.append({"name": f"lines <{header}>", "values": [lines(sources[header])], "unit": "lines"})
    for result in results:
        result["median"] = statistics.median(result["values"])
        if REFERENCE not in result["name"]:
            result["reference"] = result["name"].split()[0] + f" <{REFERENCE}>"
print(json.dumps(results, indent=1))
