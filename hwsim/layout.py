"""How tensors lie in the outer memory, and so what runs of neighbouring bytes a tile is made of.

The rule is simple on purpose: weights lie tile by tile in the order in which they are loaded, because they can be
stored so beforehand; so does what an attention step reads of its cache. Inputs and outputs lie row by row, last axis
fastest, as the operator before left them. Element-wise operators stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hwsim.dram.bandwidth import Runs
from hwsim.nest import NestOperand, span, volume


def runs_of(operand: NestOperand, tile: Mapping[str, Any], full: Mapping[str, Any], bits: int) -> Runs:
    """The runs of one tile.

    Axes that a tile covers completely join their neighbours; the first that it covers in part ends a run, and the one
    outside it repeats the run at equal distances. What lies further out is not followed.

    Args:
        operand: of a contraction; the weight is one run, see the module.
        tile: extent of the tile along every dimension, numbers or arrays.
        full: extent of the whole operator.
        bits: width of an element as it lies in memory.
    """
    if operand.role == "weight":
        size = volume(operand, tile) * bits / 8
        return Runs(size, size, 1)
    run: Any = 1
    pitch: Any = 1
    count: Any = 1
    joined: Any = np.bool_(True)
    linked: Any = np.bool_(True)
    for axis in reversed(operand.axes):
        covered, whole = span(axis, tile), span(axis, full)
        run = run * np.where(joined, covered, 1)
        pitch = pitch * np.where(joined, whole, 1)
        count = count * np.where(~joined & linked, covered, 1)
        linked = linked & (joined | (covered >= whole))
        joined = joined & (covered >= whole)
    return Runs(run * bits / 8, pitch * bits / 8, count)
