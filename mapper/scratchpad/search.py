"""The cheapest order and evictions over all orders, without addresses: a best-first search with proof.

A state is what has run, what is in the scratchpad, and what of it has a copy outside. Evictions happen only when an
operator needs the room, by least sets, and pay at once for the retrieve that must follow. Of states with the same past
a cheaper one with less dirt rules out others. The frontier's cost is a lower bound at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import monotonic
from typing import NamedTuple

from mapper.scratchpad.gaps import Covering, evict
from mapper.scratchpad.instance import Instance, bits, first_ready, then_ready, weight


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What is in the scratchpad, what of it is clean (stored earlier), the cost so far, and where it came from."""

    done: int
    inside: int
    clean: int
    cost: int
    operator: int
    parent: State | None


class Ordered(NamedTuple):
    """An order, its cost in units, and a cost that no order is below; the order is empty if none was found."""

    order: tuple[int, ...]
    cost: int
    bound: int


@dataclass(slots=True)
class Frontier:
    """The open states, and the best ones of every past."""

    heap: list[tuple[int, int, int, State]] = field(default_factory=list)
    labels: dict[int, list[State]] = field(default_factory=dict)
    ready: dict[int, int] = field(default_factory=dict)
    followed: dict[int, int] = field(default_factory=dict)
    pushed: int = 0


class Future(NamedTuple):
    """A part of the relaxed program: it costs this much if none of these operators has run."""

    operators: int
    cost: int


@dataclass(frozen=True, slots=True)
class Task:
    """What a search is to reach.

    Attributes:
        graph: the whole graph.
        goal: mask of the operators that have run in the end.
        below: only cheaper ways count, in units.
        parts: costs still to come.
        target: what the end has to be good for, at extra cost where it is not; None if nothing follows.
        width: of the states with equally many operators done, only so many are followed, the cheapest first; such a
            search proves nothing. 0: all.
    """

    graph: Instance
    goal: int
    below: int
    parts: tuple[Future, ...] = ()
    target: State | None = None
    width: int = 0


def futures(graph: Instance, program: Covering) -> tuple[Future, ...]:
    """Independent parts of the relaxation: rows that share no buffer, each with the least it costs."""
    parts: list[tuple[int, list[tuple[int, tuple[int, ...]]]]] = []
    for row in program.rows:
        buffers = sum({1 << program.gaps[gap].buffer for gap in row[1]})
        apart = [part for part in parts if not part[0] & buffers]
        joined = [part for part in parts if part[0] & buffers]
        rows = [other for part in joined for other in part[1]]
        for part in joined:
            buffers |= part[0]
        parts = [*apart, (buffers, [*rows, row])]
    result: list[Future] = []
    for buffers, rows in parts:
        users = 0
        for buffer in bits(buffers):
            users |= graph.uses[buffer]
        result.append(Future(users, evict(graph, Covering(program.gaps, tuple(rows))).bound))
    return tuple(result)


def search(graph: Instance, program: Covering, below: int, limit_seconds: float, most: int) -> Ordered:
    """The cheapest order of cost less than ``below``, by best-first search with the relaxation's parts as heuristic."""
    task = Task(graph, graph.everything, below, futures(graph, program))
    return explore(task, State(0, 0, 0, 0, -1, None), monotonic() + limit_seconds, most)


def explore(task: Task, start: State, stop: float, most: int) -> Ordered:
    """From a state to the end of a task; an empty order where nothing is found below ``task.below``.

    It ends after about ``most`` states or at the time ``stop``; the bound is what the frontier proves until then.
    """
    frontier = Frontier(ready={start.done: first_ready(task.graph, start.done)})
    _push(task, frontier, start)
    bound = start.cost
    while frontier.heap:
        estimate, _, _, state = heappop(frontier.heap)
        bound = max(bound, estimate)
        if state.done == task.goal:
            return Ordered(_order(state, start), estimate, estimate)
        if state not in frontier.labels[state.done] or (task.width and _crowded(task, frontier, state)):
            continue
        if frontier.pushed > most or (frontier.pushed % 64 == 0 and monotonic() > stop):
            return Ordered((), task.below, bound)
        ready = frontier.ready[state.done]
        for following in _expand(task, state, ready & task.goal):
            if following.done not in frontier.ready:
                frontier.ready[following.done] = then_ready(task.graph, ready, following.done, following.operator)
            _push(task, frontier, following)
    return Ordered((), task.below, task.below)


def _crowded(task: Task, frontier: Frontier, state: State) -> bool:
    """Whether enough states with as many operators done have been followed."""
    level = state.done.bit_count()
    frontier.followed[level] = frontier.followed.get(level, 0) + 1
    return frontier.followed[level] > task.width


