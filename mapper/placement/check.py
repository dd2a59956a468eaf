"""An independent check of a placement: everything the problem demands, verified from the numbers of the plan alone."""

from __future__ import annotations

import itertools
import math

from mapper.placement.problem import Plan, Problem

SLACK = 1e-9
"""Relative tolerance of times."""


def problems_of(problem: Problem, plan: Plan) -> list[str]:
    """What is wrong with a plan, in words; empty for a valid one."""
    if not len(plan.units) == len(plan.starts) == len(problem.jobs):
        return [f"{len(problem.jobs)} jobs, {len(plan.units)} units and {len(plan.starts)} start times"]
    found = [
        f"{job.name} can't run on unit {unit}"
        for job, unit in zip(problem.jobs, plan.units, strict=True)
        if not 0 <= unit < len(problem.units) or math.isinf(job.seconds[unit])
    ]
    if found:
        return found
    return [*_order(problem, plan), *_overlap(problem, plan), *_capacity(problem, plan), *_numbers(problem, plan)]


def _end(problem: Problem, plan: Plan, place: int) -> float:
    return plan.starts[place] + problem.jobs[place].seconds[plan.units[place]]


def _order(problem: Problem, plan: Plan) -> list[str]:
    slack = SLACK * plan.makespan
    found: list[str] = []
    for edge in problem.edges:
        delay = edge.delay(plan.units[edge.producer], plan.units[edge.consumer])
        if plan.starts[edge.consumer] < _end(problem, plan, edge.producer) + delay - slack:
            found.append(f"{problem.jobs[edge.consumer].name} starts before {problem.jobs[edge.producer].name} arrives")
    return found


def _overlap(problem: Problem, plan: Plan) -> list[str]:
    slack = SLACK * plan.makespan
    found: list[str] = []
    order = sorted(range(len(problem.jobs)), key=lambda place: (plan.starts[place], _end(problem, plan, place)))
    for unit in range(len(problem.units)):
        mine = [place for place in order if problem.serial or plan.units[place] == unit]
        for one, two in itertools.pairwise(mine):
            if plan.starts[two] < _end(problem, plan, one) - slack:
                found.append(f"{problem.jobs[one].name} and {problem.jobs[two].name} overlap on {problem.units[unit]}")
    return found


def _capacity(problem: Problem, plan: Plan) -> list[str]:
    found: list[str] = []
    for unit, capacity in enumerate(problem.capacities):
        held = sum(job.size for job, on in zip(problem.jobs, plan.units, strict=True) if on == unit)
        if held > capacity:
            found.append(f"{problem.units[unit]} holds {held:g} of {capacity:g} bytes")
    return found


def _numbers(problem: Problem, plan: Plan) -> list[str]:
    """Makespan, energy, value and bound agree with each other."""
    found: list[str] = []
    last = max((_end(problem, plan, place) for place in range(len(problem.jobs))), default=0.0)
    loads: dict[int, float] = {}
    joules = problem.static_watts * plan.makespan
    for job, unit in zip(problem.jobs, plan.units, strict=True):
        joules += job.joules[unit] if job.joules else 0.0
        port = problem.ports[unit] if problem.ports else unit
        loads[port] = loads.get(port, 0.0) + (job.port_seconds[unit] if job.port_seconds else 0.0)
    for edge in problem.edges:
        joules += edge.energy(plan.units[edge.producer], plan.units[edge.consumer])
    expected = last if problem.serial else max([last, *loads.values()])
    if not math.isclose(plan.makespan, expected, rel_tol=SLACK):
        found.append(f"makespan {plan.makespan:g} instead of {expected:g}")
    if not math.isclose(plan.joules, joules, rel_tol=SLACK, abs_tol=1e-300):
        found.append(f"energy {plan.joules:g} instead of {joules:g}")
    if not any(
        math.isclose(plan.value, value, rel_tol=SLACK, abs_tol=1e-300)
        for value in (expected, joules, expected * joules)
    ):
        found.append(f"value {plan.value:g} is no objective")
    if plan.bound > plan.value:
        found.append(f"bound {plan.bound:g} above the value {plan.value:g}")
    return found
