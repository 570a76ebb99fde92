# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Selective scan as an autograd function by chunks, differentiable twice.

The forward pass keeps the state in front of every chunk; the backward pass computes a chunk's
states again. The backward pass is an autograd function too. Its own backward pass rests on one
fact: with S the scan, x its operands and w the cotangents that arrive at the gradients of x,

    d/d(x, dy) <w, d/dx <dy, S(x)>>
        = (tangent along w of d/dx <dy, S(x)>,  tangent along w of S(x)),

so it is the first-order code in dual numbers. `DualScan` is the scan in dual numbers with a
first-order backward pass: what the reverse mode over the forward mode needs.

Shapes as in chunk_compiled.py, for all L tokens: u, dt, y [L, S, D]; B, C [L, S, N]; A [S, N, D].
"""

import torch
from torch.autograd import Function

from chunk_compiled import CompiledChunks
from chunk_eager import EagerChunks


#: Tokens of a chunk by what is computed, for states of up to 8192, of up to 32768, and of more
#: elements, all sequences together. Found by trying 2, 4, 8, 16 and 32.
TOKENS = {
    "compiled": {
        "forward": (16, 16, 8),
        "dynamics": (16, 8, 8),
        "dynamics_and_step": (16, 4, 4),
        "all": (8, 4, 4),
        "tangent_dynamics": (16, 8, 8),
        "tangent": (8, 4, 4),
    },
    "eager": {
        "forward": (16, 8, 8),
        "dynamics": (16, 8, 8),
        "dynamics_and_step": (16, 8, 8),
        "all": (16, 8, 8),
        "tangent_dynamics": (16, 8, 8),
        "tangent": (16, 8, 8),
    },
}


class Chunking:
    """How a scan is computed: by which chunk functions, and how many tokens at once."""

    def __init__(self, kind):
        self.chunks = CompiledChunks() if kind == "compiled" else EagerChunks()
        self._tokens = TOKENS[kind]

    def tokens(self, what, A):
        small, middle, large = self._tokens[what]
        return small if A.numel() <= 8192 else middle if A.numel() <= 32768 else large


def _split(rows, tokens):
    """Chunks of every tensor, grouped by chunk."""
    tokens = min(tokens, rows[0].shape[0])
    if rows[0].shape[0] % tokens:
        raise ValueError(f"scan: {rows[0].shape[0]} tokens are no multiple of the chunk's {tokens}")
    return list(zip(*(x.split(tokens) for x in rows)))


def _run_forward(how, u, dt, A, B, C, every):
    """y and the states in front of every `every` tokens; none are kept where `every` is None."""
    tokens = min(how.tokens("forward", A), u.shape[0])
    h, starts, ys = torch.zeros_like(A), [], []
    for u, dt, B, C in _split((u, dt, B, C), tokens):
        y, *ends = how.chunks.forward(u, dt, A, B, C, h, min(every or tokens, tokens))
        ys.append(y)
        if every:
            starts.append(h)
            # Copies: a compiled chunk's results may be views of all its states.
            ends = [x.clone() for x in ends]
            starts += ends[:-1]
        h = ends[-1]
    return torch.cat(ys), starts


def _run_backward(how, u, dt, A, B, C, dy, starts, needs):
    """Gradients of (u, dt, A, B, C); `needs` is "dynamics", "dynamics_and_step" or "all"."""
    carry, dA, rows = torch.zeros_like(starts[0]), torch.zeros_like(starts[0]), []
    chunks = _split((u, dt, B, C, dy), how.tokens(needs, A))
    for (u, dt, B, C, dy), start in zip(reversed(chunks), reversed(starts), strict=True):
        operands = u, dt, A, B, C, start, dy, carry
        if needs == "dynamics":
            g, carry = how.chunks.backward_dynamics(*operands)
        elif needs == "dynamics_and_step":
            g, ddt, carry = how.chunks.backward_dynamics_and_step(*operands)
            rows.append((ddt,))
        else:
            du, ddt, g, dB, dC, carry = how.chunks.backward(*operands)
            rows.append((du, ddt, dB, dC))
        dA += g
    joined = [torch.cat(x[::-1]) for x in zip(*rows)]
    if needs == "dynamics":
        return None, None, dA, None, None
    if needs == "dynamics_and_step":
        return None, joined[0], dA, None, None
    return joined[0], joined[1], dA, joined[2], joined[3]


def _run_forward_tangent(how, operands, tangents):
    """y, its tangent, and the states and tangents in front of every chunk."""
    u, dt, A, B, C = operands
    tu, tdt, tA, tB, tC = tangents
    h, th = torch.zeros_like(A), torch.zeros_like(A)
    starts, tstarts, ys, tys = [], [], [], []
    only_dynamics = tu is None
    rows = (u, dt, B, C) if only_dynamics else (u, dt, B, C, tu, tdt, tB, tC)
    what = "tangent_dynamics" if only_dynamics else "tangent"
    for u, dt, B, C, *t in _split(rows, how.tokens(what, A)):
        starts.append(h.clone())  # may be a view of all the chunk's states
        tstarts.append(th.clone())
        if only_dynamics:
            y, ty, h, th = how.chunks.forward_tangent_dynamics(u, dt, A, B, C, h, tA, th)
        else:
            tu, tdt, tB, tC = t
            y, ty, h, th = how.chunks.forward_tangent(
                u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th
            )
        ys.append(y)
        tys.append(ty)
    return torch.cat(ys), torch.cat(tys), starts, tstarts


def _run_backward_tangent(how, operands, tangents, dy, tdy, starts, tstarts, both=True):
    """Gradients of the operands (if `both`) and their tangents; of A alone where only A has a
    tangent."""
    u, dt, A, B, C = operands
    tu, tdt, tA, tB, tC = tangents
    carry, tcarry = torch.zeros_like(starts[0]), torch.zeros_like(starts[0])
    dA, tdA, pieces = torch.zeros_like(carry), torch.zeros_like(carry), []
    only_dynamics = tu is None
    rows = (u, dt, B, C, dy, tdy) if only_dynamics else (u, dt, B, C, dy, tdy, tu, tdt, tB, tC)
    chunks = _split(rows, how.tokens("tangent_dynamics" if only_dynamics else "tangent", A))
    for chunk, h, th in zip(
        reversed(chunks), reversed(starts), reversed(tstarts), strict=True
    ):
        u, dt, B, C, dy, tdy, *t = chunk
        ends = dy, tdy, carry, tcarry
        if only_dynamics:
            g, tg, carry, tcarry = how.chunks.backward_tangent_dynamics(
                u, dt, A, B, C, h, tA, th, *ends
            )
            dA += g
            tdA += tg
            continue
        tu, tdt, tB, tC = t
        function = how.chunks.backward_tangent if both else how.chunks.backward_second
        *g, carry, tcarry = function(u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th, *ends)
        if both:
            dA += g.pop(2)
        tdA += g.pop(-3)
        pieces.append(g)
    if only_dynamics:
        return (None, None, dA, None, None), (None, None, tdA, None, None)
    *rows, tdu, tddt, tdB, tdC = (torch.cat(x[::-1]) for x in zip(*pieces))
    gradients = (rows[0], rows[1], dA, rows[2], rows[3]) if both else None
    return gradients, (tdu, tddt, tdA, tdB, tdC)


def _needs(flags):
    """What a backward pass is to compute; None without one."""
    u, dt, A, B, C = flags[:5]
    if u or B or C:
        return "all"
    return "dynamics_and_step" if dt else "dynamics" if A else None


class Scan(Function):
    """y = scan(u, dt, A, B, C)."""

    @staticmethod
    def forward(ctx, u, dt, A, B, C, how):
        needs = _needs(ctx.needs_input_grad)
        every = how.tokens(needs, A) if needs else None
        y, starts = _run_forward(how, u, dt, A, B, C, every)
        ctx.how, ctx.needs, ctx.starts = how, needs, starts
        ctx.save_for_backward(u, dt, A, B, C)
        return y

    @staticmethod
    def backward(ctx, dy):
        return (*ScanGradient.apply(*ctx.saved_tensors, dy, ctx.starts, ctx.needs, ctx.how), None)


class ScanGradient(Function):
    """Gradients of a scan's operands, themselves differentiable."""

    @staticmethod
    def forward(ctx, u, dt, A, B, C, dy, starts, needs, how):
        ctx.how, ctx.needs = how, needs
        ctx.save_for_backward(u, dt, A, B, C, dy)
        return _run_backward(how, u, dt, A, B, C, dy, starts, needs)

    @staticmethod
    def backward(ctx, wu, wdt, wA, wB, wC):
        u, dt, A, B, C, dy = ctx.saved_tensors
        operands = u, dt, A, B, C
        if ctx.needs == "dynamics":
            tangents = None, None, wA, None, None
        else:
            given = zip((wu, wdt, wA, wB, wC), operands)
            tangents = [torch.zeros_like(x) if w is None else w for w, x in given]
        _, ty, starts, tstarts = _run_forward_tangent(ctx.how, operands, tangents)
        _, gradients = _run_backward_tangent(
            ctx.how, operands, tangents, dy, torch.zeros_like(dy), starts, tstarts, both=False
        )
        return (*gradients, ty, None, None, None)


class DualScan(Function):
    """(y, ty) = scan in dual numbers; `tu` None says that A alone has a tangent."""

    @staticmethod
    def forward(ctx, u, dt, A, B, C, tu, tdt, tA, tB, tC, how):
        tangents = tu, tdt, tA, tB, tC
        y, ty, starts, tstarts = _run_forward_tangent(how, (u, dt, A, B, C), tangents)
        ctx.how = how
        ctx.starts, ctx.tstarts = starts, tstarts
        ctx.save_for_backward(u, dt, A, B, C, tu, tdt, tA, tB, tC)
        return y, ty

    @staticmethod
    def backward(ctx, dy, tdy):
        operands, tangents = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        # <dy, y> + <tdy, ty>: by ty's dependence on a tangent, tdy is what the first-order gradient
        # starts from; dy is its tangent.
        gradients, tgradients = _run_backward_tangent(
            ctx.how, operands, tangents, tdy, dy, ctx.starts, ctx.tstarts
        )
        return (*tgradients, *gradients, None)


def scan(u, dt, A, B, C, how):
    return Scan.apply(u, dt, A.contiguous(), B, C, how)


def dual_scan(operands, tangents, how):
    return DualScan.apply(*operands, *tangents, how)
