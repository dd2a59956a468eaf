"""Time of one tile on a spatial array: lockstep compute, words on the networks, and what of them is exposed.

All functions take extents as numbers or numpy arrays; the sizes of an inner mapping may be arrays as well, so that many
mappings of one nest, or many tiles of one mapping, are timed at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.nest import Axis, Nest, volume
from hwsim.operand import Operand
from hwsim.schedule import Level


@dataclass(frozen=True, slots=True)
class Inner:
    """How the array walks through a tile.

    Attributes:
        order: dimensions of the loops over array tiles, outermost first.
        array: per dimension, the extent that all lanes together cover at a time.
        lane: per dimension, the extent of one lane's own tile.
    """

    order: tuple[str, ...]
    array: Mapping[str, Any]
    lane: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the array offers to one operand.

    Attributes:
        words_per_cycle: of its network, each way; 0 for unlimited.
        held: whether lanes have a memory for it; otherwise every step fetches.
        exposed: whether its delivery stops the computation.
    """

    words_per_cycle: float
    held: bool
    exposed: bool


def read_inner(nest: Nest, levels: Sequence[Level]) -> Inner:
    """The sizes of an inner mapping from its levels: the shared memory first, then those of the lanes."""
    array, loops = nest.full, [loop for loop in levels[0].loops if not loop.axis]
    for loop in loops:
        array[loop.dim] = min(array[loop.dim], loop.size)
    lane = dict(array)
    for loop in levels[0].loops:
        if loop.axis:
            lane[loop.dim] = min(lane[loop.dim], loop.size)
    return Inner(tuple(loop.dim for loop in loops), array, lane)


