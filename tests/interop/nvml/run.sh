#!/bin/sh
# What cairn declares of NVIDIA's NVML, against NVIDIA's own header (from the Python package index, pinned): a library
# that is compiled with it answers. No GPU is needed, and none is seen. usage: tests/interop/nvml/run.sh
set -eu
cd "$(dirname "$0")/../../.."
build=$PWD/build/interop/nvml
mkdir -p "$build"
[ -e "$build/header/ready" ] || {
    python3 -m venv "$build/venv"
    "$build/venv/bin/pip" install -q --no-deps --target "$build/header" 'nvidia-nvml-dev-cu12==12.9.79' && touch "$build/header/ready"
}
header=$(dirname "$(find "$build/header" -name nvml.h)")
build() { "${CXX:-c++}" -std=c++20 -O1 -Wall -Wextra -Werror "$@"; }
build -isystem "$header" -shared -fPIC tests/interop/nvml/library.cpp -o "$build/libnvidia-ml.so.1"
build -Iinclude tests/interop/nvml/gpus.cpp -o "$build/gpus" -pthread
rm -rf "$build/store"*

LD_LIBRARY_PATH=$build "$build/gpus" "$build/store" >"$build/told"
diff "$build/told" - <<'TOLD'
system/gpu.0.gpu 97
system/gpu.0.memory 41
system/gpu.0.memoryAllocatedBytes 6.44245e+10
system/gpu.0.memoryAllocated 75
system/gpu.0.temp 66
system/gpu.0.powerWatts 350
system/gpu.0.enforcedPowerLimitWatts 700
system/gpu.0.powerPercent 50
system/gpu.0.smClock 1980
system/gpu.0.memoryClock 2619
system/gpu.1.gpu 3
system/gpu.1.memory 41
system/gpu.1.memoryAllocatedBytes 6.44245e+10
system/gpu.1.memoryAllocated 75
system/gpu.1.temp 66
TOLD
echo "NVML: what each GPU tells is what NVIDIA's header calls so"
# Into a file, so that a program that fails or is ended fails this one.
if [ -e /dev/nvidiactl ]; then
    echo "NVML: not tested, as there is a driver here: that without one there are no rows of GPUs"
else
    "$build/gpus" "$build/store-none" 2 >"$build/told"
    test ! -s "$build/told"
    echo "NVML: without the driver there are no rows of GPUs"
fi
NVML_HANGS=1 LD_LIBRARY_PATH=$build timeout 20 "$build/gpus" "$build/store-hangs" 2 >"$build/told"
test ! -s "$build/told"
echo "NVML: a driver that never answers holds up nothing"
