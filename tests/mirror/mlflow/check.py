#!/usr/bin/env python3
"""Mirrors runs to MLflow's own server and reads them back with MLflow's own client. usage: check.py TOOL RECORD STORE WORK
TOOL is the command `cairn`; RECORD is built from tests/mirror/recorder/record.cpp; WORK is an empty folder."""
import base64
import json
import math
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Faults, Server, Tls, certificate, command, free_port, picture, record_runs, start, wait_for  # noqa: E402

import mlflow  # noqa: E402
from mlflow.entities import ViewType  # noqa: E402

tool, record, store = (str(Path(path).resolve()) for path in sys.argv[1:4])
work = Path(sys.argv[4]).resolve()
bin = Path(sys.executable).parent
for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
    del os.environ[name]
os.chdir(work)
os.environ["HOME"] = str(work)  # nobody's credentials
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "2"


def say(text):
    print(f"MLflow: {text}", flush=True)


cairn = command(tool, store)


class Mlflow(Server):
    """One that can be killed and started again."""

    def __init__(self, name, *options, backend=None, artifacts=None, env={}):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = open(work / f"{name}.log", "a")
        self.command = [bin / "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
                        "--backend-store-uri", backend or f"sqlite:///{work}/{name}.db",
                        "--artifacts-destination", str(artifacts or work / f"{name}-files"), *options]
        self.env = {**os.environ, **env}
        self.start()

    def start(self):
        is_up = lambda: urllib.request.urlopen(f"{self.address}/health", timeout=5).status == 200
        self.launch(self.command, self.log, is_up, work, self.env)


proxy = start()
# ---- what is recorded, and what is there

png = picture(work / "picture.png")
record_runs(record, store, png)

number = {"NaN": math.nan, "Infinity": sys.float_info.max, "-Infinity": -sys.float_info.max}  # as the server keeps them


def rows_of(name):
    return [json.loads(line) for line in cairn("export", name, "--jsonl").splitlines()]


def points_of(name):
    """Of each metric (step, ms, value), in order, and the last text of each that is one."""
    points, texts = {}, {}
    for row in rows_of(name):
        for metric, value in row["row"].items():
            if isinstance(value, str) and value not in number:
                texts[metric] = value
            else:
                points.setdefault(metric, []).append((row["step"], row["time_ms"], float(number.get(value, value))))
    return points, texts


def same(a, b):
    order = lambda all: sorted(all, key=lambda p: (p[0], p[1], math.isnan(p[2]), 0 if math.isnan(p[2]) else p[2]))
    return len(a) == len(b) and all(x[:2] == y[:2] and (x[2] == y[2] or (math.isnan(x[2]) and math.isnan(y[2])))
                                    for x, y in zip(order(a), order(b)))


def client_of(address):
    return mlflow.MlflowClient(tracking_uri=address)


