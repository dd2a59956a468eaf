"""The least peak of live bytes over all orders of the operators (COSMA, equations 13 to 15), and the budgets from it.

A buffer is live from the first operator that touches it to the last. The search is a bottleneck shortest path over the
sets of operators that have run. Live bytes of a set are a cut of a hypergraph, hence submodular: wherever the live
bytes fall back to where they were, orders may be assumed to pass that set, and the search starts afresh from it.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import NamedTuple

from mapper.scratchpad.instance import Instance, bits, first_ready, instance, needs, then_ready, weight
from mapper.scratchpad.problem import Problem

QUICK = (6000, 60)
WIDE = (6000, 1000)
THOROUGH = (20_000, 1000)
"""Sets looked at before the exact search is given up, and sets kept per number of operators from there on."""


class Peak(NamedTuple):
    """The peak in units of an order, and a peak that no order is below."""

    value: int
    order: tuple[int, ...]
    bound: int


class _Row(NamedTuple):
    """An entry of the beam: peak, live units, masks of what has run, lives and is ready, and the way there."""

    peak: int
    size: int
    done: int
    live: int
    ready: int
    order: tuple[int, ...]


class Step(NamedTuple):
    """What happens to the live buffers when an operator runs."""

    operator: int
    high: int
    live: int


def live_after(graph: Instance, done: int, live: int, operator: int) -> int:
    """Mask of live buffers after an operator has run, given those before it."""
    done |= 1 << operator
    after = live | graph.touches[operator]
    for buffer in bits(graph.touches[operator]):
        if not graph.uses[buffer] & ~done:
            after &= ~(1 << buffer)
    return after


def minimum_peak(problem: Problem) -> tuple[int, tuple[int, ...]]:
    """Least peak of live bytes in bytes, and an order that has it. The capacity plays no part."""
    graph = instance(problem)
    found = search_peak(graph, THOROUGH)
    return found.value * graph.unit, found.order


def budgets(problem: Problem) -> tuple[int, int, int]:
    """M_R, M_P and M_H in bytes: what the largest operator needs, the least peak, and their mean."""
    graph = instance(problem)
    least = max(needs(graph), default=0) * graph.unit
    peak = search_peak(graph, THOROUGH).value * graph.unit
    return least, peak, (least + peak) // 2


def with_capacity(problem: Problem, capacity: int) -> Problem:
    """The same graph with another scratchpad."""
    return replace(problem, capacity=capacity)


def search_peak(graph: Instance, effort: tuple[int, int] = QUICK) -> Peak:
    """The least peak, exactly unless more sets between two falls would have to be looked at than the effort allows."""
    order: list[int] = []
    done, live, peak = 0, 0, max(needs(graph), default=0)
    bound = peak
    while done != graph.everything:
        part = _to_next_fall(graph, done, live, peak, effort)
        peak, bound = max(peak, part.value), max(bound, part.bound)
        for operator in part.order:
            live = live_after(graph, done, live, operator)
            done |= 1 << operator
        order.extend(part.order)
    return Peak(peak, tuple(order), bound)


def _to_next_fall(graph: Instance, start: int, live: int, peak: int, effort: tuple[int, int]) -> Peak:
    """Cheapest way to the first set (by peak, then fewest operators) with no more live bytes than at ``start``."""
    level = weight(graph.sizes, live)
    heap: list[tuple[int, int, int]] = [(peak, 0, start)]
    came: dict[int, tuple[int, int]] = {start: (peak, -1)}
    lives = {start: (live, first_ready(graph, start))}
    closed: set[int] = set()
    while heap:
        value, _, done = heappop(heap)
        if done in closed:
            continue
        closed.add(done)
        live, ready = lives[done]
        size = weight(graph.sizes, live)
        if done != start and size <= level:
            return Peak(value, _path(came, start, done), value)
        for step in _steps(graph, (done, live, ready), size, value):
            after = done | 1 << step.operator
            high = max(value, step.high)
            if after not in came or high < came[after][0]:
                came[after] = (high, step.operator)
                lives[after] = (step.live, then_ready(graph, ready, after, step.operator))
                heappush(heap, (high, after.bit_count(), after))
        if len(closed) > effort[0]:
            return _beam(graph, (start, *lives[start]), level, value, effort[1])
    raise AssertionError("when all operators have run nothing is live")


def _steps(graph: Instance, point: tuple[int, int, int], size: int, peak: int) -> list[Step]:
    """What may run next, given masks of what has run, lives and is ready, the live bytes, and the peak so far.

    One operator alone where it leaves no more live bytes and does not raise the peak.
    """
    done, live, ready = point
    steps: list[Step] = []
    for operator in bits(ready):
        after = live_after(graph, done, live, operator)
        high = weight(graph.sizes, live | graph.touches[operator]) + graph.transient[operator]
        steps.append(Step(operator, high, after))
        if high <= peak and weight(graph.sizes, after) <= size:
            return steps[-1:]
    return steps


def _path(came: dict[int, tuple[int, int]], start: int, done: int) -> tuple[int, ...]:
    order: list[int] = []
    while done != start:
        operator = came[done][1]
        order.append(operator)
        done &= ~(1 << operator)
    return tuple(reversed(order))


def _beam(graph: Instance, start: tuple[int, int, int], level: int, bound: int, width: int) -> Peak:
    """Without proof: the best sets of every number of operators, by peak and live bytes, down to the level."""
    rows: list[_Row] = [_Row(bound, weight(graph.sizes, start[1]), *start, ())]
    best: Peak | None = None
    while rows:
        following: dict[int, _Row] = {}
        for row in rows:
            for step in _steps(graph, (row.done, row.live, row.ready), row.size, row.peak):
                done, peak = row.done | 1 << step.operator, max(row.peak, step.high)
                size, order = weight(graph.sizes, step.live), (*row.order, step.operator)
                if best is not None and peak >= best.value:
                    continue
                if size <= level:
                    best = Peak(peak, order, bound)
                elif done not in following or peak < following[done].peak:
                    ready = then_ready(graph, row.ready, done, step.operator)
                    following[done] = _Row(peak, size, done, step.live, ready, order)
        rows = sorted(following.values())[:width]
    assert best is not None, "when all operators have run nothing is live"
    return best
