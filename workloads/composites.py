"""Composite operators and their expansion: attention and mixture-of-experts stay one node until the graph is bound.

Each kind registers one function that turns the bound node into ordinary loop nests plus the tensors that live only
between them. A kind without an entry here is an ordinary operator and passes through unchanged.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from workloads.graph import Access, Affine, Family, Loop, Op, OperatorGraph, Tensor

Expansion = Callable[[Op, Mapping[str, Tensor]], Op]

_EXPANSIONS: dict[str, Expansion] = {}
_MODULES = ("workloads.attention", "workloads.latent_attention", "workloads.experts")


def composite(kind: str) -> Callable[[Expansion], Expansion]:
    """Register the expansion of one kind of composite operator."""

    def register(function: Expansion) -> Expansion:
        _EXPANSIONS[kind] = function
        return function

    return register


def expand(op: Op, tensors: Mapping[str, Tensor]) -> Op:
    """The operator with its parts filled in, if it is a composite."""
    _register_all()
    expansion = _EXPANSIONS.get(op.kind)
    return op if expansion is None else expansion(op, tensors)


@functools.cache
def _register_all() -> None:
    for module in _MODULES:
        importlib.import_module(module)


def with_param(graph: OperatorGraph, kind: str, key: str, value: str) -> OperatorGraph:
    """The graph with one parameter set on every operator of a kind."""

    def set_one(op: Op) -> Op:
        if op.kind != kind:
            return op
        return replace(op, params=tuple(sorted({**dict(op.params), key: value}.items())))

    segments = tuple(replace(segment, ops=tuple(map(set_one, segment.ops))) for segment in graph.segments)
    return replace(graph, segments=segments)


def axes(*names: str) -> tuple[Affine, ...]:
    """One index per axis, each a single loop with stride 1; an empty name is a broadcast axis."""
    return tuple(((name, 1),) if name else () for name in names)


def nest(**extents: int) -> tuple[Loop, ...]:
    """Loops in the order given, outermost first."""
    return tuple(Loop(name, extent) for name, extent in extents.items())


def contraction(
    name: str, loops: tuple[Loop, ...], reads: tuple[Access, ...], write: Access, active: int | None = None
) -> Op:
    """A matrix product as a part of a composite; reads are (input, weight, addends), ``active`` the executed points."""
    full = math.prod(int(str(loop.extent)) for loop in loops)
    executed = None if active == full else active
    return Op(name, "matmul", Family.CONTRACTION, loops, reads, (write,), (("mac", 1),), active_points=executed)
