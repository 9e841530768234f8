#!/usr/bin/env python3
"""Puts $TABLE into a page of the documentation, where a script's table stands: `insert.py PAGE SCRIPT`."""
import os
import pathlib
import re
import sys

page, script = pathlib.Path(sys.argv[1]), sys.argv[2]
text = page.read_text(encoding="utf-8")
mark = f"<!-- made by {script} -->"
assert re.search(re.escape(mark) + r".*?<!-- end -->", text, re.S), f"{page} has no {mark}, or no end of it"
table = f"{mark}\n{os.environ['TABLE']}\n<!-- end -->"
page.write_text(re.sub(re.escape(mark) + r".*?<!-- end -->", lambda _: table, text, flags=re.S), encoding="utf-8")
