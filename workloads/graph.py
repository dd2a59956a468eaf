"""The operator graph: tensors, operators as affine loop nests, and blocks that repeat.

All nouns are immutable. A graph is *symbolic* as traced (sizes are expressions over B, S, T, ...) and *bound* once
``workloads.bind`` has replaced every symbol by a number and expanded the composite operators (attention, experts) into
parts.

Conventions:
    * A contraction reads (input, weight) in this order, then optional addends such as a bias; it writes one output.
    * An access holds one affine expression per axis *as the operator sees the tensor*; views have been folded away, so
      the axes need not be those of the tensor's own shape. A broadcast axis has no terms.
    * Loop extents multiply to the innermost points; ``arithmetic`` counts operations of each class per point.
      ``active_points`` replaces that product where a mask leaves part of the points out (causal attention).
    * A segment is a run of operators executed ``count`` times in a row; every repetition has weights and state of its
      own, except tensors marked ``shared``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workloads.errors import UserError
from workloads.symbols import Size, symbols_of


class Role(StrEnum):
    """What a tensor is to the network; precision and residency are chosen by role."""

    WEIGHT = "weight"
    ACTIVATION = "activation"
    INPUT = "input"
    OUTPUT = "output"
    STATE = "state"


class Family(StrEnum):
    """The six shapes of work; every kind of operator belongs to one."""

    CONTRACTION = "contraction"
    POINTWISE = "pointwise"
    REDUCTION = "reduction"
    GATHER = "gather"
    SCAN = "scan"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array.

    Attributes:
        bits: per element.
        shared: all repetitions of a segment use the same one.
        zeros: fraction of its elements that are zero, 0 to 1; a fact about the data, which no shape can tell.
    """

    name: str
    shape: tuple[Size, ...]
    role: Role
    bits: int = 16
    shared: bool = False
    zeros: float = 0.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A named loop and its trip count."""

    name: str
    extent: Size


Affine = tuple[tuple[str, int], ...]
"""Sum of loop x stride; ``()`` is a constant index (a broadcast)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which elements of a tensor an innermost point touches: one affine index per axis."""

    tensor: str
    index: tuple[Affine, ...]

    def loops(self) -> frozenset[str]:
        """Names of the loops that move this access."""
        return frozenset(name for axis in self.index for name, _ in axis)


@dataclass(frozen=True, slots=True)
class Op:
    """One operator.

    Attributes:
        name: unique within the graph.
        kind: what it is ("linear", "conv2d", "softmax", "attention", "experts", "kv_append", ...).
        loops: the full loop nest, outermost first.
        arithmetic: (class, count) per innermost point; classes: mac, add, mul, div, exp, sqrt, tanh, compare.
        params: further facts a unit or an expansion may need, as sorted (key, value) pairs.
        source: module path and ATen name, for messages.
        active_points: innermost points that are really executed where a mask leaves some out, else None.
        passes: how often a reduction must walk over its input when it does not fit on chip (softmax 2, norm 2, sum 1).
        parts: for a bound composite, the operators it consists of, in order.
        internal: tensors that live only between the parts.
    """

    name: str
    kind: str
    family: Family
    loops: tuple[Loop, ...] = ()
    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()
    arithmetic: tuple[tuple[str, int], ...] = ()
    params: tuple[tuple[str, Size | str], ...] = ()
    source: str = ""
    active_points: Size | None = None
    passes: int = 1
    parts: tuple[Op, ...] = ()
    internal: tuple[Tensor, ...] = ()

    def param(self, key: str, default: Size | str | None = None) -> Size | str:
        """The value of one parameter.

        Raises:
            KeyError: no such parameter and no default.
        """
        for name, value in self.params:
            if name == key:
                return value
        if default is None:
            raise KeyError(f"operator {self.name} ({self.kind}) has no parameter {key!r}")
        return default


@dataclass(frozen=True, slots=True)
class Segment:
    """Operators executed ``count`` times in a row."""

    name: str
    ops: tuple[Op, ...]
    count: int = 1


@dataclass(frozen=True, slots=True)
class OperatorGraph:
    """A whole network in one phase.

    Attributes:
        model, phase: names for the report.
        tensors: every tensor by name; names are unique over the graph.
        segments: in execution order.
        parameters: trained parameters of the whole model, tied ones once.
        facts: further numbers or texts about the model (licence-free facts from its configuration), sorted pairs.
        unknown: (ATen name, module path, count) of operators that had no lowering and count as traffic only.
    """

    model: str
    phase: str
    tensors: tuple[Tensor, ...]
    segments: tuple[Segment, ...]
    parameters: int = 0
    facts: tuple[tuple[str, int | str], ...] = ()
    unknown: tuple[tuple[str, str, int], ...] = ()
    by_name: Mapping[str, Tensor] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {tensor.name: tensor for tensor in self.tensors})

    def walk(self) -> Iterator[tuple[Segment, Op]]:
        """Every operator once, with its segment."""
        for segment in self.segments:
            for op in segment.ops:
                yield segment, op

    def symbols(self) -> frozenset[str]:
        """Names of the symbols that still need a value."""
        sizes = [size for tensor in self.tensors for size in tensor.shape]
        for _, op in self.walk():
            sizes += [loop.extent for loop in op.loops]
            sizes += [value for _, value in op.params if not isinstance(value, str)]
            sizes += [op.active_points] if op.active_points is not None else []
        return frozenset().union(*(symbols_of(size) for size in sizes)) if sizes else frozenset()


class GraphError(UserError):
    """A graph that contradicts itself; the message names operator and tensor."""


def number(size: Size) -> int:
    """The value of a bound size.

    Raises:
        GraphError: the size still has free symbols.
    """
    if not isinstance(size, int):
        raise GraphError(f"size {size} is not bound; bind the graph first")
    return size


def elements(tensor: Tensor) -> int:
    """Number of elements of a bound tensor."""
    return math.prod(number(size) for size in tensor.shape)


def size_bytes(tensor: Tensor) -> int:
    """Bytes of a bound tensor, rounded up to whole bytes."""
    return -(-elements(tensor) * tensor.bits // 8)


def points(op: Op) -> int:
    """Innermost points executed by a bound operator: the product of its extents, or ``active_points``."""
    if op.active_points is not None:
        return number(op.active_points)
    return math.prod(number(loop.extent) for loop in op.loops)


def operations(op: Op) -> dict[str, int]:
    """Arithmetic operations by class, of a bound operator with all its parts."""
    totals: dict[str, int] = {}
    if op.parts:
        for part in op.parts:
            for name, count in operations(part).items():
                totals[name] = totals.get(name, 0) + count
        return totals
    executed = points(op)
    return {name: count * executed for name, count in op.arithmetic}


def macs(op: Op) -> int:
    """Multiply-accumulates of a bound operator with all its parts."""
    return operations(op).get("mac", 0)


def graph_macs(graph: OperatorGraph, kinds: Iterable[str] | None = None) -> int:
    """Multiply-accumulates of a bound graph with all repetitions, optionally of some kinds of operator only."""
    wanted = None if kinds is None else frozenset(kinds)
    return sum(s.count * macs(op) for s, op in graph.walk() if wanted is None or op.kind in wanted)


def tensor_repeats(graph: OperatorGraph) -> dict[str, int]:
    """How many copies of each tensor exist: the largest count of a segment that uses it, one if it is shared."""
    repeats: dict[str, int] = {}
    for segment, op in graph.walk():
        for access in (*op.reads, *op.writes):
            tensor = graph.by_name.get(access.tensor)
            if tensor is not None:
                count = 1 if tensor.shared else segment.count
                repeats[tensor.name] = max(repeats.get(tensor.name, 1), count)
    return repeats


def role_bytes(graph: OperatorGraph, role: Role) -> int:
    """Bytes of all tensors of one role in a bound graph, every repetition counted."""
    repeats = tensor_repeats(graph)
    return sum(repeats.get(t.name, 1) * size_bytes(t) for t in graph.tensors if t.role is role)


def check(graph: OperatorGraph) -> None:
    """Verify that a graph is well formed: names unique, reads after writes, loops known, extents positive.

    Raises:
        GraphError: with the operator and the tensor that break the rule.
    """
    if len(graph.by_name) != len(graph.tensors):
        raise GraphError(f"{graph.model}: two tensors have the same name")
    written = {t.name for t in graph.tensors if t.role not in (Role.ACTIVATION, Role.OUTPUT)}
    seen: set[str] = set()
    for _, op in graph.walk():
        if op.name in seen:
            raise GraphError(f"{graph.model}: two operators are named {op.name!r}")
        seen.add(op.name)
        _check_op(op, graph.by_name, written)
        written.update(access.tensor for access in op.writes)


def _check_op(op: Op, tensors: Mapping[str, Tensor], written: set[str]) -> None:
    _check_loops(op, tensors)
    for access in op.reads:
        if access.tensor not in written:
            raise GraphError(f"operator {op.name}: reads {access.tensor} before anything has written it")
    if op.parts:
        inner = {**tensors, **{tensor.name: tensor for tensor in op.internal}}
        known = set(written)
        for part in op.parts:
            _check_op(part, inner, known)
            known.update(access.tensor for access in part.writes)


def _check_loops(op: Op, tensors: Mapping[str, Tensor]) -> None:
    loops = {loop.name for loop in op.loops}
    if len(loops) != len(op.loops):
        raise GraphError(f"operator {op.name}: a loop name occurs twice")
    for loop in op.loops:
        if isinstance(loop.extent, int) and loop.extent < 1:
            raise GraphError(f"operator {op.name}: loop {loop.name} has extent {loop.extent}, expected at least 1")
    for access in (*op.reads, *op.writes):
        if access.tensor not in tensors:
            raise GraphError(f"operator {op.name}: unknown tensor {access.tensor!r}")
        if not access.loops() <= loops:
            missing = ", ".join(sorted(access.loops() - loops))
            raise GraphError(f"operator {op.name}: access to {access.tensor} uses unknown loops {missing}")
