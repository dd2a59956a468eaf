"""Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1): one compressed cache for all heads.

The cache holds per token one latent of C elements and one rotary key. Two ways to execute it, chosen before ``bind``:
``absorbed`` moves the up-projections to the query and to the output, so that all heads attend over the latent itself;
``expanded`` turns the whole cache into keys and values of every head first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workloads.attention import (
    AttentionError,
    Shape,
    attention_shape,
    scores_part,
    size_param,
    softmax_part,
    values_part,
)
from workloads.composites import axes, composite, contraction, nest, with_param
from workloads.errors import did_you_mean
from workloads.graph import Access, Op, OperatorGraph, Role, Tensor

VARIANTS = ("absorbed", "expanded")
Expanded = tuple[tuple[Op, ...], tuple[Tensor, ...]]


def choose_mla(graph: OperatorGraph, variant: str) -> OperatorGraph:
    """The graph with every multi-head latent attention executed as ``absorbed`` or ``expanded``; call before ``bind``.

    Raises:
        AttentionError: another variant.
    """
    if variant not in VARIANTS:
        hint = did_you_mean(variant, VARIANTS)
        raise AttentionError(f"mla: unknown variant {variant!r}, expected absorbed or expanded{hint}")
    return with_param(graph, "mla_attention", "variant", variant)


@composite("mla_attention")
def expand_mla(op: Op, tensors: Mapping[str, Tensor]) -> Op:
    """Parts of one bound multi-head latent attention.

    Reads q [B,S,H,nope+rope], latent [B,T,C], rope key [B,T,rope], kv_b_proj [H*(nope+v),C]; writes [B,S,H,v]. The
    access to q and kv_b_proj covers the slice that the part needs.
    """
    shape = attention_shape(op, 1)
    bits = tensors[op.writes[0].tensor].bits
    absorbed = op.param("variant", "absorbed") == "absorbed"
    parts, internal = _absorbed(op, shape, bits) if absorbed else _expanded(op, shape, bits)
    return replace(op, parts=parts, internal=(*internal, shape.scores(op, bits)))


def _rope_scores(op: Op, shape: Shape) -> Op:
    query, rope_key = Access(op.reads[0].tensor, axes("b", "q", "g", "r", "d")), op.reads[2].tensor
    key = Access(rope_key, axes("b", "t", "d"))
    return scores_part(op, shape, query, key, width=size_param(op, "rope_dim"), suffix="scores_rope")


def _absorbed(op: Op, shape: Shape, bits: int) -> Expanded:
    query, latent, _, weight = (access.tensor for access in op.reads[:4])
    width, nope, value = size_param(op, "latent_dim"), size_param(op, "nope_dim"), size_param(op, "value_dim")
    heads = shape.heads_per_group
    sizes = (shape.batch, shape.queries, heads, width)
    query_latent = Tensor(f"{op.name}.query_latent", sizes, Role.ACTIVATION, bits)
    value_latent = Tensor(f"{op.name}.value_latent", sizes, Role.ACTIVATION, bits)
    up = contraction(
        query_latent.name,
        nest(b=shape.batch, q=shape.queries, r=heads, c=width, d=nope),
        (Access(query, axes("b", "q", "r", "d")), Access(weight, axes("r", "d", "c"))),
        Access(query_latent.name, axes("b", "q", "r", "c")),
    )
    down = contraction(
        f"{op.name}.values",
        nest(b=shape.batch, q=shape.queries, r=heads, e=value, c=width),
        (Access(value_latent.name, axes("b", "q", "r", "c")), Access(weight, axes("r", "e", "c"))),
        Access(op.writes[0].tensor, axes("b", "q", "r", "e")),
    )
    by_latent = Access(query_latent.name, axes("b", "q", "r", "d")), Access(latent, axes("b", "t", "d"))
    gathered = Access(latent, axes("b", "t", "e")), Access(value_latent.name, axes("b", "q", "r", "e"))
    parts = (
        up,
        _rope_scores(op, shape),
        scores_part(op, shape, *by_latent, width=width),
        softmax_part(op, shape),
        values_part(op, shape, *gathered, width=width, suffix="value_latent"),
        down,
    )
    return parts, (query_latent, value_latent)


def _expanded(op: Op, shape: Shape, bits: int) -> Expanded:
    query, latent, _, weight = (access.tensor for access in op.reads[:4])
    width, heads = size_param(op, "latent_dim"), shape.heads_per_group
    widths = {"keys": size_param(op, "nope_dim"), "expanded_values": size_param(op, "value_dim")}
    keys, values = (
        Tensor(f"{op.name}.{what}", (shape.batch, shape.visible_keys, heads, size), Role.ACTIVATION, bits)
        for what, size in widths.items()
    )
    expansions = tuple(
        contraction(
            tensor.name,
            nest(b=shape.batch, t=shape.visible_keys, r=heads, e=size, c=width),
            (Access(latent, axes("b", "t", "c")), Access(weight, axes("r", "e", "c"))),
            Access(tensor.name, axes("b", "t", "r", "e")),
        )
        for tensor, size in zip((keys, values), widths.values(), strict=True)
    )
    by_key = Access(query, axes("b", "q", "g", "r", "d")), Access(keys.name, axes("b", "t", "r", "d"))
    by_value = Access(values.name, axes("b", "t", "r", "e")), Access(op.writes[0].tensor, axes("b", "q", "r", "e"))
    parts = (
        *expansions,
        _rope_scores(op, shape),
        scores_part(op, shape, *by_key, width=widths["keys"]),
        softmax_part(op, shape),
        values_part(op, shape, *by_value, width=widths["expanded_values"]),
    )
    return parts, (keys, values)
