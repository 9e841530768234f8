#!/usr/bin/env python3
"""Has TensorBoard's server show a mirrored run, with both of its loaders, and compares what it serves with the run;
also a run that grows. usage: served.py TOOL RECORD STORE LOGDIR; RECORD is built from tests/mirror/recorder/record.cpp, and
STORE has its run `full`."""
import json
import re
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

tool, record, store, logdir = sys.argv[1:5]
bin = Path(sys.executable).parent
rich = subprocess.run([tool, "sync", "full", "--to", f"tensorboard:{logdir}", "--dir", store], capture_output=True, text=True)
assert rich.returncode == 1, rich  # what TensorBoard cannot have is said, once for each metric
assert rich.stderr.count("TensorBoard has nothing like this") == 3 and rich.stderr.count("of curves TensorBoard has") == 1, rich.stderr
rows = [json.loads(line) for line in subprocess.run([tool, "export", "full", "--jsonl", "--dir", store], check=True,
                                                    capture_output=True, text=True).stdout.splitlines()]


def single(value):
    return value if isinstance(value, str) else struct.unpack("<f", struct.pack("<f", value))[0]


def check(loader):
    server = subprocess.Popen([bin / "tensorboard", "--logdir", logdir, "--port", "0", "--host", "127.0.0.1",
                               "--reload_interval", "1", f"--load_fast={loader}", "--samples_per_plugin", "scalars=10000,images=100"],
                              stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        address = found[0]

        def ask(path, **query):
            with urllib.request.urlopen(f"{address}/data/plugin/{path}?{urllib.parse.urlencode(query)}", timeout=30) as got:
                return got.read()

        def wait_for(what, condition):
            end = time.time() + 60
            while True:
                try:
                    if condition():
                        return
                except (urllib.error.HTTPError, KeyError):
                    pass
                assert time.time() < end, what
                time.sleep(0.2)

        run = "demo/full"
        wait_for("the run", lambda: "val/loss" in json.loads(ask("scalars/tags"))[run])
        for metric in ("loss/train", "val/loss", "epoch", "nan", "up", "down", "zero"):
            wanted = [(row["step"], single(row["row"][metric])) for row in rows if metric in row["row"]]
            series = lambda: [(step, value) for _, step, value in json.loads(ask("scalars/scalars", run=run, tag=metric))]
            wait_for(metric, lambda: len(series()) >= len(wanted))
            assert series() == wanted, (loader, metric, series(), wanted)
        (_, step, bins), = json.loads(ask("histograms/histograms", run=run, tag="weights/fc1"))
        assert step == 30 and sum(count for _, _, count in bins) == 1000, bins
        assert bins[0][0] == 0 and bins[-1][1] == 99, bins
        image, = json.loads(ask("images/images", run=run, tag="rich/picture", sample=0))
        picture = urllib.request.urlopen(f"{address}/data/plugin/images/individualImage?{image['query']}").read()
        assert picture.startswith(b"\x89PNG") and image["step"] == 30, image
        sound, = json.loads(ask("audio/audio", run=run, tag="sound", sample=0))
        wave = urllib.request.urlopen(f"{address}/data/plugin/audio/individualAudio?{sound['query']}").read()
        assert wave.startswith(b"RIFF") and sound["step"] == 31, sound
        entry, = json.loads(ask("pr_curves/pr_curves", run=run, tag="pr"))[run]
        # Of scores 0.1, 0.9, 0.4 and 0.2, where the second and the third are true.
        curve = [(1, 2 / 4)] * 21 + [(1, 2 / 3)] * 20 + [(1, 1)] * 40 + [(0.5, 1)] * 100
        assert entry["step"] == 31 and len(entry["recall"]) == len(entry["precision"]) == len(curve), entry
        for there, wanted in zip(zip(entry["recall"], entry["precision"]), curve):
            assert abs(there[0] - wanted[0]) + abs(there[1] - wanted[1]) < 1e-6, (there, wanted)
        texts = {tag: json.loads(ask("text/text", run=run, tag=tag))[0]["text"]
                 for tag in ("note", "text", "rich/table", "confusion")}
        assert "a longer text" in texts["text"], texts
        assert "<table>" in texts["rich/table"] and "two" in texts["rich/table"], texts
        assert "<table>" in texts["confusion"] and "dog" in texts["confusion"], texts
        body = json.dumps({"experimentName": "", "startIndex": 0, "sliceSize": 10, "allowedStatuses": [
            "STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]}).encode()
        ask_groups = urllib.request.Request(f"{address}/data/plugin/hparams/session_groups", body,
                                            {"Content-Type": "application/json"})
        groups = json.load(urllib.request.urlopen(ask_groups))["sessionGroups"]
        (group,) = [one for one in groups if one["sessions"][0]["name"] == run]
        assert group["hparams"]["net.act"] == "relu" and group["sessions"][0]["status"] == "STATUS_SUCCESS", group

        # One that grows, whose mirror is killed.
        name = f"growing-{loader}"
        growing = subprocess.Popen([record, store, "growing", name], stdout=subprocess.DEVNULL)
        folder = Path(store) / "projects/demo/runs" / name
        wait_for("the run", lambda: (folder / "run.json").exists())
        follow = [tool, "sync", name, "--to", f"tensorboard:{logdir}", "--follow", "--every", "0.2", "--dir", store]
        mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL)
        steps = lambda: [step for _, step, _ in json.loads(ask("scalars/scalars", run=f"demo/{name}", tag="loss"))]
        wait_for("rows while it goes on", lambda: len(steps()) > 50)
        mirror.kill()
        mirror.wait()
        mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL)
        before = len(steps())
        wait_for("more rows", lambda: len(steps()) > before + 20)
        (folder / "enough").touch()
        assert growing.wait(60) == 0 and mirror.wait(60) == 0
        count = len(subprocess.run([tool, "export", name, "--jsonl", "--dir", store], check=True, capture_output=True,
                                   text=True).stdout.splitlines())
        wait_for("all rows", lambda: len(steps()) == count)
        assert steps() == list(range(count)), steps()
        print(f"TensorBoard serves a mirrored run, and one that grows, each value once (load_fast={loader})", flush=True)
    finally:
        server.kill()
        server.wait()


for loader in ("false", "true"):
    check(loader)
