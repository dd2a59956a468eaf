"""What one attention layer consists of: two matrix products with a softmax between them.

Grouped heads are never expanded: query head ``h = g * R + r`` belongs to key/value head ``g``, and the loops run over
``g`` and ``r`` separately, so that each key and value row is an operand of all ``R`` heads of its group.

Conventions:
    * Only the pairs (query, key) that a causal mask or a window leaves are executed; the loops stay rectangular and
      ``active_points`` holds the exact number.
    * One query over a window of W keys (decoding) touches only the last ``min(T, W)`` keys, so there the loop shrinks.
    * Softmax costs per pair: one comparison (maximum), two additions (subtract it, sum up), one exponential and one
      multiplication by the reciprocal of the sum (Milakov and Gimelshein, arXiv:1805.02867, the "safe" softmax). The
      scale 1/sqrt(D) is folded into the query. An attention sink adds its weight as an operand, not as a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from workloads.composites import axes, composite, contraction
from workloads.errors import UserError
from workloads.graph import Access, Family, Loop, Op, Role, Tensor, elements, number
from workloads.lowering.reduction import SOFTMAX

SCORE_AXES = axes("b", "g", "r", "q", "t")


class AttentionError(UserError):
    """An attention layer that cannot exist, or that is asked to run in an unknown way."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one attention layer: ``groups`` key/value heads, each shared by ``heads_per_group`` query heads."""

    batch: int
    queries: int
    keys: int
    groups: int
    heads_per_group: int
    causal: bool
    window: int

    @property
    def visible_keys(self) -> int:
        """Keys that at least one query can see: all of them, or the window of a single query."""
        return min(self.keys, self.window) if self.window and self.queries == 1 else self.keys

    @property
    def active_pairs(self) -> int:
        """Executed (query, key) pairs of all batches and heads."""
        rows = self.batch * self.groups * self.heads_per_group
        return rows * attended_pairs(self.queries, self.keys, self.causal, self.window)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """One point per (query, key) pair of every head: b, g, r, q, t."""
        extents = (self.batch, self.groups, self.heads_per_group, self.queries, self.visible_keys)
        return tuple(Loop(name, extent) for name, extent in zip("bgrqt", extents, strict=True))

    def scores(self, op: Op, bits: int) -> Tensor:
        """The matrix between the two products, [b, g, r, q, t]; softmax overwrites it with the probabilities."""
        return Tensor(f"{op.name}.scores", tuple(loop.extent for loop in self.loops), Role.ACTIVATION, bits)


def attended_pairs(queries: int, keys: int, causal: bool, window: int = 0) -> int:
    """Pairs (query, key) of one head that the mask leaves, counted exactly.

    Args:
        queries: S new tokens, the last S of the keys when causal.
        keys: T tokens attended to at most.
        causal: query i sees keys 0 .. T - S + i.
        window: if positive, a query sees only the last ``window`` keys up to its own place (causal), or at most
            ``window`` keys (not causal).

    Source: sum over queries of min(window, T - S + i + 1); without a window S*T - S*(S - 1)/2.
    """
    limit = min(window, keys) if window else keys
    first = keys - queries + 1 if causal else limit
    growing = min(queries, max(limit - first, 0))
    return growing * first + growing * (growing - 1) // 2 + (queries - growing) * limit


def size_param(op: Op, key: str, default: int | None = None) -> int:
    """A parameter of a bound composite that must be a number.

    Raises:
        AttentionError: it is missing or a text.
    """
    value = dict(op.params).get(key, default)
    if value is None or isinstance(value, str):
        raise AttentionError(f"operator {op.name} ({op.kind}): parameter {key} is {value!r}, expected a number")
    return number(value)


