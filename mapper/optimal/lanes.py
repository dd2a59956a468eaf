# pyright: basic
"""The search over what a spatial array lets a mapper choose: lanes, tiles of a lane, buffer tiles, orders of loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.units.base import Lanes
from mapper.base import OBJECTIVES, Goal, InfeasibleError, Objective, rank
from mapper.fast import fast_mapper
from mapper.optimal import _layout as k
from mapper.optimal._list_kernels import class_rows, list_tiles
from mapper.optimal._search_kernels import ideal_row, plain_bounds, search_array, through_bounds
from mapper.optimal._table_kernels import array_rows
from mapper.optimal._tile_kernels import overlap_limit, search_tiles
from mapper.optimal.mapping import Unrolled, assignments
from mapper.optimal.problem import Flat
from mapper.optimal.state import ORDERS, Outcome, State, new_state, node_budget, outcome_of

_SURE = 1.12
"""How far a limit rises above the first bound before the fast mapper is asked what can be had."""
_RISES = (1.0, 1.01, 1.025, 1.06, _SURE, *(1.2 * 1.1**step for step in range(60)))
"""Limits over the first bound, one after the other."""
_BOUNDS = (
    (k.OUTER_AND_AGAIN, 0),
    (k.OUTER_AND_AGAIN, 1),
    (k.OUTER_AND_AGAIN, 3),
    (k.OUTER_ALONE, 0),
    (k.OUTER_BEHIND, 0),
)
"""Kind and objective of the bounds of the outer traffic, as ``floor_value`` wants them."""
_NEEDED = ((0, 1), (1, 0), (0, 1), (2, 0))
"""Columns of these that count for each objective; the others are taken as free."""
_MOST_ENTRIES, _MOST_LIST_NODES = 512, 8000
"""Buffer tilings that a list may hold, and nodes to find them; with more, one bound stands for all of them."""
_NO_ENTRIES, _NO_STAYS = np.empty((0, 1, 4)), np.empty(0, np.int64)
_UNLISTED, _NOTHING = (_NO_ENTRIES, _NO_STAYS, -1), np.full((3, 5), math.inf)


@dataclass(frozen=True, slots=True)
class _Branch:
    """An assignment of lanes with one operand staying, perhaps through both levels, and the least that it can cost."""

    bound: float
    number: int
    stay: int
    through: int


def search_lanes(flat: Flat, space: Lanes, objective: Objective, deadline: float, pruned: bool) -> Outcome:
    """All assignments of lanes, each with each operand staying, by rising limits; see ``search.search``."""
    hunt = new_hunt(flat, space, objective, deadline, pruned)
    state = hunt.state
    bound = math.inf if hunt.largest.min() < 1 else floor_of(hunt)
    if not math.isfinite(bound):
        return outcome_of(state, bound, True)
    for limit in _limits(hunt, bound):
        if not _within(hunt, limit) or state.best[0] <= limit * (1 + 1e-12):
            break
        bound = max(bound, limit)
    if state.stopped:
        return outcome_of(state, min(bound, float(state.best[0])), False)
    return outcome_of(state, float(state.best[0]), True)


def new_hunt(flat: Flat, space: Lanes, objective: Objective, deadline: float, pruned: bool) -> Hunt:
    """A search that has not begun."""
    nest = flat.task.nest
    largest = np.array([_largest_lane(flat, place) for place in range(len(nest.dims))])
    ways = assignments(nest, space)
    most = np.minimum([way.most(nest.dims) for way in ways], nest.extents)
    order, through = ORDERS[objective], np.empty((len(ways), 3))
    return Hunt(flat, new_state(flat), order, largest, most, ways, pruned, deadline, through, {}, {})


def _limits(hunt: Hunt, floor: float) -> Iterator[float]:
    """Limits that rise from a floor to what the fast mapper, and at last anything, finds."""
    known = math.inf
    limit = floor
    for rise in _RISES:
        if rise > _SURE and math.isinf(known):
            known = _fast_value(hunt)
        last, limit = limit, min(floor * rise, float(hunt.state.best[0]))
        yield known * (1 + 1e-9) if last < known < limit else limit
    yield min(math.inf, float(hunt.state.best[0]))


def _fast_value(hunt: Hunt) -> float:
    """What the fast mapper achieves, which need not be in the space."""
    flat, objective = hunt.flat, OBJECTIVES[hunt.order]
    try:
        found = fast_mapper(flat.task, flat.machine, Goal(objective))
    except InfeasibleError:
        return math.inf
    return rank(objective, found.seconds, found.energy_joules, found.outer_bytes)[0]


@dataclass(frozen=True, slots=True)
class Hunt:
    """One search: the problem, the best so far, what the lanes allow, and what is worked out once."""

    flat: Flat
    state: State
    order: int
    largest: Any
    most: Any
    ways: list[Unrolled]
    pruned: bool
    deadline: float
    through: Any
    least: dict[int, Any]
    tables: dict[tuple[Any, ...], Any]


def _within(hunt: Hunt, limit: float) -> bool:
    """Explore everything whose bound is within a limit; false if the time is over before."""
    state, order = hunt.state, hunt.order
    lists = [listed_tiles(hunt, stay, limit) for stay in range(3)]
    searched: dict[tuple[int, int], list[int]] = {}
    for branch in _branches(hunt, lists):
        if branch.bound > min(limit, float(state.best[0])) * (1 + 1e-9):
            break
        budget = node_budget(hunt.deadline)
        if budget <= 0:
            state.stopped = True
            return False
        before, done = state.best.copy(), searched.setdefault((branch.stay, branch.through), [])
        lanes = hunt.most[branch.number], hunt.most[done]
        done.append(branch.number)
        nodes = search_array(
            hunt.flat.arrays, order, _tables(hunt, branch), lanes, branch.stay, branch.through,
            hunt.least.get(branch.stay, _NOTHING), _UNLISTED if branch.through else lists[branch.stay], limit,
            state.options, state.known, state.best, state.rows, state.optimum, budget, state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
        if (state.best != before).any():
            state.unrolled = hunt.ways[branch.number]
        if nodes >= budget:
            state.stopped = True
            return False
    return True


def whole_rows(extents: Any) -> Any:
    """Array options of single places."""
    rows = np.zeros((len(extents), 9))
    rows[:, [k.LANE, k.ARRAY, k.STEPS, k.TRIPS, k.PIECES, k.COPIES, k.MOST]] = 1.0
    rows[:, [k.TRIPS, k.PIECES]] = np.array(extents, dtype=float)[:, np.newaxis]
    return rows


def relaxed_rows(hunt: Hunt) -> tuple[Any, Any]:
    """Array options of single places and rows that no array option beats; buffer tiles are left in the state's room."""
    arrays, state = hunt.flat.arrays, hunt.state
    single = whole_rows(hunt.flat.task.nest.extents)
    ideal = np.zeros_like(single)
    for place, extent in enumerate(hunt.flat.task.nest.extents):
        limit = float(overlap_limit(arrays, place))
        state.known[place] = class_rows(float(extent), limit, single[place], state.options[place])
        ideal_row(arrays, place, hunt.largest[place], hunt.most[:, place].max(), ideal[place])
    return single, ideal


