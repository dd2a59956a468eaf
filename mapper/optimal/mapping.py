"""From the search's choice to the levels of a mapping, and from kinds of loop order to orders."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwsim.nest import Nest
from hwsim.schedule import Level, TileLoop
from hwsim.units.base import Folds, Lanes
from mapper.optimal.problem import Flat


@dataclass(frozen=True, slots=True)
class Unrolled:
    """Most lanes per dimension along rows and along columns."""

    rows: Mapping[str, int]
    columns: Mapping[str, int]

    def most(self, dims: Sequence[str]) -> tuple[int, ...]:
        """Lanes of every dimension on both axes together."""
        return tuple(self.rows.get(dim, 1) * self.columns.get(dim, 1) for dim in dims)


@dataclass(frozen=True, slots=True)
class Choice:
    """One mapping in numbers, per dimension of the nest.

    Attributes:
        lane, array, tile: extents of a lane's tile, of all lanes together, of the buffer tile.
        orders: the operand that stays while its loops run innermost, and the window dimension that is innermost of
            those that move the input (or -1), over array tiles and then over buffer tiles.
        unrolled: where the lanes are.
    """

    lane: tuple[int, ...]
    array: tuple[int, ...]
    tile: tuple[int, ...]
    orders: tuple[int, int, int, int]
    unrolled: Unrolled


def loop_order(nest: Nest, stay: int, carried: int = -1) -> tuple[str, ...]:
    """An order of loops: innermost those that do not move one operand; ``carried`` is the last that moves the input."""
    idle = [[dim for dim in nest.dims if dim not in operand.dims()] for operand in nest.operands]
    still = {dim for dims in idle for dim in dims}
    first = [dim for dim in nest.dims if dim not in still]
    groups = [*first, *idle[(stay + 1) % 3], *idle[(stay + 2) % 3]], idle[stay]
    if carried >= 0:
        name = nest.dims[carried]
        for group in groups:
            if name in group:
                group.remove(name)
                group.append(name)
    return (*groups[0], *groups[1])


def assignments(nest: Nest, lanes: Lanes) -> list[Unrolled]:
    """Every way to give lanes to dimensions, but for those that another way gives at least as many everywhere."""
    rows = _axis(nest, lanes.dims[0], lanes.shape[0])
    columns = _axis(nest, lanes.dims[1], lanes.shape[1])
    found: dict[tuple[int, ...], Unrolled] = {}
    for down, across in itertools.product(rows, columns):
        one = Unrolled(down, across)
        most = tuple(map(min, one.most(nest.dims), nest.extents))
        found.setdefault(most, one)
    return [found[most] for most in _undominated(list(found))]


def _undominated(vectors: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The distinct vectors that no other one reaches everywhere."""
    table = np.array(vectors)
    reached = (table[np.newaxis, :, :] >= table[:, np.newaxis, :]).all(axis=2)
    return [vector for vector, count in zip(vectors, reached.sum(axis=1), strict=True) if count == 1]


def _axis(nest: Nest, dims: Sequence[str], size: int) -> list[dict[str, int]]:
    """One or two dimensions on one axis; the second gets what the first leaves."""
    full = nest.full
    if not dims:
        return [{}]
    ways = [{dim: min(size, full[dim])} for dim in dims]
    for one, two in itertools.combinations(dims, 2):
        ways += [{one: n, two: min(size // n, full[two])} for n in range(1, min(size, full[one]) + 1)]
    found = {tuple(way.get(dim, 1) for dim in nest.dims): way for way in ways}
    return [found[lanes] for lanes in _undominated(list(found))]


def write_levels(flat: Flat, choice: Choice) -> tuple[Level, ...]:
    """The levels of a choice."""
    nest, chip = flat.task.nest, flat.machine.chip
    path = flat.task.unit.spec.path
    tile = dict(zip(nest.dims, choice.tile, strict=True))
    full = nest.full
    order = loop_order(nest, choice.orders[2], choice.orders[3])
    outer = tuple(TileLoop(dim, tile[dim]) for dim in order if tile[dim] < full[dim])
    held = {name: chip.memories[name].operands for name in path}
    first = Level(path[0], outer, held[path[0]])
    if isinstance(flat.space, Folds):
        return (first, Level(path[1], (), held[path[1]]))
    inner = loop_order(nest, choice.orders[0], choice.orders[1])
    lane = dict(zip(nest.dims, choice.lane, strict=True))
    shared = Level(path[1], _shared_loops(nest, choice, inner), held[path[1]])
    local = [Level(name, (), held[name]) for name in path[2:]]
    if local:
        steps = tuple(TileLoop(dim, 1) for dim in inner if lane[dim] > 1)
        local[-1] = Level(local[-1].memory, steps, local[-1].keeps)
    return (first, shared, *local)


def _shared_loops(nest: Nest, choice: Choice, order: Sequence[str]) -> tuple[TileLoop, ...]:
    tile, array, lane = (dict(zip(nest.dims, sizes, strict=True)) for sizes in (choice.tile, choice.array, choice.lane))
    loops = [TileLoop(dim, array[dim]) for dim in order if array[dim] < tile[dim]]
    rows: list[TileLoop] = []
    columns: list[TileLoop] = []
    for dim in nest.dims:
        lanes = -(-min(array[dim], tile[dim]) // lane[dim])
        across = min(lanes, choice.unrolled.columns.get(dim, 1))
        if lanes > across:
            rows.append(TileLoop(dim, lane[dim] * across, "rows"))
        if across > 1:
            columns.append(TileLoop(dim, lane[dim], "columns"))
    return (*loops, *rows, *columns)
