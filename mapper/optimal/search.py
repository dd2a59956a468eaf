"""Branch and bound by rising limits: what a bound allows is explored, and the limit rises to the best found.

When a pass ends with the best found at or below its limit, nothing better exists. A search that runs out of time knows
that nothing below the last finished limit exists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.nest import Nest
from hwsim.units.base import Folds
from mapper.base import Objective
from mapper.optimal._table_kernels import tile_rows
from mapper.optimal._tile_kernels import overlap_limit, search_tiles
from mapper.optimal.lanes import search_lanes, whole_rows
from mapper.optimal.problem import Flat
from mapper.optimal.state import ORDERS, Outcome, new_state, node_budget, outcome_of


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
    return search_lanes(flat, flat.space, objective, deadline, pruned)


def _search_folds(flat: Flat, space: Folds, objective: Objective, deadline: float, pruned: bool) -> Outcome:
    """Outer tiles alone: one search per order of the outer loops."""
    arrays, state = flat.arrays, new_state(flat)
    rows = whole_rows(flat.task.nest.extents)
    options, known = _fold_options(flat, space, pruned)
    finished = True
    for stay in range(3):
        left = node_budget(deadline)
        mode = np.array([stay, -1, stay, -1, 0])
        nodes = search_tiles(
            arrays, ORDERS[objective], rows, options, known, mode, math.inf, state.best, state.rows, state.optimum,
            left, state.scratch,
        )  # fmt: skip
        state.nodes += int(nodes)
        finished = finished and nodes < left
    return outcome_of(state, float(state.best[0]) if finished else 0.0, finished)


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
