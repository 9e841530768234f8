#!/usr/bin/env python3
"""Mirrors artifacts to servers that speak as S3 does, and reads them back with Amazon's own client.
usage: check.py TOOL RECORD STORE WORK [S3RVER]
TOOL is the command `cairn`; RECORD is built from tests/mirror/recorder/record.cpp; WORK is an empty folder."""
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Faults, Server, Tls, certificate, free_port, picture, start, wait_for  # noqa: E402

import boto3  # noqa: E402

tool, record, store = (str(Path(path).resolve()) for path in sys.argv[1:4])
work = Path(sys.argv[4]).resolve()
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["HOME"] = str(work)  # nobody's credentials
bucket = "cairn-test"


def say(text):
    print(f"S3: {text}", flush=True)


def run_tool(*arguments, at=store, env={}, inside=()):
    return subprocess.run([*inside, tool, *arguments, *(["--dir", at] if at else [])], capture_output=True, text=True,
                          env={**os.environ, **env}, cwd=work)


def cairn(*arguments, at=store, env={}, fails=False):
    done = run_tool(*arguments, at=at, env=env)
    assert (done.returncode != 0) == fails, (arguments, done)
    return done.stderr if fails else done.stdout


def listed(place, env, *name):
    versions = json.loads(cairn("s3", "ls", place, *name, "--json", at=None, env=env))["versions"]
    return {f"{one['project']}/{one['artifact']}:{one['version']}": one for one in versions}


def tree(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()}


def got(place, env, name):
    out = work / "got"
    shutil.rmtree(out, ignore_errors=True)
    cairn("s3", "get", place, name, "--to", str(out), at=None, env=env)
    return tree(out)


def ours(name, at=store):
    out = work / "ours"
    shutil.rmtree(out, ignore_errors=True)
    cairn("artifact", "get", name, "--to", str(out), at=at)
    return tree(out)


class Peer(Server):
    def __init__(self, command, log, env={}):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

        def is_up():
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", self.port)) == 0
        self.launch([part.replace("PORT", str(self.port)) for part in command], open(work / log, "a"), is_up, work,
                    {**os.environ, **env})


def keys_of(client, prefix=""):
    return {one["Key"]: one["Size"] for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for one in page.get("Contents", [])}


def bring_down(client, prefix, to):
    """What `aws s3 sync` does."""
    for key in keys_of(client, prefix):
        path = to / key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, key, str(path))


png = picture(work / "picture.png")
for name in ("full", "models"):
    subprocess.run([record, store, name, str(png)], stdout=subprocess.DEVNULL, check=True)
other = str(work / "other")  # another machine's
for name in ("full", "models"):
    subprocess.run([record, other, name, str(png)], stdout=subprocess.DEVNULL, check=True)
everything = ["demo/data:v0", *(f"demo/net:v{i}" for i in range(5)), "demo/odd:v0"]

# ---- moto, which sees to it that requests are signed

