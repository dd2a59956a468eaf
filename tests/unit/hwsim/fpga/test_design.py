"""What a design takes of its board, and the clock that follows."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import ChipFileError, load_chip
from hwsim.fpga.boards import board_named
from hwsim.fpga.command import designs, resources
from hwsim.fpga.design import BRAM_BYTES, URAM_BYTES, design_of, expected_clock, memory_blocks
from hwsim.fpga.resources import Resources
from mapper.estimate import estimate

BUILT = {
    "mlp sequential": (32, 57328, 76903),
    "mlp dataflow": (32, 41605, 45700),
    "cnn-4l sequential": (576, 85704, 89432),
    "cnn-4l dataflow": (579, 66549, 71560),
    "self-attention reconfigurable": (43, 52612, 58106),
}
"""Slices, tables and flip-flops by TAPA's estimate (OswaldHe/InTAR, benchmark/*/README.md); the last was not fitted."""
FPGA_CHIPS = ("intar_u280", "intar_vpk180", "flightllm_u280", "flightllm_vhk158", "edge_moe_zcu102", "sat_vcu1525")


@pytest.mark.parametrize("name", list(BUILT))
def test_tables_and_flip_flops_of_built_designs_are_met_within_a_third(name: str) -> None:
    dsp, lut, ff = BUILT[name]
    board = board_named("u280")
    parts = dict(design_of(board, Resources(dsp=dsp), (), 1, Resources()).parts)
    ours = parts["engines"] + parts["interfaces"]
    assert (ours.lut, ours.ff) == (pytest.approx(lut, rel=0.34), pytest.approx(ff, rel=0.35))


@settings(deadline=None)
@given(st.lists(st.floats(1, 1e7), max_size=5), st.integers(0, 300))
def test_blocks_hold_the_buffers_and_no_more_ultrarams_than_there_are(sizes: list[float], urams: int) -> None:
    blocks = memory_blocks(tuple(sizes), urams)
    assert blocks.uram <= urams
    assert blocks.uram * URAM_BYTES + blocks.bram * BRAM_BYTES >= sum(sizes)


@pytest.mark.parametrize("name", FPGA_CHIPS)
def test_the_parts_of_every_shipped_design_fit_its_board(name: str) -> None:
    ((_, design),) = designs(load_chip(name))
    assert design.problems == ()
    assert 0.1 < design.logic_utilization <= 1


@pytest.mark.parametrize(
    ("change", "resource"),
    [
        ("units.core.engines=12", "dsp: 12,292 needed, the board has 9,024"),
        ("memories.uram.size=64 MiB", "bram: 14,764 needed, the board has 2,016"),
        ("units.core.other={lut: 1000000}", "lut: 1,454,639 needed, the board has 1,302,720"),
    ],
)
def test_a_design_that_does_not_fit_is_refused_by_the_name_of_the_resource(change: str, resource: str) -> None:
    with pytest.raises(ChipFileError, match=resource):
        load_chip("intar_u280", [change])


def test_a_requested_clock_is_reached_only_in_part_and_the_report_says_so() -> None:
    text = "matmul:m=4096,n=4096,k=4096,bits=8"
    asked = ["clocks.fabric=300 MHz", "memories.hbm.bandwidth=900 TB/s", "units.core.switch=0 ns"]
    reached = load_chip("intar_u280", asked)
    requested = load_chip("intar_u280", [*asked, "units.core.clock_is=requested"])
    ((_, design),) = designs(requested)
    ours, ideal = estimate(text, requested), estimate(text, reached)
    assert ideal.seconds / ours.seconds == pytest.approx(expected_clock(design, 300e6) / 300e6, rel=1e-3)
    assert any("expected to reach 241 of 300 MHz" in line for line in ours.warnings)
    assert not any("MHz" in line for line in ideal.warnings)


def test_the_command_prints_the_same_as_it_writes() -> None:
    found = CliRunner().invoke(resources, ["intar_u280", "--json"])
    (row,) = json.loads(found.output)
    assert row["total"]["dsp"] == 6148 and row["parts"]["shell"]["lut"] == 105_683
    shown = CliRunner().invoke(resources, ["intar_u280"]).output
    assert "6,148" in shown and "share" in shown
    assert CliRunner().invoke(resources, ["tpu_v4i"]).exit_code != 0
