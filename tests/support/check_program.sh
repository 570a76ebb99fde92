# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Sourced by the checks of the examples' programs: a folder to work in, and how failures are told.
# Needs `program`, and `quiet`, the options that keep it from printing and reporting.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# expect_error WORDS ARGUMENTS...: must exit non-zero and name the trouble on stderr.
expect_error() {
  local words=$1
  shift
  if "$program" "${quiet[@]}" "$@" >out.txt 2>err.txt; then fail "no error for: $*"; fi
  grep -q -- "$words" err.txt out.txt || fail "'$words' is not in the message for: $* ($(cat err.txt))"
}
