"""The unit: what it refuses, where the mapper puts work, what commands cost."""

from __future__ import annotations

import dataclasses

import pytest

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.dram.energy import CurrentsError
from hwsim.machine import make_machine
from hwsim.units.base import KernelUnit
from hwsim.units.dram_mac import DramMac
from hwsim.units.registry import build_unit
from mapper.estimate import estimate, make_estimator
from mapper.graph import map_graph
from search.validation.groups.pim import ADD, GEMV, add_cycles, gemv_cycles
from search.validation.pim_gpt import row_hit_rate
from workloads.errors import UserError
from workloads.graph import Tensor
from workloads.inline import parse_inline
from workloads.model import Choices, plan_model
from workloads.phases import decode_step
from workloads.user import open_model

PLACEMENTS = ("hbm3_bank_pim", "hbm3_bankgroup_pim", "hbm3_logic_pim")


def pim_of(chip: Chip) -> DramMac:
    unit = build_unit("pim", chip)
    assert isinstance(unit, DramMac)
    return unit


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("timing.ras=5", ["units.pim.timing.ras", "closes before its first column at 12"]),
        ("timing.rc=20", ["rc", "ras + rp = 48"]),
        ("timing.refi=400", ["units.pim.timing.refi", "no time for work"]),
        ("row=2000 B", ["units.pim.row", "no multiple of the 32 B"]),
        ("rows=10000", ["units.pim.rows", "power of two"]),
        ("rows=8192", ["units.pim.rows", "memories.gddr6.size says"]),
        ("units=5", ["units.pim.units", "do not divide among 5"]),
        ("buffer=16 B", ["units.pim.buffer", "do not hold the 32 B"]),
        ("mac_clock=foo", ["units.pim.mac_clock", "'foo'"]),
        ("placement=bank_group", ["units", "one per bank group means 4"]),
    ],
)
def test_a_contradiction_is_named_by_its_key(change: str, words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        pim_of(load_chip("pim_gpt", [f"units.pim.{change}"]))
    assert all(word in str(raised.value) for word in words), raised.value


def test_a_matrix_larger_than_the_memory_is_refused_by_name() -> None:
    graph = parse_inline("matmul:m=1,n=100000,k=100000")
    op = graph.segments[0].ops[0]
    reason = pim_of(load_chip("pim_gpt")).refuses(op, graph.by_name)
    assert reason is not None and "weight" in reason and "larger than the memory of 4,294,967,296 B" in reason


def test_wide_operands_and_matrices_made_on_the_way_are_refused() -> None:
    unit = pim_of(load_chip("pim_gpt"))
    graph = parse_inline("matmul:m=1,n=64,k=64,bits=32")
    reason = unit.refuses(graph.segments[0].ops[0], graph.by_name)
    assert reason is not None and "--bits" in reason


def test_the_recalled_currents_of_pim_gpt_are_refused() -> None:
    chip = load_chip("pim_gpt")
    spec = chip.units["pim"].model_dump()
    recalled = {"vdd": "1.25 V", "idd0": "122 mA", "idd2n": "92 mA", "idd3n": "142 mA", "row_cycle": "48 ns"}
    spec["currents"] = {**recalled, "row_open": "36 ns", "devices": 1}
    keys = ("row", "buffer", "burst")
    spec |= {key: f"{spec[key]:.0f} B" for key in keys} | {"launch": "0 s"}
    spec["energy"] = {
        key: f"{value!r} J/op" if key in ("mac", "refresh") else f"{value!r} J/bit"
        for key, value in spec["energy"].items()
    }
    changed = chip.model_copy(update={"units": {**chip.units, "pim": type(chip.units["pim"]).model_validate(spec)}})
    with pytest.raises(CurrentsError, match="IDD2N <= IDD3N < IDD0"):
        pim_of(changed)


@pytest.mark.parametrize("chip", PLACEMENTS)
def test_the_mapper_takes_the_faster_unit_at_every_batch_and_the_gpu_wins_in_the_end(chip: str) -> None:
    machine = make_machine(load_chip(chip))
    chosen: list[str] = []
    for batch in (1, 2, 4, 8, 16, 32, 64, 128):
        graph = parse_inline(f"matmul:m={batch},n=8192,k=8192")
        op = graph.segments[0].ops[0]
        kernels = {name: machine.kernels[name].kernel(op, graph.by_name) for name in ("pim", "gpu")}
        times = {name: one.seconds + one.overhead_seconds for name, one in kernels.items()}
        unit = map_graph(graph, machine.chip).steps[0].mapping.unit
        assert times[unit] == min(times.values())
        chosen.append(unit)
    assert chosen[0] == "pim" and chosen[-1] == "gpu"
    assert chosen == sorted(chosen, reverse=True)


def test_the_cache_is_written_in_the_layout_of_the_unit_that_reads_it() -> None:
    report = estimate("gpt2", load_chip("pim_gpt"), phase="decode", context=100)
    units = {op.name: op.unit for op in report.ops if op.kind in ("kv_append", "matmul", "softmax")}
    assert {unit for name, unit in units.items() if "softmax" not in name} == {"pim"}
    keys, values = (op.seconds for op in report.ops if op.kind == "kv_append")
    assert values > 2 * keys, "each element of a value lies in a row of its own"


def test_every_command_that_was_issued_costs_energy() -> None:
    for chip in ("pim_gpt", "gddr6_aim", "hbm2_pim", *PLACEMENTS):
        report = estimate("gpt2", load_chip(chip), phase="decode", context=100)
        rows = [row for row in report.energy if row.component == "pim" and row.count]
        assert {"ACT", "MAC", "WR_GB", "RD_MAC", "WR", "REF"} <= {row.action for row in rows}
        assert all(row.energy_joules > 0 for row in rows)
        assert not [line for line in report.warnings if "energy" in line]


def test_a_macs_bits_cost_more_the_farther_they_travel() -> None:
    graph = parse_inline("matmul:m=1,n=4096,k=4096")
    op = graph.segments[0].ops[0]
    each: list[float] = []
    for chip in PLACEMENTS:
        unit = pim_of(load_chip(chip))
        macs = next(row for row in unit.kernel(op, graph.by_name).actions if row.action == "MAC")
        assert macs.energy_joules is not None
        each.append(macs.energy_joules / unit.geometry.units)
    assert each == sorted(each) and each[0] < each[-1]


def test_most_columns_of_a_model_hit_an_open_row() -> None:
    report = estimate("gpt2", load_chip("pim_gpt"), phase="decode", context=512)
    assert 0.97 < row_hit_rate(report) < 63.5 / 64


def test_more_vectors_never_take_less_time() -> None:
    for chip in ("pim_gpt", "hbm2_pim", *PLACEMENTS):
        unit = pim_of(load_chip(chip))
        assert isinstance(unit, KernelUnit)
        times: list[float] = []
        for batch in (1, 2, 3, 5, 8, 11):
            graph = parse_inline(f"matmul:m={batch},n=1000,k=1500")
            tensors: dict[str, Tensor] = dict(graph.by_name)
            times.append(unit.kernel(graph.segments[0].ops[0], tensors).seconds)
        assert times == sorted(times)


def test_the_vendors_examples_are_met_within_a_tenth() -> None:
    assert gemv_cycles(4096, 4096) == pytest.approx(GEMV, rel=0.1)
    assert add_cycles(2**20) == pytest.approx(ADD, rel=0.1)


def test_a_generation_is_the_sum_of_its_steps_though_units_work_in_stairs() -> None:
    chip, model, choices = load_chip("pim_gpt"), open_model("gpt2"), Choices()
    estimator = make_estimator(chip)
    plan = plan_model(model, 1, 60, choices)
    contexts = range(plan.first_context, plan.last_context + 1)
    reports = [estimator.report(decode_step(plan, context)) for context in contexts]
    whole = estimate("gpt2", chip, phase="generate", prompt=1, output=60)
    first = estimator.report(plan.prefill)
    assert whole.seconds == pytest.approx(first.seconds + sum(one.seconds for one in reports), rel=2e-4)
    assert whole.energy_joules == pytest.approx(
        first.energy_joules + sum(one.energy_joules for one in reports), rel=2e-4
    )
    assert dataclasses.is_dataclass(whole)
