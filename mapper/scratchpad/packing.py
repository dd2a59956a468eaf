"""Complete search for addresses: it finds a placement of a few dozen boxes, or proves that there is none."""

from __future__ import annotations

from dataclasses import dataclass

from mapper.scratchpad.boxes import Box, Placement


@dataclass(slots=True)
class _Packing:
    """State of the search.

    Attributes:
        boxes: what is placed.
        capacity: units.
        sections: largest sets of boxes that are there together.
        covers: per box, the sections it is in.
        floor: per section, the top of what is placed.
        remaining: per section, units still to come.
        addresses: of the placed boxes, -1 for others.
        left: boxes to be placed.
        nodes: how many more may be looked at.
    """

    boxes: tuple[Box, ...]
    capacity: int
    sections: list[frozenset[int]]
    covers: tuple[tuple[int, ...], ...]
    floor: list[int]
    remaining: list[int]
    addresses: list[int]
    left: list[int]
    nodes: int


def pack(boxes: tuple[Box, ...], capacity: int, nodes: int) -> Placement:
    """Boxes from the bottom up, each resting on what is below it; undecided after so many nodes.

    In a placement of least total address each box rests on the floor or on another, so only sequences of rising address
    in which the next box rests on what is placed matter. One is dead when at some step what is placed, holes included,
    and what is still to come exceed the capacity, or when a box left out would fit below the next one.
    """
    sections = _sections(boxes)
    search = _Packing(
        boxes=boxes,
        capacity=capacity,
        sections=sections,
        covers=tuple(tuple(number for number, mine in enumerate(sections) if box in mine) for box in range(len(boxes))),
        floor=[0] * len(sections),
        remaining=[sum(boxes[box].size for box in section) for section in sections],
        addresses=[-1] * len(boxes),
        left=[],
        nodes=nodes,
    )
    search.left = sorted(range(len(boxes)), key=lambda box: (-len(search.covers[box]), -boxes[box].size, box))
    if _descend(search, 0, -1):
        return Placement(tuple(search.addresses))
    return Placement(None, tuple(range(len(boxes))) if search.nodes > 0 else ())


def _sections(boxes: tuple[Box, ...]) -> list[frozenset[int]]:
    found: list[frozenset[int]] = []
    for step in sorted({box.last for box in boxes}):
        there = frozenset(number for number, box in enumerate(boxes) if box.first <= step <= box.last)
        if found and there <= found[-1]:
            continue
        while found and found[-1] <= there:
            found.pop()
        found.append(there)
    return found


def _descend(search: _Packing, lowest: int, previous: int) -> bool:
    """Place all that is left at ``lowest`` or above; False if that cannot be, or the nodes are used up."""
    if not search.left:
        return True
    search.nodes -= 1
    if search.nodes <= 0:
        return False
    rests = {box: max(search.floor[section] for section in search.covers[box]) for box in search.left}
    if not _hopeful(search, rests, lowest):
        return False
    ceiling = min(rest + search.boxes[box].size for box, rest in rests.items())
    rank = {box: number for number, box in enumerate(search.left)}
    for box in sorted(rests, key=lambda box: (rests[box], rank[box])):
        address = rests[box]
        if address >= ceiling:
            break
        if address < lowest or (address == lowest and box < previous):
            continue
        floors = [search.floor[section] for section in search.covers[box]]
        _put(search, box, address)
        if _descend(search, address, box):
            return True
        _take(search, box, rank[box], floors)
    return False


def _hopeful(search: _Packing, rests: dict[int, int], lowest: int) -> bool:
    """Whether at every step what is left can still fit above where its lowest box may start."""
    starts = [search.capacity] * len(search.floor)
    for box, rest in rests.items():
        for section in search.covers[box]:
            starts[section] = min(starts[section], max(rest, lowest))
    return all(start + remaining <= search.capacity for start, remaining in zip(starts, search.remaining, strict=True))


def _put(search: _Packing, box: int, address: int) -> None:
    search.addresses[box] = address
    search.left.remove(box)
    for section in search.covers[box]:
        search.floor[section] = address + search.boxes[box].size
        search.remaining[section] -= search.boxes[box].size


def _take(search: _Packing, box: int, place: int, floors: list[int]) -> None:
    search.addresses[box] = -1
    search.left.insert(place, box)
    for section, floor in zip(search.covers[box], floors, strict=True):
        search.floor[section] = floor
        search.remaining[section] += search.boxes[box].size
