from __future__ import annotations

import pytest

from workloads import catalog
from workloads.graph import Access, Family, Loop, Op, OperatorGraph, Role, Segment, Tensor, graph_macs
from workloads.model import Choices, Model, bind_model, plan_model
from workloads.phases import PhaseError, bind_phase, decode_step, default_phase, offered, split_by_symbol
from workloads.symbols import symbol

BATCH, NEW, KEYS = symbol("B"), symbol("S"), symbol("T")


def model_graph(phase: str) -> OperatorGraph:
    """One linear layer, one cache append, one attention."""
    rows = BATCH * (1 if phase == "decode" else NEW)
    queries = 1 if phase == "decode" else NEW
    index = ((("m", 1),), (("k", 1),))
    weight = ((("n", 1),), (("k", 1),))
    write = ((("m", 1),), (("n", 1),))
    linear = Op(
        "linear", "linear", Family.CONTRACTION, (Loop("m", rows), Loop("n", 8), Loop("k", 8)),
        (Access("x", index), Access("w", weight)), (Access("q", write),), (("mac", 1),),
    )  # fmt: skip
    append = Op(
        "append", "kv_append", Family.GATHER, (Loop("m", rows), Loop("k", 8)),
        (Access("q", index),), (Access("cache", index),),
    )  # fmt: skip
    constant = ((), (), (), ())
    params = {"batch": BATCH, "queries": queries, "keys": KEYS, "heads": 2, "kv_heads": 2, "head_dim": 4}
    params |= {"value_dim": 4, "window": 0, "causal": "causal", "bias": "none"}
    attention = Op(
        "attention", "attention", Family.CONTRACTION, (),
        (Access("q", constant), Access("cache", constant), Access("cache", constant)), (Access("out", constant),),
        params=tuple(sorted(params.items())),
    )  # fmt: skip
    tensors = (
        Tensor("x", (rows, 8), Role.INPUT),
        Tensor("w", (8, 8), Role.WEIGHT),
        Tensor("q", (BATCH, queries, 2, 4), Role.ACTIVATION),
        Tensor("cache", (BATCH, KEYS, 2, 4), Role.STATE),
        Tensor("out", (BATCH, queries, 2, 4), Role.OUTPUT),
    )
    return OperatorGraph("toy", phase, tensors, (Segment("all", (linear, append, attention)),))


TOY = Model("toy", ("prefill", "decode"), model_graph)


def test_language_models_decode_by_default_and_others_go_forward():
    assert default_phase(("prefill", "decode")) == "decode"
    assert default_phase(("forward",)) == "forward"
    assert offered(("prefill", "decode")) == ("prefill", "decode", "generate")
    assert offered(("forward",)) == ("forward", "train")


def test_decode_context_counts_the_new_token():
    graph = bind_phase(model_graph("decode"), batch=3, context=10)
    assert graph_macs(graph) == 3 * 64 + 3 * 2 * 10 * 4 * 2


def test_prefill_counts_the_executed_half_of_the_square():
    graph = bind_phase(model_graph("prefill"), batch=1, context=10)
    assert graph_macs(graph) == 10 * 64 + 2 * 55 * 4 * 2


def test_default_context_comes_from_the_facts_or_is_2048():
    graph = model_graph("decode")
    with_fact = OperatorGraph("toy", "decode", graph.tensors, graph.segments, facts=(("default_context", 7),))
    assert graph_macs(bind_phase(with_fact)) == 64 + 2 * 7 * 8
    assert graph_macs(bind_phase(graph)) == 64 + 2 * 2048 * 8


@pytest.mark.parametrize(("batch", "context"), [(0, 5), (1, 0), (-1, 5)])
def test_sizes_below_one_are_refused(batch: int, context: int):
    with pytest.raises(PhaseError, match="at least 1"):
        bind_phase(model_graph("decode"), batch, context)


def test_a_phase_the_model_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(PhaseError, match="prefill, decode, generate; did you mean 'decode'"):
        bind_model(TOY, "decod")


def test_generating_is_one_prefill_and_one_step_less_than_tokens():
    plan = plan_model(TOY, prompt=10, output=4, choices=Choices(batch=2))
    assert (plan.first_context, plan.last_context, plan.steps) == (11, 13, 3)
    assert plan.prefill == bind_model(TOY, "prefill", Choices(batch=2, context=10))
    assert decode_step(plan, 12) == bind_model(TOY, "decode", Choices(batch=2, context=12))
    assert plan_model(TOY, prompt=10, output=1).steps == 0


def test_only_attention_depends_on_the_context():
    dependent, constant = split_by_symbol(model_graph("decode"), "T")
    assert dependent == {"attention"}
    assert constant == {"linear", "append"}


def test_operators_that_do_not_depend_on_the_context_are_equal_in_all_steps():
    _, constant = split_by_symbol(model_graph("decode"), "T")
    steps = [{op.name: op for _, op in bind_phase(model_graph("decode"), 1, t).walk()} for t in (5, 9)]
    assert all(steps[0][name] == steps[1][name] for name in constant)


def test_a_batch_for_a_network_without_one_is_refused():
    fixed = OperatorGraph("fixed", "forward", (), ())
    with pytest.raises(PhaseError, match="fixed batch"):
        bind_phase(fixed, batch=2)


def test_absurd_sizes_are_refused():
    with pytest.raises(PhaseError, match="over 1e18"):
        bind_phase(model_graph("decode"), batch=10**9, context=10**9)


def test_an_encoder_decoder_generates_from_one_token_after_reading_the_prompt():
    plan = plan_model(catalog.find("t5-base"), prompt=100, output=5)
    assert (plan.first_context, plan.last_context, plan.encoder) == (2, 5, 100)
    assert plan.prefill == bind_model(catalog.find("t5-base"), "prefill", Choices(context=100))
    short, long = (graph_macs(decode_step(plan, context)) for context in (2, 5))
    assert short < long
