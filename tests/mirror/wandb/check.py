#!/usr/bin/env python3
"""Has W&B itself read, upload and show mirrored runs. usage: check.py TOOL RECORD STORE WORK
TOOL is the command `cairn`; RECORD is built from tests/mirror/recorder/record.cpp; WORK is an empty folder. A server that W&B's client
takes for its own (openwandb) accepts the runs, and between the two stands a proxy that keeps what the client says:
that is compared value by value with the runs, and with what W&B's Python client makes of the same rows."""
import hashlib
import http.client
import http.server
import json
import math
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import free_port, picture, wait_for  # noqa: E402

import wandb  # noqa: E402
from google.protobuf import unknown_fields  # noqa: E402
from wandb.proto import wandb_internal_pb2 as pb  # noqa: E402

tool, record, store = map(lambda path: str(Path(path).resolve()), sys.argv[1:4])
work = Path(sys.argv[4]).resolve()
bin = Path(sys.executable).parent


def say(text):
    print(f"wandb: {text}", flush=True)


def cairn(*arguments):
    done = subprocess.run([tool, *arguments, "--dir", store], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done)
    return done.stdout


# ---- a picture, and the runs

png = picture(work / "picture.png")
for name, status in (("full", 0), ("failed", 0), ("crashed", -9)):
    done = subprocess.run([record, store, name, str(png)], stdout=subprocess.DEVNULL)
    assert done.returncode == status, (name, done)
cairn("sync", "full", "failed", "crashed", "--to", f"wandb:{work}")


def folder_of(name):
    found = list((work / "wandb").glob(f"offline-run-*-{name}"))
    assert len(found) == 1, found
    return found[0]


# ---- W&B's own messages take every record whole

def records(path):
    data = path.read_bytes()
    assert data[:7] == b":W&B\xe1\xbe\0"
    at, whole = 7, b""
    while at < len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        crc, size, kind = struct.unpack_from("<IHB", data, at)
        part = data[at + 7:at + 7 + size]
        assert len(part) == size and zlib.crc32(bytes([kind]) + part) == crc
        whole += part
        at += 7 + size
        if kind in (1, 4):
            message = pb.Record()
            message.ParseFromString(whole)
            check_known(message)
            whole = b""
            yield message


def check_known(message):
    assert len(unknown_fields.UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE or (field.message_type.GetOptions().map_entry):
            continue
        for one in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
            check_known(one)


for name, code in (("full", 0), ("failed", 1), ("crashed", 254)):
    kinds = [message.WhichOneof("record_type") for message in records(folder_of(name) / f"run-{name}.wandb")]
    assert kinds[:2] == ["header", "run"] and kinds[-2:] == ["exit", "final"], kinds
    end = [message for message in records(folder_of(name) / f"run-{name}.wandb")][-2]
    assert end.exit.exit_code == code, (name, end)
say("its own messages take every record")


# ---- a server, and what the client says to it

class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    said = []  # (method, path, body)
    server_port = 0

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        plain = zlib.decompress(body, 47) if self.headers.get("Content-Encoding") == "gzip" else body
        Proxy.said.append((self.command, self.path, plain))
        to = http.client.HTTPConnection("127.0.0.1", Proxy.server_port, timeout=60)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("transfer-encoding", "content-length", "connection")}
        to.request(self.command, self.path, body, headers)
        answer = to.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        to.close()

    do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = forward

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):  # a client that goes away
        pass


proxy = Server(("127.0.0.1", 0), Proxy)
address = f"http://127.0.0.1:{proxy.server_address[1]}"
threading.Thread(target=proxy.serve_forever, daemon=True).start()
Proxy.server_port = free_port()
environment = {**os.environ, "WANDB_BASE_URL": address, "WANDB_API_KEY": "local" + 40 * "0",
               "WANDB_CONFIG_DIR": str(work / "config"), "WANDB_CACHE_DIR": str(work / "cache"),
               "WANDB_DATA_DIR": str(work / "data"), "WANDB_ERROR_REPORTING": "false"}
server = subprocess.Popen([bin / "openwandb", "serve", "--host", "127.0.0.1", "-p", str(Proxy.server_port), "--data-dir",
                           work / "server", "--base-url", address],
                          stdout=open(work / "server.log", "w"), stderr=subprocess.STDOUT, cwd=work)


def is_up():
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", Proxy.server_port)) == 0


def upload(folder):
    done = subprocess.run([bin / "wandb", "sync", str(folder)], env=environment, capture_output=True, text=True,
                          cwd=work, timeout=300)
    assert done.returncode == 0 and "Finished syncing" in done.stderr + done.stdout, done
    assert list(folder.glob("*.wandb.synced")), folder


