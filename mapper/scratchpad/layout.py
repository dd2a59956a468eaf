"""A plan as steps, addresses and transfers.

What is brought in is asked for one operator ahead where its addresses are free by then, and what is written out may
take until its addresses are used again, at most while the next operator runs; so both overlap with computation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hwsim.schedule import Placement, Transfer, TransferKind
from mapper.scratchpad.adapt import Adapted
from mapper.scratchpad.problem import Plan, Residency


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of a graph's pieces, with everything that a plan decides about them.

    Attributes:
        order: positions of the pieces; a step is a place in it.
        placements, transfers: by step.
        resident: of every step, the tensors that it finds or leaves on chip.
    """

    order: tuple[int, ...]
    placements: tuple[Placement, ...]
    transfers: tuple[Transfer, ...]
    resident: tuple[frozenset[str], ...]


@dataclass(slots=True)
class _Room:
    """Address ranges in use: (first turn, last turn, address, end); a turn is a place in the plan's order."""

    used: list[tuple[int, int, int, int]]

    def free(self, turn: int, own: Residency, size: int) -> bool:
        """Whether nothing lies at a residency's addresses during a turn."""
        end = own.address + size
        return not any(
            first <= turn <= last and begin < end and own.address < stop for first, last, begin, stop in self.used
        )

    def take(self, turn: int, own: Residency, size: int) -> None:
        """Use a residency's addresses during one more turn."""
        self.used.append((turn, turn, own.address, own.address + size))


def layout_of(adapted: Adapted, plan: Plan) -> Layout:
    """The steps of a plan with addresses and transfers.

    Args:
        adapted: the graph as a problem.
        plan: an answer to it.
    """
    order: list[int] = []
    spans: list[tuple[int, int]] = []
    for operator in plan.order:
        group = adapted.groups[operator]
        spans.append((len(order), len(order) + len(group.pieces) - 1))
        order += group.pieces
    buffers = adapted.problem.buffers
    room = _Room(
        [(one.first, one.last, one.address, one.address + buffers[one.buffer].size) for one in plan.residencies]
    )
    placements: list[Placement] = []
    transfers: list[Transfer] = []
    resident: list[set[str]] = [set() for _ in order]
    for one in plan.residencies:
        name = adapted.tensors.get(one.buffer)
        if name is None:
            continue
        size = buffers[one.buffer].size
        first, last = _stretched(adapted, plan, room, one)
        steps = spans[first][0], spans[last][1]
        placements.append(Placement(name, adapted.memory, one.address, size, *steps))
        transfers += _moves(adapted, plan, one, steps, spans)
        for turn in range(one.first, one.last + 1):
            group = adapted.groups[plan.order[turn]]
            if name in (*group.reads, *group.writes) and name not in group.streamed:
                for step in range(spans[turn][0], spans[turn][1] + 1):
                    resident[step].add(name)
    for place in _inner(adapted, plan, spans):
        placements.append(place)
        for step in range(place.first_step, place.last_step + 1):
            resident[step].add(place.tensor)
    ordered = sorted(placements, key=lambda p: (p.first_step, p.address, p.tensor))
    moved = sorted(transfers, key=lambda t: (t.first_step, not t.inward, t.last_step, t.tensor))
    return Layout(tuple(order), tuple(ordered), tuple(moved), tuple(frozenset(names) for names in resident))


def _stretched(adapted: Adapted, plan: Plan, room: _Room, one: Residency) -> tuple[int, int]:
    """First and last turn of a residency, with the turn before or after it while it is moved, where that is free."""
    size = adapted.problem.buffers[one.buffer].size
    first, last = one.first, one.last

    def may_use(turn: int) -> bool:
        inside = 0 <= turn < len(plan.order)
        return inside and _untouched(adapted, plan, one, turn) and room.free(turn, one, size)

    if one.starts != "computed" and may_use(first - 1):
        first -= 1
        room.take(first, one, size)
    if one.stored and last == one.first and may_use(last + 1):
        last += 1
        room.take(last, one, size)
    return first, last


def _untouched(adapted: Adapted, plan: Plan, one: Residency, turn: int) -> bool:
    """Whether the operator of a turn neither reads nor writes a buffer's tensor, resident or streamed."""
    group = adapted.groups[plan.order[turn]]
    return adapted.tensors[one.buffer] not in (*group.reads, *group.writes)


def _moves(
    adapted: Adapted, plan: Plan, one: Residency, steps: tuple[int, int], spans: Sequence[tuple[int, int]]
) -> list[Transfer]:
    """The transfers of one residency, whose place lasts from the first to the last of ``steps``."""
    buffer = adapted.problem.buffers[one.buffer]
    name, own = adapted.tensors[one.buffer], spans[one.first]
    moves: list[Transfer] = []
    if one.starts != "computed":
        kind: TransferKind = "load" if one.starts == "loaded" else "retrieve"
        moves.append(Transfer(name, kind, adapted.memory, buffer.size, steps[0], own[0]))
    if one.stored:
        kind = "store" if buffer.kind == "output" else "spill"
        due = own[1]
        if one.first + 1 < len(spans) and name not in adapted.groups[plan.order[one.first + 1]].streamed:
            due = min(steps[1], spans[one.first + 1][1])
        moves.append(Transfer(name, kind, adapted.memory, buffer.size, own[1], due))
    return moves


def _inner(adapted: Adapted, plan: Plan, spans: Sequence[tuple[int, int]]) -> Iterator[Placement]:
    """Places of the tensors that live only within an operator."""
    turns = {operator: turn for turn, operator in enumerate(plan.order)}
    operators = {area: operator for operator, area in adapted.areas.items()}
    for one in plan.residencies:
        if one.buffer not in operators:
            continue
        group = adapted.groups[operators[one.buffer]]
        first = spans[turns[operators[one.buffer]]][0]
        for inner in group.inner:
            begin, end = (first + group.pieces.index(piece) for piece in (inner.first, inner.last))
            yield Placement(inner.tensor, adapted.memory, one.address + inner.offset, inner.size, begin, end)
