#!/usr/bin/env python3
"""Mirrors runs to Trackio's inbox and to its server, and reads them back with Trackio. usage: check.py TOOL RECORD STORE WORK
TOOL is the command `cairn`; RECORD is built from tests/mirror/recorder/record.cpp; WORK is an empty folder."""
import json
import os
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Faults, Server, command, free_port, picture, record_runs, start, wait_for  # noqa: E402

tool, record, store = (str(Path(path).resolve()) for path in sys.argv[1:4])
work = Path(sys.argv[4]).resolve()
trackio = Path(sys.executable).parent / "trackio"
for name in [name for name in os.environ if name.startswith(("TRACKIO_", "HF_"))]:
    del os.environ[name]
os.environ.update(HOME=str(work), HF_HUB_OFFLINE="1", TRACKIO_INBOX_POLL_INTERVAL="5")
secret = "a-secret-of-the-server"


def say(text):
    print(f"Trackio: {text}", flush=True)


cairn = command(tool, store)


class Dashboard(Server):
    """Its dashboard, which can be killed and started again."""

    def __init__(self, name):
        self.home = work / name
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = open(work / f"{name}.log", "a")
        self.start()

    def start(self):
        show = f"import trackio; trackio.show(host='127.0.0.1', server_port={self.port}, open_browser=False, block_thread=True)"
        is_up = lambda: json.load(urllib.request.urlopen(f"{self.address}/version", timeout=5))["api_version"] == 1
        self.launch([sys.executable, "-c", show], self.log, is_up, work,
                    {**os.environ, "TRACKIO_DIR": str(self.home), "TRACKIO_WRITE_TOKEN": secret})

    def ask(self, api, **arguments):
        request = urllib.request.Request(f"{self.address}/api/{api}", json.dumps({"kwargs": arguments}).encode(),
                                         {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=60))["data"]

    def query(self, sql, project="demo"):
        return self.ask("query_project", project=project, query=sql)["rows"]


def trackio_says(home, *arguments):
    """Trackio's own command."""
    return json.loads(subprocess.run([trackio, *arguments, "--json"], check=True, capture_output=True, text=True,
                                     env={**os.environ, "TRACKIO_DIR": str(home)}).stdout)


def milliseconds(iso):
    return round(datetime.fromisoformat(iso).timestamp() * 1e6) // 1000


# ---- what is recorded, and what is there

png = picture(work / "picture.png")
record_runs(record, store, png)
renamed = {"l\ufffdss.dot": "l_xDCF6_ss.dot", "step": "__step", "__x": "____x", "_x005B_": "_x005F_x005B_"}


def rows_of(name):
    """Step, time and metrics of each row of rank 0, as Trackio is to have them."""
    rows = [json.loads(line) for line in cairn("export", name, "--jsonl").splitlines()]
    return [(row["step"], row["time_ms"], {renamed.get(key, key): value for key, value in row["row"].items()})
            for row in rows if row["row"]]


def is_rich(metrics):
    return any(isinstance(value, dict) for value in metrics.values())


def rows_there(query, run):
    """The same as Trackio has them, without rich values; and these."""
    rows = [(row["step"], milliseconds(row["timestamp"]), json.loads(row["m"])) for row in query(
        f"select step, timestamp, cast(metrics as text) m from metrics where run_id = '{run}' limit 10000")]
    return [row for row in rows if not is_rich(row[2])], [row for row in rows if is_rich(row[2])]


def in_order(rows, with_time):
    return sorted(json.dumps([step, time_ms if with_time else 0, metrics], sort_keys=True) for step, time_ms, metrics in rows)


def check(query, name, with_time=True):
    """The run's rows, each once; its id there, its config and its rich values."""
    ids = {row["run_id"]: json.loads(row["c"]) for row in query("select run_id, cast(config as text) c from configs")}
    ours = [(run, config) for run, config in ids.items()
            if config["cairn"]["run"] == name and config["cairn"]["rank"] == 0]
    assert len(ours) == 1, (name, ids)
    run, config = ours[0]
    there, rich = rows_there(query, run)
    assert in_order(there, with_time) == in_order(rows_of(name), with_time), (name, len(there), len(rows_of(name)))
    return run, config, rich


