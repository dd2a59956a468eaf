"""The best plan for a graph and a scratchpad: bound without addresses first, then addresses at the bound.

Order and evictions without regard to addresses bound every plan from below; boxes placed at that cost prove it optimal.
Where they cannot be placed, other evictions, orders, and a little free room are tried, and the plan says so.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import NamedTuple

from mapper.scratchpad.check import check
from mapper.scratchpad.gaps import Covering, covering, evict, relaxation
from mapper.scratchpad.instance import Instance, instance, needs
from mapper.scratchpad.joint import Placed, fit, fit_all, fit_somehow, put
from mapper.scratchpad.peak import WIDE, search_peak
from mapper.scratchpad.problem import Plan, Problem
from mapper.scratchpad.runs import Schedule, plan
from mapper.scratchpad.search import State, Task, explore, search
from mapper.scratchpad.windows import improve_all

MOST_STATES = 30_000
MOST_STATES_LATER = 700_000
"""States after which the search over whole orders gives way to windows, and is given up after them."""

WIDTH = 300
"""States followed per number of operators in the narrow search that looks for a good order without proof."""


class CapacityError(ValueError):
    """An operator needs more than the scratchpad holds."""


class Candidates(NamedTuple):
    """Schedules without addresses, cheapest first, a cost in units no schedule is below, and how they were found."""

    schedules: tuple[Schedule, ...]
    bound: int
    method: str


def solve(problem: Problem, limit_seconds: float = 60.0, jobs: int = 1) -> Plan:
    """A checked plan; proven optimal unless ``extra_bytes`` is above ``bound``, which then says how far off it may be.

    Args:
        problem: the graph and the capacity.
        limit_seconds: about how long it may take; equal plans for equal problems only if the time does not run out.
        jobs: processes, used where the order search gives way to windows.

    Raises:
        CapacityError: an operator does not fit by itself.
        ValueError: the operators are not in an order that respects their dependencies.
    """
    stop = monotonic() + limit_seconds
    graph = instance(problem)
    _check_fits(problem, graph)
    found = candidates(graph, stop, jobs)
    placed, bound, how = _addresses(problem, graph, found, stop)
    answer = plan(problem, graph, placed.schedule, placed.addresses, bound)
    return check(problem, replace(answer, method=f"{found.method}; {how}"))


def _check_fits(problem: Problem, graph: Instance) -> None:
    for operator, need in zip(problem.operators, needs(graph), strict=True):
        if need > graph.capacity:
            raise CapacityError(
                f"{operator.name}: needs {need * graph.unit} bytes, more than the {problem.capacity} of the scratchpad"
            )


def candidates(graph: Instance, stop: float, jobs: int = 1) -> Candidates:
    """The cheapest schedules: default and least-peak order where the relaxation proves them, else by search."""
    peak = search_peak(graph)
    if peak.bound <= graph.capacity < peak.value:
        peak = search_peak(graph, WIDE)
    default = tuple(range(len(graph.touches)))
    found = [_evicted(graph, order) for order in dict.fromkeys((default, peak.order))]
    best = min(schedule.cost for schedule in found)
    if best == 0:
        return Candidates(_cheapest_first(found), 0, "least peak")
    program = relaxation(graph)
    bound = evict(graph, program).bound
    if bound == best:
        return Candidates(_cheapest_first(found), bound, "gap program")
    seconds = max(0.0, stop - monotonic())
    result = search(graph, program, best, seconds / 3, MOST_STATES)
    bound = max(bound, result.bound)
    if result.order or bound == best:
        if result.order:
            found.append(_evicted(graph, result.order))
        return Candidates(_cheapest_first(found), bound, "order search")
    return _further(graph, program, Candidates(tuple(found), bound, ""), stop, jobs)


def _further(graph: Instance, program: Covering, found: Candidates, stop: float, jobs: int) -> Candidates:
    """Better orders for a graph whose search was given up; then the search again, against a lower cost."""
    seconds = max(0.0, stop - monotonic())
    schedules = list(found.schedules)
    best = min(schedule.cost for schedule in schedules)
    task = Task(graph, graph.everything, best, width=WIDTH)
    narrow = explore(task, State(0, 0, 0, 0, -1, None), monotonic() + seconds / 3, MOST_STATES_LATER)
    if narrow.order:
        schedules.append(_evicted(graph, narrow.order))
    schedules = improve_all(graph, schedules, monotonic() + seconds / 3, jobs)
    best = min(schedule.cost for schedule in schedules)
    result = search(graph, program, best, 0.7 * max(0.0, stop - monotonic()), MOST_STATES_LATER)
    if result.order:
        schedules.append(_evicted(graph, result.order))
    bound = max(found.bound, result.bound)
    proven = bound == min(schedule.cost for schedule in schedules)
    method = "order search below the cost of windows" if proven else "windows of the order; order search, stopped"
    return Candidates(_cheapest_first(schedules), bound, method)


def _evicted(graph: Instance, order: tuple[int, ...]) -> Schedule:
    found = evict(graph, covering(graph, order))
    return Schedule(order, found.gaps, found.cost)


def _cheapest_first(schedules: list[Schedule]) -> tuple[Schedule, ...]:
    return tuple(sorted(schedules, key=lambda schedule: schedule.cost))


def _addresses(problem: Problem, graph: Instance, found: Candidates, stop: float) -> tuple[Placed, int, str]:
    """The cheapest of the candidates that can be placed, its bound, and how it was placed."""
    least = found.schedules[0].cost
    for schedule in found.schedules:
        placed = put(problem, graph, schedule) if schedule.cost == least else None
        if placed is not None:
            return placed, found.bound, "addresses placed"
    best: Placed | None = None
    for schedule in found.schedules:
        below = best.schedule.cost if best is not None else 1 + 2 * sum(graph.sizes) * len(graph.touches)
        best = fit(problem, graph, schedule.order, below).placed or best
    if best is None or best.schedule.cost > found.bound:
        joint = fit_all(problem, graph, best, found.bound, stop)
        if joint.placed is not None:
            return joint.placed, joint.bound, "addresses and evictions together"
    if best is not None:
        return best, found.bound, "addresses and evictions together"
    options = [fit_somehow(problem, graph, schedule.order) for schedule in found.schedules]
    return min(options, key=lambda option: option.schedule.cost), found.bound, "addresses with room kept free"
