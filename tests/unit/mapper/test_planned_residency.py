"""A plan for the scratchpad, played by the simulator, moves exactly the bytes that the plan says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from hwsim.access import Traffic
from hwsim.config import load_chip
from hwsim.engine import play
from hwsim.machine import Machine, make_machine
from hwsim.pipeline import REGISTERS
from hwsim.program import Played, run, unroll
from hwsim.report import Report, components
from hwsim.schedule import Placement, Schedule
from hwsim.schedule_check import check_schedule
from hwsim.sequence import Entry, program_size
from hwsim.simulation import build_program, entry_traffic, play_schedule, simulate
from hwsim.work import memory_traffic, nest_for, touched_bytes
from mapper.estimate import estimate_model, make_estimator
from mapper.explain_op import explain_operator
from mapper.graph import Search, first_fit_schedule
from mapper.pieces import pieces_of
from mapper.residency import plan as first_fit
from mapper.scratchpad.adapt import Adapted, compulsory_bytes, problem_of
from mapper.scratchpad.choose import keeps_orders, outer_bytes, planned_schedule, schedule_of
from mapper.scratchpad.problem import Plan, Residency
from tests.unit.hwsim.test_busy import spelled_out
from tests.unit.hwsim.test_simulation import chip
from tests.unit.mapper.greedy_plan import greedy_plan
from workloads.graph import Access, Family, Loop, Op, OperatorGraph, Role, Segment, Tensor
from workloads.model import Choices
from workloads.user import open_model

SIZE = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planned")


def elementwise(name: str, reads: tuple[str, ...]) -> Op:
    index = ((("i", 1),),)
    return Op(
        name, "add", Family.POINTWISE, (Loop("i", SIZE),),
        tuple(Access(tensor, index) for tensor in reads), (Access(f"{name}.out", index),), (("add", 1),),
    )  # fmt: skip


def skip_graph() -> OperatorGraph:
    """x -> a -> b -> c, and c + a; every tensor has 1000 elements of 8 bits."""
    roles = {"x": Role.INPUT, "d.out": Role.OUTPUT}
    names = ("x", "a.out", "b.out", "c.out", "d.out")
    tensors = tuple(Tensor(name, (SIZE,), roles.get(name, Role.ACTIVATION), 8) for name in names)
    ops = (elementwise("a", ("x",)), elementwise("b", ("a.out",)), elementwise("c", ("b.out",)),
           elementwise("d", ("a.out", "c.out")))  # fmt: skip
    return OperatorGraph("skip", "forward", tensors, (Segment("all", ops),))


def planned(graph: OperatorGraph, machine: Machine, plan: Plan | None = None) -> tuple[Adapted, Plan, Schedule]:
    pieces = pieces_of(graph, machine)
    made = problem_of(graph, machine, pieces, "sram")
    plan = plan or greedy_plan(made.problem)
    schedule = schedule_of(Search(machine), pieces, made, plan)
    check_schedule(graph, schedule, machine)
    return made, plan, schedule


# Buffers of the skip graph are 0: x, 1: a, 2: b, 3: c, 4: d, in the order in which operators touch them.
SPILLED = Plan(
    order=(0, 1, 2, 3),
    residencies=(
        Residency(0, 0, 0, 0, "loaded"),
        Residency(1, 0, 1, 1000, "computed", stored=True),
        Residency(2, 1, 2, 0, "computed"),
        Residency(3, 2, 3, 1000, "computed"),
        Residency(1, 3, 3, 0, "retrieved"),
        Residency(4, 3, 3, 2000, "computed", stored=True),
    ),
    extra_bytes=2000,
    bound=0,
    method="by hand",
)


def test_a_spilled_tensor_is_written_once_and_read_back_once(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="8 KiB"))
    graph = skip_graph()
    made, _, schedule = planned(graph, machine, SPILLED)
    assert compulsory_bytes(made.problem) == 2000
    report = simulate(graph, schedule, machine.chip)
    outer = {row.op: (row.read_bytes, row.write_bytes) for row in report.traffic if row.memory == "dram"}
    assert outer == {"a": (1000, 1000), "b": (0, 0), "c": (0, 0), "d": (1000, 1000)}
    names = [span.name for span in report.timeline if span.resource == "dram"]
    assert names == ["load x", "spill a.out", "retrieve a.out", "store d.out"]


def test_an_operator_is_explained_with_the_transfers_that_belong_to_it(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="8 KiB"))
    graph = skip_graph()
    _, _, schedule = planned(graph, machine, SPILLED)
    played = play_schedule(graph, schedule, machine.chip, machine)
    detail = explain_operator(graph, schedule, played, 3)
    rows = {row.operand: (row.read_bytes, row.write_bytes) for row in detail.traffic if row.memory == "dram"}
    assert rows == {"retrieve a.out": (1000, 0), "store d.out": (0, 1000)}
    assert detail.time.traffic_bytes == 2000


def test_a_spill_overlaps_with_the_next_operator_and_a_retrieve_is_asked_for_ahead(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="8 KiB", bandwidth="4 GB/s"))
    graph = skip_graph()
    _, _, schedule = planned(graph, machine, SPILLED)
    spans = {span.name: span for span in simulate(graph, schedule, machine.chip).timeline}
    assert spans["spill a.out"].start < spans["b: compute"].finish
    assert spans["c: compute"].start >= spans["spill a.out"].finish  # c's result takes the spilled bytes
    assert spans["retrieve a.out"].start >= spans["c: compute"].finish  # its addresses were b's until then
    moved = replace(SPILLED.residencies[4], address=3000)
    apart = replace(SPILLED, residencies=(*SPILLED.residencies[:4], moved, SPILLED.residencies[5]))
    _, _, schedule = planned(graph, machine, apart)
    spans = {span.name: span for span in simulate(graph, schedule, machine.chip).timeline}
    assert spans["retrieve a.out"].start < spans["c: compute"].finish
    assert spans["d: compute"].start >= spans["retrieve a.out"].finish


def test_an_order_of_the_plan_is_the_order_of_the_steps(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="64 KiB"))
    graph = replace(
        skip_graph(),
        segments=(
            Segment("all", (elementwise("a", ("x",)), elementwise("b", ("x",)), elementwise("c", ("b.out", "a.out")))),
        ),
        tensors=tuple(Tensor(n, (SIZE,), r, 8) for n, r in (("x", Role.INPUT), ("a.out", Role.ACTIVATION),
                      ("b.out", Role.ACTIVATION), ("c.out", Role.OUTPUT))),
    )  # fmt: skip
    pieces = pieces_of(graph, machine)
    made = problem_of(graph, machine, pieces, "sram")
    forward = greedy_plan(made.problem)
    swapped = (
        Residency(0, 0, 1, 0, "loaded"),
        Residency(2, 0, 2, 1000, "computed"),
        Residency(1, 1, 2, 2000, "computed"),
        Residency(3, 2, 2, 3000, "computed", stored=True),
    )
    _, _, schedule = planned(graph, machine, replace(forward, order=(1, 0, 2), residencies=swapped))
    assert [step.op for step in schedule.steps] == ["b", "a", "c"]
    assert outer_bytes(graph, schedule, machine) == 2000


def parameter_bytes(graph: OperatorGraph, machine: Machine, entry: Entry) -> float:
    """Bytes of weights that a step reads from the outer memory, from the access counts alone."""
    tensors = {**graph.by_name, **{t.name: t for _, op in graph.walk() for t in op.internal}}
    unit = entry.step.mapping.unit
    weights = [a for a in entry.op.reads if tensors[a.tensor].role is Role.WEIGHT]
    if not entry.step.mapping.levels:
        passes = entry.op.passes if entry.step.mapping.variant == "passes" else 1
        return entry.repeats * passes * sum(touched_bytes(entry.op, a, tensors[a.tensor]) for a in weights)
    nest = nest_for(machine, unit, entry.op, tensors)
    rows: tuple[Traffic, ...] = machine.arrays[unit].traffic(nest, entry.step.mapping.levels)
    moved = 0.0
    for row in rows:
        if row.outer == "dram" and row.operand == "weight" and tensors[entry.op.reads[1].tensor].role is Role.WEIGHT:
            moved += memory_traffic(nest, (row,))["dram"][0]
    extra = sum(touched_bytes(entry.op, a, tensors[a.tensor]) for a in weights if a in entry.op.reads[2:])
    return entry.repeats * (moved + extra)


@pytest.mark.parametrize(
    ("model", "sram"),
    [("alexnet", "4 MiB"), ("gcn-cora", "16 MiB"), ("skip", "8 KiB"), ("skip", "5 KiB")],
)
def test_activations_move_what_the_plan_says_and_what_none_avoids(folder: Path, model: str, sram: str) -> None:
    machine = make_machine(chip(folder, sram=sram))
    graph = skip_graph() if model == "skip" else workloads.load(model)
    made, plan, schedule = planned(graph, machine)
    assert not made.notes
    played = play_schedule(graph, schedule, machine.chip, machine)
    moved = sum(r + w for entry in played.entries for m, r, w in entry_traffic(machine, entry) if m == "dram")
    weights = sum(parameter_bytes(graph, machine, entry) for entry in played.entries)
    assert moved - weights == plan.extra_bytes + compulsory_bytes(made.problem)
    assert all_bytes(played.report) == moved


def all_bytes(report: Report) -> float:
    return sum(row.read_bytes + row.write_bytes for row in report.traffic if row.memory == "dram")


UNFOLDED = [("resnet-18", "6 MiB"), ("mobilenet-v2", "16 MiB"), ("gpt2", "4 MiB")]
TIGHT = [("resnet-18", "1 MiB"), ("resnet-18", "4 MiB"), ("mobilenet-v2", "1 MiB"), ("mobilenet-v2", "4 MiB")]


@pytest.mark.parametrize(("model", "sram"), [*UNFOLDED, *TIGHT])
def test_networks_move_the_bytes_of_the_plan_and_what_streams_because_it_is_too_large(
    folder: Path, model: str, sram: str
) -> None:
    unfold = pytest.importorskip("workloads.unfold").unfold
    machine = make_machine(chip(folder, sram=sram))
    graph = unfold(workloads.load(model))
    made, plan, schedule = planned(graph, machine)
    assert sum(t.size_bytes for t in schedule.transfers) == plan.extra_bytes + compulsory_bytes(made.problem)
    own = replace(schedule, transfers=())
    streamed = outer_bytes(graph, own, machine)
    assert outer_bytes(graph, schedule, machine) == streamed + plan.extra_bytes + compulsory_bytes(made.problem)
    assert bool(made.notes) == ((model, sram) in TIGHT)
    report = simulate(graph, schedule, machine.chip)
    assert all_bytes(report) == outer_bytes(graph, schedule, machine)
    assert sum(row.energy_joules for row in components(report)) == pytest.approx(report.energy_joules)
    assert sum(row.seconds for row in report.ops) == pytest.approx(report.seconds)


@pytest.mark.parametrize(("model", "sram"), TIGHT)
def test_the_exact_plan_is_legal_on_the_chip_and_moves_no_more_than_a_greedy_one(
    folder: Path, model: str, sram: str
) -> None:
    unfold = pytest.importorskip("workloads.unfold").unfold
    solve = pytest.importorskip("mapper.scratchpad.solve").solve
    machine = make_machine(chip(folder, sram=sram))
    graph = unfold(workloads.load(model))
    made, greedy, _ = planned(graph, machine)
    best = solve(made.problem)
    assert keeps_orders(made.problem, best)
    assert best.extra_bytes <= greedy.extra_bytes
    _, _, schedule = planned(graph, machine, best)
    own = outer_bytes(graph, replace(schedule, transfers=()), machine)
    assert outer_bytes(graph, schedule, machine) == own + best.extra_bytes + compulsory_bytes(made.problem)


def test_weights_may_be_buffers_that_are_read_once(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="16 MiB"))
    graph = workloads.load("gcn-cora")
    pieces = pieces_of(graph, machine)
    made = problem_of(graph, machine, pieces, "sram", parameters=True)
    plan = greedy_plan(made.problem)
    schedule = schedule_of(Search(machine), pieces, made, plan)
    check_schedule(graph, schedule, machine)
    assert any(t.kind == "load" and graph.by_name[t.tensor].role is Role.WEIGHT for t in schedule.transfers)
    assert outer_bytes(graph, schedule, machine) == plan.extra_bytes + compulsory_bytes(made.problem)


def test_operators_that_exchange_data_off_chip_keep_their_order(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="2 KiB"))
    graph = skip_graph()
    pieces = pieces_of(graph, machine)
    made = problem_of(graph, machine, pieces, "sram")
    assert made.notes
    assert [operator.after for operator in made.problem.operators] != [()] * 4
    wrong = replace(greedy_plan(made.problem), order=(3, 2, 1, 0), method="backwards")
    assert not keeps_orders(made.problem, wrong)
    chosen = planned_schedule(Search(machine), graph, pieces, (), lambda _: wrong)
    assert "first fit, because the plan (backwards) breaks an order" in chosen.note


def test_an_estimate_with_optimal_residency_reports_what_first_fit_would_have_moved(folder: Path) -> None:
    pytest.importorskip("mapper.scratchpad.solve")
    pytest.importorskip("workloads.unfold")
    target = chip(folder, sram="1 MiB")
    reports = []
    for residency in ("first-fit", "optimal"):
        estimator = make_estimator(target)
        estimator.search.residency = residency
        reports.append(estimate_model(estimator, open_model("resnet-18"), Choices(bits={})))
    assert all_bytes(reports[1]) < all_bytes(reports[0])
    assert "residency: planned" in reports[1].mapper_note
    assert reports[1].macs == reports[0].macs


def test_the_program_with_transfers_ends_when_the_event_engine_says(folder: Path) -> None:
    machine = make_machine(chip(folder, sram="5 KiB"))
    graph = skip_graph()
    for plan in (SPILLED, None):
        _, _, schedule = planned(graph, machine, plan)
        nodes, _ = build_program(graph, schedule, machine)
        size = program_size(schedule, machine)
        assert size.registers == REGISTERS + len(schedule.transfers)
        state = run(nodes, size)
        assert state.horizon == max(play(unroll(nodes, size))[1])
        assert sum(state.ops) == state.horizon


def use_times(schedule: Schedule, played: list[Played]) -> list[tuple[Placement, int, int]]:
    """When each place is in use: from the first task that fills it to the last that needs it."""
    moves = {f"{t.kind} {t.tensor}" for t in schedule.transfers}
    labels: dict[str, list[Played]] = {}
    for one in played:
        name = one.name if one.name in moves else one.name.partition(":")[0]
        labels.setdefault(name, []).append(one)
    turn: dict[int, Played] = {}
    for name in moves:
        same = [t for t in sorted(schedule.transfers, key=lambda t: t.step) if f"{t.kind} {t.tensor}" == name]
        turn.update({id(t): task for t, task in zip(same, labels[name], strict=True)})
    times: list[tuple[Placement, int, int]] = []
    for place in schedule.placements:
        tasks = [
            task
            for step in schedule.steps[place.first_step : place.last_step + 1]
            if place.tensor in step.mapping.resident
            for task in labels[step.op]
            if task.name.endswith("compute")
        ]
        for transfer in schedule.transfers:
            inside = place.first_step <= transfer.first_step and transfer.last_step <= place.last_step
            if transfer.tensor == place.tensor and inside:
                tasks.append(turn[id(transfer)])
        times.append((place, min(task.start for task in tasks), max(task.finish for task in tasks)))
    return times


def disjoint(schedule: Schedule, graph: OperatorGraph, machine: Machine) -> int:
    """Check that no byte holds two tensors at a time when the tasks are played one by one; the number of places."""
    nodes, _ = build_program(graph, schedule, machine)
    size = program_size(schedule, machine)
    state = run(tuple(spelled_out(nodes)), size, record=10**6)
    assert state.horizon == run(nodes, size).horizon
    times = use_times(schedule, state.played)
    for number, (place, start, finish) in enumerate(times):
        for other, begin, end in times[:number]:
            below, above = place.address + place.size_bytes, other.address + other.size_bytes
            apart = below <= other.address or above <= place.address
            assert apart or finish <= begin or end <= start, (place, other)
    return len(times)


@pytest.mark.parametrize("concurrent", [False, True])
def test_no_byte_holds_two_tensors_at_a_time_in_a_real_network(folder: Path, concurrent: bool) -> None:
    machine = make_machine(chip(folder, sram="1 MiB"))
    graph = workloads.load("gcn-cora")
    _, _, schedule = planned(graph, machine)
    assert any(transfer.kind == "retrieve" for transfer in schedule.transfers)
    assert disjoint(replace(schedule, concurrent=concurrent), graph, machine)


TWO_VECTORS = """
title: two vector units
technology: {node: 28 nm}
clock: core
clocks: {core: 1 GHz}
memories:
  dram: {kind: dram, size: 1 GiB, bandwidth: 8 GB/s, latency: 20 ns}
  sram: {kind: sram, size: 9 KiB}
