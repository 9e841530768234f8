#!/usr/bin/env python3
"""Writes the list of headers into meson.build, which cannot glob. tests/layers.py fails while it is stale."""
import re
from itertools import groupby
from pathlib import Path

root = Path(__file__).resolve().parent.parent
build = root / "meson.build"
headers = sorted((p.relative_to(root) for p in root.glob("include/cairn/**/*.hpp")), key=lambda p: (p.parent, p.name))
listed = ""
for folder, paths in groupby(headers, key=lambda p: p.parent):
    listed += f"  '{folder.relative_to('include').as_posix()}': files(\n"
    listed += "".join(f"    '{p.as_posix()}',\n" for p in paths) + "  ),\n"
build.write_text(re.sub(r"(?s)(\nheaders = \{\n).*?(?=\n?\}\n)", lambda m: m[1] + listed.rstrip("\n"), build.read_text()))