def the_run(client, name, experiment="demo"):
    found = client.get_experiment_by_name(experiment)
    runs = [run for run in client.search_runs([found.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
            if run.data.tags.get("cairn.run") == name and "mlflow.parentRunId" not in run.data.tags]
    assert len(runs) == 1, (name, runs)
    return client.get_run(runs[0].info.run_id)


def points_there(client, run, metric):
    return [(one.step, one.timestamp, one.value) for one in client.get_metric_history(run.info.run_id, metric)]


def files_of(client, run, path=None):
    for file in client.list_artifacts(run.info.run_id, path):
        if file.is_dir:
            yield from files_of(client, run, file.path)
        else:
            yield file.path


def check_points(client, name, renamed={}, experiment="demo"):
    run = the_run(client, name, experiment)
    points, texts = points_of(name)
    for metric, all in points.items():
        if metric.startswith("wide/") and not metric.endswith("99"):  # ten thousand, of one point each: not all one by one
            assert len(all) == 1 and run.data.metrics[metric] == all[0][2], (metric, all)
            continue
        there = points_there(client, run, renamed.get(metric, metric))
        assert same(there, all), (name, metric, there[:5], all[:5])
    for metric, text in texts.items():
        assert run.data.tags[metric] == text, (metric, run.data.tags)
    others = [metric for metric in run.data.metrics
              if metric not in {renamed.get(one, one) for one in points} and not metric.startswith("system/")]
    assert not others, others
    return run


def file_text(client, run, path):
    return Path(client.download_artifacts(run.info.run_id, path, work / "downloads")).read_text()


# ---- runs of every kind

(work / "downloads").mkdir()
server = Mlflow("main")
Faults.port = server.port
client = client_of(server.address)
cairn("sync", "full", "failed", "crashed", "ranks", "--to", f"mlflow:{server.address}")
complaint = subprocess.run([tool, "sync", "models", "--to", "mlflow", "--register", "net", "--dir", store], text=True,
                           capture_output=True, env={**os.environ, "MLFLOW_TRACKING_URI": server.address}).stderr
assert "6000 characters" in complaint and complaint.count("\n") == 1, complaint

invalid = {"l\ufffdss.dot": "l_xDCF6_ss.dot"}
run = check_points(client, "full", invalid)
assert run.info.status == "FINISHED" and run.info.run_name == "the full run", run.info
about = json.loads(cairn("show", "full", "--json"))
assert run.info.start_time == about["created_ms"] and run.info.end_time == about["ended_ms"], (run.info, about)
assert run.data.params == {"lr": "0.001", "deep": "true", "net.act": "relu", "net.width": "64"}, run.data.params
tags = {"cpp": "true", "test": "true", "mlflow.note.content": "what it is", "cairn.group": "pairs", "cairn.job_type": "train",
        "mlflow.source.type": "LOCAL", "cairn.state": "finished", "mlflow.loggedImages": "true"}
assert tags.items() <= run.data.tags.items(), run.data.tags
samples = points_there(client, run, "system/cpu_utilization_percentage")
assert [step for step, _, _ in sorted(samples)] == list(range(len(samples))) and samples, samples
files = set(files_of(client, run))
kinds = ["images/rich~picture+step+30+timestamp+", "tables/rich/table/step_30_", "media/weights/fc1/step_30_",
         "media/sound/step_31_", "media/confusion/step_31_", "media/roc/step_31_", "media/pr/step_31_", "media/text/step_32_",
         "media/page/step_32_", "media/bytes/step_32_", "media/field/step_32_"]
for kind in kinds:
    assert sum(file.startswith(kind) for file in files) == 1, (kind, files)
assert {"config.json", "summary.json", "output.log", "cairn/names.json", "cairn/alerts.json", "artifacts/data/v0/a.txt",
        "artifacts/data/v0/deep/empty.txt", "artifacts/data/v0/cairn-manifest.json"} <= files, files
assert len(files) == len(kinds) + 8, files
assert file_text(client, run, "artifacts/data/v0/a.txt") == "hello"
assert file_text(client, run, "artifacts/data/v0/deep/empty.txt") == ""
assert file_text(client, run, "output.log") == "first line\nsecond \u00fcline\n"
assert json.loads(file_text(client, run, "cairn/names.json")) == {new: old for old, new in invalid.items()}
assert json.loads(file_text(client, run, "cairn/alerts.json"))[0]["title"] == "look"
(table,) = json.loads(run.data.tags["mlflow.loggedArtifacts"])
mlflow.set_tracking_uri(server.address)  # which the client does not give to its search
frame = client.load_table(run.info.experiment_id, table["path"], [run.info.run_id])
assert list(frame.columns) == ["word", "count"] and list(frame["word"]) == ["one", "two"], frame
(image,) = [file for file in files if file.startswith("images/")]
assert Path(client.download_artifacts(run.info.run_id, image, work / "downloads")).read_bytes() == png.read_bytes()

for name, state in (("failed", "failed"), ("crashed", "crashed")):
    run = check_points(client, name, invalid)
    assert run.info.status == "FAILED" and run.data.tags["cairn.state"] == state and run.info.end_time, run.info
first = the_run(client, "ranks")
(second,) = client.search_runs([first.info.experiment_id], f"tags.mlflow.parentRunId = '{first.info.run_id}'")
assert [value for _, _, value in sorted(points_there(client, second, "loss"))] == [1.0, 1.5, 2.0]
say("every value of finished, failed and crashed runs and of ranks is there, with tags, parameters and files")

# ---- names, long values, models

odd = {"grad[0]": "grad_x005B_0_x005D_", "a//b": "a/_x002F_b", "/c": "_x002F_c", "d/": "d_x002F_", "../e": "_x002E_./e",
       "f/./g": "f/_x002E_/g", "loss=1": "loss_x003D_1", "ratio:x": "ratio_x003A_x", "_x005B_": "_x005F_x005B_",
       "\U0001f600": "_x1F600_", ".": "_x002E_"}
run = the_run(client, "models")
names = json.loads(file_text(client, run, "cairn/names.json"))
long = {old: new for new, old in names.items() if old.startswith("nnn")}
assert len(long) == 2 and len(set(long.values())) == 2 and all(len(new) <= 250 for new in long.values()), long
assert names == {new: old for old, new in {**odd, **long, "a[0]": "a_x005B_0_x005D_"}.items()}, names
check_points(client, "models", {**odd, **long})
assert run.data.params == {"lr": "0.2", "long": "x" * 6000, "a_x005B_0_x005D_": "1"}, run.data.params
assert json.loads(file_text(client, run, "config.json"))["long"] == "x" * 7000
assert file_text(client, run, "artifacts/odd/v0/a b/50% \u00fc+.txt") == "odd"
assert file_text(client, run, "artifacts/odd/v0/no _x0023_1.txt") == "odd"
(used,) = run.inputs.dataset_inputs
assert used.dataset.name == "data:v0" and used.tags[0].value == "training", used
versions = {one["version"]: one for one in json.loads(cairn("artifact", "ls", "net", "--json"))["versions"]}
models = client.search_logged_models([run.info.experiment_id])
assert len(models) == len(versions) == 5, models
for model in models:
    version = versions[model.tags["cairn.version"]]
    assert str(model.status).endswith("READY") and model.source_run_id == run.info.run_id, model
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{model.model_id}",
                                                      dst_path=str(work / model.model_id)))
    out = work / f"{model.model_id}-ours"
    cairn("artifact", "get", f"net:{model.tags['cairn.version']}", "--to", str(out))
    ours = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    theirs = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    about = json.loads(theirs.pop("cairn-manifest.json"))
    assert ours == theirs and about["version"] == model.tags["cairn.version"], (ours.keys(), theirs.keys())
