"""Cycles of a systolic array for all tiles of a mapping together: the closed form that mappers minimize.

The engine plays tiles one by one, each shared among the copies of the array in its own best way; here all tiles are
shared in the same way, and the memories limit all of them together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwsim.access import COMPUTE, Traffic, tile_lengths
from hwsim.nest import Nest
from hwsim.operand import Operand
from hwsim.schedule import Level


def total_cycles(
    nest: Nest,
    levels: Sequence[Level],
    rows: Sequence[Traffic],
    parts: Sequence[Callable[[Mapping[str, Any]], Any]],
    bits_per_cycle: Mapping[str, float],
) -> float:
    """Cycles of the array for all tiles.

    Args:
        nest, levels: the whole mapping.
        rows: its access counts.
        parts: for every way to share a tile among copies of the array, the cycles of one tile.
        bits_per_cycle: of the memories next to the array that are limited.
    """
    lengths = tile_lengths(nest, levels)
    totals = [0] * len(parts)
    for tile in itertools.product(*(lengths[dim].items() for dim in nest.dims)):
        extents = {dim: length for dim, (length, _) in zip(nest.dims, tile, strict=True)}
        count = math.prod(times for _, times in tile)
        for index, part in enumerate(parts):
            totals[index] += count * int(part(extents))
    moved: dict[str, float] = {}
    for row in rows:
        if row.inner == COMPUTE:
            moved[row.outer] = moved.get(row.outer, 0.0) + _bits(nest, row.operand, row)
    fed = [moved.get(name, 0.0) / rate for name, rate in bits_per_cycle.items()]
    return max([min(totals), *fed]) * nest.density


def _bits(nest: Nest, role: Operand, row: Traffic) -> float:
    bits = nest.operand(role).bits
    if role != "output":
        return row.outer_reads * bits
    return row.final_writes * bits + 2 * row.outer_reads * nest.partial_bits
