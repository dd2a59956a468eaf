"""What COSMA is compared with: a fixed order, an allocator that places tensors one by one, and a rule of what leaves.

Allocator: the lowest hole that is large enough, as in TensorFlow Lite's arena; the largest of an operator's missing
tensors first; a tensor leaves for good after its last use. Fragmentation: nothing moves inside the scratchpad. When
there is no hole, tensors the operator does not touch leave until there is one; if even then its own tensors lie in the
way, those leave and come back side by side, which is paid for like any other spill and retrieve.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mapper.scratchpad.check import check
from mapper.scratchpad.instance import Instance, instance
from mapper.scratchpad.problem import Plan, Problem, Residency

Replacement: TypeAlias = Literal["belady", "greedy"]


@dataclass(slots=True)
class _Arena:
    """What is in the scratchpad while the order is walked through; addresses and sizes in units."""

    problem: Problem
    graph: Instance
    step: int = 0
    address: dict[int, int] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    spilled: set[int] = field(default_factory=set)
    residencies: list[Residency] = field(default_factory=list)
    uses: dict[int, list[int]] = field(default_factory=dict)


def baseline(problem: Problem, order: tuple[int, ...], replacement: Replacement) -> Plan:
    """A checked plan in a given order, such as the default or that of ``minimum_peak``; its bound of 0 proves nothing.

    ``belady`` evicts what is used again last. ``greedy`` clears the place in the scratchpad whose tensors cost least to
    evict now: the optimum of the integer program of that moment, without a look ahead.
    """
    graph = instance(problem)
    arena = _Arena(problem, graph)
    for step, number in enumerate(order):
        for buffer in problem.operators[number].touches:
            arena.uses.setdefault(buffer, []).append(step)
    for step, number in enumerate(order):
        arena.step = step
        _run(arena, problem.operators[number].touches, replacement)
    runs = tuple(sorted(arena.residencies, key=lambda run: (run.first, run.buffer)))
    kinds = [buffer.kind for buffer in problem.buffers]
    extra = sum(problem.buffers[run.buffer].size for run in runs if run.starts == "retrieved")
    extra += sum(problem.buffers[run.buffer].size for run in runs if run.stored and kinds[run.buffer] == "intermediate")
    return check(problem, Plan(order, runs, extra, 0, f"order given, {replacement} replacement"))


def _run(arena: _Arena, touched: tuple[int, ...], replacement: Replacement) -> None:
    missing = sorted((b for b in touched if b not in arena.address), key=lambda b: (-arena.graph.sizes[b], b))
    for buffer in missing:
        if not _make_room(arena, buffer, touched, replacement):
            _side_by_side(arena, touched)
            break
    for buffer in touched:
        if arena.uses[buffer][-1] == arena.step:
            _leave(arena, buffer, arena.step)


def _make_room(arena: _Arena, buffer: int, touched: tuple[int, ...], replacement: Replacement) -> bool:
    """Place a buffer, evicting others as needed; False if the operator's own buffers leave no hole."""
    size = arena.graph.sizes[buffer]
    if replacement == "greedy":
        place = _cheapest_place(arena, size, touched)
        if place is None:
            return False
        for other in [b for b, at in arena.address.items() if at < place + size and place < at + arena.graph.sizes[b]]:
            _leave(arena, other, arena.step - 1)
        _enter(arena, buffer, place)
        return True
    while (hole := _lowest_hole(arena, size)) is None:
        others = [other for other in arena.address if other not in touched]
        if not others:
            return False
        _leave(
            arena,
            max(others, key=lambda other: (_next_use(arena, other), arena.graph.sizes[other], other)),
            arena.step - 1,
        )
    _enter(arena, buffer, hole)
    return True


def _next_use(arena: _Arena, buffer: int) -> int:
    uses = arena.uses[buffer]
    return uses[bisect_right(uses, arena.step - 1)]


def _lowest_hole(arena: _Arena, size: int) -> int | None:
    end = 0
    for address, other in sorted((address, buffer) for buffer, address in arena.address.items()):
        if address - end >= size:
            return end
        end = address + arena.graph.sizes[other]
    return end if arena.graph.capacity - end >= size else None


def _cheapest_place(arena: _Arena, size: int, touched: tuple[int, ...]) -> int | None:
    """Address at which making room costs least, the lowest of equals; None if the operator's buffers are everywhere."""
    sizes = arena.graph.sizes
    edges = {0, arena.graph.capacity - size}
    for buffer, address in arena.address.items():
        edges |= {address + sizes[buffer], address - size}
    best: tuple[int, int] | None = None
    for place in sorted(edge for edge in edges if 0 <= edge <= arena.graph.capacity - size):
        hit = [b for b, at in arena.address.items() if at < place + size and place < at + sizes[b]]
        if any(buffer in touched for buffer in hit):
            continue
        cost = sum(sizes[b] + (0 if b in arena.spilled else arena.graph.spill[b]) for b in hit)
        if best is None or cost < best[0]:
            best = (cost, place)
    return None if best is None else best[1]


def _side_by_side(arena: _Arena, touched: tuple[int, ...]) -> None:
    """Everything leaves, and what the operator touches comes in one after another."""
    for buffer in list(arena.address):
        _leave(arena, buffer, arena.step - 1)
    end = 0
    for buffer in touched:
        _enter(arena, buffer, end)
        end += arena.graph.sizes[buffer]


def _enter(arena: _Arena, buffer: int, address: int) -> None:
    arena.address[buffer], arena.since[buffer] = address, arena.step


def _leave(arena: _Arena, buffer: int, last: int) -> None:
    """End a residency after the step ``last``; one that has not begun yet never was."""
    address, first = arena.address.pop(buffer), arena.since.pop(buffer)
    if last < first:
        return
    kind = arena.problem.buffers[buffer].kind
    fresh = buffer not in arena.seen
    evicted = arena.uses[buffer][-1] > last
    stored = fresh and kind == "output"
    if evicted and kind == "intermediate" and buffer not in arena.spilled:
        arena.spilled.add(buffer)
        stored = True
    starts = "retrieved" if not fresh else "loaded" if kind in ("input", "parameter") else "computed"
    arena.seen.add(buffer)
    arena.residencies.append(Residency(buffer, first, last, address * arena.graph.unit, starts, stored))
