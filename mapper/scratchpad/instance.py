"""A problem in the form that the algorithms work on: sizes in units of their common divisor, sets as bit masks.

A buffer that one operator alone touches is never kept, so it only adds to what that operator needs; all others are
*kept* buffers, and only they appear in masks of buffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from math import gcd

from mapper.scratchpad.problem import Problem


@dataclass(frozen=True, slots=True)
class Instance:
    """Masks have bit o for operator o, or bit b for buffer b.

    Attributes:
        unit: bytes of one unit of size: the greatest common divisor of all sizes.
        capacity: of the scratchpad, in units, rounded down.
        sizes: of every buffer, in units.
        spill: cost of the first eviction beyond the retrieve, in units: the size of an intermediate, 0 for what has a
            copy in the outer memory for free (inputs, parameters, outputs).
        touches: per operator, mask of the kept buffers it reads or writes.
        writes: per operator, mask of the kept buffers it writes.
        transient: per operator, units of buffers that only it touches.
        before: per operator, mask of the operators that must run before it.
        after: per operator, mask of the operators that must run after it.
        uses: per buffer, mask of the operators that read or write it.
    """

    unit: int
    capacity: int
    sizes: tuple[int, ...]
    spill: tuple[int, ...]
    touches: tuple[int, ...]
    writes: tuple[int, ...]
    transient: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    uses: tuple[int, ...]

    @property
    def everything(self) -> int:
        """Mask of all operators."""
        return (1 << len(self.touches)) - 1


def bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def weight(sizes: tuple[int, ...], mask: int) -> int:
    """Sum of the sizes of the buffers of a mask."""
    total = 0
    while mask:
        low = mask & -mask
        total += sizes[low.bit_length() - 1]
        mask ^= low
    return total


def instance(problem: Problem) -> Instance:
    """The problem as masks and units.

    Raises:
        ValueError: a buffer is empty, is written twice or in place, or is read before it is written.
    """
    _check(problem)
    count = len(problem.buffers)
    uses, producer = [0] * count, [-1] * count
    before: list[int] = []
    for number, operator in enumerate(problem.operators):
        mask = sum(1 << other for other in operator.after)
        for buffer in operator.reads:
            if producer[buffer] >= 0:
                mask |= 1 << producer[buffer]
        before.append(mask)
        for buffer in operator.writes:
            producer[buffer] = number
        for buffer in operator.touches:
            uses[buffer] |= 1 << number
    after = [0] * len(before)
    for number, mask in enumerate(before):
        for parent in bits(mask):
            after[parent] |= 1 << number
    unit = reduce(gcd, (buffer.size for buffer in problem.buffers), 0) or 1
    sizes = tuple(buffer.size // unit for buffer in problem.buffers)
    kept = sum(1 << buffer for buffer, mask in enumerate(uses) if mask.bit_count() > 1)
    touched = tuple(sum(1 << buffer for buffer in operator.touches) for operator in problem.operators)
    return Instance(
        unit=unit,
        capacity=problem.capacity // unit,
        sizes=sizes,
        spill=tuple(
            size if buffer.kind == "intermediate" else 0 for size, buffer in zip(sizes, problem.buffers, strict=True)
        ),
        touches=tuple(mask & kept for mask in touched),
        writes=tuple(sum(1 << buffer for buffer in operator.writes) & kept for operator in problem.operators),
        transient=tuple(weight(sizes, mask & ~kept) for mask in touched),
        before=tuple(before),
        after=tuple(after),
        uses=tuple(uses),
    )


def _check(problem: Problem) -> None:
    """Refuses what the algorithms take for granted not to occur."""
    for buffer in problem.buffers:
        if buffer.size < 1:
            raise ValueError(f"size of buffer {buffer.name}: must be at least 1 byte, got {buffer.size}")
    known = {number for number, buffer in enumerate(problem.buffers) if buffer.kind in ("input", "parameter")}
    for operator in problem.operators:
        for number in operator.reads:
            if number not in known:
                raise ValueError(f"{operator.name} reads {problem.buffers[number].name} before it is written")
        for number in operator.writes:
            if number in known:
                raise ValueError(f"{operator.name} writes {problem.buffers[number].name}, which is there already")
            known.add(number)
        if len(set(operator.touches)) < len(operator.touches):
            raise ValueError(f"{operator.name}: names a buffer twice")


def needs(graph: Instance) -> tuple[int, ...]:
    """Units each operator needs while it runs."""
    return tuple(weight(graph.sizes, mask) + extra for mask, extra in zip(graph.touches, graph.transient, strict=True))


def closures(graph: Instance) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Masks of all ancestors and of all descendants of every operator (itself not included)."""
    above: list[int] = []
    for mask in graph.before:
        above.append(reduce(lambda seen, parent: seen | above[parent], bits(mask), mask))
    below = [0] * len(above)
    for number in reversed(range(len(above))):
        for parent in bits(graph.before[number]):
            below[parent] |= below[number] | 1 << number
    return tuple(above), tuple(below)


def first_ready(graph: Instance, done: int) -> int:
    """Mask of the operators that may run next."""
    return sum(1 << number for number in bits(graph.everything & ~done) if not graph.before[number] & ~done)


def then_ready(graph: Instance, ready: int, done: int, operator: int) -> int:
    """Mask of the operators that may run next, after an operator of ``ready`` has run; ``done`` includes it."""
    ready &= ~(1 << operator)
    for number in bits(graph.after[operator]):
        if not graph.before[number] & ~done:
            ready |= 1 << number
    return ready
