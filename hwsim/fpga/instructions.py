"""Instruction streams: queues that work side by side, each in program order, with waits between them.

What playing a stream finds is also blamed on queues: walking back from the end along whatever each instruction really
waited for gives every moment to exactly one queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hwsim.engine import Task

TICKS_PER_SECOND = 10**15


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its queue, how long it takes, and which earlier instructions must be complete."""

    queue: str
    seconds: float
    waits: tuple[int, ...] = ()


@dataclass(slots=True)
class Stream:
    """A stream under construction; ``add`` returns the number to wait for."""

    instructions: list[Instruction] = field(default_factory=list[Instruction])
    read_bytes: float = 0.0
    write_bytes: float = 0.0

    def add(self, queue: str, seconds: float, *waits: int | None) -> int:
        """Append an instruction; waits that are None are left out."""
        self.instructions.append(Instruction(queue, seconds, tuple(wait for wait in waits if wait is not None)))
        return len(self.instructions) - 1


@dataclass(frozen=True, slots=True)
class Played:
    """What playing a stream found.

    Attributes:
        seconds: until the last instruction is complete.
        busy: seconds that each queue works.
        critical: seconds that each queue is what everything waits for; they add up to ``seconds``.
        count: instructions by queue.
    """

    seconds: float
    busy: tuple[tuple[str, float], ...]
    critical: tuple[tuple[str, float], ...]
    count: tuple[tuple[str, int], ...]


def play_stream(instructions: Sequence[Instruction]) -> Played:
    """Play a stream: every queue serves its instructions in program order, each after what it waits for.

    With all queues in order a single pass is exact; the tests hold it to the event engine playing ``tasks_of``.
    """
    free: dict[str, int] = {}
    last: dict[str, int] = {}
    busy: dict[str, int] = {}
    count: dict[str, int] = {}
    finishes: list[int] = []
    causes: list[int] = []
    for index, one in enumerate(instructions):
        duration = round(one.seconds * TICKS_PER_SECOND)
        start, cause = free.get(one.queue, 0), last.get(one.queue, -1)
        for wait in one.waits:
            if finishes[wait] > start:
                start, cause = finishes[wait], wait
        finishes.append(start + duration)
        causes.append(cause)
        free[one.queue], last[one.queue] = start + duration, index
        busy[one.queue] = busy.get(one.queue, 0) + duration
        count[one.queue] = count.get(one.queue, 0) + 1
    critical = dict.fromkeys(busy, 0)
    index = max(range(len(finishes)), key=lambda i: finishes[i], default=-1)
    while index >= 0:
        cause = causes[index]
        critical[instructions[index].queue] += finishes[index] - (finishes[cause] if cause >= 0 else 0)
        index = cause
    return Played(
        max(finishes, default=0) / TICKS_PER_SECOND,
        tuple((name, ticks / TICKS_PER_SECOND) for name, ticks in busy.items()),
        tuple((name, ticks / TICKS_PER_SECOND) for name, ticks in critical.items()),
        tuple(count.items()),
    )


def tasks_of(instructions: Sequence[Instruction]) -> list[Task]:
    """The same stream as tasks of the event engine, chained along each queue."""
    place = {name: index for index, name in enumerate(sorted({one.queue for one in instructions}))}
    last: dict[str, int] = {}
    tasks: list[Task] = []
    for index, one in enumerate(instructions):
        before = (last[one.queue],) if one.queue in last else ()
        after = tuple((task, 0) for task in dict.fromkeys((*before, *one.waits)))
        tasks.append(Task(place[one.queue], round(one.seconds * TICKS_PER_SECOND), after))
        last[one.queue] = index
    return tasks
