from __future__ import annotations

import pytest

from workloads.graph import OperatorGraph, Role, check, elements, graph_macs, role_bytes
from workloads.model import Choices, bind_model, plan_model
from workloads.offload import (
    FEED_FORWARD,
    FETCH,
    Offload,
    OffloadError,
    active_only,
    offload,
    only_fetches,
    parse_offload,
    stored_bytes,
)
from workloads.partition import Cut
from workloads.phases import PhaseError
from workloads.precision import with_precision
from workloads.user import open_model


@pytest.fixture(scope="module")
def step() -> OperatorGraph:
    return bind_model(open_model("opt-6.7b"), "decode", Choices(1, 128))


def fetched_bytes(graph: OperatorGraph) -> float:
    return sum(
        segment.count * int(str(op.param("size"))) * graph.by_name[op.reads[0].tensor].bits / 8
        for segment, op in graph.walk()
        if op.kind == FETCH
    )


def test_every_weight_is_fetched_once_in_front_of_its_first_reader(step: OperatorGraph) -> None:
    stored = offload(step, Offload())
    check(stored)
    assert fetched_bytes(stored) == role_bytes(step, Role.WEIGHT) == stored_bytes(stored)
    seen = set[str]()
    for _, op in stored.walk():
        weights = {a.tensor for a in op.reads if stored.by_name[a.tensor].role is Role.WEIGHT}
        assert op.kind == FETCH or weights <= seen
        seen |= weights


def test_a_window_fetches_less_than_it_computes_with(step: OperatorGraph) -> None:
    sparse = offload(step, Offload(FEED_FORWARD, held=0.24, fetched=0.024, active=0.1, piece_bytes=8192))
    check(sparse)
    width, inner, layers = 4096, 16384, 32
    whole = 2 * width * inner * layers * 2
    assert fetched_bytes(sparse) == pytest.approx(0.024 * whole, rel=1e-4)
    assert stored_bytes(sparse) == pytest.approx(0.76 * whole, rel=1e-6)
    saved = graph_macs(step) - graph_macs(sparse)
    assert saved == pytest.approx(0.9 * 2 * width * inner * layers, rel=1e-3)


def test_only_the_inside_of_a_feed_forward_network_shrinks(step: OperatorGraph) -> None:
    small = active_only(step, 0.25)
    changed = {
        op.name.rpartition(".")[2]
        for (_, op), (_, old) in zip(small.walk(), step.walk(), strict=True)
        if op.loops != old.loops
    }
    assert changed == {"fc1", "activation_fn", "fc2"}
    assert small.tensors == step.tensors


def test_fetches_alone_bring_every_weight_and_compute_nothing(step: OperatorGraph) -> None:
    moved = only_fetches(step)
    check(moved)
    assert {op.kind for _, op in moved.walk()} == {FETCH}
    assert graph_macs(moved) == 0
    assert fetched_bytes(moved) == role_bytes(step, Role.WEIGHT)
    assert all(elements(tensor) for tensor in moved.tensors)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Offload(held=1.5), "held must be a fraction"),
        (Offload(active=0.0), "active must be a fraction"),
        (Offload(fetched=0.0), "fetched must be a fraction"),
        (Offload(piece_bytes=0), "at least one byte"),
        (Offload((Cut.EXPERTS,)), "has no weights of experts"),
    ],
)
def test_what_cannot_be_offloaded_is_refused(step: OperatorGraph, plan: Offload, text: str) -> None:
    with pytest.raises(OffloadError, match=text):
        offload(step, plan)


def test_offloading_twice_or_before_binding_is_refused(step: OperatorGraph) -> None:
    with pytest.raises(OffloadError, match="already"):
        offload(offload(step, Offload()), Offload())
    with pytest.raises(OffloadError, match="bind"):
        offload(open_model("opt-6.7b").symbolic("decode"), Offload())


def test_what_lies_in_the_storage_shrinks_with_its_bits(step: OperatorGraph) -> None:
    stored = offload(step, Offload(held=0.25))
    assert stored_bytes(with_precision(stored, {"weight": 4})) == pytest.approx(stored_bytes(stored) / 4)
    assert stored_bytes(step) == 0


def test_a_plan_is_read_from_text() -> None:
    assert parse_offload("all") == Offload()
    assert parse_offload("feed-forward, held=0.24,fetched=0.024,active=0.1,piece=8192") == Offload(
        FEED_FORWARD, 0.24, 0.024, 0.1, 8192
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feedforward", "did you mean 'feed-forward'"),
        ("all,holds=1", "did you mean 'held'"),
        ("all,held=half", "cannot read 'held=half'"),
        ("all,held=0.1,held=0.2", "each once"),
        ("", "is not one of all, feed-forward"),
    ],
)
def test_a_text_that_cannot_be_read_says_what_would_be(text: str, message: str) -> None:
    with pytest.raises(OffloadError, match=message):
        parse_offload(text)


@pytest.mark.parametrize("phase", ["train", "generate"])
def test_phases_that_keep_weights_in_memory_say_so(phase: str) -> None:
    choices = Choices(offload=Offload())
    with pytest.raises(PhaseError, match="in memory"):
        if phase == "train":
            bind_model(open_model("alexnet"), phase, choices)
        else:
            plan_model(open_model("opt-6.7b"), 8, 8, choices)
