"""Cutting a chain of tasks into groups that have the device to themselves, one after the other.

Inside a group every task has an engine of its own, and results pass through FIFOs; between groups results wait on chip,
or are spilled where they do not fit, and the connections are switched. One task per group is sequential execution, one
group of all tasks is dataflow, anything else is reconfigurable.

    cycles of a group = max over its tasks of (work / lanes) + the fill: one token of every task
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from hwsim.fpga.dataflow import Fifo, Group, Phase, Stage, smallest_depths
from workloads.errors import UserError

Style: TypeAlias = Literal["sequential", "dataflow", "reconfigurable"]


class NoDesignError(UserError):
    """No group fits the device."""


@dataclass(frozen=True, slots=True)
class Work:
    """One task of a chain.

    Attributes:
        products: multiply-accumulates.
        tokens: pieces in which its results appear (rows, blocks).
        result_bytes: of its whole result.
    """

    name: str
    products: int
    tokens: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What a group may use.

    Attributes:
        dsp: slices.
        macs_per_dsp: products that share one.
        memory_bytes: on-chip memory for results that wait, whole (between groups) or two tokens of them (in a FIFO).
        bytes_per_cycle: of the outer memory, for what is spilled.
        switch_cycles: between two groups.
    """

    dsp: int
    macs_per_dsp: int
    memory_bytes: int
    bytes_per_cycle: float
    switch_cycles: int

    @property
    def lanes(self) -> int:
        """Products per cycle of all slices."""
        return self.dsp * self.macs_per_dsp


@dataclass(frozen=True, slots=True)
class Plan:
    """Groups of (task, lanes) in order, the cycles that the model gives them, and the style that they amount to."""

    groups: tuple[tuple[tuple[Work, int], ...], ...]
    cycles: int

    @property
    def style(self) -> Style:
        """What it is called."""
        if len(self.groups) == 1 and len(self.groups[0]) > 1:
            return "dataflow"
        return "sequential" if all(len(group) == 1 for group in self.groups) else "reconfigurable"


def widths(budget: Budget) -> tuple[int, ...]:
    """Lanes that an engine may have: powers of two up to the device, and the whole device."""
    powers = [1 << place for place in range(budget.lanes.bit_length()) if 1 << place <= budget.lanes]
    return tuple(sorted({*powers, budget.lanes}))


def task_cycles(work: Work, lanes: int) -> int:
    """Cycles of a task alone: whole tokens."""
    return work.tokens * math.ceil(work.products / work.tokens / lanes)


def group_cycles(group: Sequence[tuple[Work, int]]) -> int:
    """Cycles of a group: its slowest task and the fill of the others."""
    alone = [task_cycles(work, lanes) for work, lanes in group]
    return max(alone) + sum(cycles // work.tokens for cycles, (work, _) in zip(alone, group, strict=True)) * (
        len(group) > 1
    )


def fits(tasks: Sequence[Work], budget: Budget) -> bool:
    """Whether the FIFOs of a group fit: two tokens of every result that another task takes."""
    return sum(2 * -(-work.result_bytes // work.tokens) for work in tasks[:-1]) <= budget.memory_bytes


def boundary_cycles(last: Work, budget: Budget) -> int:
    """Cycles between two groups: the switch, and a result that does not fit on chip out and in again."""
    spill = math.ceil(2 * last.result_bytes / budget.bytes_per_cycle) if last.result_bytes > budget.memory_bytes else 0
    return budget.switch_cycles + spill


def spans(tasks: Sequence[Work], budget: Budget) -> Iterator[tuple[int, int]]:
    """First and last place (exclusive) of every group that fits the memory; an engine needs at least one lane."""
    for first in range(len(tasks)):
        for end in range(first + 1, len(tasks) + 1):
            if end - first <= budget.lanes and (end - first == 1 or fits(tasks[first:end], budget)):
                yield first, end


def plan_of(groups: Sequence[Sequence[tuple[Work, int]]], budget: Budget) -> Plan:
    """A plan with its cycles."""
    inside = sum(group_cycles(group) for group in groups)
    between = sum(boundary_cycles(group[-1][0], budget) for group in groups[:-1])
    return Plan(tuple(tuple(group) for group in groups), inside + between)


def stages_of(group: Sequence[tuple[Work, int]]) -> Group:
    """The group as stages with the smallest FIFOs that do not make it slower.

    Tasks whose tokens differ in number hand on in the ratio of the two, as often as the greatest common divisor.
    """
    stages: list[Stage] = []
    for place, (work, lanes) in enumerate(group):
        before = group[place - 1][0] if place else None
        after = group[place + 1][0] if place + 1 < len(group) else None
        steps = work.tokens
        for other in (before, after):
            steps = math.gcd(steps, other.tokens) if other is not None else steps
        takes = ((f"{before.name} > {work.name}", _passed(before, work) // steps),) if before else ()
        gives = ((f"{work.name} > {after.name}", _passed(work, after) // steps),) if after else ()
        stages.append(Stage(work.name, (Phase(steps, task_cycles(work, lanes) // steps, takes, gives),)))
    names = [f"{one.name} > {two.name}" for (one, _), (two, _) in pairwise(group)]
    free = Group(tuple(stages), tuple(Fifo(name) for name in names))
    depths = smallest_depths(free)
    return Group(free.stages, tuple(Fifo(name, max(1, depths[name])) for name in names))


def _passed(one: Work, two: Work) -> int:
    """Tokens that pass between two tasks: the smallest number both can count in."""
    return math.lcm(one.tokens, two.tokens)
