#!/usr/bin/env python3
"""How long a curve of many points takes to come from our server, TensorBoard's and Trackio's: medians, as a table.
usage: viewers.py TOOL RECORD TENSORBOARD_PYTHON TRACKIO_PYTHON WORK [POINTS]. See viewers.sh."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mirror"))
from common import free_port  # noqa: E402

tool, record, tensorboard_python, trackio_python = (str(Path(path).absolute()) for path in sys.argv[1:5])
work = Path(sys.argv[5]).resolve()
points = int(sys.argv[6]) if len(sys.argv) > 6 else 1_000_000
rounds = 5
middle, window = points // 2, 1000


def fetch(address, body=None):
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return answer.read()


class Server:
    """A program that serves, until the end of the block."""

    def __init__(self, command, env={}, port=None):
        self.begun = time.perf_counter()
        self.log = open(work / "server.log", "a")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, **env}, cwd=work)
        self.address = f"http://127.0.0.1:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def until(self, get):
        """Milliseconds from the start of the program until `get` has the whole curve."""
        while True:
            assert self.process.poll() is None, self.log.name
            try:
                if get(self.address):
                    return (time.perf_counter() - self.begun) * 1000
            except (OSError, LookupError, ValueError):  # not yet
                pass
            assert time.perf_counter() - self.begun < 900, self.log.name
            time.sleep(0.01)


def took(get, address):
    begun = time.perf_counter()
    assert get(address)
    return (time.perf_counter() - begun) * 1000


class Cairn:
    name = "cairn"

    def start(self):
        port = free_port()
        return Server([tool, "serve", "--port", str(port), "--dir", str(work / "store")], port=port)

    def curve(self, address):
        got = json.loads(fetch(f"{address}/api/series?run=long&metric=loss&buckets=1200"))["series"][0]
        return got["size"] == points

    def zoom(self, address):
        got = json.loads(fetch(f"{address}/api/series?run=long&metric=loss&buckets=1200&from={middle}&to={middle + window - 1}"))
        return all(len(column) == window for column in got["series"][0]["points"].values())


class TensorBoard:
    def __init__(self, samples):
        self.name = "TensorBoard, " + ("all points" if samples == points else f"{samples:,} samples")
        self.samples = samples

    def start(self):
        port = free_port()
        return Server([tensorboard_python, "-m", "tensorboard.main", "--logdir", str(work / "logs"), "--host", "127.0.0.1", "--port", str(port),
                       "--samples_per_plugin", f"scalars={self.samples}"], port=port)

    def curve(self, address):
        tags = json.loads(fetch(f"{address}/data/plugin/scalars/tags"))
        run, = tags
        got = json.loads(fetch(f"{address}/data/plugin/scalars/scalars?{urllib.parse.urlencode({'run': run, 'tag': 'loss'})}"))
        return got[-1][1] == points - 1 and len(got) >= self.samples

    zoom = curve  # it has no other question; of samples, nothing more is to be had

    def can_zoom(self):
        return self.samples == points


class Trackio:
    name = "Trackio, at most 3,000 samples"

    def start(self):
        port = free_port()
        show = f"import trackio; trackio.show(host='127.0.0.1', server_port={port}, open_browser=False, block_thread=True)"
        return Server([trackio_python, "-c", show], port=port, env={"TRACKIO_DIR": str(work / "trackio"), "HOME": str(work), "HF_HUB_OFFLINE": "1"})

    def ask(self, address, api, **arguments):
        return json.loads(fetch(f"{address}/api/{api}", json.dumps({"kwargs": arguments}).encode()))["data"]

    def curve(self, address):
        run, = self.ask(address, "get_runs_for_project", project="sizes")
        self.run = run["name"]
        if not hasattr(self, "is_whole"):  # it takes rows in from its inbox while it serves
            if self.ask(address, "get_run_summary", project="sizes", run=self.run)["num_logs"] < points:
                return False
            self.is_whole = True
        got, = self.ask(address, "get_logs_batch", project="sizes", runs=[{"run": self.run, "run_id": run["id"]}])
        return len(got["logs"]) >= 1000

    def zoom(self, address):
        got = self.ask(address, "get_metric_values", project="sizes", run=self.run, metric_name="loss", around_step=middle, window=window // 2)
        return len(got) >= window


shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
subprocess.run([record, str(work / "store"), "long", str(points)], check=True, stdout=subprocess.DEVNULL)
for to in (f"tensorboard:{work / 'logs'}", f"trackio:{work / 'trackio'}"):
    subprocess.run([tool, "sync", "long", "--to", to, "--dir", str(work / "store")], check=True, stdout=subprocess.DEVNULL)
viewers = [Cairn(), TensorBoard(1000), TensorBoard(points), Trackio()]
with viewers[-1].start() as server:  # its rows come from its inbox once, which is not what is measured
    server.until(viewers[-1].curve)

loads, agains, zooms = ({viewer.name: [] for viewer in viewers} for _ in range(3))
for _ in range(rounds):
    for viewer in viewers:
        with viewer.start() as server:
            loads[viewer.name].append(server.until(viewer.curve))
            agains[viewer.name].append(took(viewer.curve, server.address))
            if getattr(viewer, "can_zoom", lambda: True)():
                zooms[viewer.name].append(took(viewer.zoom, server.address))
ours = viewers[0].name


def cell(times, viewer):
    if not times[viewer.name]:
        return "no more than the samples"
    mine = median(times[viewer.name])
    return f"{mine:,.1f} ms" + (f" ({mine / median(times[ours]):,.0f} ×)" if viewer.name != ours else "")


print(f"| {points:,} points, median of {rounds} | " + " | ".join(viewer.name for viewer in viewers) + " |")
print("| --- |" + " --- |" * len(viewers))
for what, times in (("from the start of the server to the curve", loads), ("the curve once more", agains),
                    (f"zoom into {window:,} of them", zooms)):
    print(f"| {what} | " + " | ".join(cell(times, viewer) for viewer in viewers) + " |")
