#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Processor seconds and peak memory of compiling the library, as a Markdown table.

  bench/compile_time.py [--repetitions N] [--compilers g++,clang++-19]

Each cell is the median over the repetitions of the compiler's own processor time (what else the
machine does changes it little) and the largest memory it held. No precompiled headers, no cache.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    ("nothing (`int main() {}`)", "int main() {}\n"),
    ("`#include <attd/core.hpp>`", "#include <attd/core.hpp>\nint main() {}\n"),
    ("`#include <attd/attd.hpp>`", "#include <attd/attd.hpp>\nint main() {}\n"),
    ("adapt a model: `examples/00_hello.cpp`", ROOT / "examples/00_hello.cpp"),
    ("train through adaptation: `examples/07_train_through_adaptation.cpp`",
     ROOT / "examples/07_train_through_adaptation.cpp"),
]


def include_flags():
    flags = [f"-I{ROOT}/include", f"-I{ROOT}/backends/reference/include",
             f"-I{ROOT}/backends/eigen/include", f"-I{ROOT}/examples"]
    found = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True) \
        if shutil.which("pkg-config") else None
    if found and found.returncode == 0:
        flags += found.stdout.split()
    else:
        flags.append("-I/usr/include/eigen3")
    return flags


def compile_once(compiler, level, source, folder):
    """Processor seconds and MiB of one compilation to an object file."""
    command = [compiler, "-std=c++20", level, *include_flags(), "-c", str(source), "-o",
               str(folder / "out.o")]
    pid = os.posix_spawnp(compiler, command, {**os.environ, "CCACHE_DISABLE": "1"})
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"compile_time.py: this failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--compilers", default="g++,clang++-19")
    arguments = parser.parse_args()
    if arguments.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    compilers = [c for c in arguments.compilers.split(",") if shutil.which(c)]
    if not compilers:
        sys.exit(f"compile_time.py: none of {arguments.compilers} was found")
    columns = [(c, level) for c in compilers for level in ("-O0", "-O2")]
    for c in compilers:
        version = subprocess.run([c, "--version"], capture_output=True, text=True, check=True)
        print(f"{c}: {version.stdout.splitlines()[0]}")
    print()
    print("| source | " + " | ".join(f"{c} {level}" for c, level in columns) + " |")
    print("|---|" + "---|" * len(columns))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, (title, source) in enumerate(SOURCES):
            if isinstance(source, str):
                path = folder / f"source_{index}.cpp"
                path.write_text(source)
                source = path
            cells = []
            for compiler, level in columns:
                runs = [compile_once(compiler, level, source, folder)
                        for _ in range(arguments.repetitions)]
                seconds = statistics.median(r[0] for r in runs)
                memory = max(r[1] for r in runs)
                cells.append(f"{seconds:.1f} s, {memory:.0f} MiB")
            print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
