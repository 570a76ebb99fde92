# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Times the same work in PyTorch and in our benchmark programs, interleaved, and prints ratios.

Every formulation is a process of its own; a round runs ours once and each formulation once; the
median over the rounds counts. A formulation that takes over ten times the best is left out after
the first round, and the table says so. Memory is the peak of resident memory above that before a
run.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
DROP_ABOVE = 10


class Peer:
    """A formulation in its process."""

    def __init__(self, work, name, limit_mib, malloc):
        from worker import ENVIRONMENT

        self.name, self.error, self.mib, self.seconds = name, None, None, []
        self.dropped = False
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        for key, value in ENVIRONMENT.items():
            if malloc == "reuse" or not key.startswith("MALLOC"):
                environment[key] = value
        arguments = [work.kind, name, json.dumps(work.sizes), str(limit_mib)]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "worker.py"), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=environment,
        )

    def ask(self, command):
        """The answer, or None after an error."""
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline() or '{"error": "the process ended"}')
        except OSError:
            answer = {"error": "the process ended"}
        if "error" in answer:
            self.error = answer["error"]
            return None
        return answer

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait()

    def summary(self, elements):
        result = {"formulation": self.name, "error": self.error, "dropped": self.dropped,
                  "peak_mib": self.mib, "rounds": self.seconds}
        if self.seconds:
            result["seconds"] = statistics.median(self.seconds)
            result["ns_per_element"] = 1e9 * result["seconds"] / elements
        return result


class Ours:
    """Our benchmark of a work."""

    def __init__(self, work, folder, min_time):
        self.error, self.seconds, self.mib = None, [], None
        self._work, self._min_time = work, min_time
        self._program = folder and Path(folder) / work.program
        if folder is None:
            self.error = "not asked for"
        elif not self._program.exists():
            self.error = f"{self._program} was not found"

    def run(self):
        if self.error:
            return
        arguments = [self._program, f"--benchmark_filter={self._work.filter}",
                     "--benchmark_format=json", f"--benchmark_min_time={self._min_time}"]
        done = subprocess.run(arguments, capture_output=True, text=True)
        begin = done.stdout.find("{")
        found = json.loads(done.stdout[begin:])["benchmarks"] if begin >= 0 else []
        found = [b for b in found if b.get("run_type", "iteration") == "iteration"]
        if not found or "real_time" not in found[0]:
            self.error = f"{self._work.program} has no benchmark {self._work.filter}"
            return
        unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[found[0]["time_unit"]]
        self.seconds.append(unit * found[0]["real_time"])
        self.mib = found[0].get("peak_mib", self.mib)

    def summary(self, elements):
        result = {"error": self.error, "peak_mib": self.mib, "rounds": self.seconds}
        if self.seconds:
            result["seconds"] = statistics.median(self.seconds)
            result["ns_per_element"] = 1e9 * result["seconds"] / elements
        return result


def drop_slow(peers):
    best = min((p.seconds[0] for p in peers if p.seconds), default=0)
    for p in peers:
        p.dropped = bool(p.seconds) and p.seconds[0] > DROP_ABOVE * best
        if p.dropped:
            p.close()  # and its memory is free for the others


def measure(work, options):
    names = [n for n in work.formulations if options.large or n not in work.large]
    names = [n for n in names if not options.formulations or n in options.formulations]
    ours = Ours(work, options.binary_dir, options.min_time)
    peers = []
    for name in names:  # warm-up: compiles, takes memory
        print(f"  warming up: {name}", file=sys.stderr, flush=True)
        peer = Peer(work, name, options.memory_limit, options.malloc)
        peer.ask("run")
        peers.append(peer)
    for i in range(options.rounds):
        ours.run()
        for p in peers:
            if p.error is None and not p.dropped:
                answer = p.ask("run")
                if answer:
                    p.seconds.append(answer["seconds"])
        if i == 0:
            drop_slow(peers)
        print(f"  round {i + 1} of {options.rounds}", file=sys.stderr, flush=True)
    for p in peers:
        if p.error is None and not p.dropped:
            answer = p.ask("memory")
            p.mib = answer and answer["mib"]
        p.close()
    return {"work": work.name, "ours": ours.summary(work.elements),
            "torch": [p.summary(work.elements) for p in peers]}


def best_of(result, compiled):
    """The fastest PyTorch formulation, with or without those that need a compiler."""
    timed = [t for t in result["torch"] if "seconds" in t
             and (compiled or "compiled" not in t["formulation"])]
    return min(timed, key=lambda t: t["seconds"], default=None)