def floor_of(hunt: Hunt) -> float:
    """A value below that of every mapping."""
    state, arrays = hunt.state, hunt.flat.arrays
    bounds = np.empty((len(hunt.most), 3))
    through_bounds(arrays, hunt.order, hunt.largest, hunt.most, state.scratch, bounds)
    hunt.through[:] = bounds
    rows = relaxed_rows(hunt)
    best = np.array([bounds.min(), 0.0, 0.0])
    for stay, outer_stay in itertools.product(range(3), repeat=2):
        mode = np.array([stay, -1, outer_stay, -1, 0])
        _, nodes = list_tiles(
            arrays, hunt.order, rows, state.options, state.known, mode, math.inf, best, _NO_ENTRIES, _NO_STAYS, 0,
            1 << 62, state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
    return float(best[0])


def listed_tiles(hunt: Hunt, stay: int, limit: float) -> tuple[Any, Any, int]:
    """The buffer tilings within a limit when one operand stays in the lanes; a number of -1 where they are too many."""
    state, dims = hunt.state, len(hunt.largest)
    if stay in hunt.least:
        # They were too many within a lower limit.
        return _NO_ENTRIES, _NO_STAYS, -1
    rows = relaxed_rows(hunt)
    entries, stays, count = np.empty((_MOST_ENTRIES, dims, 4)), np.empty(_MOST_ENTRIES, np.int64), 0
    for outer_stay in range(3):
        mode = np.array([stay, -1, outer_stay, -1, 0])
        count, nodes = list_tiles(
            hunt.flat.arrays, hunt.order, rows, state.options, state.known, mode, limit, state.best, entries, stays,
            count, _MOST_LIST_NODES, state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
        if count < 0:
            hunt.least[stay] = _outer_least(hunt, stay)
            break
    return entries, stays, int(count)


def _outer_least(hunt: Hunt, stay: int) -> Any:
    """Least seconds, joules and bytes of the outer traffic per order of the outer loops, over tiles that fit.

    What the operand that stays in the lanes costs when it comes anew for every buffer tile is part of it.
    """
    state, arrays = hunt.state, hunt.flat.outer_only
    single, _ = relaxed_rows(hunt)
    least = np.zeros((3, 5))
    needed = _NEEDED[hunt.order] if arrays["scalars"][k.DOUBLED] > 0 else (*_NEEDED[hunt.order], 3, 4)
    spare = np.zeros_like(state.rows)
    for outer_stay, column in itertools.product(range(3), needed):
        arrays["kind"], order = _BOUNDS[column]
        best, optimum = np.full(3, math.inf), np.full(3, math.inf)
        mode = np.array([stay, -1, outer_stay, -1, 0])
        nodes = search_tiles(
            arrays, order, single, state.options, state.known, mode, math.inf, best, spare, optimum, 1 << 62,
            state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
        least[outer_stay, column] = best[0]
    return least


def _branches(hunt: Hunt, lists: list[tuple[Any, Any, int]]) -> list[_Branch]:
    """Assignments of lanes with an operand that stays, or stays through both levels, by what they cost at least."""
    bounds = np.empty((len(hunt.most), 6))
    bounds[:, 3:] = hunt.through
    for stay in range(3):
        plain_bounds(
            hunt.flat.arrays, hunt.order, hunt.largest, hunt.most, stay, hunt.least.get(stay, _NOTHING), lists[stay],
            hunt.state.scratch, bounds[:, stay],
        )  # fmt: skip
    numbers, kinds = np.nonzero(np.isfinite(bounds))
    places = np.argsort(bounds[numbers, kinds], kind="stable")
    return [
        _Branch(float(bounds[n, kind]), int(n), int(kind % 3), int(kind // 3))
        for n, kind in zip(numbers[places], kinds[places], strict=True)
    ]


def _tables(hunt: Hunt, branch: _Branch) -> tuple[Any, Any, Any, Any]:
    """Array options of all dimensions in one table, where those of each begin, how many, and their ideals."""
    name = branch.number, branch.stay, branch.through
    if name in hunt.tables:
        return hunt.tables[name]
    flat, lanes = hunt.flat, hunt.most[branch.number]
    tables = [
        _table(extent, int(hunt.largest[d]), int(lanes[d]), float(overlap_limit(flat.arrays, d)), uses, hunt.pruned)
        for d, (extent, uses) in enumerate(
            zip(flat.task.nest.extents, _uses(flat, branch.stay, branch.through), strict=True)
        )
    ]
    many = np.array([len(table) for table, _ in tables])
    first = np.concatenate(([0], np.cumsum(many)[:-1]))
    hunt.tables[name] = (
        np.concatenate([table for table, _ in tables]),
        first,
        many,
        np.concatenate([ideals for _, ideals in tables]),
    )
    return hunt.tables[name]


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
