#!/usr/bin/env python3
"""Keeps the architecture: fails on an include between layers that is not in the table below, on a cycle, on a
header too dear for its layer, on a header that Meson does not know, on a foreign entry at the top. [ROOT]"""
import re
import sys
from pathlib import Path

# A folder of include/cairn is a layer. What each may include besides itself and the root's small headers:
SEES = {"core": "", "policy": "core", "model": "core", "media": "core", "store": "core model",
        "run": "core policy model media store"}
SEES["checkpoint"] = SEES["run"] + " run"
SEES["query"] = SEES["checkpoint"] + " checkpoint"
SEES["mirror"] = SEES["serve"] = SEES["query"] + " query"
SEES["serve"] += " mirror"
SEES["cli"] = SEES["adapt"] = SEES["serve"] + " serve"
SMALL = {"cairn/config.hpp", "cairn/version.hpp", "cairn/fwd.hpp"}  # allowed to all
UMBRELLA = {"cairn/api.hpp": SEES["query"], "cairn/cairn.hpp": SEES["query"], "cairn/cairn_full.hpp": SEES["cli"] + " cli",
            "cairn/extern.hpp": SEES["query"], "cairn/engine.hpp": ""}  # included by no layer
# Standard headers that cost too much for everybody, for the two lowest layers, and for policies even indirectly.
DEAR = {"immintrin.h", "source_location", "ranges", "iostream", "regex"}
DEAR_LOW = DEAR | {"filesystem", "functional", "memory", "chrono", "thread", "algorithm"}
# Opt-in headers that are about such a header.
ABOUT = {"cairn/run/console.hpp": {"iostream"}}
# What is no part of policy.hpp may see strings and hold a policy behind a pointer.
OPT_IN = {f"cairn/policy/{h}.hpp" for h in ("text", "parsed", "parse", "parse_retention", "detail/text_parser")}
# Third parties, by the start of their include, and the layers that may see them (adapt: each its framework).
THIRD = {"png.h": "media", "nlohmann/": SEES["cli"].replace("core policy ", "") + " cli adapt", "httplib.h": "mirror serve adapt",
         "CLI/": "cli adapt"}
TOP = set("include tests examples single_include CMakeLists.txt meson.build README.md packaging LICENSE docs conanfile.py "
          "meson_options.txt CMakePresets.json CHANGELOG.md CONTRIBUTING.md build cairn".split())  # last two: ignored by git

root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
text = {str(p.relative_to(root / "include")): p.read_text() for p in sorted(root.glob("include/cairn/**/*.hpp"))}
includes = {h: re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', t, re.M) for h, t in text.items()}
problems = [f"{p.name}: not one of the top level's files and folders"
            for p in root.iterdir() if p.name not in TOP and not p.name.startswith(".")]


layer = lambda header: header.split("/")[1] if header.count("/") > 1 else ""  # noqa: E731
reached = {}
def reach(header, path=()):
    """All that `header` includes, directly or not; reports a cycle."""
    if header in path:
        problems.append("cycle: " + " -> ".join(path[path.index(header):] + (header,)))
    elif header not in reached:
        direct = includes.get(header, [])
        reached[header] = set(direct).union(*(reach(h, path + (header,)) for h in direct))
    return reached.get(header, set())


for header, direct in includes.items():
    own = layer(header)
    allowed = f"{own} {UMBRELLA.get(header, SEES.get(own, ''))}".split()
    all_of_it = reach(header)
    dear = all_of_it & (DEAR_LOW | {"string"}) if own == "policy" else set(direct) & (DEAR_LOW if own == "core" else DEAR)
    if header in OPT_IN:
        dear = set(direct) & DEAR
    wrong = [h for h in direct if h in OPT_IN and header not in OPT_IN and own == "policy"]
    at_root = SMALL | set(UMBRELLA) if header in UMBRELLA else SMALL
    wrong += [h for h in direct if h.startswith("cairn/") and h not in at_root and layer(h) not in allowed]
    wrong += [h for h in direct if "/detail/" in h and layer(h) != own]
    wrong += [h for h in direct for start, who in THIRD.items() if h.startswith(start) and own not in who.split()]
    wrong += [h for h in direct if h.startswith("cairn/") and h not in text]
    if "httplib.h" in all_of_it and not re.search("^//.*costs cpp-httplib|^#if __has_include.<httplib.h>.$", text[header], re.M):
        problems.append(f"{header}: needs cpp-httplib and does not say so where it begins")
    problems += [f"{header}: must not include <{h}>" for h in sorted({*dear, *wrong} - ABOUT.get(header, set()))]
    if own not in SEES and header not in SMALL | set(UMBRELLA):
        problems.append(f"{header}: not in a layer")
meson = re.findall(r"'include/(cairn/[^']+\.hpp)'", (root / "meson.build").read_text())
problems += [f"{h}: in one of include/ and meson.build; run packaging/list_headers.py" for h in set(meson) ^ set(text)]
print("\n".join(dict.fromkeys(problems)) or f"layers: {len(text)} headers, no wrong edge, no cycle")
sys.exit(bool(problems))
