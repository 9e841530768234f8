#!/usr/bin/env python3
"""Writes single_include/cairn/cairn.hpp and cairn_full.hpp: the umbrella with every header of ours once, in the order of
use; and copies what includes nothing but these. Standard and third-party includes are hoisted, those inside an #if stay
where they are, and with an #if of the umbrella its part of the library. With --check nothing is written, and a stale file is an error."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'\s*#\s*include\s*([<"][^>"]+[>"])')
VERSION = re.search(r'CAIRN_VERSION "(.*)"', (ROOT / "include/cairn/version.hpp").read_text())[1]
BANNER = """// SPDX-License-Identifier: MIT
// cairn {version}, all of <cairn/{name}> in one file. Needs {needs}.
// Written by packaging/amalgamate.py from include/; do not edit.
{guard}
"""
# The two files hold the same definitions, so one makes the other's content vanish or says that it cannot.
GUARDS = {
    "cairn.hpp": "#ifndef CAIRN_SINGLE_INCLUDE\n#define CAIRN_SINGLE_INCLUDE 1",
    "cairn_full.hpp": "#if defined(CAIRN_SINGLE_INCLUDE) && CAIRN_SINGLE_INCLUDE == 1\n"
    "#error include cairn_full.hpp before cairn.hpp, or alone\n#endif\n"
    "#ifndef CAIRN_SINGLE_INCLUDE\n#define CAIRN_SINGLE_INCLUDE 2",
}
# Nor does a file of ours go with them: it has the same definitions once more. config.hpp looks for the second.
ONLY = """#if defined(CAIRN_NAMESPACE)
#error "cairn: a file includes the single header or the headers of include/, not both"
#endif
"""
DONE = "#define CAIRN_SINGLE_HEADER_IS_HERE\n"

THIRD = {"nlohmann/": "nlohmann/json", "httplib.h": "cpp-httplib", "CLI/": "CLI11", "png.h": "libpng"}


def third(include):
    return next((name for start, name in THIRD.items() if include.startswith("<" + start)), None)


class Amalgamation:
    def __init__(self, umbrella):
        self.seen, self.outside, self.body = set(), set(), []
        self.umbrella, self.inside = umbrella, set()  # what third party is included inside an #if of the umbrella
        self.add(umbrella)
        needs = [name for name in THIRD.values() if name in map(third, self.outside)]
        needs = ", ".join(needs) + " on the include path"
        if self.inside:
            needs += ", and uses " + " and ".join(sorted(map(third, self.inside))) + " if they are"
        banner = BANNER.format(version=VERSION, name=umbrella, needs=needs, guard=GUARDS[umbrella])
        # Third party before the standard library, as in every header of ours.
        order = sorted(self.outside, key=lambda name: ("." not in name and "/" not in name, name))
        includes = "".join(f"#include {name}\n" for name in order)
        body = re.sub(r"\n{3,}", "\n\n", "".join(self.body))
        self.text = f"{banner}{ONLY}\n{includes}\n{body.strip()}\n\n{DONE}#endif  // CAIRN_SINGLE_INCLUDE\n"

    def add(self, header, within=False):
        """Appends `header` after what it includes; `within` an #if of the umbrella."""
        if header in self.seen:
            return
        self.seen.add(header)
        title = f"\n// ---- cairn/{header}\n"
        own, depth = [title], 0
        for number, line in enumerate((ROOT / "include/cairn" / header).read_text().splitlines(keepends=True), 1):
            directive = line.lstrip().removeprefix("#").lstrip() if line.lstrip().startswith("#") else ""
            depth += directive.startswith("if") - directive.startswith("endif")
            include = INCLUDE.match(line)
            if include and include[1].startswith("<cairn/"):
                if depth and header != self.umbrella:
                    sys.exit(f"include/cairn/{header}:{number}: a header of ours is included inside an #if")
                if depth:
                    self.body += own
                    own = []
                self.add(include[1][len("<cairn/"):-1], within or depth > 0)
            elif include and within and third(include[1]) and include[1] not in self.outside:
                self.inside.add(include[1])
                own.append(line)
            elif include and not depth:
                self.outside.add(include[1])
            elif not line.startswith(("#pragma once", "// SPDX-")):
                own.append(line)
        if "".join(own).strip() != title.strip():
            self.body += own


COPIED = ("extern.hpp", "engine.hpp")
# What they include stands in the one header.
PARTS = "#include <cairn/api.hpp>\n#if defined(CAIRN_ENGINE_IS_HERE)\n#include <cairn/run/init.hpp>\n#endif\n"


def copied(header):
    text = (ROOT / "include/cairn" / header).read_text().replace(PARTS, "#include <cairn/cairn.hpp>\n")
    if any(part in text for part in ("<cairn/api", "<cairn/run/")):
        sys.exit(f"include/cairn/{header} includes what single_include/ has not")
    return text


stale = False
for umbrella in (*GUARDS, *COPIED):
    target = ROOT / "single_include/cairn" / umbrella
    text = Amalgamation(umbrella).text if umbrella in GUARDS else copied(umbrella)
    if "--check" not in sys.argv:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        print(f"{target.relative_to(ROOT)} is stale: run python3 packaging/amalgamate.py")
        stale = True
sys.exit(stale)
