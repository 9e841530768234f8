#!/usr/bin/env python3
"""Compiles loops.cpp with and without what is off, and fails unless every function has the same instructions both ways.
usage: check.py COMPILER [-O2,-O3,…] [FLAG...]"""
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPILER, LEVELS, FLAGS = sys.argv[1], ["-O2"], sys.argv[2:]
if FLAGS and FLAGS[0].startswith("-O"):
    LEVELS, FLAGS = FLAGS[0].split(","), FLAGS[1:]
OBJDUMP = shutil.which("objdump") or shutil.which("llvm-objdump")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
NAMES = re.findall(r"^double (\w+)\(.*\{$", (HERE / "loops.cpp").read_text(), re.MULTILINE)


def functions(with_it, level, folder):
    """What each function, with the cold parts that were split off from it, consists of."""
    out = Path(folder) / "loops.o"
    subprocess.run([COMPILER, "-std=c++20", level, "-DNDEBUG", "-ffunction-sections", f"-DWITH_WHAT_IS_OFF={with_it}",
                    *FLAGS, f"-I{HERE.parents[1]}/include", "-c", HERE / "loops.cpp", "-o", out], check=True)
    dump = subprocess.run([OBJDUMP, "-dr", "--no-show-raw-insn", out], check=True, capture_output=True, text=True).stdout
    bodies, body = {}, None
    for line in dump.splitlines():
        if head := re.match(r"[0-9a-f]+ <(\w+)((?:\.\w+)*)>:$", line):
            body = bodies.setdefault(head[1] + head[2], []) if head[1] in NAMES else None
        elif body is not None and (instruction := re.match(r"\s+[0-9a-f]+:\s+(.*)", line)):
            body.append(normalised(instruction[1]))
    return {name: symmetric(body) for name, body in bodies.items()}


MIRRORED = {"e": "e", "ne": "ne", "g": "l", "l": "g", "ge": "le", "le": "ge", "a": "b", "b": "a", "ae": "be", "be": "ae"}


def symmetric(body):
    """GCC orders the operands of a comparison by the age of its temporaries; they are put in one order here."""
    for i, (first, second) in enumerate(zip(body, body[1:])):
        compared, jump = re.match(r"(cmp\w?) (%\w+),(%\w+)$", first), re.match(r"j(\w+)( .*)", second)
        if compared and jump and jump[1] in MIRRORED and compared[2] > compared[3]:
            body[i:i + 2] = f"{compared[1]} {compared[3]},{compared[2]}", f"j{MIRRORED[jump[1]]}{jump[2]}"
    return body


def normalised(text):
    """Without what depends only on where things lie: labels of constants, offsets into sections."""
    text = re.sub(r"\s+", " ", text.split("#")[0]).strip()
    text = re.sub(r"(\.LC?|\.L\.?str\.?|\.LCPI\d+_)\d+", r"\1", text)
    return re.sub(r"(\.rodata[\w.]*)([+-]0x[0-9a-f]+)?", r"\1", text)


if not OBJDUMP:
    print("no objdump: skipped")
    sys.exit(SKIPPED)
different = 0
with tempfile.TemporaryDirectory() as folder:
    for level in LEVELS:
        without, with_it = (functions(flag, level, folder) for flag in (0, 1))
        assert set(NAMES) <= set(without) and all(without.values()), f"not found in the disassembly: {NAMES}"
        for name in sorted(without.keys() | with_it.keys()):
            a, b = without.get(name, []), with_it.get(name, [])
            print(f"{'same     ' if a == b else 'DIFFERENT'} {COMPILER} {level} {name}: {len(a)} and {len(b)} lines")
            if a != b:
                different += 1
                print("\n".join(list(difflib.unified_diff(a, b, "without", "with", lineterm=""))[:60]))
sys.exit(1 if different else 0)
