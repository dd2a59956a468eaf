"""Operators that stay one node until the graph is bound: attention, latent attention, mixture of experts."""

from __future__ import annotations

from workloads.graph import Access, Family, Op, Role
from workloads.lowering.call import Call, Value, lowers, opaque
from workloads.symbols import Size, ceil_divide


def _composite(call: Call, kind: str, reads: tuple[Access, ...], params: dict[str, Size | str]) -> tuple[Op, ...]:
    ordered: tuple[tuple[str, Size | str], ...] = tuple(sorted(params.items(), key=lambda pair: pair[0]))
    writes = (opaque(call.out),)
    return (Op(call.name, kind, Family.CONTRACTION, (), reads, writes, params=ordered, source=call.source),)


def _computed(bias: Value | None) -> Value | None:
    """A bias that the network computes; one that is known beforehand is a mask, and masks are free."""
    return None if bias is None or bias.role is Role.INPUT else bias


@lowers("hwsim.attention")
def lower_attention(call: Call) -> tuple[Op, ...]:
    """Attention of q [b, s, h, d] over k [b, t, g, d] and v [b, t, g, e]; further reads are sinks [h] or a bias."""
    q, k, v = call.value("q"), call.value("k"), call.value("v")
    bias = _computed(call.maybe("bias"))
    extra = [call.maybe("sinks"), bias]
    params: dict[str, Size | str] = {
        "batch": q.shape[0], "queries": q.shape[1], "heads": q.shape[2], "head_dim": q.shape[3],
        "keys": k.shape[1], "kv_heads": k.shape[2], "value_dim": v.shape[3], "window": call.integer("window"),
        "causal": "causal" if call.integer("causal") else "full",
        "bias": "relative" if bias is not None else "none",
    }  # fmt: skip
    reads = tuple(opaque(value) for value in (q, k, v, *extra) if value is not None)
    return _composite(call, "attention", reads, params)


@lowers("aten.scaled_dot_product_attention")
def lower_fused_attention(call: Call) -> tuple[Op, ...]:
    """PyTorch's own attention: q [b, h, s, d]. A mask that depends on data is read like a bias."""
    q, k, v = call.value("query"), call.value("key"), call.value("value")
    bias = _computed(call.maybe("attn_mask"))
    batch = q.shape[0] if len(q.shape) > 3 else 1
    params: dict[str, Size | str] = {
        "batch": batch, "queries": q.extent(-2), "heads": q.extent(-3), "head_dim": q.extent(-1),
        "keys": k.extent(-2), "kv_heads": k.extent(-3), "value_dim": v.extent(-1), "window": 0,
        "causal": "causal" if call.integer("is_causal") else "full",
        "bias": "relative" if bias is not None else "none",
    }  # fmt: skip
    reads = tuple(opaque(value) for value in (q, k, v, bias) if value is not None)
    return _composite(call, "attention", reads, params)


@lowers("hwsim.mla_attention")
def lower_latent_attention(call: Call) -> tuple[Op, ...]:
    """Multi-head latent attention: q [b, s, h, nope+rope], latent cache [b, t, r], rope-key cache [b, t, rope].

    The up-projection [h*(nope+v), r] is an operand; whether it is applied to queries and outputs (absorbed) or to the
    whole cache (expanded) is decided when the graph is bound. Source: DeepSeek-V2, arXiv 2405.04434, section 2.1.
    """
    q, latent, rope, weight = (call.value(key) for key in ("q", "latent", "rope", "weight"))
    value_dim = call.out.shape[3]
    params: dict[str, Size | str] = {
        "batch": q.shape[0], "queries": q.shape[1], "heads": q.shape[2], "keys": latent.shape[1],
        "nope_dim": q.shape[3] - rope.shape[2], "rope_dim": rope.shape[2], "value_dim": value_dim,
        "latent_dim": latent.shape[2], "causal": "causal" if call.integer("causal") else "full",
    }  # fmt: skip
    return _composite(call, "mla_attention", tuple(opaque(v) for v in (q, latent, rope, weight)), params)


@lowers("hwsim.experts")
def lower_experts(call: Call) -> tuple[Op, ...]:
    """Mixture of experts over x [tokens, hidden] with routing weights [tokens, top_k].

    Reads x, routing weights, first projection [e, f or 2f, hidden], second projection [e, hidden, f], then biases.
    """
    x, routing, up, down = (call.value(key) for key in ("x", "routing", "up", "down"))
    gated = call.integer("gated") == 1
    params: dict[str, Size | str] = {
        "tokens": x.shape[0], "hidden": x.shape[1], "top_k": routing.shape[1], "experts": up.shape[0],
        "ffn": ceil_divide(up.shape[1], 2) if gated else up.shape[1], "gated": "yes" if gated else "no",
        "activation": call.text("activation"),
    }  # fmt: skip
    reads = tuple(opaque(value) for value in (x, routing, up, down, *call.values("biases")))
    return _composite(call, "experts", reads, params)
