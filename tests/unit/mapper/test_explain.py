"""What `explain` says adds up, is exact where it says so, and its counterfactuals obey physics."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import workloads
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.schedule import Level, Mapping, Schedule, Step, TileLoop
from hwsim.simulation import Simulation, play_schedule
from mapper.explain import Explanation, explain, operator_times
from mapper.explain_nest import nest_lines
from mapper.explain_op import OperatorDetail, OperatorNameError, explain_operator, find_operator
from mapper.explain_show import show_detail
from mapper.explain_words import verdict, why
from mapper.graph import map_graph
from mapper.whatif import changes, without_limit
from tests.golden.compare import compare_with_golden
from tests.unit.hwsim.test_simulation import OPERATORS, chip
from workloads.graph import OperatorGraph
from workloads.inline import parse_inline

CASES = [("gpt2", "tpu_v4i"), ("gpt2", "a100_80gb_sxm"), ("alexnet", "eyeriss"), ("alexnet", "gemmini")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain")


def load(model: str) -> OperatorGraph:
    if model != "gpt2":
        return workloads.load(model, batch=1, bits={"weight": 8, "activation": 8, "input": 8, "output": 8})
    return workloads.load(model, phase="decode", batch=1, context=256)


def played(text: str, target: Chip) -> tuple[OperatorGraph, Simulation, OperatorDetail]:
    graph = parse_inline(text)
    schedule = map_graph(graph, target)
    simulation = play_schedule(graph, schedule, target)
    return graph, simulation, explain_operator(graph, schedule, simulation, 0)


def check_sums(explanation: Explanation) -> None:
    assert explanation.causes.seconds == pytest.approx(explanation.seconds, rel=1e-9)
    assert all(seconds >= 0 for _, seconds in explanation.causes.items())
    for row in explanation.operators:
        assert row.causes.seconds == pytest.approx(row.seconds, rel=1e-9)
        assert min(seconds for _, seconds in row.causes.items()) >= 0
        assert row.lost_seconds == pytest.approx(row.seconds - row.roofline_seconds)
    for use in explanation.resources:
        assert 0 <= use.fraction <= 1 + 1e-9
        assert all(0 <= value <= 1 for value in use.over_time)
        assert sum(use.over_time) / len(use.over_time) == pytest.approx(use.fraction, abs=1e-6)


@pytest.mark.parametrize(("model", "name"), CASES)
def test_causes_add_up_and_busy_fractions_stay_below_one(model: str, name: str) -> None:
    graph, target = load(model), load_chip(name)
    explanation = explain(graph, map_graph(graph, target), target)
    check_sums(explanation)
    assert explanation.above_bound >= 1
    assert explanation.operators == tuple(sorted(explanation.operators, key=lambda row: -row.lost_seconds))
    assert all(idea.speedup >= 1 - 1e-9 for idea in explanation.what_ifs)
    assert len(verdict(explanation)) >= 2
    assert all(why(row) for row in explanation.operators)


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS, sram=st.sampled_from(["2 KiB", "16 KiB"]), dataflow=st.sampled_from(["os", "ws", "is"]))
def test_small_operators_add_up_and_no_resource_made_faster_slows_them(
    folder: Path, text: str, sram: str, dataflow: str
) -> None:
    target = chip(folder, sram=sram, dataflow=dataflow)
    graph = parse_inline(text)
    schedule = map_graph(graph, target)
    explanation = explain(graph, schedule, target)
    check_sums(explanation)
    for idea in explanation.what_ifs:
        assert idea.seconds <= explanation.seconds * (1 + 1e-9), idea
    if explanation.without_limit is not None:
        assert explanation.without_limit.seconds <= explanation.what_ifs[0].seconds * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS, dataflow=st.sampled_from(["os", "ws", "is"]))
def test_the_factors_of_a_utilization_multiply_to_it(folder: Path, text: str, dataflow: str) -> None:
    target = chip(folder, dataflow=dataflow)
    _, simulation, detail = played(text, target)
    assert math.prod(factor.value for factor in detail.factors) == pytest.approx(detail.utilization, rel=1e-9)
    assert all(factor.value > 0 for factor in detail.factors)
    row = simulation.report.ops[0]
    if row.macs and not detail.time.kind.startswith("softmax") and row.unit == "array":
        assert detail.utilization == pytest.approx(row.utilization, rel=1e-6)


def test_waiting_for_memory_shows_as_transfers_and_launches_as_overhead() -> None:
    target = load_chip("a100_80gb_sxm")
    graph = load("gpt2")
    simulation = play_schedule(graph, map_graph(graph, target), target)
    rows = {row.name: row for row in operator_times(graph, simulation)}
    head = rows["lm_head"]
    assert head.causes.worst() == "transfers"
    assert head.traffic_bytes == pytest.approx(head.compulsory_bytes, rel=0.01)
    launches = sum(row.causes.overhead for row in rows.values())
    assert launches == pytest.approx(sum(e.work.overhead_seconds * e.repeats for e in simulation.entries))


def test_a_single_buffer_shows_as_dependencies(folder: Path) -> None:
    path = folder / "single.yaml"
    text = (Path(__file__).parents[2] / "end_to_end" / "small_chip.py").read_text().split('"""')[3].lstrip("\\\n")
    path.write_text(text.replace("bandwidth: 64 GB/s", "double_buffered: false"))
    target = load_chip(path)
    graph = parse_inline("matmul:m=512,n=64,k=64")
    causes = explain(graph, map_graph(graph, target), target).causes
    assert causes.worst() in ("dependencies", "transfers")
    assert causes.dependencies > 0.1 * causes.seconds


