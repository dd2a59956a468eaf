"""List scheduling on unlike units: HEFT (upward ranks, insertion), and its improvement by moving single jobs.

Source: Topcuoglu, Hariri, Wu, Performance-effective and low-complexity task scheduling for heterogeneous computing,
IEEE TPDS 13(3), 2002, equations 8 (upward rank) and 6 (earliest finish time), section 4.1 (insertion).
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

from mapper.base import InfeasibleError
from mapper.placement.bounds import lower_bound
from mapper.placement.problem import Objective, Plan, Problem, make_plan

WORK = 300_000
"""Improvement stops after so many jobs have been placed in trials: a second or two of CPU time."""


def upward_ranks(problem: Problem) -> tuple[float, ...]:
    """Per job, mean seconds from its start to the end of the graph: over units for jobs, over pairs of unlike units for
    communication.
    """
    ranks = [0.0] * len(problem.jobs)
    for place in range(len(problem.jobs) - 1, -1, -1):
        job = problem.jobs[place]
        own = sum(job.seconds[unit] for unit in job.units()) / len(job.units())
        after = max((_mean_delay(edge.seconds) + ranks[edge.consumer] for edge in problem.outgoing[place]), default=0.0)
        ranks[place] = own + after
    return tuple(ranks)


def _mean_delay(seconds: Sequence[Sequence[float]]) -> float:
    apart = [delay for u, row in enumerate(seconds) for v, delay in enumerate(row) if u != v]
    return sum(apart) / len(apart) if apart else 0.0


def rank_order(problem: Problem) -> tuple[int, ...]:
    """Jobs by falling upward rank, which respects all edges."""
    ranks = upward_ranks(problem)
    return tuple(sorted(range(len(ranks)), key=lambda place: (-ranks[place], place)))


def heft(problem: Problem, objective: Objective = "latency") -> Plan:
    """HEFT: jobs by falling upward rank, each into the gap where it ends first (for energy: on its cheapest unit).

    Raises:
        InfeasibleError: no unit has room left for a job.
    """
    units, starts = place_in_order(problem, rank_order(problem), None, by_energy=objective == "energy")
    return make_plan(problem, objective, units, starts, lower_bound(problem, objective), "HEFT")


def improved(problem: Problem, objective: Objective) -> Plan:
    """The better of HEFT by time and by energy, improved by moving one job at a time as long as that helps.

    Raises:
        InfeasibleError: no unit has room left for a job.
    """
    order = rank_order(problem)
    bound = lower_bound(problem, objective)
    plans = [
        make_plan(problem, objective, *place_in_order(problem, order, None, by_energy), bound, "HEFT and moves")
        for by_energy in (False, True)
    ]
    best = min(plans, key=lambda plan: plan.value)
    work, changed = 0, True
    while changed and work < WORK and not best.proven:
        changed = False
        for place, job in enumerate(problem.jobs):
            for unit in job.units():
                if unit == best.units[place] or work >= WORK:
                    continue
                work += len(order)
                trial = _moved(problem, objective, order, best, place, unit)
                if trial is not None and trial.value < best.value * (1 - 1e-12):
                    best, changed = trial, True
    return best


def _moved(
    problem: Problem, objective: Objective, order: Sequence[int], plan: Plan, place: int, unit: int
) -> Plan | None:
    units = list(plan.units)
    units[place] = unit
    if problem.capacities:
        held = sum(job.size for job, on in zip(problem.jobs, units, strict=True) if on == unit)
        if held > problem.capacities[unit]:
            return None
    found = place_in_order(problem, order, units)
    return make_plan(problem, objective, *found, plan.bound, plan.method)


@dataclass(slots=True)
class _Board:
    """The schedule so far.

    Attributes:
        problem: what is scheduled.
        units, starts: of the jobs placed; -1 and 0 before.
        busy: sorted (start, end) per unit.
        held: bytes per unit.
        clock: end of the job before, for serial problems.
    """

    problem: Problem
    units: list[int]
    starts: list[float]
    busy: list[list[tuple[float, float]]]
    held: list[float]
    clock: float = 0.0

    def start(self, place: int, unit: int) -> float:
        """When a job could start on a unit."""
        edges = self.problem.incoming[place]
        if self.problem.serial:
            return self.clock + sum(edge.delay(self.units[edge.producer], unit) for edge in edges)
        ready = 0.0
        for edge in edges:
            before = self.units[edge.producer]
            end = self.starts[edge.producer] + self.problem.jobs[edge.producer].seconds[before]
            ready = max(ready, end + edge.delay(before, unit))
        return _gap(self.busy[unit], ready, self.problem.jobs[place].seconds[unit])

    def put(self, place: int, unit: int, start: float) -> None:
        """Place a job."""
        job = self.problem.jobs[place]
        self.units[place], self.starts[place] = unit, start
        self.held[unit] += job.size
        self.clock = start + job.seconds[unit]
        insort(self.busy[unit], (start, self.clock))

    def joules(self, place: int, unit: int) -> float:
        """Energy of a job and of what it reads."""
        job = self.problem.jobs[place]
        edges = self.problem.incoming[place]
        own = job.joules[unit] if job.joules else 0.0
        return own + sum(edge.energy(self.units[edge.producer], unit) for edge in edges)


def _gap(busy: Sequence[tuple[float, float]], ready: float, seconds: float) -> float:
    """Earliest time from ``ready`` on at which a unit is free for so long."""
    for start, end in busy:
        if end <= ready:
            continue
        if ready + seconds <= start:
            break
        ready = end
    return ready


def place_in_order(
    problem: Problem, order: Sequence[int], fixed: Sequence[int] | None, by_energy: bool = False
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Units and start times when jobs are placed one by one.

    Args:
        problem: what is scheduled.
        order: all jobs, producers first.
        fixed: the unit of every job; None to choose the one where it ends first.
        by_energy: choose the cheapest instead, the earliest end breaking ties.

    Raises:
        InfeasibleError: no unit has room left for a job.
    """
    count = len(problem.units)
    empty: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    board = _Board(problem, [-1] * len(order), [0.0] * len(order), empty, [0.0] * count)
    for place in order:
        job = problem.jobs[place]
        allowed = job.units() if fixed is None else (fixed[place],)
        best: tuple[tuple[float, float], int, float] | None = None
        for unit in allowed:
            if fixed is None and problem.capacities and board.held[unit] + job.size > problem.capacities[unit]:
                continue
            start = board.start(place, unit)
            end = start + job.seconds[unit]
            key = (board.joules(place, unit), end) if by_energy else (end, 0.0)
            if best is None or key < best[0]:
                best = (key, unit, start)
        if best is None or not math.isfinite(best[2]):
            raise InfeasibleError(
                f"list scheduling found no unit with room for {job.name} ({job.size:g} bytes);"
                " the integer program may find an arrangement, larger memories will"
            )
        board.put(place, best[1], best[2])
    return tuple(board.units), tuple(board.starts)
