"""Branch and bound by rising limits: what a bound allows is explored, and the limit rises to the best found.

When a pass ends with the best found at or below its limit, nothing better exists. A search that runs out of time knows
that nothing below the last finished limit exists.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.nest import Nest
from hwsim.units.base import Folds, Lanes
from mapper.base import Objective
from mapper.optimal import _layout as k
from mapper.optimal._search_kernels import root_bound, search_array
from mapper.optimal._table_kernels import array_rows, buffer_rows, tile_rows
from mapper.optimal._tile_kernels import overlap_limit, search_tiles
from mapper.optimal.mapping import Choice, Unrolled, assignments
from mapper.optimal.problem import Flat

ORDERS: dict[Objective, int] = {"latency": 0, "energy": 1, "edp": 2, "traffic": 3}
_RISE = (1.0, 1.01, 1.025, 1.06, 1.12, 1.25, 1.5, 2.0, 4.0, 10.0, 100.0, math.inf)
_BOUNDS = (
    (k.OUTER_AND_AGAIN, 0),
    (k.OUTER_AND_AGAIN, 1),
    (k.OUTER_AND_AGAIN, 3),
    (k.OUTER_ALONE, 0),
    (k.OUTER_BEHIND, 0),
)
"""Kind and objective of the bounds of the outer traffic, as ``floor_value`` wants them."""
_NODES_PER_SECOND = 1_000_000
"""A cautious rate, by which a time budget limits the nodes of one call of the compiled search."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found: the mapping (None if none is legal), its cost, the nodes visited and the bound proven."""

    choice: Choice | None
    seconds: float
    energy_joules: float
    outer_bytes: float
    nodes: int
    bound: float
    proven: bool


@dataclass(slots=True)
class _State:
    """The best so far, and room for the compiled functions."""

    best: Any
    rows: Any
    optimum: Any
    options: Any
    known: Any
    scratch: Any
    unrolled: Unrolled
    nodes: int = 0


def cost_room(dims: int) -> tuple[Any, ...]:
    """Room for the compiled cost of a contraction with as many dimensions."""
    sizes, counts = np.empty((4, 1 << dims)), np.empty((4, 1 << dims))
    return (np.empty(4), np.empty(6), sizes, counts, np.empty(4, np.int64), np.zeros((3, 7)))


def _state(flat: Flat) -> _State:
    arrays = flat.arrays
    dims = len(flat.task.nest.dims)
    width = int(max(_width(float(e), float(overlap_limit(arrays, d))) for d, e in enumerate(flat.task.nest.extents)))
    return _State(
        best=np.full(3, math.inf),
        rows=np.zeros((max(dims, 4), 14)),
        optimum=np.full(3, math.inf),
        options=np.empty((dims, width, 4)),
        known=np.zeros(dims, np.int64),
        scratch=cost_room(dims),
        unrolled=Unrolled({}, {}),
    )


def _width(extent: float, limit: float) -> float:
    return extent + 8 if limit > 1 or extent < 64 else 8 * math.isqrt(int(extent)) + 16


def search(flat: Flat, objective: Objective, deadline: float, pruned: bool = True) -> Outcome:
    """The best mapping of a task.

    Args:
        flat: the task as arrays.
        objective: what to minimize.
        deadline: ``time.monotonic`` after which to stop.
        pruned: whether options that others beat are left out; without it the search is slow, for tests.
    """
    if isinstance(flat.space, Folds):
        return _search_folds(flat, flat.space, objective, deadline, pruned)
    return _search_lanes(flat, flat.space, objective, deadline, pruned)


