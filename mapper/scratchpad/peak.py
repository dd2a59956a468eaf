"""The least peak of live bytes over all orders of the operators (COSMA, equations 13 to 15), and the budgets from it.

A buffer is live from the first operator that touches it to the last. The search is a bottleneck shortest path over the
sets of operators that have run. Live bytes of a set are a cut of a hypergraph, hence submodular: wherever the live bytes
fall back to where they were, all orders may be assumed to pass that set, and the search starts afresh from it.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import NamedTuple

from mapper.scratchpad.instance import Instance, bits, instance, needs, weight
from mapper.scratchpad.problem import Problem


class Peak(NamedTuple):
    """The peak in units of an order, and a peak that no order is below."""

    value: int
    order: tuple[int, ...]
    bound: int


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


def ready(graph: Instance, done: int) -> list[int]:
    """Operators that may run next."""
    return [number for number in bits(graph.everything & ~done) if not graph.before[number] & ~done]


def minimum_peak(problem: Problem) -> tuple[int, tuple[int, ...]]:
    """Least peak of live bytes in bytes, and an order that has it. The capacity plays no part."""
    graph = instance(problem)
    found = search_peak(graph)
    return found.value * graph.unit, found.order


def budgets(problem: Problem) -> tuple[int, int, int]:
    """M_R, M_P and M_H in bytes: what the largest operator needs, the least peak, and their mean."""
    graph = instance(problem)
    least = max(needs(graph), default=0) * graph.unit
    peak = search_peak(graph).value * graph.unit
    return least, peak, (least + peak) // 2


def with_capacity(problem: Problem, capacity: int) -> Problem:
    """The same graph with another scratchpad."""
    return replace(problem, capacity=capacity)


def search_peak(graph: Instance, limit: int = 200_000) -> Peak:
    """The least peak, exactly unless more than ``limit`` sets between two falls would have to be looked at."""
    order: list[int] = []
    done, live, peak = 0, 0, max(needs(graph), default=0)
    bound = peak
    while done != graph.everything:
        part = _to_next_fall(graph, done, live, peak, limit)
        peak, bound = max(peak, part.value), max(bound, part.bound)
        for operator in part.order:
            live = live_after(graph, done, live, operator)
            done |= 1 << operator
        order.extend(part.order)
    return Peak(peak, tuple(order), bound)


def _to_next_fall(graph: Instance, start: int, live: int, peak: int, limit: int) -> Peak:
    """Cheapest way to the first set (by peak, then fewest operators) with no more live bytes than at ``start``."""
    level = weight(graph.sizes, live)
    heap: list[tuple[int, int, int]] = [(peak, 0, start)]
    came: dict[int, tuple[int, int]] = {start: (peak, -1)}
    lives = {start: live}
    closed: set[int] = set()
    while heap:
        value, _, done = heappop(heap)
        if done in closed:
            continue
        closed.add(done)
        live = lives[done]
        size = weight(graph.sizes, live)
        if done != start and size <= level:
            return Peak(value, _path(came, start, done), value)
        for step in _steps(graph, done, live, size, value):
            after = done | 1 << step.operator
            high = max(value, step.high)
            if after not in came or high < came[after][0]:
                came[after] = (high, step.operator)
                lives[after] = step.live
                heappush(heap, (high, after.bit_count(), after))
        if len(closed) > limit:
            return _greedy_fall(graph, start, lives[start], level, value)
    raise AssertionError("the empty set of live buffers is never above any level")


def _steps(graph: Instance, done: int, live: int, size: int, peak: int) -> list[Step]:
    """What may run next; one operator alone where it leaves no more live bytes and does not raise the peak."""
    steps: list[Step] = []
    for operator in ready(graph, done):
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


def _greedy_fall(graph: Instance, done: int, live: int, level: int, bound: int) -> Peak:
    """Without proof: at each step what raises the live bytes least, down to the level; the bound is a proven one."""
    order: list[int] = []
    peak = bound
    while True:
        steps = _steps(graph, done, live, weight(graph.sizes, live), peak)
        step = min(steps, key=lambda step: (weight(graph.sizes, step.live), step.high, step.operator))
        order.append(step.operator)
        done, live, peak = done | 1 << step.operator, step.live, max(peak, step.high)
        if weight(graph.sizes, live) <= level:
            return Peak(peak, tuple(order), bound)
