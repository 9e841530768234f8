#!/usr/bin/env python3
"""Merges FOLDER/benchmark.json (Google Benchmark, with repetitions) and FOLDER/compile_time.json into
FOLDER/results.json: a list of {name, median, min, max, unit, reference, ratio}. Prints it as a table, and writes it
as a page if it is given one. usage: report.py FOLDER [PAGE.md]"""
import json
import os
import platform
import statistics
import sys
from pathlib import Path

# What a benchmark is compared with, measured in the same run, so that the ratio holds on any machine.
# A name that is not here has no reference; a benchmark's arguments (name/1024) are kept on both sides.
REFERENCES = {
    "log_typed_1": "floor_1",
    "log_typed_4": "floor_4",
    "log_dynamic_2": "floor_1",
    "policy_every_n": "row_loop",
    "policy_best": "row_loop",
    "policy_any": "row_loop",
    "save_1mib_memory": "memcpy_1mib",
}

folder = Path(sys.argv[1])
samples = {}
if (folder / "benchmark.json").exists():
    for run in json.loads((folder / "benchmark.json").read_text())["benchmarks"]:
        if run["run_type"] == "iteration" and not run.get("error_occurred"):
            name, _, rest = run["run_name"].partition("/")
            reference = REFERENCES.get(name)
            entry = samples.setdefault(run["run_name"], {
                "values": [], "unit": run["time_unit"],
                "reference": reference and "/".join(filter(None, (reference, rest)))})
            entry["values"].append(run["real_time"])
for entry in json.loads((folder / "compile_time.json").read_text()):
    samples[entry["name"]] = {"values": entry["values"], "unit": entry["unit"], "reference": entry.get("reference")}

median = {name: statistics.median(entry["values"]) for name, entry in samples.items()}
results = []
for name, entry in samples.items():
    reference = entry["reference"] if entry["reference"] in median else None
    results.append({
        "name": name, "median": median[name], "min": min(entry["values"]), "max": max(entry["values"]),
        "unit": entry["unit"], "reference": reference,
        "ratio": round(median[name] / median[reference], 3) if reference and median[reference] else None})
(folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")

width = max(len(result["name"]) for result in results)
print(f"{'name':{width}} {'median':>12} {'min':>12} {'max':>12} unit   ratio  reference")
for r in results:
    ratio = f"{r['ratio']:7.3f}  {r['reference']}" if r["ratio"] is not None else ""
    print(f"{r['name']:{width}} {r['median']:12.4g} {r['min']:12.4g} {r['max']:12.4g} {r['unit']:5} {ratio}")

LEGEND = """\
* `log_typed_1`, `log_typed_4`, `log_dynamic_2`: one `run.log` of so many metrics, the collector running beside it. `floor_1`,
  `floor_4`: reading the clock and writing as many bytes to memory.
* `policy_…`: asking a policy about a row and telling it the outcome. `row_loop`: the same loop without a policy.
* `save_1mib_…`: saving a model of 1 MiB into memory and durably into the store. `memcpy_1mib`: copying it.
* `include …`: compiling a file that includes just that, g++ without optimisation. `lines …`: what it brings, in preprocessed
  lines. `policy of 1`, `asked policy of 12`: compiling so many policies that are joined, and asked. `instructions …`: what
  that costs the compiler, in millions.
"""

if len(sys.argv) > 2:
    lines = [
        "# What it costs", "",
        "Made by `sh tests/bench.sh` and `python3 tests/bench/report.py build/bench docs/performance.md`, on",
        f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores; medians of five repetitions or more. What a row is compared",
        "with was measured in the same run: the ratio holds elsewhere, the times do not.", "", LEGEND,
        "| | median | min | max | | ratio | of |", "| --- | --: | --: | --: | --- | --: | --- |"]
    def short(name):  # without the benchmark library's own settings
        return name.split("/iterations:")[0]

    for r in sorted(results, key=lambda result: result["name"]):
        ratio = f"{r['ratio']:.2f} | `{short(r['reference'])}`" if r["ratio"] is not None else "|"
        lines.append(f"| `{short(r['name'])}` | {r['median']:.4g} | {r['min']:.4g} | {r['max']:.4g} | {r['unit']} | {ratio} |")
    Path(sys.argv[2]).write_text("\n".join(lines) + "\n")
