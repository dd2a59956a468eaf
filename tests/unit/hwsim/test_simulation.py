"""Physics that must hold for every operator and chip."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.engine import play
from hwsim.pipeline import REGISTERS
from hwsim.program import Size, run, unroll
from hwsim.report import Report, components
from hwsim.simulation import DoesNotFitError
from mapper.estimate import estimate, make_estimator
from workloads.inline import parse_inline

CHIP = """
title: property
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: %s, latency: 20 ns}
  sram: {kind: sram, size: %s}
units:
  array: {kind: %s}
  vector: {kind: vector_unit, clock: core, path: [dram, sram], lanes: 8}
"""
SYSTOLIC = "systolic_array, clock: core, path: [dram, sram], rows: %d, columns: 8, dataflow: %s, rates: {16: 1}"

OPERATORS = st.one_of(
    st.builds("matmul:m={},n={},k={}".format, *[st.integers(1, 90)] * 3),
    st.builds(
        "conv2d:n={},c={},h={},w={},k={},r={},s={},stride={},padding=1".format,
        st.integers(1, 2), st.integers(1, 9), st.integers(4, 20), st.integers(4, 20), st.integers(1, 12),
        st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
    ),
    st.builds("attention:batch=1,heads={},queries={},keys=24,head_dim={}".format,
              st.integers(1, 4), st.integers(1, 24), st.integers(1, 16)),
    st.builds("softmax:rows={},columns={}".format, st.integers(1, 90), st.integers(1, 90)),
)  # fmt: skip


def chip(tmp: Path, bandwidth: str = "8 GB/s", sram: str = "16 KiB", rows: int = 8, dataflow: str = "ws") -> Chip:
    path = tmp / "property.yaml"
    path.write_text(CHIP % (bandwidth, sram, SYSTOLIC % (rows, dataflow)))
    return load_chip(path)


def report(text: str, target: Chip) -> Report:
    return make_estimator(target).report(parse_inline(text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("property")


@settings(max_examples=60, deadline=None)
@given(text=OPERATORS, sram=st.sampled_from(["2 KiB", "16 KiB", "1 MiB"]), dataflow=st.sampled_from(["os", "ws", "is"]))
def test_no_result_beats_its_bounds_and_totals_are_sums_of_rows(
    folder: Path, text: str, sram: str, dataflow: str
) -> None:
    result = report(text, chip(folder, sram=sram, dataflow=dataflow))
    assert result.seconds >= result.bounds.seconds * (1 - 1e-9)
    outer = sum(row.read_bytes + row.write_bytes for row in result.traffic if row.memory == "dram")
    assert outer >= result.bounds.compulsory_bytes * (1 - 1e-9)
    assert sum(row.energy_joules for row in components(result)) == pytest.approx(result.energy_joules)
    assert sum(row.macs for row in result.ops) == result.macs
    assert sum(row.seconds for row in result.ops) == pytest.approx(result.seconds)
    assert all(row.energy_joules >= 0 for row in result.energy)


@settings(max_examples=40, deadline=None)
@given(text=OPERATORS)
def test_more_bandwidth_is_never_slower_under_the_same_schedule(folder: Path, text: str) -> None:
    from hwsim.simulation import simulate
    from mapper.graph import map_graph

    slow, fast = chip(folder), chip(folder, bandwidth="16 GB/s")
    graph = parse_inline(text)
    schedule = map_graph(graph, slow)
    assert simulate(graph, schedule, fast).seconds <= simulate(graph, schedule, slow).seconds


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS)
def test_the_same_input_gives_the_same_report(folder: Path, text: str) -> None:
    target = chip(folder)
    assert report(text, target) == report(text, target)


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS, sram=st.sampled_from(["2 KiB", "16 KiB"]))
def test_the_program_of_a_real_schedule_ends_when_the_event_engine_says(folder: Path, text: str, sram: str) -> None:
    from hwsim.machine import make_machine
    from hwsim.simulation import build_program
    from mapper.graph import map_graph

    target = chip(folder, sram=sram)
    machine = make_machine(target)
    graph = parse_inline(text)
    nodes, entries = build_program(graph, map_graph(graph, target), machine)
    size = Size(REGISTERS, len(machine.resources), 1, len(entries))
    _, finish = play(unroll(nodes, size))
    assert run(nodes, size).horizon == max(finish)


def test_a_model_too_large_for_the_chip_says_what_it_needs_and_what_there_is(folder: Path) -> None:
    with pytest.raises(DoesNotFitError, match=r"does not fit: needs 2\.\d+ GB, has 1\.07 GB"):
        report("matmul:m=8,n=32768,k=32768", chip(folder))


def test_eight_bits_are_chosen_and_announced_when_sixteen_do_not_fit() -> None:
    result = estimate("llama-3-8b", load_chip("tpu_v4i"), phase="decode", context=2048)
    assert any("estimated with 8 bits" in text and "--bits" in text for text in result.warnings)
    assert result.weight_bytes == pytest.approx(8.03e9, rel=0.001)


def test_scalesim_cycles_are_those_of_the_array() -> None:
    target = load_chip("scalesim_ws")
    m, n, k = 100, 70, 130
    rows, columns = target.units["array"].rows, target.units["array"].columns  # type: ignore[attr-defined]
    folds = -(-k // rows) * -(-n // columns)
    assert report(f"matmul:m={m},n={n},k={k}", target).cycles == folds * (m + 2 * rows + columns - 2)
