"""From an order and its evictions to residencies, and to a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mapper.scratchpad.boxes import Box
from mapper.scratchpad.gaps import Gap
from mapper.scratchpad.instance import Instance
from mapper.scratchpad.problem import Plan, Problem, Residency


class Schedule(NamedTuple):
    """An order, the gaps in which buffers are out, and the units that costs."""

    order: tuple[int, ...]
    out: frozenset[Gap]
    cost: int


class Run(NamedTuple):
    """A buffer in the scratchpad from one of its uses to another; ``after`` names the gap before it, as in ``Gap``."""

    buffer: int
    first: int
    last: int
    after: int


def runs(problem: Problem, schedule: Schedule) -> tuple[Run, ...]:
    """Of every buffer, in order of their first step."""
    used = [0] * len(problem.buffers)
    start: dict[int, Run] = {}
    found: list[Run] = []
    for step, number in enumerate(schedule.order):
        for buffer in problem.operators[number].touches:
            current = start.get(buffer)
            if current is not None and Gap(buffer, used[buffer]) not in schedule.out:
                start[buffer] = current._replace(last=step)
            else:
                if current is not None:
                    found.append(current)
                start[buffer] = Run(buffer, step, step, used[buffer])
            used[buffer] |= 1 << number
    found.extend(start.values())
    return tuple(sorted(found, key=lambda run: (run.first, run.buffer)))


def boxes(graph: Instance, parts: Iterable[Run]) -> tuple[Box, ...]:
    """Runs without their names."""
    return tuple(Box(run.first, run.last, graph.sizes[run.buffer]) for run in parts)


def plan(problem: Problem, graph: Instance, schedule: Schedule, addresses: tuple[int, ...], bound: int) -> Plan:
    """The plan in bytes; ``bound`` in units. The method is left empty."""
    parts = runs(problem, schedule)
    spilled = {gap.buffer for gap in schedule.out}
    residencies: list[Residency] = []
    for run, address in zip(parts, addresses, strict=True):
        kind = problem.buffers[run.buffer].kind
        outside = kind in ("input", "parameter")
        first = run.after == 0
        stored = first and (kind == "output" or (kind == "intermediate" and run.buffer in spilled))
        residencies.append(
            Residency(
                buffer=run.buffer,
                first=run.first,
                last=run.last,
                address=address * graph.unit,
                starts="retrieved" if not first else "loaded" if outside else "computed",
                stored=stored,
            )
        )
    return Plan(schedule.order, tuple(residencies), schedule.cost * graph.unit, bound * graph.unit, "")
