from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.attention import AttentionError, attended_pairs
from workloads.bind import bind
from workloads.experts import ExpertsError, choose_experts, expected_busy, histogram
from workloads.graph import (
    Access,
    Family,
    Op,
    OperatorGraph,
    Role,
    Segment,
    Tensor,
    elements,
    graph_macs,
    macs,
    number,
    points,
)
from workloads.inline import parse_inline
from workloads.latent_attention import choose_mla
from workloads.precision import PrecisionError, parse_bits, with_precision
from workloads.symbols import symbol


def graph_of(kind: str, reads: tuple[Tensor, ...], write: Tensor, **params: object) -> OperatorGraph:
    def constant(tensor: Tensor) -> Access:
        return Access(tensor.name, ((),) * len(tensor.shape))

    pairs = tuple(sorted(params.items()))
    op = Op("node", kind, Family.CONTRACTION, (), tuple(map(constant, reads)), (constant(write),), (), pairs)
    return OperatorGraph("test", "decode", (*reads, write), (Segment("all", (op,)),))


def mla_graph(queries: object = 1, keys: object = symbol("T")) -> OperatorGraph:
    heads, nope, rope, value, latent = 4, 16, 8, 12, 32
    return graph_of(
        "mla_attention",
        (
            Tensor("q", (2, queries, heads, nope + rope), Role.INPUT),
            Tensor("latent", (2, keys, latent), Role.STATE),
            Tensor("rope", (2, keys, rope), Role.STATE),
            Tensor("kv_b", (heads * (nope + value), latent), Role.WEIGHT),
        ),
        Tensor("out", (2, queries, heads, value), Role.OUTPUT),
        batch=2, queries=queries, keys=keys, heads=heads, nope_dim=nope, rope_dim=rope, value_dim=value,
        latent_dim=latent, causal="causal",
    )  # fmt: skip


def experts_graph(tokens: object, gated: str = "yes", biases: bool = False) -> OperatorGraph:
    experts, top_k, hidden, ffn = 8, 2, 16, 24
    gates = 2 if gated == "yes" else 1
    reads = (
        Tensor("x", (tokens, hidden), Role.INPUT),
        Tensor("routing", (tokens, top_k), Role.INPUT),
        Tensor("up", (experts, gates * ffn, hidden), Role.WEIGHT),
        Tensor("down", (experts, hidden, ffn), Role.WEIGHT),
    )
    if biases:
        reads += (
            Tensor("up_bias", (experts, gates * ffn), Role.WEIGHT),
            Tensor("down_bias", (experts, hidden), Role.WEIGHT),
        )
    return graph_of(
        "experts", reads, Tensor("out", (tokens, hidden), Role.OUTPUT),
        tokens=tokens, experts=experts, top_k=top_k, hidden=hidden, ffn=ffn, gated=gated, activation="silu",
    )  # fmt: skip


@given(st.integers(1, 12), st.integers(0, 20), st.integers(0, 15), st.booleans())
def test_attended_pairs_equal_counting_the_mask(queries: int, extra: int, window: int, causal: bool):
    keys = queries + extra
    counted = 0
    for query in range(queries):
        last = keys - queries + query if causal else keys - 1
        visible = last + 1
        counted += min(visible, window) if window else visible
    assert attended_pairs(queries, keys, causal, window) == counted


def test_keys_of_a_group_are_read_once_for_all_its_heads():
    graph = parse_inline("attention:batch=1,heads=32,kv_heads=8,queries=1,keys=100,head_dim=128")
    scores = graph.segments[0].ops[0].parts[0]
    loops = {loop.name: number(loop.extent) for loop in scores.loops}
    key = scores.reads[1]
    assert key.tensor == "k"
    assert "r" not in key.loops() and loops["r"] == 4
    assert loops["b"] * loops["g"] * loops["t"] * loops["d"] == elements(graph.by_name["k"])


def test_decoding_in_a_window_touches_only_the_window():
    graph = parse_inline("attention:batch=1,heads=4,queries=1,keys=1000,head_dim=8,causal=1,window=128")
    assert graph_macs(graph) == 4 * 128 * 8 * 2
    scores = graph.segments[0].ops[0].parts[0]
    assert scores.active_points is None
    assert points(scores) == 4 * 128 * 8


def test_absorbed_and_expanded_latent_attention_count_their_products():
    absorbed = bind(choose_mla(mla_graph(), "absorbed"), T=10)
    expanded = bind(choose_mla(mla_graph(), "expanded"), T=10)
    rows, pairs = 2 * 4, 2 * 4 * 10
    assert graph_macs(absorbed) == rows * 32 * (16 + 12) + pairs * (8 + 32 + 32)
    assert graph_macs(expanded) == pairs * 32 * (16 + 12) + pairs * (8 + 16 + 12)
    assert graph_macs(bind(mla_graph(), T=10)) == graph_macs(absorbed)


def test_causal_latent_prefill_counts_the_executed_half():
    absorbed = bind(mla_graph(queries=6, keys=6))
    assert graph_macs(absorbed) == 2 * 4 * 6 * 32 * (16 + 12) + 2 * 4 * 21 * (8 + 32 + 32)


def test_unknown_latent_variant_is_refused_with_a_hint():
    with pytest.raises(AttentionError, match="did you mean 'absorbed'"):
        choose_mla(mla_graph(), "absorb")


