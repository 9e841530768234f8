#!/usr/bin/env python3
"""Files that cairn writes load in Python's safetensors with equal bytes, and files of Python's load in cairn; what
Python refuses, cairn refuses too. usage: compare.py PROGRAM, the built safetensors.cpp"""
import ctypes
import itertools
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, TensorSpec, deserialize, safe_open, serialize
from safetensors.numpy import load_file, save

PROGRAM = str(Path(sys.argv[1]).resolve())
# The names that Python's TensorSpec takes, and bytes per element.
DTYPES = {"F64": ("float64", 8), "F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2), "I64": ("int64", 8),
          "I32": ("int32", 4), "I16": ("int16", 2), "I8": ("int8", 1), "U64": ("uint64", 8), "U32": ("uint32", 4),
          "U16": ("uint16", 2), "U8": ("uint8", 1), "BOOL": ("bool", 1), "F8_E4M3": ("float8_e4m3fn", 1),
          "F8_E5M2": ("float8_e5m2", 1)}
# What cairn refuses although Python reads it.
STRICTER = ("unknown dtype", "twice", "unknown key", "no name", "does not begin with '{'", "a null")
random.seed(8)
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


def cairn(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def judge(folder):
    return {line["file"]: line for line in map(json.loads, cairn("judge", folder).splitlines())}


def content(data):
    """What Python finds in a file, as judge writes it; None if it refuses."""
    try:
        return {name: [t["dtype"], list(t["shape"]), bytes(t["data"]).hex()] for name, t in deserialize(data)}
    except (SafetensorError, UnicodeDecodeError):
        return None


def written(tensors, metadata=None):
    """A file of Python's: tensors is {name: (dtype, shape)} with random bytes."""
    buffers, specs = [], {}
    for name, (dtype, shape) in tensors.items():
        size = int(np.prod(shape, dtype=np.int64)) * DTYPES[dtype][1]
        data = bytes(random.randrange(2) for _ in range(size)) if dtype == "BOOL" else random.randbytes(size)
        buffers.append(ctypes.create_string_buffer(data, max(size, 1)))
        specs[name] = TensorSpec(dtype=DTYPES[dtype][0], shape=list(shape), data_ptr=ctypes.addressof(buffers[-1]),
                                 data_len=size)
    return bytes(serialize(specs, metadata))


def by_python(folder):
    """Every dtype and kind of shape, alone and together, with names and metadata of any text."""
    shapes = [(), (0,), (3,), (2, 0, 5), (2, 3), (1, 1, 1, 4)]
    files = {f"{d}-{i}": written({"t": (d, s)}, {"k": "v"}) for d in DTYPES for i, s in enumerate(shapes)}
    files["all"] = written({f"{d}.{i}": (d, s) for d in DTYPES for i, s in enumerate(shapes)})
    files["names"] = written({n: ("F32", (1,)) for n in ("", "é", 'q"\\', "a/b", "__metadata", "\n\x01")[1:]},
                             {"Zeile": "é\n\"", "": ""})
    files["none"] = written({})
    files["numpy"] = save({"scalar": np.full((), np.nan), "matrix": np.arange(6, dtype="<i2").reshape(2, 3)})
    for name, data in files.items():
        (folder / name).write_bytes(data)
    found = judge(folder)
    for name, data in files.items():
        check(found[name].get("tensors") == content(data), f"Python's file {name} is read as Python reads it")
    with safe_open(folder / "names", "np") as file:
        check(found["names"]["metadata"] == file.metadata(), "metadata is read as Python reads it")
    for name in files:
        cairn("copy", folder / name, folder / "copy")
        again = (folder / "copy").read_bytes()
        check(content(again) == content(files[name]), f"cairn's copy of {name} loads in Python with equal bytes")
        if name != "names":  # Python writes metadata in any order
            check(again == files[name], f"cairn's copy of {name} is Python's file")
    return len(files)


def by_cairn(folder):
    cairn("model", folder / "model")
    tensors = load_file(folder / "model")
    check(sorted(tensors) == ["fc.weight", "none", "optimizer.mean", "optimizer.nesterov", "optimizer.rate", "step"],
          "a described model has its names in Python")
    weight = tensors["fc.weight"]
    check(weight.dtype == np.float32 and weight.shape == (2, 3), "dtype and shape")
    check(weight[0].tolist() == [0, 0.5, 1] and weight[1, 0] == 1.5 and np.isnan(weight[1, 1]), "the elements, and NaN")
    check(np.signbit(weight[1, 2]), "minus zero")
    check(tensors["none"].shape == (0, 4) and tensors["none"].dtype == np.int64, "a tensor of no elements")
    check(tensors["step"].shape == () and tensors["step"] == 7, "a scalar")
    check(tensors["optimizer.rate"] == 1e-3 and tensors["optimizer.nesterov"].dtype == np.bool_, "the optimiser's state")
    with safe_open(folder / "model", "np") as file:
        check(file.metadata() == {"vocabulary": "a\nb é"}, "a text is metadata")
    (folder / "again").write_bytes(save(tensors, {"vocabulary": "a\nb é", "format": "np"}))
    check("the same" in cairn("load", folder / "again"), "the model that Python wrote again is loaded")


def hostile(folder):
    """Damaged files: what Python refuses, cairn refuses; what both take is the same."""
    whole = written({"w": ("F32", (1, 2)), "e": ("I64", (0,)), "b": ("U8", (5,))}, {"k": "v"})
    header_end = 8 + int.from_bytes(whole[:8], "little")
    header, data = whole[8:header_end], whole[header_end:]
    with_length = lambda text, rest=data: len(text).to_bytes(8, "little") + text + rest  # noqa: E731
    files = {f"cut{i}": whole[:i] for i in range(len(whole))}
    for i, bit in itertools.product(range(header_end), range(8)):
        files[f"flip{i}.{bit}"] = whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1:]
    for i in range(2000):
        damaged = bytearray(header)
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(damaged))
            damaged[at:at + random.randrange(3)] = random.choice([b"", b"0", b"9", b"[", b"}", b",", b'"', b"-", b"1e9", b"\xff"])
        files[f"edit{i}"] = with_length(bytes(damaged))
    for i, text in enumerate((b"", b"{", b"[]", b"null", b"{}", b"{} ", b" {}", b"{}\0", b'{"a":' * 5000, b"[" * 200000,
                              b'{"__metadata__":{"a":1}}', b'{"__metadata__":null}', b'{"__metadata__":{}}',
                              b'{"w":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}',
                              b'{"w":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}',
                              b'{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}',
                              b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}',
                              b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551616]}}')):
        files[f"odd{i}"], files[f"odd{i}.data"] = with_length(text, b""), with_length(text)
    files["long"] = (100_000_001).to_bytes(8, "little") + b"{" + b" " * 100_000_000
    for name, text in files.items():
        (folder / name).write_bytes(text)
    found = judge(folder)
    taken = stricter = 0
    for name, text in files.items():
        python, ours = content(text), found[name].get("tensors")
        if ours is not None:
            taken += 1
            check(python == ours, f"{name}: cairn takes what Python takes, and finds the same in it")
        elif python is not None:
            stricter += 1
            why = found[name]["error"]
            check(any(reason in why for reason in STRICTER), f"{name}: refused, although Python reads it: {why}")
    check(taken > 50, "some of the damaged files are still whole")
    return f"{len(files)} damaged files: {taken} read by both, {stricter} refused by cairn alone"


with tempfile.TemporaryDirectory() as temporary:
    folders = [Path(temporary, name) for name in ("python", "cairn", "hostile")]
    for each in folders:
        each.mkdir()
    count = by_python(folders[0])
    by_cairn(folders[1])
    summary = hostile(folders[2])
print(f"interop: {count} files of Python's; {summary}; {len(failures)} failures")
sys.exit(bool(failures))