assert sorted(one.step for one in run.outputs.model_outputs) == [0, 1, 2, 3, 4]
best = client.get_model_version_by_alias("net", "best")
assert best.tags["cairn.version"] == "v4" and best.run_id == run.info.run_id, best
say("names it refuses, long values, a row of 10,000; checkpoints are logged models and versions with aliases")

# ---- nothing is there twice, whatever is lost

count = lambda: (len(client.search_runs([run.info.experiment_id], max_results=1000)), len(client.search_logged_models([run.info.experiment_id])),
                 len(client.search_model_versions("name='net'")))
before = count()
assert "0 new rows" in cairn("sync", "full", "--to", f"mlflow:{server.address}")
for cursor in Path(store).glob("projects/demo/runs/*/mirrors/mlflow-*.json"):
    cursor.unlink()
cairn("sync", "full", "failed", "crashed", "ranks", "--to", f"mlflow:{server.address}")
cut = subprocess.run([tool, "sync", "models", "--to", f"mlflow:{server.address}", "--register", "net", "--dir", store],
                     capture_output=True, text=True)
assert cut.stderr == complaint and "22 new rows" in cut.stdout, cut
assert count() == before, (count(), before)
check_points(client, "full", invalid)
check_points(client, "models", {**odd, **long})
say("a mirror that has lost its cursor sends all again, and nothing is there twice")

