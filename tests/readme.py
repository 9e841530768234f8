#!/usr/bin/env python3
"""Fails unless the README's first program is the one that is compiled (examples/snippets/quickstart.cpp)."""
import re
import sys
from pathlib import Path

root = Path(__file__).parent.parent
shown = re.search(r"```cpp\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1]
compiled = (root / "examples/snippets/quickstart.cpp").read_text().split("\n", 1)[1]
sys.exit(0 if shown == compiled else "README.md and examples/snippets/quickstart.cpp differ")