def _search_folds(flat: Flat, space: Folds, objective: Objective, deadline: float, pruned: bool) -> Outcome:
    """Outer tiles alone: one search per order of the outer loops."""
    arrays, state = flat.arrays, _state(flat)
    rows = _whole_rows(flat.task.nest.extents)
    options, known = _fold_options(flat, space, pruned)
    finished = True
    for stay in range(3):
        left = _budget(deadline)
        mode = np.array([stay, -1, stay, -1])
        nodes = search_tiles(
            arrays, ORDERS[objective], rows, options, known, mode, math.inf, state.best, state.rows, state.optimum,
            left, state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
        finished = finished and nodes < left
    return _outcome(state, float(state.best[0]) if finished else 0.0, finished)


def _budget(deadline: float) -> int:
    """Nodes that fit before a deadline."""
    left = deadline - time.monotonic()
    return 1 << 62 if math.isinf(left) else max(1000, int(left * _NODES_PER_SECOND))


def _whole_rows(extents: Any) -> Any:
    rows = np.zeros((len(extents), 9))
    rows[:, [k.LANE, k.ARRAY, k.STEPS, k.TRIPS, k.PIECES, k.COPIES, k.MOST]] = 1.0
    rows[:, [k.TRIPS, k.PIECES]] = np.array(extents, dtype=float)[:, np.newaxis]
    return rows


def _fold_options(flat: Flat, space: Folds, pruned: bool) -> tuple[Any, Any]:
    """Buffer tiles per dimension: those that change the number of folds, together with what else is in their class."""
    arrays = flat.arrays
    shares = sorted({share for split in space.splits for share in split})
    sides = sorted({float(side) * share for side in space.shape for share in shares})
    tables: list[Any] = []
    for place, extent in enumerate(flat.task.nest.extents):
        room = np.empty((int(min(extent, 200_000)) + 8, 4))
        others = sorted({1.0, *_inner_products(arrays, flat.task.nest.extents, place)})
        divisors = np.array(sorted({max(1.0, side / other) for side in sides for other in others}))
        limit = float(overlap_limit(arrays, place))
        whole = not pruned or extent <= 16 or limit > 1
        tables.append(room[: tile_rows(float(extent), limit, divisors, whole, room)])
    options = np.zeros((len(tables), max(len(table) for table in tables), 4))
    for place, table in enumerate(tables):
        options[place, : len(table)] = table
    return options, np.array([len(table) for table in tables])


def _inner_products(arrays: Any, extents: Sequence[int], place: int) -> list[float]:
    """Extents that the other dimensions of a class have together when none of them is cut."""
    kinds = arrays["classes"]
    same = [e for d, e in enumerate(extents) if d != place and kinds[d] == kinds[place]]
    return [float(np.prod(same))] if same else []


def _search_lanes(flat: Flat, space: Lanes, objective: Objective, deadline: float, pruned: bool) -> Outcome:
    """All assignments of lanes, each with each operand staying, by rising limits."""
    arrays, state, order = flat.arrays, _state(flat), ORDERS[objective]
    least = _outer_least(flat, state)
    if not np.isfinite(least).any():
        return _outcome(state, math.inf, True)
    branches = _branches(flat, space, order, least, state, pruned)
    floor = branches[0].bound if branches else math.inf
    bound = floor
    for rise in _RISE:
        limit = min(floor * rise, float(state.best[0]))
        for branch in branches:
            if branch.bound > min(limit, float(state.best[0])) * (1 + 1e-9):
                break
            if time.monotonic() > deadline:
                return _outcome(state, min(bound, float(state.best[0])), False)
            before, budget = state.best.copy(), _budget(deadline)
            nodes = search_array(
                arrays, order, branch.table, branch.first, branch.many, branch.ideals, branch.stay, least[branch.stay],
                limit,
                state.options, state.known, state.best, state.rows, state.optimum, budget, state.scratch,
            )  # fmt: skip
            state.nodes += int(nodes)
            if (state.best != before).any():
                state.unrolled = branch.unrolled
            if nodes >= budget:
                return _outcome(state, min(bound, float(state.best[0])), False)
        if state.best[0] <= limit * (1 + 1e-12):
            return _outcome(state, float(state.best[0]), True)
        bound = max(bound, limit)
    return _outcome(state, bound, True)


def _outer_least(flat: Flat, state: _State) -> Any:
    """Least seconds, joules and bytes of the outer traffic per order of the inner and outer loops, over tiles that fit.

    What the operand that stays in the lanes costs when it comes anew for every buffer tile is part of it.
    """
    arrays = flat.outer_only
    rows = _whole_rows(flat.task.nest.extents)
    for place, extent in enumerate(flat.task.nest.extents):
        limit = float(overlap_limit(arrays, place))
        state.known[place] = buffer_rows(float(extent), limit, rows[place], state.options[place])
    least = np.full((3, 3, 5), math.inf)
    spare = np.zeros_like(state.rows)
    for stay, outer_stay in itertools.product(range(3), repeat=2):
        mode = np.array([stay, -1, outer_stay, -1])
        for column, (kind, order) in enumerate(_BOUNDS):
            arrays["kind"] = kind
            best, optimum = np.full(3, math.inf), np.full(3, math.inf)
            nodes = search_tiles(
                arrays, order, rows, state.options, state.known, mode, math.inf, best, spare, optimum, 1 << 62,
                state.scratch,
            )  # fmt: skip
            state.nodes += int(nodes)
            least[stay, outer_stay, column] = best[0]
    return least


@dataclass(frozen=True, slots=True)
class _Branch:
    """An assignment of lanes with one operand staying, and the least that it can cost."""

    bound: float
    stay: int
    unrolled: Unrolled
    table: Any
    first: Any
    many: Any
    ideals: Any


def _branches(flat: Flat, space: Lanes, order: int, least: Any, state: _State, pruned: bool) -> list[_Branch]:
    arrays, nest = flat.arrays, flat.task.nest
    largest = [_largest_lane(flat, place) for place in range(len(nest.dims))]
    if min(largest) < 1:
        return []
    branches: list[_Branch] = []
    for unrolled in assignments(nest, space):
        tables = [
            _table(
                nest.extents[place],
                largest[place],
                min(lanes, nest.extents[place]),
                float(overlap_limit(arrays, place)),
                not arrays["moves"][2, place],
                pruned,
            )
            for place, lanes in enumerate(unrolled.most(nest.dims))
        ]
        many = np.array([len(table) for table, _ in tables])
        first = np.concatenate(([0], np.cumsum(many)[:-1]))
        table = np.concatenate([table for table, _ in tables])
        ideals = np.concatenate([ideals for _, ideals in tables])
        ideal = np.array([ideals[-1] for _, ideals in tables])
        for stay in range(3):
            bound = float(root_bound(arrays, order, ideal, stay, least[stay], state.scratch))
            branches.append(_Branch(bound, stay, unrolled, table, first, many, ideals))
    return sorted(branches, key=lambda branch: branch.bound)


@lru_cache(maxsize=4096)
def _table(extent: int, lane: int, lanes: int, limit: float, reduced: bool, pruned: bool) -> tuple[Any, Any]:
    """Array options of one dimension by lane tile, and per option a row that neither it nor one before it beats."""
    rows = array_rows(float(extent), lane, lanes, limit, reduced, pruned)
    rows = rows[np.lexsort((rows[:, k.STEPS], rows[:, k.LANE]))]
    ideals = np.minimum.accumulate(rows, axis=0)
    for column in (k.MOST, k.OVER_ARRAY, k.OVER_LANE):
        ideals[:, column] = np.maximum.accumulate(rows[:, column])
    return rows, ideals


def _largest_lane(flat: Flat, place: int) -> int:
    """The largest lane tile of one dimension when all others are one."""
    arrays = flat.arrays
    extent = flat.task.nest.extents[place]
    rooms = arrays["rooms"][: arrays["room_count"]]
    for bits, *holds in rooms:
        widths = [arrays["scalars"][k.PARTIAL] if op == 2 else arrays["element"][k.BITS, op] for op in range(3)]
        fixed = sum(w for op, w in enumerate(widths) if holds[op] and not arrays["moves"][op, place])
        grows = sum(w for op, w in enumerate(widths) if holds[op] and arrays["moves"][op, place])
        if fixed + grows > bits:
            return 0
        if grows:
            extent = min(extent, int((bits - fixed) // grows))
    return extent if len(rooms) else 1


def _outcome(state: _State, bound: float, proven: bool) -> Outcome:
    found = bool(np.isfinite(state.best[0]))
    seconds, joules, size = (float(value) for value in state.optimum)
    return Outcome(_choice(state) if found else None, seconds, joules, size, state.nodes, bound, proven)


def _choice(state: _State) -> Choice:
    rows = state.rows[: len(state.known)]
    orders = tuple(int(value) for value in state.rows[:4, 13])
    assert len(orders) == 4
    return Choice(
        lane=tuple(int(v) for v in rows[:, k.LANE]),
        array=tuple(int(v) for v in rows[:, k.ARRAY]),
        tile=tuple(int(v) for v in rows[:, 9 + k.TILE]),
        orders=orders,
        unrolled=state.unrolled,
    )


def space_size(nest: Nest, levels: int) -> float:
    """Mappings without any pruning: chains of tile sizes in every dimension, orders of the loops at every level.

    Args:
        nest: the contraction.
        levels: 1 for outer tiles alone, 3 where lane tiles and lanes are chosen as well.
    """
    chains = math.prod(float(_chains(extent, levels)) for extent in nest.extents)
    return chains * float(math.factorial(len(nest.dims))) ** (1 if levels == 1 else 2)


@lru_cache(maxsize=4096)
def _chains(extent: int, levels: int) -> int:
    """Ways to choose ``levels`` factors whose product covers an extent just so."""
    if levels == 1:
        return extent
    total, size = 0, 1
    while size <= extent:
        pieces = -(-extent // size)
        last = extent if pieces == 1 else -(-extent // (pieces - 1)) - 1
        total += (last - size + 1) * _chains(pieces, levels - 1)
        size = last + 1
    return total
