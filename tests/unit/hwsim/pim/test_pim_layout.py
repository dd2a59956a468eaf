"""Layouts: all weights are read, rows are read from end to end, faster parts never make it slower."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.pim.commands import played
from hwsim.pim.layout import Geometry, Product, best_layout, layouts
from tests.unit.hwsim.pim.test_pim_commands import timing_named

SHAPES = {
    "pim_gpt": Geometry(8, 16, 16, 64, 1024),
    "hbm2_pim": Geometry(64, 8, 16, 32, 128, accumulators=8, result_lanes=16),
    "hbm3_logic_pim": Geometry(160, 8, 16, 32, 16384, accumulators=64, vectors=8, sets=2),
}
PRODUCTS = st.builds(Product, st.integers(1, 9), st.integers(1, 700), st.integers(1, 3000), st.integers(1, 9))


@settings(deadline=None, max_examples=40)
@given(product=PRODUCTS, chip=st.sampled_from(sorted(SHAPES)))
def test_every_layout_reads_the_whole_matrix_for_every_vector(product: Product, chip: str) -> None:
    shape, timing = SHAPES[chip], timing_named(chip)
    for layout in layouts(product, shape, timing):
        counts = layout.played.counts
        share = layout.split * (shape.channels // layout.split)
        lanes = share * shape.units * shape.lanes * shape.vectors
        assert counts["MAC"] * lanes >= product.groups * product.n * product.k * product.vectors
        inputs = counts["WR_GB"] * shape.burst * layout.split
        assert inputs >= product.groups * product.k * product.vectors
        results = counts["RD_MAC"] * shape.burst * share
        assert results >= product.groups * product.n * product.vectors


@settings(deadline=None, max_examples=15)
@given(product=st.builds(Product, st.integers(1, 3), st.integers(1, 300), st.integers(1, 1500), st.integers(1, 3)))
def test_the_time_of_a_layout_is_that_of_its_commands_one_by_one(product: Product) -> None:
    for chip, shape in SHAPES.items():
        layout = best_layout(product, shape, timing_named(chip))
        assert layout.played == played(layout.program, timing_named(chip))


def test_long_rows_are_hit_63_times_of_64() -> None:
    found = best_layout(Product(1, 8192, 2048), SHAPES["pim_gpt"], timing_named("pim_gpt"))
    assert found.played.row_hit_rate == 1 - 1 / 64


@settings(deadline=None, max_examples=20)
@given(product=PRODUCTS)
def test_more_channels_are_never_slower(product: Product) -> None:
    shape, timing = SHAPES["pim_gpt"], timing_named("pim_gpt")
    more = best_layout(product, replace(shape, channels=16), timing)
    assert more.played.cycles <= best_layout(product, shape, timing).played.cycles


@pytest.mark.parametrize("name", ["rcd_mac", "rp", "ccd", "burst", "rtp"])
def test_slower_timing_is_never_faster(name: str) -> None:
    timing = timing_named("gddr6_aim")
    slower = timing.model_copy(update={name: getattr(timing, name) + 10})
    product, shape = Product(4, 300, 1500), SHAPES["pim_gpt"]
    assert best_layout(product, shape, slower).played.cycles >= best_layout(product, shape, timing).played.cycles


def test_vectors_share_an_open_row_or_a_read_of_the_weights() -> None:
    product = Product(1, 4096, 4096, 8)
    for chip, shape in SHAPES.items():
        one = best_layout(replace(product, vectors=1), shape, timing_named(chip)).played.cycles
        eight = best_layout(product, shape, timing_named(chip)).played.cycles
        assert eight <= 8 * one
        if shape.vectors == 8:
            assert eight < 2 * one
