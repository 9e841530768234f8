#!/usr/bin/env python3
"""Reads exported runs with TensorBoard itself and compares every step, time and value with the rows of the run.
usage: check.py TOOL STORE LOGDIR; TOOL is the command `cairn`."""
import json
import math
import struct
import subprocess
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, event_file_loader
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

tool, store, logdir = sys.argv[1:4]


def cairn(*arguments):
    return subprocess.run([tool, *arguments, "--dir", store], check=True, capture_output=True, text=True).stdout


def as_float(value):
    """What a float32 keeps of a number of ours."""
    value = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)
    try:
        return struct.unpack("<f", struct.pack("<f", float(value)))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def bits(value):
    return "nan" if math.isnan(value) else struct.pack("<f", value)


subprocess.run([tool, "export", "run", "--tensorboard", logdir, "--dir", store], check=True)
rows = [json.loads(line) for line in cairn("export", "run", "--jsonl").splitlines()]
wanted, texts = {}, {}
for row in rows:
    for name, value in row["row"].items():
        is_text = isinstance(value, str) and value not in ("NaN", "Infinity", "-Infinity")
        series = (texts if is_text else wanted).setdefault(name, [])
        series.append((row["step"], row["time_ms"], value if is_text else bits(as_float(value))))
assert sum(map(len, wanted.values())) == 42 and len(texts) == 1, (wanted.keys(), texts)

# As the server reads it.
folder = Path(logdir) / "demo" / "run"
accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance={event_accumulator.TENSORS: 0})
accumulator.Reload()
tags = accumulator.Tags()["tensors"]
for name, series in wanted.items():
    metadata = accumulator.SummaryMetadata(name)
    assert metadata.plugin_data.plugin_name == "scalars" and metadata.data_class == 1, metadata
    got = []
    for event in accumulator.Tensors(name):
        array = tensor_util.make_ndarray(event.tensor_proto)
        assert array.shape == () and array.dtype == "float32", array
        got.append((event.step, round(event.wall_time * 1000), bits(float(array))))
    assert got == series, (name, got, series)
for name, series in texts.items():
    assert accumulator.SummaryMetadata(name).plugin_data.plugin_name == "text"
    got = [(e.step, round(e.wall_time * 1000), e.tensor_proto.string_val[0].decode()) for e in accumulator.Tensors(name)]
    assert got == series, (name, got, series)
assert set(tags) == {*wanted, *texts, "_hparams_/session_start_info", "_hparams_/session_end_info"}, tags

# The config.
content = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
start = hparams.parse_session_start_info_plugin_data(content).hparams
assert start["lr"].number_value == 1e-3 and start["deep"].bool_value is True, start
assert start["net.act"].string_value == "relu" and start["net.width"].number_value == 64, start
content = accumulator.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
assert hparams.parse_session_end_info_plugin_data(content).status == 1

# As its records are read, one by one.
(file,) = folder.iterdir()
events = list(event_file_loader.EventFileLoader(str(file)).Load())
assert events[0].file_version == "brain.Event:2", events[0]
assert sum(len(event.summary.value) for event in events) == 42 + 1 + 2, len(events)

# And back, from what TensorBoard's own writer has written too.
from tensorboard.compat.proto import event_pb2, summary_pb2  # noqa: E402
from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: E402

theirs = Path(logdir) / "theirs"
writer = EventFileWriter(str(theirs))
for step, value in enumerate([1.5, math.nan, -math.inf]):
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="a/b", simple_value=value)])
    writer.add_event(event_pb2.Event(wall_time=1_700_000_000.25 + step, step=step * 10, summary=summary))
writer.close()
made = json.loads(cairn("import", "--tensorboard", logdir, "--project", "back", "--json"))
assert made["damaged"] == [] and [run["id"] for run in made["runs"]] == ["demo-run", "theirs"], made
rows = [json.loads(line) for line in cairn("export", "back/theirs", "--jsonl").splitlines()]
assert rows == [{"step": 0, "time_ms": 1700000000250, "row": {"a/b": 1.5}},
                {"step": 10, "time_ms": 1700000001250, "row": {"a/b": "NaN"}},
                {"step": 20, "time_ms": 1700000002250, "row": {"a/b": "-Infinity"}}], rows
back = [json.loads(line) for line in cairn("export", "back/demo-run", "--jsonl").splitlines()]
got = {}
for row in back:
    for name, value in row["row"].items():
        if name in wanted:
            got.setdefault(name, []).append((row["step"], row["time_ms"], bits(as_float(value))))
assert got == wanted, (got, wanted)
print(f"TensorBoard has read {len(wanted)} scalars and {len(texts)} texts as they were logged, and we have read its own")
