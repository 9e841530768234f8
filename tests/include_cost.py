#!/usr/bin/env python3
"""What each public header brings: preprocessed lines, its own (from cairn's files) and all (with those of the standard
library and of nlohmann/json). Fails where one is over its layer's budget. usage: include_cost.py [COMPILER]"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include"
COMPILER = sys.argv[1] if len(sys.argv) > 1 and __name__ == "__main__" else "g++"

# The most that a header of the layer may bring, with g++ 12: own lines, all lines. Raise one only with a reason.
BUDGET = {
    "cairn.hpp": (16660, 116800),  # 12000 before the history was packed, versions copied and written beside the loop, rich values kept, the machine sampled and told
    "api.hpp": (12000, 112030),
    "extern.hpp": (12060, 112080),  # it names what it declares
    "engine.hpp": (16705, 116845),
    "cairn_full.hpp": (32970, 139760),  # also what needs cpp-httplib and libpng, where they are
    "fwd.hpp": (100, 100),
    "core/dynamic_row.hpp": (520, 31500),  # keeps a few values without an allocation, any number with one; a row as its author wrote it
    "core": (400, 28000),
    "policy/policy.hpp": (1780, 17830),  # for those who want policies only
    "policy": (3000, 52000),
    "model": (1900, 100000),  # with texts, tensors behind an access, and parts of a model
    "media": (1400, 100000),
    "store": (4650, 105000),
    "run": (13030, 113170),
    "checkpoint": (12800, 115000),
    "query": (12345, 114455),  # adds stretches at once, walks a pyramid
    "serve/server.hpp": (13790, 113490),
    "cli/serve.hpp": (14010, 120060),  # a report has rich values
    "serve": (12590, 114700),
    "cli/import.hpp": (17345, 127395),  # it has all that records a run
    "cli": (15980, 127380),
    "store/repair_run.hpp": (5350, 105000),  # reads and writes all that a run has
    "mirror/tfevents.hpp": (3700, 75000),
    "mirror": (14280, 115100),
    "cli/cli.hpp": (23730, 136790),  # 12800 before it repaired stores, mirrored to Trackio, and imported runs: it has all that records one
    "mirror/import_wandb.hpp": (15895, 118245),  # reads what a mirror writes, and has all that records a run
    "mirror/webhook.hpp": (3150, 128000),
}
HTTPLIB = 22000  # what cpp-httplib brings to a header that includes it


def cost(header):
    """Lines that are not empty, by the file they come from, as the line markers say."""
    source = f"#include <{header}>\n"
    out = subprocess.run([COMPILER, "-std=c++20", f"-I{INCLUDE}", "-E", "-x", "c++", "-"], input=source, check=True,
                         capture_output=True, text=True).stdout
    own = total = 0
    if "httplib.h\"" in out:
        total -= HTTPLIB
    ours = False
    for line in out.splitlines():
        if line.startswith("# "):
            ours = f'"{INCLUDE}/' in line
        elif line.strip():
            total += 1
            own += ours
    return own, total


def public_headers():
    """Not those of adapt/: each brings a framework that it is for."""
    return sorted(h.relative_to(INCLUDE).as_posix() for h in INCLUDE.glob("cairn/**/*.hpp")
                  if not {"detail", "adapt"} & set(h.parts))


def budget(header):
    name = header.removeprefix("cairn/")
    return BUDGET.get(name) or BUDGET.get(name.split("/")[0], BUDGET["core"])


if __name__ == "__main__":
    headers = public_headers()
    over = 0
    with ThreadPoolExecutor() as pool:
        for header, (own, total) in zip(headers, pool.map(cost, headers)):
            most = budget(header)
            bad = own > most[0] or total > most[1]
            over += bad
            print(f"{header:42} {own:6} of {most[0]:6} {total:7} of {most[1]:7}{'  OVER' if bad else ''}")
    print(f"includes: {len(headers)} public headers, {over} over budget")
    sys.exit(over > 0)
