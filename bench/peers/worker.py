# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""One formulation of one work in a process of its own.

    worker.py WORK FORMULATION SIZES MEMORY_LIMIT      (SIZES: JSON; the limit in MiB)

Reads a command per line, answers with a line of JSON each: `run` gives {"seconds": ...}, `memory`
runs once more and gives {"mib": ...}, the peak of resident memory above that before the run.
"""

import ctypes
import gc
import json
import os
import re
import resource
import sys
import time

#: Set before the process starts. Without them glibc gives the memory of every large tensor back to
#: the system and takes it again, page fault by page fault; with them it is reused.
ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}


def status_mib(key):
    with open("/proc/self/status") as f:
        return int(re.search(rf"{key}:\s+(\d+) kB", f.read()).group(1)) / 1024


def scan_work(formulation, sizes):
    """The scan alone, or with the gradients of what `sizes["gradients"]` names."""
    import torch

    import formulations

    L, S, D, N = (sizes[k] for k in ("length", "sequences", "channels", "states"))
    g = torch.Generator().manual_seed(1)
    operands = {
        "u": torch.rand(L, S, D, generator=g) * 2 - 1,
        "dt": torch.rand(L, S, D, generator=g) * 0.099 + 0.001,
        "A": -(torch.rand(1, N, D, generator=g) * 15 + 1),
        "B": torch.rand(L, S, N, generator=g) * 2 - 1,
        "C": torch.rand(L, S, N, generator=g) * 2 - 1,
    }
    dy = torch.rand(L, S, D, generator=g) * 2 - 1
    scan = formulations.FORMULATIONS[formulation]()
    wanted = [operands[name].requires_grad_() for name in sizes["gradients"]]

    def forward():
        u, dt, A, B, C = operands.values()
        return scan(u, dt, A.expand(S, N, D), B, C)

    def work():
        if wanted:
            torch.autograd.grad(forward(), wanted, dy)
        else:
            with torch.no_grad():
                forward()

    return work


def inner_step_work(formulation, sizes):
    from inner_step import FORMULATIONS, InnerStep

    scan, parts_compiled = FORMULATIONS[formulation]
    return InnerStep(scan, sizes["sequences"], sizes["length"], parts_compiled)


def meta_gradient_work(formulation, sizes):
    from meta_gradient import FORMULATIONS, MetaGradient

    scan, way, parts_compiled = FORMULATIONS[formulation]
    return MetaGradient(
        scan, way, sizes["sequences"], sizes["length"], sizes["steps"], parts_compiled
    )


WORKS = {
    "scan": scan_work,
    "inner_step": inner_step_work,
    "meta_gradient": meta_gradient_work,
}


def limit_memory(mib):
    """Lets allocations fail, where the system would end some process for want of memory."""
    allowed = int((status_mib("VmSize") + mib) * (1 << 20))
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def peak_of(work):
    """Peak of resident memory above that before the run, what was freed given back first."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # sets the peak to what is resident now
    before = status_mib("VmRSS")
    work()
    return status_mib("VmHWM") - before


def main():
    kind, formulation, sizes, limit = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what compilers print is no answer

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        limit_memory(float(limit))
        work = WORKS[kind](formulation, json.loads(sizes))
        for command in sys.stdin:
            if command.strip() == "memory":
                answer(mib=peak_of(work))
                continue
            began = time.perf_counter()
            work()
            answer(seconds=time.perf_counter() - began)
    except Exception as e:  # the driver prints it beside the formulation's name
        reason = str(e).strip().splitlines() or [""]
        answer(error=f"{type(e).__name__}: {reason[0][:200]}")


if __name__ == "__main__":
    main()
