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
from mapper.base import Found, Goal, Task, get_mapper, rank, register
from mapper.cost import compute_seconds, held_bytes, tiling_costs
from mapper.fast import first_of, infeasible, make_levels, price
from workloads.errors import UserError

LIMIT = 200_000
ORDERS = 120


class TooLargeError(UserError):
    """A problem with too many mappings to try them all."""


@register("exhaustive")
def exhaustive_mapper(task: Task, machine: Machine, goal: Goal) -> Found:
    """The best of the mappings that lead by closed-form cost in their loop order, by the stated cost model.

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
    found: list[Found] = []
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
            sizes = {dim: int(array[place]) for dim, array in tile.items()}
            found.append(price(task, machine, make_levels(task, machine, inner, order, sizes), 0))
    if not found:
        raise infeasible(task, machine)
    found.append(get_mapper("fast")(task, machine, goal))
    best = min(found, key=lambda one: rank(goal.objective, one.seconds, one.energy_joules, one.outer_bytes))
    return Found(best.levels, best.seconds, best.outer_bytes, best.energy_joules, count)