def print_rows(result):
    ours, best = result["ours"], best_of(result, True)
    print(f"\n{result['work']}")
    print(f"  {'':42} {'ms':>10} {'ns/element':>11} {'peak MiB':>9} {'ours/it':>8}")
    rows = [{"formulation": "attd", **ours}, *result["torch"]]
    for row in rows:
        if "seconds" not in row:
            print(f"  {row['formulation']:42} {row['error'] or 'was not run'}")
            continue
        mib = "" if row["peak_mib"] is None else f"{row['peak_mib']:.1f}"
        ratio = f"{ours['seconds'] / row['seconds']:.3f}" if "seconds" in ours else ""
        notes = " fastest of PyTorch" if row is best else ""
        notes += f" (one round: over {DROP_ABOVE} times the best)" if row.get("dropped") else ""
        print(f"  {row['formulation']:42} {1e3 * row['seconds']:10.2f} "
              f"{row['ns_per_element']:11.3f} {mib:>9} {ratio:>8}{notes}", flush=True)


def print_summary(results):
    print("\nHow many times faster ours is than the fastest PyTorch formulation and the fastest"
          "\nof those without a compiler, and the share of the former's memory it takes")
    print(f"  {'':62} {'any':>7} {'no compiler':>12} {'memory':>8}")
    for r in results:
        cells, ours = [], r["ours"]
        for compiled in (True, False):
            best = best_of(r, compiled)
            both = best and "seconds" in ours
            cells.append(f"{best['seconds'] / ours['seconds']:.2f}" if both else "-")
        best = best_of(r, True)
        memory = "-"
        if best and best["peak_mib"] and ours["peak_mib"]:
            memory = f"1/{best['peak_mib'] / ours['peak_mib']:.1f}"
        print(f"  {r['work']:62} {cells[0]:>7} {cells[1]:>12} {memory:>8}")


def processor():
    with open("/proc/cpuinfo") as f:
        names = [x.split(":", 1)[1].strip() for x in f if x.startswith("model name")]
    return f"{names[0]}, {len(names)} processors" if names else platform.machine()


def available_mib():
    with open("/proc/meminfo") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("MemAvailable")) / 1024


def parse(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--binary-dir", help="folder of our programs; without it, PyTorch alone")
    p.add_argument("--quick", action="store_true", help="batch 1 and three rounds")
    p.add_argument("--rounds", type=int, help="timed rounds (default 7, quick 3)")
    p.add_argument("--min-time", type=float, default=0.2, help="of a run of ours, in seconds")
    p.add_argument("--works", default="", help="only works whose name contains this")
    p.add_argument("--formulations", nargs="*", help="only these, by their full names")
    p.add_argument("--large", action="store_true",
                   help="also those that need over ten GiB: graphs of all steps at batch 8")
    p.add_argument("--memory-limit", type=float, metavar="MIB",
                   help="per formulation (default: 0.7 times what is available)")
    p.add_argument("--malloc", choices=("reuse", "default"), default="reuse",
                   help="settings of the C library's heap, see worker.py")
    p.add_argument("--skip-checks", action="store_true",
                   help="leave out the comparison of all formulations in double")
    p.add_argument("--json", metavar="FILE", help="write all results there")
    options = p.parse_args(arguments)
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.memory_limit = options.memory_limit or 0.7 * available_mib()
    return options


def main():
    options = parse()
    try:
        import torch
    except ImportError:
        sys.exit(f"{sys.executable} has no torch; hint: see bench/peers/README.md")
    import check
    from works import WORKS

    torch.set_num_threads(1)
    blas = "MKL" if torch.backends.mkl.is_available() else "not MKL"
    facts = {"torch": torch.__version__, "blas": blas, "machine": processor(),
             "cpu_capability": torch.backends.cpu.get_cpu_capability(), "malloc": options.malloc,
             "python": platform.python_version(), "rounds": options.rounds, "threads": 1}
    print(", ".join(f"{k} {v}" for k, v in facts.items()), flush=True)
    if not options.skip_checks:
        check.run_all()
    works = [w for w in WORKS if options.works in w.name and (w.quick or not options.quick)]
    results = []
    for work in works:
        print(work.name, file=sys.stderr, flush=True)
        results.append(measure(work, options))
        print_rows(results[-1])
        if options.json:
            text = json.dumps({"facts": facts, "results": results}, indent=1)
            Path(options.json).write_text(text + "\n")
    print_summary(results)


if __name__ == "__main__":
    main()
