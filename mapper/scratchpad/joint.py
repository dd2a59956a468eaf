"""Addresses for schedules; where there are none at their cost, the least more that has some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import NamedTuple

from mapper.scratchpad.addresses import place
from mapper.scratchpad.gaps import Covering, Evictions, Gap, cost_of, covering, evict
from mapper.scratchpad.instance import Instance, bits
from mapper.scratchpad.problem import Problem
from mapper.scratchpad.runs import Schedule, boxes, runs

FEW = 12
"""Operators up to which all orders may be tried."""


class Placed(NamedTuple):
    """A schedule with an address in units for each of its runs."""

    schedule: Schedule
    addresses: tuple[int, ...]


class Fitted(NamedTuple):
    """What was placed, if anything was, and a cost that nothing placed in the same order is below."""

    placed: Placed | None
    bound: int


def put(problem: Problem, graph: Instance, schedule: Schedule) -> Placed | None:
    """Addresses for a schedule as it is."""
    found = place(boxes(graph, runs(problem, schedule)), graph.capacity)
    return None if found.addresses is None else Placed(schedule, found.addresses)


def fit(problem: Problem, graph: Instance, order: tuple[int, ...], below: int, attempts: int = 40) -> Fitted:
    """The cheapest evictions of an order that can be placed, if they cost less than ``below``.

    Evictions whose boxes provably cannot be placed are cut off: one more of the gaps inside those boxes must be out.
    Gaps between one step and the next are no choice: nothing could leave and return there.
    """
    program = covering(graph, order)
    bound = 0
    for _ in range(attempts):
        found = evict(graph, program)
        bound = max(bound, found.bound)
        if bound >= below:
            return Fitted(None, below)
        schedule = Schedule(order, found.gaps, found.cost)
        parts = runs(problem, schedule)
        placement = place(boxes(graph, parts), graph.capacity)
        if placement.addresses is not None:
            return Fitted(Placed(schedule, placement.addresses), bound)
        if not placement.impossible:
            break
        tight = {parts[box].buffer for box in placement.impossible}
        more = [gap for gap in long_gaps(graph, order) if gap.buffer in tight and gap not in found.gaps]
        if not more:
            return Fitted(None, below)
        program = _cut(program, more)
    return Fitted(None, bound)


def _cut(program: Covering, gaps: list[Gap]) -> Covering:
    known = {gap: number for number, gap in enumerate(program.gaps)}
    cut = tuple(known.setdefault(gap, len(known)) for gap in gaps)
    return replace(program, gaps=tuple(known), cuts=(*program.cuts, cut))


def long_gaps(graph: Instance, order: tuple[int, ...]) -> list[Gap]:
    """Gaps of an order with at least one step inside."""
    return [gap for gap, steps in _gaps(graph, order) if steps > 1]


def _gaps(graph: Instance, order: tuple[int, ...]) -> Iterator[tuple[Gap, int]]:
    """All gaps, and how many steps lie from one use to the next."""
    used: dict[int, tuple[int, int]] = {}
    for step, operator in enumerate(order):
        for buffer in bits(graph.touches[operator]):
            mask, last = used.get(buffer, (0, step))
            if mask:
                yield Gap(buffer, mask), step - last
            used[buffer] = (mask | 1 << operator, step)


def fit_somehow(problem: Problem, graph: Instance, order: tuple[int, ...]) -> Placed:
    """A placed schedule in any case: with ever more room kept free; at last everything leaves after every use."""
    for part in range(1, 33):
        found = evict(graph, covering(graph, order, reserve=max(1, graph.capacity * part // 64)))
        placed = put(problem, graph, Schedule(order, found.gaps, found.cost))
        if placed is not None:
            return placed
    everything = frozenset(gap for gap, _ in _gaps(graph, order))
    found = Evictions(everything, cost_of(graph, everything), 0)
    placed = put(problem, graph, Schedule(order, found.gaps, found.cost))
    assert placed is not None, "every operator fits by itself"
    return placed


def orders(graph: Instance, most: int) -> list[tuple[int, ...]] | None:
    """All orders that respect the dependencies, or None where there are more than that many."""
    found: list[tuple[int, ...]] = []
    stack: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    while stack:
        done, order = stack.pop()
        if done == graph.everything:
            found.append(order)
            if len(found) > most:
                return None
        for operator in bits(graph.everything & ~done):
            if not graph.before[operator] & ~done:
                stack.append((done | 1 << operator, (*order, operator)))
    return found


def fit_all(problem: Problem, graph: Instance, best: Placed | None, bound: int, stop: float) -> Fitted:
    """The cheapest placed schedule over all orders, where those are few; proven when the bound is its cost."""
    every = orders(graph, 5000) if len(graph.touches) <= FEW else None
    below = best.schedule.cost if best is not None else 1 + 2 * len(graph.touches) * sum(graph.sizes)
    if every is None:
        return Fitted(best, bound)
    undecided = below
    for order in every:
        if monotonic() > stop or below <= bound:
            undecided = min(undecided, bound)
            break
        fitted = fit(problem, graph, order, below)
        if fitted.placed is not None:
            best, below = fitted.placed, fitted.placed.schedule.cost
        undecided = min(undecided, fitted.bound)
    return Fitted(best, max(bound, min(undecided, below)))
