#!/usr/bin/env python3
"""NumPy sees the matrix that Eigen does, and the other way round. usage: compare_eigen.py PROGRAM, the built eigen.cpp"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

matrix = np.array([[1, 2, 3], [4, 5, 6]])
expected = {"columns": matrix.astype("f8"), "rows": matrix.astype("f8"), "fixed": matrix.astype("f4"),
            "vector": np.arange(4, dtype="i4")}
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "m.safetensors")
    subprocess.run([sys.argv[1], "write", file], check=True)
    found = load_file(file)
    assert set(found) == set(expected), found
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and np.array_equal(found[name], values), (name, found[name])
    save_file({name: values * 10 for name, values in expected.items()}, file)
    subprocess.run([sys.argv[1], "read", file], check=True)
print("interop: Eigen and NumPy see the same matrices")
