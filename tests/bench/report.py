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

# What a benchmark counts beside its time: (benchmark, counter) -> (name, unit).
COUNTERS = {
    **{(f"history_{series}", "bytes_per_value"): (f"bytes_per_value_{series}", "B")
       for series in ("f32_1", "f32_4", "f64_noise", "cosine", "constant")},
    ("history_f32_1", "values_per_s"): ("collector_values_per_s", "/s"),
    ("history_f32_4", "values_per_s"): ("collector_values_per_s_f32_4", "/s"),
    ("decode", "values_per_s"): ("decode_values_per_s", "/s"),
    ("query", "p50"): ("query_100m_p50", "s"),
    ("query", "p99"): ("query_100m_p99", "s"),
}
# A benchmark that is told under another name, or by its counters alone.
NAMES = {"query_open": "open_100m_cold", "query": None, "decode": None}

folder = Path(sys.argv[1])
samples = {}
if (folder / "benchmark.json").exists():
    for run in json.loads((folder / "benchmark.json").read_text())["benchmarks"]:
        if run["run_type"] == "iteration" and not run.get("error_occurred"):
            name, _, rest = run["run_name"].partition("/")
            for (of, counter), (told_as, unit) in COUNTERS.items():
                if of == name and counter in run:
                    entry = samples.setdefault(told_as, {"values": [], "unit": unit, "reference": None})
                    entry["values"].append(run[counter])
            if NAMES.get(name, name) is None or name.startswith("history_"):
                continue
            run["run_name"] = NAMES.get(name, run["run_name"])
            reference = REFERENCES.get(name)
            entry = samples.setdefault(run["run_name"], {
                "values": [], "unit": run["time_unit"],
                "reference": reference and "/".join(filter(None, (reference, rest)))})
            entry["values"].append(run["real_time"])
for entry in json.loads((folder / "compile_time.json").read_text()):
    samples[entry["name"]] = {key: entry.get(key) for key in ("values", "unit", "reference", "own", "budget")}

median = {name: statistics.median(entry["values"]) for name, entry in samples.items()}
results = []
for name, entry in samples.items():
    reference = entry["reference"] if entry["reference"] in median else None
    results.append({
        "name": name, "median": median[name], "min": min(entry["values"]), "max": max(entry["values"]),
        "unit": entry["unit"], "reference": reference,
        "ratio": round(median[name] / median[reference], 3) if reference and median[reference] else None,
        **({"own": entry["own"], "budget": entry["budget"]} if entry.get("own") is not None else {})})
(folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")

width = max(len(result["name"]) for result in results)
print(f"{'name':{width}} {'median':>12} {'min':>12} {'max':>12} unit   ratio  reference")
for r in results:
    ratio = f"{r['ratio']:7.3f}  {r['reference']}" if r["ratio"] is not None else ""
    print(f"{r['name']:{width}} {r['median']:12.4g} {r['min']:12.4g} {r['max']:12.4g} {r['unit']:5} {ratio}")

LEGEND = """\
* `log_typed_1`, `log_typed_4`, `log_dynamic_2`: one `run.log` of so many metrics, the collector running beside it. `floor_1`,
  `floor_4`: reading the clock and writing as many bytes to memory.
* `bytes_per_value_…`: what a million rows take on disk, with step, time in milliseconds and index; `f32_1`, `f32_4`: a noisy
  loss rounded to float, one or four such metrics a row; `f64_noise`: the same as doubles; a cosine schedule; a constant.
  `collector_values_per_s`: from the ring to the disk, on one core; `decode_values_per_s`: back into points.
* `query_100m_…`: 2000 buckets of a window of any width anywhere in a run of 100 million points. `open_100m_cold`: opening that run's
  series, and its first 2000 buckets.
* `policy_…`: asking a policy about a row and telling it the outcome. `row_loop`: the same loop without a policy.
* `save_1mib_…`: saving a model of 1 MiB into memory and durably into the store. `memcpy_1mib`: copying it.
* `include …`: compiling a file that includes just that, g++ without optimisation. `policy of 1`, `asked policy of 12`:
  compiling so many policies that are joined, and asked. `program`: compiling the README's program, all in one file;
  `program, extern`: the same where cairn is compiled in a file of its own ([how](install.md#programs-of-several-files));
  `file that logs`: a file that only logs, into a run that another file opened; `file that logs and saves`: with a checkpoint
  too. `instructions …`: what that costs the compiler, in millions.
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

    by_name = {r["name"]: r for r in results}
    headers = [name[len("lines <"):-1] for name in by_name if name.startswith("lines <cairn/")]
    always = {"include <cairn/cairn.hpp>", "include <cairn/policy/policy.hpp>"}
    for r in sorted(results, key=lambda result: result["name"]):
        if r["name"].startswith(("lines <", "include <cairn/")) and r["name"] not in always:
            continue
        ratio = f"{r['ratio']:.2f} | `{short(r['reference'])}`" if r["ratio"] is not None else "|"
        lines.append(f"| `{short(r['name'])}` | {r['median']:.4g} | {r['min']:.4g} | {r['max']:.4g} | {r['unit']} | {ratio} |")
    lines += ["", "## What each header brings", "",
              "Seconds of g++ -O0 (measured once, but for the first two above), preprocessed lines of all and of cairn's own, and how many",
              "there may be before `.ci/run includes` fails. `nlohmann/json.hpp` alone: "
              f"{by_name['lines <nlohmann/json.hpp>']['median']:.0f} lines.", "",
              "| header | s | lines | at most | own | at most |", "| --- | --: | --: | --: | --: | --: |"]
    for header in headers:
        brings = by_name[f"lines <{header}>"]
        lines.append(f"| `{header}` | {by_name[f'include <{header}>']['median']:.2f} | {brings['median']:.0f} | "
                     f"{brings['budget'][1]} | {brings['own']} | {brings['budget'][0]} |")
    Path(sys.argv[2]).write_text("\n".join(lines) + "\n")
