#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""The adaptation step of bench_cuda.cu in PyTorch on the same GPU, by autograd: a Mamba language
model of 130M frozen parameters in bfloat16, whose A = -exp(A_log + U V^T) has float factors of rank 4; the scan and convolution are the CUDA kernels of Mamba's authors. Prints
milliseconds of a step (forward, backward, update of U and V) and the peak of memory.

Needs mamba_ssm and causal_conv1d; says so where python3 has not. Without arguments the shape of
bench_cuda; `torch_step.py LAYERS WIDTH VOCABULARY LENGTH BATCH` for another."""

import statistics
import sys

import torch
import torch.nn.functional as nn

STATES, RANK, KERNEL = 16, 4, 4


class Layer:
    """Frozen weights of a layer: norm, then Mamba."""

    def __init__(self, width):
        inner, low = 2 * width, (width + 15) // 16

        def weight(*shape):
            return 0.02 * torch.randn(*shape, device="cuda", dtype=torch.bfloat16)

        self.norm = torch.ones(width, device="cuda")
        self.in_proj, self.out_proj = weight(2 * inner, width), weight(width, inner)
        self.x_proj, self.dt_proj = weight(low + 2 * STATES, inner), weight(inner, low)
        self.conv, self.conv_bias = weight(inner, KERNEL), weight(inner)
        self.dt_bias = torch.full((inner,), -4.6, device="cuda")
        self.a_log = torch.arange(1, STATES + 1, device="cuda").float().log().repeat(inner, 1)
        self.d = torch.ones(inner, device="cuda")
        self.low = low

    def __call__(self, x, u, v):
        """x [batch, token, width]; u [inner, rank], v [state, rank]."""
        from causal_conv1d import causal_conv1d_fn
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5)
        normed = (x.float() * scale * self.norm).to(torch.bfloat16)
        vz = (normed @ self.in_proj.T).transpose(1, 2)  # [batch, channel, token]
        inner = vz.shape[1] // 2
        signal = causal_conv1d_fn(vz[:, :inner], self.conv, self.conv_bias, activation="silu")
        selected = signal.transpose(1, 2) @ self.x_proj.T
        r, b, c = selected.split([self.low, STATES, STATES], -1)
        dt = (r @ self.dt_proj.T).transpose(1, 2)
        y = selective_scan_fn(signal, dt.contiguous(), -torch.exp(self.a_log + u @ v.T),
                              b.transpose(1, 2).contiguous(), c.transpose(1, 2).contiguous(),
                              self.d, z=vz[:, inner:], delta_bias=self.dt_bias,
                              delta_softplus=True)
        return x + y.transpose(1, 2) @ self.out_proj.T


def main():
    try:
        import causal_conv1d  # noqa: F401
        import mamba_ssm  # noqa: F401
    except ImportError:
        print("python3 has no mamba_ssm or causal_conv1d: no comparison of a step")
        return
    layers, width, vocabulary, length, batch = (
        map(int, sys.argv[1:6]) if len(sys.argv) > 5 else (24, 768, 50280, 2048, 8))
    torch.manual_seed(1)
    stack = [Layer(width) for _ in range(layers)]
    embedding = 0.02 * torch.randn(vocabulary, width, device="cuda", dtype=torch.bfloat16)
    ids = torch.randint(vocabulary, (batch, length), device="cuda")
    factors = []
    for _ in stack:
        factors += [torch.zeros(2 * width, RANK, device="cuda"),
                    0.5 * torch.randn(STATES, RANK, device="cuda")]
    for f in factors:
        f.requires_grad_()

    def step():
        # One psi for the batch: the kernels take one A. attd adapts each sequence by itself.
        x = embedding[ids]
        for layer, u, v in zip(stack, factors[::2], factors[1::2]):
            x = layer(x, u, v)
        logits = x[:, :-1] @ embedding.T
        loss = nn.cross_entropy(logits.reshape(-1, vocabulary).float(), ids[:, 1:].reshape(-1))
        for f, g in zip(factors, torch.autograd.grad(loss, factors)):
            f.data -= 1e-3 * g
        return loss

    times = []
    torch.cuda.reset_peak_memory_stats()
    for i in range(8):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        step()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end))
    print(f"torch adapt/d_model:{width}/layers:{layers}/vocabulary:{vocabulary}/L:{length}/"
          f"B:{batch}/bf16 {statistics.median(times):.2f} ms a step, "
          f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB at the most")


if __name__ == "__main__":
    main()
