"""Buffers in the scratchpad as boxes: the steps they stay, and their size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """A buffer in the scratchpad during the steps first..last, both included, of this many units."""

    first: int
    last: int
    size: int


@dataclass(frozen=True, slots=True)
class Placement:
    """What came of placing boxes.

    Attributes:
        addresses: per box, or None where no placement was found.
        impossible: positions of boxes that provably cannot be placed together; empty if nothing is proven.
    """

    addresses: tuple[int, ...] | None
    impossible: tuple[int, ...] = ()


def conflicts(boxes: tuple[Box, ...]) -> tuple[tuple[int, ...], ...]:
    """Per box, the boxes that share a step with it."""
    order = sorted(range(len(boxes)), key=lambda box: boxes[box].first)
    found: list[list[int]] = [[] for _ in boxes]
    active: list[int] = []
    for box in order:
        active = [other for other in active if boxes[other].last >= boxes[box].first]
        for other in active:
            found[other].append(box)
        found[box] = active.copy()
        active.append(box)
    return tuple(tuple(sorted(mine)) for mine in found)


def independent(boxes: tuple[Box, ...]) -> list[list[int]]:
    """Groups of boxes in time that share no step with another group."""
    groups: list[list[int]] = []
    end = -1
    for box in sorted(range(len(boxes)), key=lambda box: (boxes[box].first, box)):
        if boxes[box].first > end:
            groups.append([])
        groups[-1].append(box)
        end = max(end, boxes[box].last)
    return groups
