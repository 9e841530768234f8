#!/usr/bin/env python3
"""Fails unless the pages show what is so: each ```cpp block, or each part of it between empty lines, stands in the file
of examples/snippets that is compiled for its page; a figure of the README is the median of docs/performance.md; a link
leads somewhere; the README is short. `readme.py --figures` writes the medians into the README."""
import re
import sys
from pathlib import Path

root = Path(__file__).parent.parent
snippets = root / "examples/snippets"
readme = root / "README.md"
pages = [readme, root / "CONTRIBUTING.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))]
text = {page: page.read_text(encoding="utf-8") for page in pages}
problems = []


def squeeze(code):
    return re.sub(r"\s", "", code)  # the formatter may break lines elsewhere


# The README's first program is quickstart.cpp to the letter; other blocks stand in readme.cpp, those of docs/x.md in x.cpp.
for page in pages:
    blocks = re.findall(r"```cpp\n(.*?)```", text[page], re.DOTALL)
    if page == readme:
        if blocks.pop(0) != (snippets / "quickstart.cpp").read_text(encoding="utf-8").split("\n", 1)[1]:
            problems.append("README.md and examples/snippets/quickstart.cpp differ")
    compiled = snippets / (page.stem.lower() + ".cpp")
    # What needs a framework is compiled with it, as an example.
    sources = [compiled] if page.stem not in ("adapters", "README") else [compiled, *sorted((root / "examples").glob("[a-z]*.cpp"))]
    code = "".join(squeeze(source.read_text(encoding="utf-8")) for source in sources if source.exists())
    for part in (part for block in blocks for part in block.split("\n\n")):
        if squeeze(part) not in code:
            problems.append(f"{page.name}: not as it stands in {compiled.relative_to(root)}:\n{part}")

# A cell "93 ns" is the median of the row whose name, in `marks`, ends the cell before it or its own.
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}
median = {name: float(value) * UNITS.get(unit, 0) for name, value, unit in
          re.findall(r"^\| `([^`]+)` \| (\S+) \|[^|]*\|[^|]*\| (\S+) \|", text[root / "docs/performance.md"], re.M)}
figure = re.compile(r"([\d.]+) (ns|µs|ms|s)\b(?=[^|]*`([^`]+)` \||[^|`]*\|)")


def measured(line):
    before = re.search(r"`([^`]+)` \|", line)

    def write(found):
        name = found[3] or before[1]
        if name not in median:
            problems.append(f"README.md: docs/performance.md has no {name}")
            return found[0]
        value = median[name] / UNITS[found[2]]
        digits = len(found[1].replace(".", "").lstrip("0"))
        shown = f"{value:#.{digits}g}".rstrip(".")
        return f"{float(shown):.0f} {found[2]}" if "e" in shown else f"{shown} {found[2]}"
    return figure.sub(write, line)


costs = re.search(r"## What it costs\n\n(?:\|.*\n)+", text[readme])[0]
fresh = "\n".join(measured(line) if "`" in line else line for line in costs.split("\n"))
if fresh != costs and "--figures" in sys.argv:
    readme.write_text(text[readme].replace(costs, fresh), encoding="utf-8")
elif fresh != costs:
    for old, new in zip(costs.split("\n"), fresh.split("\n")):
        if old != new:
            problems.append(f"README.md: not what was measured, run tests/readme.py --figures:\n  {old}\n  {new}")

# Links to files of ours, and to their headings.
for page in pages:
    for target in re.findall(r"\]\(([^)\s]+)\)", text[page]):
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if ":" in target:
            continue
        slugs = [re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
                 for title in re.findall(r"^#+ (.*)$", text.get(linked, ""), re.M)]
        if not linked.exists() or (heading and heading not in slugs):
            problems.append(f"{page.name}: the link {target} leads nowhere")

lines = text[readme].count("\n")
if lines > 250:
    problems.append(f"README.md has {lines} lines; 250 are enough")
print("\n".join(problems) or f"readme: {len(pages)} pages")
sys.exit(bool(problems))
