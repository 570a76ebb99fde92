#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Markdown tables of benchmark results, as the benchmarks page shows them.

    tables.py FILE.json [--filter REGEX] [--counters NAME,...]
    tables.py NEW.json --beside OLD.json     ratios of two runs of the same benchmarks

The files are what a program wrote with --benchmark_format=json; of repetitions the medians count."""

import argparse
import json
import re


def results(path):
    """The benchmarks of a file by name: medians where there are repetitions."""
    with open(path) as file:
        runs = json.load(file)["benchmarks"]
    chosen = [r for r in runs if r.get("aggregate_name") == "median"] or runs
    return {r["run_name"]: r for r in chosen}


def duration(result):
    """Time of one iteration in nanoseconds: by the clock where several threads work."""
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[result["time_unit"]]
    by_clock = result["run_name"].endswith("/real_time")
    return result["real_time" if by_clock else "cpu_time"] * scale


def readable(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def print_table(heading, rows):
    print("| " + " | ".join(heading) + " |")
    print("|" + "---|" * len(heading))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--beside", help="another run of the same benchmarks")
    parser.add_argument("--filter", default="", help="only names in which this is found")
    parser.add_argument("--counters", default="ns_per_element,share_of_limit")
    arguments = parser.parse_args()

    found = {n: r for n, r in results(arguments.file).items() if re.search(arguments.filter, n)}
    if not found:
        raise SystemExit(f"tables.py: {arguments.file} has no benchmark with "
                         f"'{arguments.filter}' in its name")
    if arguments.beside:
        other = results(arguments.beside)
        print_table(["benchmark", "this", "the other", "this / the other"],
                    [[f"`{n}`", readable(duration(r)), readable(duration(other[n])),
                      f"{duration(r) / duration(other[n]):.2f}"]
                     for n, r in found.items() if n in other])
        return
    counters = [c for c in arguments.counters.split(",")
                if any(c in r for r in found.values())]
    print_table(["benchmark", "time"] + counters,
                [[f"`{n}`", readable(duration(r))] +
                 [f"{r[c]:.3g}" if c in r else "" for c in counters] for n, r in found.items()])


if __name__ == "__main__":
    main()