moto = Peer([str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", "PORT"], "moto.log",
              {"INITIAL_NO_AUTH_ACTION_COUNT": "3"})
by_nobody = dict(endpoint_url=moto.address, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
iam = boto3.client("iam", **by_nobody)
iam.create_user(UserName="trainer")
key = iam.create_access_key(UserName="trainer")["AccessKey"]
iam.put_user_policy(UserName="trainer", PolicyName="all", PolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
env = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
       "AWS_ENDPOINT_URL_S3": moto.address}
client = boto3.client("s3", endpoint_url=moto.address, region_name="us-east-1", aws_access_key_id=key["AccessKeyId"],
                      aws_secret_access_key=key["SecretAccessKey"])
client.create_bucket(Bucket=bucket)
place = f"s3://{bucket}/team/store"

told = cairn("sync", "full", "--to", place, fails=True)
assert "nobody says who we are" in told, told
told = cairn("sync", "full", "--to", place, env={**env, "AWS_SECRET_ACCESS_KEY": "wrong"}, fails=True)
assert "status 403 SignatureDoesNotMatch" in told and "wrong" not in told, told
told = cairn("sync", "full", "--to", "s3://no-such-bucket/x", env=env, fails=True)
assert "make the bucket first" in told, told
told = cairn("sync", "full", "--to", "s3://Bad_Bucket", env=env, fails=True)
assert "no place in S3" in told, told
told = cairn("s3", "ls", place, at=None, env=env, fails=True)
assert "there is no store here" in told, told
say("no keys, a wrong one, no bucket, no store: each is told")

said = cairn("sync", "full", "models", "--to", place, env=env)
assert "1 new versions" in said and "6 new versions" in said, said
assert sorted(listed(place, env)) == everything, listed(place, env)
assert "best" in listed(place, env, "demo/net")["demo/net:v4"]["aliases"]
for name in everything:
    assert got(place, env, name) == ours(name), name
assert got(place, env, "demo/net:best") == ours("net:best") and got(place, env, "demo/net") == ours("net")
assert "there is no net:v9" in cairn("s3", "get", place, "demo/net:v9", at=None, env=env, fails=True)
down = work / "down"
bring_down(client, "team/store/", down)
assert "7 versions and 0 rows are whole, 0 damaged" in cairn("verify", at=str(down)), "not a store"
assert ours("net:best", str(down)) == ours("net:best")
say("artifacts, aliases and files are there; who copies all of it down has a store, whole")

before = keys_of(client)
for cursor in Path(store).glob("projects/demo/runs/*/mirrors/s3-*.json"):
    cursor.unlink()
cairn("sync", "full", "models", "--to", place, env=env)
assert keys_of(client) == before and len(listed(place, env)) == 7
proxy = start()
Faults.port = moto.port
through = {**env, "AWS_ENDPOINT_URL_S3": proxy}
Faults.seen = []
cairn("sync", "full", "models", "--to", place, at=other, env=through)
puts = [one for one in Faults.seen if one.startswith("PUT") and "/objects/" in one]
assert not puts, puts
assert sorted(listed(place, env)) == sorted(everything + ["demo/data:v1", *(f"demo/net:v{i}" for i in range(5, 10)), "demo/odd:v1"])
assert got(place, env, "demo/net:v9") == ours("net:v4", other) and got(place, env, "demo/net:v4") == ours("net:v4")
say("a lost cursor doubles nothing; another machine's versions get the next numbers, and their objects are not sent again")

# ---- a bucket as a host of its own

(work / ".aws").mkdir()
(work / ".aws/config").write_text("[default]\ns3 =\n    addressing_style = virtual\n")
(work / "hosts").write_text(f"127.0.0.1 localhost {bucket}.localhost\n")
inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'mount --bind {work}/hosts /etc/hosts && exec "$@"', "sh"]
told = run_tool("sync", "full", "--to", f"s3://{bucket}/by-host", inside=inside,
                env={**env, "AWS_ENDPOINT_URL_S3": f"http://localhost:{moto.port}"})
assert told.returncode == 0, told
(work / ".aws/config").unlink()
log = (work / "moto.log").read_text()
assert '"PUT /by-host/' in log and f"/{bucket}/by-host" not in log
assert got(f"s3://{bucket}/by-host", env, "demo/data:v0") == ours("data:v0")
say("a profile may want buckets to be addressed as hosts")

# ---- a bad network

for every in (2, 3):
    Faults.every, Faults.met = every, []
    faulty = f"s3://{bucket}/faults-{every}"
    said = cairn("sync", "full", "models", "--to", faulty, env=through)
    Faults.every = 0
    assert set(Faults.met) == set(Faults.kinds), Faults.met
    assert sorted(listed(faulty, env)) == everything, listed(faulty, env)
    for name in everything:
        assert got(faulty, env, name) == ours(name), name
say(f"each second request meets one of {len(Faults.kinds)} faults: nothing is lost, nothing is there twice")

# ---- a large file, broken off and gone on with

size = 300 << 20
large = work / "large.bin"
large.write_bytes(b"".join(random.Random(seed).randbytes(1 << 20) for seed in range(size >> 20)))
subprocess.run([record, store, "file", str(large)], check=True, stdout=subprocess.DEVNULL)
mirror = subprocess.Popen([tool, "sync", "file", "--to", place, "--dir", store], env={**os.environ, **through},
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def parts():
    (upload,) = client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) or [None]
    return len(client.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])) if upload else 0


