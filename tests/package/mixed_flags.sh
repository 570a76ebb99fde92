#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Sources with different -march flags can be linked: no function of the backend has one name in
# both.
#   mixed_flags.sh ROOT COMPILER INCLUDE_DIRECTORY...
set -euo pipefail
root=${1:?usage: mixed_flags.sh ROOT COMPILER INCLUDE_DIRECTORY...}
compiler=${2:?usage: mixed_flags.sh ROOT COMPILER INCLUDE_DIRECTORY...}
includes=("${@:3}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # build OUTPUT FLAG... : -O0, so that hardly anything is inlined away
  "$compiler" -std=c++20 -O0 "${@:2}" "${includes[@]/#/-I}" -isystem /usr/include/eigen3 \
    -c "$root/tests/package/mixed_flags.cpp" -o "$1"
}
build "$work/narrow.o" -march=x86-64 -DNAME=narrow -DOTHER=wide -DWITH_MAIN
build "$work/wide.o" -march=x86-64-v3 -DNAME=wide
for half in narrow wide; do
  nm "$work/$half.o" | awk '$2 == "W" { print $3 }' | c++filt |
    grep -E 'attd::.*(eigen|pack<|with_registers)' | sort >"$work/$half.names"
  [ -s "$work/$half.names" ] || {
    echo "$half: no function of the backend was found, so nothing was compared"
    exit 1
  }
done
if common=$(comm -12 "$work/narrow.names" "$work/wide.names" | grep .); then
  echo "functions of the backend that have one name with both flags:"
  echo "$common"
  exit 1
fi
if ! grep -q avx2 /proc/cpuinfo; then
  echo "this processor has no AVX2: compared, linked, but not run"
  "$compiler" "$work/narrow.o" "$work/wide.o" -pthread -o "$work/both"
  exit 0
fi
# Either order, since the linker keeps the first of two functions with one name.
for order in "narrow wide" "wide narrow"; do
  read -r first second <<<"$order"
  "$compiler" "$work/$first.o" "$work/$second.o" -pthread -o "$work/both"
  "$work/both"
done
