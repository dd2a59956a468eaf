"""Cycles of a spatial array for all tiles of a mapping together, from static access counts.

This is the closed form that mappers minimize. The engine plays tiles one by one (``_spatial_time.tile_time``); summed
over equal tiles the two agree up to the ceilings of each tile; ragged tiles may have other bottlenecks than whole ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwsim.access import Traffic, access_counts, effective_loops, tile_extents, trip_count
from hwsim.nest import Nest, volume
from hwsim.operand import OPERANDS, Operand
from hwsim.schedule import Level
from hwsim.units._spatial_time import Wiring


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the pace of the array.

    Attributes:
        rate: multiply-accumulates per lane and cycle.
        wiring: networks and lane memories of the operands.
        halo: whether the overlap of sliding windows is delivered only once.
        fed: operands that the shared memory holds.
        shared_bits, bypass_bits: per cycle, of the shared memory and of what passes it by; infinite if unlimited.
    """

    rate: float
    wiring: Mapping[Operand, Wiring]
    halo: bool
    fed: frozenset[Operand]
    shared_bits: float
    bypass_bits: float


def total_cycles(nest: Nest, levels: Sequence[Level], inside: int, limits: Limits) -> float:
    """Cycles of the array for all tiles.

    Args:
        nest, levels: the whole mapping.
        inside: index of the level of the shared memory.
        limits: of the array.
    """
    pace, exposed, fill = trip_count(nest, levels) / limits.rate, 0.0, 0.0
    restarts = trip_count(nest, levels[:inside])
    shared = past = 0.0
    array = array_extents(nest, levels, inside)
    for role in OPERANDS:
        wires = limits.wiring[role]
        played = delivered_words(nest, levels, inside, role, limits)
        if wires.words_per_cycle and wires.exposed:
            exposed += played / wires.words_per_cycle
            restarts = max(restarts, _deliveries(nest, levels, inside, role))
        elif wires.words_per_cycle:
            pace = max(pace, played / wires.words_per_cycle)
            fill += float(volume(nest.operand(role), array)) / wires.words_per_cycle
        bits = _bits(nest, role, played)
        if role in limits.fed:
            shared += bits
        else:
            past += bits
    cycles = max(pace + exposed + restarts * fill, shared / limits.shared_bits, past / limits.bypass_bits)
    return cycles * nest.density


def array_extents(nest: Nest, levels: Sequence[Level], inside: int) -> dict[str, int]:
    """Extent of every dimension that all lanes together cover at a time."""
    timed = [loop for loop in levels[inside].loops if not loop.axis]
    return tile_extents(nest, (*levels[:inside], Level("", tuple(timed))), inside + 1)


def _bits(nest: Nest, role: Operand, words: float) -> float:
    if role != "output":
        return words * nest.operand(role).bits
    results = float(volume(nest.operand("output"), nest.full))
    return results * nest.operand("output").bits + 2 * max(words - results, 0.0) * nest.partial_bits


def _moves_inside(nest: Nest, levels: Sequence[Level], inside: int, role: Operand) -> bool:
    dims = nest.operand(role).dims()
    return any(at == inside and not loop.axis and loop.dim in dims for at, loop in effective_loops(nest, levels))


def delivered_words(nest: Nest, levels: Sequence[Level], inside: int, role: Operand, limits: Limits) -> float:
    """Words of an operand that the lanes get (or, for outputs, give); every new buffer tile delivers anew."""
    wires = limits.wiring[role]
    if wires.held and not _moves_inside(nest, levels, inside, role):
        dims = nest.operand(role).dims()
        moving = [
            replace(level, loops=tuple(loop for loop in level.loops if loop.axis or loop.dim in dims))
            for level in levels
        ]
        rows = access_counts(nest, moving, halo_multicast=limits.halo, halo_from=inside)
        again = Level("", tuple(loop for loop in levels[0].loops if loop.dim not in dims))
        return _words(rows, role, levels, inside) * trip_count(nest, (again,))
    halo = limits.halo
    rows = access_counts(nest, levels, halo_reuse=halo, halo_multicast=halo, halo_from=inside)
    return _words(rows, role, levels, inside)


def _words(rows: Sequence[Traffic], role: Operand, levels: Sequence[Level], inside: int) -> float:
    outside = {level.memory for level in levels[: inside + 1]}
    row = [one for one in rows if one.operand == role and one.outer in outside][-1]
    return float(row.outer_writes if role == "output" else row.outer_reads)


def _deliveries(nest: Nest, levels: Sequence[Level], inside: int, role: Operand) -> int:
    """How often the lanes get a new tile of an operand."""
    dims = nest.operand(role).dims()
    loops = [loop for at, loop in effective_loops(nest, levels) if at == inside and not loop.axis]
    last = max((at + 1 for at, loop in enumerate(loops) if loop.dim in dims), default=0)
    return trip_count(nest, (*levels[:inside], Level("", tuple(loops[:last]))))
