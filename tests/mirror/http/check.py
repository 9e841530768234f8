#!/usr/bin/env python3
"""Mirrors runs to server.py, through a bad network, and compares what it has. usage: check.py TOOL RECORD STORE WORK
TOOL is the command `cairn`; RECORD is built from tests/mirror/recorder/record.cpp; WORK is an empty folder."""
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Faults, Tls, certificate, command, picture, record_runs, start, wait_for  # noqa: E402

tool, record, store = (str(Path(path).resolve()) for path in sys.argv[1:4])
work = Path(sys.argv[4]).resolve()
served = work / "served"


def say(text):
    print(f"own server: {text}", flush=True)


cairn = command(tool, store)


def serve(port="0", env={}):
    server = subprocess.Popen([sys.executable, Path(__file__).parent / "server.py", served, port], stdout=subprocess.PIPE,
                              text=True, env={**os.environ, **env})
    return server, server.stdout.readline().strip()


def rows_there(name, kind="row", ids="%"):
    with sqlite3.connect(served / "rows.db") as db:
        return [{"step": step, "time_ms": time_ms, "row": json.loads(row)} for step, time_ms, row in db.execute(
            "select step, time_ms, row from rows where run = ? and kind = ? and id like ?", (f"demo/{name}", kind, ids))]


def as_set(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def check(name):
    ours = [json.loads(line) for line in cairn("export", name, "--jsonl").splitlines()]
    there = rows_there(name, ids="0.%")  # `export` tells of rank 0
    assert as_set(ours) == as_set(there), (len(ours), len(there))
    about = json.loads((served / f"runs/demo/{name}/run.json").read_text())
    assert about == json.loads(cairn("show", name, "--json")), name
    return about


png = picture(work / "picture.png")
record_runs(record, store, png)

server, address = serve()
Faults.port = int(address.rsplit(":", 1)[1])
proxy = start()
for every in (0, 2, 3):
    Faults.every, Faults.met = every, []
    cairn("sync", "full", "failed", "crashed", "models", "ranks", "--to", proxy)
    assert every == 0 or set(Faults.met) == set(Faults.kinds), Faults.met
    for cursor in Path(store).glob("projects/demo/runs/*/mirrors/http-*.json"):
        cursor.unlink()  # then all is sent again
Faults.every = 0
states = {name: check(name)["state"] for name in ("full", "failed", "crashed", "models", "ranks")}
assert states == {"full": "finished", "failed": "failed", "crashed": "crashed", "models": "finished", "ranks": "finished"}, states
assert len(rows_there("ranks")) == 6 and rows_there("full", "sample") and len(rows_there("full", "alert")) == 1
media = [file for file in (served / "runs/demo/full/media/0").iterdir()]
assert len(media) == 11 and sum(file.read_bytes() == b"a longer text" for file in media) == 1, media
for version in json.loads(cairn("artifact", "ls", "--json"))["versions"]:
    folder = served / "artifacts/demo" / version["artifact"] / version["version"]
    out = work / f"{version['artifact']}-{version['version']}"
    cairn("artifact", "get", f"{version['artifact']}:{version['version']}", "--to", str(out))
    files = lambda root: {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    assert files(out) == files(folder / "files"), version
    assert json.loads((folder / "manifest.json").read_text())["version"] == version["version"]
assert not list(served.rglob("*.part-*"))
say(f"runs, rich values and artifacts arrive through {len(Faults.kinds)} faults, sent three times over, and are there once")

growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
folder = Path(store) / "projects/demo/runs/growing"
wait_for("the run", lambda: (folder / "run.json").exists())
follow = [tool, "sync", "growing", "--to", proxy, "--follow", "--every", "0.2", "--dir", store]
errors = open(work / "follow.log", "a")
mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors)
wait_for("rows while it goes on", lambda: len(rows_there("growing")) > 50)
mirror.kill()
mirror.wait()
server.kill()
server.wait()
mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors)
time.sleep(12)  # longer than one request is tried
assert mirror.poll() is None, (work / "follow.log").read_text()
token = {"CAIRN_HTTP_TOKEN": "a-secret-token"}
server, _ = serve(str(Faults.port))
before = len(rows_there("growing"))
wait_for("more rows", lambda: len(rows_there("growing")) > before + 50)
(folder / "enough").touch()
assert growing.wait(60) == 0 and mirror.wait(60) == 0
assert check("growing")["state"] == "finished"
server.kill()
server.wait()
say("a growing run, whose mirror and server are killed: each row once")

server, _ = serve(str(Faults.port), token)
cairn("edit", "full", "--notes", "other")
told = cairn("sync", "full", "--to", proxy, fails=True)
assert "status 401" in told and "CAIRN_HTTP_TOKEN" in told, told
told = cairn("sync", "full", "--to", proxy, fails=True, env={"CAIRN_HTTP_TOKEN": "wrong-token"})
assert "status 401" in told and "wrong-token" not in told, told
cairn("sync", "full", "--to", proxy, env=token)
assert check("full")["notes"] == "other"
say("no token, a wrong one, the right one")

tls = Tls(Faults.port, certificate(work / "server"))
cairn("edit", "full", "--notes", "others")
told = cairn("sync", "full", "--to", tls.address, fails=True, env=token)
assert "certificate is not trusted" in told, told
cairn("sync", "full", "--to", tls.address, env={**token, "SSL_CERT_FILE": f"{work}/server.crt"})
assert check("full")["notes"] == "others"
server.kill()
say("TLS, of a server that the system trusts")
