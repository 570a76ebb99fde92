#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""The selective scan of bench_cuda.cu in PyTorch on the same GPU: one compiled loop over tokens in
chunks, forward, and forward with the gradients of A and dt; and the CUDA kernels of Mamba's
authors, where python3 has mamba_ssm."""

import statistics

import torch


def scan(u, dt, a, b, c, chunk=16):
    """u, dt [batch, token, channel]; a [channel, state]; b, c [batch, token, state]."""
    h = torch.zeros(u.shape[0], *a.shape, device=u.device)
    out = []
    for first in range(0, u.shape[1], chunk):
        h, y = part(h, *(x[:, first:first + chunk] for x in (u, dt)), a,
                    *(x[:, first:first + chunk] for x in (b, c)))
        out.append(y)
    return torch.cat(out, 1)


@torch.compile
def part(h, u, dt, a, b, c):
    y = []
    for t in range(u.shape[1]):
        step = dt[:, t, :, None]
        h = torch.exp(step * a) * h + step * b[:, t, None] * u[:, t, :, None]
        y.append((h * c[:, t, None]).sum(-1))
    return h, torch.stack(y, 1)


def original_kernels(batch, channels, length, states):
    """The same by mamba_ssm's kernels, whose layout is [batch, channel, token]."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    for dtype in (torch.float32, torch.bfloat16):
        def normal(*shape):
            return torch.randn(*shape, device="cuda", dtype=dtype)

        u, b, c = normal(batch, channels, length), normal(batch, states, length), normal(
            batch, states, length)
        dt = (0.05 * torch.rand(batch, channels, length, device="cuda")).to(dtype).requires_grad_()
        a = (-0.5 - torch.rand(channels, states, device="cuda")).requires_grad_()
        with torch.no_grad():
            forward = milliseconds(lambda: selective_scan_fn(u, dt, a, b, c))

        def both():
            torch.autograd.grad(selective_scan_fn(u, dt, a, b, c).sum(), (dt, a))

        print(f"mamba_ssm selective_scan/B:{batch}/D:{channels}/L:{length}/N:{states} {dtype} "
              f"forward {forward:.3f} ms, forward and backward of the dynamics "
              f"{milliseconds(both):.3f} ms")


def milliseconds(f, repetitions=5):
    times = []
    for i in range(repetitions + 2):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        f()
        end.record()
        torch.cuda.synchronize()
        if i >= 2:
            times.append(begin.elapsed_time(end))
    return statistics.median(times)


def main():
    torch.manual_seed(1)
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}")
    for batch, channels, length, states in ((8, 256, 1024, 16), (8, 1536, 1024, 16)):
        def normal(*shape):
            return torch.randn(*shape, device="cuda")

        u, b, c = (normal(batch, length, n) for n in (channels, states, states))
        dt = (0.05 * torch.rand(batch, length, channels, device="cuda")).requires_grad_()
        a = (-0.5 - torch.rand(channels, states, device="cuda")).requires_grad_()
        with torch.no_grad():
            forward = milliseconds(lambda: scan(u, dt, a, b, c))

        def both():
            torch.autograd.grad(scan(u, dt, a, b, c).sum(), (dt, a))

        print(f"torch selective_scan/B:{batch}/D:{channels}/L:{length}/N:{states} forward "
              f"{forward:.3f} ms, forward and backward of the dynamics {milliseconds(both):.3f} ms")
    try:
        for length in (1024, 4096):
            original_kernels(8, 1536, length, 16)
    except ImportError:
        print("python3 has no mamba_ssm: no comparison with its kernels")


if __name__ == "__main__":
    main()