cairn("edit", "full", "--notes", "changed", "--tag", "late", "--no-tag", "cpp")
cairn("sync", "full", "--to", f"mlflow:{server.address}")
tags = the_run(client, "full").data.tags
assert tags["mlflow.note.content"] == "changed" and tags["late"] == "true" and "cpp" not in tags, tags

# ---- a bad network, a run that goes on, a mirror that is killed, a server that is

for every in (2, 3):
    Faults.every, Faults.met = every, []
    name = f"faults-{every}"
    cut = subprocess.run([tool, "sync", "models", "--to", f"mlflow:{proxy}", "-p", name, "--dir", store],
                         capture_output=True, text=True)
    assert cut.stderr == complaint and "22 new rows" in cut.stdout, cut
    Faults.every = 0
    assert set(Faults.met) == set(Faults.kinds), Faults.met
    there = check_points(client, "models", {**odd, **long}, name)
    assert len(client.search_logged_models([there.info.experiment_id])) == 5
    assert there.info.status == "FINISHED" and "config.json" in set(files_of(client, there))
say(f"each second request meets one of {len(Faults.kinds)} faults: nothing is lost, nothing is there twice")

cut = subprocess.run([tool, "sync", "models", "--to", f"mlflow:{server.address}", "-p", "faults-2", "--register", "later", "--dir",
                      store], capture_output=True, text=True)
assert len(client.search_model_versions("name='later'")) == 5 and len(client.search_logged_models(
    [client.get_experiment_by_name("faults-2").experiment_id])) == 5, cut
copy = Path(store) / "projects/demo/runs/copied"
shutil.copytree(Path(store) / "projects/demo/runs/failed", copy)
(copy / "run.json").write_text(json.dumps({**json.loads((copy / "run.json").read_text()), "id": "copied", "name": "copied"}))
cairn("sync", "copied", "--to", f"mlflow:{server.address}")
assert the_run(client, "copied").info.run_id != the_run(client, "failed").info.run_id
say("models that are registered later, and a copied run's folder")

growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
folder = Path(store) / "projects/demo/runs/growing"
wait_for("the run", lambda: (folder / "run.json").exists())
follow = [tool, "sync", "growing", "--to", f"mlflow:{proxy}", "--follow", "--every", "0.2", "--dir", store]
errors = open(work / "follow.log", "a")
mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors)


def mirrored():
    try:
        return len(points_there(client, the_run(client, "growing"), "loss"))
    except Exception:
        return 0


wait_for("rows while it goes on", lambda: mirrored() > 50)
assert the_run(client, "growing").info.status == "RUNNING"
mirror.kill()
mirror.wait()
server.kill()
mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors)
time.sleep(12)  # longer than one request is tried
assert mirror.poll() is None, (work / "follow.log").read_text()
server.start()
before = mirrored()
Faults.every = 4
wait_for("more rows", lambda: mirrored() > before + 50)
(folder / "enough").touch()
assert growing.wait(60) == 0 and mirror.wait(120) == 0
Faults.every = 0
check_points(client, "growing")
assert the_run(client, "growing").info.status == "FINISHED"
assert "did not take a request" in (work / "follow.log").read_text()
(folder / "enough").unlink()
before = mirrored()
growing = subprocess.Popen([record, store, "growing"], stdout=subprocess.DEVNULL)
wait_for("the run goes on", lambda: cairn("show", "growing", "--json") and len(rows_of("growing")) > before)
mirror = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=errors)
wait_for("rows of the resumed run", lambda: mirrored() > before + 20)
assert the_run(client, "growing").info.status == "RUNNING"
(folder / "enough").touch()
assert growing.wait(60) == 0 and mirror.wait(120) == 0
check_points(client, "growing")
assert the_run(client, "growing").info.status == "FINISHED"
say("a growing run, whose mirror and server are killed: each value once")

# ---- a parameter that changes; a run that is deleted

