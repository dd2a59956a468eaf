from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip import Memory
from hwsim.dram.bandwidth import STREAM, Channel, Runs, dram_of, sustained_bytes_per_second
from hwsim.dram.energy import CurrentsError, activation_joules
from hwsim.dram.timing import load_standard, standard_names
from hwsim.layout import runs_of
from hwsim.nest import NestOperand
from tests.unit.hwsim.dram_oracle import Oracle, refresh_stall
from workloads.errors import UserError

names = st.sampled_from(standard_names())
WORST = 0.06


def memory(**changes: object) -> Memory:
    data = {
        "kind": "dram",
        "size": "8 GiB",
        "bandwidth": "512 GB/s",
        "timing": {"standard": "hbm2", "channels": 32},
        **changes,
    }
    return Memory.model_validate({key: value for key, value in data.items() if value is not None})


@pytest.mark.parametrize("name", standard_names())
@pytest.mark.parametrize("bursts", [1, 2, 3, 8, 16])
def test_the_closed_form_is_a_bound_that_a_channel_played_clock_by_clock_nearly_reaches(name: str, bursts: int) -> None:
    standard = load_standard(name)
    closed = float(Channel(standard).visit_clocks(bursts))
    played = Oracle(standard, bursts).run(8 * standard.banks)
    assert closed <= played * 1.001
    assert played <= closed * (1 + WORST)


@pytest.mark.parametrize("name", standard_names())
def test_refresh_alone_costs_exactly_what_its_commands_take(name: str) -> None:
    standard = load_standard(name)
    assert Channel(standard).refresh_share() == 1 - refresh_stall(standard) / standard.clocks.refi
    assert float(Channel(standard).fraction(standard.row)) == pytest.approx(Channel(standard).refresh_share())


@given(names, st.integers(1, 64), st.integers(1, 64), st.floats(0.5, 2))
def test_longer_visits_are_never_slower_per_byte(name: str, one: int, other: int, analog: float) -> None:
    channel = Channel(load_standard(name), analog)
    short, long = sorted((one, other))
    burst = channel.standard.burst
    assert channel.fraction(short * burst) <= channel.fraction(long * burst) * (1 + 1e-12)
    assert 0 < channel.fraction(short * burst) < 1


@given(names, st.floats(1, 1e6), st.floats(1, 1e6), st.integers(1, 64))
def test_more_bytes_side_by_side_never_take_less_time_and_never_beat_a_stream(
    name: str, one: float, other: float, channels: int
) -> None:
    peak = channels * load_standard(name).peak_bytes_per_second
    dram = dram_of(memory(bandwidth=f"{peak:.6e} B/s", timing={"standard": name, "channels": channels}))
    assert dram is not None
    short, long = sorted((one, other))
    seconds = [size / float(dram.bytes_per_second(Runs(size, math.inf, 1))) for size in (short, long)]
    assert seconds[0] <= seconds[1] * (1 + 1e-9)
    assert float(dram.bytes_per_second(Runs(short, math.inf, 1))) <= dram.stream_bytes_per_second * (1 + 1e-9)


def test_a_faster_data_rate_keeps_the_nanoseconds_of_the_array() -> None:
    standard = load_standard("hbm2")
    slow, fast = Channel(standard), Channel(standard, 1.2)
    assert fast.refresh_share() == slow.refresh_share()
    no_bus = standard.model_copy(update={"clocks": standard.clocks.model_copy(update={"row_bus": 1})})
    per_visit = [float(Channel(no_bus, analog).visit_clocks(1)) / analog for analog in (1.0, 1.2)]
    assert per_visit[0] == pytest.approx(per_visit[1])


def test_neighbouring_runs_share_a_row_and_far_ones_do_not() -> None:
    dram = dram_of(memory())
    assert dram is not None
    assert dram.bytes_per_visit(Runs(32, math.inf, 1)) == 32
    assert dram.bytes_per_visit(Runs(64, 128, 10**6)) == pytest.approx(512)
    assert dram.bytes_per_visit(STREAM) == 1024
    # Two runs of 16 bytes in bursts of 32 waste half of what is read.
    assert float(dram.bytes_per_second(Runs(16, 64, 10**6))) == pytest.approx(dram.stream_bytes_per_second / 2)


