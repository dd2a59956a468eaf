# pyright: basic
"""What the searches of the optimal mapper share: the best so far, and room for the compiled functions."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapper.base import Objective
from mapper.optimal import _layout as k
from mapper.optimal._tile_kernels import overlap_limit
from mapper.optimal.mapping import Choice, Unrolled
from mapper.optimal.problem import Flat

ORDERS: dict[Objective, int] = {"latency": 0, "energy": 1, "edp": 2, "traffic": 3}
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
class State:
    """The best so far, and room for the compiled functions."""

    best: Any
    rows: Any
    optimum: Any
    options: Any
    known: Any
    scratch: Any
    unrolled: Unrolled
    nodes: int = 0
    stopped: bool = False


def cost_room(dims: int) -> tuple[Any, ...]:
    """Room for the compiled cost of a contraction with as many dimensions."""
    sizes, counts = np.empty((4, 1 << dims)), np.empty((4, 1 << dims))
    return (np.empty(4), np.empty(6), sizes, counts, np.empty(4, np.int64), np.zeros((3, 7)))


def new_state(flat: Flat) -> State:
    """Nothing found yet."""
    arrays = flat.arrays
    dims = len(flat.task.nest.dims)
    width = int(max(_width(float(e), float(overlap_limit(arrays, d))) for d, e in enumerate(flat.task.nest.extents)))
    return State(
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


def node_budget(deadline: float) -> int:
    """Nodes that fit before a deadline."""
    left = deadline - time.monotonic()
    return 1 << 62 if math.isinf(left) else max(0 if left <= 0 else 1000, int(left * _NODES_PER_SECOND))


def outcome_of(state: State, bound: float, proven: bool) -> Outcome:
    """What a search reports of its state."""
    found = bool(np.isfinite(state.best[0]))
    seconds, joules, size = (float(value) for value in state.optimum)
    return Outcome(_choice(state) if found else None, seconds, joules, size, state.nodes, bound, proven)


def _choice(state: State) -> Choice:
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
