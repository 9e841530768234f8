#!/usr/bin/env python3
"""Merges FOLDER/benchmark.json (Google Benchmark, with repetitions) and the lists that the other programs of the suite
printed into FOLDER/results.json: a list of {name, median, min, max, unit, reference, ratio, goal, met}. Prints it as a
table, and what we want beside what is; writes both as a page if it is given one. usage: report.py FOLDER [PAGE.md]"""
import json
import os
import platform
import re
import statistics
import sys
from pathlib import Path

# What a benchmark is compared with, measured in the same run, so that the ratio holds on any machine.
# A name that is not here has no reference; a benchmark's arguments (name/1024) are kept on both sides.
QUANTILES = ("p50", "p99", "p999", "after_pause")
REFERENCES = {
    "log_typed_1": "floor_1",
    "log_typed_1_new_run": "floor_1",
    "log_typed_4": "floor_4",
    "log_dynamic_2": "floor_1",
    **{f"log_typed_{n}_{quantile}": f"floor_{n}_{quantile}" for n in (1, 4) for quantile in QUANTILES},
    **{f"log_typed_1_{n}_thread{s}": "floor_1" for n, s in (("one", ""), ("two", "s"), ("four", "s"))},
    **{peer: "log_typed_1" for peer in ("spdlog_file", "spdlog_async", "nlohmann_fwrite", "sqlite_wal", "sqlite_wal_batched")},
    "watch_10m": "read_10m_twice",
    "policy_every_n": "row_loop",
    "policy_best": "row_loop",
    "policy_any": "row_loop",
    "save_1mib_memory": "memcpy_1mib",
}

# What a benchmark counts beside its time: (benchmark, counter) -> (name, unit).
COUNTERS = {
    **{(f"history_{series}", "bytes_per_value"): (f"bytes_per_value_{series}", "B")
       for series in ("f32_1", "f32_4", "f64_noise", "cosine", "constant", "wide", "wide_alone")},
    ("history_f32_1", "values_per_s"): ("collector_values_per_s", "/s"),
    ("history_f32_4", "values_per_s"): ("collector_values_per_s_f32_4", "/s"),
    ("decode", "values_per_s"): ("decode_values_per_s", "/s"),
    ("query", "p50"): ("query_100m_p50", "s"),
    ("query", "p99"): ("query_100m_p99", "s"),
    **{(f"single_{of}_{n}", "first" if quantile == "after_pause" else quantile):
       (f"{'log_' if of == 'typed' else ''}{of}_{n}_{quantile}", "ns")
       for of in ("floor", "typed") for n in (1, 4) for quantile in QUANTILES},
    **{(f"training_step{cores}", counter): (f"training_{counter}{cores}", unit)
       for cores in ("", "_one_core") for counter, unit in (("row", "ns"), ("more", "%"), ("more_processor", "%"))},
}
# A benchmark that is told under another name, or by its counters alone.
NAMES = {"query_open": "open_100m_cold", "query": None, "decode": None,
         **{f"single_{of}_{n}": None for of in ("floor", "typed") for n in (1, 4)}}
# What the other programs of the suite print; each may be missing.
LISTS = ("instructions", "idle", "growth", "saving", "torch", "mirrors", "viewer", "compile_time")

# What we want: what it is, its name, what it is a multiple of (None: nothing, the figure itself is meant), at most or at
# least, how much, and perhaps what is enough whatever the multiple is.
# A time of single calls is wanted in nanoseconds where the floor takes 7 of them or less, and as that multiple of the floor on
# a slower machine, which takes longer for anything. What one call in a thousand takes is the machine, which interrupts the
# floor too.
FLOOR_NS = 7


def call(what, name, of, ns, multiple=None):
    return (what, name, of, "≤", multiple or ns / FLOOR_NS, ns)


