"""The coarse mapper: the fast mapper's grid with a tenth of its tilings and no refinement, for a first look at a
design.

Searches use it to decide which designs deserve the real mapper; tests/unit/search bounds how much worse it is.
"""

from __future__ import annotations

import numpy as np

from hwsim.machine import Machine
from hwsim.schedule import Level
from mapper.base import Found, Goal, Objective, Task, rank, register
from mapper.cost import compute_seconds, held_bytes, tiling_costs
from mapper.fast import fast_mapper, first_of, granules_of, grid, make_levels, stationary_orders, window_dims

TILINGS = 300
"""Tilings tried over each inner mapping, times three orders."""


@register("coarse")
def coarse_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """A legal mapping; where the thin grid has none that fits, or nothing is to be tiled, that of the fast mapper."""
    if not task.nest.dims:
        return fast_mapper(task, machine, goal)
    best: tuple[tuple[float, ...], Found] | None = None
    for inner in task.unit.inner_options(task.nest):
        if inner[0].memory == machine.outer(task.unit.name):
            return fast_mapper(task, machine, goal)
        one = _best(task, machine, inner, goal.objective)
        if one is not None and (best is None or one[0] < best[0]):
            best = one
    return fast_mapper(task, machine, goal) if best is None else best[1]


def _best(
    task: Task, machine: Machine, inner: tuple[Level, ...], objective: Objective
) -> tuple[tuple[float, ...], Found] | None:
    nest = task.nest
    tilings = grid(nest, granules_of(nest, inner), window_dims(nest), TILINGS)
    shape = next(iter(tilings.values())).shape
    fits = np.broadcast_to(held_bytes(task, machine, tilings) <= task.capacity_bytes, shape)
    if not fits.any():
        return None
    tile = {dim: array[fits] for dim, array in tilings.items()}
    compute = compute_seconds(task, machine, inner, tile)
    best: tuple[tuple[float, ...], Found] | None = None
    for order in stationary_orders(nest):
        costs = tiling_costs(task, machine, compute, order, tile)
        keys = (*rank(objective, costs.seconds, costs.energy_joules, costs.outer_bytes), costs.tiles)
        place = first_of(keys, len(compute))
        seconds, energy, outer, tiles = (
            float(np.ravel(column)[place if np.ndim(column) else 0])
            for column in (costs.seconds, costs.energy_joules, costs.outer_bytes, costs.tiles)
        )
        key = (*rank(objective, seconds, energy, outer), tiles)
        if best is None or key < best[0]:
            sizes = {dim: int(array[place]) for dim, array in tile.items()}
            levels = make_levels(task, machine, inner, order, sizes)
            best = key, Found(levels, seconds, outer, energy, len(compute))
    return best
