#!/usr/bin/env python3
"""Instructions of one call, counted by callgrind: the difference of two runs of the same program, one longer than the
other, so that what a run does once is not in it. Under valgrind the clock is a call of the kernel, whose own instructions
are not counted. Of a step of a training all threads count, the collector too, which looks there after each row and not
after some hundred, as a step is so slow. Prints JSON. usage: instructions.py PROGRAM"""
import json
import re
import shutil
import subprocess
import sys

CALLS = 2000, 12000  # in the short run and in the long one
STEPS = 300, 1300
NAMES = ("floor_1", "log_typed_1", "log_typed_4", "log_dynamic_2")


def count(name, calls, *options):
    counted = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *options,
                              sys.argv[1], name, str(calls)], check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", counted.stderr)[1])


def of_one(name, calls, *options):
    short, long = calls
    return (count(name, long, *options) - count(name, short, *options)) / (long - short)


results = []
if shutil.which("valgrind"):
    for name in NAMES:
        results.append({"name": f"instructions_{name}", "unit": "instr",
                        "values": [of_one(name, CALLS, f"--toggle-collect={name}")],
                        **({} if name == NAMES[0] else {"reference": f"instructions_{NAMES[0]}"})})
    plain, logged = of_one("step_plain", STEPS), of_one("step_logged", STEPS)
    results.append({"name": "training_more_instructions", "unit": "%", "values": [100 * (logged / plain - 1)]})
else:
    print("instructions of a call are not counted: that needs valgrind", file=sys.stderr)
print(json.dumps(results, indent=1))
