# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Checks every formulation against the plain loop, in double, at small sizes.

Values, gradients for each set of operands that have one, second derivatives, the gradient of an
inner step and the gradient through K steps must agree within a relative error of TOLERANCE (in the
2-norm, per tensor).
"""

import warnings

import torch

import formulations
import inner_step
import meta_gradient

TOLERANCE = 1e-10


def relative(a, b):
    return float(((a - b).norm() / b.norm()).detach())


def _compare(what, got, expected):
    error = max(relative(a, b) for a, b in zip(got, expected, strict=True))
    if not error <= TOLERANCE:
        raise AssertionError(f"{what}: relative error {error:.2e}, expected at most {TOLERANCE}")
    return error


def _scan_results(scan, operands, wanted):
    """y, first derivatives of a loss, and second derivatives of it along a direction."""
    x = {k: v.clone().requires_grad_(k in wanted) for k, v in operands.items()}
    y = scan(*x.values())
    leaves = [x[k] for k in wanted]
    first = torch.autograd.grad((y.cos() + 0.3 * y * y).sum(), leaves, create_graph=True)
    g = torch.Generator().manual_seed(3)
    along = sum((d * torch.randn(d.shape, generator=g, dtype=d.dtype)).sum() for d in first)
    return y, *first, *torch.autograd.grad(along, leaves)


def check_scans(length=32, sequences=2, channels=8, states=4):
    g = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(shape, generator=g, dtype=torch.float64)
    operands = {
        "u": draw(length, sequences, channels),
        "dt": 0.1 * draw(length, sequences, channels).abs(),
        "A": -4 * draw(sequences, states, channels).abs(),
        "B": draw(length, sequences, states),
        "C": draw(length, sequences, states),
    }
    worst = 0
    for wanted in ("A",), ("dt", "A"), ("u", "dt", "A", "B", "C"):
        expected = _scan_results(formulations.loop_states_last, operands, wanted)
        for name, make in formulations.FORMULATIONS.items():
            got = _scan_results(make(), operands, wanted)
            worst = max(worst, _compare(f"scan, {name}, d/d{wanted}", got, expected))
    return worst


SMALL = {"width": 16, "states": 4, "dtype": torch.float64}


def check_inner_steps(sequences=3, length=32):
    worst, expected = 0, None
    for name, (scan, parts_compiled) in inner_step.FORMULATIONS.items():
        step = inner_step.InnerStep(scan, sequences, length, parts_compiled, **SMALL)
        loss, gradient = step.gradient()
        got = [loss.detach(), *gradient]
        expected = expected or got
        worst = max(worst, _compare(f"inner step, {name}", got, expected))
    return worst


def check_meta_gradients(sequences=2, length=32, steps=2):
    worst, expected = 0, None
    for name, (scan, way, parts_compiled) in meta_gradient.FORMULATIONS.items():
        work = meta_gradient.MetaGradient(
            scan, way, sequences, length, steps, parts_compiled, **SMALL
        )
        work.rate = 5e4  # gradients are tiny here; so the second order is a tenth of the result
        got = work()
        expected = expected or got
        worst = max(worst, _compare(f"meta gradient, {name}", got, expected))
    return worst


def run_all():
    """Runs the checks and prints the largest error of each; raises where one is too large."""
    warnings.filterwarnings("ignore")  # of the compiler, about itself
    for check in check_scans, check_inner_steps, check_meta_gradients:
        print(f"{check.__name__}: largest relative error {check():.1e}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_all()
