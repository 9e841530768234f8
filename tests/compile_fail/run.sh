#!/bin/sh
# Passes if FILE does not compile and an `error:` line says what its first line (`// expect: REGEX`) wants.
# usage: run.sh COMPILER FILE [FLAG...]
set -eu
compiler=$1 file=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
expect=$(sed -n '1s|^// expect: ||p' "$file")
[ -n "$expect" ] || { echo "$file: its first line must be: // expect: REGEX"; exit 1; }
# Messages in English, whatever the user's language.
if output=$(LC_ALL=C "$compiler" -std=c++20 -fsyntax-only -I"$root/include" "$@" "$file" 2>&1); then
    echo "$file compiles with $compiler, and must not"
    exit 1
fi
printf '%s\n' "$output" | grep 'error: ' | grep -E -e "$expect" && exit 0
printf '%s: no error line of %s matches: %s\n%s\n' "$file" "$compiler" "$expect" "$output"
exit 1
