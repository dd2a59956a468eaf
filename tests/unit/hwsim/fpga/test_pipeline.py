"""Operators side by side on FPGA engines: shares of engines, FIFOs, what may stream."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.units._fpga_pipeline import Task, play_tasks, split_engines

pieces = st.tuples(st.integers(1, 40), st.integers(1, 30))


def slowest(products: list[tuple[int, int]], given: tuple[int, ...]) -> int:
    return max(math.ceil(blocks / count) * deep for (blocks, deep), count in zip(products, given, strict=True))


@settings(deadline=None)
@given(st.lists(pieces, min_size=1, max_size=3), st.integers(3, 7))
def test_no_other_split_of_the_engines_has_a_faster_slowest_product(
    products: list[tuple[int, int]], engines: int
) -> None:
    ours = split_engines(products, engines)
    ways = product(range(1, engines + 1), repeat=len(products))
    assert sum(ours) == engines
    assert slowest(products, ours) == min(slowest(products, way) for way in ways if sum(way) <= engines)


def test_more_products_than_engines_are_refused() -> None:
    with pytest.raises(ValueError, match="3 products side by side, there are 2 engines"):
        split_engines([(1, 1)] * 3, 2)


def test_a_group_takes_its_slowest_task_and_the_first_rows_of_the_others() -> None:
    # 8 blocks of rows: the products take 40 and 80 cycles, element-wise work 16 between them.
    tasks = [Task("a", 8, 5, 8), Task("e", 0, 16, 1, ((0, 800),)), Task("b", 8, 10, 8, ((1, 800),))]
    played = play_tasks(tasks, 2)
    assert played.cycles == 80 + 40 // 8 + 16 // 8
    assert dict(played.engines) == {"a": 1, "b": 1}


def test_fifos_hold_what_a_slow_reader_has_not_taken() -> None:
    fast, slow = Task("fast", 8, 1, 8), Task("slow", 8, 100, 8, ((0, 8000),))
    assert play_tasks([fast, slow], 2).fifo_bytes == 8 * 1000
    even = Task("even", 8, 1, 8, ((0, 8000),))
    assert play_tasks([fast, even], 2).fifo_bytes <= 2 * 1000


def test_element_wise_work_shares_the_lanes() -> None:
    tasks = [Task("p", 1, 1, 1), *(Task(f"e{i}", 0, 50, 1, ((i, 1),)) for i in range(3))]
    assert play_tasks(tasks, 1).cycles == 1 + 3 * 150
