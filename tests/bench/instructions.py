#!/usr/bin/env python3
"""Instructions of one call, counted by callgrind: the difference of two runs of the same program, one longer than the
other, so that what a run does once is not in it. Under valgrind the clock is a call of the kernel, whose own instructions
are not counted. Prints JSON. usage: instructions.py PROGRAM"""
import json
import re
import shutil
import subprocess
import sys

SHORT, LONG = 2000, 12000  # rows
NAMES = ("floor_1", "log_typed_1", "log_typed_4", "log_dynamic_2")


def instructions(name, rows):
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={name}",
         sys.argv[1], name, str(rows)], check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", counted.stderr)[1])


results = []
if shutil.which("valgrind"):
    for name in NAMES:
        results.append({"name": f"instructions_{name}", "unit": "instr",
                        "values": [(instructions(name, LONG) - instructions(name, SHORT)) / (LONG - SHORT)],
                        **({} if name == NAMES[0] else {"reference": f"instructions_{NAMES[0]}"})})
else:
    print("instructions of a call are not counted: that needs valgrind", file=sys.stderr)
print(json.dumps(results, indent=1))
