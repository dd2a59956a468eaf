"""The coarse mapper: the fast mapper's grid with a tenth of its tilings and no refinement, for a first look at a
design.

Searches use it to decide which designs deserve the real mapper; tests/unit/search bounds how much worse it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hwsim.machine import Machine
from hwsim.nest import Nest
from hwsim.schedule import Level
from mapper.base import Found, Goal, Task, register
from mapper.fast import (
    Candidate,
    Look,
    fast_with,
    granules_of,
    grid,
    looking,
    rows_of,
    stationary_orders,
    unpriced,
    window_dims,
)

TILINGS = 300
"""Tilings tried over each inner mapping, times three orders."""


@register("coarse")
def coarse_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """A legal mapping; where the thin grid has none that fits, or nothing is to be tiled, that of the fast mapper."""
    return coarse_with(task, machine, goal, looking(task, machine, goal.objective))


def coarse_with(task: Task, machine: Machine, goal: Goal, look: Look) -> Found:
    """The coarse mapper with its own or a compiled way to look at tilings."""
    nest = task.nest
    best: Candidate | None = None
    for inner in task.unit.inner_options(nest) if nest.dims else ():
        if inner[0].memory == machine.outer(task.unit.name):
            return fast_with(task, machine, goal, look)
        one, _ = look(inner, _grid(nest, inner))
        if one is not None and (best is None or one.key < best.key):
            best = one
    if best is None:
        return fast_with(task, machine, goal, look)
    return unpriced(task, machine, goal.objective, best, best.evaluated // len(stationary_orders(nest)))


@lru_cache(maxsize=256)
def _grid(nest: Nest, inner: tuple[Level, ...]) -> Any:
    return rows_of(nest, grid(nest, granules_of(nest, inner), window_dims(nest), TILINGS))
