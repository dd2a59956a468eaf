# pyright: basic
"""Plain torch definitions of networks that transformers lacks.

Each ``build`` returns (module, example inputs, axes): for every input by position, which axis is which symbol.
"""

from __future__ import annotations

import torch

Built = tuple[torch.nn.Module, tuple[torch.Tensor, ...], dict[int, dict[int, str]]]


def batched(module: torch.nn.Module, *inputs: torch.Tensor) -> Built:
    """A module all of whose inputs have the batch as their first axis."""
    return module, inputs, {position: {0: "B"} for position in range(len(inputs))}