def attention_shape(op: Op, kv_heads: int) -> Shape:
    """The sizes that an attention node carries as parameters.

    Raises:
        AttentionError: heads that do not divide into groups, or more causal queries than keys.
    """
    heads, queries, keys = size_param(op, "heads"), size_param(op, "queries"), size_param(op, "keys")
    causal = op.param("causal", "causal") == "causal"
    if heads % kv_heads:
        raise AttentionError(f"operator {op.name}: {heads} heads are not a multiple of {kv_heads} key/value heads")
    if causal and queries > keys:
        raise AttentionError(f"operator {op.name}: {queries} causal queries need at least as many keys, got {keys}")
    window = size_param(op, "window", 0)
    return Shape(size_param(op, "batch"), queries, keys, kv_heads, heads // kv_heads, causal, window)


def scores_part(op: Op, shape: Shape, query: Access, key: Access, *, width: int, suffix: str = "scores") -> Op:
    """Query times key over a head dimension of ``width`` elements (loop d)."""
    target = Access(f"{op.name}.scores", SCORE_AXES)
    loops = (*shape.loops, Loop("d", width))
    addend = (target,) if suffix == "scores" and op.kind != "attention" else ()
    return contraction(f"{op.name}.{suffix}", loops, (query, key, *addend), target, shape.active_pairs * width)


def softmax_part(op: Op, shape: Shape, extra: tuple[Access, ...] = (), *, has_bias: bool = False) -> Op:
    """Softmax over the keys, in place; ``extra`` are the sinks and the bias."""
    target = Access(f"{op.name}.scores", SCORE_AXES)
    arithmetic = (("add", 3), *SOFTMAX[1:]) if has_bias else SOFTMAX
    full = number(shape.batch * shape.groups * shape.heads_per_group * shape.queries * shape.visible_keys)
    return Op(
        f"{op.name}.softmax",
        "softmax",
        Family.REDUCTION,
        shape.loops,
        (target, *extra),
        (target,),
        arithmetic,
        active_points=None if shape.active_pairs == full else shape.active_pairs,
        passes=2,
    )


def values_part(op: Op, shape: Shape, value: Access, write: Access, *, width: int, suffix: str = "values") -> Op:
    """Probabilities times value rows of ``width`` elements (loop e)."""
    loops = (*shape.loops[:4], Loop("e", width), shape.loops[4])
    reads = (Access(f"{op.name}.scores", SCORE_AXES), value)
    return contraction(f"{op.name}.{suffix}", loops, reads, write, shape.active_pairs * width)


@composite("attention")
def expand_attention(op: Op, tensors: Mapping[str, Tensor]) -> Op:
    """Scores, softmax, values of one bound attention node.

    Reads q [B,S,H,D], k [B,T,G,D], v [B,T,G,Dv], then optionally sinks [H] and a bias over [B or 1,H,S,T].

    Raises:
        AttentionError: heads that do not divide into groups, or more causal queries than keys.
    """
    shape = attention_shape(op, size_param(op, "kv_heads"))
    query, key, value = (access.tensor for access in op.reads[:3])
    has_bias = op.param("bias", "none") != "none"
    extra = tuple(_softmax_operand(shape, tensors[access.tensor]) for access in op.reads[3:])
    query_access, key_access = Access(query, axes("b", "q", "g", "r", "d")), Access(key, axes("b", "t", "g", "d"))
    value_access = Access(value, axes("b", "t", "g", "e"))
    write = Access(op.writes[0].tensor, axes("b", "q", "g", "r", "e"))
    parts = (
        scores_part(op, shape, query_access, key_access, width=size_param(op, "head_dim")),
        softmax_part(op, shape, extra, has_bias=has_bias),
        values_part(op, shape, value_access, write, width=size_param(op, "value_dim")),
    )
    return replace(op, parts=parts, internal=(shape.scores(op, tensors[write.tensor].bits),))


def _softmax_operand(shape: Shape, tensor: Tensor) -> Access:
    """Access to sinks [H], or to a bias or mask over queries and keys that may also vary with head and batch."""
    heads, size = shape.groups * shape.heads_per_group, elements(tensor)
    if size == heads:
        return Access(tensor.name, axes("g", "r"))
    plane = shape.queries * shape.visible_keys
    if size >= shape.batch * heads * plane:
        return Access(tensor.name, axes("b", "g", "r", "q", "t"))
    if size >= heads * plane:
        return Access(tensor.name, axes("g", "r", "q", "t"))
    return Access(tensor.name, axes("b", "q", "t") if size >= shape.batch * plane else axes("q", "t"))
