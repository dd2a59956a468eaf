"""The flat graph does what the folded one does, operator by operator."""

from __future__ import annotations

import pytest

from hwsim.config import load_chip
from hwsim.report import Report
from hwsim.simulation import simulate
from mapper.graph import map_graph
from tests.unit.workloads.test_fold import EMBED, chain, network, op
from workloads import catalog
from workloads.fold import external, fold
from workloads.graph import (
    GraphError,
    OperatorGraph,
    Role,
    Segment,
    Tensor,
    check,
    graph_macs,
    operations,
    role_bytes,
    size_bytes,
)
from workloads.model import Choices, bind_model
from workloads.unfold import unfold

MODELS = (
    ("resnet-50", "forward"), ("transformer", "forward"), ("pnasnet-5-large", "forward"), ("swin-t", "forward"),
    ("mobilenet-v2", "forward"), ("llama-3-8b", "decode"), ("gpt-oss-20b", "decode"), ("deepseek-v3", "prefill"),
    ("mamba-2.8b", "decode"), ("t5-base", "prefill"), ("lstm-ptb", "forward"),
)  # fmt: skip


def folded(ops) -> OperatorGraph:
    segments, tensors = fold(network(ops))
    return OperatorGraph("test", "forward", tuple(tensors.values()), segments)


def structure(graph: OperatorGraph) -> list[tuple[str, tuple[int, ...]]]:
    """Kinds in order, each with the operators (by position) that wrote what it reads; -1 is what is there before."""
    writers: dict[str, int] = {}
    found: list[tuple[str, tuple[int, ...]]] = []
    for position, (_, item) in enumerate(graph.walk()):
        found.append((item.kind, tuple(writers.get(access.tensor, -1) for access in item.reads)))
        writers.update({access.tensor: position for access in item.writes})
    return found


@pytest.mark.parametrize("kinds", ["aaaa", "ababab", "aabaabaab", "abcccb", "abc"])
def test_unfolding_gives_back_what_was_folded(kinds: str) -> None:
    original = network([*chain(kinds), op("head", [f"h{len(kinds) - 1}", "x"], "y", "z")])
    plain = OperatorGraph("test", "forward", tuple(original[1].values()), (Segment("all", original[0]),))
    flat = unfold(folded([*chain(kinds), op("head", [f"h{len(kinds) - 1}", "x"], "y", "z")]))
    assert structure(flat) == structure(plain)
    assert sorted((t.role, t.shape) for t in flat.tensors) == sorted((t.role, t.shape) for t in plain.tensors)


@pytest.mark.parametrize(("name", "phase"), MODELS, ids=[name for name, _ in MODELS])
def test_unfolding_conserves_work_and_bytes(name: str, phase: str) -> None:
    graph = bind_model(catalog.find(name), phase)
    flat = unfold(graph)
    check(flat)
    assert all(segment.count == 1 for segment in flat.segments)
    assert sum(len(s.ops) for s in flat.segments) == sum(s.count * len(s.ops) for s in graph.segments)
    assert graph_macs(flat) == graph_macs(graph)
    assert totals(flat) == totals(graph)
    assert (flat.parameters, flat.facts) == (graph.parameters, graph.facts)
    for role in (Role.WEIGHT, Role.STATE, Role.INPUT, Role.OUTPUT):
        assert role_bytes(flat, role) == role_bytes(graph, role)
    assert role_bytes(flat, Role.ACTIVATION) == role_bytes(graph, Role.ACTIVATION) - counted_twice(graph)


def totals(graph: OperatorGraph) -> dict[str, int]:
    found: dict[str, int] = {}
    for segment, item in graph.walk():
        for kind, count in operations(item).items():
            found[kind] = found.get(kind, 0) + segment.count * count
    return found


def counted_twice(graph: OperatorGraph) -> int:
    """Bytes that a folded graph counts too often: a copy per repetition of what only the first reads from outside."""
    written = {a.tensor: segment.count for segment, item in graph.walk() for a in item.writes}
    handed = {
        name: max(s.count for s in graph.segments if name in external(s.ops))
        for s in graph.segments
        for name in external(s.ops)
        if graph.by_name[name].role is Role.ACTIVATION and not graph.by_name[name].shared
    }
    return sum(max(0, count - written[name]) * size_bytes(graph.by_name[name]) for name, count in handed.items())


def test_a_folded_segment_of_any_shipped_graph_can_be_written_out() -> None:
    for name in catalog.names():
        for phase in catalog.describe(name).phases[:1]:
            graph = bind_model(catalog.find(name), phase, Choices(fold_batchnorms=False))
            assert graph_macs(unfold(graph)) == graph_macs(graph)


@pytest.mark.parametrize(
    ("name", "chip_name"),
    [("transformer", "eyeriss"), ("resnext-50", "tpu_v4i"), ("resnext-50", "a100_80gb_sxm"), ("gpt2", "tpu_v4i")],
)
def test_the_flat_graph_takes_the_time_and_energy_of_the_folded_one(name: str, chip_name: str) -> None:
    """A folded segment is simulated as its repetitions are, with what one of them fetches ahead for the next."""
    graph, chip = bind_model(catalog.find(name)), load_chip(chip_name)
    one, other = (simulate(g, map_graph(g, chip), chip) for g in (graph, unfold(graph)))
    assert other.macs == one.macs
    assert other.seconds == pytest.approx(one.seconds, rel=1e-6)
    assert other.energy_joules == pytest.approx(one.energy_joules, rel=1e-6)
    assert moved(other) == pytest.approx(moved(one), rel=1e-6)


def moved(report: Report) -> float:
    return sum(row.read_bytes + row.write_bytes for row in report.traffic)


def test_two_tensors_handed_on_are_refused_by_name() -> None:
    ops = (op("cells.0", ["x", "y"], "a"), op("cells.0", ["a"], "b"))
    tensors = tuple(Tensor(name, (8,), Role.INPUT if name == "t" else Role.ACTIVATION) for name in "txyabz")
    before = Segment("stem", (op("stem", ["t"], "x"), op("stem", ["x"], "y")))
    after = Segment("head", (op("head", ["a", "b"], "z"),))
    with pytest.raises(GraphError, match=r"cells\.0.*3 repetitions.*reads x, y; results a, b"):
        unfold(OperatorGraph("test", "forward", tensors, (before, Segment("cells.0", ops, 3), after)))


def test_names_tell_the_repetition() -> None:
    names = [item.name for _, item in unfold(folded([*chain("aaa"), op("head", ["h2"], "y", "z")])).walk()]
    assert names == [EMBED.name, "layers.0.h0", "layers.0.h0#2", "layers.0.h0#3", "head.y"]
