#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# The quick comparison learns: every method is above the rule that knows the root operator.
# check_quick.sh PROGRAM
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --quick --quiet --json "$work/quick.json" || exit 1
awk '
  /"root_operator":/ { bar = $2 + 0 }
  /"root_and_digits":/ { second = $2 + 0 }
  /"rows":/ { inside = 1 }
  /"methods":/ { inside = 0 }
  inside && /"method":/ { name = $2 }
  inside && /"accuracy":/ {
    ++rows
    print name, $2 + 0, "bars", bar, second
    if ($2 + 0 < bar + 0.05) { print "FAILED: not above the root operator"; bad = 1 }
  }
  END { exit bad || rows < 8 || bar <= 0 }' "$work/quick.json"
