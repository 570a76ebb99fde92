# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""One chunk of a selective scan, token by token, as pure functions for torch.compile.

    a_t = exp(dt_t A),   h_t = a_t h_{t-1} + dt_t u_t B_t,   y_t = sum_n C_t h_t

Shapes, T tokens, S sequences, D channels, N states:  u, dt, y [T, S, D];  B, C [T, S, N];
A, h [S, N, D] (channels innermost, so that every operand is read in order or is a scalar).
The loops over tokens are unrolled by the compiler and fused into one loop over [S, N, D] whose
states stay in registers. Without compilation the same functions run too, slowly.
"""

import torch
from torch.fx.experimental.proxy_tensor import make_fx


class CompiledChunks:
    """The functions below, compiled for the shapes they are first called with.

    They are traced and given to the compiler directly: a call through torch.compile looks up what
    it was compiled for, which takes a quarter of the time of a chunk.
    """

    def __init__(self):
        self._held = {}

    def __getattr__(self, name):
        def call(*operands):
            tensors = [x for x in operands if isinstance(x, torch.Tensor)]
            key = name, tuple(x.shape for x in tensors), tensors[0].dtype, operands[len(tensors) :]
            if key not in self._held:
                extra = operands[len(tensors) :]
                function = globals()[name]
                traced = make_fx(lambda *x: function(*x, *extra))(*tensors)
                self._held[key] = torch._inductor.compile(traced, tensors)
            return self._held[key](*tensors)

        setattr(self, name, call)
        return call


def _wide(row):
    return row.unsqueeze(1)  # [S, D] -> [S, 1, D]


def _tall(row):
    return row.unsqueeze(2)  # [S, N] -> [S, N, 1]


def _over_states(rows, x):
    """sum_n rows[t, s, n] x[t, s, n, d]"""
    return torch.matmul(rows.unsqueeze(2), x).squeeze(2)


def _over_channels(x, rows):
    """sum_d x[t, s, n, d] rows[t, s, d]"""
    return torch.matmul(x, rows.unsqueeze(3)).squeeze(3)


def forward(u, dt, A, B, C, h, every):
    """y of the chunk, and the state after every `every` tokens."""
    states = []
    for t in range(u.shape[0]):
        h = torch.exp(_wide(dt[t]) * A) * h + _wide(dt[t] * u[t]) * _tall(B[t])
        states.append(h)
    return _over_states(C, torch.stack(states)), *states[every - 1 :: every]


def _states(u, dt, A, B, h):
    """a_t of every token, and h_t with the state before the chunk in front."""
    decay, states = [], [h]
    for t in range(u.shape[0]):
        decay.append(torch.exp(_wide(dt[t]) * A))
        states.append(decay[t] * states[t] + _wide(dt[t] * u[t]) * _tall(B[t]))
    return decay, states


def _adjoints(dt, C, dy, decay, states, carry):
    """g_t = dL/dh_t, W_t = g_t a_t h_{t-1}, sum_t dt_t W_t, and what flows to the chunk before."""
    tokens = len(decay)
    g, w, dA = [None] * tokens, [None] * tokens, 0
    for t in reversed(range(tokens)):
        g[t] = _tall(C[t]) * _wide(dy[t]) + carry
        carry = decay[t] * g[t]
        w[t] = carry * states[t]
        dA = dA + _wide(dt[t]) * w[t]
    return g, w, dA, carry


def backward_dynamics(u, dt, A, B, C, h, dy, carry):
    """Gradient of A alone; nothing is written per token."""
    decay, states = _states(u, dt, A, B, h)
    _, _, dA, carry = _adjoints(dt, C, dy, decay, states, carry)
    return dA, carry


def backward_dynamics_and_step(u, dt, A, B, C, h, dy, carry):
    """Gradients of A and dt."""
    decay, states = _states(u, dt, A, B, h)
    g, w, dA, carry = _adjoints(dt, C, dy, decay, states, carry)
    ddt = torch.stack(
        [(A * w[t] + _wide(u[t]) * _tall(B[t]) * g[t]).sum(1) for t in range(len(g))]
    )
    return dA, ddt, carry


def backward(u, dt, A, B, C, h, dy, carry):
    """Gradients of u, dt, A, B and C."""
    decay, states = _states(u, dt, A, B, h)
    g, w, dA, carry = _adjoints(dt, C, dy, decay, states, carry)
    g = torch.stack(g)
    read = _over_states(B, g)
    ddt = u * read + torch.stack([(A * x).sum(1) for x in w])
    dB = _over_channels(g, dt * u)
    dC = _over_channels(torch.stack(states[1:]), dy)
    return dt * read, ddt, dA, dB, dC, carry


def _tangent_states(u, dt, A, B, h, tangents, th):
    """As `_states`, and the tangents of decays and states along `tangents` of (u, dt, A, B)."""
    tu, tdt, tA, tB = tangents
    decay, states = _states(u, dt, A, B, h)
    tdecay, tstates = [], [th]
    for t in range(u.shape[0]):
        exponent = _wide(dt[t]) * tA
        if tdt is not None:
            exponent = exponent + _wide(tdt[t]) * A
        tdecay.append(decay[t] * exponent)
        th = decay[t] * tstates[t] + tdecay[t] * states[t]
        if tdt is not None:
            th = th + _wide(tdt[t] * u[t] + dt[t] * tu[t]) * _tall(B[t])
            th = th + _wide(dt[t] * u[t]) * _tall(tB[t])
        tstates.append(th)
    return decay, states, tdecay, tstates


def _tangent_adjoints(dt, tdt, C, tC, dy, tdy, duals, carry, tcarry):
    """As `_adjoints`, and the tangents of all of it."""
    decay, states, tdecay, tstates = duals
    tokens = len(decay)
    g, tg, w, tw, dA, tdA = [None] * tokens, [None] * tokens, [None] * tokens, [None] * tokens, 0, 0
    for t in reversed(range(tokens)):
        g[t] = _tall(C[t]) * _wide(dy[t]) + carry
        tg[t] = _tall(C[t]) * _wide(tdy[t]) + tcarry
        if tC is not None:
            tg[t] = tg[t] + _tall(tC[t]) * _wide(dy[t])
        carry = decay[t] * g[t]
        tcarry = decay[t] * tg[t] + tdecay[t] * g[t]
        w[t] = carry * states[t]
        tw[t] = tcarry * states[t] + carry * tstates[t]
        dA = dA + _wide(dt[t]) * w[t]
        tdA = tdA + _wide(dt[t]) * tw[t]
        if tdt is not None:
            tdA = tdA + _wide(tdt[t]) * w[t]
    return g, tg, w, tw, dA, tdA, carry, tcarry


def forward_tangent_dynamics(u, dt, A, B, C, h, tA, th):
    """y and its tangent along a tangent of A alone."""
    _, states, _, tstates = _tangent_states(u, dt, A, B, h, (None, None, tA, None), th)
    y = _over_states(C, torch.stack(states[1:]))
    return y, _over_states(C, torch.stack(tstates[1:])), states[-1], tstates[-1]


def backward_tangent_dynamics(u, dt, A, B, C, h, tA, th, dy, tdy, carry, tcarry):
    """Gradient of A and its tangent along (A, dy)."""
    duals = _tangent_states(u, dt, A, B, h, (None, None, tA, None), th)
    _, _, _, _, dA, tdA, carry, tcarry = _tangent_adjoints(
        dt, None, C, None, dy, tdy, duals, carry, tcarry
    )
    return dA, tdA, carry, tcarry


def forward_tangent(u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th):
    """y and its tangent along tangents of every operand."""
    _, states, _, tstates = _tangent_states(u, dt, A, B, h, (tu, tdt, tA, tB), th)
    stacked = torch.stack(states[1:])
    y = _over_states(C, stacked)
    ty = _over_states(C, torch.stack(tstates[1:])) + _over_states(tC, stacked)
    return y, ty, states[-1], tstates[-1]


def backward_tangent(
    u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th, dy, tdy, carry, tcarry
):
    """Gradients of every operand and their tangents, dy's tangent included."""
    duals = _tangent_states(u, dt, A, B, h, (tu, tdt, tA, tB), th)
    g, tg, w, tw, dA, tdA, carry, tcarry = _tangent_adjoints(
        dt, tdt, C, tC, dy, tdy, duals, carry, tcarry
    )
    g, tg = torch.stack(g), torch.stack(tg)
    states, tstates = torch.stack(duals[1][1:]), torch.stack(duals[3][1:])
    through_a = torch.stack([(A * x).sum(1) for x in w])
    through_ta = torch.stack([(tA * x + A * y).sum(1) for x, y in zip(w, tw)])
    read = _over_states(B, g)
    tread = _over_states(B, tg) + _over_states(tB, g)
    write, twrite = dt * u, tdt * u + dt * tu
    gradients = (
        dt * read,
        u * read + through_a,
        dA,
        _over_channels(g, write),
        _over_channels(states, dy),
    )
    tangents = (
        tdt * read + dt * tread,
        tu * read + u * tread + through_ta,
        tdA,
        _over_channels(tg, write) + _over_channels(g, twrite),
        _over_channels(tstates, dy) + _over_channels(states, tdy),
    )
    return *gradients, *tangents, carry, tcarry


def backward_second(*operands):
    """The tangents of `backward_tangent` alone, and what flows on."""
    return backward_tangent(*operands)[5:]
