# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""A byte language model of Mamba layers whose dynamics are adapted per sequence.

x_0 = embedding(ids);  x_l = x_{l-1} + mamba_l(rms_norm(x_{l-1}));  logits = W rms_norm(x_depth);
in layer l of sequence s,  A = -exp(A_log + V U^T),  psi = (U [S, D, r], V [S, N, r]) per layer.

Activations are [token, sequence, channel]. All weights are frozen. What the first layer computes
before its scan depends on no fast weight: `prefix` computes it without a graph.
"""

import math

import torch
import torch.nn.functional as F


class Layer:
    """Weights of one layer, and what it computes before and after its scan."""

    def __init__(self, width, expand, states, kernel, depth, uniform, dtype):
        inner, low = expand * width, (width + 15) // 16
        self.states, self.low, self.kernel = states, low, kernel
        self.norm = torch.ones(width, dtype=dtype)
        self.in_proj = uniform(2 * inner, width, bound=width**-0.5)
        self.conv_weight = uniform(kernel, inner, bound=kernel**-0.5)
        self.conv_bias = uniform(inner, bound=kernel**-0.5)
        self.x_proj = uniform(low + 2 * states, inner, bound=inner**-0.5)
        self.dt_weight = uniform(inner, low, bound=low**-0.5)
        step = torch.exp(uniform(inner, bound=0.5) * math.log(100) + math.log(1e-2))
        self.dt_bias = step + torch.log(-torch.expm1(-step))
        rates = torch.arange(1, states + 1, dtype=dtype)
        self.a_log = torch.log(rates).unsqueeze(1).expand(states, inner).contiguous()
        self.skip = torch.ones(inner, dtype=dtype)
        self.out_proj = uniform(width, inner, bound=inner**-0.5) / depth**0.5

    def before(self, x):
        """u, dt, B, C of the scan and the gate z."""
        v, z = F.linear(F.rms_norm(x, x.shape[-1:], self.norm, 1e-5), self.in_proj).chunk(2, -1)
        tokens = x.shape[0]
        padded = F.pad(v, (0, 0, 0, 0, self.kernel - 1, 0))
        convolved = self.conv_bias
        for k in range(self.kernel):
            convolved = torch.addcmul(convolved, self.conv_weight[k], padded[k : k + tokens])
        u = F.silu(convolved)
        r, B, C = F.linear(u, self.x_proj).split([self.low, self.states, self.states], -1)
        dt = F.softplus(F.linear(r, self.dt_weight, self.dt_bias))
        return u, dt, B.contiguous(), C.contiguous(), z

    def after(self, x, u, z, y):
        """The layer's output."""
        return x + F.linear((y + self.skip * u) * F.silu(z), self.out_proj)


class LanguageModel:
    """`scan(u, dt, A, B, C)` is one of the formulations; `compiled` compiles all the rest too."""

    def __init__(
        self,
        vocabulary=256,
        width=128,
        expand=2,
        states=16,
        kernel=4,
        depth=2,
        rank=4,
        dtype=torch.float32,
        seed=3,
        compiled=False,
    ):
        generator = torch.Generator().manual_seed(seed)

        def uniform(*shape, bound):
            drawn = torch.rand(shape, generator=generator, dtype=torch.float64)
            return ((drawn * 2 - 1) * bound).to(dtype)

        self.rank, self.inner, self.states = rank, expand * width, states
        self.embedding = uniform(vocabulary, width, bound=1.0)
        self.layers = [
            Layer(width, expand, states, kernel, depth, uniform, dtype) for _ in range(depth)
        ]
        self.norm = torch.ones(width, dtype=dtype)
        self.head = uniform(vocabulary, width, bound=width**-0.5)
        self.dtype = dtype
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.before = [wrap(layer.before) for layer in self.layers]
        self.after = [wrap(layer.after) for layer in self.layers]
        self.score = wrap(self._score)
        self.dual_before = [wrap(_tangent_of(layer.before)) for layer in self.layers]
        self.dual_after = [wrap(_tangent_of(layer.after)) for layer in self.layers]
        self.dual_score = wrap(_tangent_of(self._score, constants=1))

    def fast_weights(self, sequences, scale=0.1, seed=5):
        """psi_0: one (U, V) per layer, different for every sequence."""
        generator = torch.Generator().manual_seed(seed)

        def draw(n):
            shape = sequences, n, self.rank
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            return (scale * drawn).to(self.dtype).requires_grad_()

        return [draw(n) for _ in self.layers for n in (self.inner, self.states)]

    def dynamics(self, psi, layer):
        U, V = psi[2 * layer : 2 * layer + 2]
        return -torch.exp(self.layers[layer].a_log + torch.matmul(V, U.mT))

    def _score(self, x, targets):
        logits = F.linear(F.rms_norm(x, x.shape[-1:], self.norm, 1e-5), self.head)
        total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
        return total / x.shape[0]

    def prefix(self, ids):
        """What is computed from ids [L, S] before the first scan."""
        with torch.no_grad():
            x = F.embedding(ids, self.embedding)
            return (x, *self.before[0](x))

    def loss(self, prefix, targets, psi, scan):
        """Sum over the sequences of the mean cross-entropy of their tokens."""
        x, u, dt, B, C, z = prefix
        for l in range(len(self.layers)):
            if l > 0:
                u, dt, B, C, z = self.before[l](x)
            x = self.after[l](x, u, z, scan(u, dt, self.dynamics(psi, l), B, C))
        return self.score(x, targets)

    def loss_tangent(self, prefix, targets, psi, v, dual_scan):
        """<gradient of the loss, v> by forward mode, differentiable in psi."""
        x, u, dt, B, C, z = prefix
        tx = None
        for l in range(len(self.layers)):
            A, tA = torch.func.jvp(
                lambda U, V: self.dynamics([None] * (2 * l) + [U, V], l),
                tuple(psi[2 * l : 2 * l + 2]), tuple(v[2 * l : 2 * l + 2]),
            )
            if l == 0:
                y, ty = dual_scan((u, dt, A, B, C), (None, None, tA, None, None))
                zeros = (torch.zeros_like(a) for a in (x, u, z))
                x, tx = self.dual_after[0](x, u, z, y, *zeros, ty)
                continue
            (u, dt, B, C, z), (tu, tdt, tB, tC, tz) = self.dual_before[l](x, tx)
            y, ty = dual_scan((u, dt, A, B, C), (tu, tdt, tA, tB, tC))
            x, tx = self.dual_after[l](x, u, z, y, tx, tu, tz, ty)
        return self.dual_score(x, targets, tx)[1]


def _tangent_of(f, constants=0):
    """f's values and tangents, of operands, then `constants` that have none, then tangents."""

    def dual(*operands):
        n = (len(operands) - constants) // 2
        held = operands[n : n + constants]
        return torch.func.jvp(lambda *x: f(*x, *held), operands[:n], operands[n + constants :])

    return dual


def random_bytes(length, sequences, seed):
    """ids and targets [L, S]: token t's target is token t + 1."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 256, (length + 1, sequences), generator=g)
    return ids[:-1].contiguous(), ids[1:].contiguous()