def trips(inner: Inner, dim: str, extents: Mapping[str, Any]) -> Any:
    """Array tiles along one dimension."""
    return -(-extents[dim] // inner.array[dim])


def steps(inner: Inner, dim: str, extents: Mapping[str, Any]) -> Any:
    """Steps in time along one dimension: all lanes wait for the one with the largest share."""
    whole, rest = np.divmod(extents[dim], inner.array[dim])
    return whole * inner.lane[dim] + np.minimum(rest, inner.lane[dim])


def compute_cycles(nest: Nest, inner: Inner, extents: Mapping[str, Any], rate: float) -> Any:
    """Cycles that the multipliers need; ``rate`` multiply-accumulates per lane and cycle."""
    total: Any = 1
    for dim in nest.dims:
        total = total * steps(inner, dim, extents)
    return np.ceil(total / rate)


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one operand in one tile.

    Attributes:
        delivered: over the network, one for all lanes that share it; outputs count each visit.
        first: words of the first array tile.
        deliveries: how often lanes get a new array tile.
    """

    delivered: Any
    first: Any
    deliveries: Any


def words(nest: Nest, role: Operand, inner: Inner, extents: Mapping[str, Any], held: bool, halo: bool) -> Words:
    """Words between the shared memory and the lanes; equals ``hwsim.access`` for the same loops.

    Args:
        nest, role: the operand.
        inner: how the array walks through the tile.
        extents: of the tile.
        held: whether the lanes keep a tile of it; otherwise each step fetches anew.
        halo: whether the overlap of sliding windows is delivered only once.
    """
    operand = nest.operand(role)
    moving = operand.dims()
    deliveries, repeats, innermost = _visits(inner, moving, extents)
    if not held:
        repeats = math.prod(steps(inner, dim, extents) for dim in nest.dims if dim not in moving)
    total: Any = repeats
    for axis in operand.axes:
        total = total * _axis_words(nest, axis, inner, extents, held, halo, innermost)
    first = volume(operand, {dim: np.minimum(inner.array[dim], extents[dim]) for dim in nest.dims})
    return Words(total, first, deliveries)


def _visits(inner: Inner, moving: frozenset[str], extents: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Deliveries of a tile, visits to each place, and per dimension whether it is the innermost that moves the tile."""
    seen: Any = False
    deliveries: Any = 1
    repeats: Any = 1
    innermost: dict[str, Any] = {}
    for dim in reversed(inner.order):
        count = trips(inner, dim, extents)
        if dim in moving:
            innermost[dim] = np.logical_and(count > 1, np.logical_not(seen))
            seen = np.logical_or(seen, count > 1)
            deliveries = deliveries * count
        else:
            again = np.where(seen, count, 1)
            repeats, deliveries = repeats * again, deliveries * again
    return deliveries, repeats, innermost


def _axis_words(
    nest: Nest,
    axis: Axis,
    inner: Inner,
    extents: Mapping[str, Any],
    held: bool,
    halo: bool,
    innermost: Mapping[str, Any],
) -> Any:
    """Positions along one axis, summed over all deliveries; exact for one and two dimensions."""
    total: Any = 1
    for dim, _ in axis:
        total = total * extents[dim]
    if len(axis) != 2:
        return total
    spread = np.logical_or(*(_spread(inner, dim, extents) for dim, _ in axis))
    (slow, stride), (fast, dilation) = axis
    common = math.gcd(stride, dilation)
    again: Any = 1
    for dim, limit in ((slow, dilation // common), (fast, stride // common)):
        size = _delivered_extent(inner, dim, extents, held, halo)
        if halo and held and dim in innermost:
            keeps = np.logical_and(innermost[dim], np.logical_not(spread))
            size = np.where(keeps, extents[dim], size)
        whole, rest = np.divmod(extents[dim], size)
        again = again * (whole * np.maximum(size - limit, 0) + np.maximum(rest - limit, 0))
    return total - again


def _spread(inner: Inner, dim: str, extents: Mapping[str, Any]) -> Any:
    return np.minimum(inner.array[dim], extents[dim]) > inner.lane[dim]


def _delivered_extent(inner: Inner, dim: str, extents: Mapping[str, Any], held: bool, halo: bool) -> Any:
    """Extent along one dimension that one delivery covers: neighbouring lanes share it if they share halos."""
    lane, array = inner.lane[dim], inner.array[dim]
    if held:
        return array if halo else lane
    alone = np.minimum(lane, extents[dim]) <= 1
    return np.where(alone, array, 1) if halo else 1


def tile_time(
    nest: Nest,
    inner: Inner,
    extents: Mapping[str, Any],
    rate: float,
    wiring: Mapping[Operand, Wiring],
    halo: bool,
) -> Any:
    """Cycles of one tile without the limit of the shared memory.

    Computation and overlapped deliveries run at the pace of the slowest; exposed deliveries add to that, and after each
    of them the others start anew: the first array tile of each must arrive, and the last results must leave.

    Source: Chen et al., Eyeriss, JSSC 2017, section V: scratchpads are not double buffered, so that filters load
    between passes, while every element starts as soon as its first data arrive.
    """
    pace = compute_cycles(nest, inner, extents, rate)
    exposed: Any = 0
    fill: Any = 0
    restarts: Any = 1
    for role, wires in wiring.items():
        if not wires.words_per_cycle:
            continue
        count = words(nest, role, inner, extents, wires.held, halo)
        cycles = np.ceil(count.delivered / wires.words_per_cycle)
        if wires.exposed:
            exposed = exposed + cycles
            restarts = np.maximum(restarts, count.deliveries)
        else:
            pace = np.maximum(pace, cycles)
            fill = fill + np.ceil(count.first / wires.words_per_cycle)
    return pace + exposed + restarts * fill


def shared_bits(nest: Nest, inner: Inner, extents: Mapping[str, Any], held: Mapping[Operand, bool], halo: bool) -> Any:
    """Bits that the shared memory delivers and takes for one tile; partial sums come back on all visits but the first.

    Args:
        nest, inner, extents: as above.
        held: the operands that the shared memory feeds, and whether the lanes keep them.
        halo: whether the overlap of sliding windows is delivered only once.
    """
    total: Any = 0
    for role, kept in held.items():
        operand = nest.operand(role)
        count = words(nest, role, inner, extents, kept, halo).delivered
        if role == "output":
            results = volume(operand, extents)
            total = total + results * operand.bits + 2 * np.maximum(count - results, 0) * nest.partial_bits
        else:
            total = total + count * operand.bits
    return total
