#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Runs attd-demo on small work and on bad input: check_demo.sh PROGRAM. Prints one line a failure.
program=$(realpath "$1")
quiet=(--quiet --report '')
. "$(dirname "$(realpath "$0")")/../support/check_program.sh"

# A run that only checks the machinery: little training, few inputs.
"$program" --quiet --block linear_ssm --effort 0.05 --samples 6 --seed 3 --json a.json \
  --report a.html >quiet.txt || fail "the generated task"
[ -s quiet.txt ] && fail "--quiet printed something: $(head -c 100 quiet.txt)"
for key in task block adapter set method error error_low error_high mean_steps rejected_share \
  min_margin flops seconds; do
  grep -q "\"$key\":" a.json || fail "key $key is missing in the JSON"
done
grep -q '"version": 1' a.json || fail "the JSON has no version"
for method in never full gate attd best_fixed oracle; do
  grep -q "\"method\": \"$method\"" a.json || fail "method $method is missing in the JSON"
done
for set in in shift_x2; do
  grep -q "\"set\": \"$set\"" a.json || fail "set $set is missing in the JSON"
done
grep -q '<svg' a.html || fail "the report has no plot"

# The same seed gives the same errors, whatever the number of threads.
"$program" --quiet --block linear_ssm --effort 0.05 --samples 6 --seed 3 --json b.json --threads 1 \
  --report '' || fail "the generated task again"
grep '"error' a.json >a.txt
grep '"error' b.json >b.txt
cmp -s a.txt b.txt || fail "errors depend on the number of threads or on chance"

# A series and a text of our own.
awk 'BEGIN { print "t,u,y"; y = 0; for (i = 0; i < 1500; ++i) { u = sin(i * 0.37) + sin(i * 0.11);
  y = 0.8 * y + 0.3 * u; print i "," u "," y } }' >series.csv
"$program" --quiet --task series --data series.csv --column y --window 48 --effort 0.05 \
  --block linear_ssm --samples 6 --json c.json --report '' || fail "forecasting a series"
"$program" --quiet --task series --data series.csv --outputs y --inputs u --window 48 --effort 0.05 \
  --block linear_ssm --samples 6 --report '' || fail "simulating a plant"
awk 'BEGIN { for (i = 0; i < 1500; ++i) printf "the quick fox number %d jumps. ", i }' >text.txt
"$program" --quiet --task text --data text.txt --window 64 --effort 0.02 --samples 4 --report '' ||
  fail "a text"
"$program" --quiet --task text --data text.txt --shift-file series.csv --window 64 --effort 0.02 \
  --samples 4 --json d.json --report '' || fail "a text and another one"
grep -q '"set": "shift"' d.json || fail "set shift is missing in the JSON of a text"

# Files of their own: a short one to train on needs no room for a test part.
head -n 400 series.csv >short.csv
"$program" --quiet --task series --data short.csv --test-file series.csv --column y --window 48 \
  --effort 0.05 --block linear_ssm --samples 6 --json e.json --report '' || fail "a test file"
grep -q '"set": "test"' e.json || fail "set test is missing in the JSON of a test file"

# A plant whose pole moves between the records: plant FILE ROWS POLE PHASE.
plant() {
  awk -v rows="$2" -v pole="$3" -v phase="$4" 'BEGIN { print "t,u,y"; y = 0
    for (i = 0; i < rows; ++i) { u = sin(i * 0.37 + phase) + sin(i * 0.11 + 2 * phase)
      y = pole * y + 0.3 * u; print i "," u "," y } }' >"$1"
}
plant train.csv 800 0.8 0
plant test.csv 300 0.8 1
plant adapt.csv 400 0.5 2
plant eval.csv 300 0.5 3
records=(--task series --data train.csv --test-file test.csv --adapt-file adapt.csv)
"$program" --quiet "${records[@]}" --eval-file eval.csv --inputs u --outputs y --window 100 \
  --effort 0.02 --json f.json --report f.html || fail "the records of a plant"
for set in in shift; do
  grep -q "\"set\": \"$set\"" f.json || fail "set $set is missing in the JSON of a plant"
done
grep -q 'best fixed K on nominal data' f.html || fail "the plant's choices are not reported"
grep -q 'free-running' f.html || fail "the report does not say how a plant is scored"
"$program" --quiet --task series --data train.csv --test-file test.csv --adapt-file test.csv \
  --eval-file eval.csv --inputs u --outputs y --window 100 --effort 0.02 --report g.html ||
  fail "a plant that did not change"
grep -q 'the change does not show' g.html || fail "a plant that did not change is not reported"
# The last quarter, on which K is validated, changes the other way: no step is best.
plant first.csv 300 0.5 2
plant last.csv 100 0.95 4
{ cat first.csv; tail -n +2 last.csv; } >twice.csv
"$program" --quiet --task series --data train.csv --test-file test.csv --adapt-file twice.csv \
  --eval-file test.csv --inputs u --outputs y --window 100 --effort 0.02 --json h.json \
  --report h.html || fail "a plant that changes twice"
grep -q 'no number of steps lowers the error' h.html || fail "a validated K of 0 is not reported"
awk '/"method": "(gate|attd)"/ { adapts = 1 } /"mean_steps"/ { if (adapts && $2 + 0 != 0) bad = 1
  adapts = 0 } END { exit bad }' h.json || fail "gate or attd adapts where K = 0 was validated"
grep -q 'teacher-forced' a.html || fail "the report does not say how forecasts are scored"

: >empty.csv
printf 'a,b\n1,2\n3\n' >ragged.csv
expect_error "no file given" --task series
expect_error "missing.csv" --task series --data missing.csv --column y
expect_error "empty" --task series --data empty.csv --column y
expect_error "line 3" --task series --data ragged.csv --column a
expect_error "no column" --task series --data series.csv --column z
expect_error "no column given" --task series --data series.csv
expect_error "window" --task series --data series.csv --column y --window 5000
expect_error "split" --task series --data series.csv --column y --window 48 --split 48
expect_error "nonsense" --task nonsense
expect_error "no input column given" "${records[@]}" --eval-file eval.csv --outputs y
expect_error "no output column given" "${records[@]}" --eval-file eval.csv --inputs u
expect_error "'eval' is missing" "${records[@]}" --inputs u --outputs y --window 100
expect_error "without --adapt-file" --task series --data train.csv --eval-file eval.csv --column y
expect_error "without --data" --task rlc --eval-file eval.csv
for option in --threads --samples --window --split; do
  expect_error "$option: is -1, expected a whole number of at least 1" "$option" -1
  expect_error "$option: is 0, expected" "$option" 0
done
expect_error "empty.csv" --task text --data empty.csv

[ "$failures" -eq 0 ] && echo "demo: all checks passed"
exit "$failures"
