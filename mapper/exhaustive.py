"""The exhaustive mapper: every tile size of every dimension and every order of the outer loops. The oracle of the
others.

It covers the outer tiling over each of the array's own inner mappings. Its cost grows with the product of all extents
and the factorial of their number, so it refuses problems above ``LIMIT`` tilings.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from hwsim.machine import Machine
from mapper.base import Found, Goal, Task, rank, register
from mapper.cost import compute_seconds, held_bytes, tiling_costs
from mapper.fast import first_of, infeasible, make_levels, price
from workloads.errors import UserError

LIMIT = 200_000
ORDERS = 120


class TooLargeError(UserError):
    """A problem with too many mappings to try them all."""


@register("exhaustive")
def exhaustive_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """The best of all mappings by closed-form cost.

    Raises:
        TooLargeError: more than ``LIMIT`` tilings or ``ORDERS`` orders.
        InfeasibleError: nothing fits.
    """
    nest = task.nest
    tilings, orders = math.prod(nest.extents), math.factorial(len(nest.dims))
    if tilings > LIMIT or orders > ORDERS:
        raise TooLargeError(
            f"the exhaustive mapper tries every tiling: {tilings:,} tilings in {orders:,} orders are too many"
            f" (at most {LIMIT:,} and {ORDERS}); use --mapper fast"
        )
    outer = machine.outer(task.unit.name)
    best: Found | None = None
    best_key: tuple[float, ...] = ()
    count = 0
    for inner in task.unit.inner_options(nest):
        direct = inner[0].memory == outer or not nest.dims
        ranges = [np.array([e]) if direct else np.arange(1, e + 1) for e in nest.extents]
        arrays = np.meshgrid(*ranges, indexing="ij")
        tile = {dim: array.ravel() for dim, array in zip(nest.dims, arrays, strict=True)}
        fits = np.broadcast_to(held_bytes(task, machine, tile) <= task.capacity_bytes, arrays[0].size if arrays else 1)
        tile = {dim: array[fits] for dim, array in tile.items()}
        if not fits.any():
            continue
        compute = compute_seconds(task, machine, inner, tile)
        for order in itertools.permutations(nest.dims):
            costs = tiling_costs(task, machine, compute, order, tile)
            keys = (*rank(goal.objective, costs.seconds, costs.energy_joules, costs.outer_bytes), costs.tiles)
            place = first_of(keys, np.size(compute))
            count += np.size(compute)
            key = tuple(float(np.ravel(column)[place if np.ndim(column) else 0]) for column in keys)
            if best is None or key < best_key:
                sizes = {dim: int(array[place]) for dim, array in tile.items()}
                best_key = key
                best = price(task, machine, make_levels(task, machine, inner, order, sizes), 0)
    if best is None:
        raise infeasible(task, machine)
    return Found(best.levels, best.seconds, best.outer_bytes, best.energy_joules, count)
