"""Fractions of zeros: by role, by tensor, through files, and what is refused."""

from __future__ import annotations

import pytest

from workloads.catalog import find
from workloads.inline import parse_inline
from workloads.model import Choices, bind_model
from workloads.serialize import load, save
from workloads.sparsity import SparsityError, parse_zeros, with_zeros

CONV = "conv2d:n=1,c=4,h=8,w=8,k=4,r=3,s=3"


def test_activation_sets_inputs_and_outputs_unless_they_are_named() -> None:
    graph = with_zeros(parse_inline(CONV), parse_zeros("activation=0.5, output=0.25"))
    assert {t.name: t.zeros for t in graph.tensors} == {"input": 0.5, "weight": 0.0, "output": 0.25}


def test_a_tensor_by_name_counts_more_than_its_role() -> None:
    graph = bind_model(find("alexnet"), None, Choices(zeros={"activation": 0.5, "conv3": 0.8, "conv3.weight": 0.1}))
    zeros = {tensor.name: tensor.zeros for tensor in graph.tensors}
    assert (zeros["conv2"], zeros["conv3"], zeros["conv3.weight"], zeros["conv2.weight"]) == (0.5, 0.8, 0.1, 0.0)


def test_zeros_survive_a_file() -> None:
    graph = with_zeros(find("alexnet").symbolic("forward"), {"activation": 0.5})
    assert load(save(graph)) == graph
    assert save(with_zeros(graph, {"activation": 0.0})) == save(find("alexnet").symbolic("forward"))


@pytest.mark.parametrize("text", ["0.5", "activation", "activation=", "activation=half", "activation=1e-1", "=0.5", ""])
def test_text_that_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(SparsityError, match="expected name=fraction"):
        parse_zeros(text)


@pytest.mark.parametrize(
    ("text", "message"), [("input=1.5", "0 to 1"), ("input=-0.1", "0 to 1"), ("input=0,input=1", "occurs twice")]
)
def test_fractions_out_of_range_and_repetitions_are_refused(text: str, message: str) -> None:
    with pytest.raises(SparsityError, match=message):
        parse_zeros(text)


def test_unknown_names_are_refused_with_a_hint() -> None:
    with pytest.raises(SparsityError, match=r"no role or tensor 'activatoin'.*activation"):
        with_zeros(parse_inline(CONV), {"activatoin": 0.5})
