"""Instruction streams: queues that work side by side, each in program order, with waits between them.

The stream of an operator is played by the event engine; what it finds is also blamed on queues: walking back from the
end along whatever each instruction really waited for gives every moment to exactly one queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hwsim.engine import Task, play

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
    """Play a stream with the event engine; every queue serves its instructions in program order."""
    queues = sorted({one.queue for one in instructions})
    place = {name: index for index, name in enumerate(queues)}
    last: dict[str, int] = {}
    tasks: list[Task] = []
    for index, one in enumerate(instructions):
        before = [last[one.queue]] if one.queue in last else []
        after = tuple((task, 0) for task in dict.fromkeys((*before, *one.waits)))
        tasks.append(Task(place[one.queue], round(one.seconds * TICKS_PER_SECOND), after))
        last[one.queue] = index
    starts, finishes = play(tasks)
    busy, count = dict.fromkeys(queues, 0), dict.fromkeys(queues, 0)
    for one, task in zip(instructions, tasks, strict=True):
        busy[one.queue] += task.duration
        count[one.queue] += 1
    critical = _blame(instructions, tasks, starts, finishes)
    return Played(
        max(finishes, default=0) / TICKS_PER_SECOND,
        tuple((name, busy[name] / TICKS_PER_SECOND) for name in queues),
        tuple((name, critical.get(name, 0) / TICKS_PER_SECOND) for name in queues),
        tuple(count.items()),
    )


def _blame(
    instructions: Sequence[Instruction], tasks: Sequence[Task], starts: Sequence[int], finishes: Sequence[int]
) -> dict[str, int]:
    """Ticks of the critical path by queue."""
    ticks: dict[str, int] = {}
    index = max(range(len(tasks)), key=lambda i: finishes[i], default=-1)
    while index >= 0:
        queue = instructions[index].queue
        ticks[queue] = ticks.get(queue, 0) + tasks[index].duration
        waited = [task for task, _ in tasks[index].after if finishes[task] == starts[index]]
        index = waited[0] if waited and starts[index] else -1
    return ticks