wait_for("some parts", lambda: parts() >= 4)
mirror.kill()
mirror.wait()
there = parts()
assert 4 <= there < 19, there
Faults.seen, Faults.every = [], 7
said = cairn("sync", "file", "--to", place, env=through)
Faults.every = 0
assert "1 new versions" in said, said
sent = {one.split("partNumber=")[1].split("&")[0] for one in Faults.seen if "partNumber=" in one and one.startswith("PUT")}
assert len(sent) <= 19 - there, (sent, there)
assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
assert got(place, env, "demo/large") == {"large.bin": large.read_bytes()}
say(f"300 MiB in 19 parts, killed after {there} of them: only the others are sent again, and it is whole")

# ---- two at once, and what is damaged

racing = f"s3://{bucket}/racing"
both = [subprocess.Popen([tool, "sync", "models", "--to", racing, "--dir", at], env={**os.environ, **env},
                         stdout=subprocess.DEVNULL) for at in (store, other)]
assert [one.wait(300) for one in both] == [0, 0]
names = listed(racing, env, "demo/net")
assert sorted(names) == sorted(f"demo/net:v{i}" for i in range(10)), names
assert len({(one["created_ms"], one["step"]) for one in names.values()}) == 10, names
say("two machines at once: every version once, no number twice")

(key_of_large,) = [name for name, bytes in keys_of(client, "team/store/objects/").items() if bytes == size]
client.put_object(Bucket=bucket, Key=key_of_large, Body=large.read_bytes()[:-1] + b"x")
told = cairn("s3", "get", place, "demo/large", "--to", str(work / "bad"), at=None, env=env, fails=True)
assert "not as it was written" in told and not list((work / "bad").rglob("*")), told
(work / ".aws/credentials").write_text(f"[trainer]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key={key['SecretAccessKey']}\n")
assert listed(place, {"AWS_PROFILE": "trainer", "AWS_ENDPOINT_URL": moto.address}, "demo")
leaks = subprocess.run(["grep", "-rl", key["SecretAccessKey"], store], capture_output=True, text=True).stdout
assert not leaks, leaks
say("a damaged object is told of, and places nothing; keys of a profile")

tls = Tls(moto.port, certificate(work / "server"))
(work / ".aws/config").write_text(f"[profile trainer]\nca_bundle = {work}/server.crt\nendpoint_url = {tls.address}\n")
assert sorted(listed(place, {"AWS_PROFILE": "trainer"}, "demo/net")) == [f"demo/net:v{i}" for i in range(10)]
safe = {**env, "AWS_ENDPOINT_URL_S3": tls.address, "AWS_CA_BUNDLE": f"{work}/server.crt"}
cairn("sync", "models", "--to", f"s3://{bucket}/safe", env=safe)
assert len(listed(f"s3://{bucket}/safe", safe)) == 6
told = cairn("s3", "ls", place, at=None, env={**safe, "AWS_CA_BUNDLE": ""}, fails=True)
assert "certificate" in told, told
moto.kill()
say("TLS, of a server that is trusted only where that is told")

# ---- another server

if len(sys.argv) > 5:
    s3rver = Peer([sys.argv[5], "-d", str(work / "s3rver"), "-a", "127.0.0.1", "-p", "PORT", "--configure-bucket", bucket], "s3rver.log")
    env = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER", "AWS_ENDPOINT_URL_S3": s3rver.address}
    place = f"s3://{bucket}"
    cairn("sync", "full", "models", "file", "--to", place, env=env)
    cairn("sync", "full", "models", "--to", place, at=other, env=env)
    # It lists no folders that have only folders in them, so each artifact is asked for.
    counts = {name: len(listed(place, env, f"demo/{name}")) for name in ("data", "net", "odd", "large")}
    assert counts == {"data": 2, "net": 10, "odd": 2, "large": 1}, counts
    for name in ("demo/data:v0", "demo/net:v4", "demo/odd:v0", "demo/large"):
        assert got(place, env, name) == ours(name), name
    assert got(place, env, "demo/net:v9") == ours("net:v4", other)
    s3rver.kill()
    say("the same by another server, s3rver")
