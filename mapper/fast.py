"""The fast mapper: a pruned search over tile sizes, three loop orders and the array's own good inner mappings.

Every dimension moves at most two of the three operands, so the orders of the outer loops fall into three classes: which
operand stays while the loops that do not move it run innermost. Tile sizes are imperfect: any size is legal, the last
tile is ragged. Candidates are evaluated together on numpy arrays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Protocol

import numpy as np

from hwsim.machine import Machine
from hwsim.nest import Axis, Nest
from hwsim.operand import OPERANDS
from hwsim.schedule import Level, TileLoop
from mapper.base import Found, Goal, Objective, Task, rank, register
from mapper.cost import (
    Costs,
    Transfers,
    compute_seconds,
    costs_in_order,
    held_bytes,
    least_costs,
    tilings_of,
    transfers_of,
)
from mapper.evaluate import evaluate
from mapper.feasibility import infeasible

CANDIDATES = 3000
"""Tilings tried over each inner mapping, times three orders."""
_REFINED, _ROUNDS, _CHOICES = 3, 3, 8
"""How many of the best tilings are improved further, how often, and from how many sizes per dimension."""
_PROBED = 32
"""How many tilings are looked at first, so that most others need not be."""
_ROUNDING = 1 - 1e-9
"""Room for rounding where a bound decides that a tiling is not looked at."""
_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96, 128, 192, 256, 384, 512, 1024)


@lru_cache(maxsize=1024)
def stationary_orders(nest: Nest) -> tuple[tuple[str, ...], ...]:
    """One order of the outer loops per operand: the loops that do not move it run innermost."""
    orders: list[tuple[str, ...]] = []
    for operand in (nest.operand(role) for role in OPERANDS):
        dims = operand.dims()
        order = (*(d for d in nest.dims if d in dims), *(d for d in nest.dims if d not in dims))
        if order not in orders:
            orders.append(order)
    return tuple(orders)


@lru_cache(maxsize=1024)
def window_dims(nest: Nest) -> frozenset[str]:
    """Filter dimensions of a sliding window; they are kept whole unless nothing fits otherwise."""
    output = nest.operand("output").dims()
    axes = (axis for operand in nest.operands for axis in operand.axes if len(axis) > 1)
    return frozenset(name for axis in axes if _slides(nest, axis) for name, _ in axis if name not in output)


def _slides(nest: Nest, axis: Axis) -> bool:
    """Whether windows along an axis overlap; the channels of a group, for example, do not."""
    (_, big), (fast, small) = sorted(axis, key=lambda term: -term[1])[:2]
    return (nest.full[fast] - 1) * small >= big


@cache
def candidate_sizes(extent: int, granule: int) -> tuple[int, ...]:
    """Tile sizes worth trying: n equal parts in whole granules, a few granules, powers of two, and one."""
    sizes = {1, extent, *(min(count * granule, extent) for count in (1, 2, 3, 4))}
    for parts in _PARTS:
        if parts <= extent:
            part = -(-extent // parts)
            sizes.add(min(extent, -(-part // granule) * granule))
    sizes.update(1 << power for power in range(extent.bit_length()) if 1 << power <= extent and 1 << power >= granule)
    return tuple(sorted(sizes))


@cache
def _thinned(extent: int, granule: int, count: int) -> Any:
    """At most about ``count`` of the candidate sizes, evenly chosen, as an array."""
    sizes = candidate_sizes(extent, granule)
    if len(sizes) <= count:
        return np.array(sizes, dtype=np.int64)
    last = len(sizes) - 1
    places = sorted({round(place * last / (count - 1)) for place in range(count)})
    return np.array([sizes[place] for place in places], dtype=np.int64)


def grid(nest: Nest, granules: Mapping[str, int], whole: frozenset[str], budget: int) -> dict[str, Any]:
    """At most about ``budget`` tilings, as one array per dimension."""
    lengths = {
        dim: 1 if dim in whole else len(candidate_sizes(extent, granules.get(dim, 1)))
        for dim, extent in nest.full.items()
    }
    longest = max(lengths.values())
    while longest > 2 and math.prod(min(length, longest) for length in lengths.values()) > budget:
        longest -= 1
    columns = [
        np.array([extent], dtype=np.int64) if dim in whole else _thinned(extent, granules.get(dim, 1), longest)
        for dim, extent in nest.full.items()
    ]
    shape = tuple(len(column) for column in columns)
    tile: dict[str, Any] = {}
    for axis, (dim, column) in enumerate(zip(nest.dims, columns, strict=True)):
        spread = column.reshape(tuple(-1 if place == axis else 1 for place in range(len(shape))))
        tile[dim] = np.broadcast_to(spread, shape).ravel()
    return tile


def granules_of(nest: Nest, inner: tuple[Level, ...]) -> dict[str, int]:
    """The array's own tile of every dimension: the size of its outermost loop."""
    sizes: dict[str, int] = {}
    for level in inner:
        for loop in level.loops:
            sizes.setdefault(loop.dim, loop.size)
    return {dim: min(size, nest.full[dim]) for dim, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best tiling over one inner mapping, by closed-form cost.

    Attributes:
        key: what is minimized, as ``rank`` orders it, then the number of tiles.
        order: of the outer loops, outermost first.
        sizes: extent of the scratchpad tile by dimension.
        evaluated: tilings and orders that were looked at.
    """

    key: tuple[float, ...]
    inner: tuple[Level, ...]
    order: tuple[str, ...]
    sizes: Mapping[str, int]
    evaluated: int


class Look(Protocol):
    """Looks at tilings of one task."""

    def __call__(
        self, inner: tuple[Level, ...], tile: Any, than: Candidate | None = None
    ) -> tuple[Candidate | None, int]:
        """The best of some tilings over one inner mapping in all orders, and how many were looked at.

        Args:
            inner: the array's own mapping.
            tile: extents, a row per dimension of the nest and a column per tiling.
            than: what has to be better than this; else only what fits.

        Returns:
            The first of the best, or None if there is none.
        """
        ...


@register("fast")
def fast_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """A good legal mapping; see the module."""
    return fast_with(task, machine, goal, looking(task, machine, goal.objective))


def fast_with(task: Task, machine: Machine, goal: Goal, look: Look, priced: bool = True) -> Found:
    """The fast mapper with its own or a compiled way to look at tilings.

    Args:
        task, machine, goal: as for every mapper.
        look: looks at tilings.
        priced: whether the cost of the mapping is that of the stated model; if not, a search for latency returns the
            cost that its mapping was chosen by.
    """
    nest, objective = task.nest, goal.objective
    if not nest.dims:
        return _single_point(task, machine)
    candidates = [
        candidate
        for inner in task.unit.inner_options(nest)
        if (candidate := _search(task, machine, inner, look)) is not None
    ]
    if not candidates:
        raise infeasible(task, machine)
    if machine.scratchpad(task.unit.name) is not None and len(nest.dims) > 3:
        # Three dimensions have enough sizes in the grid; more are thinned, so the best is looked for around the best.
        candidates.sort(key=lambda candidate: candidate.key)
        candidates[:_REFINED] = [_refined(nest, one, look) for one in candidates[:_REFINED]]
    evaluated = sum(candidate.evaluated for candidate in candidates)
    if objective == "latency":
        candidates = [min(candidates, key=lambda candidate: candidate.key)]
        if not priced:
            return unpriced(task, machine, objective, candidates[0], evaluated)
    found = [price(task, machine, make_levels(task, machine, c.inner, c.order, c.sizes), evaluated) for c in candidates]
    return min(found, key=lambda one: rank(objective, one.seconds, one.energy_joules, one.outer_bytes))


def _single_point(task: Task, machine: Machine) -> Found:
    """A nest of one point has nothing to tile."""
    inner = task.unit.inner_options(task.nest)[0]
    return price(task, machine, make_levels(task, machine, inner, (), {}), 1)


def _all_at_once(task: Task, machine: Machine, inner: tuple[Level, ...]) -> bool:
    """Whether everything fits in one tile and transfers take no time, so that tiles can't help a single-level array."""
    if len(inner) > 1 or machine.places[task.unit.name].port.bytes_per_tick is not None:
        return False
    return bool(held_bytes(task, machine, task.nest.full) <= task.capacity_bytes)


def _search(task: Task, machine: Machine, inner: tuple[Level, ...], look: Look) -> Candidate | None:
    nest = task.nest
    direct = inner[0].memory == machine.outer(task.unit.name)
    whole = frozenset(nest.dims) if direct or _all_at_once(task, machine, inner) else window_dims(nest)
    found, _ = look(inner, _grid(nest, inner, True, whole))
    if found is None and not direct:
        found, _ = look(inner, _grid(nest, inner, False, frozenset()))
    return found


@lru_cache(maxsize=256)
def _grid(nest: Nest, inner: tuple[Level, ...], granular: bool, whole: frozenset[str]) -> Any:
    """The tilings that are tried first; kept, because chips of a search share them."""
    granules = granules_of(nest, inner) if granular else {}
    return rows_of(nest, _snapped(nest, inner, grid(nest, granules, whole, CANDIDATES)))


def rows_of(nest: Nest, tile: Mapping[str, Any]) -> Any:
    """Tilings as one array with a row per dimension."""
    return np.stack([tile[dim] for dim in nest.dims])


def looking(task: Task, machine: Machine, objective: Objective) -> Look:
    """The plain way to look at tilings, on numpy arrays."""
    orders = stationary_orders(task.nest)

    def look(inner: tuple[Level, ...], tile: Any, than: Candidate | None = None) -> tuple[Candidate | None, int]:
        tilings = tilings_of(task.nest, dict(zip(task.nest.dims, tile, strict=True)))
        fits = held_bytes(task, machine, tilings) <= task.capacity_bytes
        if not np.all(fits):
            tilings = tilings.take(np.flatnonzero(np.broadcast_to(fits, len(tilings))))
        count = len(orders) * len(tilings)
        if not count:
            return None, 0
        limit = math.inf if than is None else than.key[0]
        compute = compute_seconds(task, machine, inner, tilings.extents)
        if objective == "latency" and limit < math.inf:
            # Nothing is faster than its array: most neighbours end here.
            near = np.flatnonzero(compute <= limit)
            tilings, compute = tilings.take(near), compute[near]
        best = than
        transfers, compute = _promising(objective, transfers_of(task, machine, tilings), compute, orders, limit)
        for order in orders if len(compute) else ():
            key, place = _leading(objective, costs_in_order(transfers, compute, order), len(compute))
            if best is None or key < best.key:
                sizes = {dim: int(row[place]) for dim, row in transfers.tilings.extents.items()}
                best = Candidate(key, inner, order, sizes, count)
        return (None if best is than else best), count

    return look


def _promising(
    objective: Objective, transfers: Transfers, compute: Any, orders: Sequence[tuple[str, ...]], limit: float
) -> tuple[Transfers, Any]:
    """The tilings that may be the best in some order, with all that are equally good.

    That is known by what no order goes below; without a limit, the best of a few sets one.
    """
    least = np.broadcast_to(_first_key(objective, least_costs(transfers, compute)), len(compute))
    if limit == math.inf and len(compute) > 4 * _PROBED:
        few = np.argpartition(least, _PROBED)[:_PROBED]
        some, busy = transfers.take(few), compute[few]
        limit = min(float(np.min(_first_key(objective, costs_in_order(some, busy, order)))) for order in orders)
    near = np.flatnonzero(least * _ROUNDING <= limit)
    return transfers.take(near), compute[near]


def _first_key(objective: Objective, costs: Costs) -> Any:
    return rank(objective, costs.seconds, costs.energy_joules, costs.outer_bytes)[0]


def _leading(objective: Objective, costs: Costs, count: int) -> tuple[tuple[float, ...], int]:
    """The smallest key of some candidates and the place of the first that has it."""
    keys = (*rank(objective, costs.seconds, costs.energy_joules, costs.outer_bytes), costs.tiles)
    place = first_of(keys, count)
    return tuple(float(np.ravel(column)[place if np.ndim(column) else 0]) for column in keys), place


def _snapped(nest: Nest, inner: tuple[Level, ...], tilings: Mapping[str, Any]) -> dict[str, Any]:
    """Tilings cut down to whole array tiles, or where that is more than the tile, to whole lane tiles."""
    tile: dict[str, Any] = {}
    for dim, sizes in tilings.items():
        snapped = np.asarray(sizes)
        loops = [loop.size for level in inner for loop in level.loops if loop.dim == dim]
        for size in sorted({min(size, nest.full[dim]) for size in loops}, reverse=True):
            snapped = np.where((snapped >= size) & (snapped < nest.full[dim]), snapped // size * size, snapped)
        tile[dim] = snapped
    return tile


def _refined(nest: Nest, candidate: Candidate, look: Look) -> Candidate:
    """A candidate improved by changing two dimensions at a time, as long as that helps."""
    granules = granules_of(nest, candidate.inner)
    evaluated = candidate.evaluated
    for _ in range(_ROUNDS):
        around = _snapped(nest, candidate.inner, neighbours(nest, granules, candidate.sizes))
        found, count = look(candidate.inner, rows_of(nest, around), candidate)
        evaluated += count
        if found is None:
            break
        candidate = found
    return replace(candidate, evaluated=evaluated)


def neighbours(nest: Nest, granules: Mapping[str, int], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Tilings that differ from one in at most two dimensions, as one array per dimension."""
    choices = [_thinned(extent, granules.get(dim, 1), _CHOICES) for dim, extent in nest.full.items()]
    return {
        dim: np.append(choices[place], sizes[dim])[row]
        for (place, dim), row in zip(enumerate(nest.dims), _pairs(tuple(map(len, choices))), strict=True)
    }


@lru_cache(maxsize=256)
def _pairs(counts: tuple[int, ...]) -> Any:
    """For every dimension, which of its choices each neighbour takes; the one behind the last means unchanged."""
    columns: list[list[Any]] = [[] for _ in counts]
    for one, two in itertools.combinations(range(len(counts)), 2):
        first, second = (array.ravel() for array in np.meshgrid(np.arange(counts[one]), np.arange(counts[two])))
        for place, count in enumerate(counts):
            varied = first if place == one else second if place == two else np.full(len(first), count)
            columns[place].append(varied)
    return np.stack([np.concatenate(parts) for parts in columns])


def first_of(keys: Sequence[Any], count: int) -> int:
    """Position of the smallest candidate by the first key, ties by the next; keys are arrays or scalars."""
    places = np.arange(count)
    for key in keys:
        if np.ndim(key):
            values = np.asarray(key)[places]
            places = places[values == values.min()]
            if len(places) == 1:
                break
    return int(places[0])


def make_levels(
    task: Task, machine: Machine, inner: tuple[Level, ...], order: Sequence[str], sizes: Mapping[str, int]
) -> tuple[Level, ...]:
    """The whole mapping of a choice: outer loops with more than one trip, then the inner levels."""
    outer = machine.outer(task.unit.name)
    if inner[0].memory == outer:
        return inner
    loops = tuple(TileLoop(dim, sizes[dim]) for dim in order if sizes[dim] < task.nest.full[dim])
    return (Level(outer, loops, machine.chip.memories[outer].operands), *inner)


def unpriced(task: Task, machine: Machine, objective: Objective, best: Candidate, evaluated: int) -> Found:
    """A candidate's mapping with the cost that it was chosen by; the energy is that of the outer memory."""
    seconds = best.key[0 if objective == "latency" else 1]
    outer = best.key[0 if objective == "traffic" else 2]
    bits = machine.bits[machine.outer(task.unit.name)]
    levels = make_levels(task, machine, best.inner, best.order, best.sizes)
    return Found(levels, seconds, outer, outer * 8 * (bits.read + bits.write) / 2, evaluated)


def price(task: Task, machine: Machine, levels: tuple[Level, ...], evaluated: int) -> Found:
    """One mapping with its cost by the stated model."""
    cost = evaluate(task, machine, levels)
    return Found(levels, cost.seconds, cost.outer_bytes, cost.energy_joules, evaluated)
