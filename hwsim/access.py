"""Access counts: how often each memory is read and written for a nest and a mapping, exactly.

The mapping is a static loop program: the code that fetches a tile sits in the body of the innermost loop that moves the
tile, and runs every time that body runs. Counts are integers and hold for ragged tiles. One implementation serves
mapper and simulator; ``tests/unit/hwsim/interpreter.py`` walks the loops one by one and must agree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from hwsim.nest import Axis, Nest, NestOperand, span, volume
from hwsim.operand import OPERANDS, Operand
from hwsim.schedule import Level, TileLoop

COMPUTE = "compute"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Elements of one operand that cross from ``outer`` (a memory) to ``inner`` (a memory or the compute).

    Attributes:
        outer_reads: elements read from the outer memory; a value multicast to several receivers is read once.
        inner_fills: elements arriving at all receivers together.
        outer_writes: elements (outputs) written back to the outer memory; values reduced on the way arrive once.
        inner_drains: elements (outputs) leaving all senders together.
        final_writes: those of ``outer_writes`` that are complete results, not partial sums.
    """

    operand: Operand
    outer: str
    inner: str
    outer_reads: int
    inner_fills: int
    outer_writes: int = 0
    inner_drains: int = 0
    final_writes: int = 0


def access_counts(
    nest: Nest, levels: Sequence[Level], halo_reuse: bool = False, halo_multicast: bool = False, halo_from: int = 0
) -> tuple[Traffic, ...]:
    """Traffic between every pair of neighbouring keepers of every operand, the compute being the innermost.

    Args:
        nest: the contraction.
        levels: outermost memory first; together their loops may leave tiles larger than one element, which the unit
            then handles itself: the traffic to the compute is that of whole tiles.
        halo_reuse: whether consecutive windows of a sliding axis keep their overlap instead of fetching it again; only
            along the innermost loop, and not where the same axis is also spread in space.
        halo_multicast: whether neighbours in space that need overlapping windows share one delivery of the overlap.
        halo_from: index of the outermost level whose deliveries follow these two rules; levels above it share no halos.

    Results whose windows overlap (transposed convolution) are counted as if every window were a place of its own, so
    that their read-backs are a lower bound.

    Source: mixed-radix tiling with static fetch placement; matches Timeloop's counts for its reference mapping.
    """
    return _counted(nest, tuple(levels), halo_reuse, halo_multicast, halo_from)


@lru_cache(maxsize=4096)
def _counted(
    nest: Nest, levels: tuple[Level, ...], halo_reuse: bool, halo_multicast: bool, halo_from: int
) -> tuple[Traffic, ...]:
    """``access_counts``, kept because mapper and simulator ask for the same mapping one after the other."""
    loops = effective_loops(nest, levels)
    rows: list[Traffic] = []
    for role in OPERANDS:
        operand = nest.operand(role)
        keepers = [index for index, level in enumerate(levels) if role in level.keeps]
        for outer, inner in zip(keepers, [*keepers[1:], len(levels)], strict=True):
            outside = [loop for index, loop in loops if index < inner]
            # Receivers of one copy: loops in space between the two; outside the outer memory every copy is its own.
            shared_from = sum(1 for index, _ in loops if index < outer)
            stateless = inner == len(levels)
            halo = outer >= halo_from
            rules = _Rules(shared_from, stateless, halo and halo_reuse and not stateless, halo and halo_multicast)
            name = COMPUTE if stateless else levels[inner].memory
            rows.append(_traffic(nest, operand, (levels[outer].memory, name), outside, rules))
    return tuple(rows)


def effective_loops(nest: Nest, levels: Sequence[Level]) -> list[tuple[int, TileLoop]]:
    """The loops that make more than one trip when their enclosing tile is full, each with the index of its level."""
    enclosing = nest.full
    loops: list[tuple[int, TileLoop]] = []
    for index, level in enumerate(levels):
        for loop in level.loops:
            if loop.size < enclosing[loop.dim]:
                loops.append((index, loop))
                enclosing[loop.dim] = loop.size
    return loops


@dataclass(frozen=True, slots=True)
class _Rules:
    """How deliveries across one boundary are counted.

    Attributes:
        shared_from: loops in space from this position on lie between the two memories: along dimensions that do not
            move the operand they deliver one shared copy (multicast, or reduction of outputs); before it, each its own.
        stateless: the receiver holds nothing (the compute): every iteration fetches.
        halo_reuse, halo_multicast: as in ``access_counts``.
        once: only the first visit of every place counts: loops in time that do not move the operand run once.
    """

    shared_from: int
    stateless: bool
    halo_reuse: bool
    halo_multicast: bool
    once: bool = False


