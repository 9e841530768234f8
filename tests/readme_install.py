#!/usr/bin/env python3
"""Does what the README tells a newcomer: pastes each block of "Put it into your project" into a folder of its own, which
holds the README's first program as main.cpp and a copy of this repository in external/cairn, and looks at what the
program says on a terminal and what it leaves behind. Then builds the tool and looks at that run.
Needs no network but for Conan itself: Conan gets the system's nlohmann/json, and a stand-in for vcpkg runs the port
through packaging/vcpkg/shim.cmake. usage: readme_install.py [--bare] [WAY...], for example CMake.
--bare: in a Debian of its own, which has just what the README says to install; needs root, debootstrap and the network."""
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
bare = root / "build/bare" if "--bare" in sys.argv else None
work = (bare / "root" if bare else root / "build") / "readme"
readme = (root / "README.md").read_text(encoding="utf-8")
program = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL)[1]
section = readme.split("## Put it into your project\n")[1].split("\n## ")[0]
ways = dict(re.findall(r"^\*\*([\w\- ]+)\W*\*\*[^`]*(?:`[^`\n]+`[^`]*)*```sh\n(.*?)```", section, re.DOTALL | re.M))
look = re.search(r"## Look at it\n.*?```sh\n(.*?)```", readme, re.DOTALL)[1]
packages = " ".join(re.findall(r"`apt install ([^`]+)`", readme)).split()
EXPECTED = ["One file", "CMake", "Meson", "Conan 2", "vcpkg"]

VCPKG = """#!/bin/sh
set -eu
[ "$1" = install ] && [ "$2" = cairn ] && ports=${3#--overlay-ports=} && [ -f "$ports/cairn/vcpkg.json" ]
cmake -DPREFIX="$VCPKG_ROOT/installed/all" -DFEATURES= -P "$ports/../shim.cmake"
mkdir -p "$VCPKG_ROOT/scripts/buildsystems"
echo "list(APPEND CMAKE_PREFIX_PATH \\"$VCPKG_ROOT/installed/all\\")" >"$VCPKG_ROOT/scripts/buildsystems/vcpkg.cmake"
"""
CONAN = """set -eu
[ -x "$VENV/bin/conan" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" install -q 'conan==2.*'; }
"$VENV/bin/conan" profile detect
"$VENV/bin/conan" remote disable '*'
"$VENV/bin/conan" export external/cairn/packaging/conan/local --name=nlohmann_json \
    --version="$(pkg-config --modversion nlohmann_json)"
"""


def shell(block, folder):
    """The command that runs the lines in a folder."""
    if not bare:
        return ["bash", "-e", "-c", block]
    mounts = " && ".join(f"mount --rbind /{name} '{bare}/{name}'" for name in ("proc", "dev"))
    inside = f"cd '/{folder.relative_to(bare)}'\n{block}"
    return ["unshare", "--mount", "sh", "-c", f"{mounts} && exec chroot '{bare}' bash -e -c \"$0\"", inside]


def debian():
    """Makes that Debian anew: what an earlier README named is not in it."""
    base, unfinished = bare.with_name("bare_base"), bare.with_name("bare_unfinished")
    if not base.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", unfinished], check=True, stdout=subprocess.DEVNULL)
        unfinished.rename(base)
    shutil.rmtree(bare, ignore_errors=True)
    subprocess.run(["cp", "-a", base, bare], check=True)
    work.mkdir(parents=True, exist_ok=True)
    install = "apt-get -qq update && apt-get -qq install -y --no-install-recommends "
    subprocess.run(shell(install + " ".join(packages) + " >/dev/null", work), check=True, env=BARE)


BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def paste(block, folder, environment):
    """Runs the lines in a shell on a terminal of its own; says what was printed and how it ended."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(shell(block, folder), cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=follower, stderr=follower)
    os.close(follower)
    said = b""
    try:
        while piece := os.read(leader, 65536):
            said += piece
    except OSError:  # the last one who wrote to it is gone
        pass
    os.close(leader)
    return said.decode(errors="replace").replace("\r\n", "\n"), process.wait()


def run(way):
    folder = work / way.replace(" ", "_")
    shutil.rmtree(folder, ignore_errors=True)
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for file in filter(None, files):
        if (root / file).exists():
            (folder / "external/cairn" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, folder / "external/cairn" / file)
    (folder / "main.cpp").write_text(program, encoding="utf-8")

    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    environment |= {"CMAKE_GENERATOR": "Ninja", "CONAN_HOME": str(work / "conan"), "VCPKG_ROOT": str(work / "vcpkg_root"),
                    "VENV": str(root / "build/conan/venv")}
    if bare:
        environment = BARE
    else:
        environment["PATH"] = ":".join([str(work / "bin"), environment["VENV"] + "/bin", environment["PATH"]])
    if way == "vcpkg":
        (work / "bin").mkdir(exist_ok=True)
        (work / "bin/vcpkg").write_text(VCPKG)
        (work / "bin/vcpkg").chmod(0o755)
        shutil.rmtree(work / "vcpkg_root", ignore_errors=True)
    if way == "Conan 2":
        shutil.rmtree(work / "conan", ignore_errors=True)
        subprocess.run(["sh", "-c", CONAN], cwd=folder, env=environment, check=True)

    said, code = paste(ways[way], folder, environment)
    versions = sorted(folder.glob("cairn/projects/quickstart/artifacts/model/v*/model.safetensors"))
    wanted = [r"cairn: run quickstart/\w+, recorded in ", r"cairn: run quickstart/\w+ finished after ",
              r"loss .* last 0\.2 .* min 0\.2 @4 .* max 1 @0"]
    good = code == 0 and len(versions) == 3 and all(re.search(line, said) for line in wanted)
    if good and way == "One file":
        said, code = paste(look + "tool/cairn serve --help\n", folder, environment)
        good = code == 0 and "quickstart" in said and "0.2" in said
    print(f"{way}: {'ran' if good else f'FAILED: exit {code}, {len(versions)} versions, and it said:'}")
    if not good:
        print(said)
    return good


if list(ways) != EXPECTED:
    sys.exit(f"the README has the ways {list(ways)}, not {EXPECTED}")
asked = [argument for argument in sys.argv[1:] if argument != "--bare"]
if bare:
    debian()
    # What Conan and vcpkg need beside Debian's packages is no part of it.
    asked = asked or [way for way in ways if way not in ("Conan 2", "vcpkg")]
work.mkdir(parents=True, exist_ok=True)
results = [run(way) for way in asked or ways]
print(f"readme: {sum(results)} of {len(results)} ways ran the first program")
sys.exit(not all(results))
