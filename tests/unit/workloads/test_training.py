"""Training steps: exact multiply-accumulates, gradients that are right, every weight updated once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from workloads.catalog import find, load
from workloads.graph import Access, Op, OperatorGraph, Role, check, elements, macs, number, operations
from workloads.inline import parse_inline
from workloads.model import Choices, bind_model
from workloads.training import TrainingError, training_step
from workloads.unfold import unfold

MODELS = ("resnet-18", "vit-b16", "densenet-121", "bert-base")


def trained(model: str, batch: int = 1) -> OperatorGraph:
    return bind_model(find(model), "train", Choices(batch))


def products(graph: OperatorGraph) -> Iterator[tuple[Op, int]]:
    for segment, op in graph.walk():
        for leaf in op.parts or (op,):
            if macs(leaf):
                yield leaf, segment.count


@pytest.mark.parametrize("model", MODELS)
def test_the_graph_is_well_formed_and_every_weight_is_updated_once(model: str) -> None:
    graph = trained(model)
    check(graph)
    updates = Counter(op.writes[0].tensor for _, op in graph.walk() if op.kind == "sgd")
    used = {t.name for t in graph.tensors if t.role is Role.WEIGHT} - {"buffers"}
    assert max(updates.values()) == 1
    assert {name for name in updates} == {name for name in used if f"{name}.gradient" in graph.by_name}
    assert len(updates) > 0.9 * len(used)


@pytest.mark.parametrize("model", MODELS)
def test_the_backward_pass_of_a_product_is_two_products_of_the_same_size(model: str) -> None:
    forward = bind_model(find(model), "forward", Choices(fold_batchnorms=False))
    inputs = {tensor.name for tensor in forward.tensors if tensor.role is Role.INPUT}
    backward: dict[str, int] = {}
    for leaf, _ in products(trained(model)):
        for suffix in (".input_gradient", ".weight_gradient"):
            if leaf.name.endswith(suffix):
                name = leaf.name.removesuffix(suffix)
                backward[name] = backward.get(name, 0) + macs(leaf)
    for leaf, _ in products(forward):
        needed = sum(access.tensor not in inputs for access in leaf.reads[:2])
        assert backward[leaf.name] == needed * macs(leaf)


def test_a_batch_costs_as_many_products_as_its_images() -> None:
    one, four = (sum(macs(leaf) * count for leaf, count in products(trained("resnet-18", batch))) for batch in (1, 4))
    assert four == 4 * one


Arrays = dict[str, NDArray[np.int64]]


def evaluate(op: Op, arrays: Arrays) -> None:
    """Run a contraction point by point."""
    names, extents = [loop.name for loop in op.loops], [number(loop.extent) for loop in op.loops]

    def place(access: Access, point: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(sum(point[name] * stride for name, stride in axis) for axis in access.index if axis)

    for values in product(*map(range, extents)):
        point = dict(zip(names, values, strict=True))
        left, right = (arrays[access.tensor][place(access, point)] for access in op.reads[:2])
        arrays[op.writes[0].tensor][place(op.writes[0], point)] += left * right


@pytest.mark.parametrize("text", ["matmul:m=3,n=4,k=5", "conv2d:n=2,c=2,h=6,w=5,k=3,r=3,s=2,stride=2"])
def test_gradients_satisfy_the_identity_of_a_bilinear_form(text: str) -> None:
    """For y bilinear in x and w, sum(dy y) = sum(dx x) = sum(dw w)."""
    graph = parse_inline(text)
    data = tuple(replace(t, role=Role.WEIGHT) if t.role is Role.INPUT else t for t in graph.tensors)
    step = training_step(replace(graph, tensors=data))
    random = np.random.default_rng(1)
    arrays: Arrays = {
        tensor.name: np.zeros(tuple(number(size) for size in tensor.shape if size != 1), np.int64)
        for tensor in step.tensors
    }
    for name in ("input", "weight", "output.gradient"):
        arrays[name][...] = random.integers(-5, 6, arrays[name].shape)
    for leaf, _ in products(step):
        evaluate(leaf, arrays)
    total = int((arrays["output"] * arrays["output.gradient"]).sum())
    assert total != 0
    for name in ("input", "weight"):
        assert int((arrays[name] * arrays[f"{name}.gradient"]).sum()) == total


def test_a_result_with_several_readers_sums_their_gradients() -> None:
    graph = trained("resnet-18")
    sums = [(segment.count, op) for segment, op in graph.walk() if op.name.endswith(".gradient_sum")]
    assert sum(count for count, _ in sums) == 8, "one per residual block"
    assert all(op.arithmetic == (("add", 1),) for _, op in sums)


@pytest.mark.parametrize("model", ["vit-b16", "resnet-18", "resnet-50", "bert-base", "m3vit"])
def test_a_folded_graph_adds_up_as_many_gradients_as_the_flat_one(model: str) -> None:
    graph = load(model, batch=2)
    folded, flat = (
        sum(
            segment.count * operations(op)["add"]
            for segment, op in training_step(one).walk()
            if op.name.endswith("gradient_sum")
        )
        for one in (graph, unfold(graph))
    )
    assert folded == flat > 0


def test_kept_activations_take_memory_for_every_repetition() -> None:
    forward, training = load("vit-b16", "forward"), trained("vit-b16")
    kept = [tensor for tensor in training.tensors if tensor.role is Role.STATE]
    assert sum(map(elements, kept)) > 0.9 * sum(elements(t) for t in forward.tensors if t.role is Role.ACTIVATION)
    counts = [segment.count for segment in training.segments if not segment.name.endswith(".handed_on")]
    assert math.prod(counts) == math.prod(s.count for s in forward.segments) ** 2


def test_only_forward_graphs_can_be_trained() -> None:
    with pytest.raises(TrainingError, match="from the phase forward, not decode"):
        training_step(load("gpt2", "decode", context=16))