live = subprocess.Popen([record, store, "growing", "changing"], stdout=subprocess.DEVNULL)
folder = Path(store) / "projects/demo/runs/changing"
wait_for("rows", lambda: (folder / "run.json").exists() and len(rows_of("changing")) > 3)
cairn("sync", "changing", "--to", f"mlflow:{server.address}")
config = json.loads((folder / "config.json").read_text())
(folder / "config.json").write_text(json.dumps({**config, "lr": 5}))
told = cairn("sync", "changing", "--to", f"mlflow:{server.address}", fails=True)
assert "does not change a parameter" in told and "lr" in told, told
assert the_run(client, "changing").data.params["lr"] == "0.001"
client.delete_run(the_run(client, "changing").info.run_id)
told = cairn("sync", "changing", "--to", f"mlflow:{server.address}", fails=True)
assert "is not in MLflow any more" in told, told
(folder / "enough").touch()
assert live.wait(60) == 0
say("a changed parameter and a deleted run are told of")

# ---- TLS

trusted, mine = certificate(work / "server"), certificate(work / "client")
tls = Tls(server.port, trusted, client=work / "client.crt")
at, shows = f"mlflow:{tls.address}", {"MLFLOW_TRACKING_CLIENT_CERT_PATH": str(mine)}
told = cairn("sync", "full", "--to", at, "-p", "tls", env=shows, fails=True)
assert "certificate is not trusted" in told, told
told = cairn("sync", "full", "--to", at, "-p", "tls", env={"MLFLOW_TRACKING_SERVER_CERT_PATH": f"{work}/server.crt"}, fails=True)
assert "did not take a request" in told, told  # who does not show a certificate is let down without a word
knows = {**shows, "MLFLOW_TRACKING_SERVER_CERT_PATH": f"{work}/server.crt"}
cairn("sync", "full", "--to", at, "-p", "tls", env=knows)
cairn("sync", "failed", "--to", at, "-p", "tls", env={**shows, "MLFLOW_TRACKING_INSECURE_TLS": "true"})
os.environ.update(knows)
check_points(client_of(tls.address), "full", invalid, experiment="tls")
check_points(client_of(tls.address), "failed", invalid, experiment="tls")
for name in knows:
    del os.environ[name]
say("TLS, with certificates on both sides, by the settings of MLflow's own client")

# ---- wrong servers

told = cairn("sync", "full", "--to", f"mlflow:http://127.0.0.1:{free_port()}", fails=True)
assert "did not take a request" in told and "Connection" in told, told
told = cairn("sync", "full", "--to", "mlflow:127.0.0.1:5000", fails=True)
assert "no address of a server" in told, told
told = cairn("sync", "full", "--to", "mlflow:http://me:secret@127.0.0.1", fails=True)
assert "leave the user and the password out" in told and "secret" not in told, told
os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow's client sets it
told = cairn("sync", "full", "--to", "mlflow", fails=True)
assert "no address" in told, told
server.kill()

auth = Mlflow("auth", "--app-name", "basic-auth", "--allowed-hosts", f"127.0.0.1:{free_port()}", env={"MLFLOW_FLASK_SERVER_SECRET_KEY": "k", "MLFLOW_AUTH_ADMIN_PASSWORD": "a-long-password"})
told = cairn("sync", "full", "--to", f"mlflow:{auth.address}", fails=True)
assert "status 403" in told and f"--allowed-hosts 127.0.0.1:{auth.port}" in told, told
auth.kill()
auth.command[-1] = f"127.0.0.1:{auth.port}"
auth.start()
told = cairn("sync", "full", "--to", f"mlflow:{auth.address}", fails=True)
assert "status 401" in told and "MLFLOW_TRACKING_USERNAME" in told, told
bad = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "wrong-one"}
told = cairn("sync", "full", "--to", f"mlflow:{auth.address}", env=bad, fails=True)
assert "status 401" in told and "wrong-one" not in told, told
(work / ".mlflow").mkdir()
(work / ".mlflow/credentials").write_text("[mlflow]\nmlflow_tracking_username = admin\nmlflow_tracking_password = a-long-password\n")
cairn("sync", "full", "--to", f"mlflow:{auth.address}")
check_points(client_of(auth.address), "full", invalid)
shutil.rmtree(work / ".mlflow")
auth.kill()
leaks = subprocess.run(["grep", "-rl", "a-long-password\\|" + base64.b64encode(b"admin:a-long-password").decode(), store], capture_output=True, text=True).stdout
assert not leaks, leaks
say("wrong hosts, no and wrong and right credentials")

