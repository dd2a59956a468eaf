"""Addresses: many quick greedy placements, then complete search where they fail and the boxes are few."""

from __future__ import annotations

from random import Random

from mapper.scratchpad.boxes import Box, Placement, conflicts, independent
from mapper.scratchpad.packing import pack

MOST_PACKED = 120
"""Boxes up to which complete search is tried; it rarely ends for more."""


def place(boxes: tuple[Box, ...], capacity: int, rounds: int = 150, nodes: int = 20_000) -> Placement:
    """Addresses below the capacity; boxes that share no step, however indirectly, are placed on their own."""
    addresses: list[int] = [0] * len(boxes)
    for group in independent(boxes):
        part = tuple(boxes[box] for box in group)
        found = greedy(part, capacity, rounds)
        if found is None:
            exact = pack(part, capacity, nodes) if len(part) <= MOST_PACKED else Placement(None)
            if exact.addresses is None:
                return Placement(None, tuple(group[box] for box in exact.impossible))
            found = exact.addresses
        for box, address in zip(group, found, strict=True):
            addresses[box] = address
    return Placement(tuple(addresses))


def greedy(boxes: tuple[Box, ...], capacity: int, rounds: int) -> tuple[int, ...] | None:
    """Lowest fit in several orders, each repeated with what did not fit moved before what was in its way.

    After a third of the rounds it is moved before some of it only, by a fixed random sequence, lest the rounds repeat.
    """
    rng = Random(len(boxes))
    near = tuple(frozenset(mine) for mine in conflicts(boxes))
    crowd = [sum(boxes[other].size for other in near[box]) + boxes[box].size for box in range(len(boxes))]
    keys: tuple[list[tuple[int, int]], ...] = (
        [(-box.size, box.first) for box in boxes],
        [(-(box.last - box.first + 1) * box.size, box.first) for box in boxes],
        [(box.first, -box.last) for box in boxes],
        [(box.first - box.last, -box.size) for box in boxes],
        [(-around, box.first) for around, box in zip(crowd, boxes, strict=True)],
    )
    for key in keys:
        order = sorted(range(len(boxes)), key=lambda box, key=key: key[box])
        for number in range(rounds):
            addresses, late = lowest_fit(boxes, near, order, capacity)
            if not late:
                return tuple(addresses)
            for box in late:
                place = order.index(box)
                del order[place]
                ahead = [place for place, other in enumerate(order[:place]) if other in near[box]]
                if ahead:
                    order.insert(ahead[0] if number < rounds // 3 else rng.choice(ahead), box)
                else:
                    order.insert(0, box)
    return None


def lowest_fit(
    boxes: tuple[Box, ...], near: tuple[frozenset[int], ...], order: list[int], capacity: int
) -> tuple[list[int], list[int]]:
    """Every box in turn at the lowest hole it fits in; second, the boxes that end above the capacity."""
    addresses = [-1] * len(boxes)
    late: list[int] = []
    for box in order:
        size = boxes[box].size
        address = 0
        for start, other in sorted(
            (addresses[other], boxes[other].size) for other in near[box] if addresses[other] >= 0
        ):
            if start - address >= size:
                break
            address = max(address, start + other)
        addresses[box] = address
        if address + size > capacity:
            late.append(box)
    return addresses, late
