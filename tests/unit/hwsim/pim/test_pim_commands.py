"""Command streams: the reference against published traces, and the fast path against the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.pim.commands import Channel, Do, Loop, Node, Program, advanced, played, with_refresh
from hwsim.pim.timing import RULES, Command, PimTiming, constraints
from hwsim.units._dram_mac_spec import DramMacSpec

AIM_TILE: Program = (Do("WR_BIAS"), Do("PRE"), Do("ACT"), Do("MAC", 64), Do("RD_MAC"))
CHIPS = ("pim_gpt", "gddr6_aim", "hbm2_pim", "hbm3_bank_pim", "hbm3_bankgroup_pim", "hbm3_logic_pim")


def timing_named(chip: str) -> PimTiming:
    spec = load_chip(chip).units["pim"]
    assert isinstance(spec, DramMacSpec)
    return spec.timing


AIM = timing_named("gddr6_aim")


def gemv(tiles: int) -> Program:
    first = (Do("WR_BIAS"), Do("ACT"), Do("MAC", 64), Do("RD_MAC"))
    return (Do("WR_GB", 64), *first, Loop(tiles - 1, AIM_TILE)) if tiles > 1 else (Do("WR_GB", 64), *first)


def last_cycle(program: Program) -> int:
    """Cycle of the last command, counted from 1 as the traces do."""
    return played(program, AIM).cycles - AIM.result


@pytest.mark.parametrize("tiles", [2, 3, 16, 64])
def test_gemv_tiles_on_one_channel_take_the_published_cycles(tiles: int) -> None:
    assert last_cycle(gemv(tiles)) == 162 + 254 + 286 * (tiles - 2) + 284 - 4


def test_a_new_row_of_64_macs_takes_226_cycles_and_a_tile_with_activation_415() -> None:
    rows = [played((Loop(count, (Do("PRE"), Do("ACT"), Do("MAC", 64))),), AIM).cycles for count in (5, 6)]
    assert rows[1] - rows[0] == 226
    lookup: Program = (*AIM_TILE[:-1], Do("PRE"), Do("ACT"), Do("AF"), Do("RD_AF"))
    tiles = [played((Loop(count, lookup),), AIM).cycles for count in (5, 6)]
    assert tiles[1] - tiles[0] == 415


GOLDEN: dict[str, Program] = {
    "gemv_16x1024_1ch": gemv(1),
    "gemv_1024x1024_1ch": gemv(64),
    "mac_stream_64rows": (Do("ACT"), Do("MAC", 64), Loop(63, (Do("PRE"), Do("ACT"), Do("MAC", 64)))),
    "mac_samerow_16x64": (Do("ACT"), Do("MAC", 1024)),
    "one_WR_GB_64_0": (Do("WR_GB", 64),),
}
NAMES = {"WR_GB": "WRGB", "WR_BIAS": "WRMAC16", "RD_MAC": "RDMAC16", "MAC": "MAC16", "ACT": "ACT16", "PRE": "PREA"}


@pytest.mark.parametrize("case", GOLDEN)
def test_the_traces_of_the_aim_simulator_are_met_to_the_cycle(case: str, reference: Path) -> None:
    results = json.loads((reference / "dram_golden" / "aim" / "results.json").read_text(encoding="utf-8"))
    expected = next(row for row in results if row["case"] == case)
    found = played(GOLDEN[case], AIM)
    assert found.cycles - AIM.result == int(expected["ch0_last"].split(",")[0])
    counts = {NAMES.get(name, "TMOD"): count for name, count in found.counts.items()}
    assert counts == expected["ch0_commands"]


@pytest.mark.parametrize("chip", CHIPS)
def test_a_command_is_not_ready_a_cycle_early_for_every_rule(chip: str) -> None:
    timing = timing_named(chip)
    for before, after, name in RULES:
        for preceding in before:
            for following in after:
                latency = dict(constraints(timing)[following])[preceding]
                assert latency >= getattr(timing, name)
                channel = Channel(timing)
                channel.now = channel.last[preceding, 0] = 1000
                assert channel.earliest(following, 0) == 1000 + max(1, latency)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_first_result_of_a_row_comes_after_opening_and_reading(chip: str) -> None:
    timing = timing_named(chip)
    assert played((Do("ACT"), Do("MAC")), timing).cycles == timing.rcd_mac + 1 + timing.result


def test_two_sets_of_banks_hide_the_opening_of_rows() -> None:
    timing = timing_named("hbm3_logic_pim")
    half = (Do("MAC", 8), Do("PRE", 1, 1), Do("MAC", 8), Do("ACT", 1, 1), Do("MAC", 16))
    other = tuple(Do(node.command, node.count, 1 - node.banks) for node in half)
    pairs = [played((Do("PRE"), Do("ACT"), Loop(count, (*half, *other))), timing).cycles for count in (4, 5)]
    assert pairs[1] - pairs[0] == 2 * 32 * timing.ccd


COLUMN: tuple[Command, ...] = ("MAC", "WR_GB", "WR_BIAS", "RD_MAC", "AF", "RD_AF", "EWMUL", "WR", "ACT", "PRE")
DOS = st.builds(Do, st.sampled_from(COLUMN), st.integers(1, 70), st.integers(0, 1))
NODES: st.SearchStrategy[Node] = st.recursive(
    DOS,
    lambda inner: st.builds(Loop, st.integers(1, 9), st.lists(inner, min_size=1, max_size=4).map(tuple)),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(program=st.lists(NODES, min_size=1, max_size=4).map(tuple), chip=st.sampled_from(CHIPS))
def test_skipping_periods_changes_neither_time_nor_counts(program: Program, chip: str) -> None:
    timing = timing_named(chip)
    assert advanced(program, timing) == played(program, timing)


@pytest.mark.parametrize("chip", CHIPS)
def test_refresh_costs_its_share_of_a_long_stream(chip: str) -> None:
    timing = timing_named(chip)
    program: Program = (Loop(1500, (Do("PRE"), Do("ACT"), Do("MAC", 64))),)
    refreshed, plain = played(program, timing, refresh=True), advanced(program, timing)
    assert refreshed.counts["REF"] == refreshed.cycles // timing.refi
    assert refreshed.cycles == plain.cycles + timing.rfc * refreshed.counts["REF"]
    assert refreshed.cycles == pytest.approx(with_refresh(plain.cycles, timing), abs=timing.rfc)
