#!/usr/bin/env python3
"""Fails unless every file that has to repeat the version repeats the one in include/cairn/version.hpp."""
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
text = (root / "include/cairn/version.hpp").read_text()
version = re.search(r'CAIRN_VERSION "(.*)"', text)[1]
major, minor, _ = version.split(".")
namespace = f"v0_{minor}" if major == "0" else f"v{major}"
WANTED = {
    "include/cairn/version.hpp": r"(?s)" + ".*".join(
        f"CAIRN_VERSION_{part} {number}\n" for part, number in zip(("MAJOR", "MINOR", "PATCH"), version.split("."))),
    "include/cairn/config.hpp": f"cairn::inline {namespace}\n",
    "meson.build": f"version: '{re.escape(version)}'",
    "packaging/vcpkg/ports/cairn/vcpkg.json": f'"version": "{re.escape(version)}"',
    "single_include/cairn/cairn.hpp": f"// cairn {re.escape(version)},",
    "CHANGELOG.md": rf"(?m)^## .*{re.escape(version)}",
}
problems = [f"{name}: does not say {version}" for name, pattern in WANTED.items()
            if not (root / name).exists() or not re.search(pattern, (root / name).read_text())]
print("\n".join(problems) or f"version {version} everywhere")
sys.exit(bool(problems))
