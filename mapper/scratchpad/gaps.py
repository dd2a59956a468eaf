"""What to evict between uses: the gap program, exact for a given order and a lower bound over all orders.

Between two uses of a buffer, one after the other, lies a gap: in it the buffer stays or is out. Being out costs a
retrieve, and once per intermediate a spill. While an operator runs, enough must be out for its needs to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from mapper.scratchpad.instance import Instance, bits, closures, weight
from mapper.scratchpad.solver import Binary, minimize


class Gap(NamedTuple):
    """A buffer between two of its uses: ``after`` is the mask of operators that have used it before."""

    buffer: int
    after: int


@dataclass(frozen=True, slots=True)
class Covering:
    """Rows of gaps of which enough must be out.

    Attributes:
        gaps: the choices.
        rows: per row, the units that must be out and the positions in ``gaps`` that can be.
        cuts: per cut, positions in ``gaps`` of which at least one must be out.
    """

    gaps: tuple[Gap, ...]
    rows: tuple[tuple[int, tuple[int, ...]], ...]
    cuts: tuple[tuple[int, ...], ...] = ()


class Evictions(NamedTuple):
    """Gaps in which a buffer is out, what that costs in units, and a cost no choice is below."""

    gaps: frozenset[Gap]
    cost: int
    bound: int


def covering(graph: Instance, order: tuple[int, ...], reserve: int = 0) -> Covering:
    """The gap program of an order; ``reserve`` more units than needed are to be free wherever that can be."""
    done = live = 0
    demands: list[tuple[int, tuple[Gap, ...]]] = []
    for operator in order:
        touched = graph.touches[operator]
        excess = weight(graph.sizes, live | touched) + graph.transient[operator] + reserve - graph.capacity
        idle = live & ~touched
        if excess > 0 and idle:
            choices = tuple(Gap(buffer, graph.uses[buffer] & done) for buffer in bits(idle))
            demands.append((min(excess, weight(graph.sizes, idle)), choices))
        done |= 1 << operator
        live = sum(1 << buffer for buffer in bits(live | touched) if graph.uses[buffer] & ~done)
    return _collect(demands)


def relaxation(graph: Instance) -> Covering:
    """A program that every order has to satisfy.

    A buffer counts at an operator only where some of its users surely run before, the others surely after: then its gap
    there is the same in every order, and so is the need for something to be out.
    """
    above, below = closures(graph)
    kept = [(buffer, uses) for buffer, uses in enumerate(graph.uses) if uses.bit_count() > 1]
    demands: list[tuple[int, tuple[Gap, ...]]] = []
    for operator, touched in enumerate(graph.touches):
        excess = weight(graph.sizes, touched) + graph.transient[operator] - graph.capacity
        idle: list[Gap] = []
        for buffer, uses in kept:
            early, late = uses & above[operator], uses & below[operator]
            if early and late and early | late == uses:
                idle.append(Gap(buffer, early))
                excess += graph.sizes[buffer]
        if excess > 0:
            demands.append((excess, tuple(idle)))
    return _collect(demands)


def _collect(demands: list[tuple[int, tuple[Gap, ...]]]) -> Covering:
    """Numbers the gaps, and keeps the hardest of the rows with equal gaps."""
    gaps: dict[Gap, int] = {}
    rows: dict[tuple[int, ...], int] = {}
    for excess, idle in demands:
        row = tuple(sorted(gaps.setdefault(gap, len(gaps)) for gap in idle))
        rows[row] = max(excess, rows.get(row, 0))
    return Covering(tuple(gaps), tuple((excess, row) for row, excess in rows.items()))


def cost_of(graph: Instance, gaps: frozenset[Gap]) -> int:
    """Units moved when the buffers of these gaps are out."""
    spilled = {gap.buffer for gap in gaps}
    return sum(graph.sizes[gap.buffer] for gap in gaps) + sum(graph.spill[buffer] for buffer in spilled)


def evict(graph: Instance, program: Covering, limit_seconds: float = 60.0) -> Evictions:
    """The cheapest gaps that satisfy all rows."""
    if not program.rows and not program.cuts:
        return Evictions(frozenset(), 0, 0)
    sizes = [graph.sizes[gap.buffer] for gap in program.gaps]
    spilled = sorted({gap.buffer for gap in program.gaps if graph.spill[gap.buffer]})
    spill_of = {buffer: len(sizes) + number for number, buffer in enumerate(spilled)}
    rows: list[tuple[int, tuple[tuple[int, int], ...]]] = []
    for excess, row in program.rows:
        rows.append((excess, tuple((gap, min(sizes[gap], excess)) for gap in row)))
    rows.extend((1, tuple((gap, 1) for gap in cut)) for cut in program.cuts)
    for number, gap in enumerate(program.gaps):
        if gap.buffer in spill_of:
            rows.append((0, ((spill_of[gap.buffer], 1), (number, -1))))
    costs = sizes + [graph.spill[buffer] for buffer in spilled]
    answer = minimize(Binary(tuple(costs), tuple(rows)), limit_seconds)
    out = frozenset(gap for number, gap in enumerate(program.gaps) if answer.chosen[number])
    return Evictions(out, cost_of(graph, out), ceil(answer.bound - 1e-6))