def test_each_resource_is_changed_alone() -> None:
    target = load_chip("tpu_v4i")
    found = {change.key: change for change in changes(target, ("mxu", "vector"))}
    assert set(found) == {"bandwidth:hbm", "clock:mxu", "clock:vector"}
    faster = found["clock:mxu"].chip
    assert faster.clocks[faster.units["mxu"].clock] == 2 * target.clocks["core"]
    assert faster.clocks[faster.units["vector"].clock] == target.clocks["core"]
    assert faster.clock_hertz == target.clock_hertz
    assert found["bandwidth:hbm"].chip.memories["hbm"].bandwidth == 1228e9
    assert without_limit(target, ("mxu",), "bandwidth:hbm", 8).chip.memories["hbm"].bandwidth == 8 * 614e9


@pytest.mark.parametrize("name", ["tpu_v4i", "eyeriss", "a100_80gb_sxm"])
def test_settings_change_a_chip_file_in_the_same_way(name: str) -> None:
    target = load_chip(name)
    listed = [change for change in changes(target, tuple(target.units)) if change.settings]
    assert listed
    for change in listed:
        again = load_chip(name, change.settings)
        assert again.memories == change.chip.memories
        assert again.links == change.chip.links
        same = {"clock": ""}
        for unit, spec in again.units.items():
            assert spec.model_copy(update=same) == change.chip.units[unit].model_copy(update=same)
            assert again.clocks[spec.clock] == change.chip.clocks[change.chip.units[unit].clock]


LANES = """
title: lanes with memories of their own
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 8 GB/s}
  sram: {kind: sram, size: 64 KiB}
  filters: {kind: register, size: 128 B, instances: 32, operands: [weight], double_buffered: false}
  sums: {kind: register, size: 64 B, instances: 32, operands: [output], double_buffered: false}
units:
  array:
    {kind: spatial_array, clock: core, path: [dram, sram, filters, sums], rows: 4, columns: 8,
     axes: {rows: [c], columns: [k]}, rates: {16: 1}}
"""


def test_the_loop_nest_matches_the_golden_file(folder: Path, update_golden: bool) -> None:
    path = folder / "lanes.yaml"
    path.write_text(LANES)
    levels = (
        Level("dram", (TileLoop("k", 16), TileLoop("c", 12), TileLoop("p", 4))),
        Level("sram", (TileLoop("p", 1), TileLoop("q", 1), TileLoop("c", 3, "rows"), TileLoop("k", 2, "columns"))),
        Level("filters", (), ("weight",)),
        Level("sums", (TileLoop("c", 1), TileLoop("k", 1), TileLoop("r", 1), TileLoop("s", 1)), ("output",)),
    )
    graph = parse_inline("conv2d:n=1,c=24,h=10,w=9,k=40,r=3,s=3")
    schedule = Schedule((Step("conv2d", 0, Mapping("array", levels)),))
    simulation = play_schedule(graph, schedule, load_chip(path))
    detail = explain_operator(graph, schedule, simulation, 0)
    assert detail.tiles == 3 * 2 * 2
    text = "\n".join(nest_lines(detail.levels, detail.innermost, detail.time.unit)) + "\n"
    compare_with_golden("nest.txt", text, update_golden)


@settings(max_examples=25, deadline=None)
@given(text=OPERATORS, sram=st.sampled_from(["2 KiB", "16 KiB", "1 MiB"]))
def test_the_buffers_shown_are_those_that_were_counted_and_the_traffic_is_the_reported_one(
    folder: Path, text: str, sram: str
) -> None:
    _, simulation, detail = played(text, chip(folder, sram=sram))
    if detail.levels:
        held = [h.tile_bytes * h.buffers for h in detail.levels[1].holds if not h.resident]
        assert sum(held) == pytest.approx(detail.footprint_bytes)
    name, count = detail.time.name, detail.time.count
    reported = sum(
        r.read_bytes + r.write_bytes for r in simulation.report.traffic if (r.op, r.memory) == (name, "dram")
    )
    shown = sum(row.read_bytes + row.write_bytes for row in detail.traffic if row.memory == "dram")
    assert shown * count == pytest.approx(reported)
    assert detail.footprint_bytes + detail.placed_bytes <= (detail.capacity_bytes or 0)


def test_an_operator_is_found_by_its_last_parts_and_wrong_names_are_answered() -> None:
    target = load_chip("tpu_v4i")
    graph = load("gpt2")
    simulation = play_schedule(graph, map_graph(graph, target), target, make_machine(target))
    names = [row.name for row in simulation.report.ops]
    assert names[find_operator(simulation, "lm_head")] == "lm_head"
    assert names[find_operator(simulation, "attn.c_proj")].endswith(".attn.c_proj")
    with pytest.raises(OperatorNameError, match=r"2 operators contain 'c_proj': .*attn\.c_proj, .*mlp\.c_proj"):
        find_operator(simulation, "c_proj")
    with pytest.raises(OperatorNameError, match="did you mean 'lm_head'"):
        find_operator(simulation, "lm_haed")


@pytest.mark.parametrize(("model", "name"), CASES)
def test_every_operator_of_a_model_can_be_explained_and_shown(model: str, name: str) -> None:
    graph, target = load(model), load_chip(name)
    schedule = map_graph(graph, target)
    simulation = play_schedule(graph, schedule, target)
    for index, row in enumerate(simulation.report.ops):
        detail = explain_operator(graph, schedule, simulation, index)
        assert detail.time.seconds == row.seconds
        assert (detail.tile_compute_seconds + detail.tile_transfer_seconds) * detail.tiles > 0
        console = Console(file=io.StringIO(), width=80)
        show_detail(detail, console)
        assert row.name in console.file.getvalue()  # type: ignore[attr-defined]
