#!/usr/bin/env python3
"""Fails unless the C++ that the documentation shows is what is compiled: the README's first program is
examples/snippets/quickstart.cpp, and each block of a page in PAGES stands in that page's file there."""
import re
import sys
from pathlib import Path

root = Path(__file__).parent.parent
PAGES = {"docs/policies.md": "examples/snippets/policies.cpp"}


def blocks(page):
    return re.findall(r"```cpp\n(.*?)```", (root / page).read_text(), re.DOTALL)


problems = []
if blocks("README.md")[0] != (root / "examples/snippets/quickstart.cpp").read_text().split("\n", 1)[1]:
    problems.append("README.md and examples/snippets/quickstart.cpp differ")
for page, snippets in PAGES.items():
    squeeze = lambda text: re.sub(r"\s", "", text)  # noqa: E731  the formatter may break lines elsewhere
    compiled = squeeze((root / snippets).read_text())
    for block in blocks(page):
        missing = [line for line in block.splitlines() if squeeze(line) not in compiled]
        problems += [f"{page}: not compiled in {snippets}: {line.strip()}" for line in missing]
print("\n".join(problems))
sys.exit(bool(problems))
