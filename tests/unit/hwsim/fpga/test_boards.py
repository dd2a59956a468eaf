"""Boards and their budgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.fpga.boards import Board, board_named, boards
from hwsim.fpga.resources import Resources, dot_engine, over_budget, utilization
from workloads.errors import UserError

PROMISED = {"u280", "vhk158", "vcu1525", "zcu102", "zcu104", "vpk180", "stratix10"}


def test_the_promised_boards_are_there() -> None:
    assert set(boards()) >= PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_every_number_of_a_board_is_covered_by_a_source(name: str) -> None:
    board = board_named(name)
    stated = {key for key in Board.model_fields if key != "sources" and getattr(board, key) is not None}
    covered = {key.partition(".")[0] for source in board.sources for key in source.keys}
    assert covered == stated


def test_an_unknown_board_is_refused_with_the_closest() -> None:
    with pytest.raises(UserError, match="did you mean 'vhk158'"):
        board_named("vhk185")


@pytest.mark.parametrize(("macs", "packed", "dsp"), [(4096, 2, 2048), (4096, 1, 4096), (9, 3, 3), (10, 3, 4)])
def test_int8_products_share_slices(macs: int, packed: int, dsp: int) -> None:
    assert dot_engine(macs, packed) == Resources(dsp=dsp)


amounts = st.builds(Resources, dsp=st.integers(0, 99), lut=st.integers(0, 99), bram=st.integers(0, 99))


@given(amounts, amounts)
def test_a_design_fits_exactly_if_no_resource_is_used_above_its_amount(used: Resources, budget: Resources) -> None:
    fits = utilization(used, budget) <= 1
    assert fits == (over_budget(used, budget) == ())


@given(amounts, st.integers(1, 5))
def test_several_equal_designs_need_the_sum(one: Resources, count: int) -> None:
    total = Resources()
    for _ in range(count):
        total = total + one
    assert total == one.times(count)