SIZES = [f"1e{power}" for power in range(4, 9)]
GOALS = [
    ("a typed row of 1 metric", "log_typed_1", "floor_1", "≤", 2),
    call("half of such calls", "log_typed_1_p50", "floor_1_p50", 10),
    call("99 % of them", "log_typed_1_p99", "floor_1_p50", 45),
    call("99.9 % of them", "log_typed_1_p999", "floor_1_p999", 150, multiple=2),
    ("its instructions", "instructions_log_typed_1", None, "≤", 60),
    ("a typed row of 4 metrics", "log_typed_4", "floor_4", "≤", 2),
    call("half of such calls", "log_typed_4_p50", "floor_4_p50", 16),
    ("its instructions", "instructions_log_typed_4", None, "≤", 110),
    call("a dynamic row of 2 metrics", "log_dynamic_2", "floor_1", 60),
    call("a row inside a training loop", "training_row", "floor_1", 30),
    call("the same on one core", "training_row_one_core", "floor_1", 30),
    ("how much longer its step takes", "training_more", None, "≤", 1),
    ("the same on one core", "training_more_one_core", None, "≤", 1),
    ("with every mirror and a dead network", "mirrored_more", None, "≤", 1),
    ("how much longer the call takes, with somebody looking", "viewed_row_more", None, "≤", 5),
    ("spdlog's file sink", "spdlog_file", "log_typed_1", "≥", 8),
    ("nlohmann/json and `fwrite`", "nlohmann_fwrite", "log_typed_1", "≥", 30),
    ("SQLite, a transaction a row", "sqlite_wal", "log_typed_1", "≥", 30),
    ("2 threads at once", "log_typed_1_two_threads", "log_typed_1_one_thread", "≤", 1.3),
    ("4 threads at once", "log_typed_1_four_threads", "log_typed_1_one_thread", "≤", 1.3),
    ("the collector, rings to disk", "collector_values_per_s", None, "≥", 20e6),
    ("a value on disk, float, 1 a row", "bytes_per_value_f32_1", None, "≤", 4.6),
    ("float, 4 a row", "bytes_per_value_f32_4", None, "≤", 3.9),
    ("double, 1 a row", "bytes_per_value_f64_noise", None, "≤", 8.2),
    ("a cosine schedule", "bytes_per_value_cosine", None, "≤", 6.7),
    ("a constant", "bytes_per_value_constant", None, "≤", 1.4),
    ("decoding", "decode_values_per_s", None, "≥", 100e6),
    ("2000 buckets of 100 million points", "query_100m_p50", None, "≤", 1e-3),
    ("99 % of such queries", "query_100m_p99", None, "≤", 10e-3),
    ("the first answer after opening", "open_100m_cold", None, "≤", 100),
    ("memory of the reader, of the points' raw size", "growth_reader_1e8", None, "≤", 10),
    ("what saving 256 MiB takes of the loop", "save_blocked", "memcpy_256mib", "≤", 1.5),
    ("what of it is committed in a second", "save_bytes_per_s", "save_limit_bytes_per_s", "≥", 0.8),
    ("memory for it, of the state's size", "save_memory", None, "≤", 1.1),
    ("bytes of the same state once more", "save_unchanged_bytes", None, "≤", 4096),
    ("of the state's, where a tenth has changed", "save_frozen_bytes", None, "≤", 12),
    ("a state of 100,000 tensors", "save_100k_tensors", None, "≤", 2),
    ("a step that saves, beside `torch::save`", "torch_blocked", "torch_save", "≤", 1),
    ("until that version is there", "torch_until_there", "torch_save", "≤", 1),
    ("histograms of 10 million weights", "watch_10m", "read_10m_twice", "≤", 1.25),
    ("an idle run's processor time", "idle_cpu_percent", None, "≤", 0.1),
    ("its memory, but for the rings", "idle_rss", None, "≤", 4096),
    ("recording the machine's use", "system_cpu_percent", None, "≤", 0.05),
    *((f"{what} in the largest run", f"growth_{name}_{SIZES[-1]}", f"growth_{name}_{SIZES[0]}", "≤", 2)
      for what, name in (("a call", "log"), ("bytes of a value", "bytes"), ("a query", "query"))),
]

