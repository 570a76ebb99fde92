#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
# Runs attd-lra on tiny work, kills it in the middle, and on bad input: check_lra.sh PROGRAM.
# Prints one line a failure.
program=$(realpath "$1")
quiet=(--quiet)
. "$(dirname "$(realpath "$0")")/../support/check_program.sh"

model=(--width 8 --state 4 --layers 1 --batch 4 --validation 16 --test 40)
lists=(--task listops --length 5,15 --list-depth 3 --list-arguments 3 --train 400)
small=("${model[@]}" "${lists[@]}" --inner 2 --seeds 2)

# All methods, all files.
"$program" --quiet "${small[@]}" --updates 12 --evaluate-every 5 --json a.json --report a.html \
  --log a.csv >quiet.txt || fail "all methods"
[ -s quiet.txt ] && fail "--quiet printed something: $(head -c 100 quiet.txt)"
for key in version task block settings baselines models thresholds rows methods tests paired_t_p \
  mann_whitney_p by_steps by_flops; do
  grep -q "\"$key\":" a.json || fail "key $key is missing in the JSON"
done
for name in never full gate attd; do
  grep -q "\"method\": \"$name\"" a.json || fail "method $name is missing in the JSON"
done
grep -q '"root_operator":' a.json || fail "the baselines are missing in the JSON"
[ "$(grep -c '<svg' a.html)" -ge 2 ] || fail "the report lacks curves"
[ "$(wc -l <a-attd-2.csv)" = 13 ] || fail "the log has not a row per update"
head -1 a-full-1.csv | grep -q '^step,loss,.*validation_loss$' || fail "header of the log"

# The same seed gives the same numbers, whatever the number of threads.
"$program" --quiet "${small[@]}" --updates 12 --evaluate-every 5 --threads 1 --json b.json \
  --log b.jsonl || fail "all methods again"
cmp -s a.json b.json || fail "results depend on the number of threads or on chance"
[ "$(grep -c '^{"step":' b-attd-2.jsonl)" = 12 ] || fail "the log in JSON lines"
# Another one gives others.
"$program" --quiet "${small[@]}" --updates 12 --evaluate-every 5 --seed 9 --json c.json ||
  fail "another seed"
cmp -s a.json c.json && fail "the seed changes nothing"

# Killed three times and resumed, a run ends where one that was left alone does, bit for bit, log
# included.
long=("${small[@]}" --updates 150 --evaluate-every 10 --threads 1)
"$program" --quiet "${long[@]}" --json whole.json --log whole.csv || fail "a run left alone"
for model_name in full-1 attd-1 attd-2; do
  "$program" --quiet "${long[@]}" --json killed.json --log killed.csv --checkpoint killed.st &
  running=$!
  while [ ! -e "killed-$model_name.st" ] && kill -0 $running 2>/dev/null; do sleep 0.01; done
  kill -9 $running 2>/dev/null
  wait $running 2>/dev/null
  [ -e killed.json ] && fail "the run was over before it could be killed"
done
cmp -s killed-attd-2.csv whole-attd-2.csv && fail "nothing was left to resume"
"$program" --quiet "${long[@]}" --json killed.json --log killed.csv --checkpoint killed.st ||
  fail "resuming"
cmp -s killed.json whole.json || fail "a resumed run found something else"
for run in never-1 full-1 attd-1 never-2 full-2 attd-2; do
  cmp -s "killed-$run.csv" "whole-$run.csv" || fail "the log of $run differs after resuming"
done
expect_error "hint: other file, or the same settings" "${long[@]}" --hidden 0.1 --checkpoint killed.st
expect_error "hint: resume with the same options" "${long[@]}" --rate 0.1 --checkpoint killed.st

# Early stop: at a wild rate validation does not fall for long.
"$program" --quiet "${small[@]}" --method never --rate 0.5 --updates 60 --evaluate-every 3 \
  --patience 1 --json early.json || fail "early stop"
grep -q '"stopped_early": true' early.json || fail "patience stopped nothing"

# The other block and the other tasks, generated and from files.
"$program" --quiet "${model[@]}" "${lists[@]}" --inner 1 --seeds 1 --updates 2 --block mamba \
  --method never,attd --guard 0 || fail "mamba"
tiny=("${model[@]}" --inner 1 --seeds 1 --updates 2 --method never,attd)
"$program" --quiet "${tiny[@]}" --task pathfinder --side 16 || fail "pathfinder"
awk 'BEGIN { srand(4); for (i = 0; i < 60; ++i) printf "%d\t%d\t%d\ta film that was %s, %d\n", i % 2,
  i % 2 ? 9 : 2, i, i % 2 ? "good" : "bad", i }' >train.tsv
cp train.tsv test.tsv
"$program" --quiet "${tiny[@]}" --task text --data train.tsv || fail "a text file"
"$program" --quiet "${tiny[@]}" --task text --data . --json text.json || fail "a folder of text"
grep -q '"data": "Text from train.tsv' text.json || fail "the folder's file is not named"
{
  printf 'Source\tTarget\n'
  awk 'BEGIN { for (i = 0; i < 60; ++i) printf("( ( ( [MAX %d ) %d ) ] )\t%d\n", i % 10, 3,
    (i % 10 > 3 ? i % 10 : 3)) }'
} >lists.tsv
"$program" --quiet "${tiny[@]}" --task listops --data lists.tsv || fail "a ListOps file"
for ((i = 0; i < 30; ++i)); do # a label, 255 equal pixels and another one
  printf "\\$((i % 2))"
  head -c 255 /dev/zero
  printf 'b'
done >images.bin
"$program" --quiet "${tiny[@]}" --task pathfinder --side 16 --data images.bin || fail "records"
expect_error "expected a multiple of 65" "${tiny[@]}" --task pathfinder --side 8 --data images.bin

expect_error "no generator" --quick --task text
expect_error "stands twice" --quick --method attd,attd
expect_error "the smaller number first" --quick --length 40,10
expect_error "attd, never, full\|never,full\|never" --method perhaps
[ $failures = 0 ] && echo "attd-lra: all checks passed"
exit $((failures > 0))
