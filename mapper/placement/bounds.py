"""Lower bounds that need no solver: the longest chain, the load of units and ports, the cheapest unit for every job."""

from __future__ import annotations

from mapper.placement.problem import Objective, Problem, value_of


def critical_path(problem: Problem) -> float:
    """Seconds of the longest chain of jobs, every one on the units that end it earliest, communication included."""
    return max((min(times) for times in _earliest_ends(problem)), default=0.0)


def _earliest_ends(problem: Problem) -> list[list[float]]:
    """Per job and unit, when it could end if every unit were always free."""
    ends: list[list[float]] = []
    for job, incoming in zip(problem.jobs, problem.incoming, strict=True):
        row: list[float] = []
        for unit, seconds in enumerate(job.seconds):
            ready = max(
                (
                    min(end + edge.delay(other, unit) for other, end in enumerate(ends[edge.producer]))
                    for edge in incoming
                ),
                default=0.0,
            )
            row.append(ready + seconds)
        ends.append(row)
    return ends


def load(problem: Problem) -> float:
    """Seconds of all jobs, each where it is shortest, shared evenly by the units; of the ports likewise."""
    shortest = sum(min(job.seconds) for job in problem.jobs)
    if problem.serial:
        return shortest
    ports = len(set(problem.ports)) if problem.ports else len(problem.units)
    moved = sum(min(job.port_seconds[unit] for unit in job.units()) for job in problem.jobs if job.port_seconds)
    return max(shortest / len(problem.units), moved / ports)


def lower_bound(problem: Problem, objective: Objective) -> float:
    """No plan has a smaller value of the objective."""
    seconds = max(load(problem), critical_path(problem))
    cheapest = sum(min(job.joules[unit] for unit in job.units()) for job in problem.jobs if job.joules)
    return value_of(objective, seconds, cheapest + problem.static_watts * seconds)
