"""InTAR's kernels: near the measured cycles, and in the published order of styles."""

from __future__ import annotations

from functools import cache

import pytest

from hwsim.fpga.dataflow import play_plan
from hwsim.fpga.kernels import DESIGNS, MEASURED, STYLES, Style


@cache
def cycles_of(kernel: str, style: Style) -> int:
    return play_plan(DESIGNS[kernel, style]())


KERNELS = ("self-attention", "mlp", "cnn-4l", "vae", "gating-net")


def test_every_kernel_is_there_in_every_style_and_measured() -> None:
    assert set(DESIGNS) == set(MEASURED) == {(kernel, style) for kernel in KERNELS for style in STYLES}


@pytest.mark.parametrize(("kernel", "style"), list(DESIGNS))
def test_measured_cycles_are_met_within_nine_percent(kernel: str, style: Style) -> None:
    assert cycles_of(kernel, style) == pytest.approx(MEASURED[kernel, style].cycles, rel=0.09)


@pytest.mark.parametrize("kernel", KERNELS)
def test_reconfiguring_beats_dataflow_and_dataflow_beats_one_engine(kernel: str) -> None:
    styles: tuple[Style, ...] = ("reconfigurable", "dataflow", "sequential")
    ours = [cycles_of(kernel, style) for style in styles]
    assert ours == sorted(ours)
    for faster, slower in ((0, 1), (1, 2)):
        published = MEASURED[kernel, styles[slower]].cycles / MEASURED[kernel, styles[faster]].cycles
        assert ours[slower] / ours[faster] == pytest.approx(published, rel=0.2)


def test_a_switch_of_twenty_nanoseconds_is_lost_in_the_kernel() -> None:
    groups = DESIGNS["mlp", "reconfigurable"]()
    switch = round(20e-9 * 300e6)
    assert 0 < play_plan(groups, switch) - play_plan(groups) < 1e-4 * play_plan(groups)
