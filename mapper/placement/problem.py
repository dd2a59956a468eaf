"""Placing jobs on unlike units, and its answer, as plain numbers.

Every job runs on one unit, without interruption; a unit runs one job at a time. What a job reads is there once its
producers have ended and, where they ran on another unit, the communication of that edge has passed. Communication
delays the consumer and occupies neither unit (the model of Topcuoglu et al., IEEE TPDS 13(3), 2002). Units that share
the port of a memory can't together be faster than the transfers of their jobs over it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Objective: TypeAlias = Literal["latency", "energy", "edp"]
PROVEN = 1e-6
"""A plan this close to its bound, relatively, is optimal; integer programs are solved in floating point."""


@dataclass(frozen=True, slots=True)
class Job:
    """One operator, or part of one.

    Attributes:
        seconds: duration on every unit; infinite where it can't run.
        joules: energy on every unit, without static power; empty means none.
        port_seconds: time it occupies the port of the unit's memory; empty means none.
        size: bytes that it keeps in its unit's memory for good, such as weights that stay.
    """

    name: str
    seconds: tuple[float, ...]
    joules: tuple[float, ...] = ()
    port_seconds: tuple[float, ...] = ()
    size: float = 0.0

    def units(self) -> tuple[int, ...]:
        """Positions of the units that can run it."""
        return tuple(unit for unit, seconds in enumerate(self.seconds) if seconds < math.inf)


@dataclass(frozen=True, slots=True)
class Edge:
    """A consumer that needs a producer's result.

    Attributes:
        producer, consumer: positions in ``Problem.jobs``, the producer's first.
        seconds, joules: of the communication, by the producer's and the consumer's unit; empty means none.
    """

    producer: int
    consumer: int
    seconds: tuple[tuple[float, ...], ...] = ()
    joules: tuple[tuple[float, ...], ...] = ()

    def delay(self, before: int, after: int) -> float:
        """Seconds from one unit to another."""
        return self.seconds[before][after] if self.seconds else 0.0

    def energy(self, before: int, after: int) -> float:
        """Joules from one unit to another."""
        return self.joules[before][after] if self.joules else 0.0


@dataclass(frozen=True)
class Problem:
    """Jobs with precedence on unlike units.

    Attributes:
        units: names.
        jobs: in an order that respects all edges.
        edges: each pair at most once.
        ports: per unit, the number of the memory port it uses; empty means that each has its own.
        capacities: bytes for the jobs' sizes per unit; empty means unlimited.
        static_watts: power drawn from the start to the end.
        serial: only one job at a time runs on all units together, and its communication with it.
    """

    units: tuple[str, ...]
    jobs: tuple[Job, ...]
    edges: tuple[Edge, ...] = ()
    ports: tuple[int, ...] = ()
    capacities: tuple[float, ...] = ()
    static_watts: float = 0.0
    serial: bool = False

    @cached_property
    def incoming(self) -> tuple[tuple[Edge, ...], ...]:
        """Edges by their consumer."""
        return self._edges_by([edge.consumer for edge in self.edges])

    @cached_property
    def outgoing(self) -> tuple[tuple[Edge, ...], ...]:
        """Edges by their producer."""
        return self._edges_by([edge.producer for edge in self.edges])

    def _edges_by(self, places: Sequence[int]) -> tuple[tuple[Edge, ...], ...]:
        found: list[list[Edge]] = [[] for _ in self.jobs]
        for place, edge in zip(places, self.edges, strict=True):
            found[place].append(edge)
        return tuple(tuple(edges) for edges in found)


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer.

    Attributes:
        units: per job, the position of its unit.
        starts: per job, seconds.
        makespan: until the last job has ended and every port has served its transfers.
        joules: of jobs, communication and static power.
        value: of the objective.
        bound: no plan has a smaller value.
        method: how it was found, in words.
    """

    units: tuple[int, ...]
    starts: tuple[float, ...]
    makespan: float
    joules: float
    value: float
    bound: float
    method: str

    @property
    def gap(self) -> float:
        """Relative distance to the bound."""
        return max(0.0, 1 - self.bound / self.value) if self.value else 0.0

    @property
    def proven(self) -> bool:
        """Whether no plan is better."""
        return self.gap <= PROVEN


def value_of(objective: Objective, makespan: float, joules: float) -> float:
    """What is minimized."""
    return {"latency": makespan, "energy": joules, "edp": makespan * joules}[objective]


def port_loads(problem: Problem, units: Sequence[int]) -> dict[int, float]:
    """Seconds that every port is occupied under an assignment."""
    loads: dict[int, float] = {}
    for job, unit in zip(problem.jobs, units, strict=True):
        if job.port_seconds:
            port = problem.ports[unit] if problem.ports else unit
            loads[port] = loads.get(port, 0.0) + job.port_seconds[unit]
    return loads


def make_plan(
    problem: Problem, objective: Objective, units: Sequence[int], starts: Sequence[float], bound: float, method: str
) -> Plan:
    """The plan of an assignment with its start times, which are taken as they are."""
    ends = [start + job.seconds[unit] for job, unit, start in zip(problem.jobs, units, starts, strict=True)]
    makespan = max(ends, default=0.0)
    if not problem.serial:
        makespan = max([makespan, *port_loads(problem, units).values()])
    joules = dynamic_joules(problem, units) + problem.static_watts * makespan
    value = value_of(objective, makespan, joules)
    return Plan(tuple(units), tuple(starts), makespan, joules, value, min(bound, value), method)


def dynamic_joules(problem: Problem, units: Sequence[int]) -> float:
    """Energy of jobs and communication under an assignment."""
    own = sum(job.joules[unit] for job, unit in zip(problem.jobs, units, strict=True) if job.joules)
    return own + sum(edge.energy(units[edge.producer], units[edge.consumer]) for edge in problem.edges)
