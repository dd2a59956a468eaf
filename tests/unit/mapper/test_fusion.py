"""Fused groups: exact rows and bytes, the best partition, and never worse than operator by operator."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import load_chip
from hwsim.chip import Chip
from hwsim.config import load_chip as read_chip
from hwsim.machine import make_machine
from hwsim.output import as_json
from hwsim.report import Report, traffic_bytes
from hwsim.schedule import Schedule
from hwsim.simulation import build_program, play_schedule, simulate
from mapper.base import Goal, Objective
from mapper.explain_op import explain_operator
from mapper.fusion import Base, Choice, base_of, cheapest, choices, fuse
from mapper.fusion_cost import Cost, additive, mapped, price, whole_cost
from mapper.fusion_groups import Group, groups_of, least_bytes
from mapper.fusion_rows import Axis, Halo, cut, internal_tensors
from mapper.graph import Search, map_with
from tests.unit.mapper.chains import conv_chain, mlp_chain, rows_by_hand
from workloads.graph import OperatorGraph, graph_macs
from workloads.model import Choices, bind_model
from workloads.user import open_model

MakeChip = Callable[[str], Chip]


@pytest.fixture
def chip(tmp_path: Path) -> MakeChip:
    """A small array with a scratchpad of the size given, slow memory, and a vector unit."""

    def make(size: str) -> Chip:
        path = tmp_path / "tiny.yaml"
        path.write_text(
            "title: tiny\ntechnology: {node: 28 nm}\nclock: core\nclocks: {core: 1 GHz}\n"
            "memories:\n  dram: {kind: dram, size: 1 GiB, bandwidth: 1 GB/s, latency: 50 ns}\n"
            f"  sram: {{kind: sram, size: {size}}}\n"
            "units:\n  array: {kind: systolic_array, clock: core, path: [dram, sram], rows: 16, columns: 16,"
            " dataflow: ws, rates: {16: 1}}\n"
            "  vector: {kind: vector_unit, clock: core, path: [dram, sram], lanes: 16}\n"
        )
        return read_chip(path)

    return make


def search_for(target: Chip, objective: Objective = "latency") -> Search:
    return Search(make_machine(target), "fast", Goal(objective))


def both(search: Search, graph: OperatorGraph, halo: Halo = "keep") -> tuple[Schedule, Schedule, Report, Report]:
    """The unfused and the fused schedule with their reports."""
    plain = map_with(search, graph)
    fused = fuse(search, graph, plain, halo)
    chip = search.machine.chip
    reports = [simulate(graph, schedule, chip, search.machine) for schedule in (plain, fused)]
    return plain, fused, reports[0], reports[1]


def outer_bytes(report: Report, memory: str = "dram") -> float:
    return sum(traffic_bytes(report)[memory])


def offers_of(search: Search, base: Base, halo: Halo = "keep") -> list[Choice]:
    return list(choices(search, base, [(index, index) for index in range(len(base.pieces))], halo))


def all_groups(search: Search, base: Base, halo: Halo = "keep") -> Iterator[Group]:
    """Every candidate for the whole chain as one group, with nothing else on chip."""
    yield from groups_of(search.machine, base.pieces, frozenset(), (), halo)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(6, 40),
    layers=st.lists(
        st.tuples(st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 1, 2]), st.booleans()), min_size=2, max_size=4
    ),
    size=st.integers(1, 12),
    halo=st.sampled_from(["keep", "recompute"]),
)
def test_rows_of_every_operator_equal_those_followed_one_by_one(
    height: int, layers: list[tuple[int, int, bool]], size: int, halo: Halo
) -> None:
    layers = [(window, stride, same and window > 1) for window, stride, same in layers]
    graph = conv_chain(height, layers)
    if graph is None:
        return
    ops = graph.segments[0].ops
    inside = internal_tensors(ops, frozenset())
    assert inside is not None
    extent = next(loop.extent for loop in ops[-1].loops if loop.name == "p")
    assert isinstance(extent, int)
    found = cut(ops, graph.by_name, inside, Axis("p", extent), size, halo)
    expected, windows = rows_by_hand(height, layers, size, halo)
    if found is None:
        assert len([1 for _ in itertools.groupby(zip(*expected, strict=True))]) > 6
        return
    made: list[list[int]] = [[] for _ in ops]
    for count, tiles in found.runs:
        for place, (op, tile) in enumerate(zip(ops, tiles, strict=True)):
            ((loop, length),) = tile or ((op.loops[0].name, 0),)
            full = next(one.extent for one in op.loops if one.name == loop)
            rows = next(r for r in graph.by_name[op.writes[0].tensor].shape[2:3])
            assert isinstance(full, int) and isinstance(rows, int)
            made[place] += [length * rows // full if op.kind == "relu" else length] * count
    assert made == expected
    row_bytes = {name: size_of // windows[name][1] for name, size_of in _sizes(graph, inside)}
    assert dict(found.buffers) == {name: windows[name][0] * row_bytes[name] for name in inside}


def _sizes(graph: OperatorGraph, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        shape = graph.by_name[name].shape
        yield name, 2 * int(str(shape[1])) * int(str(shape[2])) * int(str(shape[3]))


def test_an_mlp_reaches_its_compulsory_bytes(chip: MakeChip) -> None:
    """Input, two weights and the result, 32 KiB each; the 128 KiB between the products never leave the chip."""
    graph = mlp_chain(tokens=256, width=64, hidden=256)
    plain, fused, before, after = both(search_for(chip("128 KiB"), "traffic"), graph)
    assert not plain.fused and len(fused.fused) == 1
    assert outer_bytes(before) > 4 * 32768
    assert outer_bytes(after) == 4 * 32768 == after.bounds.compulsory_bytes
    assert after.seconds < before.seconds


def test_an_mlp_that_cannot_keep_its_weights_reads_them_with_every_chunk(chip: MakeChip) -> None:
    graph = mlp_chain(tokens=256, width=64, hidden=256)
    search = search_for(chip("128 KiB"))
    base = base_of(search, graph, map_with(search, graph))
    groups = [group for group in all_groups(search, base) if group.along == "m"]
    plain = [group for group in groups if all(name.endswith(("hidden", "relu")) for name, _ in group.buffers)]
    kept = [group for group in groups if {"w1", "w2"} <= {name for name, _ in group.buffers}]
    assert plain and kept
    for group in plain:
        assert least_bytes(search.machine, group, ()) == 2 * 32768 + group.chunks * 2 * 32768
    for group in kept:
        assert least_bytes(search.machine, group, ()) == 4 * 32768
    for group in groups:
        cost = price(search, graph, group, ())
        assert cost is None or cost.outer_bytes >= least_bytes(search.machine, group, ())


def test_chunks_of_the_hidden_width_add_up_on_chip(chip: MakeChip) -> None:
    graph = mlp_chain(tokens=256, width=64, hidden=256)
    search = search_for(chip("160 KiB"))
    base = base_of(search, graph, map_with(search, graph))
    group = next(group for group in all_groups(search, base) if group.along == "k")
    assert ("y.sums", 256 * 64 * 4) in group.buffers
    again = (group.chunks - 1) * 32768 if "x" not in dict(group.buffers) else 0
    assert least_bytes(search.machine, group, ()) == 4 * 32768 + again
    assert price(search, graph, group, ()) is not None


def test_a_convolution_chain_reaches_its_compulsory_bytes(chip: MakeChip) -> None:
    """1x1, relu, 3x3 on 34 rows of 34 with 8 channels: input and weights once, 32 x 32 x 8 results of two bytes."""
    graph = conv_chain(34, [(1, 1, False), (3, 1, False)], channels=8)
    assert graph is not None
    _, fused, before, after = both(search_for(chip("20 KiB"), "traffic"), graph)
    by_hand = 2 * (34 * 34 * 8 + 8 * 8 + 8 * 8 * 9 + 32 * 32 * 8)
    assert len(fused.fused) == 1
    assert outer_bytes(before) > by_hand
    assert outer_bytes(after) == by_hand == after.bounds.compulsory_bytes


def test_a_halo_is_kept_or_computed_again_and_counted(chip: MakeChip) -> None:
    """Two 3x3 convolutions on 36 rows, 32 rows of results: chunks of s rows recompute two rows of the first each."""
    graph = conv_chain(36, [(3, 1, False), (3, 1, False)], channels=8)
    assert graph is not None
    search = search_for(chip("20 KiB"))
    base = base_of(search, graph, map_with(search, graph))
    cases: tuple[tuple[Halo, int], ...] = (("keep", 0), ("recompute", 2))
    for halo, extra_rows in cases:
        group = next(group for group in all_groups(search, base, halo) if group.along == "p")
        schedule = Schedule(mapped(search, group, ()), added=group.added)
        _, entries = build_program(graph, schedule, search.machine)
        executed = sum(entry.work.macs * entry.repeats for entry in entries)
        row = 34 * 8 * 8 * 9
        assert executed == graph_macs(graph) + (group.chunks - 1) * extra_rows * row


@pytest.mark.parametrize("graph", [mlp_chain(256, 64, 256), conv_chain(36, [(3, 1, False), (3, 1, True)])])
def test_a_large_scratchpad_gains_nothing(chip: MakeChip, graph: OperatorGraph) -> None:
    plain, fused, _, _ = both(search_for(chip("64 MiB")), graph)
    assert fused == plain


@pytest.mark.parametrize("objective", ["latency", "energy", "edp", "traffic"])
@pytest.mark.parametrize("size", ["12 KiB", "24 KiB"])
def test_the_partition_is_the_best_of_all(chip: MakeChip, objective: Objective, size: str) -> None:
    graph = conv_chain(24, [(3, 1, True), (1, 1, False), (3, 2, True)], channels=8)
    assert graph is not None
    search = search_for(chip(size), objective)
    base = base_of(search, graph, map_with(search, graph))
    spans = [(index, index) for index in range(len(base.pieces))]
    alone = [Choice(index, index, cost) for index, cost in enumerate(base.costs)]
    offers = [*alone, *offers_of(search, base)]
    assert len(offers) > len(alone)

    def value(chosen: Sequence[Choice]) -> tuple[float, ...]:
        return additive(objective, sum((one.cost for one in chosen), Cost()), base.whole)

    best = min(value(one) for one in _partitions(offers, 0, len(spans)))
    assert value(cheapest(search, base, offers, spans)) == pytest.approx(best, rel=1e-12)


def _partitions(offers: Sequence[Choice], first: int, end: int) -> Iterator[tuple[Choice, ...]]:
    if first == end:
        yield ()
    for offer in offers:
        if offer.first == first:
            for rest in _partitions(offers, offer.last + 1, end):
                yield (offer, *rest)


@pytest.mark.parametrize("objective", ["latency", "energy", "edp", "traffic"])
@pytest.mark.parametrize(
    ("model", "name"), [("vit-b16", "eyeriss"), ("bert-base", "simba_like"), ("lstm-kws", "tpu_v4i")]
)
def test_fusion_is_never_worse_and_what_is_inside_stays_inside(model: str, name: str, objective: Objective) -> None:
    target = load_chip(name)
    roles: tuple[str, ...] = ("weight", "activation", "input", "output", "state")
    bits: dict[str, int] | None = None if name != "simba_like" else dict.fromkeys(roles, 8)
    graph = bind_model(open_model(model), None, Choices(1, None, bits))
    search = search_for(target, objective)
    _, fused, before, after = both(search, graph)
    values = [additive(objective, whole_cost(search, report), Cost()) for report in (before, after)]
    if objective == "edp":
        values = [(report.seconds * report.energy_joules, 0.0, 0.0) for report in (before, after)]
    assert values[1] <= values[0]
    _check_places(search, graph, fused)


def _check_places(search: Search, graph: OperatorGraph, schedule: Schedule) -> None:
    """Everything fits, nothing overlaps, and a result inside a group causes no traffic outside the chip."""
    _, entries = build_program(graph, schedule, search.machine)
    memories = search.machine.chip.memories
    held = {group.name: {name for name, _ in group.held} for group in schedule.fused}
    for index, (step, entry) in enumerate(zip(schedule.steps, entries, strict=True)):
        alive = [place for place in schedule.placements if place.first_step <= index <= place.last_step]
        for one, two in itertools.combinations(alive, 2):
            apart = one.address + one.size_bytes <= two.address or two.address + two.size_bytes <= one.address
            assert apart or one.memory != two.memory
        pad = search.machine.scratchpad(step.mapping.unit)
        if pad is not None:
            used = sum(place.size_bytes for place in alive if place.memory == pad)
            assert used + entry.work.held_bytes <= memories[pad].size
        written = {step.sums} if step.sums else {access.tensor for access in entry.op.writes}
        assert written & held.get(step.group, set()) <= set(step.mapping.resident)


@pytest.mark.parametrize("name", ["tpu_v4i", "eyeriss"])
def test_long_attention_keeps_its_scores_on_chip(name: str) -> None:
    """8,192 queries and keys, two heads of 64: the corrections of every further block of keys are counted exactly."""
    text = "attention:batch=1,heads=2,queries=8192,keys=8192,head_dim=64,causal=1"
    graph = bind_model(open_model(text), None, Choices(1, None, None))
    search = search_for(load_chip(name), "traffic")
    _, fused, before, after = both(search, graph)
    memory = "hbm" if name == "tpu_v4i" else "dram"
    assert outer_bytes(after, memory) <= outer_bytes(before, memory)
    executed = sum(row.macs for row in after.ops)
    assert executed == graph_macs(graph)
    if name == "eyeriss":
        assert outer_bytes(after, memory) < 0.1 * outer_bytes(before, memory)
        (group,) = fused.fused
        blocks = group.chunks // next(step.rounds for step in fused.steps)
        counts = {row.action: row.count for row in after.energy if row.op.startswith("attention.rescale")}
        assert counts["mul"] == 2 * 8192 * 64 * (blocks - 1)
        moves = [row for row in after.ops if row.name.startswith("attention.values.store")]
        assert sum(row.count for row in moves) == group.chunks // blocks


def test_keys_that_do_not_divide_leave_a_smaller_last_block() -> None:
    text = "attention:batch=1,heads=4,queries=197,keys=197,head_dim=64"
    graph = bind_model(open_model(text), None, Choices(1, None, None))
    _, fused, before, after = both(search_for(load_chip("eyeriss")), graph)
    assert len(fused.fused) == 1
    assert sum(row.macs for row in after.ops) == graph_macs(graph)
    assert after.seconds < before.seconds


def test_a_report_names_its_fused_groups(chip: MakeChip) -> None:
    graph = mlp_chain(tokens=256, width=64, hidden=256)
    search = search_for(chip("128 KiB"), "traffic")
    search.fusion = "auto"
    report = simulate(graph, map_with(search, graph), search.machine.chip, search.machine)
    (row,) = as_json(report)["fused"]
    assert row["ops"] == ["first", "relu", "second"]
    assert {one["tensor"] for one in row["held"]} >= {"hidden", "relu"}
    search.fusion = "off"
    assert "fused" not in as_json(simulate(graph, map_with(search, graph), search.machine.chip, search.machine))


def test_fused_operators_are_explained_like_others(chip: MakeChip) -> None:
    """Every step has its loops, tensors and causes, the sums and the corrections that the graph does not have too."""
    text = "attention:batch=1,heads=2,queries=64,keys=256,head_dim=64"
    graph = bind_model(open_model(text), None, Choices(1, None, None))
    search = search_for(chip("40 KiB"), "traffic")
    schedule = fuse(search, graph, map_with(search, graph))
    assert schedule.fused
    played = play_schedule(graph, schedule, search.machine.chip, search.machine)
    names = [row.name for row in played.report.ops]
    assert len(set(names)) == len(names)
    for index, name in enumerate(names):
        detail = explain_operator(graph, schedule, played, index)
        assert detail.time.name == name
        assert detail.points > 0
