# pyright: basic
"""The search over what a spatial array lets a mapper choose: lanes, tiles of a lane, buffer tiles, orders of loops."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.units.base import Lanes
from mapper.base import Objective
from mapper.optimal import _layout as k
from mapper.optimal._search_kernels import root_bounds, search_array
from mapper.optimal._table_kernels import array_rows, buffer_rows
from mapper.optimal._tile_kernels import overlap_limit, search_tiles
from mapper.optimal.mapping import assignments
from mapper.optimal.problem import Flat
from mapper.optimal.state import ORDERS, Outcome, State, new_state, node_budget, outcome_of

_RISE = (1.0, 1.01, 1.025, 1.06, 1.12, 1.25, 1.5, 2.0, 4.0, 10.0, 100.0, math.inf)
_BOUNDS = (
    (k.OUTER_AND_AGAIN, 0),
    (k.OUTER_AND_AGAIN, 1),
    (k.OUTER_AND_AGAIN, 3),
    (k.OUTER_ALONE, 0),
    (k.OUTER_BEHIND, 0),
)
"""Kind and objective of the bounds of the outer traffic, as ``floor_value`` wants them."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """An assignment of lanes with one operand staying, perhaps through both levels, and the least that it can cost."""

    bound: float
    number: int
    stay: int
    through: int


def search_lanes(flat: Flat, space: Lanes, objective: Objective, deadline: float, pruned: bool) -> Outcome:
    """All assignments of lanes, each with each operand staying, by rising limits; see ``search.search``."""
    state, order = new_state(flat), ORDERS[objective]
    largest = [_largest_lane(flat, place) for place in range(len(flat.task.nest.dims))]
    least = _outer_least(flat, state)
    if not np.isfinite(least).any() or min(largest) < 1:
        return outcome_of(state, math.inf, True)
    ways = assignments(flat.task.nest, space)
    most = np.minimum([way.most(flat.task.nest.dims) for way in ways], flat.task.nest.extents)
    branches = _branches(flat, order, most, largest, least, state)
    floor = branches[0].bound if branches else math.inf
    bound = floor
    for rise in _RISE:
        limit = min(floor * rise, float(state.best[0]))
        searched: dict[tuple[int, int], list[int]] = {}
        for branch in branches:
            if branch.bound > min(limit, float(state.best[0])) * (1 + 1e-9):
                break
            if time.monotonic() > deadline:
                return outcome_of(state, min(bound, float(state.best[0])), False)
            before, budget = state.best.copy(), node_budget(deadline)
            done = searched.setdefault((branch.stay, branch.through), [])
            tables = _tables(flat, branch, most[branch.number], largest, pruned)
            lanes = most[branch.number], most[done]
            done.append(branch.number)
            nodes = search_array(
                flat.arrays, order, tables, lanes, branch.stay, branch.through, least[branch.stay], limit,
                state.options, state.known, state.best, state.rows, state.optimum, budget, state.scratch,
            )  # fmt: skip
            state.nodes += int(nodes)
            if (state.best != before).any():
                state.unrolled = ways[branch.number]
            if nodes >= budget:
                return outcome_of(state, min(bound, float(state.best[0])), False)
        if state.best[0] <= limit * (1 + 1e-12):
            return outcome_of(state, float(state.best[0]), True)
        bound = max(bound, limit)
    return outcome_of(state, bound, True)


def whole_rows(extents: Any) -> Any:
    """Array options of single places."""
    rows = np.zeros((len(extents), 9))
    rows[:, [k.LANE, k.ARRAY, k.STEPS, k.TRIPS, k.PIECES, k.COPIES, k.MOST]] = 1.0
    rows[:, [k.TRIPS, k.PIECES]] = np.array(extents, dtype=float)[:, np.newaxis]
    return rows


def _outer_least(flat: Flat, state: State) -> Any:
    """Least seconds, joules and bytes of the outer traffic per order of the inner and outer loops, over tiles that fit.

    What the operand that stays in the lanes costs when it comes anew for every buffer tile is part of it.
    """
    arrays = flat.outer_only
    rows = whole_rows(flat.task.nest.extents)
    for place, extent in enumerate(flat.task.nest.extents):
        limit = float(overlap_limit(arrays, place))
        state.known[place] = buffer_rows(float(extent), limit, rows[place], state.options[place])
    least = np.full((3, 3, 5), math.inf)
    spare = np.zeros_like(state.rows)
    for stay, outer_stay in itertools.product(range(3), repeat=2):
        mode = np.array([stay, -1, outer_stay, -1, 0])
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


def _branches(flat: Flat, order: int, most: Any, largest: list[int], least: Any, state: State) -> list[_Branch]:
    bounds = np.empty((len(most), 3, 2))
    root_bounds(flat.arrays, order, np.array(largest), most, least, state.scratch, bounds)
    branches = [
        _Branch(float(bounds[number, stay, through]), number, stay, through)
        for number, stay, through in itertools.product(range(len(most)), range(3), range(2))
        if np.isfinite(bounds[number, stay, through])
    ]
    return sorted(branches, key=lambda branch: branch.bound)


def _tables(flat: Flat, branch: _Branch, most: Any, largest: list[int], pruned: bool) -> tuple[Any, Any, Any, Any]:
    """Array options of all dimensions in one table, where those of each begin, how many, and their ideals."""
    uses = _uses(flat, branch.stay, branch.through)
    tables = [
        _table(extent, largest[d], int(most[d]), float(overlap_limit(flat.arrays, d)), uses[d], pruned)
        for d, extent in enumerate(flat.task.nest.extents)
    ]
    many = np.array([len(table) for table, _ in tables])
    first = np.concatenate(([0], np.cumsum(many)[:-1]))
    return np.concatenate([t for t, _ in tables]), first, many, np.concatenate([ideals for _, ideals in tables])


def _uses(flat: Flat, stay: int, through: int) -> list[int]:
    """Per dimension which numbers of an array option count when one operand stays, as bits."""
    arrays = flat.arrays
    moves, held, words = arrays["moves"], arrays["flags"][k.HELD], arrays["words"]
    stops = arrays["flags"][k.EXPOSED] * (words > 0)
    restarts = stops.any() and ((words > 0) * (1 - stops)).any()
    result: list[int] = []
    for d in range(len(flat.task.nest.dims)):
        still = next((op for op in range(3) if not moves[op, d]), -1)
        repeated = still >= 0 and still != stay and held[still]
        trips = repeated or restarts or arrays["scalars"][k.HALO] or (through and moves[stay, d])
        result.append(
            k.TRIPS_USED * bool(trips)
            + k.PIECES_USED * bool(repeated)
            + k.COPIES_USED * bool(still == stay and held[stay])
            + k.FIRST_USED * (still == k.OUTPUT)
        )
    return result


@lru_cache(maxsize=4096)
def _table(extent: int, lane: int, lanes: int, limit: float, uses: int, pruned: bool) -> tuple[Any, Any]:
    """Array options of one dimension by lane tile, and per option a row that neither it nor one before it beats."""
    rows = array_rows(float(extent), lane, lanes, limit, uses, pruned)
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