# A percent of a step is what a machine's other guests do to it in a moment: what is no more by the instructions of all threads
# is no more, whatever a clock says.
OR_ELSE = {f"training_more{cores}": "training_more_instructions" for cores in ("", "_one_core")}

folder = Path(sys.argv[1])
samples = {}


def take(name, values, unit, reference=None, **more):
    samples.setdefault(name, {"values": [], "unit": unit, "reference": reference, **more})["values"].extend(values)


if (folder / "benchmark.json").exists():
    for run in json.loads((folder / "benchmark.json").read_text())["benchmarks"]:
        if run["run_type"] == "iteration" and not run.get("error_occurred"):
            # Without the benchmark library's own settings.
            name, _, arguments = re.split("/(?:iterations|repeats):", run["run_name"])[0].partition("/")
            for (of, counter), (told_as, unit) in COUNTERS.items():
                if of == name and counter in run:
                    take(told_as, [run[counter]], unit, REFERENCES.get(told_as))
            told_as = NAMES.get(name, name)
            if told_as is None or name.startswith("history_"):
                continue
            reference = REFERENCES.get(name)
            if arguments:
                told_as, reference = f"{told_as}/{arguments}", reference and f"{reference}/{arguments}"
            take(told_as, [run["real_time"]], run["time_unit"], reference)
for part in LISTS:
    if (folder / f"{part}.json").exists():
        for entry in json.loads((folder / f"{part}.json").read_text()):
            take(**{"reference": None, **{key: value for key, value in entry.items() if key != "median"}})

median = {name: statistics.median(entry["values"]) for name, entry in samples.items()}


def shown(value, unit):
    if unit == "s":
        value, unit = value * 1e3, "ms"
    if value >= 1e6:
        value, unit = value / 1e6, f"M{unit}"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


goals = {}  # by name: what it is, what was measured, what we want, whether it is met
for what, name, of, bound, limit, *enough in GOALS:
    if name in median and (of is None or median.get(of)):
        if enough and limit * median[of] <= enough[0]:
            of, limit = None, enough[0]
        value = median[name] / (median[of] if of else 1)
        unit = f"× `{of}`" if of else samples[name]["unit"]
        measured, is_met = shown(value, unit), value <= limit if bound == "≤" else value >= limit
        if (other := OR_ELSE.get(name)) in median:
            measured += f", {shown(median[other], unit)} of its instructions"
            is_met = is_met or median[other] <= limit
        goals[name] = (what, measured, f"{bound} {shown(limit, unit)}", is_met)
results = []
for name, entry in samples.items():
    reference = entry["reference"] if entry["reference"] in median else None
    results.append({
        "name": name, "median": median[name], "min": min(entry["values"]), "max": max(entry["values"]),
        "unit": entry["unit"], "reference": reference,
        "ratio": round(median[name] / median[reference], 3) if reference and median[reference] else None,
        **({"goal": goals[name][2], "met": goals[name][3]} if name in goals else {}),
        **({"own": entry["own"], "budget": entry["budget"]} if entry.get("own") is not None else {})})
(folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

width = max(len(result["name"]) for result in results)
print(f"{'name':{width}} {'median':>12} {'min':>12} {'max':>12} unit   ratio  reference")
for r in results:
    ratio = f"{r['ratio']:7.3f}  {r['reference']}" if r["ratio"] is not None else ""
    print(f"{r['name']:{width}} {r['median']:12.4g} {r['min']:12.4g} {r['max']:12.4g} {r['unit']:5} {ratio}")
if goals:
    print("\nwhat we want")
for name, (what, measured, wanted, met) in goals.items():
    print(f"{'met   ' if met else 'MISSED'} {name}: {measured}, wanted {wanted}".replace("`", ""))

LEGEND = """\
* `log_typed_1`, `log_typed_4`, `log_dynamic_2`: one `run.log` of so many metrics, the collector running beside it. `floor_1`,
  `floor_4`: reading the clock and writing as many bytes to memory. All are the mean of 200 calls in a row after a pause of some
  milliseconds, in which the collector has drained the ring, in a run that has logged a megabyte before.
  `log_typed_1_new_run`: the same over 40,000 rows from the first on, which makes the ring, and whose next ones are the first
  to touch its pages.
* `…_p50`, `…_p99`, `…_p999`: what half, 99 % and 99.9 % of such calls take at most, each timed by itself, less the median of
  timing nothing; `…_after_pause`: the median of the first calls after a pause, which are not among the others. Wanted are 10, 45
  and 150 ns, and 16 ns of 4 metrics; 60 ns of a dynamic row, and 30 ns of one in a training loop. Where the floor takes more than
  7 ns, as many times the floor is wanted; of 99.9 %, twice what the floor takes then, as that is the machine, which interrupts.
* `…_one_thread`, `…_two_threads`, `…_four_threads`: as many threads that log a row of 1 metric into one run at once; 1000 calls in
  a row each. It is the processor time of a thread, as four threads may have to share two cores.
* `instructions_…`: of one call, by callgrind; for it the clock is a call of the kernel, which is not counted.
* `spdlog_…`, `nlohmann_fwrite`, `sqlite_wal`: others with the same value: step, wall time, one double of 17 digits; paced in the
  same way. spdlog's file sink, and with its own thread; a line of JSON and `fwrite`; a row of SQLite in WAL mode with
  `synchronous=NORMAL`, each in its transaction, or 200 in one (`sqlite_wal_batched`). Of these, `sqlite_wal` alone keeps what
  was logged when the process is killed.
* `training_step`: one step of a network of 64-128-10, batch 32, float, without logging. `training_row`: the call that logs a row
  after each step, median, less timing nothing. `training_more`: how much longer a step takes with it, the collector included:
  the median of pairs of rounds, one with and one without, in turn; `training_more_processor`: the same by the process's
  processor time, which does not feel what else the machine does. `…_one_core`: the whole process confined to one core.
  `training_more_instructions`: how many more instructions of all its threads, by callgrind, under which the collector looks after
  each row. One of the two is wanted: where a machine has other guests, a clock does not tell a percent.
* `mirrored_more`: how much longer a step of that training takes, with a row after each, if the run is mirrored meanwhile by
  everything there is, each second: W&B, TensorBoard and Trackio by files; MLflow, Trackio, S3 and a server of one's own by a network in
  which two do not answer and two are not there. `mirrored_more_processor`: the same by the process's processor time: what the
  mirrors themselves do, with 250 rows a second and more. Both are medians of 60 pairs of rounds, one with and one without, in turn,
  each in its own process, which else stands still.
* `viewed_row_more`: how much longer the call that logs takes in that training, median, which serves its dashboard, while a viewer in
  another process hears of every change and asks for the curve anew: 60 pairs of rounds of one process, in turn with a viewer and
  without. `viewed_more`, `viewed_more_processor`: the same of a step, and of the process's time, in which the server is.
* `idle_…`: an open run in which nothing happens: processor time of the process, and memory that was not there before `init`, less
  the rings. `system_cpu_percent`: what recording the machine's use every 15 s adds, measured at every 0.1 s.
* `bytes_per_value_…`: what a million values or more take on disk, with step, time in milliseconds and index; `f32_1`, `f32_4`: a noisy
  loss rounded to float, one or four such metrics a row; `f64_noise`: the same as doubles; a cosine schedule; a constant; `wide`,
  `wide_alone`: noise of 1,000 metrics, all in a row or each in a row of its own.
  `collector_values_per_s`: from the ring to the disk, on one core; `decode_values_per_s`: back into points.
* `query_100m_…`: 2000 buckets of a window of any width anywhere in a run of 100 million points. `open_100m_cold`: opening that run's
  series, and its first 2000 buckets.
* `policy_…`: asking a policy about a row and telling it the outcome. `row_loop`: the same loop without a policy.
* `save_1mib_memory`, `save_1mib_store`: saving a model of 1 MiB into memory and durably into the store, as `step` does it that
  waits. `memcpy_1mib`: copying it. `save_1mib_process_crash`, `save_1mib_power_loss`: what the two levels of durability take.
* `save_blocked`: what a step that saves 256 MiB takes of the loop (`save_blocked_first`: the first, which touches the copy's memory
  for the first time), beside `memcpy_256mib`. `save_bytes_per_s`: from there until the version is durable, in memory (`/dev/shm`),
  beside the slower of hashing and writing such bytes alone. `save_memory`: the most memory the process has taken for it.
  `save_unchanged_bytes`: what the same state takes on the disk once more. `save_frozen_bytes`, `save_100k_tensors`: with
  `share::tensors`, what is written where a tenth of the state changed, and 100,000 tensors of 400 bytes.
* `torch_save`: a LibTorch network and its Adam, 192 MiB, by `torch::save`. `torch_blocked`, `torch_until_there`: what a step that
  saves them takes of the loop, and how long until the version is complete; neither waits for a disk.
* `watch_10m`: histograms of 64 bins of 40 tensors of 250,000 floats, as `watch` takes them, beside `read_10m_twice`: reading them twice,
  with a sum.
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
        "with was measured in the same run: the ratio holds elsewhere, the times do not.", "", LEGEND]

    def table(*head):
        lines.extend([f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"])

    by_name = {r["name"]: r for r in results}
    if goals:
        lines += ["## What we want", ""]
        table("", "name", "measured", "wanted", "met")
        lines += [f"| {what} | `{name}` | {measured} | {wanted} | {'yes' if met else '**no**'} |"
                  for name, (what, measured, wanted, met) in goals.items()]
        lines += ["", "## All figures", ""]

    lines += ["| | median | min | max | | ratio | of |", "| --- | --: | --: | --: | --- | --: | --- |"]
    headers = [name[len("lines <"):-1] for name in by_name if name.startswith("lines <cairn/")]
    always = {"include <cairn/cairn.hpp>", "include <cairn/policy/policy.hpp>"}
    for r in sorted(results, key=lambda result: result["name"]):
        if r["name"].startswith(("lines <", "include <cairn/", "growth_")) and r["name"] not in always:
            continue
        ratio = f"{r['ratio']:.2f} | `{r['reference']}`" if r["ratio"] is not None else "|"
        lines.append(f"| `{r['name']}` | {r['median']:.4g} | {r['min']:.4g} | {r['max']:.4g} | {r['unit']} | {ratio} |")

    sizes = [size for size in SIZES if f"growth_log_{size}" in by_name]
    if sizes:
        lines += ["", "## As a run grows", "",
                  "Runs of so many rows of 1 metric, logged through `run.log` as fast as it goes and at last as `log_typed_1` is (their times",
                  "are close together and take next to nothing on disk; in a short one the ring's pages are touched for the first time).",
                  "Opening: from `cairn::open` to the first 2000 buckets. A query: 2000 buckets of a window of any width anywhere. The reader's",
                  "memory: the most while that was done, of 24 bytes a point.", ""]
        table("rows", "a call", "bytes a value", "opening", "a query, median", "99 %", "reader's memory")
        for size in sizes:
            cells = [shown(r["median"], r["unit"]).replace("us", "µs") if (r := by_name.get(f"growth_{what}_{size}")) else ""
                     for what in ("log", "bytes", "open", "query", "query_p99", "reader")]
            lines.append(f"| {10 ** int(size[2:]):,} | {' | '.join(cells)} |")

    if headers:
        lines += ["", "## What each header brings", "",
                  "Seconds of g++ -O0 (measured once, but for the first two above), preprocessed lines of all and of cairn's own, and how many",
                  "there may be before `.ci/run includes` fails. `nlohmann/json.hpp` alone: "
                  f"{by_name['lines <nlohmann/json.hpp>']['median']:.0f} lines.", ""]
        table("header", "s", "lines", "at most", "own", "at most")
    for header in headers:
        brings = by_name[f"lines <{header}>"]
        lines.append(f"| `{header}` | {by_name[f'include <{header}>']['median']:.2f} | {brings['median']:.0f} | "
                     f"{brings['budget'][1]} | {brings['own']} | {brings['budget'][0]} |")
    Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")
