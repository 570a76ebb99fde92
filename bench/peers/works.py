# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""What is compared: a name, our benchmark, and the same work's sizes on the PyTorch side."""

from dataclasses import dataclass, field

import formulations
import inner_step
import meta_gradient

GRADIENTS = {
    "forward": [],
    "forward_backward": ["u", "dt", "A", "B", "C"],
    "forward_backward_dynamics": ["dt", "A"],
}
SCAN_SHAPES = ((1, 512, 2048, 16), (8, 256, 512, 16), (32, 128, 1024, 16))
MODEL = "width:128/layers:2/N:16/rank:4/vocabulary:256"


@dataclass
class Work:
    name: str
    kind: str  #: which work of worker.py
    sizes: dict
    program: str  #: our benchmark program and the filter that names one benchmark of it
    filter: str
    elements: int  #: (batch, token, channel, state), all layers
    formulations: list
    quick: bool = False
    #: formulations that are only run with --large: they need over ten GiB
    large: list = field(default_factory=list)


def _scans():
    for B, D, L, N in SCAN_SHAPES:
        for part, gradients in GRADIENTS.items():
            shape = f"B:{B}/D:{D}/L:{L}/N:{N}"
            yield Work(
                name=f"selective_scan_{part}/{shape}",
                kind="scan",
                sizes={"sequences": B, "channels": D, "length": L, "states": N,
                       "gradients": gradients},
                program="bench_scan",
                filter=f"^selective_scan_{part}/{shape}/threads:1$",
                elements=B * D * L * N,
                formulations=list(formulations.FORMULATIONS),
                quick=B == 1,
            )


def _inner_steps():
    for B in (1, 8):
        yield Work(
            name=f"inner_step/mamba_lm/B:{B}/L:1024",
            kind="inner_step",
            sizes={"sequences": B, "length": 1024},
            program="bench_inner_step",
            filter=f"^inner_step/mamba_lm/B:{B}/L:1024/{MODEL}/threads:1$",
            elements=B * 1024 * 256 * 16 * 2,
            formulations=list(inner_step.FORMULATIONS),
            quick=B == 1,
        )


def _meta_gradients():
    for B in (1, 8):
        graphs = ["one graph, loop", "one graph, chunked loop", "one graph, checkpointed chunks"]
        yield Work(
            name=f"meta_gradient/mamba_lm/psi_0/B:{B}/L:1024/K:4",
            kind="meta_gradient",
            sizes={"sequences": B, "length": 1024, "steps": 4},
            program="bench_meta_gradient",
            filter=f"^meta_gradient/mamba_lm/psi_0/B:{B}/L:1024/{MODEL}/K:4/threads:1$",
            elements=B * 1024 * 256 * 16 * 2,
            formulations=list(meta_gradient.FORMULATIONS),
            quick=B == 1,
            large=graphs if B > 1 else [],
        )


WORKS = [*_scans(), *_inner_steps(), *_meta_gradients()]