@given(st.integers(1, 300), st.integers(1, 32), st.data(), st.sampled_from(["balanced", "uniform"]))
def test_histograms_add_up_and_fit(tokens: int, experts: int, data: st.DataObject, policy: str):
    top_k = data.draw(st.integers(1, experts))
    counts = histogram(policy, tokens, experts, top_k)
    assert sum(counts) == tokens * top_k
    assert len(counts) <= experts
    assert max(counts) <= tokens
    assert max(counts) - min(counts) <= 1


def test_one_token_uses_exactly_top_k_experts_also_when_random():
    assert expected_busy(8, 2, 1) == pytest.approx(2)
    assert histogram("uniform", 1, 8, 2) == (1, 1)
    assert expected_busy(8, 8, 3) == 8


@pytest.mark.parametrize("policy", ["balanced", "uniform", (5, 4, 1), (5, 5)])
@pytest.mark.parametrize("gated", ["yes", "no"])
def test_expert_macs_do_not_depend_on_the_histogram(policy: str | tuple[int, ...], gated: str):
    graph = bind(choose_experts(experts_graph(symbol("B"), gated, biases=True), policy), B=5)
    assert graph_macs(graph) == 5 * 2 * (3 if gated == "yes" else 2) * 16 * 24


def test_only_busy_experts_weights_are_read():
    graph = bind(choose_experts(experts_graph(5), (5, 4, 1)))
    ups = [part for part in graph.segments[0].ops[0].parts if ".up." in part.name]
    assert [macs(part) for part in ups] == [tokens * 48 * 16 for tokens in (5, 4, 1)]
    assert sum(number(part.loops[0].extent) for part in ups) == 3


@pytest.mark.parametrize(("policy", "expected"), [((5, 4), "adds up to 9"), ((6, 4), "at most 5 tokens")])
def test_impossible_histograms_are_refused(policy: tuple[int, ...], expected: str):
    with pytest.raises(ExpertsError, match=expected):
        bind(choose_experts(experts_graph(5), policy))


@pytest.mark.parametrize("policy", ["balance", (), (3, -1)])
def test_unknown_policies_are_refused(policy: str | tuple[int, ...]):
    with pytest.raises(ExpertsError):
        choose_experts(experts_graph(5), policy)


def test_precision_changes_floats_by_role_and_leaves_indices_alone():
    graph = parse_inline("matmul:m=4,n=4,k=4")
    tensors = (*graph.tensors, Tensor("index", (4,), Role.INPUT, 32))
    mixed = with_precision(
        OperatorGraph(graph.model, graph.phase, tensors, graph.segments), parse_bits("weight=4,activation=8")
    )
    assert {t.name: t.bits for t in mixed.tensors} == {"input": 8, "weight": 4, "output": 8, "index": 32}
    with pytest.raises(PrecisionError, match="already"):
        with_precision(mixed, {"weight": 8})


def test_precision_before_and_after_binding_is_the_same():
    symbolic = experts_graph(symbol("B"))
    bits = {"activation": 8, "weight": 4, "input": 8, "output": 8}
    assert with_precision(bind(symbolic, B=3), bits) == bind(with_precision(symbolic, bits), B=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weigth=4", "did you mean 'weight'"),
        ("weight=0", "out of range"),
        ("weight=4,weight=8", "twice"),
        ("weight", "cannot read"),
        ("weight=x", "cannot read"),
    ],
)
def test_bad_bits_are_refused(text: str, expected: str):
    with pytest.raises(PrecisionError, match=expected):
        parse_bits(text)


def einsum(part: Op, operands: dict[str, numpy.ndarray]) -> numpy.ndarray:
    """A contraction evaluated from its accesses alone; an axis of several loops is not needed here."""
    extents = {loop.name: number(loop.extent) for loop in part.loops}

    def letters(access: Access) -> str:
        return "".join(name for axis in access.index for name, _ in axis)

    views = [operands[a.tensor].reshape([extents[name] for name in letters(a)]) for a in part.reads]
    subscripts = ",".join(letters(access) for access in part.reads)
    return numpy.einsum(f"{subscripts}->{letters(part.writes[0])}", *views)


def test_the_parts_of_grouped_attention_compute_attention():
    graph = parse_inline("attention:batch=2,heads=6,kv_heads=3,queries=4,keys=5,head_dim=8")
    (op,) = graph.segments[0].ops
    random = numpy.random.default_rng(0)
    tensors = {name: random.normal(size=graph.by_name[name].shape) for name in ("q", "k", "v")}
    scores_part, softmax_part, values_part = op.parts
    scores = numpy.exp(einsum(scores_part, tensors))
    tensors[softmax_part.writes[0].tensor] = scores / scores.sum(-1, keepdims=True)
    found = einsum(values_part, tensors).reshape(2, 4, 6, 8)
    keys, values = (numpy.repeat(tensors[name], 2, axis=2) for name in ("k", "v"))
    reference = numpy.exp(numpy.einsum("bqhd,bthd->bhqt", tensors["q"], keys))
    reference /= reference.sum(-1, keepdims=True)
    assert numpy.allclose(found, numpy.einsum("bhqt,bthe->bqhe", reference, values))
