#!/bin/sh
# Measures the page, and writes the table of docs/dashboard.md. After tests/page/run.sh, on a quiet machine.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build/page
export PATH="$build/venv/bin:$PATH"
rm -rf "$build/fast"
cd tests/page
table=$(CAIRN=$build/tool/cairn RECORD=$build/record SIZES=$build/sizes FAST=$build/fast CHROMIUM=$(command -v chromium) \
    node bench.mjs)
cd ../..
TABLE=$table python3 - <<'PY'
import os, pathlib, re
page = pathlib.Path("docs/dashboard.md")
text = page.read_text(encoding="utf-8")
table = "<!-- made by tests/page/bench.sh -->\n" + os.environ["TABLE"] + "\n<!-- end -->"
page.write_text(re.sub(r"<!-- made by tests/page/bench.sh -->.*?<!-- end -->", lambda _: table, text, flags=re.S), encoding="utf-8")
PY
printf '%s\n' "$table"