def stream_of(name):
    """What the client says of a run: its rows, samples, output, summary, end."""
    out = {"history": [], "events": [], "output": "", "summary": {}, "end": None}
    files = {"wandb-history.jsonl": "history", "wandb-events.jsonl": "events"}
    for method, path, body in Proxy.said:
        if not path.endswith(f"/{name}/file_stream"):
            continue
        said = json.loads(body)
        for file, chunk in (said.get("files") or {}).items():
            lines = chunk["content"]
            if file in files:
                out[files[file]] += [json.loads(line) for line in lines]
            elif file == "wandb-summary.json":
                out["summary"] = json.loads(lines[-1])
            elif file == "output.log":
                out["output"] += "".join(re.sub(r"^(ERROR )?\S+ ", "", line) + "\n" for line in lines)
        if said.get("complete"):
            out["end"] = said.get("exitcode")
    return out


def database(query, *arguments):
    with sqlite3.connect(work / "server" / "openwandb.db") as data:
        return data.execute(query, arguments).fetchall()


def same(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, (int, float)) and math.isnan(ours):
        return math.isnan(theirs)
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)


def number(value):
    return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)


try:
    wait_for("the server", is_up)
    for name in ("full", "failed", "crashed"):
        upload(folder_of(name))
    heard = {name: stream_of(name) for name in ("full", "failed", "crashed")}

    # Every value of every row, once, at its step and time.
    for name in heard:
        wanted = []
        for line in cairn("export", name, "--jsonl").splitlines():
            row = json.loads(line)
            for key, value in row["row"].items():
                key = "cairn/_step" if key == "_step" else key.replace("\udcf6", "\ufffd")
                wanted.append((row["step"], key, number(value), row["time_ms"]))
        got = []
        for row in heard[name]["history"]:
            own = {key: row.pop(key) for key in ("_step", "_timestamp", "_runtime")}
            assert own["_runtime"] >= 0, own
            got += [(own["_step"], key, value, own["_timestamp"] * 1000) for key, value in row.items()]
        rich = {"weights/fc1", "rich/table", "rich/picture", "confusion_table", "roc_table", "pr_table", "sound", "text", "page",
                "bytes", "field"}
        plain = [one for one in got if one[1] not in rich]
        assert len(plain) == len(wanted), (len(plain), len(wanted))
        by = lambda one: (one[0], one[1])
        for ours, theirs in zip(sorted(wanted, key=by), sorted(plain, key=by)):
            assert ours[:2] == theirs[:2] and same(ours[2], theirs[2]), (ours, theirs)
            assert abs(ours[3] - theirs[3]) < 50, (ours, theirs)  # rows of one step have the time of the last
        if name == "full":
            assert {key for _, key, _, _ in got} >= rich, rich - {key for _, key, _, _ in got}
    say("each value, once")

    rows = {}
    for row in heard["full"]["history"]:
        rows.update(row)
    assert rows["weights/fc1"]["_type"] == "histogram" and sum(rows["weights/fc1"]["values"]) == 1000
    assert len(rows["weights/fc1"]["bins"]) == len(rows["weights/fc1"]["values"]) + 1
    assert rows["text"] == "a longer text"
    files = dict(database("select name, path from files where run_id = 'full'"))
    for key, kind in (("rich/table", "table-file"), ("rich/picture", "image-file"), ("sound", "audio-file"),
                      ("page", "html-file"), ("roc_table", "table-file"), ("pr_table", "table-file"),
                      ("confusion_table", "table-file")):
        value = rows[key]
        assert value["_type"] == kind, (key, value)
        data = Path(files[value["path"]]).read_bytes()
        assert len(data) == value["size"] and hashlib.sha256(data).hexdigest() == value["sha256"], key
    assert Path(files[rows["rich/picture"]["path"]]).read_bytes() == png.read_bytes()
    assert rows["rich/picture"]["caption"] == "a caption"
    assert json.loads(Path(files[rows["rich/table"]["path"]]).read_bytes()) == {
        "columns": ["word", "count"], "data": [["one", 1], ["two", None]]}
    assert struct.unpack("<12f", Path(files[rows["field"]]).read_bytes()) == (1.5,) * 12
    assert Path(files[rows["bytes"]]).read_bytes() == b"12345"
    say("rich values and their files")

    for name, code in (("full", 0), ("failed", 1), ("crashed", 254)):
        assert heard[name]["end"] == code or (code != 0 and heard[name]["end"]), (name, heard[name]["end"])
        assert heard[name]["output"] == "first line\nsecond \u00fcline\n", heard[name]["output"]
        (config, tags, notes, title), = database(
            "select config_json, tags_json, notes, display_name from runs where run_id = ?", name)
        config = {key: value["value"] for key, value in json.loads(config).items()}
        assert {key: config[key] for key in ("lr", "deep", "net")} == {
            "lr": 1e-3, "deep": True, "net": {"act": "relu", "width": 64}}, config
        assert json.loads(tags) == ["cpp", "test"] and notes == "what it is" and title == f"the {name} run"
        # Which metric is drawn over which, and which way it is better.
        metrics = config["_wandb"]["m"]
        (metric,) = [one for one in metrics if one["1"] == "val/loss"]
        assert metrics[metric["5"] - 1]["1"] == "epoch" and metric["8"] == 1, metrics
        samples = heard[name]["events"]
        assert (samples or name == "failed") and all("system.cpu" in one and one["_runtime"] >= 0 for one in samples), samples[:2]
    charts = json.loads(database("select config_json from runs where run_id = 'full'")[0][0])["_wandb"]["value"]["visualize"]
    assert set(charts) == {"confusion", "roc", "pr"}, charts
    summary = heard["full"]["summary"]
    assert summary["loss/train"] == 0.05 and math.isnan(summary["nan"]) and summary["best"] == {"epoch": 3}, summary
    say("config, tags, notes, definitions, charts, summary, output, samples, ends")

    # The artifact. This server has nothing behind its beginning, so what is sent then is not seen: the digest is that
    # of W&B's own class, and the copies that the client would send are there.
    (created,) = [json.loads(body)["variables"]["input"] for _, path, body in Proxy.said
                  if path.endswith("/graphql") and b"createArtifact(" in body]
    (told,) = [one.artifact for one in records(folder_of("full") / "run-full.wandb") if one.HasField("artifact")]
    theirs = wandb.Artifact("data", "dataset")
    for entry in told.manifest.contents:
        assert Path(entry.local_path).stat().st_size == entry.size, entry
        theirs.add_file(entry.local_path, entry.path)
    assert {entry.path for entry in told.manifest.contents} == {"a.txt", "deep/empty.txt"}, told
    assert created["digest"] == told.digest == theirs.digest, (created, theirs.digest)
    assert [one["alias"] for one in created["aliases"]] == ["golden", "latest"], created
    assert (created["artifactCollectionName"], created["artifactTypeName"]) == ("data", "dataset"), created
    assert created["description"] == "three files", created
    assert json.loads(created["metadata"]) == {"rows": 3, "cairn_version": "v0"}, created
    say("the artifact")
    alerts = [body for _, path, body in Proxy.said if path.endswith("/graphql") and b"ScriptableRunAlert" in body]
    assert len(alerts) == 1 and b"look" in alerts[0] and b"ERROR" in alerts[0], alerts

    # ---- a run that grows while it is mirrored and uploaded
    growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
    wait_for("the run", lambda: (Path(store) / "projects/demo/runs/growing/run.json").exists())
    mirror = subprocess.Popen([tool, "sync", "growing", "--to", f"wandb:{work}", "--follow", "--every", "0.2", "--dir",
                               store], stdout=subprocess.PIPE, text=True)
    log = lambda: list((work / "wandb").glob("offline-run-*-growing/run-growing.wandb"))

    def count():
        try:
            return sum(one.WhichOneof("record_type") == "history" for one in records(log()[0])) if log() else 0
        except AssertionError:  # read while its end was being written
            return 0

    wait_for("rows while the run goes on", lambda: count() > 50)
    mirror.kill()  # and another takes over
    mirror.wait()
    mirror = subprocess.Popen([tool, "sync", "growing", "--to", f"wandb:{work}", "--follow", "--every", "0.2", "--dir",
                               store], stdout=subprocess.PIPE, text=True)
    wait_for("what was there", lambda: count() > 50)
    before = count()
    wait_for("more rows", lambda: count() > before + 20)
    (Path(store) / "projects/demo/runs/growing/enough").touch()
    assert growing.wait(60) == 0 and mirror.wait(60) == 0
    upload(folder_of("growing"))
    steps = [row["_step"] for row in stream_of("growing")["history"]]
    assert steps == list(range(len(steps))) and len(steps) > 70, steps
    say(f"a growing run: {len(steps)} rows, each once, though its mirror was killed")

    # ---- the same rows by W&B's own client
    script = """
import wandb
run = wandb.init(project="demo", id="theirs", name="the pair", config={"lr": 1e-3, "net": {"width": 64}}, tags=["cpp"],
                 notes="n", group="pairs", job_type="train", mode="offline", dir=DIR,
                 settings=wandb.Settings(console="off", x_disable_stats=True))
run.define_metric("val/loss", step_metric="epoch")
for i in range(10):
    run.log({"loss": 1.0 / (i + 1), "epoch": i // 5, "on": i % 2 == 0}, step=i)
run.log({"nan": float("nan"), "up": float("inf"), "note": "text", "h": wandb.Histogram(np_histogram=([1, 2], [0.0, 1.0, 2.0]))}, step=10)
run.finish()
""".replace("DIR", repr(str(work / "theirs")))
    (work / "theirs").mkdir()
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=work, capture_output=True)
    (theirs,) = (work / "theirs" / "wandb").glob("offline-run-*-theirs")
    upload(theirs)
    subprocess.run([record, store, "ours"], check=True, stdout=subprocess.DEVNULL)
    cairn("sync", "ours", "--to", f"wandb:{work}")
    upload(folder_of("ours"))
    pair = [stream_of(name) for name in ("theirs", "ours")]
    times = ("_timestamp", "_runtime")
    strip = lambda row: {key: value for key, value in row.items() if key not in times}
    histories = [[json.dumps(strip(row), sort_keys=True) for row in one["history"]] for one in pair]
    assert histories[0] == histories[1], (histories[0][-2:], histories[1][-2:])
    for one in pair:
        assert all(set(times) <= set(row) for row in one["history"])
        one["summary"] = {key: value for key, value in one["summary"].items() if key not in (*times, "_wandb")}
    assert json.dumps(pair[0]["summary"], sort_keys=True) == json.dumps(pair[1]["summary"], sort_keys=True), pair
    columns = "display_name, state, tags_json, notes, summary_json"
    both = [database(f"select {columns}, config_json from runs where run_id = ?", name)[0] for name in ("theirs", "ours")]
    assert both[0][:4] == both[1][:4], both
    configs = [json.loads(one[5]) for one in both]
    for config in configs:
        config.pop("_wandb")
    assert configs[0] == configs[1], configs
    say("the same as its own client makes of the same rows")

    # And back, of what its own client has written.
    back = ["--dir", str(work / "back")]
    said = subprocess.run([tool, "import", "--wandb", str(theirs.parent), "--json", *back], capture_output=True, text=True, check=True)
    said = json.loads(said.stdout)
    assert [(run["project"], run["id"], run["rows"]) for run in said["runs"]] == [("demo", "theirs", 11)], said
    assert not said["damaged"] and [one["path"] for one in said["left_out"]] == ["h"], said
    lines = subprocess.run([tool, "export", "theirs", "--jsonl", *back], capture_output=True, text=True, check=True).stdout
    rows = [(row["step"], row["row"]) for row in map(json.loads, lines.splitlines())]
    wanted = [(i, {"loss": 1.0 / (i + 1), "epoch": i // 5, "on": i % 2 == 0}) for i in range(10)]
    assert rows == wanted + [(10, {"nan": "NaN", "up": "Infinity", "note": "text"})], rows
    about = json.loads(subprocess.run([tool, "show", "theirs", "--json", *back], capture_output=True, text=True, check=True).stdout)
    assert about["config"] == {"lr": 1e-3, "net": {"width": 64}} and about["state"] == "finished", about
    assert (about["name"], about["tags"], about["notes"], about["group"]) == ("the pair", ["cpp"], "n", "pairs"), about
    say("and its own client's runs become ours")
finally:
    server.kill()
    server.wait()

# ---- shown in a terminal by W&B's own program
screen = lambda: subprocess.run(["tmux", "-L", "cairn", "capture-pane", "-p"], capture_output=True, text=True).stdout
subprocess.run(["tmux", "-L", "cairn", "kill-server"], capture_output=True)
try:
    subprocess.run(["tmux", "-L", "cairn", "new-session", "-d", "-x", "160", "-y", "50", f"{bin}/wandb leet {folder_of('full')}"],
                   check=True, env={**environment, "TERM": "screen-256color", "LC_ALL": "C.UTF-8"})
    for text in ("State: Finished", "Name: the full run", "Project: demo", "loss/train", "Process CPU", "net.width"):
        wait_for(f"LEET shows {text!r}", lambda: text in screen())
finally:
    subprocess.run(["tmux", "-L", "cairn", "kill-server"], capture_output=True)
say("shown by leet")
