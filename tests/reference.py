#!/usr/bin/env python3
"""Makes the reference of the public headers, build/docs/html/index.html, with doxygen. Fails on a warning (a public name
without a comment is one), and on a `cairn::name` of README.md, CHANGELOG.md or docs/*.md that the reference lacks."""
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

root = Path(__file__).resolve().parent.parent
out = root / "build/docs"
# Not in the reference: parts of the compiler's messages, and targets of CMake.
OTHER = {"cairn::detail", "cairn::cairn", "cairn::http", "cairn::png"}

shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)
if subprocess.run(["doxygen", "docs/Doxyfile"], cwd=root).returncode:
    sys.exit("docs: doxygen warns, see above")

names = set()
for file in (out / "xml").glob("*.xml"):
    for compound in ElementTree.parse(file).iter("compounddef"):
        if compound.get("kind") not in ("class", "struct", "union", "concept", "namespace"):
            continue
        scope = compound.findtext("compoundname").split("<")[0].strip()
        names |= {scope} | {f"{scope}::{member.findtext('name')}" for member in compound.iter("memberdef")
                            if member.get("prot") == "public"}
problems = []
for page in [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))]:
    for name in sorted(set(re.findall(r"\bcairn::\w+", page.read_text(encoding="utf-8"))) - names - OTHER):
        problems.append(f"{page.relative_to(root)}: the reference has no {name}")
print("\n".join(problems) or f"docs: {len(names)} public names, no warning")
sys.exit(bool(problems))
