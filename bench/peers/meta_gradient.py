# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""Exact gradient of an outer loss through K inner steps, with respect to psi_0.

psi_{k+1} = psi_k - rate grad L_in(psi_k);  result d L_out(psi_K) / d psi_0.  Two families:

- `graph`: one graph of all steps, built with create_graph, as one would write it first;
- step by step: v_K = grad L_out(psi_K), v_k = v_{k+1} - rate H_k v_{k+1}, with one product of the
  Hessian H_k of L_in at psi_k and a vector per step, so that memory does not grow with K.
  `reverse` differentiates <grad L_in, v> with a graph of the backward pass, `forward` takes
  <grad L_in, v> by forward mode and differentiates that.
"""

import torch

import formulations
from language_model import LanguageModel, random_bytes
from scan import dual_scan


class MetaGradient:
    """The work; `way` is "graph", "reverse" or "forward"."""

    def __init__(self, scan, way, sequences, length, steps=4, parts_compiled=False,
                 dtype=torch.float32, **sizes):
        self.model = LanguageModel(dtype=dtype, compiled=parts_compiled, **sizes)
        self.scan = formulations.FORMULATIONS[scan]()
        self.way, self.steps, self.rate = way, steps, 1e-2
        self.inner_ids, self.inner_targets = random_bytes(length, sequences, seed=7)
        self.outer_ids, self.outer_targets = random_bytes(length, sequences, seed=8)
        self.psi0 = self.model.fast_weights(sequences)

    def _inner_loss(self, psi):
        return self.model.loss(self.prefix, self.inner_targets, psi, self.scan)

    def _outer_loss(self, psi):
        prefix = self.model.prefix(self.outer_ids)
        return self.model.loss(prefix, self.outer_targets, psi, self.scan)

    def __call__(self):
        # What no fast weight changes is computed once for all steps.
        self.prefix = self.model.prefix(self.inner_ids)
        return self._through_graph() if self.way == "graph" else self._step_by_step()

    def _through_graph(self):
        psi = self.psi0
        for _ in range(self.steps):
            gradient = torch.autograd.grad(self._inner_loss(psi), psi, create_graph=True)
            psi = [p - self.rate * g for p, g in zip(psi, gradient)]
        return torch.autograd.grad(self._outer_loss(psi), self.psi0)

    def _step_by_step(self):
        walked = [self.psi0]
        for _ in range(self.steps):
            gradient = torch.autograd.grad(self._inner_loss(walked[-1]), walked[-1])
            with torch.no_grad():
                psi = [p - self.rate * g for p, g in zip(walked[-1], gradient)]
            walked.append([p.requires_grad_() for p in psi])
        v = torch.autograd.grad(self._outer_loss(walked[-1]), walked[-1])
        for psi in reversed(walked[:-1]):
            curved = self._hessian_product(psi, v)
            v = [a - self.rate * b for a, b in zip(v, curved)]
        return v

    def _hessian_product(self, psi, v):
        if self.way == "forward":
            how = self.scan.how
            slope = self.model.loss_tangent(
                self.prefix, self.inner_targets, psi, v, lambda x, t: dual_scan(x, t, how)
            )
        else:
            gradient = torch.autograd.grad(self._inner_loss(psi), psi, create_graph=True)
            slope = sum((g * w).sum() for g, w in zip(gradient, v))
        return torch.autograd.grad(slope, psi)


#: name -> (scan, way, parts compiled)
FORMULATIONS = {
    "one graph, loop": ("loop", "graph", False),
    "one graph, chunked loop": ("chunked loop", "graph", False),
    "one graph, checkpointed chunks": ("checkpointed chunks", "graph", False),
    "one graph, by hand, eager": ("by hand, eager", "graph", False),
    "one graph, by hand, compiled": ("by hand, compiled", "graph", False),
    "steps, chunked loop": ("chunked loop", "reverse", False),
    "steps, by hand, eager": ("by hand, eager", "reverse", False),
    "steps, by hand, compiled": ("by hand, compiled", "reverse", False),
    "steps, forward mode, by hand, compiled": ("by hand, compiled", "forward", False),
    "steps, forward mode, all compiled": ("by hand, compiled", "forward", True),
}
