"""A bound contraction as plain numbers: the form that mappings, access counts and units work on.

A nest has no names of tensors in it, so operators of equal shape have equal nests and share their mapping.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.operand import OPERANDS, Operand
from workloads.graph import Access, Family, GraphError, Op, Tensor, elements, number, points

Axis = tuple[tuple[str, int], ...]
"""One index of an operand: sum of dimension x stride."""


@dataclass(frozen=True, slots=True)
class NestOperand:
    """One of the three operands.

    Attributes:
        axes: how the dimensions index it.
        bits: width of one element.
        zeros: fraction of the touched positions that hold a zero, padding included.
    """

    role: Operand
    axes: tuple[Axis, ...]
    bits: int
    zeros: float = 0.0
    moved_by: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moved_by", frozenset(name for axis in self.axes for name, _ in axis))

    def dims(self) -> frozenset[str]:
        """Dimensions that move this operand."""
        return self.moved_by


@dataclass(frozen=True, slots=True)
class Nest:
    """A multiply-accumulate loop nest.

    Attributes:
        dims, extents: loops in the operator's own order; loops of extent one are left out.
        operands: input, weight, output.
        active_points: points really executed (fewer than the product of extents under a mask).
        partial_bits: width of a partial sum that leaves the unit before it is complete.
    """

    dims: tuple[str, ...]
    extents: tuple[int, ...]
    operands: tuple[NestOperand, NestOperand, NestOperand]
    active_points: int
    partial_bits: int = 32

    @property
    def full(self) -> dict[str, int]:
        """Extent of every dimension by name."""
        return dict(zip(self.dims, self.extents, strict=True))

    @property
    def density(self) -> float:
        """Fraction of the points that a mask leaves in."""
        return self.active_points / math.prod(self.extents)

    def operand(self, role: Operand) -> NestOperand:
        """The operand of one role."""
        return self.operands[OPERANDS.index(role)]


def is_contraction(op: Op) -> bool:
    """Whether an operator is an ordinary contraction (a composite is not, its parts are)."""
    return op.family is Family.CONTRACTION and not op.parts


def nest_of(op: Op, tensors: Mapping[str, Tensor]) -> Nest:
    """The nest of a bound contraction: its first two reads and its write.

    Raises:
        GraphError: not a contraction with two reads and one write.
    """
    if not is_contraction(op) or len(op.reads) < 2 or len(op.writes) != 1:
        raise GraphError(f"operator {op.name} ({op.kind}) is not a contraction of two operands")
    kept = [(loop.name, number(loop.extent)) for loop in op.loops if loop.extent != 1]
    full = dict(kept)
    accesses = (op.reads[0], op.reads[1], op.writes[0])
    operands = tuple(
        _operand(role, _axes(access, full.keys()), tensors[access.tensor], full)
        for role, access in zip(OPERANDS, accesses, strict=True)
    )
    assert len(operands) == 3
    return Nest(tuple(n for n, _ in kept), tuple(e for _, e in kept), operands, points(op))


def _operand(role: Operand, axes: tuple[Axis, ...], tensor: Tensor, full: Mapping[str, int]) -> NestOperand:
    """An operand with the zeros of its tensor; positions that the tensor does not have are padding, also zero."""
    plain = NestOperand(role, axes, tensor.bits, tensor.zeros)
    if role != "input" or any(len(axis) > 2 for axis in axes):
        return plain
    real = min(1.0, elements(tensor) / float(volume(plain, full)))
    return replace(plain, zeros=1 - (1 - tensor.zeros) * real)


def _axes(access: Access, names: Collection[str]) -> tuple[Axis, ...]:
    axes = (tuple((name, stride) for name, stride in axis if name in names) for axis in access.index)
    return tuple(axis for axis in axes if axis)


def span(axis: Axis, tile: Mapping[str, Any]) -> Any:
    """Distinct positions that a tile touches along one axis; numbers or numpy arrays.

    One dimension touches its own extent. Two (a sliding window p x stride + r x dilation) touch
    ``p r - max(p - b, 0) max(r - a, 0)`` with a : b the ratio of stride and dilation in lowest terms: every pair (p, r)
    counts unless (p - b, r + a), the same position, was there before it. With three or more it is an upper bound.
    """
    if len(axis) == 1:
        return tile[axis[0][0]]
    if len(axis) == 2:
        (slow, stride), (fast, dilation) = axis
        common = math.gcd(stride, dilation)
        again = np.maximum(tile[slow] - dilation // common, 0) * np.maximum(tile[fast] - stride // common, 0)
        return tile[slow] * tile[fast] - again
    reach = 1 + sum(stride * (tile[name] - 1) for name, stride in axis)
    touched = 1
    for name, _ in axis:
        touched = touched * tile[name]
    return np.minimum(reach, touched)


def volume(operand: NestOperand, tile: Mapping[str, Any]) -> Any:
    """Elements of an operand that a tile touches; ``tile`` maps every dimension to an extent (number or array)."""
    result: Any = 1
    for axis in operand.axes:
        result = result * span(axis, tile)
    return result


def tile_bytes(operand: NestOperand, tile: Mapping[str, Any]) -> Any:
    """Bytes of one operand's tile (whole bytes are not forced: 4-bit elements pack)."""
    return volume(operand, tile) * operand.bits / 8


@dataclass(frozen=True, slots=True)
class Gemm:
    """A nest seen as matrix multiplications: ``batch`` independent products of (m x k) by (k x n)."""

    batch: tuple[str, ...]
    m: tuple[str, ...]
    n: tuple[str, ...]
    k: tuple[str, ...]


@lru_cache(maxsize=4096)
def gemm_of(nest: Nest) -> Gemm:
    """Sort the dimensions by the operands they move: m (input, output), n (weight, output), k (input, weight).

    A dimension that moves all three, or only one, is a batch dimension. A convolution comes out as its im2col product.
    """
    groups: dict[str, list[str]] = {"batch": [], "m": [], "n": [], "k": []}
    moved = [operand.dims() for operand in nest.operands]
    kinds = {(True, False, True): "m", (False, True, True): "n", (True, True, False): "k"}
    for dim in nest.dims:
        groups[kinds.get((dim in moved[0], dim in moved[1], dim in moved[2]), "batch")].append(dim)
    return Gemm(*(tuple(groups[name]) for name in ("batch", "m", "n", "k")))


def product(dims: Sequence[str], tile: Mapping[str, Any]) -> Any:
    """Product of the tile's extents over some dimensions (1 if there are none)."""
    result: Any = 1
    for dim in dims:
        result = result * tile[dim]
    return result