def test_a_stated_efficiency_beats_the_timing() -> None:
    assert sustained_bytes_per_second(memory(efficiency=0.5)) == pytest.approx(256e9)
    assert sustained_bytes_per_second(memory()) == pytest.approx(512e9 * (1 - 288 / 3900))
    assert sustained_bytes_per_second(memory(timing=None)) == pytest.approx(512e9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timing": {"standard": "hbm9", "channels": 32}}, "hbm2"),
        ({"timing": {"standard": "hbm2", "channels": 2}}, "expected a count"),
        ({"bandwidth": None}, "only a dram with a bandwidth"),
        ({"kind": "sram"}, "only a dram with a bandwidth"),
    ],
)
def test_timing_that_can_not_belong_to_a_memory_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        memory(**changes)


def test_an_unknown_standard_is_a_user_error() -> None:
    with pytest.raises(UserError, match="did you mean"):
        load_standard("hbm22")


@pytest.mark.parametrize("name", standard_names())
def test_every_number_of_a_standard_has_a_source(name: str) -> None:
    standard = load_standard(name)
    covered = {key.split(".")[0] for source in standard.sources for key in source.keys}
    assert covered == standard.model_fields_set - {"title", "sources"}
    assert standard.row % standard.burst == 0
    assert standard.clocks.rc >= standard.clocks.ras + standard.clocks.rp


def test_opening_a_row_costs_what_the_currents_say() -> None:
    power = load_standard("hbm2").power
    assert power is not None
    # 1.2 V x (65 x 48 - 55 x 34 - 40 x 14) mA ns
    assert activation_joules(power) == pytest.approx(0.828e-9)


@pytest.mark.parametrize("changes", [{"idd0": 0.05}, {"idd2n": 0.06}, {"row_open": 50e-9}])
def test_currents_that_would_make_a_row_free_are_refused(changes: dict[str, float]) -> None:
    power = load_standard("hbm2").power
    assert power is not None
    with pytest.raises(CurrentsError, match="IDD2N <= IDD3N < IDD0"):
        activation_joules(power.model_copy(update=changes))


def test_runs_end_at_the_first_axis_that_a_tile_covers_in_part() -> None:
    operand = NestOperand("input", ((("n", 1),), (("c", 1),), (("p", 1),)), 8)
    full = {"n": 4, "c": 8, "p": 16}
    assert runs_of(operand, {"n": 4, "c": 8, "p": 16}, full, 8) == (512, 512, 1)
    assert runs_of(operand, {"n": 2, "c": 4, "p": 16}, full, 8) == (64, 128, 2)
    assert runs_of(operand, {"n": 2, "c": 4, "p": 4}, full, 8) == (4, 16, 4)
    weight = NestOperand("weight", operand.axes, 8)
    assert runs_of(weight, {"n": 2, "c": 4, "p": 4}, full, 16) == (64, 64, 1)


def test_a_command_level_simulator_agrees(reference: Path) -> None:
    """Ramulator 2.1: single bursts of random rows within 2 %, interleaved streams that keep rows open within 4 %."""
    bursts = {"GDDR6": 1, "DDR5": 1, "HBM2": 2}
    cases = {"rand_rd.FRFCFS.NoRefresh.Open": 0.02, "rand_rd.FRFCFS.AllBank.Open": 0.02}
    cases["stream_il_rd.FRFCFSRowHit.NoRefresh.Open"] = 0.04
    seen = 0
    for line in (reference / "dram_golden" / "results.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        name, case = row["key"].split(".", 1)
        if case in cases:
            standard = load_standard(name.lower())
            clocks = standard.clocks.model_copy(update={"rfc": 160} if name == "HBM2" else {})
            channel = Channel(standard.model_copy(update={"clocks": clocks}))
            fraction = float(channel.fraction(standard.burst if case.startswith("rand") else standard.row))
            if "NoRefresh" in case:
                fraction /= channel.refresh_share()
            measured = row["gbps"] * 1e9 / (bursts[name] * standard.peak_bytes_per_second)
            assert fraction == pytest.approx(measured, rel=cases[case]), row["key"]
            seen += 1
    assert seen == 9
