"""The best placement that can be had: list scheduling first, an integer program where it is worth it."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Literal, TypeAlias

from mapper.base import InfeasibleError
from mapper.placement.bounds import lower_bound
from mapper.placement.heft import heft, improved
from mapper.placement.problem import PROVEN, Objective, Plan, Problem, value_of

Method: TypeAlias = Literal["heft", "ilp", "auto"]
SMALL = 150
"""Binary variables up to which ``auto`` asks the integer program."""
_EDP_STEPS = 200


def solve(
    problem: Problem, objective: Objective = "latency", method: Method = "auto", limit_seconds: float = 10
) -> Plan:
    """A valid plan with a bound.

    Args:
        problem: what is placed.
        objective: latency, energy or edp (energy times latency).
        method: ``heft`` schedules by list and improves by moving single jobs; ``ilp`` then solves the integer program,
            which proves its result unless the time is over; ``auto`` does so up to ``SMALL`` binary variables (without
            limit for serial problems, whose program is easy).
        limit_seconds: wall time for the integer program; the plan then carries the bound reached.

    Raises:
        InfeasibleError: a job no unit runs, or no arrangement in the units' memories (found).
    """
    for job in problem.jobs:
        if not job.units():
            raise InfeasibleError(f"no unit runs {job.name}")
    listed: Plan | None = None
    try:
        listed = _listed(problem, objective)
    except InfeasibleError:
        if method == "heft":
            raise
    if listed is not None and (method == "heft" or listed.proven or (method == "auto" and not _small(problem))):
        return listed
    return _exact(problem, objective, listed, limit_seconds)


def _listed(problem: Problem, objective: Objective) -> Plan:
    """HEFT improved by moves, never worse than HEFT itself."""
    return min(heft(problem, objective), improved(problem, objective), key=lambda plan: plan.value)


def _small(problem: Problem) -> bool:
    if problem.serial:
        return True
    from mapper.placement.program import unordered_pairs

    binaries = len(unordered_pairs(problem)) + sum(len(job.units()) for job in problem.jobs)
    return binaries <= SMALL


def _exact(problem: Problem, objective: Objective, listed: Plan | None, limit_seconds: float) -> Plan:
    from mapper.placement.program import solve_program

    stop = time.monotonic() + limit_seconds
    # Minimizing energy may take longer than the fastest plan: every job one after the other, each where it is slowest.
    longest = _longest(problem)
    if objective == "edp":
        return _edp(problem, listed, longest, stop)
    horizon = listed.makespan if listed is not None and objective == "latency" else longest
    answer = solve_program(problem, objective, horizon, limit_seconds)
    if answer.infeasible and listed is None:
        raise InfeasibleError("no assignment fits the memories of the units: proven by the integer program")
    return _better(listed, answer.plan, answer.bound, limit_seconds)


def _better(listed: Plan | None, found: Plan | None, bound: float, limit_seconds: float) -> Plan:
    plans = [plan for plan in (found, listed) if plan is not None]
    if not plans:
        raise InfeasibleError(f"the integer program found no placement within {limit_seconds:g} s; allow it more")
    best = min(plans, key=lambda plan: plan.value)
    # The solver's bound holds up to its tolerance, which must not put it above the value of a valid plan.
    bound = min(best.value, max(bound, *(plan.bound for plan in plans)))
    proven = 1 - bound / best.value <= PROVEN if best.value else True
    method = (
        "integer program, optimal" if proven else f"{best.method}; integer program stopped after {limit_seconds:g} s"
    )
    return replace(best, bound=bound, method=method)


def _longest(problem: Problem) -> float:
    jobs = sum(max(job.seconds[unit] for unit in job.units()) for job in problem.jobs)
    moves = sum(max((max(row) for row in edge.seconds), default=0.0) for edge in problem.edges)
    ports = sum(max(job.port_seconds[unit] for unit in job.units()) for job in problem.jobs if job.port_seconds)
    return max(jobs + moves, ports)


def _edp(problem: Problem, listed: Plan | None, longest: float, stop: float) -> Plan:
    """Energy times latency, exactly: ranges of makespans, each with the least energy of its far end as a bound.

    The least energy E within a deadline is reached at some makespan T; between T and the deadline no plan has less than
    E, so none beats E x T there. The rest of a range, below T, is cut in two, until its bound is no better than the
    best plan.
    """
    from mapper.placement.program import solve_program

    limit = max(0.1, stop - time.monotonic())
    shortest = lower_bound(problem, "latency")
    ranges = [(0.0, shortest, longest)]
    best, steps = listed, 0
    while ranges:
        ranges.sort(reverse=True)
        bound, low, high = ranges[-1]
        if best is not None and bound >= best.value * (1 - PROVEN):
            break
        if time.monotonic() >= stop or steps >= _EDP_STEPS:
            break
        steps += 1
        ranges.pop()
        answer = solve_program(problem, "energy", longest, stop - time.monotonic(), high)
        if answer.infeasible:
            continue
        energy, end = answer.bound, high
        if answer.plan is not None:
            plan = answer.plan
            value = value_of("edp", plan.makespan, plan.joules)
            if best is None or value < best.value:
                best = replace(plan, value=value)
            end = min(high, plan.makespan) * (1 - PROVEN / 2) if answer.proven else high
        if end > low:
            middle = (low + end) / 2
            ranges += [(max(bound, energy * low), low, middle), (max(bound, energy * middle), middle, end)]
    bound = min((bound for bound, _, _ in ranges), default=math.inf)
    return _better(best, None, min(bound, best.value) if best is not None else 0.0, limit)
