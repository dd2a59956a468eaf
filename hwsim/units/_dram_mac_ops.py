"""Which operators MAC units in a DRAM run: products of a matrix that lies there and vectors from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.nest import gemm_of, is_contraction, nest_of, product
from hwsim.pim.commands import Do, Loop, Program
from hwsim.pim.layout import Geometry, Product
from workloads.graph import Op, Role, Tensor, elements, points, size_bytes

PRODUCTS = frozenset({"linear", "matmul", "grouped_linear"})
"""Kinds whose second operand is a matrix."""
KEPT = frozenset({Role.WEIGHT, Role.STATE})
"""Roles of tensors that lie in the DRAM."""


@dataclass(frozen=True, slots=True)
class Append:
    """New keys or values of every head: ``heads`` of ``size`` elements each, ``tokens`` of them."""

    heads: int
    size: int
    tokens: int
    by_column: bool


def refusal(name: str, bits: int, capacity: float, op: Op, tensors: Mapping[str, Tensor]) -> str | None:
    """Why an operator can't run in the DRAM, or None."""
    if op.kind == "kv_append":
        return None
    if op.parts:
        return f"{name} runs the parts of {op.kind}, not the whole"
    if op.kind not in PRODUCTS or not is_contraction(op) or len(op.reads) < 2:
        return f"{name} multiplies matrices by vectors, {op.kind} is something else"
    matrix = tensors[op.reads[1].tensor]
    if matrix.role not in KEPT:
        return f"{name} needs a matrix of weights or state, {matrix.name} is made on the way"
    widest = max(tensors[access.tensor].bits for access in op.reads[:2])
    if widest > bits:
        return f"{name} has operands of {bits} bits, {op.name} needs {widest} (--bits weight={bits},activation={bits})"
    if size_bytes(matrix) > capacity:
        size = f"{size_bytes(matrix):,} B"
        return f"{name}: the matrix {matrix.name} of {size} is larger than the memory of {capacity:,.0f} B"
    return None


def product_of(op: Op, tensors: Mapping[str, Tensor]) -> Product:
    """A contraction as groups of matrix times vectors: n outputs and k inputs of the matrix that lies in the DRAM."""
    nest = nest_of(op, tensors)
    gemm = gemm_of(nest)
    groups, m, n, k = (int(product(dims, nest.full)) for dims in (gemm.batch, gemm.m, gemm.n, gemm.k))
    return Product(groups, n, k, m)


def append_of(op: Op, tensors: Mapping[str, Tensor]) -> Append:
    """What an append writes; values lie by column, so that each element has a row of its own."""
    cache = tensors[op.writes[0].tensor]
    sizes = {loop.name: int(str(loop.extent)) for loop in op.loops}
    heads, size = sizes.get("b", 1) * sizes.get("g", 1), sizes.get("d", 1)
    tokens = max(1, points(op) // (heads * size)) if elements(cache) else 0
    return Append(heads, size, tokens, cache.name.endswith("v_cache"))


def append_program(append: Append, shape: Geometry) -> Program:
    """Commands of one channel that write new keys (a run of one bank's row) or values (one element of many rows)."""
    heads = -(-append.heads // shape.channels)
    if append.by_column:
        share = max(1, shape.channels // append.heads)
        passes = -(-append.size // (share * shape.units))
        each = (Do("PRE"), Do("ACT"), Do("WR", shape.units * -(-append.tokens // shape.burst)))
        return (Loop(heads * passes, each),)
    return (Loop(heads * append.tokens, (Do("PRE"), Do("ACT"), Do("WR", -(-append.size // shape.burst)))),)