def check_full(query, home, with_time):
    run, config, rich = check(query, "full", with_time)
    about = json.loads(cairn("show", "full", "--json"))
    cairn_says = config.pop("cairn")
    assert cairn_says["state"] == "finished" and cairn_says["tags"] == ["cpp", "test"], cairn_says
    assert cairn_says["notes"] == "what it is" and cairn_says["names"] == {"l_xDCF6_ss.dot": "l\ufffdss.dot"}, cairn_says
    assert cairn_says["summary"] == {"best": {"epoch": 3}}, cairn_says
    assert milliseconds(config.pop("_Created")) == about["created_ms"] and config.pop("_Group") == "pairs"
    config.pop("_Username")
    assert config == {"lr": 0.001, "deep": True, "net": {"act": "relu", "width": 64}}, config
    values = {key: (step, value) for step, _, metrics in rich for key, value in metrics.items()}
    kinds = {"weights/fc1": (30, "histogram"), "rich/table": (30, "table"), "rich/picture": (30, "image"),
             "confusion": (31, "table"), "roc": (31, "table"), "pr": (31, "table"), "sound": (31, "audio"),
             "text": (32, "markdown"), "page": (32, "html")}
    assert {key: (step, value["_type"].removeprefix("trackio.")) for key, (step, value) in values.items()} == kinds, values
    assert len(rich) == len(kinds), rich
    assert sum(values["weights/fc1"][1]["values"]) == 1000, values["weights/fc1"]
    assert values["rich/table"][1]["_value"] == [{"word": "one", "count": 1}, {"word": "two", "count": None}]
    assert values["confusion"][1]["_value"] == [{"truth": "cat", "cat": 2, "dog": 0}, {"truth": "dog", "cat": 1, "dog": 1}]
    assert values["text"][1]["_value"] == "a longer text"
    picture_there = values["rich/picture"][1]
    assert picture_there["caption"] == "a caption"
    assert (home / "media" / picture_there["file_path"]).read_bytes() == png.read_bytes()
    assert (home / "media" / values["page"][1]["file_path"]).read_text() == "<b>html</b>"
    samples = query(f"select timestamp, cast(metrics as text) m from system_metrics where run_id = '{run}'")
    assert samples and "cpu/utilization" in json.loads(samples[-1]["m"]), samples
    (alert,) = query(f"select title, text, level from alerts where run_id = '{run}'")
    assert alert == {"title": "look", "text": "here", "level": "error"}, alert
    return run


# ---- the inbox


def is_taken(inbox):
    """Whether the dashboard has had all of it. It removes folders meanwhile, which os.walk passes over and rglob does not."""
    return not any(name.endswith(".jsonl") for _, _, names in os.walk(inbox / "inbox") for name in names)


home = work / "inbox"
everything = ["full", "failed", "crashed", "models", "ranks"]


def sync_all(to, *options):
    """What is said while all runs are mirrored."""
    return subprocess.run([tool, "sync", *everything, "--to", to, *options, "--dir", store], capture_output=True,
                          text=True).stderr


told = sync_all(f"trackio:{home}")
assert told.count("Trackio has nothing like this rich value") == 2 and told.count("takes no artifacts") == 2, told
assert told.count("\n") == 4, told
inbox = Dashboard("inbox")
wait_for("the inbox", lambda: is_taken(home))
query = lambda sql: trackio_says(home, "query", "project", "--project", "demo", "--sql", sql)["rows"]
wait_for("the rows", lambda: inbox.ask("get_runs_for_project", project="demo"))
check_full(query, home, True)
for name, state in (("failed", "failed"), ("crashed", "crashed"), ("models", "finished")):
    _, config, _ = check(query, name)
    assert config["cairn"]["state"] == state, config
    assert name != "failed" or config["cairn"]["why"] == "out of luck", config
assert config["lr"] == 0.2 and config["long"] == "x" * 7000, config
second = [one for one in inbox.ask("get_runs_for_project", project="demo") if one["name"].endswith("rank 1")]
assert len(second) == 1, second
assert [row[2]["loss"] for row in sorted(rows_there(query, second[0]["id"])[0])] == [1.0, 1.5, 2.0]
run = trackio_says(home, "get", "run", "--project", "demo", "--run", "the full run")
assert run["last_step"] == 32 and run["num_logs"] == len(rows_of("full")) + 9, run
say("the inbox of runs that finished, failed and crashed, and of ranks: every value, read by its own command")

count = lambda ask: [ask(f"select count(*) n from {table}")[0]["n"] for table in ("metrics", "system_metrics", "alerts", "configs")]
before = count(inbox.query)
for cursor in Path(store).glob("projects/demo/runs/*/**/mirrors/trackio-*.json"):
    cursor.unlink()
assert sync_all(f"trackio:{home}") == told
wait_for("the inbox", lambda: is_taken(home))
time.sleep(1)
assert count(inbox.query) == before, (count(inbox.query), before)
check_full(query, home, True)
say("a mirror that has lost its cursor writes all again, and nothing is there twice")
inbox.kill()

# ---- the server

