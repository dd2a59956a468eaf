"""Better orders for graphs too large to search whole: large-neighbourhood search on cost.

A window of consecutive steps is searched again, exactly, for its cheapest order and evictions between the state before
it and the state after it; all windows in turn, then the evictions of the whole order, then wider windows.
"""

from __future__ import annotations

from itertools import repeat
from time import monotonic

from mapper.scratchpad.gaps import Gap, covering, evict
from mapper.scratchpad.instance import Instance, bits
from mapper.scratchpad.runs import Schedule
from mapper.scratchpad.search import State, Task, explore

WIDTHS = (12, 20, 32, 48, 72, 100, 140)
"""Steps of a window, from pass to pass."""


def improve(graph: Instance, schedule: Schedule, stop: float, most: int = 3000) -> Schedule:
    """A schedule of no more cost; ``most`` bounds the states looked at per window."""
    best = schedule
    for width in WIDTHS:
        while monotonic() < stop:
            order = sweep(graph, best, width, stop, most)
            found = evict(graph, covering(graph, order))
            if found.cost >= best.cost:
                break
            best = Schedule(order, found.gaps, found.cost)
    return best


def improve_all(graph: Instance, schedules: list[Schedule], stop: float, jobs: int) -> list[Schedule]:
    """Each schedule improved, in up to ``jobs`` processes; the answer does not depend on how many."""
    if jobs < 2 or len(schedules) < 2:
        return [improve(graph, schedule, stop) for schedule in schedules]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(jobs, len(schedules)), get_context("spawn")) as pool:
        return list(pool.map(improve, repeat(graph), schedules, repeat(stop)))


def states(graph: Instance, schedule: Schedule) -> list[State]:
    """The states a schedule goes through, one before every step and one at the end."""
    state = State(0, 0, 0, 0, -1, None)
    found = [state]
    for operator in schedule.order:
        done = state.done | 1 << operator
        inside, clean, cost = state.inside | graph.touches[operator], state.clean, state.cost
        for buffer in bits(graph.touches[operator]):
            if not graph.uses[buffer] & ~done:
                inside, clean = inside & ~(1 << buffer), clean & ~(1 << buffer)
            elif Gap(buffer, graph.uses[buffer] & done) in schedule.out:
                cost += graph.sizes[buffer] + (0 if clean >> buffer & 1 else graph.spill[buffer])
                inside &= ~(1 << buffer)
                clean |= (1 << buffer) if graph.spill[buffer] else 0
        state = State(done, inside, clean, cost, operator, None)
        found.append(state)
    return found


def sweep(graph: Instance, schedule: Schedule, width: int, stop: float, most: int) -> tuple[int, ...]:
    """The order after one pass of windows, each half over the one before."""
    order = list(schedule.order)
    along = states(graph, schedule)
    for first in range(0, max(1, len(order) - width // 2), max(1, width // 2)):
        last = min(first + width, len(order))
        before, after = along[first], along[last]
        cost = after.cost - before.cost
        if cost == 0 or monotonic() > stop:
            continue
        start = State(before.done, before.inside, before.clean, 0, -1, None)
        found = explore(Task(graph, after.done, cost, (), after), start, stop, most)
        if found.order:
            order[first:last] = found.order
            current = Schedule(tuple(order), frozenset(), 0)
            result = evict(graph, covering(graph, current.order))
            along = states(graph, Schedule(current.order, result.gaps, result.cost))
    return tuple(order)
