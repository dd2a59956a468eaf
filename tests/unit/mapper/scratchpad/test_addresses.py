"""Placement: what is placed does not overlap, and what is called impossible is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mapper.scratchpad.addresses import place
from mapper.scratchpad.boxes import Box, conflicts, independent
from mapper.scratchpad.packing import pack
from tests.unit.mapper.scratchpad.graphs import packs

QUICK = settings(deadline=None, max_examples=80, derandomize=True)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Box, ...]:
    found: list[Box] = []
    for _ in range(draw(st.integers(1, 7))):
        first = draw(st.integers(0, 5))
        found.append(Box(first, first + draw(st.integers(0, 3)), draw(st.integers(1, 4))))
    return tuple(found)


def height(found: tuple[Box, ...]) -> int:
    return max(sum(box.size for box in found if box.first <= step <= box.last) for step in range(10))


@QUICK
@given(boxes(), st.integers(-1, 1))
def test_complete_search_decides_as_trying_every_address_does(found: tuple[Box, ...], slack: int) -> None:
    capacity = height(found) + slack
    placed = pack(found, capacity, nodes=10_000)
    assert (placed.addresses is not None) == packs([tuple(box) for box in found], capacity)
    assert (placed.addresses is None) == bool(placed.impossible)


@QUICK
@given(boxes())
def test_nothing_placed_overlaps_or_sticks_out(found: tuple[Box, ...]) -> None:
    capacity = height(found) + 1
    placed = place(found, capacity)
    assert placed.addresses is not None or placed.impossible
    if placed.addresses is None:
        return
    spans = [(address, address + box.size) for address, box in zip(placed.addresses, found, strict=True)]
    assert all(low >= 0 and high <= capacity for low, high in spans)
    for box, near in enumerate(conflicts(found)):
        assert all(spans[box][1] <= spans[other][0] or spans[other][1] <= spans[box][0] for other in near)


def test_a_box_that_meets_no_other_is_a_group_of_its_own() -> None:
    assert independent((Box(0, 2, 1), Box(5, 6, 1), Box(2, 4, 1), Box(7, 7, 1))) == [[0, 2], [1], [3]]