units:
  one: {kind: vector_unit, clock: core, path: [dram, sram], lanes: 8}
  two: {kind: vector_unit, clock: core, path: [dram, sram], lanes: 2}
"""
PARTS = st.lists(
    st.tuples(st.integers(200, 1700), st.integers(0, 12), st.integers(0, 12), st.sampled_from(["one", "two"])),
    min_size=2, max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(parts=PARTS, concurrent=st.booleans())
def test_no_byte_holds_two_tensors_at_a_time_whatever_the_graph_and_the_units(
    folder: Path, parts: list[tuple[int, int, int, str]], concurrent: bool
) -> None:
    path = folder / "vectors.yaml"
    path.write_text(TWO_VECTORS)
    machine = make_machine(load_chip(path))
    names = ["x", *(f"op{number}.out" for number in range(len(parts)))]
    last = len(parts)
    tensors = [Tensor("x", (300,), Role.INPUT, 8)]
    ops: list[Op] = []
    for number, (size, one, two, _) in enumerate(parts):
        role = Role.OUTPUT if number == last - 1 else Role.ACTIVATION
        tensors.append(Tensor(names[number + 1], (size,), role, 8))
        sources = tuple(dict.fromkeys(names[min(source, number)] for source in (one, two)))
        ops.append(elementwise(f"op{number}", sources))
    graph = OperatorGraph("random", "forward", tuple(tensors), (Segment("all", tuple(ops)),))
    pieces = [replace(piece, unit=part[3]) for piece, part in zip(pieces_of(graph, machine), parts, strict=True)]
    made = problem_of(graph, machine, pieces, "sram")
    plan = greedy_plan(made.problem)
    schedule = replace(schedule_of(Search(machine), pieces, made, plan), concurrent=concurrent)
    check_schedule(graph, schedule, machine)
    assert sum(t.size_bytes for t in schedule.transfers) == plan.extra_bytes + compulsory_bytes(made.problem)
    assert disjoint(schedule, graph, machine) == len(schedule.placements)


@pytest.mark.parametrize("sram", ["4 KiB", "8 KiB", "64 KiB"])
def test_the_chosen_schedule_never_moves_more_than_first_fit_and_says_which_it_is(folder: Path, sram: str) -> None:
    machine = make_machine(chip(folder, sram=sram))
    graph = skip_graph()
    pieces = pieces_of(graph, machine)
    places = first_fit(graph, machine, pieces)
    first = first_fit_schedule(Search(machine), pieces, places)
    check_schedule(graph, first, machine)
    chosen = planned_schedule(Search(machine), graph, pieces, places, greedy_plan)
    check_schedule(graph, chosen, machine)
    assert outer_bytes(graph, chosen, machine) <= outer_bytes(graph, first, machine)
    assert ("residency: planned" in chosen.note) == bool(chosen.transfers)
    assert ("residency: first fit" in chosen.note) == (not chosen.transfers)
