"""Matrix engines that take one operator after the other: padding, spills, sparsity, experts, the promised chips."""

from __future__ import annotations

import math

import pytest

from hwsim.config import ChipFileError, load_chip
from hwsim.fpga.clock import achieved_clock
from hwsim.report import Report
from mapper.estimate import estimate


def seconds(text: str, *changes: str) -> float:
    return estimate(
        text, load_chip("edge_moe_zcu102", ["units.core.switch=0 ns", "units.core.clock_is=achieved", *changes])
    ).seconds


def test_a_product_takes_whole_blocks_with_a_drain_each() -> None:
    # 17 rows are 3 blocks of 8, 40 columns are 5: 15 blocks over 4 engines are 4 rounds of 64 / 8 + 6 cycles.
    assert seconds("matmul:m=17,n=40,k=64,bits=8", "memories.ddr.bandwidth=9 TB/s") == pytest.approx(4 * 14 / 300e6)


def test_transfers_hide_behind_computation_only_where_the_design_overlaps_them() -> None:
    text = "matmul:m=512,n=512,k=512,bits=8"
    computing = seconds(text, "memories.ddr.bandwidth=9000 TB/s")
    moving = 3 * 512 * 512 / (19.2e9 * 0.8)
    assert seconds(text) == pytest.approx(max(computing, moving), rel=1e-3)
    assert seconds(text, "units.core.overlapped=false") == pytest.approx(computing + moving, rel=1e-3)


def spilled(buffer: str) -> Report:
    return estimate("vit-b16", load_chip("edge_moe_zcu102", [f"memories.bram.size={buffer}"]), bits={"activation": 8})


def test_an_intermediate_that_does_not_fit_is_spilled_and_says_so() -> None:
    small, large = spilled("64 KiB"), spilled("4 MiB")
    assert small.seconds >= large.seconds
    moved = [sum(row.read_bytes + row.write_bytes for row in report.traffic) for report in (small, large)]
    assert moved[0] > 1.2 * moved[1]
    assert any("spilled" in row.mapping for row in small.ops)
    assert not any("spilled" in row.mapping for row in large.ops)


def test_tokens_sorted_by_expert_read_each_busy_experts_weights_once() -> None:
    chips = [
        load_chip("edge_moe_zcu102", [f"units.core.by_expert={way}", "memories.ddr.size=1 TB"])
        for way in ("true", "false")
    ]
    bits: dict[str, int] = {"weight": 8, "activation": 8}
    once, each = (estimate("mixtral-8x7b", chip, phase="prefill", context=64, bits=bits) for chip in chips)
    read = [sum(row.read_bytes for row in report.traffic if "experts" in row.op) for report in (once, each)]
    # 64 tokens of two experts each over eight experts.
    assert read[1] / read[0] == pytest.approx(16, rel=0.02)


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_keeping_n_of_eight_weights_divides_work_and_traffic(kept: int) -> None:
    chip = load_chip("sat_vcu1525", [f"units.core.sparse=[{{ops: '*', n: {kept}, m: 8}}]", "units.core.drain=0"])
    dense = load_chip("sat_vcu1525", ["units.core.sparse=[]", "units.core.drain=0"])
    text = "matmul:m=3200,n=320,k=640,bits=16"
    ours, full = (estimate(text, one) for one in (chip, dense))
    assert ours.seconds / full.seconds == pytest.approx(kept / 8, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "chip", "phase"),
    [
        ("gpt2-medium", "intar_u280", "decode"),
        ("gpt2-medium", "intar_vpk180", "prefill"),
        ("vit-b16", "edge_moe_zcu102", "forward"),
        ("resnet-18", "sat_vcu1525", "forward"),
    ],
)
def test_the_promised_chips_estimate(model: str, chip: str, phase: str) -> None:
    report = estimate(model, load_chip(chip), phase=phase)
    assert report.seconds >= report.bounds.seconds > 0
    assert report.energy_joules > 0


def test_the_stated_speed_up_over_dfx_lies_between_the_styles_of_gpt2_medium_on_the_vpk180() -> None:
    """6,079 ms (DFX at 1,024 tokens, repository of InTAR) and 39.14 (abstract; the length is not said)."""
    bits = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
    chips = [load_chip("intar_vpk180", [f"units.core.style={style}"]) for style in ("sequential", "reconfigurable")]
    one, side = (estimate("gpt2-medium", chip, phase="prefill", context=1024, bits=bits).seconds for chip in chips)
    assert 0.6 * 6.079 / 39.14 < side < 6.079 / 39.14 < one < 1.2 * 6.079 / 39.14


def test_engines_beyond_the_board_are_refused() -> None:
    with pytest.raises(ChipFileError, match="dsp: 4,096 needed, the board has 2,520"):
        load_chip("edge_moe_zcu102", ["units.core.engines=8"])


def test_a_fuller_design_and_one_over_more_dies_clock_lower() -> None:
    clocks = [achieved_clock(300e6, use, dies) for use, dies in ((0.1, 1), (0.4, 1), (0.7, 1), (0.7, 3), (1.0, 3))]
    assert clocks[0] == clocks[1] == 300e6
    assert clocks[1:] == sorted(clocks[1:], reverse=True) and math.isfinite(clocks[-1]) and clocks[-1] > 150e6
    with pytest.raises(ValueError, match="not a design"):
        achieved_clock(300e6, 1.2, 1)
