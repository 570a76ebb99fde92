# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Ways to write a selective scan in PyTorch, to find the fastest.

All take u, dt [L, S, D], A [S, N, D], B, C [L, S, N] and give y [L, S, D], and all can be
differentiated by autograd. Tokens come first and channels last, which is the fastest layout for
most of them; `loop_states_last` has the layout in which the recurrence is usually written.
"""

import torch
from torch.utils.checkpoint import checkpoint

import scan as chunked


def loop(u, dt, A, B, C):
    """Token by token, one small tensor operation at a time."""
    # Rows by unbind: indexing a token would give its gradient in a tensor of all tokens' size.
    h, rows = torch.zeros_like(A), []
    for step, written, b, c in zip(*(x.unbind(0) for x in (dt, dt * u, B, C))):
        h = torch.exp(step.unsqueeze(1) * A) * h + written.unsqueeze(1) * b.unsqueeze(2)
        rows.append(torch.matmul(c.unsqueeze(1), h).squeeze(1))
    return torch.stack(rows)


def loop_states_last(u, dt, A, B, C):
    """The same in the layout [sequence, channel, state] of the authors' reference code."""
    A = A.transpose(1, 2).contiguous()
    h, rows = torch.zeros_like(A), []
    for step, written, b, c in zip(*(x.unbind(0) for x in (dt, dt * u, B, C))):
        h = torch.exp(step.unsqueeze(2) * A) * h + written.unsqueeze(2) * b.unsqueeze(1)
        rows.append((h * c.unsqueeze(1)).sum(2))
    return torch.stack(rows)


def _by_chunks(body, u, dt, A, B, C, tokens, recompute):
    h, rows = torch.zeros_like(A), []
    for u, dt, B, C in zip(*(x.split(tokens) for x in (u, dt, B, C))):
        operands = u, dt, A, B, C, h
        if recompute and torch.is_grad_enabled():
            y, h = checkpoint(body, *operands, use_reentrant=False, preserve_rng_state=False)
        else:
            y, h = body(*operands)
        rows.append(y)
    return torch.cat(rows)


def _read(C, states):
    return torch.matmul(C.unsqueeze(2), states).squeeze(2)


def _loop_body(u, dt, A, B, C, h):
    decay = torch.exp(dt.unsqueeze(2) * A).unbind(0)
    source = ((dt * u).unsqueeze(2) * B.unsqueeze(3)).unbind(0)
    states = []
    for a, b in zip(decay, source):
        h = torch.addcmul(b, a, h)
        states.append(h)
    return _read(C, torch.stack(states)), h


def _cumulative_body(u, dt, A, B, C, h):
    # h_t = P_t (h_0 + sum_{s <= t} b_s / P_s), P = exp(cumsum(dt) A): only for chunks short enough
    # that P stays a normal number.
    exponent = torch.cumsum(dt, 0).unsqueeze(2) * A
    source = torch.exp(-exponent) * ((dt * u).unsqueeze(2) * B.unsqueeze(3))
    states = torch.exp(exponent) * (h + torch.cumsum(source, 0))
    return _read(C, states), states[-1]


def _doubling_body(u, dt, A, B, C, h):
    # Hillis and Steele: after step k every token has combined 2^k tokens.
    decay = torch.exp(dt.unsqueeze(2) * A)
    states = (dt * u).unsqueeze(2) * B.unsqueeze(3)
    states = torch.cat([(states[0] + decay[0] * h).unsqueeze(0), states[1:]])
    step = 1
    while step < u.shape[0]:
        combined = torch.addcmul(states[step:], decay[step:], states[:-step])
        states = torch.cat([states[:step], combined])
        decay = torch.cat([decay[:step], decay[step:] * decay[:-step]])
        step *= 2
    return _read(C, states), states[-1]


def chunked_loop(u, dt, A, B, C, tokens=16):
    """exp and source of a chunk at once, then one fused operation per token."""
    return _by_chunks(_loop_body, u, dt, A, B, C, tokens, recompute=False)


def checkpointed_loop(u, dt, A, B, C, tokens=64):
    """The same, its activations computed again in the backward pass by torch.utils.checkpoint."""
    return _by_chunks(_loop_body, u, dt, A, B, C, tokens, recompute=True)


def cumulative(u, dt, A, B, C, tokens=8):
    """Cumulative sums within chunks."""
    return _by_chunks(_cumulative_body, u, dt, A, B, C, tokens, recompute=True)


def doubling(u, dt, A, B, C, tokens=16):
    """Parallel prefix within chunks."""
    return _by_chunks(_doubling_body, u, dt, A, B, C, tokens, recompute=True)


def associative(u, dt, A, B, C):
    """PyTorch's own associative scan over all tokens."""
    from torch._higher_order_ops.associative_scan import associative_scan

    def combine(left, right):
        return left[0] * right[0], torch.addcmul(right[1], right[0], left[1])

    pair = torch.exp(dt.unsqueeze(2) * A), (dt * u).unsqueeze(2) * B.unsqueeze(3)
    return _read(C, associative_scan(combine, pair, dim=0, combine_mode="generic")[1])


class ByHand:
    """Chunks with hand-written derivatives; see scan.py."""

    def __init__(self, kind):
        self.how = chunked.Chunking(kind)

    def __call__(self, u, dt, A, B, C):
        return chunked.scan(u, dt, A, B, C, self.how)


#: name -> how to make the formulation. Those that end in "compiled" go through torch.compile.
FORMULATIONS = {
    "loop, states last": lambda: loop_states_last,
    "loop": lambda: loop,
    "chunked loop": lambda: chunked_loop,
    "checkpointed chunks": lambda: checkpointed_loop,
    "cumulative sums in chunks": lambda: cumulative,
    "doubling in chunks": lambda: doubling,
    "associative_scan": lambda: associative,
    "by hand, eager": lambda: ByHand("eager"),
    "by hand, compiled": lambda: ByHand("compiled"),
}