server = Dashboard("server")
with_token = {"TRACKIO_WRITE_TOKEN": secret}
told = cairn("sync", "full", "--to", f"trackio:{server.address}", fails=True)
assert "set TRACKIO_WRITE_TOKEN" in told, told
told = cairn("sync", "full", "--to", f"trackio:{server.address}/?write_token=a-wrong-one", fails=True)
assert "set TRACKIO_WRITE_TOKEN" in told and "a-wrong-one" not in told, told
told = cairn("sync", "full", "--to", f"trackio:http://127.0.0.1:{free_port()}", fails=True)
assert "did not take a request" in told, told
told = cairn("sync", "full", "--to", "trackio:http://", fails=True)
assert "no address of a server" in told, told
told = cairn("sync", "full", "--to", f"trackio:{home}", "-p", "registry-demo", fails=True)
assert "keeps such names for itself" in told, told
told = cairn("sync", "models", "--to", f"trackio:{server.address}", env=with_token, fails=True)
assert "does not have an artifact that the run has used: data:v0" in told and told.count("\n") == 1, told
told = sync_all(f"trackio:{server.address}/?write_token={secret}")  # and now it has
assert told.count("Trackio has nothing like this rich value") == 2 and told.count("\n") == 2, told
told = cairn("sync", "full", "--to", f"trackio:http//h/?write_token={secret}", fails=True)
told += cairn("sync", "full", "--to", f"trackio://h/?write_token={secret}", fails=True)
told += cairn("sync", "full", "--to", f"Trackio:http://h/?write_token={secret}", fails=True)
assert secret not in told and told.count("\n") == 3, told
leaks = subprocess.run(["grep", "-rl", secret, store], capture_output=True, text=True).stdout
assert not leaks, leaks
run = check_full(server.query, server.home, False)
for name, state in (("failed", "failed"), ("crashed", "crashed"), ("models", "finished")):
    assert check(server.query, name, False)[1]["cairn"]["state"] == state


def check_artifacts(server, project="demo"):
    net = {one["version"]: one for one in json.loads(cairn("artifact", "ls", "net", "--json"))["versions"]}
    for called, version in net.items():
        there = server.ask("get_artifact_manifest", project=project, name="net", spec=f"cairn-{called}")
        assert there["metadata"]["cairn"]["version"] == called and there["type"] == "model", there
        out = work / f"out-{project}" / called
        cairn("artifact", "get", f"net:{called}", "--to", str(out))
        ours = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
        theirs = {entry["path"]: urllib.request.urlopen(f"{server.address}/artifact_blob/{project}/{entry['digest']}").read()
                  for entry in there["manifest"]}
        assert ours == theirs, (called, ours.keys(), theirs.keys())
    assert len(net) == 5 and server.ask("get_artifact_manifest", project=project, name="net", spec="best")["version"] == 4
    assert server.ask("get_artifact_manifest", project=project, name="net", spec="latest")["metadata"]["cairn"]["version"] == "v4"
    versions = [row["version"] for row in server.query("select version from artifact_versions", project)]
    return sorted(versions)


assert check_artifacts(server) == [0, 0, 0, 1, 2, 3, 4]
data = server.ask("get_artifact_manifest", project="demo", name="data", spec="golden")
assert {entry["path"]: entry["size"] for entry in data["manifest"]} == {"a.txt": 5, "deep/empty.txt": 0}, data
models = check(server.query, "models", False)[0]
links = server.ask("get_run_artifacts", project="demo", run_id=models, run="models")
assert [one["name"] for one in links["input"]] == ["data"], links
assert sorted(one["name"] for one in links["output"]) == ["net"] * 5 + ["odd"], links
say("its server: every value, rich value, file of an artifact, alias and lineage; no token and a wrong one")

before = count(server.query) + [len(server.query("select * from artifact_versions")), len(server.query("select * from run_artifact_links"))]
for cursor in Path(store).glob("projects/demo/runs/*/**/mirrors/trackio-*.json"):
    cursor.unlink()
sync_all(f"trackio:{server.address}/?write_token={secret}")
after = count(server.query) + [len(server.query("select * from artifact_versions")), len(server.query("select * from run_artifact_links"))]
assert after == before, (after, before)
say("a mirror that has lost its cursor sends all again, and nothing is there twice")

# ---- a bad network, a run that goes on, a mirror that is killed, a server that is

proxy = start()
Faults.port = server.port
for every in (2, 3):
    Faults.every, Faults.met = every, []
    project = f"faults{every}"
    told = sync_all(f"trackio:{proxy}/?write_token={secret}", "-p", project)
    Faults.every = 0
    assert told.count("Trackio has nothing like this rich value") == 2 and told.count("\n") == 2, told
    assert set(Faults.met) == set(Faults.kinds), Faults.met
    ask = lambda sql: server.query(sql, project)
    for name in ("full", "failed", "crashed", "models"):
        check(ask, name, False)
    assert check_artifacts(server, project) == [0, 0, 0, 1, 2, 3, 4]
say(f"each second request meets one of {len(Faults.kinds)} faults: nothing is lost, nothing is there twice")

growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
folder = Path(store) / "projects/demo/runs/growing"
wait_for("the run", lambda: (folder / "run.json").exists())
follow = [tool, "sync", "growing", "--to", f"trackio:{proxy}", "--follow", "--every", "0.2", "--dir", store]
errors = open(work / "follow.log", "a")
spawn = lambda: subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **with_token})
mirror = spawn()


def mirrored():
    try:
        (run,) = [one["id"] for one in server.ask("get_runs_for_project", project="demo") if one["name"] == "the growing run"]
        return len(rows_there(server.query, run)[0])
    except (OSError, ValueError):
        return 0


wait_for("rows while it goes on", lambda: mirrored() > 50)
mirror.kill()
mirror.wait()
server.kill()
mirror = spawn()
time.sleep(12)  # longer than one request is tried
assert mirror.poll() is None, (work / "follow.log").read_text()
server.start()
before = mirrored()
Faults.every = 4
wait_for("more rows", lambda: mirrored() > before + 50)
(folder / "enough").touch()
assert growing.wait(60) == 0 and mirror.wait(120) == 0
Faults.every = 0
assert check(server.query, "growing", False)[1]["cairn"]["state"] == "finished"
assert "did not take a request" in (work / "follow.log").read_text()
say("a growing run, whose mirror and server are killed: each value once")

# ---- a dashboard that takes in while the mirror writes

(folder / "enough").unlink()
inbox.start()
before = len(rows_of("growing"))
growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
wait_for("the run goes on", lambda: len(rows_of("growing")) > before)
mirror = subprocess.Popen([tool, "sync", "growing", "--to", "trackio", "--follow", "--every", "0.1", "--dir", store],
                          stdout=subprocess.DEVNULL, env={**os.environ, "TRACKIO_DIR": str(home)})
time.sleep(12)  # two looks of the dashboard
(folder / "enough").touch()
assert growing.wait(60) == 0 and mirror.wait(120) == 0
wait_for("the inbox", lambda: is_taken(home))
wait_for("the end", lambda: check(query, "growing")[1]["cairn"]["state"] == "finished", 15)
inbox.kill()
say("a dashboard that takes in what the mirror writes meanwhile: each value once")

# ---- a full disk

disk = work / "disk"
disk.mkdir()
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).returncode == 0:
    try:
        told = cairn("sync", "models", "--to", f"trackio:{disk}", "--no-artifacts", fails=True)
        assert "no space" in told.lower() or "full" in told.lower(), told
        assert is_taken(disk), list(disk.rglob("*"))
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert f"{len(rows_of('models'))} new rows" in cairn("sync", "models", "--to", f"trackio:{disk}", "--no-artifacts")
    finally:
        subprocess.run(["umount", "-l", disk])
    say("a full disk: what it did not take came when there was room")
else:
    say("SKIPPED: a full disk, which needs root")

# ---- the same rows by Trackio's own client

theirs = r"""
import sys, trackio
run = trackio.init(project="theirs", name="the pair", group="pairs", config={"lr": 1e-3, "net": {"width": 64}}, server_url=sys.argv[1])
for i in range(10):
    trackio.log({"loss": 1.0 / (i + 1), "epoch": i // 5, "on": i % 2 == 0}, step=i)
import numpy
trackio.log({"nan": float("nan"), "up": float("inf"), "note": "text"}, step=10)
trackio.log({"h": trackio.Histogram(np_histogram=(numpy.array([1, 2]), numpy.array([0.0, 1.0, 2.0])))}, step=10)
trackio.finish()
"""
subprocess.run([sys.executable, "-c", theirs, f"{server.address}/?write_token={secret}"], check=True, cwd=work,
               stdout=subprocess.DEVNULL, env={**os.environ, "TRACKIO_DIR": str(work / "their-home")})
subprocess.run([record, store, "ours"], check=True, stdout=subprocess.DEVNULL)
cairn("sync", "ours", "--to", f"trackio:{server.address}", "-p", "ours", env=with_token)
fields = lambda project: [(row["step"], json.loads(row["m"])) for row in server.query(
    "select step, cast(metrics as text) m from metrics order by step, length(metrics) desc", project)]
assert fields("ours") == fields("theirs"), (fields("ours"), fields("theirs"))
configs = [json.loads(server.query("select cast(config as text) c from configs", project)[0]["c"]) for project in ("ours", "theirs")]
differ = {key for key in configs[0].keys() | configs[1].keys() if configs[0].get(key) != configs[1].get(key)}
assert differ <= {"cairn", "_Created", "_Username"}, (differ, configs)
assert [one["name"] for one in server.ask("get_runs_for_project", project="ours")] == ["the pair"]
server.kill()
say("the same as of Trackio's own client, but for the config's " + ", ".join(sorted(differ)))
