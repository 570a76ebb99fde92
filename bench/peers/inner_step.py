# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""One inner step: forward, next-token loss, gradient of the fast weights, gradient descent."""

import torch

import formulations
from language_model import LanguageModel, random_bytes


class InnerStep:
    """`scan` by name from formulations.py; `parts_compiled`: all but the scan by torch.compile."""

    def __init__(self, scan, sequences, length, parts_compiled=False, dtype=torch.float32, **sizes):
        self.model = LanguageModel(dtype=dtype, compiled=parts_compiled, **sizes)
        self.scan = formulations.FORMULATIONS[scan]()
        self.ids, self.targets = random_bytes(length, sequences, seed=7)
        self.psi = self.model.fast_weights(sequences)
        self.rate = 1e-2

    def gradient(self):
        loss = self.model.loss(self.model.prefix(self.ids), self.targets, self.psi, self.scan)
        return loss, torch.autograd.grad(loss, self.psi)

    def __call__(self):
        _, gradient = self.gradient()
        with torch.no_grad():
            for p, g in zip(self.psi, gradient):
                p -= self.rate * g


#: name -> (scan, parts compiled)
FORMULATIONS = {
    "loop, states last": ("loop, states last", False),
    "loop": ("loop", False),
    "chunked loop": ("chunked loop", False),
    "checkpointed chunks": ("checkpointed chunks", False),
    "by hand, eager": ("by hand, eager", False),
    "by hand, compiled": ("by hand, compiled", False),
    "all compiled": ("by hand, compiled", True),
}
