"""What a hardwired system needs to know of an operator: tokens, cached heads, and bytes that cross its borders."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hwsim.nest import is_contraction
from hwsim.units._gpu_stream import touched_bytes
from workloads.graph import Op, Role, Tensor, elements, number, points, size_bytes
from workloads.partition import ATTENTION_KINDS


def is_matrix(op: Op) -> bool:
    """Whether an operator (not a composite) multiplies by a matrix of weights: a contraction outside attention."""
    return is_contraction(op) and len(op.reads) >= 2 and op.kind in ("linear", "grouped_linear", "matmul", "conv2d")


def tokens_of(op: Op, tensors: Mapping[str, Tensor]) -> int:
    """Tokens that pass an operator: the elements of its result over those of its last dimension's row."""
    if op.kind in ATTENTION_KINDS:
        return size(op, "batch") * size(op, "queries")
    if op.kind == "experts":
        return size(op, "tokens")
    result = tensors[op.writes[0].tensor]
    last = number(result.shape[-1]) if result.shape else 1
    return max(1, elements(result) // max(1, last))


def outside_bytes(op: Op, tensors: Mapping[str, Tensor]) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes of the network's own inputs that an operator reads, and of its outputs that it writes, by tensor."""
    known = [access for access in (*op.reads, *op.writes) if access.tensor in tensors]
    sizes = {access.tensor: touched_bytes(access, op, tensors) for access in known}
    roles = {name: tensors[name].role for name in sizes}
    inputs = {name: size for name, size in sizes.items() if roles[name] is Role.INPUT}
    return inputs, {name: size for name, size in sizes.items() if roles[name] is Role.OUTPUT}


def appended_bytes(op: Op, tensors: Mapping[str, Tensor]) -> float:
    """Bytes that an operator adds to the cache."""
    state = [tensors[a.tensor] for a in op.writes if a.tensor in tensors and tensors[a.tensor].role is Role.STATE]
    return float(points(op) * state[0].bits / 8) if state else 0.0


def state_bytes(op: Op, tensors: Mapping[str, Tensor]) -> float:
    """Bytes of the cache that an attention reads."""
    read = {access.tensor for access in op.reads}
    return float(sum(size_bytes(tensors[name]) for name in read if tensors[name].role is Role.STATE))


def size(op: Op, key: str) -> int:
    """A parameter of a bound composite that is a number."""
    value = op.param(key)
    assert not isinstance(value, str), f"{op.name}: {key} is {value!r}, expected a number"
    return number(value)


def heads(op: Op) -> int:
    """Query heads of an attention, one of anything else."""
    return size(op, "heads") if op.kind in ATTENTION_KINDS else 1


def head_rows(op: Op, columns: int, macs_per_head: int) -> float:
    """Rows of the cache, in heads of ``macs_per_head``, that one column of chips handles per cached token."""
    if op.kind == "mla_attention":
        width = 2 * size(op, "latent_dim") + size(op, "rope_dim")
        return size(op, "heads") * width / macs_per_head / columns
    shared = size(op, "heads") // size(op, "kv_heads")
    width = size(op, "head_dim") + size(op, "value_dim")
    return math.ceil(size(op, "kv_heads") / columns) * shared * width / macs_per_head


def weight_matrices(op: Op, tensors: Mapping[str, Tensor]) -> int:
    """Products with weights inside an attention (latent attention absorbs two)."""
    return sum(
        any(
            tensors[a.tensor].role is Role.WEIGHT and len(tensors[a.tensor].shape) > 1
            for a in part.reads
            if a.tensor in tensors
        )
        for part in op.parts
        if is_contraction(part)
    )
