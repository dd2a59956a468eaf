"""Units that run side by side: never slower than one after the other, never faster than data and work allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from hwsim.channels import channels_of
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.engine import play
from hwsim.machine import Machine, make_machine
from hwsim.program import run, unroll
from hwsim.schedule import Schedule
from hwsim.schedule_check import check_schedule
from hwsim.sequence import make_entries, program_size
from hwsim.simulation import build_program, play_schedule, simulate
from hwsim.technology import static_power_watts
from hwsim.waits import tops_of
from mapper.explain import explain
from mapper.graph import Search, map_step, map_with
from mapper.pieces import pieces_of
from workloads.graph import Access, Family, Loop, Op, OperatorGraph, Role, Segment, Tensor

CHIP = """
title: two arrays
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: %s, latency: 20 ns}
  %s
units:
  one: {kind: systolic_array, clock: core, path: [dram, left], rows: 8, columns: 8, dataflow: ws, rates: {16: 1}}
  two: {kind: systolic_array, clock: core, path: [dram, right], rows: 4, columns: 16, dataflow: os, rates: {16: 1}}
"""
APART = "left: {kind: sram, size: 64 KiB}\n  right: {kind: sram, size: 32 KiB}"
SHARED = "right: {kind: sram, size: %s}"
SIDE = 24


def chip(folder: Path, bandwidth: str = "8 GB/s", memories: str = APART) -> Chip:
    text = CHIP % (bandwidth, memories)
    path = folder / "two.yaml"
    path.write_text(text if "left:" in text else text.replace("left", "right"))
    return load_chip(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("concurrent")


def linear(name: str, source: str) -> Op:
    return Op(
        name, "matmul", Family.CONTRACTION, (Loop("m", SIDE), Loop("n", SIDE), Loop("k", SIDE)),
        (Access(source, ((("m", 1),), (("k", 1),))), Access(f"{name}.weight", ((("k", 1),), (("n", 1),)))),
        (Access(f"{name}.out", ((("m", 1),), (("n", 1),))),), (("mac", 1),),
    )  # fmt: skip


def network(sources: tuple[int, ...], repeats: int = 1) -> OperatorGraph:
    """Products of which number i reads the result of number ``sources[i]``, or the input where that is not earlier."""
    names = [f"op{number}" for number in range(len(sources))]
    ops = tuple(
        linear(name, names[source] + ".out" if source < at else "x")
        for at, (name, source) in enumerate(zip(names, sources, strict=True))
    )
    shape = (SIDE, SIDE)
    tensors = [Tensor("x", shape, Role.INPUT)]
    tensors += [Tensor(f"{name}.weight", shape, Role.WEIGHT) for name in names]
    tensors += [Tensor(f"{name}.out", shape, Role.ACTIVATION) for name in names]
    return OperatorGraph("products", "forward", tuple(tensors), (Segment("all", ops, repeats),))


def mapped(graph: OperatorGraph, machine: Machine, units: tuple[str, ...]) -> Schedule:
    """Every operator on the unit named for it, everything streamed."""
    search = Search(machine)
    pieces = [replace(piece, unit=unit) for piece, unit in zip(pieces_of(graph, machine), units, strict=True)]
    return Schedule(tuple(map_step(search, piece, (), frozenset()) for piece in pieces), concurrent=True)


NETWORKS = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["one", "two"])), min_size=1, max_size=7)
BANDWIDTHS = st.sampled_from(["1 GB/s", "64 GB/s", "100 TB/s"])


@settings(max_examples=50, deadline=None)
@given(parts=NETWORKS, bandwidth=BANDWIDTHS, repeats=st.sampled_from([1, 5]))
def test_side_by_side_is_never_slower_than_one_after_the_other(
    folder: Path, parts: list[tuple[int, str]], bandwidth: str, repeats: int
) -> None:
    machine = make_machine(chip(folder, bandwidth))
    graph = network(tuple(source for source, _ in parts), repeats)
    schedule = mapped(graph, machine, tuple(unit for _, unit in parts))
    both = simulate(graph, schedule, machine.chip)
    serial = simulate(graph, replace(schedule, concurrent=False), machine.chip)
    assert both.seconds <= serial.seconds * (1 + 1e-12)
    assert both.traffic == serial.traffic
    dynamic = [[row for row in report.energy if row.component != "static"] for report in (both, serial)]
    assert dynamic[0] == dynamic[1]


@settings(max_examples=50, deadline=None)
@given(parts=NETWORKS, bandwidth=BANDWIDTHS)
def test_no_unit_and_no_chain_of_operators_takes_longer_than_the_whole(
    folder: Path, parts: list[tuple[int, str]], bandwidth: str
) -> None:
    machine = make_machine(chip(folder, bandwidth))
    graph = network(tuple(source for source, _ in parts))
    schedule = mapped(graph, machine, tuple(unit for _, unit in parts))
    report = simulate(graph, schedule, machine.chip)
    busy: dict[str, float] = {}
    longest: list[float] = []
    for (source, unit), row in zip(parts, report.ops, strict=True):
        busy[unit] = busy.get(unit, 0.0) + row.busy_seconds
        longest.append(row.busy_seconds + (longest[source] if source < len(longest) else 0.0))
        assert row.seconds >= row.busy_seconds * (1 - 1e-9)
    assert report.seconds >= max(*busy.values(), *longest) * (1 - 1e-9)
    assert report.seconds <= sum(row.seconds for row in report.ops) * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(parts=NETWORKS, bandwidth=BANDWIDTHS, repeats=st.sampled_from([1, 2, 9]), shared=st.booleans())
def test_the_program_of_a_concurrent_schedule_ends_when_the_event_engine_says(
    folder: Path, parts: list[tuple[int, str]], bandwidth: str, repeats: int, shared: bool
) -> None:
    memories = SHARED % "16 KiB" if shared else APART
    machine = make_machine(chip(folder, bandwidth, memories))
    graph = network(tuple(source for source, _ in parts), repeats)
    schedule = mapped(graph, machine, tuple(unit for _, unit in parts))
    for channels in ({}, channels_of(schedule, machine)):
        nodes, _ = build_program(graph, schedule, machine, channels)
        size = program_size(schedule, machine, len(channels))
        state = run(nodes, size)
        tasks = unroll(nodes, size)
        assert state.horizon == max(play(tasks)[1])
        for number in range(size.resources):
            assert state.busy.total()[number] == sum(task.duration for task in tasks if task.resource == number)


@pytest.mark.parametrize("chip_name", ["eyeriss", "tpu_v4i"])
@pytest.mark.parametrize("model", ["gpt2", "lstm-kws", "resnet-18", "t5-base"])
def test_real_schedules_run_side_by_side_as_the_event_engine_says(chip_name: str, model: str) -> None:
    target = load_chip(chip_name)
    machine = make_machine(target)
    graph = workloads.load(model)
    schedule = replace(map_with(Search(machine), graph), concurrent=True)
    check_schedule(graph, schedule, machine)
    nodes, _ = build_program(graph, schedule, machine)
    size = program_size(schedule, machine)
    state = run(nodes, size)
    report = simulate(graph, schedule, target)
    assert report.seconds >= report.bounds.seconds
    tasks = unroll(nodes, size) if model in ("gpt2", "lstm-kws") else []
    if tasks and len(tasks) < 200_000:
        assert state.horizon == max(play(tasks)[1])


def test_independent_operators_on_two_units_take_as_long_as_the_longer_one(folder: Path) -> None:
    machine = make_machine(chip(folder, "100 TB/s"))
    graph = network((9, 9))
    schedule = mapped(graph, machine, ("one", "two"))
    report = simulate(graph, schedule, machine.chip)
    rows = [row.seconds for row in report.ops]
    assert max(rows) <= report.seconds <= max(rows) + 30e-9
    chained = simulate(network((9, 0)), mapped(network((9, 0)), machine, ("one", "two")), machine.chip)
    assert chained.seconds >= sum(row.busy_seconds for row in report.ops)


@pytest.mark.parametrize(("size", "overlaps"), [("2 KiB", False), ("64 KiB", True)])
def test_tiles_of_steps_that_overlap_fit_together_in_a_shared_scratchpad(
    folder: Path, size: str, overlaps: bool
) -> None:
    machine = make_machine(chip(folder, "2 GB/s", SHARED % size))
    graph = network((9, 9, 9, 9))
    schedule = mapped(graph, machine, ("one", "two", "one", "two"))
    report = simulate(graph, schedule, machine.chip)
    held = {entry.op.name: entry.work.held_bytes for entry in make_entries(graph, schedule, machine)}
    spans: dict[str, tuple[float, float]] = {}
    for span in report.timeline:
        name = span.name.partition(":")[0]
        start, finish = spans.get(name, (span.start, span.finish))
        spans[name] = min(start, span.start), max(finish, span.finish)
    together = max(
        sum(held[name] for name, (start, finish) in spans.items() if start <= moment < finish)
        for moment in (start for start, _ in spans.values())
    )
    assert together <= machine.chip.memories["right"].size
    assert (together > max(held.values())) == overlaps


def test_units_that_share_a_memory_get_a_part_of_it_each_where_that_is_faster(folder: Path) -> None:
    machine = make_machine(chip(folder, "64 GB/s"))
    graph = network((9, 9))
    schedule = mapped(graph, machine, ("one", "two"))
    played = play_schedule(graph, schedule, machine.chip, machine)
    assert any("equal part" in text for text in played.report.conventions)
    lanes = {span.resource for span in played.report.timeline}
    assert {"dram (one)", "dram (two)"} <= lanes
    moved = sum(row.read_bytes + row.write_bytes for row in played.report.traffic if row.memory == "dram")
    busy = sum(row[machine.resources.index("dram")] for row in played.own_seconds)
    assert busy == pytest.approx(moved / 64e9, rel=1e-6)
    slow = make_machine(chip(folder, "1 GB/s"))
    chain = mapped(network((9, 0)), slow, ("one", "two"))
    text = simulate(network((9, 0)), chain, slow.chip).conventions
    assert any("program order" in line and "equal" not in line for line in text)


def test_static_energy_is_spent_once_and_causes_add_up_to_the_time(folder: Path) -> None:
    machine = make_machine(chip(folder, "2 GB/s"))
    graph = network((9, 9, 0, 1))
    schedule = mapped(graph, machine, ("one", "two", "one", "two"))
    report = simulate(graph, schedule, machine.chip)
    static = [row for row in report.energy if row.component == "static"]
    assert sum(row.count for row in static) == pytest.approx(report.seconds)
    assert sum(row.energy_joules for row in static) == pytest.approx(report.seconds * static_power_watts(machine.chip))
    assert sum(row.energy_joules for row in report.ops) == pytest.approx(report.energy_joules)
    why = explain(graph, schedule, machine.chip)
    assert why.causes.seconds == pytest.approx(report.seconds)
    assert all(use.fraction <= 1 + 1e-9 for use in why.resources)
    assert any("side by side" in text for text in report.conventions)


def test_bytes_are_used_again_only_when_all_units_have_left_them(folder: Path) -> None:
    from hwsim.schedule import Placement

    machine = make_machine(chip(folder, "100 TB/s", SHARED % "64 KiB"))
    graph = network((9, 0, 9))
    schedule = mapped(graph, machine, ("one", "two", "one"))
    size = SIDE * SIDE * 2
    kept = [("op0.out",), ("op0.out",), ("op2.out",)]
    steps = tuple(
        replace(step, mapping=replace(step.mapping, resident=names))
        for step, names in zip(schedule.steps, kept, strict=True)
    )

    def finish(address: int) -> tuple[float, float]:
        places = (
            Placement("op0.out", "right", 0, size, 0, 1),
            Placement("op2.out", "right", address, size, 2, 2),
        )
        placed = replace(schedule, steps=steps, placements=places)
        assert tops_of(placed)["right"] == address + size
        spans = {span.name: span for span in play_schedule(graph, placed, machine.chip).report.timeline}
        return spans["op1: compute"].finish, spans["op2: compute"].start

    done, start = finish(0)
    assert start >= done
    done, start = finish(size)
    assert start < done
