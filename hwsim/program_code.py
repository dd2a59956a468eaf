"""Loop programs for the compiled player: written as one array of whole numbers, played for their times alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwsim.program import Copy, Defer, Flush, Mark, Node, Repeat, Size, run
from hwsim.program import Run as Task

_LATEST = 1 << 62
"""Programs that may last longer in ticks are played without compiled code, whose numbers end at 2^63."""
_RUN, _COPY, _DEFER, _FLUSH, _REPEAT, _MARK = range(6)
_KEPT = 7


def times_of(nodes: tuple[Node, ...], size: Size) -> tuple[int, list[int]]:
    """The makespan of a program, and the time of every operator: those of ``hwsim.program.run``."""
    code = None if size.overlapping else encode(nodes)
    if code is None:
        state = run(nodes, size)
        return state.horizon, state.ops
    from hwsim._program_kernels import play

    ops = np.zeros(size.ops, np.int64)
    horizon = play(
        np.array(code.numbers, np.int64),
        np.zeros(size.registers, np.int64),
        np.zeros(size.resources, np.int64),
        np.full(size.slots, -1, np.int64),
        ops,
        np.zeros((code.levels, 5), np.int64),
        np.zeros((code.levels, _KEPT, code.widest), np.int64),
        np.zeros((code.levels, _KEPT, size.slots), np.int64),
    )
    return int(horizon), ops.tolist()


@dataclass(slots=True)
class Code:
    """A program as numbers, see ``hwsim._program_kernels``.

    Attributes:
        levels: how deep loops are nested.
        widest: the most numbers that the body of a loop writes.
        latest: ticks that the program lasts at most.
    """

    numbers: list[int] = field(default_factory=list[int])
    levels: int = 0
    widest: int = 0
    latest: int = 0


@dataclass(frozen=True, slots=True)
class _Written:
    registers: set[int] = field(default_factory=set[int])
    resources: set[int] = field(default_factory=set[int])
    ops: set[int] = field(default_factory=set[int])


def encode(nodes: tuple[Node, ...]) -> Code | None:
    """The numbers of a program, or None if its times may not fit into 64 bits."""
    code = Code()
    _append(code, nodes, 1, 0)
    return code if code.latest < _LATEST else None


def _append(code: Code, nodes: tuple[Node, ...], times: int, level: int) -> _Written:
    """Append some nodes that run so many times; what they write."""
    numbers, written = code.numbers, _Written()
    for node in nodes:
        if isinstance(node, Task):
            numbers.append(_RUN)
            _append_task(code, node, times, written)
        elif isinstance(node, Copy):
            for target, sources in node.moves:
                numbers += (_COPY, target, len(sources), *sources)
                written.registers.add(target)
        elif isinstance(node, Defer):
            numbers += (_DEFER, node.slot, node.previous)
            written.registers.add(node.previous)
            _append_task(code, node.run, times, written)
        elif isinstance(node, Flush):
            numbers += (_FLUSH, node.slot)
        elif isinstance(node, Mark):
            numbers += (_MARK, node.index)
            written.ops.add(node.index)
        elif node.count:
            _append_loop(code, node, times, level, written)
    return written


def _append_task(code: Code, task: Task, times: int, written: _Written) -> None:
    code.numbers += (task.resource, task.duration, task.sets, task.delay, len(task.waits), *task.waits)
    code.latest += times * (task.duration + task.delay)
    written.registers.add(task.sets)
    written.resources.add(task.resource)


def _append_loop(code: Code, node: Repeat, times: int, level: int, written: _Written) -> None:
    """A loop: its lists are known only behind its body, which is written aside."""
    body = Code(levels=code.levels, widest=code.widest)
    inner = _append(body, node.body, times * node.count, level + 1)
    lists = [item for part in (inner.registers, inner.resources, inner.ops) for item in (len(part), *sorted(part))]
    code.numbers += (_REPEAT, node.count, len(body.numbers), *lists, *body.numbers)
    code.levels = max(body.levels, level + 1)
    code.widest = max(body.widest, len(lists))
    code.latest += body.latest
    written.registers.update(inner.registers)
    written.resources.update(inner.resources)
    written.ops.update(inner.ops)