# ---- a disk of artifacts that is full

disk = work / "disk"
disk.mkdir()
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).returncode == 0:
    try:
        server = Mlflow("small", artifacts=disk)
        told = cairn("sync", "models", "--to", f"mlflow:{server.address}", fails=True)
        assert "did not take a request: status 500" in told, told
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        cairn_done = subprocess.run([tool, "sync", "models", "--to", f"mlflow:{server.address}", "--dir", store],
                                    capture_output=True, text=True)
        client = client_of(server.address)
        run = the_run(client, "models")
        assert run.info.status == "FINISHED" and len(client.search_logged_models([run.info.experiment_id])) == 5, cairn_done
        server.kill()
    finally:
        subprocess.run(["umount", "-l", disk])
    say("a full disk of artifacts: what it did not take came when there was room")
else:
    say("SKIPPED: a full disk of artifacts, which needs root")

# ---- the same rows by MLflow's own client

server = Mlflow("pair")
client = client_of(server.address)
mlflow.set_tracking_uri(server.address)
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="the pair", tags={"cpp": "true"}, description="n") as theirs:
    mlflow.log_params({"lr": 1e-3, "net.width": 64})
    for i in range(10):
        mlflow.log_metrics({"loss": 1.0 / (i + 1), "epoch": i // 5, "on": i % 2 == 0}, step=i)
    mlflow.log_metrics({"nan": math.nan, "up": math.inf}, step=10)
    mlflow.set_tag("note", "text")
theirs = client.get_run(theirs.info.run_id)
subprocess.run([record, store, "ours"], check=True, stdout=subprocess.DEVNULL)
cairn("sync", "ours", "--to", f"mlflow:{server.address}")
ours = the_run(client, "ours")
for metric in theirs.data.metrics:
    values = lambda run: [(step, repr(value)) for step, _, value in sorted(points_there(client, run, metric), key=lambda p: p[:2])]
    assert values(ours) == values(theirs), (metric, values(ours), values(theirs))
assert ours.data.metrics.keys() == theirs.data.metrics.keys()
assert ours.data.params == theirs.data.params and ours.info.status == theirs.info.status, (ours, theirs)
assert ours.info.run_name == theirs.info.run_name
differ = {key for key in ours.data.tags.keys() | theirs.data.tags.keys() if ours.data.tags.get(key) != theirs.data.tags.get(key)}
assert {key for key in differ if not key.startswith("cairn.")} <= {"mlflow.source.name", "mlflow.user", "mlflow.source.git.commit",
                                                                       "mlflow.source.git.branch"}, differ
server.kill()
say("the same as of MLflow's own client, but for the tags " + ", ".join(sorted(differ)))

# ---- PostgreSQL

where = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
if where:
    data, port = Path("/tmp") / f"cairn-mlflow-pg-{os.getpid()}", free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    pg = lambda *command: subprocess.run([*user, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd="/tmp")
    try:
        pg(where[-1], "-D", data, "-U", "mlflow", "--auth=trust")
        pg(where[-1].parent / "pg_ctl", "-D", data, "-w", "-o", f"-p {port} -k {data} -h 127.0.0.1", "-l", f"{data}/log", "start")
        server = Mlflow("postgres", backend=f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres")
        cairn("sync", "full", "--to", f"mlflow:{server.address}")
        check_points(client_of(server.address), "full", invalid)
        server.kill()
    finally:
        subprocess.run([*user, where[-1].parent / "pg_ctl", "-D", data, "-m", "immediate", "stop"], stdout=subprocess.DEVNULL, cwd="/tmp")
        shutil.rmtree(data, ignore_errors=True)
    say("the same over PostgreSQL")
else:
    say("SKIPPED: PostgreSQL, which is not installed")