def _traffic(
    nest: Nest, operand: NestOperand, names: tuple[str, str], loops: Sequence[TileLoop], rules: _Rules
) -> Traffic:
    outer, inner = names
    distinct = _moved(nest, operand, loops, rules)
    # Without loops in space there is one receiver, and nothing that copies could share.
    spread = any(loop.axis for loop in loops)
    each = replace(rules, shared_from=len(loops), halo_multicast=False)
    copies = _moved(nest, operand, loops, each) if spread else distinct
    if operand.role != "output":
        return Traffic(operand.role, outer, inner, distinct, copies)
    # Each place of the output is first visited without a read-back; copies in space each start their own sum.
    first = _moved(nest, operand, loops, replace(rules, once=True))
    first_copies = _moved(nest, operand, loops, replace(each, once=True)) if spread else first
    complete = int(volume(operand, nest.full))
    return Traffic(operand.role, outer, inner, distinct - first, copies - first_copies, distinct, copies, complete)


def _moved(nest: Nest, operand: NestOperand, loops: Sequence[TileLoop], rules: _Rules) -> int:
    """Elements of an operand delivered below ``loops`` when tiles are fetched in the innermost loop that moves them."""
    chains = _chains(nest, operand, loops, rules)
    dims = operand.dims()
    result = 1
    for dim, extent in nest.full.items():
        if dim not in dims:
            result *= sum(_tiles(extent, chains[dim]).values())
    for axis in operand.axes:
        result *= _axis_total(nest, axis, chains)
    return result


Chain = list[tuple[TileLoop, Literal["count", "shrink", "merge"]]]
"""Loops of one dimension, outermost first: every iteration counts; or one stands for all; or all are one delivery."""


def _chains(nest: Nest, operand: NestOperand, loops: Sequence[TileLoop], rules: _Rules) -> dict[str, Chain]:
    dims = operand.dims()
    sliding = {name for axis in operand.axes if len(axis) > 1 for name, _ in axis}
    last = max((at for at, loop in enumerate(loops) if loop.dim in dims and not loop.axis), default=-1)
    in_space = {loop.dim for loop in loops if loop.axis}
    split_in_time_later: set[str] = set()
    chains: dict[str, Chain] = {dim: [] for dim in nest.dims}
    for at, loop in reversed(list(enumerate(loops))):
        dim = loop.dim
        if loop.axis:
            counts = dim in dims or at < rules.shared_from
            shares = rules.halo_multicast and at >= rules.shared_from and dim not in split_in_time_later
        else:
            counts = dim in dims or ((at < last or rules.stateless) and not rules.once)
            shares = rules.halo_reuse and at == last and not in_space & _partners(operand, dim)
            split_in_time_later.add(dim)
        chains[dim].insert(0, (loop, "merge" if shares and dim in sliding else "count" if counts else "shrink"))
    return chains


def _partners(operand: NestOperand, dim: str) -> set[str]:
    """Dimensions that share an axis with one."""
    return {name for axis in operand.axes if dim in dict(axis) for name, _ in axis}


def _tiles(length: int, chain: Chain) -> dict[int, int]:
    """How many tiles of which length the counted loops of one dimension visit."""
    tiles = {length: 1}
    for loop, rule in chain:
        if rule == "merge":
            break
        split: dict[int, int] = {}
        for whole, times in tiles.items():
            if rule == "shrink":
                pieces: tuple[tuple[int, int], ...] = ((min(loop.size, whole), 1),)
            else:
                pieces = ((loop.size, whole // loop.size), (whole % loop.size, 1))
            for size, count in pieces:
                if size and count:
                    split[size] = split.get(size, 0) + times * count
        tiles = split
    return tiles


def _axis_total(nest: Nest, axis: Axis, chains: dict[str, Chain]) -> int:
    """Positions along one axis, summed over all combinations of tiles of its dimensions."""
    if len(axis) == 1:
        # Every loop of a dimension that moves the operand counts, so its tiles add up to the whole.
        return nest.full[axis[0][0]]
    names = [name for name, _ in axis]
    tiles = [_tiles(nest.full[name], chains[name]).items() for name in names]
    total = 0
    for combination in itertools.product(*tiles):
        lengths = {name: length for name, (length, _) in zip(names, combination, strict=True)}
        total += int(span(axis, lengths)) * math.prod(times for _, times in combination)
    return total


def tile_extents(nest: Nest, levels: Sequence[Level], below: int) -> dict[str, int]:
    """Largest tile of every dimension held below the loops of ``levels[:below]``."""
    tile = nest.full
    for level in levels[:below]:
        for loop in level.loops:
            tile[loop.dim] = min(tile[loop.dim], loop.size)
    return tile


def trip_count(nest: Nest, levels: Sequence[Level]) -> int:
    """Iterations in time of all loops together, ragged tiles counted as they come."""
    chains: dict[str, Chain] = {dim: [] for dim in nest.dims}
    for level in levels:
        for loop in level.loops:
            chains[loop.dim].append((loop, "shrink" if loop.axis else "count"))
    return math.prod(sum(_tiles(nest.full[dim], chain).values()) for dim, chain in chains.items())


def tile_lengths(nest: Nest, levels: Sequence[Level]) -> dict[str, dict[int, int]]:
    """Per dimension, how many innermost tiles of which extent all loops together make, ragged ones included."""
    chains: dict[str, Chain] = {dim: [] for dim in nest.dims}
    for level in levels:
        for loop in level.loops:
            chains[loop.dim].append((loop, "count"))
    return {dim: _tiles(nest.full[dim], chain) for dim, chain in chains.items()}