def _push(task: Task, frontier: Frontier, state: State) -> None:
    graph = task.graph
    estimate = state.cost + sum(part.cost for part in task.parts if not part.operators & state.done)
    if task.target is not None and state.done == task.goal:
        estimate += conversion(graph, state, task.target)
    if estimate >= task.below:
        return
    labels = frontier.labels.setdefault(state.done, [])
    if any(_dominates(graph, other, state) for other in labels):
        return
    labels[:] = [other for other in labels if not _dominates(graph, state, other)]
    labels.append(state)
    frontier.pushed += 1
    heappush(frontier.heap, (estimate, -state.done.bit_count(), frontier.pushed, state))


def _dominates(graph: Instance, better: State, worse: State) -> bool:
    """Whether the first can do what the second does at no more cost."""
    return better.cost <= worse.cost and better.cost + conversion(graph, better, worse) <= worse.cost


def conversion(graph: Instance, state: State, target: State) -> int:
    """What it costs to go on from a state as if it were another of the same past.

    What only the first has inside is evicted, what is clean in the other is stored; what it lacks has been paid for.
    """
    cost = 0
    for buffer in bits(state.inside & ~target.inside):
        cost += graph.sizes[buffer] + (0 if state.clean >> buffer & 1 else graph.spill[buffer])
    for buffer in bits(state.inside & target.inside & target.clean & ~state.clean):
        cost += graph.spill[buffer]
    return cost


def _expand(task: Task, state: State, ready: int) -> Iterator[State]:
    """All that may follow; only one state where running an operator at once is surely no worse."""
    graph = task.graph
    following: list[State] = []
    for operator in bits(ready):
        touched = graph.touches[operator]
        together = state.inside | touched
        excess = weight(graph.sizes, together) + graph.transient[operator] - graph.capacity
        done = state.done | 1 << operator
        gone = sum(1 << buffer for buffer in bits(touched) if not graph.uses[buffer] & ~done)
        if excess <= 0:
            clean = state.clean | _returned(graph, touched & ~state.inside, state.done)
            one = State(done, together & ~gone, clean & ~gone, state.cost, operator, state)
            if _surely(graph, state, touched, gone):
                yield one
                return
            following.append(one)
            continue
        for out in _least_sets(graph.sizes, tuple(bits(state.inside & ~touched)), excess):
            cost = state.cost
            for buffer in bits(out):
                cost += graph.sizes[buffer] + (0 if state.clean >> buffer & 1 else graph.spill[buffer])
            clean = state.clean | _returned(graph, touched & ~state.inside, state.done)
            following.append(State(done, together & ~gone & ~out, clean & ~gone & ~out, cost, operator, state))
    yield from following


def _returned(graph: Instance, coming: int, done: int) -> int:
    """Which of the coming buffers are retrieved intermediates: those have a copy outside."""
    return sum(1 << buffer for buffer in bits(coming) if graph.spill[buffer] and graph.uses[buffer] & done)


def _surely(graph: Instance, state: State, touched: int, gone: int) -> bool:
    """Whether an operator that fits may run at once without loss.

    What it leaves behind must be no larger than what it ends, and no dearer to evict than the cheapest buffer it ends:
    then whatever a later run of it would have done with its operands can be done with its results.
    """
    coming = touched & ~state.inside
    if any(graph.uses[buffer] & state.done for buffer in bits(coming)):
        return False
    left = coming & ~gone
    if not left:
        return True
    ended = gone & state.inside
    if not ended or weight(graph.sizes, left) > weight(graph.sizes, ended):
        return False
    price = sum(graph.sizes[buffer] + graph.spill[buffer] for buffer in bits(left))
    return all(
        price <= graph.sizes[buffer] + (0 if state.clean >> buffer & 1 else graph.spill[buffer])
        for buffer in bits(ended)
    )


def _least_sets(sizes: tuple[int, ...], choices: tuple[int, ...], excess: int) -> list[int]:
    """Masks of the sets of buffers that free enough, and no longer do without any one of them."""
    found: list[int] = []
    ordered = sorted(choices, key=lambda buffer: (-sizes[buffer], buffer))
    rest = [0] * (len(ordered) + 1)
    for position in range(len(ordered) - 1, -1, -1):
        rest[position] = rest[position + 1] + sizes[ordered[position]]
    stack = [(0, 0, excess)]
    while stack:
        position, mask, missing = stack.pop()
        if missing <= 0:
            found.append(mask)
        elif rest[position] >= missing:
            stack.append((position + 1, mask, missing))
            stack.append((position + 1, mask | 1 << ordered[position], missing - sizes[ordered[position]]))
    return found


def _order(state: State, start: State) -> tuple[int, ...]:
    order: list[int] = []
    while state is not start and state.parent is not None:
        order.append(state.operator)
        state = state.parent
    return tuple(reversed(order))
